//! What is told of a person: plain data, with the source of everything in it.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;
use uuid::Uuid;

use crate::identity::{Reason, Strength, Survivors};
use crate::schema::{
    Channel, ConsentState, Currency, Deal, Interaction, Namespace, Order, PersonName, PersonRecord,
    Provenance, Purpose, RecordKey, Ticket, Timestamp, UuidText,
};

/// The people that a lookup leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Answer {
    /// The people, in the order of their ids.
    pub people: Vec<Found>,
    /// Whether the value is many people's, such as a kiosk's phone: these are the first ones who can be reached by it.
    pub shared: bool,
    /// Items and queries that were read.
    pub reads: usize,
}

/// One of the people that a lookup leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Found {
    /// The person's id.
    #[schemars(with = "UuidText")]
    pub person_id: Uuid,
    /// The person's name, if a source knows it.
    pub name: Option<String>,
    /// How sure it is that the records are one person's, 0 to 100.
    pub confidence: u8,
    /// The person's records.
    pub record_keys: Vec<RecordKey>,
}

/// One whole person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Customer {
    /// The person's id now; another than the one asked for if that one became an alias.
    #[schemars(with = "UuidText")]
    pub person_id: Uuid,
    /// How sure it is that the records are one person's.
    pub confidence: Confidence,
    /// What is known of the person, field by field: the value that holds first, each with its source.
    pub profile: Survivors,
    /// What the person decided about being contacted.
    pub consents: Vec<Consented>,
    /// Tickets that somebody still has to do something about, the newest first.
    pub open_tickets: Vec<Entry<Ticket>>,
    /// The last ten orders, the newest first.
    pub recent_orders: Vec<Entry<Order>>,
    /// The deals, open ones first.
    pub deals: Vec<Entry<Deal>>,
    /// The person's figures.
    pub totals: Totals,
    /// The records that describe the person, one for each system and more.
    pub records: Vec<Source>,
    /// Records that may be the same person's, and why they were not joined.
    pub candidates: Vec<PossiblySame>,
    /// People at the same mailbox, phone or postal address.
    #[schemars(with = "Vec<UuidText>")]
    pub household: Vec<Uuid>,
    /// Whether rows are missing because they are too many or too large for a lookup; the tables have them all.
    pub incomplete: bool,
    /// Items and queries that were read.
    pub reads: usize,
}

/// How sure it is that records are one person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Confidence {
    /// 0 to 100; it orders kinds of evidence and is no probability.
    pub score: u8,
    /// The weakest evidence that was needed to join the records; none for a single record.
    pub weakest: Option<Strength>,
}

/// What the person decided about one contact point, channel and purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Consented {
    /// The normalised contact point; none for a decision about the whole person.
    pub contact_point: Option<String>,
    /// The channel.
    pub channel: Channel,
    /// The purpose.
    pub purpose: Purpose,
    /// What holds, decisions about the whole person included: the restrictive state.
    pub state: ConsentState,
    /// Since when.
    pub effective_at: Timestamp,
    /// The record through which it was said.
    pub record_key: RecordKey,
    /// What other records say.
    pub others: Vec<Other>,
    /// Whether one record agreed and another refused.
    pub conflict: bool,
}

/// What another record says about a consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Other {
    /// The state that it has.
    pub state: ConsentState,
    /// The record.
    pub record_key: RecordKey,
}

/// A row of the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "{T}Entry")]
pub struct Entry<T> {
    /// The key of the row.
    pub record_key: RecordKey,
    /// The record of the person that it hangs on.
    pub subject_key: Option<RecordKey>,
    /// When the source last changed it.
    pub source_updated_at: Option<Timestamp>,
    /// What it says.
    pub content: T,
}

impl<T> Entry<T> {
    pub(super) fn new(provenance: &Provenance, content: T) -> Self {
        Self {
            record_key: provenance.record_key.clone(),
            subject_key: provenance.subject_key.clone(),
            source_updated_at: provenance.source_updated_at,
            content,
        }
    }
}

/// The figures of a person.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Totals {
    /// Orders that were placed and not called off.
    pub orders: usize,
    /// What they came to, less what was paid back, for each currency.
    pub spent: Vec<Spent>,
    /// Tickets that somebody still has to do something about.
    pub open_tickets: usize,
    /// The last twelve months.
    pub year: Year,
    /// Whether there is more than is counted in a lookup.
    pub at_least: bool,
}

/// What was spent in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Spent {
    /// The ISO 4217 code.
    pub currency: Currency,
    /// How many decimal digits of the amount are behind the point.
    pub minor_exponent: u8,
    /// The amount in minor units.
    pub amount_minor: i64,
}

/// The figures of twelve months; of emails, each message counts once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Year {
    /// Emails sent to the person.
    pub emails_sent: usize,
    /// Emails opened by a human being; machines are not counted.
    pub emails_opened: usize,
    /// Emails in which a link was followed; programs are not counted.
    pub emails_clicked: usize,
    /// Tickets opened.
    pub tickets_opened: usize,
}

/// A record of the person, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Source {
    /// The key of the record.
    pub record_key: RecordKey,
    /// The vendor's product.
    pub source: SmolStr,
    /// The configured account of it.
    pub connection: SmolStr,
    /// When the source last changed the record.
    pub updated_at: Option<Timestamp>,
}

impl Source {
    pub(super) fn new(provenance: &Provenance) -> Self {
        Self {
            record_key: provenance.record_key.clone(),
            source: provenance.source.clone(),
            connection: provenance.connection_id.clone(),
            updated_at: provenance.source_updated_at,
        }
    }
}

/// A record that may be the same person's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PossiblySame {
    /// The person's own record.
    pub record_key: RecordKey,
    /// The other record.
    pub other_key: RecordKey,
    /// Whose the other record is.
    #[schemars(with = "Option<UuidText>")]
    pub person_id: Option<Uuid>,
    /// What the two share; none if a steward's link was refused.
    pub via: Option<Namespace>,
    /// How strong the evidence is.
    pub strength: Strength,
    /// Why they were not joined.
    pub reason: Reason,
}

/// A page of what happened with a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Timeline {
    /// The person's id now.
    #[schemars(with = "UuidText")]
    pub person_id: Uuid,
    /// What happened, the newest first.
    pub entries: Vec<Entry<Interaction>>,
    /// Give it as `before` for the next page; none on the last one.
    pub next: Option<String>,
    /// Whether something is missing because it is too large for a lookup; the tables have it.
    pub incomplete: bool,
    /// Items and queries that were read.
    pub reads: usize,
}

/// The records of a person, as each source has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Records {
    /// The person's id now.
    #[schemars(with = "UuidText")]
    pub person_id: Uuid,
    /// The records, in the order of their keys.
    pub records: Vec<Record>,
    /// Items and queries that were read.
    pub reads: usize,
}

/// A person as one source knows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Record {
    /// Where it came from.
    pub source: Source,
    /// When we received it.
    pub received_at: Timestamp,
    /// Where its bytes are in the raw zone: the object's key, `#`, and the number of the record in it.
    pub raw_key: String,
    /// What the source says; none if it is too large for a lookup.
    pub content: Option<PersonRecord>,
}

/// What a steward's ruling came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Ruled {
    /// When it was ruled.
    pub at: Timestamp,
    /// Who holds the records now that it named.
    pub people: Vec<Found>,
}

/// A name in one line, if there is anything in it.
pub fn written(name: &PersonName) -> Option<String> {
    let text = |part: &crate::schema::Known<String>| {
        part.value().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty())
    };
    text(&name.full).or_else(|| {
        let parts: Vec<String> = [&name.given, &name.family].into_iter().filter_map(text).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    })
}
