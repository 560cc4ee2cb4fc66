//! What an account holds, in the vendor's terms.

use jiff::Timestamp;
use serde_json::{Value, json};

/// A list of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ListName {
    /// Addresses that bounced.
    Bounces,
    /// Addresses that were refused for now.
    Blocks,
    /// Addresses whose owner reported spam.
    SpamReports,
    /// Addresses that cannot exist.
    InvalidEmails,
    /// Addresses whose owner wants nothing any more.
    Unsubscribes,
}

impl ListName {
    /// Every list.
    pub const ALL: [Self; 5] =
        [Self::Bounces, Self::Blocks, Self::SpamReports, Self::InvalidEmails, Self::Unsubscribes];

    /// The list's name in paths.
    pub fn word(self) -> &'static str {
        match self {
            Self::Bounces => "bounces",
            Self::Blocks => "blocks",
            Self::SpamReports => "spam_reports",
            Self::InvalidEmails => "invalid_emails",
            Self::Unsubscribes => "unsubscribes",
        }
    }

    pub(super) fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|list| list.word() == word)
    }
}

/// An address on a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The address as it was written when it was mailed.
    pub email: String,
    /// When it came onto the list, in seconds.
    pub created: i64,
    /// Why, in the words of the receiving server.
    pub reason: String,
    /// The enhanced status.
    pub status: &'static str,
}

impl Entry {
    pub(super) fn json(&self, list: ListName) -> Value {
        let Self { email, created, reason, status } = self;
        match list {
            ListName::Bounces | ListName::Blocks => {
                json!({"created": created, "email": email, "reason": reason, "status": status})
            }
            ListName::SpamReports => {
                json!({"created": created, "email": email, "ip": "10.63.202.100"})
            }
            ListName::InvalidEmails => {
                json!({"created": created, "email": email, "reason": reason})
            }
            ListName::Unsubscribes => json!({"created": created, "email": email}),
        }
    }
}

/// An address that left a group of emails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupEntry {
    /// The address.
    pub email: String,
    /// The group.
    pub group: u64,
    /// When, in seconds.
    pub created_at: i64,
}

/// The account's groups.
pub(super) const GROUPS: [(u64, &str); 2] = [(10, "Newsletter"), (11, "Offers")];

impl GroupEntry {
    pub(super) fn json(&self) -> Value {
        let name = GROUPS.iter().find(|(id, _)| *id == self.group).map_or("", |(_, name)| name);
        json!({"email": self.email, "group_id": self.group, "group_name": name,
            "created_at": self.created_at})
    }
}

/// A contact of Marketing Campaigns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The id.
    pub id: String,
    /// The address, in lower case.
    pub email: String,
    /// Another address.
    pub alternate: Option<String>,
    /// The given name.
    pub first_name: String,
    /// The family name.
    pub last_name: String,
    /// The telephone number as somebody wrote it.
    pub phone: String,
    /// A field of the account's own.
    pub favourite: &'static str,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Whether it is gone.
    pub deleted: bool,
}

/// The columns of a file, as the vendor names them; the last is the account's own.
pub(super) const COLUMNS: [&str; 19] = [
    "EMAIL",
    "FIRST_NAME",
    "LAST_NAME",
    "ADDRESS_LINE_1",
    "ADDRESS_LINE_2",
    "CITY",
    "STATE_PROVINCE_REGION",
    "POSTAL_CODE",
    "COUNTRY",
    "ALTERNATE_EMAILS",
    "PHONE_NUMBER",
    "WHATSAPP",
    "LINE",
    "FACEBOOK",
    "UNIQUE_NAME",
    "CREATED_AT",
    "UPDATED_AT",
    "CONTACT_ID",
    "Favourite Pizza",
];

impl Contact {
    fn cell(&self, column: &str) -> String {
        match column {
            "EMAIL" => self.email.clone(),
            "FIRST_NAME" => self.first_name.clone(),
            "LAST_NAME" => self.last_name.clone(),
            "ALTERNATE_EMAILS" => self.alternate.clone().unwrap_or_default(),
            "PHONE_NUMBER" => self.phone.clone(),
            "CREATED_AT" => time(self.created_at),
            "UPDATED_AT" => time(self.updated_at),
            "CONTACT_ID" => self.id.clone(),
            "Favourite Pizza" => self.favourite.to_owned(),
            _ => String::new(),
        }
    }

    pub(super) fn csv(&self) -> String {
        let cells = COLUMNS.map(|column| format!("\"{}\"", self.cell(column).replace('"', "\"\"")));
        cells.join(",")
    }

    pub(super) fn json(&self) -> Value {
        let alternates: Vec<&String> = self.alternate.iter().collect();
        let mut contact = json!({"custom_fields": {"favourite_pizza": self.favourite}});
        for column in COLUMNS.iter().filter(|column| **column != "Favourite Pizza") {
            contact[column.to_lowercase()] = self.cell(column).into();
        }
        contact["alternate_emails"] = json!(alternates);
        contact
    }
}

/// A single send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SingleSend {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// `draft`, `scheduled` or `triggered`.
    pub status: &'static str,
    /// When it is or was sent.
    pub send_at: Option<Timestamp>,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Whether it is gone.
    pub deleted: bool,
}

impl SingleSend {
    pub(super) fn json(&self) -> Value {
        let mut send = json!({
            "id": self.id, "name": self.name, "abtest": null, "status": self.status,
            "categories": ["newsletter"], "is_abtest": false,
            "created_at": time(self.created_at), "updated_at": time(self.updated_at),
        });
        if let Some(at) = self.send_at {
            send["send_at"] = time(at).into();
        }
        send
    }
}

/// A time as the vendor writes it: to the second.
pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
