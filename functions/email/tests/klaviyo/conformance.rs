//! The suite that every connector passes.

use shared::testing::Conformance;

#[test]
fn klaviyo() {
    Conformance {
        source: &email::klaviyo::Klaviyo,
        settings: r#"api_key = { env = "KLAVIYO_API_KEY" }"#,
        last_pages: &[
            (
                "profiles",
                include_str!("../fixtures/klaviyo/profiles/suppressed_and_never_asked.json"),
            ),
            (
                "profiles",
                include_str!("../fixtures/klaviyo/profiles/words_and_types_we_do_not_know.json"),
            ),
            ("profile_ids", include_str!("../fixtures/klaviyo/profile_ids/the_last_page.json")),
            ("lists", include_str!("../fixtures/klaviyo/lists/two_lists.json")),
            ("segments", include_str!("../fixtures/klaviyo/segments/one_segment.json")),
            ("metrics", include_str!("../fixtures/klaviyo/metrics/two_metrics.json")),
            (
                "campaigns",
                include_str!("../fixtures/klaviyo/campaigns/sent_planned_and_cancelled.json"),
            ),
            ("events", include_str!("../fixtures/klaviyo/events/consents_and_flows.json")),
            (
                "late_events",
                include_str!("../fixtures/klaviyo/events/of_no_concern_or_not_understood.json"),
            ),
        ],
        deliveries: &[
            include_str!("../fixtures/klaviyo/webhook/an_email_and_its_life.json"),
            include_str!("../fixtures/klaviyo/webhook/of_no_concern_or_too_thin.json"),
        ],
    }
    .check();
}
