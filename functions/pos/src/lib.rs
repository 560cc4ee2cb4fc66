#![doc = include_str!("../README.md")]

pub mod square;

use shared::config::AnySource;

/// Every point of sale that Tributary reads.
pub const SOURCES: &[&dyn AnySource] = &[&square::Square];
