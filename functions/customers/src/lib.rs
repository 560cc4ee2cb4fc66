#![doc = include_str!("../README.md")]

mod answers;
mod auth;
pub mod lambda;
mod openapi;
mod problem;
mod questions;
mod router;

pub use auth::Auth;
pub use router::router;

#[cfg(test)]
mod tests;
