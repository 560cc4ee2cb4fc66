//! What must hold for the schema as a whole: laws, lines, and the pages made from it.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod laws;
mod lines;
mod pages;
mod samples;
mod values;
