//! Acme keeps the rules of every connector.

use helpdesk::acme::Acme;
use shared::testing::Conformance;

#[test]
fn acme_conforms() {
    Conformance {
        source: &Acme,
        settings: "base_url = \"https://api.acme.example\"\ntoken = { env = \"ACME_TOKEN\" }\n",
        last_pages: &[("people", include_str!("fixtures/acme/people/first.json"))],
        deliveries: &[],
    }
    .check();
}
