//! The years before: who is in the CRM, and what colleagues did about them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rand::RngExt as _;

use super::records::{Kind, Place, Portal, text};
use crate::world::{Company, mistyped_name, notation, one_of, written_email};

pub(super) const OWNERS: [(&str, &str, &str); 3] =
    [("71001", "Ines", "Roth"), ("71002", "Marek", "Dvořák"), ("71003", "Aoife", "Byrne")];

type Properties = BTreeMap<&'static str, Option<String>>;

/// The stages of the sales pipeline: id, closed, won.
pub(super) const STAGES: [(&str, bool, bool); 4] = [
    ("appointmentscheduled", false, false),
    ("contractsent", false, false),
    ("closedwon", true, true),
    ("closedlost", true, false),
];

/// The stages of tickets, by their pipelines: id, closed. Those of the first pipeline are every account's.
pub(super) const TICKET_STAGES: [(&str, &[(&str, bool)]); 2] = [
    ("0", &[("1", false), ("2", false), ("3", false), ("4", true)]),
    ("6120", &[("88123", false), ("88124", true)]),
];

/// A colleague who left.
pub(super) const FORMER_OWNER: (&str, &str, &str) = ("70990", "Tomasz", "Wrona");

/// Writes the history of an account.
pub(super) fn write(portal: &mut Portal, company: &Company, days: u32, until: Timestamp) {
    let begin = until - SignedDuration::from_hours(24 * i64::from(days.max(1)));
    let some = |portal: &mut Portal, from: Timestamp| {
        let from = from.as_millisecond().min(until.as_millisecond() - 2);
        let at = portal.dice.random_range(from..until.as_millisecond() - 1);
        Timestamp::from_millisecond(at).unwrap_or(until)
    };
    let mut businesses = Vec::new();
    for organization in &company.organizations {
        let at = some(portal, begin);
        let properties = Properties::from([
            ("name", text(&organization.name)),
            ("domain", text(&organization.domain)),
            ("industry", text("RESTAURANTS")),
            ("country", if businesses.len() % 2 == 0 { text("Germany") } else { text("GB") }),
        ]);
        businesses.push(portal.create(Kind::Company, at, at, properties));
    }
    for (number, person) in company.people.iter().enumerate() {
        let records = if portal.dice.random_ratio(1, 10) { 2 } else { 1 };
        for record in 0..records {
            let at = some(portal, begin.max(person.since));
            let business = person.organization.map(|index| businesses[index]);
            let properties = contact(portal, person, record == 1, business);
            let contact = portal.create(Kind::Contact, at, at, properties);
            portal.people.insert(contact, number);
            if let Some(business) = business {
                portal.link((Kind::Contact, contact), (Kind::Company, business), true);
            }
            if record == 0 {
                let later = some(portal, at);
                dealings(portal, number, contact, business, later, until);
            }
            if portal.dice.random_ratio(1, 12) {
                let later = some(portal, at);
                portal.touch((Kind::Contact, contact), later, later);
            }
        }
    }
    // Something is in the bin already.
    for kind in [Kind::Contact, Kind::Deal] {
        if let Some(&id) = portal.living(kind).get(1) {
            portal.archive((kind, id), until - SignedDuration::from_secs(5));
        }
    }
}

fn contact(
    portal: &mut Portal,
    person: &crate::world::Person,
    second: bool,
    business: Option<u64>,
) -> Properties {
    let dice = &mut portal.dice;
    let given = if second { mistyped_name(dice, person) } else { person.given_name.to_owned() };
    let email = if second { person.emails.last() } else { person.emails.first() };
    let phone = person.phone.as_deref().map(|phone| notation(dice, phone));
    let owner = one_of(dice, &OWNERS).0;
    Properties::from([
        ("email", email.map(|email| written_email(dice, email))),
        ("firstname", Some(given)),
        ("lastname", if second { text("") } else { text(person.family_name) }),
        ("phone", phone),
        ("lifecyclestage", text("customer")),
        ("associatedcompanyid", business.map(|id| id.to_string())),
        ("hubspot_owner_id", text(owner)),
        ("city", if second { None } else { text("London") }),
    ])
}

/// What was sold to a contact, what they asked, and what was said.
fn dealings(
    portal: &mut Portal,
    number: usize,
    contact: u64,
    business: Option<u64>,
    at: Timestamp,
    until: Timestamp,
) {
    let place = (Kind::Contact, contact);
    let step = SignedDuration::from_millis((until.as_millisecond() - at.as_millisecond()) / 12);
    if number.is_multiple_of(2) {
        let stage = portal.dice.random_range(0..STAGES.len());
        let deal = deal(portal, at, at, 0, &[place]);
        for (turn, reached) in
            (1..).zip(1..=stage).filter(|(_, reached)| [1, stage].contains(reached))
        {
            move_deal(portal, deal, at + step * turn, at + step * turn, reached);
        }
        if let Some(business) = business {
            portal.link((Kind::Deal, deal), (Kind::Company, business), true);
        }
    }
    if number % 4 == 1 {
        ticket(portal, at + step, place);
    }
    for turn in 1..portal.dice.random_range(2..5) {
        let kind = one_of(
            &mut portal.dice,
            &[Kind::Call, Kind::Email, Kind::Meeting, Kind::Note, Kind::Task],
        );
        let at = at + step * turn;
        engagement(portal, kind, at, at, &[place]);
    }
}

pub(super) fn deal(
    portal: &mut Portal,
    at: Timestamp,
    now: Timestamp,
    stage: usize,
    people: &[Place],
) -> u64 {
    let (stage, closed, won) = STAGES[stage % STAGES.len()];
    let flag = |is: bool| text(if is { "true" } else { "false" });
    let pounds = portal.dice.random_range(1_000..90_000);
    let properties = Properties::from([
        ("dealname", text("Catering for the year")),
        ("pipeline", text("default")),
        ("dealstage", text(stage)),
        ("hs_is_closed", flag(closed)),
        ("hs_is_closed_won", flag(won)),
        ("amount", if pounds % 5 == 0 { text("") } else { Some(format!("{pounds}.50")) }),
        ("deal_currency_code", text("GBP")),
        ("closedate", Some(written(at + SignedDuration::from_hours(1)))),
        ("hubspot_owner_id", text(OWNERS[0].0)),
    ]);
    let deal = portal.create(Kind::Deal, at, now, properties);
    for person in people {
        portal.link((Kind::Deal, deal), *person, false);
    }
    deal
}

/// Moves a deal to another stage, which may close it.
pub(super) fn move_deal(portal: &mut Portal, id: u64, at: Timestamp, now: Timestamp, stage: usize) {
    let (stage, closed, won) = STAGES[stage % STAGES.len()];
    let flag = |is: bool| text(if is { "true" } else { "false" });
    let place = (Kind::Deal, id);
    portal.set(place, at, now, "hs_is_closed", flag(closed));
    portal.set(place, at, now, "hs_is_closed_won", flag(won));
    if closed {
        portal.set(place, at, now, "closedate", Some(written(at)));
    }
    portal.set(place, at, now, "dealstage", text(stage));
}

pub(super) fn ticket(portal: &mut Portal, at: Timestamp, person: Place) -> u64 {
    let (pipeline, stages) = one_of(&mut portal.dice, &TICKET_STAGES);
    let properties = Properties::from([
        ("subject", text("The invoice names the wrong shop")),
        ("content", text("Good morning, please correct it.")),
        ("hs_pipeline", text(pipeline)),
        ("hs_pipeline_stage", text(stages[0].0)),
        ("hs_ticket_priority", text("MEDIUM")),
        ("source_type", text("EMAIL")),
        ("closed_date", None),
        ("hubspot_owner_id", text("")),
    ]);
    let ticket = portal.create(Kind::Ticket, at, at, properties);
    portal.link((Kind::Ticket, ticket), person, false);
    ticket
}

pub(super) fn engagement(
    portal: &mut Portal,
    kind: Kind,
    at: Timestamp,
    now: Timestamp,
    people: &[Place],
) -> u64 {
    let happened = Some(written(at));
    let properties = match kind {
        Kind::Call => Properties::from([
            ("hs_timestamp", happened),
            ("hs_call_direction", text("OUTBOUND")),
            ("hs_call_duration", text("62000")),
            ("hs_call_status", text("COMPLETED")),
            ("hs_call_body", text("She calls back on Monday.")),
        ]),
        Kind::Email => Properties::from([
            ("hs_timestamp", happened),
            (
                "hs_email_direction",
                text(one_of(&mut portal.dice, &["EMAIL", "INCOMING_EMAIL", "FORWARDED_EMAIL"])),
            ),
            ("hs_email_status", text("SENT")),
            ("hs_email_text", text("As promised, our offer.")),
        ]),
        Kind::Meeting => Properties::from([
            ("hs_timestamp", happened.clone()),
            ("hs_meeting_start_time", happened),
            ("hs_meeting_end_time", Some(written(at + SignedDuration::from_mins(45)))),
            ("hs_meeting_outcome", text("COMPLETED")),
        ]),
        Kind::Task => Properties::from([
            ("hs_timestamp", Some(written(at + SignedDuration::from_hours(48)))),
            ("hs_task_status", text("NOT_STARTED")),
            ("hs_task_type", text("CALL")),
        ]),
        _ => Properties::from([
            ("hs_timestamp", happened),
            ("hs_note_body", text("Prefers the table by the window.")),
        ]),
    };
    let id = portal.create(kind, at, now, properties);
    for person in people {
        portal.link((kind, id), *person, false);
    }
    id
}

/// A time as properties have it.
pub(super) fn written(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
