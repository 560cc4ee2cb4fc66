//! The situations that the rules were made for.

use super::*;
use crate::schema::PartyType;

#[test]
fn an_address_joins_a_person_across_systems() {
    let partition = solved(&[
        said("zendesk/desk/user/3", "Ann Holm", &[(Email, "ann@mail.example")]),
        said("hubspot/crm/contact/1", "ann holm", &[(Email, "ann@mail.example")]),
        said("square/till/customer/2", "", &[(Email, "ann@mail.example")]),
        said("square/till/customer/9", "Bea Quist", &[(Email, "bea@mail.example")]),
    ]);
    assert_eq!(
        people(&partition),
        [
            vec!["hubspot/crm/contact/1", "square/till/customer/2", "zendesk/desk/user/3"],
            vec!["square/till/customer/9"],
        ]
    );
    let ann = &partition.people[0];
    assert_eq!(ann.anchor.as_str(), "hubspot/crm/contact/1");
    assert_eq!(ann.person_id, person_id_of(&ann.anchor));
    assert_eq!(ann.confidence(), 85);
    assert_eq!(partition.people[1].confidence(), 100);
}

#[test]
fn the_phone_of_a_kiosk_recognises_nobody() {
    let kiosk = "+442079460999";
    let all: Vec<Evidence> = (0..13)
        .map(|n| said(&format!("square/till/customer/{n}"), "Ann Holm", &[(Phone, kiosk)]))
        .collect();
    let partition = solved(&all);
    assert_eq!((partition.people.len(), partition.shared.len()), (13, 1));
    assert!(partition.candidates.is_empty() && partition.households.is_empty());

    // Three customers of one till are three people, whatever else they share.
    let ids: Vec<String> = (0..3).map(|n| format!("c{n}")).collect();
    let customer = |n: usize| {
        let ids = [(Phone, kiosk), (Namespace::PosCustomer, ids[n].as_str())];
        said(&format!("square/till/customer/{n}"), "Ann Holm", &ids)
    };
    let partition = solved(&[customer(0), customer(1), customer(2)]);
    assert_eq!((partition.people.len(), partition.shared.len()), (3, 1));
    // Crossing the line back joins again what is not exclusive.
    let partition = solved(&[customer(0), said("a/b/c/7", "Ann Holm", &[(Phone, kiosk)])]);
    assert_eq!((partition.people.len(), partition.shared.len()), (1, 0));
}

fn family(names: &[&str]) -> Vec<Evidence> {
    let mailbox = (Email, "family.holm@mail.example");
    let records = names.iter().flat_map(|name| {
        ["hubspot/crm/contact", "zendesk/desk/user"]
            .map(|object| said(&format!("{object}/{name}"), &format!("{name} Holm"), &[mailbox]))
    });
    records.collect()
}

#[test]
fn a_mailbox_of_two_keeps_each_owners_records_together() {
    let partition = solved(&family(&["Ann", "Tom"]));
    assert_eq!(
        people(&partition),
        [
            ["hubspot/crm/contact/Ann", "zendesk/desk/user/Ann"],
            ["hubspot/crm/contact/Tom", "zendesk/desk/user/Tom"],
        ]
    );
    assert_eq!(reasons(&partition), [Reason::NamesDisagree; 4]);
    assert_eq!(partition.households.len(), 1);
    assert_eq!(partition.households[0].people.len(), 2);
}

#[test]
fn a_mailbox_of_four_is_a_household_and_no_person() {
    let partition = solved(&family(&["Ann", "Tom", "Bea", "Kim"]));
    assert_eq!(partition.people.len(), 4);
    assert_eq!(partition.households[0].people.len(), 4);
    // With an id of one system each, they are provably more than two.
    let mailbox = (Email, "family.holm@mail.example");
    let all = ["Ann", "Tom", "Bea", "Kim"].map(|name| {
        let ids = [mailbox, (Namespace::CrmContact, name)];
        said(&format!("hubspot/crm/contact/{name}"), &format!("{name} Holm"), &ids)
    });
    let partition = solved(&all);
    assert_eq!((partition.people.len(), partition.shared.len()), (4, 1));
    assert_eq!(partition.households[0].people.len(), 4);
}

#[test]
fn nameless_records_do_not_go_to_whoever_comes_first() {
    let mut all = family(&["Ann", "Tom"]);
    all.push(said("square/till/customer/1", "", &[(Email, "family.holm@mail.example")]));
    let partition = solved(&all);
    assert_eq!(partition.people.len(), 3);
    assert!(reasons(&partition).contains(&Reason::NamesUnknown));
}

#[test]
fn a_nameless_record_is_no_bridge_between_two_people() {
    let partition = solved(&[
        said("hubspot/crm/contact/1", "Ann Holm", &[(Email, "a@mail.example")]),
        said("square/till/customer/2", "", &[(Email, "a@mail.example"), (Email, "b@mail.example")]),
        said("zendesk/desk/user/3", "Bea Quist", &[(Email, "b@mail.example")]),
    ]);
    assert_eq!(partition.people.len(), 2);
    assert_eq!(reasons(&partition), [Reason::NamesDisagree]);
}

#[test]
fn a_wrong_address_corrected_takes_the_person_apart_again() {
    let bea = said("hubspot/crm/contact/1", "Bea Quist", &[(Email, "bea@mail.example")]);
    let wrong = said("zendesk/desk/user/2", "B. Quist", &[(Email, "bea@mail.example")]);
    let mut right = said("zendesk/desk/user/2", "B. Quist", &[(Email, "ben@mail.example")]);
    right.version.source_version += 1;
    assert_eq!(solved(&[bea.clone(), wrong.clone()]).people.len(), 1);
    let corrected = solved(&[bea.clone(), right.clone()]);
    assert_eq!(corrected.people.len(), 2);
    // The stale version may come again, and late.
    assert_eq!(solved(&[right, wrong, bea]), corrected);
}

/// A contact of a CRM connection with one address and one number.
fn contact(connection: &str, id: &str, name: &str, email: &str, phone: &str) -> Evidence {
    let ids = [(Namespace::CrmContact, id), (Email, email), (Phone, phone)];
    let ids: Vec<_> = ids.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    said(&format!("hubspot/{connection}/contact/{id}"), name, &ids)
}

const PHONE: &str = "+442079460101";
const OTHER_PHONE: &str = "+442079460102";

#[test]
fn namesakes_with_a_mailbox_and_numbers_of_their_own_are_two_people() {
    let mailbox = "family.holm@mail.example";
    let one = contact("crm", "1", "Ann Holm", mailbox, PHONE);
    let partition = solved(&[one.clone(), contact("crm", "2", "Ann Holm", mailbox, OTHER_PHONE)]);
    assert_eq!(partition.people.len(), 2);
    assert_eq!(reasons(&partition), [Reason::Exclusive]);
    // In two systems the same are one person with two numbers.
    let partition = solved(&[one, contact("other", "2", "Ann Holm", mailbox, OTHER_PHONE)]);
    assert_eq!(partition.people.len(), 1);
}

#[test]
fn a_source_may_know_somebody_twice() {
    let home = contact("crm", "1", "Ann Holm", "ann@mail.example", PHONE);
    let work = contact("crm", "2", "Ann Holm", "ann@shop.example", PHONE);
    let partition = solved(&[home.clone(), work.clone()]);
    assert_eq!((partition.people.len(), partition.candidates.len()), (1, 0));
    let strict = SolveConfig { most_ids: 1, ..SolveConfig::default() };
    let partition = solve(&[home.clone(), work.clone()], &[], &strict);
    assert_eq!((partition.people.len(), reasons(&partition)), (2, vec![Reason::Exclusive]));
    // Who says less of a name, or another one, may be somebody else of the house.
    for name in ["A. Holm", "Holm", "", "Tom Holm"] {
        let other = contact("crm", "2", name, "ann@shop.example", PHONE);
        assert_eq!(solved(&[home.clone(), other]).people.len(), 2, "{name}");
    }
}

#[test]
fn nobody_is_known_three_times_by_one_source() {
    let said = |id: &str| contact("crm", id, "Ann Holm", &format!("ann{id}@mail.example"), "");
    let till = ["1", "2", "3"].map(|id| (Email, format!("ann{id}@mail.example")));
    let till: Vec<_> = till.iter().map(|(namespace, value)| (*namespace, value.as_str())).collect();
    let bridge = super::said("square/till/customer/9", "Ann Holm", &till);
    let partition = solved(&[said("1"), said("2"), said("3"), bridge]);
    assert_eq!(partition.people.iter().map(|person| person.records.len()).max(), Some(3));
    assert_eq!((partition.people.len(), reasons(&partition)), (2, vec![Reason::Exclusive]));
}

#[test]
fn blocked_values_join_nobody() {
    for value in ["test@test.com", "info@shop.example", "noreply@shop.example"] {
        let all = [1, 2].map(|n| said(&format!("a/b/c/{n}"), "Ann Holm", &[(Email, value)]));
        assert!(all[0].clues.is_empty());
        assert_eq!(solved(&all).people.len(), 2);
    }
}

#[test]
fn a_phone_needs_an_agreeing_name() {
    let phone = (Phone, "+442079460123");
    let with =
        |name| solved(&[said("a/b/c/1", "Ann Holm", &[phone]), said("d/e/f/2", name, &[phone])]);
    assert_eq!(with("Holm, Ann").people.len(), 1);
    assert_eq!(with("Ann Hlom").people.len(), 1);
    assert_eq!(reasons(&with("")), [Reason::NamesUnknown]);
    assert_eq!(with("Ann").people.len(), 1);
    assert_eq!(reasons(&with("Holm")), [Reason::NamesUnknown]);
    assert_eq!(reasons(&with("Ann Quist")), [Reason::NamesUnknown]);
    assert_eq!(reasons(&with("Tom Holm")), [Reason::NamesDisagree]);
}

#[test]
fn folded_addresses_are_weak() {
    let ann = said("a/b/c/1", "Ann Holm", &[(Email, "a.nn@gmail.com")]);
    let tagged = said("d/e/f/2", "Ann Holm", &[(Email, "ann+shop@googlemail.com")]);
    let nameless = said("d/e/f/3", "", &[(Email, "ann+shop@googlemail.com")]);
    assert_eq!(solved(&[ann.clone(), tagged]).people.len(), 1);
    assert_eq!(solved(&[ann, nameless]).people.len(), 2);
}

#[test]
fn external_ids_join_only_where_the_settings_say_what_they_are() {
    let crm = IdSpace::Connection { space: "crm".into(), namespace: Namespace::CrmContact };
    let config = IdentityConfig { external: [("desk".into(), crm)].into(), ..Default::default() };
    let solved_with = |config: &IdentityConfig| {
        solved(&[
            said_with(
                config,
                "hubspot/crm/contact/17",
                "Ann Holm",
                &[(Namespace::CrmContact, "17")],
            ),
            said_with(config, "zendesk/desk/user/2", "A. H.", &[(External, "17")]),
            said_with(config, "square/till/customer/3", "Tom", &[(External, "17")]),
        ])
    };
    assert_eq!(solved_with(&IdentityConfig::default()).people.len(), 3);
    let partition = solved_with(&config);
    assert_eq!(partition.people.len(), 2);
    assert_eq!(partition.people[0].weakest.unwrap().tier, 1);
}

#[test]
fn a_deleted_record_leaves_its_person_and_an_organisation_stands_alone() {
    let ann = said("a/b/c/1", "Ann Holm", &[(Email, "ann@mail.example")]);
    let other = said("d/e/f/2", "Ann Holm", &[(Email, "ann@mail.example")]);
    let before = solved(&[ann.clone(), other.clone()]);
    let gone = Provenance { deleted: true, ..provenance("a/b/c/1", 9) };
    let record = person("Ann Holm", &[(Email, "ann@mail.example")]);
    let gone = evidence_of(&gone, &record, &IdentityConfig::default(), &key()).unwrap();
    assert!(gone.clues.is_empty() && gone.name.is_empty());
    let after = solved(&[ann.clone(), other.clone(), gone]);
    assert_eq!(people(&after), [["d/e/f/2"]]);
    assert_eq!(aliases(&before, &after)[&before.people[0].person_id], after.people[0].person_id);

    let firm = PersonRecord { party_type: PartyType::Organisation, ..record };
    let firm =
        evidence_of(&provenance("d/e/f/3", 9), &firm, &IdentityConfig::default(), &key()).unwrap();
    assert_eq!(solved(&[ann, other, firm]).people.len(), 2);
}

#[test]
fn a_person_has_few_addresses() {
    let all: Vec<Evidence> = (0..6)
        .map(|n| {
            let [own, next] = [n, n + 1].map(|n| format!("ann{n}@mail.example"));
            said(&format!("a/b/c/{n}"), "Ann Holm", &[(Email, &own), (Email, &next)])
        })
        .collect();
    let partition = solved(&all);
    assert_eq!(partition.people.len(), 2);
    assert_eq!(reasons(&partition), [Reason::TooManyEmails]);
}

#[test]
fn an_overflowing_blob_gives_up_its_busiest_identifiers() {
    let all: Vec<Evidence> = (0..40)
        .map(|n| {
            let [one, other] = [n / 10, 4 + n % 10].map(|n| format!("+4420794601{n:02}"));
            said(&format!("a/b/c/{n}"), "Ann Holm", &[(Phone, &one), (Phone, &other)])
        })
        .collect();
    let config = SolveConfig { most_edges: 100, most_phones: 50, ..SolveConfig::default() };
    assert_eq!(
        solve(&all, &[], &SolveConfig { most_edges: 1_000, ..config.clone() }).people.len(),
        1
    );
    let partition = solve(&all, &[], &config);
    assert_eq!(partition.overflowed.len(), 4);
    assert_eq!(partition.people.len(), 10);
    assert_eq!(partition.shared, partition.overflowed);
    let mut turned = all;
    turned.reverse();
    assert_eq!(solve(&turned, &[], &config), partition);
}

#[test]
fn the_settings_and_the_evidence_survive_storage() {
    let evidence =
        said("a/b/c/1", "Ann Holm", &[(Email, "ann@mail.example"), (Phone, "+442079460123")]);
    let json = serde_json::to_string(&evidence).unwrap();
    assert!(json.len() < 600, "{json}");
    assert!(!json.contains("ann@mail.example"));
    assert_eq!(serde_json::from_str::<Evidence>(&json).unwrap(), evidence);
    let partition = solved(&[evidence]);
    let json = serde_json::to_string(&partition).unwrap();
    assert_eq!(serde_json::from_str::<Partition>(&json).unwrap(), partition);
    assert_eq!(serde_json::from_str::<SolveConfig>("{}").unwrap(), SolveConfig::default());
}
