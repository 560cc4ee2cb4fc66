//! Pairs that only look alike: joined last, and only where no rule is against it.

use super::*;

fn alike(one: &str, other: &str, millibits: i64) -> Override {
    let [one, other] = [one, other].map(|key| key.parse().unwrap());
    let likeness = Likeness { one, other, millibits, model: "a model".into() };
    Override {
        ruling: Ruling::Alike(likeness),
        author: "tributary resolve".into(),
        reason: "more probable than 0.99".into(),
        at: Timestamp::from_unix_seconds(1).unwrap(),
    }
}

fn with(evidence: &[Evidence], overrides: &[Override]) -> Partition {
    solve(evidence, overrides, &SolveConfig::default())
}

const CONTACT: &str = "hubspot/crm/contact/1";
const OTHER_CONTACT: &str = "hubspot/crm/contact/2";
const USER: &str = "zendesk/desk/user/3";

fn contact(key: &str, name: &str) -> Evidence {
    let id = key.rsplit('/').next().unwrap();
    said(key, name, &[(Namespace::CrmContact, id)])
}

#[test]
fn two_who_look_alike_are_joined_as_the_weakest_there_is() {
    let all = [contact(CONTACT, "Ann Holm"), said(USER, "Ann Holm", &[])];
    assert_eq!(with(&all, &[]).people.len(), 2);
    let partition = with(&all, &[alike(CONTACT, USER, 7_000)]);
    assert_eq!(people(&partition), [[CONTACT, USER]]);
    assert_eq!(
        partition.people[0].weakest,
        Some(Strength { tier: 4, agreement: Agreement::Agree })
    );
    assert_eq!(partition.people[0].confidence(), 50);
}

#[test]
fn two_ids_of_one_connection_look_alike_in_vain() {
    let all = [contact(CONTACT, "Ann Holm"), contact(OTHER_CONTACT, "Ann Holm")];
    let partition = with(&all, &[alike(CONTACT, OTHER_CONTACT, 90_000)]);
    assert_eq!(partition.people.len(), 2);
    assert_eq!(reasons(&partition), [Reason::Exclusive]);
    assert_eq!((partition.candidates[0].via, partition.candidates[0].strength.tier), (None, 4));
}

#[test]
fn names_must_agree_and_a_steward_stands_above_all() {
    let refused = |name: &str, ruling: Option<Override>| {
        let all = [contact(CONTACT, "Ann Holm"), said(USER, name, &[])];
        let mut overrides = vec![alike(CONTACT, USER, 90_000)];
        overrides.extend(ruling);
        reasons(&with(&all, &overrides))
    };
    assert!(refused("Ann Holm", None).is_empty());
    assert_eq!(refused("Tom Holm", None), [Reason::NamesDisagree]);
    assert_eq!(refused("", None), [Reason::NamesUnknown]);
    let ruling = Ruling::NeverLink([CONTACT, USER].map(|key| vec![key.parse().unwrap()]).into());
    // An earlier ruling, too: a likeness is none.
    let apart = Override { ruling, at: Timestamp::UNIX_EPOCH, ..alike(CONTACT, USER, 0) };
    assert_eq!(refused("Ann Holm", Some(apart)), [Reason::NeverLink]);
}

#[test]
fn what_is_known_goes_before_and_the_heavier_likeness_before_the_lighter() {
    let mail = (Email, "ann@mail.example");
    let crm = |key: &str| {
        let id = key.rsplit('/').next().unwrap();
        said(key, "Ann Holm", &[(Namespace::CrmContact, id)])
    };
    let user = said(USER, "Ann Holm", &[mail]);
    let both = [alike(CONTACT, USER, 7_000), alike(OTHER_CONTACT, USER, 8_000)];
    let all = [crm(CONTACT), crm(OTHER_CONTACT), user.clone()];
    assert_eq!(people(&with(&all, &both)), [vec![CONTACT], vec![OTHER_CONTACT, USER]]);

    let known = said(CONTACT, "Ann Holm", &[mail, (Namespace::CrmContact, "1")]);
    let partition = with(&[known, crm(OTHER_CONTACT), user], &both);
    assert_eq!(people(&partition), [vec![CONTACT, USER], vec![OTHER_CONTACT]]);
    assert_eq!(reasons(&partition), [Reason::Exclusive]);
}

#[test]
fn an_organisation_looks_like_nobody() {
    let mut firm = said(USER, "Ann Holm", &[]);
    firm.standing = Standing::Organisation;
    let partition = with(&[contact(CONTACT, "Ann Holm"), firm], &[alike(CONTACT, USER, 90_000)]);
    assert_eq!((partition.people.len(), partition.candidates.len()), (2, 0));
}
