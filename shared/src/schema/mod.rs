//! The shared customer schema: what every source knows about people, as plain data.

mod account;
mod campaign;
mod consent;
mod contact;
mod date;
mod entity;
mod event;
mod identifier;
mod interaction;
mod key;
mod known;
mod locale;
mod money;
mod order;
mod page;
mod payment;
mod person;
mod post;
mod reference;
mod row;
mod ticket;
mod time;
mod version;
mod vocabulary;

pub use account::*;
pub use campaign::*;
pub use consent::*;
pub use contact::*;
pub use date::*;
pub use entity::*;
pub use event::*;
pub use identifier::*;
pub use interaction::*;
pub use key::*;
pub use known::*;
pub use locale::*;
pub use money::*;
pub use order::*;
pub use page::*;
pub use payment::*;
pub use person::*;
pub use post::*;
pub use reference::*;
pub use row::*;
pub use ticket::*;
pub use time::*;
pub use version::*;

/// The version of the schema; it grows with every addition.
pub const SCHEMA_VERSION: u32 = 1;

#[cfg(test)]
mod tests;
