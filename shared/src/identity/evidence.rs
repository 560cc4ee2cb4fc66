//! What one record says about who it is, small enough to be stored beside it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

use super::{
    IdentifierKey, IdentityConfig, IdentityKey, Name, Qualified, fold_email, is_blocked, qualify,
};
use crate::error::Invalid;
use crate::schema::{
    ContactPoint, ContactType, Identifier, Namespace, PartyType, PersonRecord, Provenance,
    RecordKey, Timestamp, Version,
};

/// Whose record it is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// A human being's, as far as is known.
    #[default]
    Person,
    /// An organisation's: it stands alone.
    Organisation,
    /// Nobody's any more: the source deleted it.
    Deleted,
}

/// One identifier of a record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Clue {
    /// The identifier.
    pub key: IdentifierKey,
    /// How strong a match on it is: 1 explicit cross-system id, 2 exact, 3 needs an agreeing name.
    pub tier: u8,
    /// Whether the source verified that the value belongs to the person.
    pub verified: bool,
    /// The connection in which a person has at most one value of this namespace, if it is of that kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclusive_in: Option<SmolStr>,
}

/// What one record says about who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The record.
    pub record_key: RecordKey,
    /// The version of the record that says so; of two evidences of one record, the newer holds.
    pub version: Version,
    /// When the source created the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Whose record it is.
    #[serde(default)]
    pub standing: Standing,
    /// The name, in comparable form.
    #[serde(default, skip_serializing_if = "Name::is_empty")]
    pub name: Name,
    /// The identifiers, each once, in the order of their keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clues: Vec<Clue>,
    /// Keys of the postal addresses: they make households, never a person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IdentifierKey>,
}

/// The evidence of the newest version of a record: normalised, qualified, keyed, without blocked values.
///
/// Deleted records and organisations have no identifiers, so they join nobody and count for nobody.
pub fn evidence_of(
    provenance: &Provenance,
    record: &PersonRecord,
    config: &IdentityConfig,
    key: &IdentityKey,
) -> Result<Evidence, Invalid> {
    let standing = match record.party_type {
        _ if provenance.deleted => Standing::Deleted,
        PartyType::Organisation => Standing::Organisation,
        PartyType::Individual | PartyType::Unknown => Standing::Person,
    };
    let mut evidence = Evidence {
        record_key: provenance.record_key.clone(),
        version: provenance.version(),
        created_at: record.created_at,
        standing,
        name: Name::default(),
        clues: Vec::new(),
        addresses: Vec::new(),
    };
    if standing != Standing::Person {
        return Ok(evidence);
    }
    evidence.name = Name::new(&record.name);
    let connection = provenance.record_key.connection();
    for identifier in &record.identifiers {
        evidence.clues.extend(clues(identifier, &connection, config, key)?);
    }
    evidence.clues.sort_by(|a, b| (a.key, a.tier, b.verified).cmp(&(b.key, b.tier, a.verified)));
    evidence.clues.dedup_by_key(|clue| clue.key);
    let addresses: BTreeSet<String> = record.contact_points.iter().filter_map(address).collect();
    for address in addresses {
        evidence.addresses.push(key.of(Namespace::Unknown, &address)?);
    }
    evidence.addresses.sort_unstable();
    Ok(evidence)
}

/// The clue of an identifier, and the weaker one of its folded form.
fn clues(
    identifier: &Identifier,
    connection: &str,
    config: &IdentityConfig,
    key: &IdentityKey,
) -> Result<Vec<Clue>, Invalid> {
    let namespace = identifier.namespace;
    if namespace == Namespace::Unknown || is_blocked(config, namespace, &identifier.value) {
        return Ok(Vec::new());
    }
    let clue = |qualified: Qualified| {
        Ok(Clue {
            key: key.of(qualified.namespace, &qualified.value)?,
            // A source may know that its value is weaker than most, never that it is stronger.
            tier: identifier.tier.max(qualified.namespace.tier()),
            verified: identifier.verified_at.is_some(),
            exclusive_in: qualified.exclusive_in,
        })
    };
    let mut clues = vec![clue(qualify(config, connection, identifier))?];
    if namespace == Namespace::Email
        && let Some(value) = fold_email(config, &identifier.value)
        && !is_blocked(config, Namespace::EmailFolded, &value)
    {
        clues.push(clue(Qualified {
            namespace: Namespace::EmailFolded,
            value,
            exclusive_in: None,
        })?);
    }
    Ok(clues)
}

/// A postal address in comparable form, if it has a postal code and a line above it.
fn address(point: &ContactPoint) -> Option<String> {
    if point.r#type != ContactType::Address {
        return None;
    }
    let code = plain(point.postal_code.value()?);
    let lines: String = point.lines.iter().map(|line| plain(line)).collect();
    let lines = lines.replace("strasse", "str").replace("street", "st");
    let known = !code.is_empty() && lines.chars().any(|c| c.is_ascii_digit());
    known.then(|| format!("address:{code}:{lines}"))
}

fn plain(text: &str) -> String {
    let lower = text.to_lowercase().replace('ß', "ss");
    lower.nfkd().filter(|&c| !is_combining_mark(c) && c.is_alphanumeric()).collect()
}
