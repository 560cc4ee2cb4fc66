//! What every face can do, whatever its vendor.

use std::pin::Pin;

use crate::faults::Faults;
use crate::sender::{DeliveryPlan, DeliveryReport};
use crate::{
    Bluesky, Brandwatch, ConnectionKeys, HubSpot, Klaviyo, SendGrid, Simulator, Square, Zendesk,
};

/// Deliveries on their way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = DeliveryReport> + Send + 'a>>;

/// One vendor's system.
pub trait Vendor: Send + Sync {
    /// What a settings file says of a connection to it.
    fn connection(&self) -> ConnectionKeys;

    /// The faults to inject here.
    fn faults(&self) -> &Faults;

    /// Makes this many random changes now.
    fn live(&self, changes: usize);

    /// Sends to a receiver what has not been sent before; none if the vendor sends no webhooks.
    fn push<'a>(&'a self, url: &'a str, plan: &'a DeliveryPlan) -> Option<Sending<'a>>;
}

macro_rules! vendors {
    ($($face:ident: $url:ident, $plan:ident, $self:ident => $push:expr;)+) => {
        $(impl Vendor for $face {
            fn connection(&self) -> ConnectionKeys {
                $face::connection(self)
            }

            fn faults(&self) -> &Faults {
                $face::faults(self)
            }

            fn live(&self, changes: usize) {
                $face::live(self, changes);
            }

            fn push<'a>(&'a $self, $url: &'a str, $plan: &'a DeliveryPlan) -> Option<Sending<'a>> {
                $push
            }
        })+
    };
}

vendors! {
    Klaviyo: url, plan, self => Some(Box::pin(self.send_webhooks(url, plan)));
    SendGrid: url, plan, self => Some(Box::pin(self.send_webhooks(url, plan)));
    Zendesk: url, plan, self => Some(Box::pin(self.send_webhooks(url, plan)));
    Square: url, plan, self => Some(Box::pin(self.send_webhooks(url, plan)));
    HubSpot: url, plan, self => Some(Box::pin(self.send_webhooks(url, plan)));
    Bluesky: _url, _plan, self => None;
    Brandwatch: _url, _plan, self => None;
}

impl Simulator {
    /// Every vendor's system.
    pub fn vendors(&self) -> [&dyn Vendor; 7] {
        [
            &self.klaviyo,
            &self.sendgrid,
            &self.zendesk,
            &self.square,
            &self.hubspot,
            &self.bluesky,
            &self.brandwatch,
        ]
    }
}
