//! What was sent to many people at once.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Channel, Ext, Known, Precision, RecordKey, Timestamp, vocabulary::vocabulary};

vocabulary! {
    /// Where a campaign stands.
    CampaignStatus {
        /// Being written.
        Draft = "draft",
        /// Planned for a time.
        Scheduled = "scheduled",
        /// Going out.
        Sending = "sending",
        /// Gone out.
        Sent = "sent",
        /// Stopped for now.
        Paused = "paused",
        /// Called off.
        Cancelled = "cancelled",
    }
}

/// One message to many people.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Campaign {
    /// The name that colleagues gave it.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub name: Known<String>,
    /// How it is sent.
    pub channel: Channel,
    /// The subject line.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub subject: Known<String>,
    /// When sending began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// How precise `sent_at` is, where coarser than a millisecond.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_precision: Option<Precision>,
    /// The list or segment that it went to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience_key: Option<RecordKey>,
    /// Where it stands.
    pub status: CampaignStatus,
    /// The IANA time zone assumed where the source sent none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_tz_assumed: Option<String>,
    /// The source's other fields, as JSON text.
    #[serde(skip_serializing_if = "Ext::is_empty")]
    pub ext: Ext,
}
