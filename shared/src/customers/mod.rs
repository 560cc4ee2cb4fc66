//! One whole person out of the customers table: found by an identifier, read through the person's records, ruled about.
//!
//! A lookup begins at an identifier, a record or an id and walks the evidence around it; it never scans. What is known of
//! a person hangs on the person's records, which are few, so everything is read in parallel by key.

mod assemble;
mod cursor;
mod find;
mod lookup;
mod reading;
mod rulings;
mod timeline;
mod totals;
mod view;

use thiserror::Error as ThisError;
use uuid::Uuid;

use crate::error::{Error, Invalid};
use crate::identity::{Partition, People, Person, Recognition, Surroundings};
use crate::items::Items;
use crate::landing::Landing;
use crate::stores::Stores;

pub use cursor::Cursor;
pub use lookup::Lookup;
pub use rulings::{Opposite, Signed};
pub use timeline::MOST_ENTRIES;
pub use view::*;

#[cfg(test)]
mod tests;

/// The people of a deployment, as whoever serves them wants to see them.
#[derive(Clone, Debug)]
pub struct Customers {
    items: Items,
    landing: Landing,
    people: People,
    recognition: Recognition,
}

/// Why there is no answer.
#[derive(Debug, ThisError)]
pub enum CustomersError {
    /// The question is wrong; says which field, never its value.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The id is nobody's, or the person's records are all deleted.
    #[error("nobody has this id")]
    Nobody,
    /// The stores or the settings do not allow an answer.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// A person among the evidence around them.
struct Located {
    person: Person,
    surroundings: Surroundings,
    partition: Partition,
    reads: usize,
}

impl Customers {
    /// The people of these stores, recognised in this way.
    pub fn new(stores: &Stores, recognition: Recognition) -> Self {
        let landing = Landing::new(stores, Some(recognition.clone()));
        let people = landing.people().clone();
        Self { items: Items::new(stores), landing, people, recognition }
    }

    /// The person to whom an id leads: that person's own, or one that a merge made obsolete.
    async fn locate(&self, person: Uuid) -> Result<Located, CustomersError> {
        let record = self.people.record_of(person).await?.ok_or(CustomersError::Nobody)?;
        let surroundings = self.people.around([record.clone()]).await?;
        let partition = surroundings.solve(self.people.rules());
        let person = partition.person_of(&record).cloned().ok_or(CustomersError::Nobody)?;
        let reads = surroundings.reads + 1;
        Ok(Located { person, surroundings, partition, reads })
    }
}
