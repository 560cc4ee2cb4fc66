//! The settings of identity resolution: what ids mean, what is no evidence, and how far a person may grow.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::IdentifierKey;
use crate::schema::Namespace;

/// What the `external` ids of one connection are ids of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum IdSpace {
    /// Ids of something that several connections name, such as a customer number: `"shop-customers"`.
    Named(SmolStr),
    /// Ids that another connection gave: `{ space = "crm-main", namespace = "crm_contact" }`.
    Connection {
        /// The other connection.
        space: SmolStr,
        /// What its ids are.
        namespace: Namespace,
    },
}

/// How records become evidence.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IdentityConfig {
    /// By connection, what its `external` ids are ids of; without an entry they match within the connection only.
    pub external: BTreeMap<SmolStr, IdSpace>,
    /// Values that are nobody's, beyond the built-in ones: a whole value, a mailbox `info@` or a domain `@test.com`.
    pub blocked: BTreeSet<String>,
    /// Domains whose addresses take a `+tag`, beyond the built-in ones.
    pub plus_addressing: BTreeSet<String>,
}

/// How evidence becomes people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SolveConfig {
    /// An identifier carried by more records is shared.
    pub most_records: usize,
    /// An identifier whose records hold more distinct ids of one connection is shared.
    pub most_exclusive: usize,
    /// A person has at most so many ids of one connection: 1 for sources that never know anybody twice.
    pub most_ids: usize,
    /// A person has at most so many email addresses.
    pub most_emails: usize,
    /// A person has at most so many phone numbers.
    pub most_phones: usize,
    /// A blob with more edges sheds its identifiers of highest degree.
    pub most_edges: usize,
    /// More people at one mailbox, phone or address are no household.
    pub most_in_household: usize,
    /// Identifiers known to be shared: for callers that do not hand over every record that carries them.
    pub known_shared: BTreeSet<IdentifierKey>,
}

impl Default for SolveConfig {
    fn default() -> Self {
        Self {
            most_records: 12,
            most_exclusive: 2,
            most_ids: 2,
            most_emails: 5,
            most_phones: 5,
            most_edges: 2_000,
            most_in_household: 8,
            known_shared: BTreeSet::new(),
        }
    }
}
