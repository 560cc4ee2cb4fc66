//! Square, end to end.
