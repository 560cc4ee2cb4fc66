//! What survives of what the records of a person say.

use super::*;
use crate::schema::{Channel, Consent, ConsentState, ContactPoint, Known, PartialDate, Purpose};

#[test]
fn a_null_erases_nothing_and_losers_are_kept() {
    let [mut old, mut new] = [person("Ann Holm", &[]), person("", &[])];
    old.birth_date = Known::Value(PartialDate::Year(1980));
    old.time_zone = "Europe/Berlin".into();
    new.birth_date = Known::Null;
    new.time_zone = "  ".into();
    new.name.full = Known::Null;
    let [at_1, at_2] = [provenance("a/b/c/1", 1), provenance("d/e/f/2", 2)];
    let members =
        [Member { provenance: &at_1, record: &old }, Member { provenance: &at_2, record: &new }];
    let known = survivors(&members, &Ranks::default());
    assert_eq!(known.birth_date.value(), Some(&PartialDate::Year(1980)));
    assert!(known.birth_date.null);
    assert_eq!(known.time_zone.value().map(String::as_str), Some("Europe/Berlin"));
    assert_eq!(known.name.value(), Some(&old.name));
    assert_eq!(known.language.value(), None);

    new.birth_date = Known::Value(PartialDate::Year(1981));
    let members =
        [Member { provenance: &at_1, record: &old }, Member { provenance: &at_2, record: &new }];
    let known = survivors(&members, &Ranks::default());
    assert_eq!(known.birth_date.value(), Some(&PartialDate::Year(1981)));
    assert_eq!(known.birth_date.claims[1].record_key.as_str(), "a/b/c/1");
    // A more trusted source holds against a newer one, a verified one against both.
    let fields = [("birth_date".into(), vec!["b".into()])].into();
    let ranks = Ranks { fields, ..Ranks::default() };
    assert_eq!(survivors(&members, &ranks).birth_date.value(), Some(&PartialDate::Year(1980)));
    let mut sure = new.clone();
    sure.identifiers =
        vec![Identifier::new(Email, "a@mail.example").verified(Timestamp::UNIX_EPOCH)];
    let members =
        [Member { provenance: &at_1, record: &old }, Member { provenance: &at_2, record: &sure }];
    assert_eq!(survivors(&members, &ranks).birth_date.value(), Some(&PartialDate::Year(1981)));
}

#[test]
fn contact_points_identifiers_and_tags_are_gathered() {
    let mut one = person("Ann", &[(Email, "ann@mail.example"), (Namespace::CrmContact, "1")]);
    one.contact_points = vec![ContactPoint::email("Ann@Mail.example")];
    one.tags = vec!["vip".into(), "vip".into()];
    let mut other = one.clone();
    other.contact_points.push(ContactPoint::email("ann@work.example"));
    let sources = [provenance("a/b/c/1", 1), provenance("a/other/c/2", 2)];
    let members = [
        Member { provenance: &sources[0], record: &one },
        Member { provenance: &sources[1], record: &other },
    ];
    let known = survivors(&members, &Ranks::default());
    let turned = survivors(&[members[1], members[0], members[1]], &Ranks::default());
    assert_eq!(known, turned);
    assert_eq!(known.identifiers.len(), 3);
    assert_eq!(known.contact_points.len(), 2);
    assert_eq!(known.contact_points[0].records.len(), 2);
    assert_eq!(known.tags.len(), 1);
    assert_eq!(known.tags[0].records.len(), 2);
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds).unwrap()
}

#[test]
fn where_records_disagree_the_restrictive_state_holds() {
    let said = |record: &str, state, when| {
        let mut row = provenance(&format!("a/b/consent/{record}{when}"), when);
        row.subject_key = Some(format!("a/b/c/{record}").parse().unwrap());
        let mut consent = Consent::new(Channel::Email, Purpose::Marketing, state, at(when));
        consent.contact_point = Some("ann@mail.example".into());
        (row, consent)
    };
    let rows = [
        said("1", ConsentState::OptOut, 1),
        said("1", ConsentState::OptIn, 5),
        said("2", ConsentState::OptIn, 9),
    ];
    let key = ConsentKey {
        contact_point: Some("ann@mail.example".into()),
        channel: Channel::Email,
        purpose: Purpose::Marketing,
    };
    let fold = |rows: &[(Provenance, Consent)]| {
        consents(rows.iter().map(|(provenance, consent)| (provenance, consent)), at(100))
    };
    // Within one record the later decision holds,
    assert_eq!(effective(&fold(&rows), &key), ConsentState::OptIn);
    // between records the restrictive one, however old,
    let mut more = rows.to_vec();
    more.push(said("3", ConsentState::OptOut, 0));
    let decided = fold(&more);
    assert_eq!(effective(&decided, &key), ConsentState::OptOut);
    assert!(decided[&key].is_conflict());
    more.reverse();
    assert_eq!(fold(&more), decided);
    // an expired one says nothing,
    let mut expired = rows.to_vec();
    for row in &mut expired {
        row.1.expires_at = Some(at(50));
    }
    assert_eq!(effective(&fold(&expired), &key), ConsentState::Unknown);
    // and a decision about the person reaches the contact point.
    let mut whole = rows.to_vec();
    whole.push(said("4", ConsentState::OptOut, 3));
    whole[3].1.contact_point = None;
    assert_eq!(effective(&fold(&whole), &key), ConsentState::OptOut);
}
