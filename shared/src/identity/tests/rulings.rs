//! What stewards decide, and where former ids lead.

use super::*;

fn ruled(ruling: Ruling, at: i64) -> Override {
    let at = Timestamp::from_unix_seconds(at).unwrap();
    Override { ruling, author: "steward".into(), reason: "they called".into(), at }
}

fn link(keys: &[&str], at: i64) -> Override {
    ruled(Ruling::Link(keys.iter().map(|key| key.parse().unwrap()).collect()), at)
}

fn never(groups: &[&[&str]], at: i64) -> Override {
    let group = |keys: &&[&str]| keys.iter().map(|key| key.parse().unwrap()).collect();
    ruled(Ruling::NeverLink(groups.iter().map(group).collect()), at)
}

fn with(evidence: &[Evidence], overrides: &[Override]) -> Partition {
    solve(evidence, overrides, &SolveConfig::default())
}

#[test]
fn a_link_joins_what_no_evidence_does_even_two_ids_of_one_connection() {
    let contact =
        |id: &str| said(&format!("hubspot/crm/contact/{id}"), "", &[(Namespace::CrmContact, id)]);
    let all = [contact("1"), contact("2"), said("square/till/customer/3", "Tom", &[])];
    let keys = ["square/till/customer/3", "hubspot/crm/contact/1", "hubspot/crm/contact/2"];
    let partition = with(&all, &[link(&keys, 1)]);
    assert_eq!(partition.people.len(), 1);
    assert_eq!(partition.people[0].confidence(), 100);
    assert_eq!(
        with(&all, &[link(&["hubspot/crm/contact/1", "no/such/record/1"], 1)]),
        with(&all, &[])
    );
}

#[test]
fn a_merge_is_undone_by_taking_its_evidence_away_or_by_a_ruling() {
    let mail = (Email, "ann@mail.example");
    let [a, b] = ["a/b/c/1", "d/e/f/2"].map(|key| said(key, "Ann Holm", &[mail]));
    let apart = solved(&[a.clone(), said("d/e/f/2", "Ann Holm", &[])]);
    let merged = solved(&[a.clone(), b.clone()]);
    assert_eq!((apart.people.len(), merged.people.len()), (2, 1));
    // Before, after and again: the same ids, as if nothing had happened.
    let split = with(&[a.clone(), b.clone()], &[never(&[&["a/b/c/1"], &["d/e/f/2"]], 5)]);
    assert_eq!(people(&split), people(&apart));
    assert_eq!(split.people[1].person_id, apart.people[1].person_id);
    assert_eq!(reasons(&split), [Reason::NeverLink]);
}

#[test]
fn a_separation_holds_through_third_records() {
    let mails = [(Email, "ann@mail.example"), (Email, "ann@work.example")];
    let all = [
        said("a/b/c/1", "Ann Holm", &mails[..1]),
        said("d/e/f/2", "Ann Holm", &mails),
        said("g/h/i/3", "Ann Holm", &mails[1..]),
    ];
    assert_eq!(solved(&all).people.len(), 1);
    let partition = with(&all, &[never(&[&["a/b/c/1"], &["g/h/i/3"]], 5)]);
    assert_eq!(partition.people.len(), 2);
    assert_eq!(reasons(&partition), [Reason::NeverLink]);
}

#[test]
fn the_later_ruling_holds_and_at_one_time_the_separation() {
    let all = ["a/b/c/1", "d/e/f/2"].map(|key| said(key, "", &[]));
    let [link, apart] = [link(&["a/b/c/1", "d/e/f/2"], 5), never(&[&["a/b/c/1"], &["d/e/f/2"]], 5)];
    let later = Override { at: Timestamp::from_unix_seconds(6).unwrap(), ..link.clone() };
    assert_eq!(with(&all, &[link, apart.clone()]).people.len(), 2);
    assert_eq!(with(&all, &[later.clone(), apart.clone()]).people.len(), 1);
    assert_eq!(with(&all, &[apart, later]).people.len(), 1);
}

#[test]
fn a_former_id_leads_to_the_person_who_holds_its_record() {
    let mail = (Email, "ann@mail.example");
    let [a, b] = ["a/b/c/1", "d/e/f/2"].map(|key| said(key, "Ann Holm", &[mail]));
    let before = solved(&[a.clone(), said("d/e/f/2", "Ann Holm", &[])]);
    let after = solved(&[a, b]);
    let former = person_id_of(&"d/e/f/2".parse().unwrap());
    assert_eq!(aliases(&before, &after), [(former, after.people[0].person_id)].into());
    assert!(aliases(&after, &before).is_empty());
    assert!(aliases(&before, &Partition::default()).is_empty());
}

#[test]
fn ids_of_people_never_change() {
    let id = person_id_of(&"zendesk/eu/user/20978392".parse().unwrap());
    assert_eq!(id.to_string(), "2ee2636f-8118-503e-96f5-f7f7ffe93fc9");
}

#[test]
fn keys_of_two_secrets_are_never_equal() {
    let secret = Pseudonyms::new("secret".into());
    let [first, second] = [1, 2].map(|number| IdentityKey::new(number, secret.clone()));
    let key = first.of(Email, "ann@mail.example").unwrap();
    assert_ne!(second.of(Email, "ann@mail.example").unwrap(), key);
    let text = key.to_string();
    assert!(text.starts_with("email:1:"));
    assert_eq!(text.parse(), Ok(key));
    for wrong in ["email:1", "email:x:00", "email:01:00", "e:1:"] {
        assert_eq!(wrong.parse::<IdentifierKey>(), Err(IdentifierKeyError));
    }
}
