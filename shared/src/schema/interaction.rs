//! What happened between us and a person: immutable facts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer, ser::SerializeStruct as _};
use uuid::Uuid;

use super::{
    Channel, Currency, Ext, InteractionKind, Precision, Purpose, RecordKey, Timestamp,
    identifier::UuidText, vocabulary::vocabulary,
};

/// The namespace of every interaction's `UUIDv5`; changing it would change every id.
pub const INTERACTION_NAMESPACE: Uuid = Uuid::from_u128(0x6966_ab60_f304_4555_932b_7799_8630_f9bc);

/// The id of an interaction: the same fact gets the same id, however often and in whatever order it is read.
pub fn interaction_id(
    subject: &RecordKey,
    kind: &str,
    occurred_at: Timestamp,
    vendor_event_id: Option<&str>,
) -> Uuid {
    let mut name = format!("{subject}\n{kind}\n{occurred_at}");
    if let Some(event) = vendor_event_id {
        name.push('\n');
        name.push_str(event);
    }
    Uuid::new_v5(&INTERACTION_NAMESPACE, name.as_bytes())
}

vocabulary! {
    /// From whom an interaction came.
    Direction {
        /// From the person to us.
        In = "in",
        /// From us to the person.
        Out = "out",
    }
}

/// One fact about a person; its row's `record_key` ends in the vendor's event id.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct Interaction {
    /// `UUIDv5` of the subject, the type, the time and the vendor's own event id.
    #[schemars(with = "UuidText")]
    pub interaction_id: Uuid,
    /// What happened, as `type` and `data`.
    #[serde(flatten)]
    pub kind: InteractionKind,
    /// The record of the person whom it is about.
    pub subject_key: RecordKey,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// How precise `occurred_at` is, where coarser than a millisecond.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_precision: Option<Precision>,
    /// From whom it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// The means by which it happened.
    #[serde(default)]
    pub channel: Channel,
    /// The campaign that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign_key: Option<RecordKey>,
    /// The source's id of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// What it is part of: the ticket, order, deal, post or conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_key: Option<RecordKey>,
    /// Why the person was addressed.
    #[serde(default)]
    pub purpose: Purpose,
    /// The link followed, or the page where it can be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What it was worth, in minor units of `currency`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_minor: Option<i64>,
    /// The ISO 4217 code of the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// How many decimal digits of the value are behind the point: EUR 2, JPY 0, KWD 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minor_exponent: Option<u8>,
    /// The IANA time zone assumed where the source sent none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_tz_assumed: Option<String>,
    /// The source's other fields, as JSON text.
    #[serde(default, skip_serializing_if = "Ext::is_empty")]
    pub ext: Ext,
}

impl Interaction {
    /// A fact with its id, and with everything else unknown.
    pub fn new(
        kind: InteractionKind,
        subject_key: RecordKey,
        occurred_at: Timestamp,
        vendor_event_id: Option<&str>,
    ) -> Self {
        Self {
            interaction_id: interaction_id(&subject_key, kind.name(), occurred_at, vendor_event_id),
            kind,
            subject_key,
            occurred_at,
            occurred_precision: None,
            direction: None,
            channel: Channel::Unknown,
            campaign_key: None,
            message_id: None,
            thread_key: None,
            purpose: Purpose::Unknown,
            url: None,
            value_minor: None,
            currency: None,
            minor_exponent: None,
            source_tz_assumed: None,
            ext: Ext::new(),
        }
    }
}

struct Told<'a>(&'a InteractionKind);

impl Serialize for Told<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize_told(serializer)
    }
}

/// By hand because a flattened enum is slow to write, and these are most of all rows.
impl Serialize for Interaction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_struct("Interaction", 17)?;
        macro_rules! optional {
            ($($field:ident),+) => {
                $(if let Some(value) = &self.$field {
                    row.serialize_field(stringify!($field), value)?;
                } else {
                    row.skip_field(stringify!($field))?;
                })+
            };
        }
        row.serialize_field("interaction_id", &self.interaction_id)?;
        row.serialize_field("type", self.kind.name())?;
        row.serialize_field("subject_key", &self.subject_key)?;
        row.serialize_field("occurred_at", &self.occurred_at)?;
        optional!(occurred_precision, direction);
        row.serialize_field("channel", &self.channel)?;
        optional!(campaign_key, message_id, thread_key);
        row.serialize_field("purpose", &self.purpose)?;
        optional!(url, value_minor, currency, minor_exponent, source_tz_assumed);
        row.serialize_field("data", &Told(&self.kind))?;
        if self.ext.is_empty() {
            row.skip_field("ext")?;
        } else {
            row.serialize_field("ext", &self.ext)?;
        }
        row.end()
    }
}
