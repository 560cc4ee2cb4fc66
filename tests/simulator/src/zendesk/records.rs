//! The helpdesk's records as it knows them: the truth a test compares with.

use jiff::Timestamp;
use serde::Serialize;

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A customer.
    EndUser,
    /// Answers tickets.
    Agent,
    /// Owns the account.
    Admin,
}

/// Where a ticket stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nobody has looked at it.
    New,
    /// An agent works on it.
    Open,
    /// Waits for the requester.
    Pending,
    /// Waits for a third party.
    Hold,
    /// The agent considers it done.
    Solved,
    /// Done for good.
    Closed,
    /// In the bin, or scrubbed.
    Deleted,
}

impl Status {
    /// The word in the REST API.
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Open => "open",
            Self::Pending => "pending",
            Self::Hold => "hold",
            Self::Solved => "solved",
            Self::Closed => "closed",
            Self::Deleted => "deleted",
        }
    }
}

/// What a requester thought of a solved ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Score {
    /// Asked, not answered.
    Offered,
    /// Satisfied.
    Good,
    /// Not satisfied.
    Bad,
}

impl Score {
    /// The word in the REST API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Offered => "offered",
            Self::Good => "good",
            Self::Bad => "bad",
        }
    }
}

/// Whether a record still exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// It does.
    No,
    /// In the bin since then.
    Soft(Timestamp),
    /// Scrubbed since then.
    Permanent(Timestamp),
}

/// A customer or an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: u64,
    /// Index of the true person in [`Company::people`](crate::Company); agents have none.
    pub person: Option<usize>,
    /// The name as written here.
    pub name: String,
    /// The address as written here.
    pub email: Option<String>,
    /// The number as written here.
    pub phone: Option<String>,
    /// Whether the helpdesk knows that several users share the number.
    pub shared_phone_number: bool,
    /// What they may do.
    pub role: Role,
    /// Whom they buy for.
    pub organization_id: Option<u64>,
    /// Their id in another system.
    pub external_id: Option<String>,
    /// Labels.
    pub tags: Vec<String>,
    /// What agents noted.
    pub notes: String,
    /// The zone in the helpdesk's words.
    pub time_zone: &'static str,
    /// The IANA zone.
    pub iana_time_zone: &'static str,
    /// The locale.
    pub locale: &'static str,
    /// When created.
    pub created_at: Timestamp,
    /// When last changed.
    pub updated_at: Timestamp,
    /// Whether it still exists.
    pub deletion: Deletion,
}

/// A conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Its id.
    pub id: u64,
    /// The subject.
    pub subject: String,
    /// The first comment.
    pub description: String,
    /// Where it stands.
    pub status: Status,
    /// How urgent, if anyone said.
    pub priority: Option<&'static str>,
    /// Its kind, if anyone said.
    pub kind: Option<&'static str>,
    /// How it came in.
    pub channel: &'static str,
    /// Who asked.
    pub requester_id: u64,
    /// Who wrote it down.
    pub submitter_id: u64,
    /// Who answers.
    pub assignee_id: Option<u64>,
    /// Whom the requester buys for.
    pub organization_id: Option<u64>,
    /// Its id in another system.
    pub external_id: Option<String>,
    /// Labels.
    pub tags: Vec<String>,
    /// The order number in a custom field.
    pub order_number: Option<String>,
    /// Its rating.
    pub rating: Option<u64>,
    /// When created.
    pub created_at: Timestamp,
    /// When last changed by somebody.
    pub updated_at: Timestamp,
    /// When last changed at all, in Unix seconds: silent updates count.
    pub generated_timestamp: i64,
    /// Whether it still exists.
    pub deletion: Deletion,
}

/// A business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Its id.
    pub id: u64,
    /// What it is called.
    pub name: String,
    /// Its mail domain.
    pub domain: String,
    /// Its id in another system.
    pub external_id: Option<String>,
    /// When created.
    pub created_at: Timestamp,
    /// When last changed.
    pub updated_at: Timestamp,
}

/// A satisfaction rating.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rating {
    /// Its id.
    pub id: u64,
    /// What it is about.
    pub ticket_id: u64,
    /// Who rated.
    pub requester_id: u64,
    /// Who was rated.
    pub assignee_id: Option<u64>,
    /// The verdict.
    pub score: Score,
    /// In the requester's words.
    pub comment: Option<String>,
    /// When offered.
    pub created_at: Timestamp,
    /// When last changed.
    pub updated_at: Timestamp,
}

/// One update of a ticket, with everything it changed.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) id: u64,
    pub(crate) ticket_id: u64,
    pub(crate) at: Timestamp,
    pub(crate) updater_id: u64,
    pub(crate) channel: &'static str,
    pub(crate) children: Vec<Child>,
}

/// One change within an update.
#[derive(Clone, Debug)]
pub(crate) struct Child {
    pub(crate) id: u64,
    pub(crate) change: Change,
}

#[derive(Clone, Debug)]
pub(crate) enum Change {
    Create {
        subject: String,
        status: Status,
        priority: Option<&'static str>,
        kind: Option<&'static str>,
        requester_id: u64,
    },
    Comment {
        author_id: u64,
        public: bool,
        body: String,
    },
    Field {
        name: &'static str,
        from: Option<String>,
        to: Option<String>,
    },
    Redaction {
        comment_id: u64,
    },
}
