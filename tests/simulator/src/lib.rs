//! A small invented company and the vendors' systems it uses, served on loopback; it knows the truth.
//!
//! Start a [`Simulator`], point a connector at [`Zendesk::base_url`](zendesk::Zendesk::base_url),
//! inject [`Fault`]s, and compare what landed with [`Zendesk::truth`](zendesk::Zendesk::truth).
//! Everything follows from [`Settings::seed`]. The crate shares no code with the product.
//!
//! ```
//! use simulator::{Fault, Settings, Simulator};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let simulator = Simulator::start(Settings::default()).await?;
//! let zendesk = simulator.zendesk();
//! let fault = zendesk.faults().inject(Fault::Status(503), 2);
//! // Here a connector reads from `zendesk.base_url()`.
//! assert_eq!(fault.fired(), 0);
//! assert!(!zendesk.truth().tickets.is_empty());
//! # Ok(())
//! # }
//! ```

pub mod bluesky;
pub mod brandwatch;
mod clock;
mod faults;
pub mod hubspot;
pub mod klaviyo;
pub mod score;
pub mod sender;
pub mod sendgrid;
mod server;
pub mod square;
mod vendor;
mod whose;
mod world;
pub mod zendesk;

use std::sync::Arc;

use jiff::Timestamp;
use rand::SeedableRng;

pub use bluesky::Bluesky;
pub use brandwatch::Brandwatch;
pub use clock::Clock;
pub use faults::{Fault, Faults, Injected, Injection, RetryAfter};
pub use hubspot::HubSpot;
pub use klaviyo::Klaviyo;
pub use sender::{DeliveryPlan, DeliveryReport};
pub use sendgrid::SendGrid;
pub use server::{AuthKind, SeenRequest};
pub use square::Square;
pub use vendor::{Sending, Vendor};
pub use whose::{RecordName, Whose};
pub use world::{Company, Household, Order, Organization, Person, PizzaHousehold, Store};
pub use zendesk::Zendesk;

use server::{Answer, Call, Face, Server};

/// The generator behind every random choice.
pub(crate) type Dice = rand_chacha::ChaCha8Rng;

/// What to simulate.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The same seed, sizes and end give the same world.
    pub seed: u64,
    /// How many people the company knows.
    pub people: usize,
    /// How many days of history there are.
    pub days: u32,
    /// When the history ends; now, unless said otherwise.
    pub until: Option<Timestamp>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { seed: 7, people: 120, days: 270, until: None }
    }
}

/// What a settings file says of a connection to a face.
#[derive(Clone, Debug)]
pub struct ConnectionKeys {
    /// The face's source, such as `klaviyo`.
    pub source: &'static str,
    /// The other keys, as TOML lines; secrets are files: `token = { file = "klaviyo-key" }`.
    pub keys: String,
    /// The files with their content, by names that begin with the source's.
    pub secrets: Vec<(&'static str, String)>,
}

/// The running simulation; its servers stop when it is dropped.
pub struct Simulator {
    clock: Clock,
    company: Arc<Company>,
    bluesky: Bluesky,
    brandwatch: Brandwatch,
    hubspot: HubSpot,
    klaviyo: Klaviyo,
    sendgrid: SendGrid,
    square: Square,
    zendesk: Zendesk,
    elsewhere: Server,
}

impl Simulator {
    /// Invents the company and its history, and serves them from the current tokio runtime.
    pub async fn start(settings: Settings) -> std::io::Result<Self> {
        let clock = Clock::default();
        let until = settings.until.unwrap_or_else(|| clock.now());
        let company = Arc::new(Company::invent(&settings, until));
        let elsewhere = Server::start(Elsewhere, Faults::default(), clock.clone()).await?;
        let faults = || Faults::redirecting_to(format!("http://localhost:{}/", elsewhere.port()));
        macro_rules! start {
            ($face:ident) => {
                $face::start(&settings, until, &company, clock.clone(), faults()).await?
            };
        }
        let (bluesky, brandwatch, hubspot) = (start!(Bluesky), start!(Brandwatch), start!(HubSpot));
        let (klaviyo, sendgrid) = (start!(Klaviyo), start!(SendGrid));
        let (square, zendesk) = (start!(Square), start!(Zendesk));
        Ok(Self {
            clock,
            company,
            bluesky,
            brandwatch,
            hubspot,
            klaviyo,
            sendgrid,
            square,
            zendesk,
            elsewhere,
        })
    }

    /// The people and households behind every vendor's records.
    pub fn company(&self) -> &Company {
        &self.company
    }

    /// The clock every face reads.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The open social network.
    pub fn bluesky(&self) -> &Bluesky {
        &self.bluesky
    }

    /// Social listening.
    pub fn brandwatch(&self) -> &Brandwatch {
        &self.brandwatch
    }

    /// The CRM.
    pub fn hubspot(&self) -> &HubSpot {
        &self.hubspot
    }

    /// The email platform for marketing.
    pub fn klaviyo(&self) -> &Klaviyo {
        &self.klaviyo
    }

    /// The email platform for receipts and newsletters.
    pub fn sendgrid(&self) -> &SendGrid {
        &self.sendgrid
    }

    /// The tills.
    pub fn square(&self) -> &Square {
        &self.square
    }

    /// The helpdesk.
    pub fn zendesk(&self) -> &Zendesk {
        &self.zendesk
    }

    /// What reached the foreign host that [`Fault::RedirectElsewhere`] points to.
    ///
    /// A credential must never be among it: look at [`SeenRequest::auth`].
    pub fn elsewhere(&self) -> Vec<SeenRequest> {
        self.elsewhere.requests()
    }
}

/// A host that belongs to nobody we trust.
struct Elsewhere;

impl Face for Elsewhere {
    fn answer(&self, _: &Call) -> Answer {
        Answer::json(200, "{}")
    }
}

/// Independent dice for one part of the world, so that parts do not shift each other.
pub(crate) fn dice(seed: u64, part: u64) -> Dice {
    let mut dice = Dice::seed_from_u64(seed);
    dice.set_stream(part);
    dice
}
