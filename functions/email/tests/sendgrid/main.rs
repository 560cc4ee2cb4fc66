//! SendGrid: what its answers and deliveries become, and every trap that its API sets.

mod conformance;
mod deliveries;
mod exports;
mod laws;
mod lists;
mod mapping;
mod settings;
mod support;
