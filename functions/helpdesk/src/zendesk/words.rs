//! Zendesk's words for channels, references and states.

use serde::Deserialize;
use shared::error::Invalid;
use shared::fields::Fields;
use shared::schema::{Channel, Known};

#[derive(Deserialize)]
struct Via<'a> {
    #[serde(borrow)]
    channel: Option<&'a str>,
}

/// Takes how something came in. Zendesk has more channels than we do, so those stay in `ext` and surprise nobody.
pub(super) fn channel(fields: &mut Fields<'_>) -> Result<Channel, Invalid> {
    let Known::Value(raw) = fields.raw("via")? else { return Ok(Channel::Unknown) };
    let Ok(via) = serde_json::from_str::<Via<'_>>(raw.get()) else {
        fields.drift("via", raw);
        return Ok(Channel::Unknown);
    };
    let channel = via.channel.and_then(|word| ours(word, Channel::from_word));
    if channel.is_none() {
        fields.keep("via", raw);
    }
    Ok(channel.unwrap_or_default())
}

/// Takes the id of a user or organisation; the system itself is written as -1, 0 or nothing.
pub(super) fn reference(
    fields: &mut Fields<'_>,
    name: &'static str,
) -> Result<Option<String>, Invalid> {
    let Known::Value(raw) = fields.raw(name)? else { return Ok(None) };
    let text = raw.get();
    let id = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    if id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(id.bytes().any(|digit| digit != b'0').then(|| id.to_owned()));
    }
    if id != "-1" {
        fields.drift(name, raw);
    }
    Ok(None)
}

/// The word of our schema for a word of theirs: the API writes small what deliveries write in capitals.
pub(super) fn ours<T: Default + PartialEq>(word: &str, from_word: fn(&str) -> T) -> Option<T> {
    let unknown = T::default();
    let found = from_word(word);
    let found = if found == unknown { from_word(&word.to_ascii_lowercase()) } else { found };
    (found != unknown).then_some(found)
}
