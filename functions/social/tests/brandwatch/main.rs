//! Brandwatch: settings, passes, days and mapping.

mod conformance;
mod days;
mod laws;
mod mapping;
mod passes;
mod settings;
mod support;
