//! What landed against what a simulated system knows to be true, system by system.

pub mod bluesky;
pub mod brandwatch;
pub mod hubspot;
pub mod klaviyo;
pub mod sendgrid;
pub mod square;
pub mod zendesk;
