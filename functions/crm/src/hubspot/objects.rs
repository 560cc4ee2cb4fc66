//! What every object has: an id, times, properties that are text or null, and links.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use shared::error::Invalid;
use shared::fields::Fields;
use shared::rows::{Draft, Rows};
use shared::schema::{
    Account, Deal, Entity, Ext, Known, PartialDate, PersonRecord, Ticket, TicketStatus, Timestamp,
};

use super::batch::LINKS;
use super::kinds::{Kind, Maps};

/// An object of HubSpot, opened.
pub(super) struct Object<'a> {
    pub(super) kind: &'static Kind,
    pub(super) id: String,
    /// When it was last changed, its links aside.
    pub(super) changed_at: Timestamp,
    /// What its version is made of: when it changed, or when a full pass found that it still is so.
    pub(super) true_at: Timestamp,
    pub(super) created_at: Option<Timestamp>,
    pub(super) properties: Fields<'a>,
    /// None where nobody asked for links: such a record says less than one with them.
    links: Option<BTreeMap<String, Vec<String>>>,
    rest: Fields<'a>,
}

impl<'a> Object<'a> {
    /// Opens a record; `true_at` is the time of which a full pass tells, if it comes from one.
    pub(super) fn open(
        mut record: Fields<'a>,
        kind: &'static Kind,
        true_at: Option<Timestamp>,
    ) -> Result<Self, Invalid> {
        let id = record.required_id("id")?;
        let links = record.get(LINKS)?.into_value();
        let properties = record.object("properties")?;
        let mut properties =
            properties.ok_or_else(|| Invalid::new("properties", "is missing or not an object"))?;
        let (updated, created) = (record.time("updatedAt")?, record.time("createdAt")?);
        let changed_at = moment(&mut properties, kind.changed)?.into_value().or(updated);
        let changed_at =
            changed_at.ok_or_else(|| Invalid::new(kind.changed, "is missing or not a time"))?;
        let mut created_at = None;
        for name in ["createdate", "hs_createdate"] {
            created_at = created_at.or(moment(&mut properties, name)?.into_value());
        }
        for known in ["archived", "url"] {
            record.ignore(known);
        }
        properties.ignore("hs_object_id");
        let created_at = created_at.or(created);
        // Links change and leave the time of change alone.
        let true_at =
            true_at.filter(|_| links.is_some()).map_or(changed_at, |at| at.max(changed_at));
        Ok(Self { kind, id, changed_at, true_at, created_at, properties, links, rest: record })
    }

    /// The ids that it is linked to, if links were asked for.
    pub(super) fn linked(&self, path: &str) -> Option<&[String]> {
        let links = self.links.as_ref()?;
        Some(links.get(path).map_or(&[], Vec::as_slice))
    }

    /// The properties that nobody took, and fields that nobody heard of.
    pub(super) fn into_ext(self, rows: &mut Rows<'_>) -> Ext {
        let mut ext = self.properties.into_ext(rows);
        ext.extend(self.rest.into_ext(rows));
        ext
    }
}

/// What is left of an object that is gone.
pub(super) fn tombstone(kind: &Kind, id: &str, at: Timestamp, rows: &Rows<'_>) -> Draft {
    let entity: Entity = match kind.maps {
        Maps::Contact | Maps::Engagement(_) => PersonRecord::default().into(),
        Maps::Company => Account::default().into(),
        Maps::Deal => Deal::default().into(),
        Maps::Ticket => Ticket { status: TicketStatus::Deleted, ..Ticket::default() }.into(),
    };
    let draft = Draft::tombstone(kind.object, id, at, entity, rows);
    // A deletion told by an event is as good as one that was read: it wins over any reading of its millisecond. A tick
    // has a thousand versions, the four lowest of which are taken; who is restored, is so in a later one.
    Draft { version: draft.version | 4, ..draft }
}

/// Takes a property that is a point in time: ISO text, milliseconds, or a day; null and "" are none.
pub(super) fn moment(
    properties: &mut Fields<'_>,
    name: &'static str,
) -> Result<Known<Timestamp>, Invalid> {
    let raw = match properties.raw(name)? {
        Known::Value(raw) if raw.get() != "\"\"" => raw,
        Known::Absent => return Ok(Known::Absent),
        _ => return Ok(Known::Null),
    };
    let text = serde_json::from_str::<String>(raw.get()).ok();
    let at = text.and_then(|text| instant(&text));
    if at.is_none() {
        properties.drift(name, raw);
    }
    Ok(Known::or_null(at))
}

fn instant(text: &str) -> Option<Timestamp> {
    if let Ok(at) = Timestamp::parse_rfc3339(text) {
        return Some(at);
    }
    if let Ok(millis) = text.parse::<i64>() {
        return Timestamp::from_millis(millis).ok();
    }
    let day: jiff::civil::Date = text.parse().ok()?;
    let midnight = day.to_zoned(TimeZone::UTC).ok()?;
    midnight.timestamp().try_into().ok()
}

/// The day of a point in time, in UTC as HubSpot keeps days.
pub(super) fn day(at: Timestamp) -> PartialDate {
    PartialDate::Full(TimeZone::UTC.to_datetime(at.to_jiff()).date())
}

/// Takes a property that is "true" or "false"; "" and null are neither.
pub(super) fn flag(
    properties: &mut Fields<'_>,
    name: &'static str,
) -> Result<Option<bool>, Invalid> {
    let word = properties.word(name, |word| match word {
        "true" => Some(Some(true)),
        "false" => Some(Some(false)),
        "" => Some(None),
        _ => None,
    })?;
    Ok(word.into_value().flatten())
}

/// Takes a word of HubSpot's; what is not ours stays in `ext`, and surprises nobody since accounts add words of their
/// own and leave others free.
pub(super) fn word<T>(
    properties: &mut Fields<'_>,
    name: &'static str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<Known<T>, Invalid> {
    let raw = match properties.raw(name)? {
        Known::Value(raw) => raw,
        Known::Null => return Ok(Known::Null),
        Known::Absent => return Ok(Known::Absent),
    };
    let text = serde_json::from_str::<String>(raw.get()).ok();
    let found = text.and_then(|text| read(&text));
    if found.is_none() {
        properties.keep(name, raw);
    }
    Ok(found.into())
}
