//! Reads a record in Zendesk's words; what has no counterpart in ours stays in `ext`, and a new word is reported.

use serde::Deserialize;
use serde_json::value::RawValue;
use shared::error::Invalid;
use shared::fields::Fields;
use shared::rows::Rows;
use shared::schema::{Channel, Ext, Known};

/// A record, and what could not be said in our words.
pub(super) struct Words<'a> {
    /// What nobody has taken yet.
    pub(super) fields: Fields<'a>,
    kept: Vec<(&'static str, &'a RawValue)>,
    unknown: Vec<&'static str>,
}

#[derive(Deserialize)]
struct Via<'a> {
    #[serde(borrow)]
    channel: Option<&'a str>,
}

impl<'a> Words<'a> {
    pub(super) fn new(fields: Fields<'a>) -> Self {
        Self { fields, kept: Vec::new(), unknown: Vec::new() }
    }

    /// Takes a field as it stands.
    pub(super) fn raw(&mut self, name: &'static str) -> Result<Known<&'a RawValue>, Invalid> {
        self.fields.get(name)
    }

    /// Puts a field into `ext` that was taken and has a meaning of its own there.
    pub(super) fn keep(&mut self, name: &'static str, raw: &'a RawValue) {
        self.kept.push((name, raw));
    }

    /// Puts a field into `ext` and reports it: it says what no documentation told us.
    pub(super) fn surprise(&mut self, name: &'static str, raw: &'a RawValue) {
        self.kept.push((name, raw));
        self.unknown.push(name);
    }

    /// Takes a word and reads it as one of ours; a word that we have not is null here, kept, and reported.
    pub(super) fn word<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Known<T>, Invalid> {
        let raw = match self.raw(name)? {
            Known::Value(raw) => raw,
            Known::Null => return Ok(Known::Null),
            Known::Absent => return Ok(Known::Absent),
        };
        let found = serde_json::from_str::<&str>(raw.get()).ok().and_then(read);
        if found.is_none() {
            self.surprise(name, raw);
        }
        Ok(Known::or_null(found))
    }

    /// Takes how something came in. Zendesk has more channels than we do, so those stay in `ext` and surprise nobody.
    pub(super) fn channel(&mut self) -> Result<Channel, Invalid> {
        let Known::Value(raw) = self.raw("via")? else { return Ok(Channel::Unknown) };
        let Ok(via) = serde_json::from_str::<Via<'a>>(raw.get()) else {
            self.surprise("via", raw);
            return Ok(Channel::Unknown);
        };
        let channel = via.channel.and_then(|word| ours(word, Channel::from_word));
        if channel.is_none() {
            self.keep("via", raw);
        }
        Ok(channel.unwrap_or_default())
    }

    /// Takes the id of a user or organisation; the system itself is written as -1, 0 or nothing.
    pub(super) fn reference(&mut self, name: &'static str) -> Result<Option<String>, Invalid> {
        let Known::Value(raw) = self.raw(name)? else { return Ok(None) };
        let text = raw.get();
        let id = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
        if id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(id.bytes().any(|digit| digit != b'0').then(|| id.to_owned()));
        }
        if id != "-1" {
            self.surprise(name, raw);
        }
        Ok(None)
    }

    /// Reports what surprised us.
    pub(super) fn report(&self, rows: &mut Rows<'_>) {
        rows.drifted(self.fields.drifted());
        rows.drifted(&self.unknown);
    }

    /// Reports what surprised us, and gathers what nobody took.
    pub(super) fn into_ext(self, rows: &mut Rows<'_>) -> Ext {
        self.report(rows);
        let mut ext = self.fields.ext();
        ext.extend(
            self.kept.into_iter().map(|(name, raw)| (name.to_owned(), raw.get().to_owned())),
        );
        ext
    }
}

/// The word of our schema for a word of theirs: the API writes small what deliveries write in capitals.
pub(super) fn ours<T: Default + PartialEq>(word: &str, from_word: fn(&str) -> T) -> Option<T> {
    let unknown = T::default();
    let found = from_word(word);
    let found = if found == unknown { from_word(&word.to_ascii_lowercase()) } else { found };
    (found != unknown).then_some(found)
}
