//! A record as the bag of fields that the vendor sent: a mapping takes what it knows, the rest stays as `ext`.
//!
//! Field by field rather than by `Deserialize`: an unknown field is kept instead of lost, a field whose type changed
//! costs that field and not the record, and nothing is copied before somebody asks for it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use smol_str::SmolStr;

use crate::error::Invalid;
use crate::rows::Rows;
use crate::schema::{Ext, Known, Timestamp};

/// One JSON object of a vendor, borrowed from the response.
#[derive(Debug)]
pub struct Fields<'a> {
    fields: Vec<(Cow<'a, str>, &'a RawValue)>,
    /// Fields that were there with another type or word than documented.
    drifted: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// Opens a record; anything but an object is invalid.
    pub fn parse(record: &'a RawValue) -> Result<Self, Invalid> {
        serde_json::from_str(record.get()).map_err(|error| {
            let reason = match error.classify() {
                serde_json::error::Category::Data => "is not a JSON object",
                _ => "is not valid JSON text",
            };
            Invalid::new("record", reason)
        })
    }

    fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        let at = self.fields.iter().position(|(key, _)| key == name)?;
        Some(self.fields.swap_remove(at).1)
    }

    /// Takes a field of any type that JSON can give; a type other than `T` is drift: null here, kept in `ext`.
    pub fn get<T: Deserialize<'a>>(&mut self, name: &'static str) -> Result<Known<T>, Invalid> {
        let Some(raw) = self.take(name) else { return Ok(Known::Absent) };
        match serde_json::from_str::<Option<T>>(raw.get()) {
            Ok(Some(value)) => Ok(Known::Value(value)),
            Ok(None) => Ok(Known::Null),
            // A string that is no text at all (a lone surrogate) is a broken record, not another type.
            Err(error) if raw.get().starts_with('"') && error.is_syntax() => {
                Err(Invalid::new(name, "is not valid Unicode text"))
            }
            Err(_) => {
                self.drift(name, raw);
                Ok(Known::Null)
            }
        }
    }

    /// Puts a taken field back into `ext` and reports it: it says what no documentation told us.
    pub fn drift(&mut self, name: &'static str, raw: &'a RawValue) {
        self.drifted.push(name);
        self.keep(name, raw);
    }

    /// Puts a taken field into `ext`, where it has a meaning of its own.
    pub fn keep(&mut self, name: &'static str, raw: &'a RawValue) {
        self.fields.push((Cow::Borrowed(name), raw));
    }

    /// Takes a field as it stands.
    pub fn raw(&mut self, name: &'static str) -> Result<Known<&'a RawValue>, Invalid> {
        self.get(name)
    }

    /// Takes a text field.
    pub fn text(&mut self, name: &'static str) -> Result<Known<String>, Invalid> {
        self.get(name)
    }

    /// Takes a text field that says something: no null, no blank.
    pub fn said(&mut self, name: &'static str) -> Result<Option<String>, Invalid> {
        Ok(self.text(name)?.into_value().filter(|text| !text.trim().is_empty()))
    }

    /// Takes a word and reads it as one of ours; a word that we have not is null here, kept in `ext`, and reported.
    pub fn word<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Known<T>, Invalid> {
        let raw = match self.raw(name)? {
            Known::Value(raw) => raw,
            Known::Null => return Ok(Known::Null),
            Known::Absent => return Ok(Known::Absent),
        };
        let found = serde_json::from_str::<Name<'_>>(raw.get()).ok();
        let found = found.and_then(|Name(word)| read(&word));
        if found.is_none() {
            self.drift(name, raw);
        }
        Ok(Known::or_null(found))
    }

    /// Takes an integer field.
    pub fn integer(&mut self, name: &'static str) -> Result<Known<i64>, Invalid> {
        self.get(name)
    }

    /// Takes an id, which vendors send as a number here and as a string there; `0`, "0" and "" mean "none".
    pub fn id(&mut self, name: &'static str) -> Result<Option<String>, Invalid> {
        let Some(raw) = self.take(name) else { return Ok(None) };
        let text = raw.get();
        let id = if text.starts_with('"') {
            match serde_json::from_str::<String>(text) {
                Ok(id) => id,
                Err(_) => return Err(Invalid::new(name, "is not valid Unicode text")),
            }
        } else if text.bytes().all(|byte| byte.is_ascii_digit()) {
            text.to_owned()
        } else if text == "null" {
            return Ok(None);
        } else {
            self.drift(name, raw);
            return Ok(None);
        };
        Ok((!id.is_empty() && id != "0").then_some(id))
    }

    /// Takes the id without which a record cannot be kept apart from others.
    pub fn required_id(&mut self, name: &'static str) -> Result<String, Invalid> {
        self.id(name)?.ok_or_else(|| Invalid::new(name, "is missing"))
    }

    /// Takes an RFC 3339 time; text that is no time is drift.
    pub fn time(&mut self, name: &'static str) -> Result<Option<Timestamp>, Invalid> {
        let Some(raw) = self.take(name) else { return Ok(None) };
        if raw.get() == "null" {
            return Ok(None);
        }
        let parsed = serde_json::from_str::<Cow<'_, str>>(raw.get())
            .ok()
            .and_then(|text| Timestamp::parse_rfc3339(&text).ok());
        if parsed.is_none() {
            self.drift(name, raw);
        }
        Ok(parsed)
    }

    /// Takes a time without which a version cannot be told from another.
    pub fn required_time(&mut self, name: &'static str) -> Result<Timestamp, Invalid> {
        self.time(name)?.ok_or_else(|| Invalid::no_time(name))
    }

    /// Takes a nested object.
    pub fn object(&mut self, name: &'static str) -> Result<Option<Fields<'a>>, Invalid> {
        Ok(self.get::<Fields<'a>>(name)?.into_value())
    }

    /// Takes a list of raw items.
    pub fn list(&mut self, name: &'static str) -> Result<Vec<&'a RawValue>, Invalid> {
        Ok(self.get::<Vec<&'a RawValue>>(name)?.into_value().unwrap_or_default())
    }

    /// Drops a field that says what another field says already.
    pub fn ignore(&mut self, name: &'static str) {
        self.take(name);
    }

    /// Names of the fields that came with another type or word than documented.
    pub fn drifted(&self) -> &[&'static str] {
        &self.drifted
    }

    /// Reports what came with another type or word than documented.
    pub fn report(&self, rows: &mut Rows<'_>) {
        rows.drifted(&self.drifted);
    }

    /// What nobody took, as JSON text by field name.
    pub fn ext(self) -> Ext {
        self.fields
            .into_iter()
            .map(|(name, raw)| (SmolStr::new(name), SmolStr::new(raw.get())))
            .collect()
    }

    /// Reports what surprised us, and gathers what nobody took: the end of most mappings.
    pub fn into_ext(self, rows: &mut Rows<'_>) -> Ext {
        self.report(rows);
        self.ext()
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::with_capacity(32);
                while let Some(Name(name)) = map.next_key()? {
                    fields.push((name, map.next_value()?));
                }
                Ok(Fields { fields, drifted: Vec::new() })
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A key or a word, borrowed unless it holds escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("text")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> &RawValue {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn what_nobody_takes_stays_as_json_text() {
        let mut fields =
            Fields::parse(raw(r#"{"id":7,"new_field":{"a":[1,2]},"subject":"Hi"}"#)).unwrap();
        assert_eq!(fields.required_id("id").unwrap(), "7");
        assert_eq!(fields.text("subject").unwrap(), Known::Value("Hi".to_owned()));
        assert_eq!(fields.ext(), Ext::from([("new_field".into(), r#"{"a":[1,2]}"#.into())]));
    }

    #[test]
    fn absent_null_and_empty_are_three_things() {
        let mut fields = Fields::parse(raw(r#"{"a":null,"b":""}"#)).unwrap();
        assert_eq!(fields.text("a").unwrap(), Known::Null);
        assert_eq!(fields.text("b").unwrap(), Known::Value(String::new()));
        assert_eq!(fields.text("c").unwrap(), Known::Absent);
    }

    #[test]
    fn a_type_change_costs_the_field_not_the_record() {
        let mut fields = Fields::parse(raw(r#"{"tags":"a b","id":1}"#)).unwrap();
        assert_eq!(fields.get::<Vec<String>>("tags").unwrap(), Known::Null);
        assert_eq!(fields.drifted(), ["tags"]);
        assert_eq!(fields.required_id("id").unwrap(), "1");
        assert_eq!(fields.ext()["tags"], r#""a b""#);
    }

    #[test]
    fn a_lone_surrogate_is_invalid_not_a_panic() {
        let mut fields = Fields::parse(raw(r#"{"subject":"\ud800"}"#)).unwrap();
        assert!(fields.text("subject").is_err());
    }

    #[test]
    fn absent_ids_come_as_zero_null_or_nothing() {
        let mut fields =
            Fields::parse(raw(r#"{"a":"0","b":0,"c":null,"d":"","e":12,"f":"x1"}"#)).unwrap();
        for none in ["a", "b", "c", "d", "z"] {
            assert_eq!(fields.id(none).unwrap(), None);
        }
        assert_eq!(fields.id("e").unwrap().as_deref(), Some("12"));
        assert_eq!(fields.id("f").unwrap().as_deref(), Some("x1"));
    }

    #[test]
    fn a_hundred_thousand_levels_are_skipped_without_recursion() {
        let deep = format!(r#"{{"id":1,"x":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        let mut fields = Fields::parse(serde_json::from_str(&deep).unwrap()).unwrap();
        assert_eq!(fields.get::<Vec<String>>("x").unwrap(), Known::Null);
        assert_eq!(fields.required_id("id").unwrap(), "1");
    }
}
