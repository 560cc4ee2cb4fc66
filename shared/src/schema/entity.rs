//! Everything that a record can become, one variant per table.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    Account, Campaign, Consent, Deal, Interaction, Order, OrderLine, Payment, PersonRecord, Post,
    Suppression, Ticket,
};

/// A text that names no table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a table of the schema")]
pub struct TableError;

/// Declares the tables and the entities in them.
macro_rules! tables {
    ($($(#[$meaning:meta])* $table:ident = $name:literal,)+) => {
        /// The content of one row, without its provenance; tagged by the name of its table.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "table")]
        pub enum Entity {
            $($(#[$meaning])* #[serde(rename = $name)] $table(Box<$table>),)+
        }

        /// The tables of the schema.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Table {
            $($(#[$meaning])* $table,)+
        }

        impl Table {
            /// Every table, in the order of the reference page.
            pub const ALL: &'static [Self] = &[$(Self::$table),+];

            /// The name of the table, such as `person_record`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$table => $name,)+
                }
            }

            pub(super) fn content_schema(
                self,
                generator: &mut schemars::SchemaGenerator,
            ) -> schemars::Schema {
                match self {
                    $(Self::$table => <$table as schemars::JsonSchema>::json_schema(generator),)+
                }
            }
        }

        impl FromStr for Table {
            type Err = TableError;

            fn from_str(name: &str) -> Result<Self, TableError> {
                match name {
                    $($name => Ok(Self::$table),)+
                    _ => Err(TableError),
                }
            }
        }

        impl Entity {
            /// The table that it belongs in.
            pub fn table(&self) -> Table {
                match self {
                    $(Self::$table(_) => Table::$table,)+
                }
            }

            /// Reads the content of a row of this table.
            pub fn from_content(table: Table, json: &str) -> Result<Self, serde_json::Error> {
                match table {
                    $(Table::$table => serde_json::from_str(json).map(Self::$table),)+
                }
            }

            pub(super) fn write_content(&self, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
                match self {
                    $(Self::$table(entity) => serde_json::to_writer(out, entity),)+
                }
            }
        }

        $(impl From<$table> for Entity {
            fn from(entity: $table) -> Self {
                Self::$table(Box::new(entity))
            }
        })+
    };
}

tables! {
    /// A person as one source knows them.
    PersonRecord = "person_record",
    /// A decision about being contacted.
    Consent = "consent",
    /// A contact point that must not be written to.
    Suppression = "suppression",
    /// A company.
    Account = "account",
    /// A sale that is hoped for, won or lost.
    Deal = "deal",
    /// A request for help.
    Ticket = "ticket",
    /// A purchase.
    Order = "order",
    /// One line of a purchase.
    OrderLine = "order_line",
    /// A payment or a refund.
    Payment = "payment",
    /// A public post.
    Post = "post",
    /// A message to many people.
    Campaign = "campaign",
    /// What happened between us and a person.
    Interaction = "interaction",
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Table {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Table {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}
