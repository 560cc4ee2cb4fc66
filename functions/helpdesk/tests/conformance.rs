//! The suite that every connector passes, run for each helpdesk.

use shared::testing::Conformance;

#[test]
fn zendesk() {
    Conformance {
        source: &helpdesk::zendesk::Zendesk,
        settings: r#"
            base_url = "https://ember-oak.zendesk.com"
            email = "sync@ember-oak.example"
            token = { env = "ZENDESK_TOKEN" }
        "#,
        last_pages: &[
            ("users", include_str!("fixtures/zendesk/users/agents.json")),
            ("organizations", include_str!("fixtures/zendesk/organizations/deleted.json")),
            ("tickets", include_str!("fixtures/zendesk/tickets/deleted_and_scrubbed.json")),
            (
                "tickets",
                include_str!("fixtures/zendesk/tickets/words_and_types_we_do_not_know.json"),
            ),
            (
                "ticket_events",
                include_str!("fixtures/zendesk/ticket_events/a_call_solved_at_once.json"),
            ),
            (
                "satisfaction_ratings",
                include_str!("fixtures/zendesk/satisfaction_ratings/scores_we_do_not_know.json"),
            ),
            ("deleted_users", include_str!("fixtures/zendesk/deleted_users/permanent.json")),
            ("deleted_tickets", include_str!("fixtures/zendesk/deleted_tickets/in_the_bin.json")),
        ],
        deliveries: &[
            include_str!("fixtures/zendesk/webhook/ticket_status_changed.json"),
            include_str!("fixtures/zendesk/webhook/user_deleted.json"),
            include_str!("fixtures/zendesk/webhook/organization_name_changed.json"),
        ],
    }
    .check();
}
