#![doc = include_str!("../README.md")]

pub mod zendesk;

use shared::config::AnySource;

/// Every helpdesk that Tributary reads.
pub const SOURCES: &[&dyn AnySource] = &[&zendesk::Zendesk];
