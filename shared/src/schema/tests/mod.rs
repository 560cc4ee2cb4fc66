//! What must hold for the schema as a whole: laws, lines, and the pages made from it.

mod laws;
mod lines;
mod pages;
mod samples;
mod values;
