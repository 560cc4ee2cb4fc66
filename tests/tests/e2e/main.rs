//! End to end: a simulated company, the real drivers, embedded stores, faults, and the truth at the end.

mod bad_input;
mod bluesky;
mod brandwatch;
mod customers;
mod full_passes;
mod hubspot;
mod klaviyo;
mod lake;
mod oauth;
mod people;
mod people_truth;
mod plan;
mod privacy;
mod pull_faults;
mod seeds;
mod sendgrid;
mod services;
mod square;
mod store_faults;
mod truth;
mod webhook_faults;
