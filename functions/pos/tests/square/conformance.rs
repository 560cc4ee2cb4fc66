//! The suite that every connector runs.

use pos::square::Square;
use shared::testing::Conformance;

use crate::support::WITH_TOKEN;

macro_rules! fixture {
    ($path:literal) => {
        include_str!(concat!("../fixtures/square/", $path, ".json"))
    };
}

#[test]
fn square_conforms() {
    Conformance {
        source: &Square,
        settings: WITH_TOKEN,
        last_pages: &[
            ("customers", fixture!("customers/words_and_types_we_do_not_know")),
            ("customers", "{}"),
            ("customer_directory", fixture!("customer_directory/last_page")),
            // An order's or payment's page follows the locations, and without any there is nothing to follow.
            ("orders", r#"{"locations":[]}"#),
            ("payments", "{}"),
            ("refunds", fixture!("refunds/completed_and_rejected")),
            ("loyalty_accounts", fixture!("loyalty_accounts/with_and_without_a_customer")),
            ("loyalty_events", fixture!("loyalty_events/earned_spent_and_neither")),
        ],
        deliveries: &[
            fixture!("webhook/customer_updated"),
            fixture!("webhook/order_updated"),
            fixture!("webhook/test_notification"),
        ],
    }
    .check();
}
