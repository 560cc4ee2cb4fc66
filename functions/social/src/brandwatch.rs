//! Brandwatch.
