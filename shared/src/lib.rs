//! What every Tributary function stands on: the customer schema, the connector kit, the drivers and the landing zone.
//!
//! Arrows point one way: `schema ← connector kit ← drivers ← hub ← lambda, command line`. Connectors see the kit only;
//! the clock, the network, AWS and the environment belong to the drivers.

pub mod budget;
pub mod clock;
pub mod config;
pub mod connector;
pub mod crash;
pub mod customers;
pub mod error;
pub mod facts;
pub mod fields;
pub mod http;
pub mod hub;
pub mod identity;
pub mod inbox;
pub(crate) mod items;
pub mod lambda;
pub mod landing;
pub mod ledger;
pub mod logging;
pub mod metrics;
pub mod oauth;
pub mod page;
pub mod paging;
pub mod pseudonym;
pub mod receive;
pub mod request;
pub mod review;
pub mod roster;
pub mod rows;
pub mod sample;
pub mod schema;
pub mod secrets;
pub mod signature;
pub mod state;
pub mod stores;
pub mod sync;
pub mod testing;
pub mod usage;
pub mod vault;
