//! Square: what its answers and deliveries become, and every trap that its API sets.

mod conformance;
mod deliveries;
mod laws;
mod mapping;
mod settings;
mod support;
mod windows;
