//! What a person agreed to, and whom nobody may write to again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ContactType, Ext, Known, Precision, Timestamp, vocabulary::vocabulary};

vocabulary! {
    /// The means by which something was said or sold.
    Channel {
        /// Email.
        Email = "email",
        /// Text message.
        Sms = "sms",
        /// Telephone.
        Phone = "phone",
        /// Live chat on a site.
        Chat = "chat",
        /// A messenger, such as `WhatsApp`.
        Messenger = "messenger",
        /// A web site or web form.
        Web = "web",
        /// A mobile app.
        App = "app",
        /// A notification on a device.
        Push = "push",
        /// A letter.
        Mail = "mail",
        /// A social network.
        Social = "social",
        /// A shop that one walks into.
        Store = "store",
        /// A program, through the source's API.
        Api = "api",
    }
}

vocabulary! {
    /// Why a person is addressed.
    Purpose {
        /// To sell.
        Marketing = "marketing",
        /// To carry out what was bought or agreed.
        Transactional = "transactional",
        /// To help.
        Service = "service",
    }
}

vocabulary! {
    /// What a person decided.
    ConsentState {
        /// Agreed.
        OptIn = "opt_in",
        /// Refused or withdrew.
        OptOut = "opt_out",
        /// Asked, and not yet confirmed.
        Pending = "pending",
    }
}

vocabulary! {
    /// The lawful basis in the sense of article 6 GDPR.
    LawfulBasis {
        /// The person agreed.
        Consent = "consent",
        /// A contract needs it.
        Contract = "contract",
        /// A law demands it.
        LegalObligation = "legal_obligation",
        /// A life depends on it.
        VitalInterests = "vital_interests",
        /// A public task needs it.
        PublicTask = "public_task",
        /// An interest that outweighs the person's.
        LegitimateInterests = "legitimate_interests",
    }
}

vocabulary! {
    /// How far a decision reaches.
    ConsentScope {
        /// This contact point only.
        ContactPoint = "contact_point",
        /// Every contact point of the person.
        Person = "person",
    }
}

/// The two steps of a double opt-in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct DoubleOptIn {
    /// When confirmation was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_at: Option<Timestamp>,
    /// When it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<Timestamp>,
}

/// A decision about being contacted: every change is a row, the latest `effective_at` wins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Consent {
    /// The normalised contact point; absent if the scope is the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_point: Option<String>,
    /// What kind of contact point it is.
    #[serde(default)]
    pub contact_type: ContactType,
    /// The channel decided about.
    #[serde(default)]
    pub channel: Channel,
    /// The purpose decided about.
    #[serde(default)]
    pub purpose: Purpose,
    /// What was decided.
    #[serde(default)]
    pub state: ConsentState,
    /// The lawful basis, if the source keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lawful_basis: Option<LawfulBasis>,
    /// The two steps of a double opt-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub double_opt_in: Option<DoubleOptIn>,
    /// How far the decision reaches.
    #[serde(default)]
    pub scope: ConsentScope,
    /// When the decision took effect.
    pub effective_at: Timestamp,
    /// How precise `effective_at` is, where coarser than a millisecond.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_precision: Option<Precision>,
    /// When the decision ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Why, in the source's words.
    #[serde(default, skip_serializing_if = "Known::is_absent")]
    pub reason: Known<String>,
    /// The IANA time zone assumed where the source sent none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_tz_assumed: Option<String>,
    /// The source's other fields, as JSON text.
    #[serde(default, skip_serializing_if = "Ext::is_empty")]
    pub ext: Ext,
}

impl Consent {
    /// A decision, with everything else unknown.
    pub fn new(
        channel: Channel,
        purpose: Purpose,
        state: ConsentState,
        effective_at: Timestamp,
    ) -> Self {
        Self {
            contact_point: None,
            contact_type: ContactType::Unknown,
            channel,
            purpose,
            state,
            lawful_basis: None,
            double_opt_in: None,
            scope: ConsentScope::Unknown,
            effective_at,
            effective_precision: None,
            expires_at: None,
            reason: Known::Absent,
            source_tz_assumed: None,
            ext: Ext::new(),
        }
    }
}

vocabulary! {
    /// Why a contact point is suppressed.
    SuppressionCause {
        /// There is no such mailbox.
        HardBounce = "hard_bounce",
        /// The person reported spam.
        Complaint = "complaint",
        /// The person unsubscribed.
        Unsubscribe = "unsubscribe",
        /// A colleague decided it.
        Manual = "manual",
        /// The person asked to be forgotten.
        Erasure = "erasure",
    }
}

/// A contact point that must not be written to: a hash only, so that it survives erasure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Suppression {
    /// HMAC-SHA-256 of the normalised contact point under the deployment's key; hexadecimal.
    pub contact_point_hmac: String,
    /// Why it is suppressed.
    #[serde(default)]
    pub cause: SuppressionCause,
    /// Since when it is suppressed.
    pub since: Timestamp,
    /// The source's other fields, as JSON text; never one that names the person.
    #[serde(default, skip_serializing_if = "Ext::is_empty")]
    pub ext: Ext,
}

impl Suppression {
    /// A suppression without extras.
    pub fn new(contact_point_hmac: String, cause: SuppressionCause, since: Timestamp) -> Self {
        Self { contact_point_hmac, cause, since, ext: Ext::new() }
    }
}
