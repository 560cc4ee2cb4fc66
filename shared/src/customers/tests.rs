//! What needs no store: lookups, cursors and figures.

use proptest::prelude::*;

use super::*;
use crate::schema::{Namespace, PersonName, RecordKey, Timestamp};

#[test]
fn lookups_are_normalised() {
    let is = |namespace, value: &str| Ok(Lookup::Identifier(namespace, value.to_owned()));
    assert_eq!(Lookup::email(" Ann@Example.ORG "), is(Namespace::Email, "ann@example.org"));
    assert_eq!(Lookup::phone("020 7946 0958", Some("GB")), is(Namespace::Phone, "+442079460958"));
    assert_eq!(
        Lookup::handle("Bluesky:@Ann.bsky.social"),
        is(Namespace::SocialHandle, "bluesky:ann.bsky.social")
    );
    assert!(matches!(Lookup::source_id("zendesk/eu/user/7"), Ok(Lookup::Record(_))));
}

#[test]
fn an_identifier_is_recognised_by_its_shape() {
    let of = |text| Lookup::of(text, Some("GB"));
    assert!(matches!(of("ann@example.org"), Ok(Lookup::Identifier(Namespace::Email, _))));
    assert!(matches!(of("020 7946 0958"), Ok(Lookup::Identifier(Namespace::Phone, _))));
    let handle = of("mastodon:ann@example.social");
    assert!(matches!(handle, Ok(Lookup::Identifier(Namespace::SocialHandle, _))));
    assert!(matches!(of("square/tills/customer/A%2FB"), Ok(Lookup::Record(_))));
    assert!(matches!(of("8a6e0804-2bd0-4672-b79d-d97027f9071a"), Ok(Lookup::Person(_))));
}

#[test]
fn a_wrong_lookup_names_the_field_and_not_the_value() {
    let canary = "canary";
    let wrong = [
        Lookup::email(&format!("{canary} at example.org")),
        Lookup::phone(canary, None),
        Lookup::handle(canary),
        Lookup::source_id(canary),
        Lookup::source_id(&format!("a/b/c/{canary}{}", "x".repeat(1_000))),
    ];
    let fields = ["email", "phone", "handle", "source_id", "source_id"];
    for (wrong, field) in wrong.into_iter().zip(fields) {
        let invalid = wrong.expect_err("it is wrong");
        assert_eq!(invalid.field, field);
        assert!(!invalid.to_string().contains(canary), "{invalid}");
    }
}

#[test]
fn a_ruling_is_signed() {
    assert!(Signed::new("ann", "the same address on both invoices").is_ok());
    assert_eq!(Signed::new(" ", "x").unwrap_err().field, "author");
    assert_eq!(Signed::new("ann", "").unwrap_err().field, "reason");
    assert_eq!(Signed::new("ann", &"x".repeat(1_001)).unwrap_err().field, "reason");
}

#[test]
fn a_name_is_written_in_one_line() {
    let name = |given: &str, family: &str, full: &str| PersonName {
        given: given.into(),
        family: family.into(),
        full: full.into(),
        ..PersonName::default()
    };
    assert_eq!(written(&name("Ann", "Ames", "")).as_deref(), Some("Ann Ames"));
    assert_eq!(written(&name("Ann", "Ames", "Ann B. Ames")).as_deref(), Some("Ann B. Ames"));
    assert_eq!(written(&name(" ", "", "")), None);
}

proptest! {
    #[test]
    fn a_cursor_comes_back_as_it_was(micros in 0i64..4_000_000_000_000_000, id in "[^\u{0}]{1,40}") {
        let cursor = Cursor {
            occurred_at: Timestamp::from_micros(micros).expect("a time"),
            record_key: RecordKey::new("zendesk", "eu", "event", &id),
        };
        let text = cursor.to_string();
        prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        prop_assert_eq!(text.parse(), Ok(cursor));
    }

    #[test]
    fn any_other_text_is_no_cursor(text in ".{0,200}") {
        if let Err(invalid) = text.parse::<Cursor>() {
            prop_assert_eq!(invalid.field, "before");
        }
    }

    #[test]
    fn any_text_is_looked_up_or_refused(text in "\\PC{0,80}", region in proptest::option::of("[A-Z]{2}")) {
        let _ = Lookup::of(&text, region.as_deref());
    }
}
