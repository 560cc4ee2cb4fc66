//! What a solve says: the people, what was refused, what is shared, and who lives together.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Agreement, IdentifierKey};
use crate::schema::RecordKey;

/// How strong the evidence is that joined two records.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub struct Strength {
    /// 0 a steward's ruling, 1 explicit cross-system id, 2 exact, 3 needs an agreeing name, 4 only looks alike.
    pub tier: u8,
    /// What the names of the two records say.
    pub agreement: Agreement,
}

impl Strength {
    /// A number for people to sort by, 0 to 100. It orders kinds of evidence; it is no probability.
    pub fn score(self) -> u8 {
        use Agreement::{Agree, Disagree, Similar, Unknown};
        match (self.tier, self.agreement) {
            (0, _) => 100,
            (1, Agree) => 98,
            (1, Similar | Unknown) => 95,
            (2, Agree) => 92,
            (2, Similar) => 90,
            (2, Unknown) => 85,
            (1, Disagree) => 75,
            (3, Agree) => 70,
            (3, Similar) => 65,
            (3, Unknown) => 60,
            _ => 50,
        }
    }
}

/// The records that describe one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The id, which follows from the anchor.
    pub person_id: Uuid,
    /// The oldest record, and the smallest key of several.
    pub anchor: RecordKey,
    /// Every record, in the order of their keys.
    pub records: Vec<RecordKey>,
    /// The weakest evidence that was needed to join them; none for a single record.
    pub weakest: Option<Strength>,
}

impl Person {
    /// The score of the weakest evidence; 100 for a single record, about which there is nothing to doubt.
    pub fn confidence(&self) -> u8 {
        self.weakest.map_or(100, Strength::score)
    }
}

/// Why two records that share an identifier were not joined.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A steward said so.
    NeverLink,
    /// The person would have two ids of one connection where there is at most one.
    Exclusive,
    /// The names, or those of the records joined before, are different people's.
    NamesDisagree,
    /// The identifier needs agreeing names, and they cannot be compared.
    NamesUnknown,
    /// The person would have too many email addresses.
    TooManyEmails,
    /// The person would have too many phone numbers.
    TooManyPhones,
}

impl Reason {
    /// The word for it in tables and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NeverLink => "never_link",
            Self::Exclusive => "exclusive",
            Self::NamesDisagree => "names_disagree",
            Self::NamesUnknown => "names_unknown",
            Self::TooManyEmails => "too_many_emails",
            Self::TooManyPhones => "too_many_phones",
        }
    }
}

/// Two records that may be one person's, for a steward to look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Candidate {
    /// The record with the smaller key.
    pub one: RecordKey,
    /// The other record.
    pub other: RecordKey,
    /// The strongest identifier that they share; none if a steward's link was refused.
    pub via: Option<IdentifierKey>,
    /// How strong the evidence is.
    pub strength: Strength,
    /// Why they were not joined.
    pub reason: Reason,
}

/// People at one mailbox, phone or postal address: a relation, never a merge.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Household {
    /// What they share.
    pub via: IdentifierKey,
    /// The people, in the order of their ids.
    pub people: Vec<Uuid>,
}

/// Which records are one person's.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Partition {
    /// The people, in the order of their first records' keys.
    pub people: Vec<Person>,
    /// What was refused.
    pub candidates: Vec<Candidate>,
    /// Identifiers that reach people and recognise nobody.
    pub shared: Vec<IdentifierKey>,
    /// Those of them that were given up because their blob was too large; the caller should raise an alarm.
    pub overflowed: Vec<IdentifierKey>,
    /// Who lives together.
    pub households: Vec<Household>,
}

impl Partition {
    /// The person that a record belongs to; none if it is deleted or unknown.
    ///
    /// Makes an index once for many look-ups: [`Partition::by_record`].
    pub fn person_of(&self, record: &RecordKey) -> Option<&Person> {
        self.people.iter().find(|person| person.records.binary_search(record).is_ok())
    }

    /// Every record with its person.
    pub fn by_record(&self) -> std::collections::HashMap<&RecordKey, &Person> {
        let people = self.people.iter();
        people
            .flat_map(|person| person.records.iter().map(move |record| (record, person)))
            .collect()
    }
}
