//! Bluesky: what its answers and its feed become, and every trap that they set.

mod conformance;
mod feed;
mod known;
mod laws;
mod mapping;
mod searches;
mod settings;
mod support;
