#![doc = include_str!("../README.md")]

pub mod hubspot;

use shared::config::AnySource;

/// Every CRM that Tributary reads.
pub const SOURCES: &[&dyn AnySource] = &[&hubspot::HubSpot];
