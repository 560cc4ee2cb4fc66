//! The records of an account.

use jiff::Timestamp;
use serde_json::Value;

/// Something that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its id.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// The integration that it belongs to.
    pub integration: &'static str,
    /// The topic of its webhook, where it has one.
    pub topic: Option<&'static str>,
}

const fn own(id: &'static str, name: &'static str, topic: &'static str) -> Metric {
    Metric { id, name, integration: "Klaviyo", topic: Some(topic) }
}

/// Everything that the account measures.
pub const METRICS: &[Metric] = &[
    own("RecEm1", "Received Email", "event:klaviyo.email_delivered"),
    own("OpnEm1", "Opened Email", "event:klaviyo.opened_email"),
    own("ClkEm1", "Clicked Email", "event:klaviyo.clicked_email"),
    own("BncEm1", "Bounced Email", "event:klaviyo.bounced_email"),
    own("SpmEm1", "Marked Email as Spam", "event:klaviyo.marked_email_as_spam"),
    own(
        "UnsEm1",
        "Unsubscribed from Email Marketing",
        "event:klaviyo.unsubscribed_from_email_marketing",
    ),
    own("SubEm1", "Subscribed to Email Marketing", "event:klaviyo.subscribed_to_email_marketing"),
    own("SubLi1", "Subscribed to List", "event:klaviyo.subscribed_to_list"),
    own("RecSm1", "Received SMS", "event:klaviyo.received_sms"),
    Metric { id: "PlcOr1", name: "Placed Order", integration: "Shopify", topic: None },
    Metric { id: "OpnOt1", name: "Opened Email", integration: "Another Mailer", topic: None },
];

/// The metric of this name and Klaviyo's own.
pub(super) fn metric(name: &str) -> &'static Metric {
    METRICS.iter().find(|metric| metric.name == name).unwrap_or(&METRICS[0])
}

/// Why an address can be suppressed.
pub const SUPPRESSIONS: &[&str] =
    &["HARD_BOUNCE", "INVALID_EMAIL", "SPAM_COMPLAINT", "UNSUBSCRIBE", "USER_SUPPRESSED"];

/// What somebody agreed to on one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// `SUBSCRIBED`, `UNSUBSCRIBED` or `NEVER_SUBSCRIBED`.
    pub consent: &'static str,
    /// When.
    pub at: Option<Timestamp>,
}

impl Decision {
    /// Nobody ever asked.
    pub const NONE: Self = Self { consent: "NEVER_SUBSCRIBED", at: None };
}

/// Somebody the account writes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// The id.
    pub id: String,
    /// The address, unique among the profiles.
    pub email: Option<String>,
    /// The number in E.164.
    pub phone: Option<String>,
    /// The id of another system.
    pub external_id: Option<String>,
    /// The given name.
    pub first_name: String,
    /// The family name.
    pub last_name: Option<String>,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
    /// Marketing by email.
    pub email_marketing: Decision,
    /// Marketing by text message.
    pub sms_marketing: Decision,
    /// Why the address is suppressed, and since when.
    pub suppressions: Vec<(&'static str, Timestamp)>,
    /// Deleted, or merged into another.
    pub deleted: bool,
}

/// A message to many.
#[derive(Clone, Debug, PartialEq)]
pub struct Campaign {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// `email`, `sms` or `mobile_push`.
    pub channel: &'static str,
    /// The status, such as `Sent`.
    pub status: &'static str,
    /// Whether it is archived.
    pub archived: bool,
    /// The subject line.
    pub subject: Option<String>,
    /// When it was last changed.
    pub updated: Timestamp,
    /// When it went or will go out.
    pub send_time: Option<Timestamp>,
    /// Whether it is gone.
    pub deleted: bool,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The id.
    pub id: String,
    /// What happened.
    pub metric: &'static Metric,
    /// To whom.
    pub profile: String,
    /// When, to the second.
    pub at: Timestamp,
    /// Its properties.
    pub properties: Value,
}
