//! What the objects of the fixtures become; review a snapshot as you would code.

use serde_json::{Value, json};
use shared::rows::{Draft, Origin};
use shared::schema::Entity;
use shared::testing::asked::{Asked, UNTIL, second};

use crate::support::{check, seen, stream};

macro_rules! objects {
    ($($stream:ident: $($case:ident),+;)+) => {
        $(mod $stream {
            $(#[test]
            fn $case() {
                const STREAM: &str = stringify!($stream);
                const CASE: &str = stringify!($case);
                let fixture = include_str!(concat!(
                    "../fixtures/hubspot/", stringify!($stream), "/", stringify!($case), ".json"
                ));
                super::check(&format!("{STREAM}__{CASE}"), &super::seen(STREAM, fixture));
            })+
        })+
    };
}

objects! {
    contacts: with_everything, nulls_and_empty_texts, words_and_types_we_do_not_know, broken;
    companies: companies;
    deals: open_won_and_lost, moved_from_stage_to_stage, without_contact_or_currency,
        words_and_types_we_do_not_know;
    tickets: in_every_stage;
    calls: inbound_and_outbound;
    emails: sent_received_bounced_and_planned;
    meetings: held_and_planned;
    notes: about_two_and_about_nobody;
    tasks: open_and_done;
}

#[test]
fn archived_contacts_in_the_bin() {
    let page = include_str!("../fixtures/hubspot/archived_contacts/in_the_bin.json");
    check("archived_contacts__in_the_bin", &stream("archived_contacts").seen(page));
}

#[test]
fn archived_deals_in_the_bin() {
    let page = include_str!("../fixtures/hubspot/archived_deals/in_the_bin.json");
    check("archived_deals__in_the_bin", &stream("archived_deals").seen(page));
}

/// The schema has no row for colleagues and pipelines: as people or accounts they would be taken for customers.
#[test]
fn owners_and_pipelines_become_no_rows() {
    let owners = include_str!("../fixtures/hubspot/owners/a_person_and_a_queue.json");
    check("owners__a_person_and_a_queue", &stream("owners").seen(owners));
    let pipelines = include_str!("../fixtures/hubspot/pipelines/of_tickets.json");
    check("pipelines__of_tickets", &stream("pipelines").seen(pipelines));
}

fn deal(changes: &[(&str, Value)]) -> Value {
    let mut deal = json!({
        "links": { "contacts": ["512"], "companies": [] },
        "id": "7001",
        "properties": { "dealname": "Catering", "createdate": "2026-01-05T00:00:00Z",
            "hs_lastmodifieddate": "2026-02-01T10:00:00.500Z" },
    });
    for (name, value) in changes {
        deal[*name] = value.clone();
    }
    deal
}

fn drafts(stream: &Asked, record: &Value, origin: Origin) -> Vec<Draft> {
    stream.map(record, origin).expect("a good record").drafts
}

fn version(name: &'static str, record: &Value) -> i64 {
    drafts(&stream(name), record, Origin::Page)[0].version
}

/// Links change without the object: a pass that finds other links wins, whatever the digests say.
#[test]
fn a_full_pass_outranks_what_a_search_read_before() {
    let old = deal(&[]);
    let relinked = deal(&[("links", json!({ "contacts": ["513"], "companies": [] }))]);
    assert!(version("all_deals", &relinked) > version("deals", &old));
    // A change after the pass wins over the pass, and so does one that our clock has after it.
    let changed =
        |at: i64| deal(&[("properties", json!({ "hs_lastmodifieddate": second(at).to_string() }))]);
    assert!(version("deals", &changed(UNTIL + 120)) > version("all_deals", &old));
    assert!(version("deals", &changed(UNTIL - 400)) > version("all_deals", &old));
    assert!(version("deals", &changed(UNTIL - 700)) < version("all_deals", &old));
    // The same change is the same version, read by a search or by a pass.
    let fresh = changed(UNTIL);
    assert_eq!(version("deals", &fresh), version("all_deals", &fresh));
    let rows = drafts(&stream("all_deals"), &old, Origin::Page);
    assert_eq!(
        rows[0].updated_at.map(|at| at.to_string()).as_deref(),
        Some("2026-02-01T10:00:00.500000Z")
    );
}

/// Contacts have their links as a property: a pass says nothing new about them, and lands nothing again.
#[test]
fn a_full_pass_gives_the_same_version_of_a_contact() {
    let contact =
        json!({ "id": "512", "properties": { "lastmodifieddate": "2026-02-01T10:00:00.500Z" } });
    assert_eq!(version("contacts", &contact), version("all_contacts", &contact));
}

/// airbyte #14390, #14639, PR #69203: reads without links must not take links away.
#[test]
fn an_object_that_was_read_without_its_links_lands_nothing_and_counts_as_there() {
    for name in ["deals", "all_deals", "tickets", "all_tickets"] {
        let mut bare = deal(&[]);
        bare.as_object_mut().expect("an object").remove("links");
        let mapped = stream(name).map(&bare, Origin::Lookup).expect("a good record");
        assert!(mapped.drafts.is_empty(), "{name}");
        assert_eq!(mapped.present[0].1, "7001");
    }
}

/// Whoever is linked, the story of a deal is told once to each, under ids that stay.
#[test]
fn the_story_of_a_deal_is_the_same_from_a_search_and_from_a_pass() {
    let won = json!({ "createdate": "2026-01-05T00:00:00Z", "hs_is_closed": "true",
        "hs_is_closed_won": "true", "closedate": "2026-02-01T09:00:00Z", "amount": "10",
        "deal_currency_code": "EUR", "hs_lastmodifieddate": "2026-02-01T10:00:00.500Z" });
    let links = json!({ "contacts": ["512", "513"], "companies": [] });
    let won = deal(&[("properties", won), ("links", links)]);
    let story = |name| drafts(&stream(name), &won, Origin::Page).split_off(1);
    assert_eq!(story("deals"), story("all_deals"));
    let ids: Vec<String> = story("deals").into_iter().map(|draft| draft.id).collect();
    assert_eq!(ids, ["7001-created-512", "7001-created-513", "7001-won-512", "7001-won-513"]);
}

/// What a read of a single object answers is told as a search tells it, under the same ids.
#[test]
fn a_deal_read_alone_after_an_event_tells_what_the_search_tells() {
    let history = json!({ "dealstage": [
        { "value": "contractsent", "timestamp": "2026-02-01T10:00:00.500Z", "sourceType": "CRM_UI" },
        { "value": "appointmentscheduled", "timestamp": "2026-01-05T00:00:00Z", "sourceType": "API" },
    ] });
    let links = json!({ "contacts": ["22", "512"], "companies": ["9002", "9001"] });
    let searched = deal(&[("links", links), ("propertiesWithHistory", history.clone())]);
    let link = |id: &str, label: &str| json!({ "id": id, "type": label });
    let associations = json!({
        "contacts": { "results": [link("512", "deal_to_contact"), link("22", "deal_to_contact"),
            link("512", "decision_maker")] },
        "companies": { "results": [link("9001", "deal_to_company_unlabeled"),
            link("9001", "partner"), link("9002", "deal_to_company"),
            link("9002", "deal_to_company_unlabeled")] },
    });
    let mut alone = deal(&[("associations", associations), ("propertiesWithHistory", history)]);
    alone.as_object_mut().expect("an object").remove("links");
    let told = |record: &Value, origin| -> Vec<(String, Entity)> {
        let rows = drafts(&stream("deals"), record, origin);
        rows.into_iter().map(|row| (row.id, row.entity)).collect()
    };
    let rows = told(&searched, Origin::Page);
    assert_eq!(told(&alone, Origin::Lookup), rows);
    let ids: Vec<&str> = rows.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "7001",
            "7001-created-22",
            "7001-created-512",
            "7001-stage-1769940000500-22",
            "7001-stage-1769940000500-512"
        ]
    );
    // A link may be new although the deal is not: whoever looked last is right.
    let version = |record: &Value, origin| drafts(&stream("deals"), record, origin)[0].version;
    assert!(version(&alone, Origin::Lookup) > version(&searched, Origin::Page));
}

/// Fifty links and more are told in parts: such a deal waits for the search.
#[test]
fn a_deal_read_alone_without_all_of_its_links_lands_nothing() {
    let contacts = json!({ "results": [{ "id": "512", "type": "deal_to_contact" }],
        "paging": { "next": { "after": "1" } } });
    for associations in [json!(null), json!({ "contacts": contacts })] {
        let mut bare = deal(&[("associations", associations)]);
        bare.as_object_mut().expect("an object").remove("links");
        let mapped = stream("deals").map(&bare, Origin::Lookup).expect("a good record");
        assert!(mapped.drafts.is_empty());
        assert_eq!(mapped.present[0].1, "7001");
    }
}

/// A stage that is neither configured nor every account's says nothing without the account's pipelines.
#[test]
fn a_ticket_read_alone_lands_if_its_stage_is_known() {
    let ticket = |stage: &str| {
        json!({ "id": "801", "properties": { "hs_pipeline_stage": stage,
            "hs_lastmodifieddate": "2026-02-01T10:00:00Z" },
            "associations": { "contacts": { "results": [{ "id": "512", "type": "ticket_to_contact" }] } } })
    };
    for (stage, status) in [("4", Some("closed")), ("77001", Some("hold")), ("88124", None)] {
        let rows = drafts(&stream("tickets"), &ticket(stage), Origin::Lookup);
        let told = rows.first().map(|row| match &row.entity {
            Entity::Ticket(ticket) => ticket.status.as_str(),
            _ => panic!("a ticket"),
        });
        assert_eq!(told, status, "{stage}");
    }
}

/// Every read of a deal tells all of its moves again: they land once.
#[test]
fn a_move_keeps_its_version_when_the_deal_changes() {
    let moved = |changed: &str| {
        let history = json!({ "dealstage": [
            { "value": "b", "timestamp": "2026-01-07T00:00:00Z" },
            { "value": "a", "timestamp": "2026-01-05T00:00:00Z" } ] });
        let properties = json!({ "hs_lastmodifieddate": changed });
        let deal = deal(&[("properties", properties), ("propertiesWithHistory", history)]);
        drafts(&stream("deals"), &deal, Origin::Page).pop().expect("a move")
    };
    assert_eq!(moved("2026-02-01T10:00:00Z"), moved("2026-02-02T10:00:00Z"));
}

/// Numbers parsed as floats lose digits of ids and cents.
#[test]
fn amounts_never_pass_through_a_float() {
    let properties = json!({ "hs_lastmodifieddate": "2026-02-01T10:00:00Z",
        "amount": "90071992547409.93", "deal_currency_code": "EUR" });
    let rows = drafts(&stream("deals"), &deal(&[("properties", properties)]), Origin::Page);
    let Entity::Deal(deal) = &rows[0].entity else { panic!("a deal") };
    assert_eq!(deal.amount_minor, Some(9_007_199_254_740_993));
}

/// A task is due, a meeting planned, and both are moved: what happened must not move with them.
#[test]
fn moving_a_meeting_or_a_task_moves_no_interaction() {
    for name in ["meetings", "tasks"] {
        let on = |day: &str| {
            json!({ "id": "1", "links": { "contacts": ["512"] }, "properties": {
                "hs_timestamp": format!("2026-0{day}T09:00:00Z"),
                "hs_meeting_start_time": format!("2026-0{day}T09:00:00Z"),
                "hs_createdate": "2026-01-05T00:00:00Z",
                "hs_lastmodifieddate": "2026-02-01T10:00:00Z" } })
        };
        let id = |record: &Value| {
            let rows = drafts(&stream(name), record, Origin::Page);
            let Entity::Interaction(interaction) = &rows[0].entity else { panic!("interaction") };
            interaction.interaction_id
        };
        assert_eq!(id(&on("3-01")), id(&on("4-01")), "{name}");
    }
}

/// Texts expire with the raw zone, and are not even asked for.
#[test]
fn texts_of_notes_calls_emails_and_tickets_are_neither_asked_for_nor_kept() {
    for (name, fixture, text) in [
        ("calls", include_str!("../fixtures/hubspot/calls/inbound_and_outbound.json"), "Monday"),
        (
            "notes",
            include_str!("../fixtures/hubspot/notes/about_two_and_about_nobody.json"),
            "window",
        ),
        (
            "tickets",
            include_str!("../fixtures/hubspot/tickets/in_every_stage.json"),
            "Good morning",
        ),
        ("tasks", include_str!("../fixtures/hubspot/tasks/open_and_done.json"), "Call Mira"),
        (
            "emails",
            include_str!("../fixtures/hubspot/emails/sent_received_bounced_and_planned.json"),
            "As promised",
        ),
    ] {
        assert!(fixture.contains(text), "{name}: the fixture lacks the text");
        assert!(!seen(name, fixture).to_string().contains(text), "{name}");
    }
}

#[test]
fn what_a_full_pass_does_not_find_is_buried_and_outranks_the_living() {
    for name in ["all_contacts", "all_companies", "all_deals", "all_tickets"] {
        assert!(stream(name).stream().lookup(&["1".to_owned()]).is_some(), "{name}");
    }
    assert!(stream("all_calls").stream().lookup(&[]).is_none());
}
