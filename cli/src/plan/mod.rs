//! What a deployment will take and cost, from samples of its streams, a schedule and volumes.
//!
//! [`survey`] asks the sources and the state; all else is pure arithmetic.
//!
//! Counts follow from the code: a [`Sample`](shared::sample::Sample) is made by the code that lands. Durations are
//! assumptions, named in [`assumed`], because they are known only once a deployment runs.

mod amounts;
pub mod assumed;
mod connection;
mod deployment;
pub mod million;
mod prices;
mod stream;
pub mod survey;

pub use amounts::{Amounts, Charge};
pub use connection::{ConnectionPlan, Quota, QuotaShare, Schedule};
pub use deployment::Plan;
pub use prices::{Price, Prices, REGION};
pub use stream::{Basis, Load, StreamPlan, Volumes};

pub(crate) use amounts::float;

#[cfg(test)]
mod tests;
