#![doc = include_str!("../README.md")]

mod columns;
mod committer;
mod computed;
mod error;
mod facts;
mod fold;
mod housekeeping;
mod intake;
pub mod lambda;
mod layout;
mod manifest;
mod place;
mod table;
mod views;

pub use committer::commit;
pub use computed::{read, replace};
pub use error::LakeError;
pub use facts::{TableFacts, columns_of_tables, tables};
pub use housekeeping::{Housekept, housekeep};
pub use layout::{PEOPLE, PERSON_CANDIDATES, PERSON_LINKS};
pub use manifest::{Committed, Folded};
pub use place::Place;
pub use views::{athena_ddl, views};
