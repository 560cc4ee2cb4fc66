//! The command line as its users meet it: the real binary, a simulated helpdesk, folders of its own.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod aws;
mod customer;
mod demo;
mod help;
mod home;
mod mistakes;
mod newcomer;
mod pipe;
mod resolve;
mod serve;
mod skeleton;
mod tables;
