//! The suite that every connector passes.

use crm::hubspot::HubSpot;
use shared::testing::Conformance;

use crate::support::WITH_TOKEN;

const NOTHING_FOUND: &str = r#"{"total":0,"results":[]}"#;
const NOTHING_LISTED: &str = r#"{"results":[]}"#;

#[test]
fn hubspot() {
    let searches = [
        "contacts",
        "companies",
        "deals",
        "tickets",
        "calls",
        "emails",
        "meetings",
        "notes",
        "tasks",
    ];
    let lists = [
        "all_contacts",
        "all_companies",
        "all_deals",
        "all_tickets",
        "all_calls",
        "all_emails",
        "all_meetings",
        "all_notes",
        "all_tasks",
        "archived_companies",
        "archived_tickets",
    ];
    let mut last_pages = vec![
        (
            "archived_contacts",
            include_str!("../fixtures/hubspot/archived_contacts/in_the_bin.json"),
        ),
        ("archived_deals", include_str!("../fixtures/hubspot/archived_deals/in_the_bin.json")),
        ("owners", include_str!("../fixtures/hubspot/owners/a_person_and_a_queue.json")),
        ("pipelines", include_str!("../fixtures/hubspot/pipelines/of_tickets.json")),
    ];
    last_pages.extend(searches.map(|name| (name, NOTHING_FOUND)));
    last_pages.extend(lists.map(|name| (name, NOTHING_LISTED)));
    Conformance {
        source: &HubSpot,
        settings: WITH_TOKEN,
        last_pages: &last_pages,
        deliveries: &[
            include_str!("../fixtures/hubspot/webhook/changes.json"),
            include_str!("../fixtures/hubspot/webhook/merged.json"),
            include_str!("../fixtures/hubspot/webhook/of_objects_with_links.json"),
        ],
    }
    .check();
}
