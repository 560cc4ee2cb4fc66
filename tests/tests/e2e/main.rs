//! End to end: a simulated company, the real drivers, embedded stores, faults, and the truth at the end.

mod pull_faults;
mod truth;
