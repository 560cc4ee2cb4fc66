//! Square.
