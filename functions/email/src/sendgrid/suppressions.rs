//! The five suppression lists: what was added since the last run, and complete passes that show what was removed.

use std::time::Duration;

use shared::connector::{Horizon, Stream};
use shared::error::{Error, Invalid};
use shared::facts::{Deletes, Granularity, Order, StreamFacts, fact};
use shared::fields::Fields;
use shared::page::{Page, Response};
use shared::request::Request;
use shared::rows::{Draft, Rows};
use shared::schema::{
    BounceState, Channel, Consent, ConsentScope, ConsentState, ContactType, Ext, PersonRecord,
    Precision, Purpose, Suppression, SuppressionCause, Timestamp,
};

use super::address::Address;
use super::times::required_seconds;
use super::window::Window;
use super::{A_DAY, NO_LOOKBACK};

/// How far each run reads back: lists promise neither order nor how soon an entry is shown.
const LOOKBACK: i64 = 600;
const A_WEEK: Duration = Duration::from_hours(7 * 24);

/// The fields of an entry that say something of the suppression and nothing of the person; reasons quote addresses.
const IMPERSONAL: &[&str] = &["status", "ip"];

/// The object of consents that are not told by being on a list of their own.
pub(super) const CONSENT: &str = "consent";
const UNSUBSCRIBE: &str = "unsubscribe";

/// One list.
pub(super) struct List {
    path: &'static str,
    entry: Entry,
    additions: StreamFacts,
    pass: StreamFacts,
}

/// What stands in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    Bounce,
    Block,
    SpamReport,
    InvalidEmail,
    Unsubscribe,
}

/// The names of a list's two streams.
#[derive(Clone, Copy)]
struct Names {
    additions: &'static str,
    pass: &'static str,
    object: &'static str,
    operation: &'static str,
}

pub(super) static LISTS: [List; 5] = [
    List {
        path: "/v3/suppression/bounces",
        entry: Entry::Bounce,
        additions: additions(
            BOUNCES,
            "Addresses to which an email could not be delivered for good.",
        ),
        pass: pass(BOUNCES, A_WEEK, "All bounced addresses, to see which are off the list."),
    },
    List {
        path: "/v3/suppression/blocks",
        entry: Entry::Block,
        additions: additions(BLOCKS, "Addresses whose server refused the last email for now."),
        pass: pass(BLOCKS, A_WEEK, "All blocked addresses, to see which are off the list."),
    },
    List {
        path: "/v3/suppression/spam_reports",
        entry: Entry::SpamReport,
        additions: additions(SPAM_REPORTS, "Addresses whose owner reported an email as spam."),
        pass: pass(SPAM_REPORTS, A_WEEK, "All spam reports, to see which are off the list."),
    },
    List {
        path: "/v3/suppression/invalid_emails",
        entry: Entry::InvalidEmail,
        additions: additions(INVALID_EMAILS, "Addresses that cannot exist."),
        pass: pass(INVALID_EMAILS, A_WEEK, "All invalid addresses, to see which are off the list."),
    },
    List {
        path: "/v3/suppression/unsubscribes",
        entry: Entry::Unsubscribe,
        additions: StreamFacts {
            pushed: true,
            ..additions(UNSUBSCRIBES, "Addresses whose owner wants no email at all any more.")
        },
        pass: pass(UNSUBSCRIBES, A_DAY, "All global unsubscribes, to see which are off the list."),
    },
];

const BOUNCES: Names = Names {
    additions: "bounces",
    pass: "all_bounces",
    object: "bounce",
    operation: "OpenAPI: ListSuppressionBounces",
};
const BLOCKS: Names = Names {
    additions: "blocks",
    pass: "all_blocks",
    object: "block",
    operation: "OpenAPI: ListSuppressionBlock",
};
const SPAM_REPORTS: Names = Names {
    additions: "spam_reports",
    pass: "all_spam_reports",
    object: "spam_report",
    operation: "OpenAPI: ListSpamReport",
};
const INVALID_EMAILS: Names = Names {
    additions: "invalid_emails",
    pass: "all_invalid_emails",
    object: "invalid_email",
    operation: "OpenAPI: ListInvalidEmail",
};
const UNSUBSCRIBES: Names = Names {
    additions: "unsubscribes",
    pass: "all_unsubscribes",
    object: UNSUBSCRIBE,
    operation: "OpenAPI: ListGlobalSuppression",
};

const fn additions(names: Names, reads: &'static str) -> StreamFacts {
    StreamFacts {
        name: names.additions,
        object: names.object,
        reads,
        lag: fact(Duration::ZERO, "not documented; the lookback covers what is shown late"),
        lookback: fact(
            Duration::from_secs(LOOKBACK.unsigned_abs()),
            "github.com/airbytehq/airbyte, source-sendgrid: pages over moving data lose entries",
        ),
        granularity: fact(Granularity::Second, names.operation),
        order: fact(Order::Unordered, names.operation),
        deletes: fact(Deletes::FullPassOf(names.pass), names.operation),
        every: None,
        page_ceiling: None,
        quota: None,
        expired_cursor: &[],
        scopes: &["suppressions (read)"],
        optional: None,
        never_empty: None,
        pushed: false,
    }
}

const fn pass(names: Names, every: Duration, reads: &'static str) -> StreamFacts {
    StreamFacts {
        name: names.pass,
        deletes: fact(Deletes::FullPass, "removing an entry leaves no trace anywhere"),
        every: Some(every),
        lookback: NO_LOOKBACK,
        ..additions(names, reads)
    }
}

/// How a list is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// What was added, window by window.
    Additions,
    /// All that stands in it, whatever the connection's `start`: an old entry is as much in force as a new one.
    Pass,
}

/// One of the two streams of a list.
pub(super) struct Suppressions {
    pub(super) list: &'static List,
    pub(super) reader: Reader,
    pub(super) page_size: u16,
}

impl Stream for Suppressions {
    type Cursor = Window;

    fn facts(&self) -> &'static StreamFacts {
        match self.reader {
            Reader::Additions => &self.list.additions,
            Reader::Pass => &self.list.pass,
        }
    }

    fn begin(&self, horizon: &Horizon) -> Window {
        let since = match self.reader {
            Reader::Additions => horizon.first_second(),
            Reader::Pass => 0,
        };
        Window::open(since, horizon)
    }

    fn resume(&self, window: Window, horizon: &Horizon) -> Window {
        if window.is_begun() {
            return window;
        }
        if self.reader == Reader::Pass {
            return self.begin(horizon);
        }
        let since = window.since();
        let back = if window.is_open() { 0 } else { LOOKBACK };
        Window::open((since - back).max(horizon.first_second()).min(since), horizon)
    }

    fn request(&self, window: &Window, horizon: &Horizon) -> Request {
        window.request(self.list.path, self.page_size, horizon)
    }

    fn page<'r>(
        &self,
        window: &Window,
        horizon: &Horizon,
        response: &'r Response,
    ) -> Result<Page<'r, Window>, Error> {
        window.page(self.page_size, horizon, response, |until| match self.reader {
            Reader::Additions => until,
            Reader::Pass => 0,
        })
    }

    fn watermark(&self, window: &Window) -> Option<Timestamp> {
        let adds = self.reader == Reader::Additions;
        Timestamp::from_unix_seconds(window.since()).ok().filter(|_| adds)
    }

    fn map(&self, record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        self.list.map(record, rows)
    }

    fn gone(&self, id: &str, rows: &mut Rows<'_>) {
        if self.reader == Reader::Additions {
            return;
        }
        let (object, at) = (self.list.pass.object, rows.received_at());
        if self.list.entry == Entry::Block {
            rows.push(Draft::tombstone(object, id, at, PersonRecord::default(), rows));
            return;
        }
        let nothing = Suppression::new(id.to_owned(), SuppressionCause::Unknown, at);
        rows.push(Draft::tombstone(object, id, at, nothing, rows));
        if self.list.entry == Entry::Unsubscribe {
            // Nobody says that the person agreed again, only that the refusal stands no more.
            let nothing =
                Consent::new(Channel::Email, Purpose::Marketing, ConsentState::Unknown, at);
            rows.push(Draft::tombstone(CONSENT, id, at, nothing, rows));
        }
    }
}

impl List {
    /// Maps an entry; the id is the address's pseudonym, so an address that is listed anew gets a newer version.
    fn map(&self, mut record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        let at = required_seconds(&mut record, "created")?;
        let address = Address::take(&mut record, rows)?;
        let object = self.additions.object;
        match self.entry {
            Entry::Block => {
                let block = block(&address, record, rows);
                rows.push(Draft::new(object, address.key, at, block, rows));
                return Ok(());
            }
            Entry::Unsubscribe => unsubscribe(&address, at, impersonal(record, rows), rows),
            entry => {
                let ext = impersonal(record, rows);
                let cause = match entry {
                    Entry::SpamReport => SuppressionCause::Complaint,
                    // A bounce with a temporary status is suppressed all the same, but not because nobody is there.
                    _ if ext.get("status").is_some_and(|code| code.starts_with("\"4")) => {
                        SuppressionCause::Unknown
                    }
                    _ => SuppressionCause::HardBounce,
                };
                suppress(object, &address, cause, at, ext, rows);
            }
        }
        rows.push(address.person(rows));
        Ok(())
    }
}

/// A block stops no further email, so it is no suppression: it is a recipient whose last email failed for now.
fn block(address: &Address, record: Fields<'_>, rows: &mut Rows<'_>) -> PersonRecord {
    let mut point = address.point();
    point.bounce_state = BounceState::Soft;
    PersonRecord {
        identifiers: address.identifiers(),
        contact_points: vec![point],
        ext: record.into_ext(rows),
        ..PersonRecord::default()
    }
}

fn impersonal(record: Fields<'_>, rows: &mut Rows<'_>) -> Ext {
    let mut ext = record.into_ext(rows);
    ext.retain(|name, _| IMPERSONAL.contains(&name.as_str()));
    ext
}

fn suppress(
    object: &'static str,
    address: &Address,
    cause: SuppressionCause,
    at: Timestamp,
    ext: Ext,
    rows: &mut Rows<'_>,
) {
    let mut suppression = Suppression::new(address.key.clone(), cause, at);
    suppression.ext = ext;
    let draft = Draft::new(object, address.key.as_str(), at, suppression, rows);
    rows.push(draft.about(Some(address.recipient(rows))));
}

/// A global unsubscribe is two things: nothing may be sent to the address, and the person refuses marketing.
pub(super) fn unsubscribe(address: &Address, at: Timestamp, ext: Ext, rows: &mut Rows<'_>) {
    suppress(UNSUBSCRIBE, address, SuppressionCause::Unsubscribe, at, ext, rows);
    let consent = decision(address, Purpose::Marketing, ConsentState::OptOut, at);
    let draft = Draft::new(CONSENT, address.key.as_str(), at, consent, rows);
    rows.push(draft.about(Some(address.recipient(rows))));
}

/// What somebody decided about email to an address.
pub(super) fn decision(
    address: &Address,
    purpose: Purpose,
    state: ConsentState,
    at: Timestamp,
) -> Consent {
    let mut consent = Consent::new(Channel::Email, purpose, state, at);
    consent.contact_point = address.normalised();
    consent.contact_type = ContactType::Email;
    consent.scope = ConsentScope::ContactPoint;
    consent.effective_precision = Some(Precision::Second);
    consent
}
