//! Who is who: which records of which systems describe one person, as a pure function of the evidence.
//!
//! `evidence_of` turns a record into [`Evidence`]; [`solve`] turns evidence and the stewards' [`Override`]s into a
//! [`Partition`]; [`survivors`] and [`consents`] say what is known of the people in it. Nothing here reads a clock, a
//! store or the order of arrival: any permutation and duplication of the same evidence gives the same partition.
//! Undoing a merge is taking its evidence away and solving again.
//!
//! - Ids that mean something only within one connection are compared as `connection:value`, see [`qualify`].
//! - An identifier carried by too many records, or by records that are provably more than two people, is *shared*: it
//!   reaches people and recognises nobody, see [`is_shared`].
//! - An exact identifier whose records bear different given names is *contested*, as a family's mailbox is: it joins by
//!   name only, as a phone does. A nameless record on it goes to nobody rather than to whoever comes first.
//! - Where a name is needed, one that is a part of the other is enough (`A. Holm` and `Ann Holm`), for the names of two
//!   groups of records must never disagree.
//! - Edges join pairs of records, not records with identifiers: when a family's mailbox cannot join its two owners, each
//!   owner's own records must still find each other.
//! - A deleted record leaves its person and belongs to nobody. A record of an organisation stands alone: it has an id, so
//!   that what hangs on it can be found, and it neither joins nor counts for anybody.
//! - A person's id follows from the person's oldest record, and every record resolves to one person, so a former id needs
//!   no history, see [`person_id_of`].

mod blob;
mod blocked;
mod cluster;
mod config;
mod consent;
mod edges;
mod evidence;
mod fold;
mod household;
mod ids;
mod key;
pub mod live;
mod names;
mod overrides;
mod partition;
mod qualify;
mod recognition;
mod ruled;
mod solve;
mod survivors;
mod told;
mod union;

pub use blob::{blobs, is_shared};
pub use blocked::is_blocked;
pub use config::{IdSpace, IdentityConfig, SolveConfig};
pub use consent::{ConsentKey, Decision, consents, effective};
pub use evidence::{Clue, Evidence, Standing, evidence_of};
pub use fold::fold_email;
pub use household::households;
pub use ids::{aliases, person_id_of};
pub use key::{IdentifierKey, IdentifierKeyError, IdentityKey};
pub use live::{Carriers, People, Surroundings};
pub use names::{Agreement, Name};
pub use overrides::{Likeness, Override, Ruling};
pub use partition::{Candidate, Household, Partition, Person, Reason, Strength};
pub use qualify::{Qualified, qualify};
pub use recognition::{IdentitySettings, Recognition};
pub(crate) use ruled::MOST_RULED;
pub use solve::solve;
pub use survivors::{Claim, Gathered, Member, Ranks, Survivor, Survivors, survivors};
pub(crate) use told::{News, Pending, Untold};

#[cfg(test)]
mod tests;
