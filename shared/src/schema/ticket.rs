//! Requests for help.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Channel, Ext, Known, Precision, Timestamp, vocabulary::vocabulary};

vocabulary! {
    /// Where a ticket stands.
    TicketStatus {
        /// Nobody has looked at it.
        New = "new",
        /// A colleague has it.
        Open = "open",
        /// It waits for the person.
        Pending = "pending",
        /// It waits for a third party.
        Hold = "hold",
        /// A colleague calls it solved; it can be reopened.
        Solved = "solved",
        /// It can no longer change.
        Closed = "closed",
        /// The source deleted it.
        Deleted = "deleted",
    }
}

vocabulary! {
    /// How urgent a ticket is.
    Priority {
        /// It can wait.
        Low = "low",
        /// As usual.
        Normal = "normal",
        /// Before others.
        High = "high",
        /// Before everything.
        Urgent = "urgent",
    }
}

/// How satisfied the person said to be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Csat {
    /// The score given.
    pub score: u32,
    /// The best possible score; the worst is 0 or 1, as the source has it.
    pub scale_max: u32,
    /// What the person added in words.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub comment: Known<String>,
}

/// A request for help; its `subject_key` is the requester.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Ticket {
    /// The subject line.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub subject: Known<String>,
    /// Where it stands.
    pub status: TicketStatus,
    /// How urgent it is.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub priority: Known<Priority>,
    /// How it came in.
    pub channel: Channel,
    /// When the person asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<Timestamp>,
    /// How precise `opened_at` is, where coarser than a millisecond.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opened_precision: Option<Precision>,
    /// When a colleague first answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_reply_at: Option<Timestamp>,
    /// When it was last solved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub solved_at: Option<Timestamp>,
    /// How often it was reopened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reopened_count: Option<u32>,
    /// The source's tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What it is about, as one word of the source or of a model named in `ext`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// How satisfied the person said to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csat: Option<Csat>,
    /// The IANA time zone assumed where the source sent none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_tz_assumed: Option<String>,
    /// The source's other fields, as JSON text.
    #[serde(skip_serializing_if = "Ext::is_empty")]
    pub ext: Ext,
}
