//! Values as sources really write them.

use jiff::tz::TimeZone;

use super::samples::{at, key};
use crate::schema::*;

#[test]
fn times_are_compared_as_instants() {
    let same =
        ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000+00:00", "2026-01-02T04:04:05.0+01:00"];
    for text in same {
        assert_eq!(at(text).to_string(), "2026-01-02T03:04:05.000000Z");
    }
    assert_eq!(at("2026-01-02T03:04:05.123456789Z").to_string(), "2026-01-02T03:04:05.123456Z");
    assert_eq!(at("1969-12-31T23:59:59.9999999Z").as_micros(), -1);
    assert_eq!(Timestamp::from_unix_seconds(1_767_323_045).unwrap(), at(same[0]));
    assert_eq!(Timestamp::from_millis(1_767_323_045_000).unwrap(), at(same[0]));
    for text in ["", "yesterday", "2026-01-02", "2026-01-02T03:04:05", "-000001-01-01T00:00:00Z"] {
        assert_eq!(Timestamp::parse_rfc3339(text), Err(TimestampError), "{text}");
    }
    assert!(Timestamp::from_unix_seconds(i64::MAX).is_err());
}

#[test]
fn a_time_without_zone_needs_one() {
    let berlin = TimeZone::fixed(jiff::tz::offset(1));
    let opened = Timestamp::parse_in_zone("2026-01-02 04:04:05", &berlin).unwrap();
    assert_eq!(opened, at("2026-01-02T03:04:05Z"));
}

#[test]
fn money_is_exact() {
    let currency = |code: &str| code.parse::<Currency>().unwrap();
    let parse = |text, code| Money::parse_decimal(text, currency(code)).map(|money| money.minor);
    assert_eq!(parse("12.34", "eur"), Ok(1234));
    assert_eq!(parse("-0.5", "EUR"), Ok(-50));
    assert_eq!(parse("+7.", "EUR"), Ok(700));
    assert_eq!(parse("100.00", "JPY"), Ok(100));
    assert_eq!(parse("1.234", "KWD"), Ok(1234));
    assert_eq!(parse("92233720368547758.07", "EUR"), Ok(i64::MAX));
    assert_eq!(parse("-92233720368547758.08", "EUR"), Ok(i64::MIN));
    assert_eq!(parse("92233720368547758.08", "EUR"), Err(MoneyError::TooLarge));
    assert_eq!(parse("12.345", "EUR"), Err(MoneyError::TooPrecise));
    for text in ["", ".", "-", "1,5", "1e3", "١", "0x1", "1.2.3", "--1", "NaN"] {
        assert_eq!(parse(text, "EUR"), Err(MoneyError::NotDecimal), "{text}");
    }
    assert_eq!("EURO".parse::<Currency>(), Err(MoneyError::Currency));
    assert_eq!(Money::from_minor(-5, currency("EUR")).to_string(), "-0.05");
    assert_eq!(Money::from_minor(5, currency("JPY")).to_string(), "5");
}

#[test]
fn record_keys_are_checked() {
    assert_eq!(RecordKey::new("a", "b", "c", "d/e%#").as_str(), "a/b/c/d%2Fe%25%23");
    assert_eq!("a/b/c".parse::<RecordKey>(), Err(RecordKeyError::Parts));
    assert_eq!("a/b/c/d/e".parse::<RecordKey>(), Err(RecordKeyError::Parts));
    assert_eq!("a//c/d".parse::<RecordKey>(), Err(RecordKeyError::Empty));
    assert_eq!("a/b/c/%41".parse::<RecordKey>(), Err(RecordKeyError::Escape));
    assert_eq!("a/b/c/#".parse::<RecordKey>(), Err(RecordKeyError::Escape));
    assert_eq!(RecordKey::try_new("a", "b", "c", ""), Err(RecordKeyError::Empty));
    assert_eq!(key("a/b%2F/c/d").sibling("x", "y"), key("a/b%2F/x/y"));
}

#[test]
fn emails_become_comparable() {
    let normal = [
        (" Ada@Beispiel.EXAMPLE ", "ada@beispiel.example"),
        ("a\u{308}da@bücher.example", "äda@xn--bcher-kva.example"),
        ("ada+tea@beispiel.example.", "ada+tea@beispiel.example"),
    ];
    for (text, email) in normal {
        assert_eq!(normalise_email(text).as_deref(), Some(email));
    }
    let none = [
        "",
        "ada",
        "@a.example",
        "ada@",
        "ada@host",
        "a b@c.example",
        "a..b@c.example",
        "a@b@c..d",
        "<a@b.example>",
    ];
    for text in none {
        assert_eq!(normalise_email(text), None, "{text}");
    }
}

#[test]
fn phones_become_comparable() {
    let phone =
        |text, region| normalise_phone(text, region).map(|phone| (phone.e164, phone.extension));
    let berlin = ("+4930901820".to_owned(), None);
    assert_eq!(phone("+49 (0)30 901820", None), Some(berlin.clone()));
    assert_eq!(phone("030/901820", Some("de")), Some(berlin.clone()));
    assert_eq!(phone("0049 30 901820", Some("DE")), Some(berlin));
    let with_extension = ("+4930901820".to_owned(), Some("12".to_owned()));
    assert_eq!(phone("030 901820 ext. 12", Some("DE")), Some(with_extension));
    // Italian numbers keep their zero.
    assert_eq!(phone("06 698 12345", Some("IT")), Some(("+390669812345".to_owned(), None)));
    for text in ["", "n/a", "0000000", "12", "+1 555", "+999 123456", "030 901820"] {
        assert_eq!(phone(text, None), None, "{text}");
    }
}

#[test]
fn codes_are_checked() {
    assert_eq!("gb".parse::<Country>().unwrap().as_str(), "GB");
    assert_eq!("XK".parse::<Country>().unwrap().as_str(), "XK");
    for text in ["", "UK", "DEU", "Germany", "é"] {
        assert_eq!(text.parse::<Country>(), Err(CountryError), "{text}");
    }
    for (text, tag) in
        [("EN", "en"), ("pt_br", "pt-BR"), ("ZH-hant-tw", "zh-Hant-TW"), ("es-419", "es-419")]
    {
        assert_eq!(text.parse::<Language>().unwrap().as_str(), tag);
    }
    for text in ["", "e", "en-", "en--US", "English (UK)", "日本語"] {
        assert_eq!(text.parse::<Language>(), Err(LanguageError), "{text}");
    }
    for text in ["1980", "1980-05", "1980-05-17", "--02-29"] {
        assert_eq!(text.parse::<PartialDate>().unwrap().to_string(), text);
    }
    for text in ["", "80", "1980-13", "1981-02-29", "--02-30", "1980-5-17", "1980-05-17-", "+980"] {
        assert_eq!(text.parse::<PartialDate>(), Err(DateError), "{text}");
    }
    assert!("4242424242424242".parse::<CardLast4>().is_err());
    for text in ["", "-", ".5", "1.", "1e3", "1,5"] {
        assert!(text.parse::<Decimal>().is_err(), "{text}");
    }
}

#[test]
fn the_same_fact_has_the_same_id() {
    let (subject, happened) = (key("zendesk/eu/user/1"), at("2026-01-02T03:04:05Z"));
    let id = |kind, event| interaction_id(&subject, kind, happened, event);
    // Pinned: every interaction ever landed depends on it.
    assert_eq!(id("ticket.created", Some("7")).to_string(), "46e8e085-0e07-544c-8d5b-0c8b26d750ac");
    assert_eq!(id("ticket.created", None), id("ticket.created", None));
    assert_ne!(id("ticket.created", None), id("ticket.created", Some("")));
    assert_ne!(id("ticket.created", None), id("ticket.solved", None));
}

#[test]
fn words_are_the_stored_ones() {
    for &state in ConsentState::ALL {
        assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        assert_eq!(ConsentState::from_word(state.as_str()), state);
    }
    assert_eq!(ConsentState::from_word("perhaps"), ConsentState::Unknown);
}
