//! The suite that every connector passes.

use shared::testing::Conformance;

macro_rules! fixture {
    ($path:literal) => {
        include_str!(concat!("../fixtures/sendgrid/", $path))
    };
}

#[test]
fn sendgrid() {
    let bounces = fixture!("bounces/hard_soft_and_quoting_the_address.json");
    let blocks = fixture!("blocks/refused_for_now.json");
    let spam_reports = fixture!("spam_reports/with_the_address_it_was_sent_from.json");
    let invalid_emails = fixture!("invalid_emails/no_addresses.json");
    let unsubscribes = fixture!("unsubscribes/global.json");
    Conformance {
        source: &email::sendgrid::SendGrid,
        settings: r#"api_key = { env = "SENDGRID_API_KEY" }"#,
        last_pages: &[
            ("bounces", bounces),
            ("bounces", fixture!("bounces/words_and_types_we_do_not_know.json")),
            ("all_bounces", bounces),
            ("blocks", blocks),
            ("all_blocks", blocks),
            ("spam_reports", spam_reports),
            ("all_spam_reports", spam_reports),
            ("invalid_emails", invalid_emails),
            ("all_invalid_emails", invalid_emails),
            ("unsubscribes", unsubscribes),
            ("all_unsubscribes", unsubscribes),
            ("group_suppressions", fixture!("group_suppressions/two_groups.json")),
            ("contacts", fixture!("contacts/ready_at_once_and_empty.json")),
            ("lists", fixture!("lists/last_page.json")),
            ("segments", fixture!("segments/all.json")),
            ("single_sends", fixture!("single_sends/in_every_status.json")),
            ("single_sends", fixture!("single_sends/words_and_types_we_do_not_know.json")),
        ],
        deliveries: &[
            fixture!("webhook/on_its_way.json"),
            fixture!("webhook/wants_no_more.json"),
            fixture!("webhook/words_and_types_we_do_not_know.json"),
        ],
    }
    .check();
}
