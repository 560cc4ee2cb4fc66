//! Laws that hold for any input.

use proptest::prelude::*;

use crate::schema::*;

/// What a table holds for one key after these rows arrived in this order.
fn last(versions: &[Version]) -> Option<Version> {
    versions.iter().fold(None, |stored, &version| match stored {
        Some(_) if !version.replaces(stored) => stored,
        _ => Some(version),
    })
}

fn versions() -> impl Strategy<Value = Vec<Version>> {
    // Few values, so that ties and duplicates are common.
    let version = (-2_i64..3, 0_u8..3).prop_map(|(source_version, byte)| Version {
        source_version,
        content_sha256: Sha256::of(&[byte]),
    });
    prop::collection::vec(version, 0..12)
}

proptest! {
    #[test]
    fn last_version_wins_in_any_order(
        (arrived, shuffled) in versions().prop_flat_map(|v| (Just(v.clone()), Just(v).prop_shuffle())),
        again in any::<prop::sample::Index>(),
    ) {
        prop_assert_eq!(last(&arrived), last(&shuffled));
        let mut repeated = shuffled.clone();
        if !shuffled.is_empty() {
            repeated.push(shuffled[again.index(shuffled.len())]);
        }
        prop_assert_eq!(last(&arrived), last(&repeated));
        prop_assert_eq!(last(&arrived), arrived.iter().copied().max());
    }

    #[test]
    fn money_prints_what_it_parses(minor: i64, code in prop::sample::select(vec!["EUR", "JPY", "KWD", "CLF"])) {
        let money = Money::from_minor(minor, code.parse().unwrap());
        prop_assert_eq!(Money::parse_decimal(&money.to_string(), money.currency), Ok(money));
    }

    #[test]
    fn money_never_panics(text in "[-+0-9.,e ]{0,24}") {
        let _ = Money::parse_decimal(&text, "EUR".parse().unwrap());
    }

    #[test]
    fn timestamps_print_what_they_parse(micros in -62_167_219_200_000_000_i64..=253_402_207_199_999_999) {
        let instant = Timestamp::from_micros(micros).unwrap();
        let text = instant.to_string();
        prop_assert_eq!(text.len(), 27);
        prop_assert_eq!(Timestamp::parse_rfc3339(&text), Ok(instant));
        prop_assert_eq!(instant.as_micros(), micros);
        prop_assert_eq!(text, instant.to_jiff().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string());
    }

    #[test]
    fn timestamps_order_as_their_text(a in 0_i64..253_402_207_199_999_999, b in 0_i64..253_402_207_199_999_999) {
        let (a, b) = (Timestamp::from_micros(a).unwrap(), Timestamp::from_micros(b).unwrap());
        prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
    }

    #[test]
    fn record_keys_keep_their_parts(
        source in "\\PC{1,8}", connection in "[/%#2F35]{1,8}", object in "\\PC{1,8}", id in "[/%#2F35a]{1,12}",
    ) {
        let key = RecordKey::try_new(&source, &connection, &object, &id).unwrap();
        prop_assert_eq!(key.to_string().parse(), Ok(key.clone()));
        let parts = [key.source(), key.connection(), key.object(), key.id()];
        prop_assert_eq!(parts, [source, connection, object, id]);
        prop_assert!(!key.as_str().contains('#'));
    }

    #[test]
    fn parsing_a_record_key_never_panics(text in "\\PC*") {
        let _ = text.parse::<RecordKey>();
    }

    #[test]
    fn emails_are_normalised_once(text in prop_oneof![
        "\\PC*",
        " {0,1}[\\PC&&[^@]]{1,12}@[\\PC&&[^@]]{1,12}\\.[a-zA-ZäÄ]{2,5} {0,1}",
        "[A-ZΣİßa-z0-9.+_-]{1,20}@[A-ZΣİßa-z0-9-]{1,9}\\.(com|DE|例え)",
    ]) {
        if let Some(email) = normalise_email(&text) {
            prop_assert_eq!(normalise_email(&email), Some(email.clone()));
            prop_assert!(!email.contains(char::is_whitespace));
        }
    }

    #[test]
    fn phones_are_normalised_once(
        text in prop_oneof!["\\PC*", "[+0-9 ()./x;=-]{0,30}", "\\+?[0-9]{4,16}( ?(ext|x|#) ?[0-9]{1,5})?", "tel:\\PC*"],
        region in prop::option::of(prop::sample::select(vec!["DE", "us", "IT", "AR", "BR", "GB", "??", ""])),
    ) {
        if let Some(phone) = normalise_phone(&text, region) {
            let e164 = phone.e164.clone();
            prop_assert!(e164.starts_with('+') && e164[1..].bytes().all(|b| b.is_ascii_digit()));
            prop_assert_eq!(normalise_phone(&e164, None), Some(Phone { e164, extension: None }));
        }
    }

    #[test]
    fn dates_and_languages_print_what_they_parse(text in prop_oneof![
        "\\PC{0,12}", "[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?", "--[0-9]{2}-[0-9]{2}", "[a-zA-Z]{2,3}([-_][a-zA-Z0-9]{1,8}){0,3}",
    ]) {
        if let Ok(date) = text.parse::<PartialDate>() {
            prop_assert_eq!(date.to_string(), text.trim());
        }
        if let Ok(language) = text.parse::<Language>() {
            prop_assert_eq!(language.as_str().parse(), Ok(language.clone()));
        }
    }
}
