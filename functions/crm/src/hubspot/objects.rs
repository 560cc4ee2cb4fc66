//! What every object has: an id, times, properties that are text or null, and links.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::value::RawValue;
use shared::error::Invalid;
use shared::fields::Fields;
use shared::rows::{Draft, Rows};
use shared::schema::{
    Account, Deal, Entity, Ext, Known, PartialDate, PersonRecord, Ticket, TicketStatus, Timestamp,
};

use super::batch::{LINKS, Paging, STAGES};
use super::kinds::{KINDS, Kind, Maps, Names, Read, Reader};
use super::links::{self, Link, is_id};
use super::stages::Stages;

/// By how much HubSpot's clock may be behind ours, in microseconds: ten minutes.
const CLOCKS_DIFFER: i64 = 600_000_000;

/// An object of HubSpot, opened.
pub(super) struct Object<'a> {
    pub(super) kind: &'static Kind,
    pub(super) id: String,
    /// When it was last changed, its links aside.
    pub(super) changed_at: Timestamp,
    /// What its version is made of: when it changed, or when somebody looked and it still was so.
    pub(super) true_at: Timestamp,
    pub(super) created_at: Option<Timestamp>,
    pub(super) properties: Fields<'a>,
    /// None where nobody asked for links: such a record says less than one with them.
    links: Option<BTreeMap<String, Vec<String>>>,
    /// What the account says of its stages, where somebody asked.
    pub(super) stages: Option<Stages>,
    /// The values that a property had, oldest first.
    pub(super) history: Vec<Past>,
    rest: Fields<'a>,
}

/// A value that a property had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Past {
    /// Since then.
    pub(super) at: Timestamp,
    /// None for null and "".
    pub(super) value: Option<String>,
}

/// The same in HubSpot's words; who set it is nobody's business here.
#[derive(Deserialize)]
struct Version {
    value: Option<String>,
    timestamp: String,
}

/// Links that came with the object itself, as reads of a single object tell them.
#[derive(Deserialize)]
struct Associated {
    #[serde(default)]
    results: Vec<AssociatedTo>,
    paging: Option<Paging>,
}

#[derive(Deserialize)]
struct AssociatedTo {
    id: String,
    r#type: Option<String>,
}

impl<'a> Object<'a> {
    /// Opens a record that was read at `read_at`.
    ///
    /// Links may be new although the object is not. So what was read of an object with links because somebody looked,
    /// and not because it changed, wins over what was read of it before. Not over a change meanwhile, though our clocks
    /// may differ.
    pub(super) fn open(
        mut record: Fields<'a>,
        reader: &Reader,
        read: Read,
        read_at: Timestamp,
    ) -> Result<Self, Invalid> {
        let kind = reader.kind;
        let id = record.required_id("id")?;
        let told = record.get(LINKS)?.into_value();
        let asked_alone = told.is_none();
        let links = if asked_alone { associated(&mut record, kind)? } else { told };
        let stages = record.get(STAGES)?.into_value();
        let history = match reader.history() {
            Some(name) => past(&mut record, name)?,
            None => Vec::new(),
        };
        let properties = record.object("properties")?;
        let mut properties =
            properties.ok_or_else(|| Invalid::new("properties", "is missing or not an object"))?;
        call_as_usual(&mut properties, &reader.names)?;
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
        let looked = links.is_some() && (asked_alone || read == Read::Listed);
        let looked_at = Timestamp::from_micros(read_at.as_micros() - CLOCKS_DIFFER).ok();
        let looked_at = looked_at.filter(|_| looked);
        let true_at = looked_at.map_or(changed_at, |at| at.max(changed_at));
        let rest = record;
        Ok(Self {
            kind,
            id,
            changed_at,
            true_at,
            created_at,
            properties,
            links,
            stages,
            history,
            rest,
        })
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

/// Takes the links that came with the object itself; none if there are more than these, or no word of any.
fn associated(
    record: &mut Fields<'_>,
    kind: &Kind,
) -> Result<Option<BTreeMap<String, Vec<String>>>, Invalid> {
    let told: Option<BTreeMap<String, Associated>> = record.get("associations")?.into_value();
    let Some(mut told) = told else { return Ok(None) };
    let mut links = BTreeMap::new();
    for path in kind.linked {
        let Some(Associated { results, paging }) = told.remove(*path) else { continue };
        let there_are_more = paging.is_some_and(|paging| paging.next.is_some());
        if there_are_more || !results.iter().all(|to| is_id(&to.id)) {
            return Ok(None);
        }
        // The primary one is told twice: as `deal_to_company`, and as `deal_to_company_unlabeled`, which all are.
        let other = KINDS.iter().find(|other| other.path == *path).map_or("", |other| other.object);
        let primary = format!("{}_to_{other}", kind.object);
        let link = |AssociatedTo { id, r#type }| Link::new(id, r#type.as_ref() == Some(&primary));
        links.insert((*path).to_owned(), links::ids(results.into_iter().map(link).collect()));
    }
    Ok(Some(links))
}

/// Takes the values that a property had; those without a time are nobody's.
fn past(record: &mut Fields<'_>, name: &'static str) -> Result<Vec<Past>, Invalid> {
    let told: Option<BTreeMap<String, Vec<Version>>> =
        record.get("propertiesWithHistory")?.into_value();
    let versions = told.and_then(|mut told| told.remove(name)).unwrap_or_default();
    let past = |Version { value, timestamp }| {
        let value = value.filter(|value| !value.is_empty());
        Some(Past { at: instant(&timestamp)?, value })
    };
    let mut history: Vec<Past> = versions.into_iter().filter_map(past).collect();
    // They come newest first; of two in one millisecond the one told first is the newer one.
    history.reverse();
    history.sort_by_key(|past| past.at);
    Ok(history)
}

/// Gives properties their usual names back.
fn call_as_usual(properties: &mut Fields<'_>, names: &Names) -> Result<(), Invalid> {
    for (usual, own) in names {
        properties.ignore(usual);
        match properties.raw(own)? {
            Known::Value(raw) => properties.keep(usual, raw),
            Known::Null => properties.keep(usual, RawValue::NULL),
            Known::Absent => {}
        }
    }
    Ok(())
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
