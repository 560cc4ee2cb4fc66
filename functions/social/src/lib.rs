#![doc = include_str!("../README.md")]

pub mod bluesky;
pub mod brandwatch;

use shared::config::AnySource;

/// Every social networks that Tributary reads.
pub const SOURCES: &[&dyn AnySource] = &[&bluesky::Bluesky, &brandwatch::Brandwatch];
