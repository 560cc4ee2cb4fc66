//! The real binaries as processes: killed, crashed at named points, invoked as Lambda does, and two at once on one folder.

mod attached;
mod crash_points;
mod killed;
mod lambda;
