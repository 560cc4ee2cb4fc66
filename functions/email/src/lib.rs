#![doc = include_str!("../README.md")]

pub mod klaviyo;
pub mod sendgrid;

use shared::config::AnySource;

/// Every email platform that Tributary reads.
pub const SOURCES: &[&dyn AnySource] = &[&klaviyo::Klaviyo, &sendgrid::SendGrid];
