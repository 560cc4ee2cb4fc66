//! The types of objects that are read, as data: where they are, what of them is asked for, what they become.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use shared::error::Invalid;
use shared::facts::{Deletes, Fact, Granularity, Order, Pace, Quota, StreamFacts, fact};
use shared::fields::Fields;
use shared::request::Request;
use shared::rows::Rows;
use shared::schema::{Currency, StageCategory, TicketStatus};

use super::engagements::Activity;
use super::objects::Object;
use super::{batch, companies, contacts, deals, engagements, tickets};

/// One type of objects.
pub(super) struct Kind {
    /// Its name in paths.
    pub(super) path: &'static str,
    /// Its name in keys.
    pub(super) object: &'static str,
    /// The property that tells when an object changed.
    pub(super) changed: &'static str,
    /// The properties that are asked for.
    pub(super) properties: &'static [&'static str],
    /// The types of objects whose ids are wanted.
    pub(super) linked: &'static [&'static str],
    /// The property whose earlier values are wanted, too.
    pub(super) history: Option<&'static str>,
    /// Whether its objects stand in stages of which only the account's pipelines tell what they mean.
    pub(super) staged: bool,
    /// How many are read at once: no more than `batch/read` takes, and as many as have room for their links where
    /// cursors are noted.
    pub(super) at_once: usize,
    /// What its objects become.
    pub(super) maps: Maps,
    /// The stream of changes.
    pub(super) changes: StreamFacts,
    /// The stream of everything.
    pub(super) all: StreamFacts,
    /// The stream of what was deleted.
    pub(super) archived: Option<StreamFacts>,
}

/// What objects of a type become.
#[derive(Clone, Copy)]
pub(super) enum Maps {
    Contact,
    Company,
    Deal,
    Ticket,
    Engagement(Activity),
}

/// What the operator says about the account.
#[derive(Debug)]
pub(super) struct Account {
    /// The currency of amounts that name none.
    pub(super) currency: Option<Currency>,
    /// What the operator says the stages of tickets mean.
    pub(super) ticket_stages: BTreeMap<String, TicketStatus>,
    /// What the operator says the stages of deals mean.
    pub(super) deal_stages: BTreeMap<String, StageCategory>,
}

/// How an object was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// Because it changed.
    Changed,
    /// Whether it changed or not, by a full pass.
    Listed,
}

/// The properties that have a name of their own in this account: the usual name, then that one.
pub(super) type Names = BTreeMap<&'static str, &'static str>;

/// What the streams of one type share.
#[derive(Clone)]
pub(super) struct Reader {
    pub(super) kind: &'static Kind,
    /// The properties to ask for, the operator's own among them.
    pub(super) properties: Arc<[String]>,
    pub(super) names: Arc<Names>,
    pub(super) account: Arc<Account>,
}

impl Reader {
    /// What the account calls a property.
    pub(super) fn name(&self, usual: &'static str) -> &'static str {
        self.names.get(usual).copied().unwrap_or(usual)
    }

    /// The property whose earlier values are asked for.
    pub(super) fn history(&self) -> Option<&'static str> {
        self.kind.history.map(|usual| self.name(usual))
    }

    pub(super) fn map(
        &self,
        record: Fields<'_>,
        read: Read,
        rows: &mut Rows<'_>,
    ) -> Result<(), Invalid> {
        let object = Object::open(record, self, read, rows.received_at())?;
        match self.kind.maps {
            Maps::Contact => contacts::map(object, rows),
            Maps::Company => companies::map(object, rows),
            Maps::Deal => deals::map(object, &self.account, rows),
            Maps::Ticket => tickets::map(object, &self.account, rows),
            Maps::Engagement(activity) => engagements::map(object, activity, rows),
        }
    }

    pub(super) fn lookup(&self, ids: &[String]) -> Option<Request> {
        // Nothing is ever gone of what engagements become.
        let looks_up = !matches!(self.kind.maps, Maps::Engagement(_));
        // Earlier values are told of fifty objects at most, and this may ask for a hundred.
        looks_up.then(|| batch::by_id(self, ids, false))
    }
}

const SEARCH: &str = "developers.hubspot.com, guide \"CRM search\"";
const GUIDELINES: &str = "developers.hubspot.com, \"Usage guidelines\": limits of the search API";
const LISTING: &str = "HubSpot-public-api-spec-collection: CRM objects, GET /crm/v3/objects/{type}";
const DELAYED_PASS: &str = "estuary's connector reads everything a second time an hour later, since search lags behind writes; \
                            rows went missing without (airbyte #34446, #40591)";

/// How far every run reads back.
pub(super) const LOOKBACK: Duration = Duration::from_hours(1);

const SEARCHES: Fact<Quota> = fact(
    Quota { name: "search", pace: Pace { requests: 5, per: Duration::from_secs(1) } },
    GUIDELINES,
);
pub(super) const NO_WAIT: Fact<Duration> =
    fact(Duration::ZERO, "a list of what there is now, not a window of time");

const fn changes(
    name: &'static str,
    object: &'static str,
    reads: &'static str,
    scope: &'static [&'static str],
) -> StreamFacts {
    StreamFacts {
        name,
        object,
        reads,
        lag: fact(Duration::from_mins(1), SEARCH),
        lookback: fact(LOOKBACK, DELAYED_PASS),
        granularity: fact(Granularity::Millisecond, SEARCH),
        order: fact(
            Order::Unordered,
            "asked for by hs_object_id within a fixed window (airbyte #43317, #44899)",
        ),
        deletes: fact(
            Deletes::None,
            "an activity is a fact and stays one; archiving it only hides it",
        ),
        every: None,
        page_ceiling: Some(fact(10_000, SEARCH)),
        quota: Some(SEARCHES),
        expired_cursor: &[],
        scopes: scope,
        optional: None,
        never_empty: None,
        pushed: false,
    }
}

const fn all(name: &'static str, reads: &'static str, of: &StreamFacts) -> StreamFacts {
    StreamFacts {
        name,
        object: of.object,
        reads,
        lag: NO_WAIT,
        lookback: NO_WAIT,
        granularity: fact(Granularity::Millisecond, SEARCH),
        order: fact(Order::Unordered, LISTING),
        deletes: of.deletes,
        every: Some(Duration::from_hours(7 * 24)),
        page_ceiling: None,
        quota: None,
        // A token of a list may not outlive a pause; the pass then begins anew.
        expired_cursor: &[400],
        scopes: of.scopes,
        optional: None,
        never_empty: None,
        pushed: false,
    }
}

const fn archived(name: &'static str, reads: &'static str, of: &StreamFacts) -> StreamFacts {
    StreamFacts {
        deletes: fact(Deletes::None, "the list is one of deletions"),
        every: Some(Duration::from_hours(1)),
        ..all(name, reads, of)
    }
}

const fn deleted_by_pass(of: &StreamFacts, pass: &'static str, pushed: bool) -> StreamFacts {
    StreamFacts {
        deletes: fact(
            Deletes::FullPassOf(pass),
            "search has no archived rows, and what is erased for privacy is in no list at all",
        ),
        pushed,
        ..*of
    }
}

const fn full(of: &StreamFacts) -> StreamFacts {
    StreamFacts { deletes: fact(Deletes::FullPass, LISTING), ..*of }
}

/// Every type that is read, people first.
pub(super) static KINDS: [&Kind; 9] =
    [&CONTACTS, &COMPANIES, &DEALS, &TICKETS, &CALLS, &EMAILS, &MEETINGS, &NOTES, &TASKS];

/// People; the company's id is a property of theirs.
pub(super) static CONTACTS: Kind = {
    const CHANGES: StreamFacts = deleted_by_pass(
        &changes(
            "contacts",
            "contact",
            "Contacts that changed, with how to reach and recognise them.",
            &["crm.objects.contacts.read"],
        ),
        "all_contacts",
        true,
    );
    Kind {
        path: "contacts",
        object: "contact",
        changed: "lastmodifieddate",
        properties: &[
            "email",
            "hs_additional_emails",
            "firstname",
            "lastname",
            "salutation",
            "phone",
            "mobilephone",
            "hs_language",
            "date_of_birth",
            "address",
            "city",
            "state",
            "zip",
            "country",
            "associatedcompanyid",
            "company",
            "jobtitle",
            "lifecyclestage",
            "hubspot_owner_id",
            "createdate",
            "lastmodifieddate",
            "hs_object_id",
        ],
        linked: &[],
        history: None,
        staged: false,
        at_once: 100,
        maps: Maps::Contact,
        changes: CHANGES,
        all: full(&all(
            "all_contacts",
            "Every contact: who is not listed is gone, erased ones too.",
            &CHANGES,
        )),
        archived: Some(archived("archived_contacts", "Contacts that were deleted.", &CHANGES)),
    }
};

/// Companies.
pub(super) static COMPANIES: Kind = {
    const CHANGES: StreamFacts = deleted_by_pass(
        &changes(
            "companies",
            "company",
            "Companies that changed.",
            &["crm.objects.companies.read"],
        ),
        "all_companies",
        true,
    );
    Kind {
        path: "companies",
        object: "company",
        changed: "hs_lastmodifieddate",
        properties: &[
            "name",
            "domain",
            "industry",
            "country",
            "hs_parent_company_id",
            "lifecyclestage",
            "hubspot_owner_id",
            "createdate",
            "hs_lastmodifieddate",
            "hs_object_id",
        ],
        linked: &[],
        history: None,
        staged: false,
        at_once: 100,
        maps: Maps::Company,
        changes: CHANGES,
        all: full(&all("all_companies", "Every company: which is not listed is gone.", &CHANGES)),
        archived: Some(archived("archived_companies", "Companies that were deleted.", &CHANGES)),
    }
};

/// Deals, with the people and the company of each.
pub(super) static DEALS: Kind = {
    const CHANGES: StreamFacts = deleted_by_pass(
        &changes(
            "deals",
            "deal",
            "Deals that changed, with their contacts and company; opened, moved from stage to stage, won and lost.",
            &["crm.objects.deals.read", "crm.objects.contacts.read", "crm.objects.companies.read"],
        ),
        "all_deals",
        false,
    );
    Kind {
        path: "deals",
        object: "deal",
        changed: "hs_lastmodifieddate",
        properties: &[
            "dealname",
            "pipeline",
            "dealstage",
            "hs_is_closed",
            "hs_is_closed_won",
            "amount",
            "deal_currency_code",
            "closedate",
            "dealtype",
            "hubspot_owner_id",
            "createdate",
            "hs_lastmodifieddate",
            "hs_object_id",
        ],
        linked: &["contacts", "companies"],
        history: Some("dealstage"),
        staged: false,
        // Earlier values are told of fifty objects at most (activepieces #9359, pipedream #8462).
        at_once: 25,
        maps: Maps::Deal,
        changes: CHANGES,
        all: full(&all(
            "all_deals",
            "Every deal with its links now, which change without the deal.",
            &CHANGES,
        )),
        archived: Some(archived("archived_deals", "Deals that were deleted.", &CHANGES)),
    }
};

/// Tickets, with the people who asked.
pub(super) static TICKETS: Kind = {
    const CHANGES: StreamFacts = deleted_by_pass(
        &changes(
            "tickets",
            "ticket",
            "Tickets that changed, with their contacts, and whether the account's pipelines call their stage closed.",
            &["tickets", "crm.objects.contacts.read"],
        ),
        "all_tickets",
        false,
    );
    Kind {
        path: "tickets",
        object: "ticket",
        changed: "hs_lastmodifieddate",
        properties: &[
            "subject",
            "hs_pipeline",
            "hs_pipeline_stage",
            "hs_ticket_priority",
            "hs_ticket_category",
            "source_type",
            "first_agent_reply_date",
            "closed_date",
            "hubspot_owner_id",
            "createdate",
            "hs_lastmodifieddate",
            "hs_object_id",
        ],
        linked: &["contacts"],
        history: None,
        staged: true,
        at_once: 35,
        maps: Maps::Ticket,
        changes: CHANGES,
        all: full(&all(
            "all_tickets",
            "Every ticket with its links now, which change without the ticket.",
            &CHANGES,
        )),
        archived: Some(archived("archived_tickets", "Tickets that were deleted.", &CHANGES)),
    }
};

macro_rules! engagements {
    ($($(#[$about:meta])* $kind:ident = $path:literal, $all:literal, $object:literal, $activity:ident,
       $scopes:expr, [$($property:literal),*];)+) => {
        $($(#[$about])*
        static $kind: Kind = {
            const CHANGES: StreamFacts = changes(
                $path,
                $object,
                concat!("The ", $path, " that were logged or changed, once for each contact."),
                $scopes,
            );
            Kind {
                path: $path,
                object: $object,
                changed: "hs_lastmodifieddate",
                properties: &[
                    $($property,)* "hs_timestamp", "hubspot_owner_id", "hs_createdate",
                    "hs_lastmodifieddate", "hs_object_id",
                ],
                linked: &["contacts"],
                history: None,
                staged: false,
                at_once: 50,
                maps: Maps::Engagement(Activity::$activity),
                changes: CHANGES,
                all: all(
                    $all,
                    concat!("All ", $path, " again, for contacts that were linked later (airbyte #27199, #44554)."),
                    &CHANGES,
                ),
                archived: None,
            }
        };)+
    };
}

const OF_CONTACTS: &[&str] = &["crm.objects.contacts.read"];
const EMAIL_SCOPES: &[&str] = &["crm.objects.contacts.read", "sales-email-read"];

engagements! {
    /// Telephone calls.
    CALLS = "calls", "all_calls", "call", Call, OF_CONTACTS,
        ["hs_call_direction", "hs_call_duration", "hs_call_status", "hs_call_disposition"];
    /// Emails between a colleague and a contact.
    EMAILS = "emails", "all_emails", "email", Email, EMAIL_SCOPES,
        ["hs_email_direction", "hs_email_status"];
    /// Meetings.
    MEETINGS = "meetings", "all_meetings", "meeting", Meeting, OF_CONTACTS,
        ["hs_meeting_start_time", "hs_meeting_end_time", "hs_meeting_outcome"];
    /// Notes; their text is not asked for.
    NOTES = "notes", "all_notes", "note", Note, OF_CONTACTS, [];
    /// Tasks.
    TASKS = "tasks", "all_tasks", "task", Task, OF_CONTACTS,
        ["hs_task_status", "hs_task_priority", "hs_task_type"];
}
