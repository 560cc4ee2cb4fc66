//! The suite that every connector passes.

use shared::testing::Conformance;

#[test]
fn bluesky() {
    Conformance {
        source: &social::bluesky::Bluesky,
        settings: r#"
            handle = "sync.ember-oak.example"
            app_password = { env = "BLUESKY_APP_PASSWORD" }
            queries = ["\"Ember & Oak\""]
            own_dids = ["did:plc:emberoakemberoakemberoak1"]
        "#,
        last_pages: &[
            ("posts", include_str!("../fixtures/bluesky/posts/mentions_and_replies.json")),
            (
                "posts",
                include_str!("../fixtures/bluesky/posts/words_and_types_we_do_not_know.json"),
            ),
            ("jetstream", include_str!("../fixtures/bluesky/jetstream/up_to_now.ndjson")),
        ],
        deliveries: &[],
    }
    .check();
}
