//! Klaviyo.
