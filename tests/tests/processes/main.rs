//! The real binaries as processes: killed, crashed at named points, invoked as Lambda does, and two at once on one folder.

#![allow(clippy::print_stdout, reason = "figures worth reading beside a passed test")]

mod attached;
mod aws;
mod crash_points;
mod every_function;
mod killed;
mod lambda;
mod metrics;
mod redrive;
