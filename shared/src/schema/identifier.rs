//! The values by which records of several sources are recognised as one person.

use std::{borrow::Cow, collections::BTreeMap};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{Timestamp, normalise_email, normalise_phone, vocabulary::vocabulary};

/// What a source sends beyond this schema: its own field name, and the value as JSON text.
///
/// Most names and values are short (`"null"`, an id): text of up to 23 bytes lies in the map itself.
pub type Ext = BTreeMap<SmolStr, SmolStr>;

vocabulary! {
    /// What kind of value an identifier is; values of different namespaces are never equal.
    Namespace {
        /// An email address: trimmed, NFC, IDNA domain, lower case.
        Email = "email",
        /// A valid phone number in E.164 form.
        Phone = "phone",
        /// An email address without what its provider ignores, such as the dots of Gmail: weak.
        EmailFolded = "email_folded",
        /// A customer id of a point of sale.
        PosCustomer = "pos_customer",
        /// The number of a loyalty account.
        Loyalty = "loyalty",
        /// A contact id of a CRM.
        CrmContact = "crm_contact",
        /// A user id of a helpdesk.
        HelpdeskUser = "helpdesk_user",
        /// A profile id of an email platform.
        EmailProfile = "email_profile",
        /// An account in a social network, as `network:handle`.
        SocialHandle = "social_handle",
        /// An id that one system stores of another, such as a helpdesk's `external_id`.
        External = "external",
    }
}

impl Namespace {
    /// How strong a match on it is: 1 explicit cross-system id, 2 exact, 3 needs an agreeing name, 4 candidate.
    pub fn tier(self) -> u8 {
        match self {
            Self::External
            | Self::CrmContact
            | Self::HelpdeskUser
            | Self::EmailProfile
            | Self::PosCustomer => 1,
            Self::Email | Self::Loyalty | Self::SocialHandle => 2,
            Self::Phone | Self::EmailFolded => 3,
            Self::Unknown => 4,
        }
    }

    /// Whether one person has at most one value of it per connection.
    pub fn exclusive(self) -> bool {
        matches!(
            self,
            Self::CrmContact | Self::HelpdeskUser | Self::EmailProfile | Self::PosCustomer
        )
    }
}

/// A value by which a record is recognised in other records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Identifier {
    /// What kind of value it is.
    #[serde(default)]
    pub namespace: Namespace,
    /// The normalised value.
    #[serde(default)]
    pub value: String,
    /// HMAC-SHA-256 of the value under the deployment's key, separated by namespace; hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_hmac: Option<String>,
    /// Whether one person has at most one value of this namespace per connection.
    #[serde(default)]
    pub exclusive: bool,
    /// Strength as evidence: 1 explicit cross-system id, 2 exact, 3 needs an agreeing name, 4 candidate.
    #[serde(default = "weakest")]
    #[schemars(range(min = 1, max = 4))]
    pub tier: u8,
    /// When the source verified that the value belongs to the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<Timestamp>,
}

fn weakest() -> u8 {
    Namespace::Unknown.tier()
}

impl Identifier {
    /// An already normalised value, with the namespace's own tier and exclusivity.
    pub fn new(namespace: Namespace, value: impl Into<String>) -> Self {
        Self {
            namespace,
            value: value.into(),
            value_hmac: None,
            exclusive: namespace.exclusive(),
            tier: namespace.tier(),
            verified_at: None,
        }
    }

    /// An email address, if it is one.
    pub fn email(text: &str) -> Option<Self> {
        Some(Self::new(Namespace::Email, normalise_email(text)?))
    }

    /// A phone number, if it is valid; without a leading `+` it needs the region (`DE`).
    pub fn phone(text: &str, default_region: Option<&str>) -> Option<Self> {
        Some(Self::new(Namespace::Phone, normalise_phone(text, default_region)?.e164))
    }

    /// The same identifier, verified by the source at this time.
    #[must_use]
    pub fn verified(mut self, at: Timestamp) -> Self {
        self.verified_at = Some(at);
        self
    }
}

/// What a UUID looks like in JSON; the `uuid` crate itself does not say.
pub(crate) enum UuidText {}

impl JsonSchema for UuidText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Uuid".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "uuid" })
    }
}
