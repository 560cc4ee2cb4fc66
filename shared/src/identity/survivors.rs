//! What is known of a person, out of what each source says: one value wins per field, and the others are kept.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::schema::{
    ContactPoint, Identifier, Known, Language, Namespace, PartialDate, PartyType, PersonName,
    PersonRecord, Provenance, RecordKey, Timestamp,
};

/// The newest version of one record of the person.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// Where it came from.
    pub provenance: &'a Provenance,
    /// What it says.
    pub record: &'a PersonRecord,
}

/// Which sources are believed first, per field; a source is named by its connection or by its product.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ranks {
    /// For fields that are not listed.
    pub default: Vec<SmolStr>,
    /// By field, such as `birth_date`; the most trusted source first.
    pub fields: BTreeMap<SmolStr, Vec<SmolStr>>,
}

impl Ranks {
    /// Greater is more trusted; sources that are not listed are trusted least.
    fn of(&self, field: &str, provenance: &Provenance) -> Reverse<usize> {
        let order = self.fields.get(field).unwrap_or(&self.default);
        let is = |name: &SmolStr| *name == provenance.connection_id || *name == provenance.source;
        Reverse(order.iter().position(is).unwrap_or(usize::MAX))
    }
}

/// What one source says about a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "{T}Claim")]
pub struct Claim<T> {
    /// The value.
    pub value: T,
    /// The record that says so.
    pub record_key: RecordKey,
    /// When the source last changed that record.
    pub source_updated_at: Option<Timestamp>,
}

/// A field of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "{T}Survivor")]
pub struct Survivor<T> {
    /// Every claim to a value, the one that holds first. Empty if no source has a value.
    pub claims: Vec<Claim<T>>,
    /// Whether a source says that there is none. That never takes the place of a value.
    pub null: bool,
}

impl<T> Survivor<T> {
    /// The value that holds.
    pub fn value(&self) -> Option<&T> {
        self.claims.first().map(|claim| &claim.value)
    }
}

/// A value of which a person may have many, and the records that name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "{T}Gathered")]
pub struct Gathered<T> {
    /// The value as the most trusted record has it.
    pub value: T,
    /// The records that name it, the most trusted first.
    pub records: Vec<RecordKey>,
}

/// What is known of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Survivors {
    /// The name; its parts are taken from one record, so that they fit each other.
    pub name: Survivor<PersonName>,
    /// The birth date or the known part of it.
    pub birth_date: Survivor<PartialDate>,
    /// The language the person wants to be addressed in.
    pub language: Survivor<Language>,
    /// The time zone.
    pub time_zone: Survivor<String>,
    /// Whether it is a human being.
    pub party_type: Survivor<PartyType>,
    /// The company that the person belongs to.
    pub account_key: Survivor<RecordKey>,
    /// Every identifier; a bare id of two connections is two.
    pub identifiers: Vec<Gathered<Identifier>>,
    /// Every contact point; one that two records have is one.
    pub contact_points: Vec<Gathered<ContactPoint>>,
    /// Every tag.
    pub tags: Vec<Gathered<String>>,
}

/// What is known of the person whose records these are; their order does not matter.
///
/// In each field the greatest (verified, rank of the source, last change, record key) holds. A record is verified if its
/// source verified one of its identifiers. Null and blank text never take the place of a value, whoever says them.
pub fn survivors(members: &[Member<'_>], ranks: &Ranks) -> Survivors {
    let field = |name| Field { members: by_trust(members, ranks, name) };
    Survivors {
        name: field("name").survivor(|record| name(&record.name)),
        birth_date: field("birth_date").survivor(|record| record.birth_date),
        language: field("language").survivor(|record| record.language.clone()),
        time_zone: field("time_zone").survivor(|record| text(&record.time_zone)),
        party_type: field("party_type").survivor(|record| match record.party_type {
            PartyType::Unknown => Known::Absent,
            known => Known::Value(known),
        }),
        account_key: field("account_key").survivor(|record| record.account_key.clone().into()),
        identifiers: identifiers(&field("identifiers")),
        contact_points: contact_points(&field("contact_points")),
        tags: field("tags").gathered(|_, record| {
            record.tags.iter().map(|tag| (tag.clone(), tag.clone())).collect()
        }),
    }
}

/// The members, the most trusted for this field first, each record once.
fn by_trust<'a>(members: &[Member<'a>], ranks: &Ranks, field: &str) -> Vec<Member<'a>> {
    let mut members = members.to_vec();
    // Of one record the newest version counts, should a caller hand over several.
    members.sort_by_key(|member| {
        (&member.provenance.record_key, Reverse(member.provenance.version()))
    });
    members.dedup_by_key(|member| &member.provenance.record_key);
    members.retain(|member| !member.provenance.deleted);
    members.sort_by_key(|member| {
        let provenance = member.provenance;
        let verified = member.record.identifiers.iter().any(|id| id.verified_at.is_some());
        Reverse((
            verified,
            ranks.of(field, provenance),
            provenance.source_updated_at,
            &provenance.record_key,
        ))
    });
    members
}

struct Field<'a> {
    members: Vec<Member<'a>>,
}

impl Field<'_> {
    fn survivor<T>(&self, value: impl Fn(&PersonRecord) -> Known<T>) -> Survivor<T> {
        let mut survivor = Survivor { claims: Vec::new(), null: false };
        for Member { provenance, record } in &self.members {
            match value(record) {
                Known::Absent => {}
                Known::Null => survivor.null = true,
                Known::Value(value) => survivor.claims.push(Claim {
                    value,
                    record_key: provenance.record_key.clone(),
                    source_updated_at: provenance.source_updated_at,
                }),
            }
        }
        survivor
    }

    /// Every value with its records, in the order of the keys by which values are the same.
    fn gathered<K: Ord, T>(
        &self,
        values: impl Fn(&Provenance, &PersonRecord) -> Vec<(K, T)>,
    ) -> Vec<Gathered<T>> {
        let mut all: BTreeMap<K, Gathered<T>> = BTreeMap::new();
        for Member { provenance, record } in &self.members {
            for (key, value) in values(provenance, record) {
                let gathered = all.entry(key);
                let gathered = gathered.or_insert(Gathered { value, records: Vec::new() });
                if gathered.records.last() != Some(&provenance.record_key) {
                    gathered.records.push(provenance.record_key.clone());
                }
            }
        }
        all.into_values().collect()
    }
}

fn text(field: &Known<String>) -> Known<String> {
    match field {
        Known::Value(value) if value.trim().is_empty() => Known::Null,
        field => field.clone(),
    }
}

fn name(name: &PersonName) -> Known<PersonName> {
    let parts = [&name.given, &name.family, &name.full].map(text);
    if parts.iter().any(|part| part.value().is_some()) {
        Known::Value(name.clone())
    } else if parts.contains(&Known::Null) {
        Known::Null
    } else {
        Known::Absent
    }
}

/// An identifier is verified if any source verified it, since when the first did.
fn identifiers(field: &Field<'_>) -> Vec<Gathered<Identifier>> {
    let key = |connection: &SmolStr, identifier: &Identifier| {
        let global = matches!(
            identifier.namespace,
            Namespace::Email | Namespace::Phone | Namespace::EmailFolded | Namespace::SocialHandle
        );
        let connection = if global { SmolStr::default() } else { connection.clone() };
        (identifier.namespace, identifier.value.clone(), connection)
    };
    let mut verified: BTreeMap<_, Timestamp> = BTreeMap::new();
    for Member { provenance, record } in &field.members {
        for identifier in &record.identifiers {
            if let Some(at) = identifier.verified_at {
                let first =
                    verified.entry(key(&provenance.connection_id, identifier)).or_insert(at);
                *first = at.min(*first);
            }
        }
    }
    field.gathered(|provenance, record| {
        let identifiers = record.identifiers.iter().map(|identifier| {
            let key = key(&provenance.connection_id, identifier);
            let verified_at = verified.get(&key).copied();
            (key, Identifier { verified_at, ..identifier.clone() })
        });
        identifiers.collect()
    })
}

/// Contact points are the same if their comparable forms are, or else what the sources wrote.
fn contact_points(field: &Field<'_>) -> Vec<Gathered<ContactPoint>> {
    field.gathered(|_, record| {
        let points = record.contact_points.iter().map(|point| {
            let parts = [&point.locality, &point.region, &point.postal_code, &point.exact];
            let written = parts.map(|part| part.value().map_or("", String::as_str));
            let text = point.normalised.clone().unwrap_or_else(|| {
                let lines = point.lines.iter().map(String::as_str).chain(written);
                lines.collect::<Vec<_>>().join("\n").to_lowercase()
            });
            ((point.r#type, text, point.extension.clone()), point.clone())
        });
        points.collect()
    })
}
