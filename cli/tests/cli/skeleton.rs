//! `new`: the skeleton compiles, keeps the rules of every connector, and is written where it belongs.

use std::fs;

use shared::testing::Conformance;
use tempfile::TempDir;

use crate::home::{run, tributary};

#[expect(unreachable_pub, reason = "a connector's file is public in its crate")]
#[path = "../../src/skeleton/acme.rs"]
mod acme;

#[test]
fn the_skeleton_conforms() {
    Conformance {
        source: &acme::Acme,
        settings: "base_url = \"https://api.acme.example\"\ntoken = { env = \"ACME_TOKEN\" }\n",
        last_pages: &[("people", include_str!("../../src/skeleton/first.json"))],
        deliveries: &[],
    }
    .check();
}

#[tokio::test]
async fn a_skeleton_is_written_once_into_a_checkout() {
    let checkout = TempDir::new().unwrap();
    let at = |path: &str| checkout.path().join(path);
    run(tributary(checkout.path(), &["new", "helpdesk/fresh_desk"]))
        .await
        .expect_error(2, &["not in a checkout"]);
    for file in ["Cargo.toml", "shared/src/connector.rs", "functions/helpdesk/src/lib.rs"] {
        fs::create_dir_all(at(file).parent().unwrap()).unwrap();
        fs::write(at(file), "").unwrap();
    }
    let inside = at("functions/helpdesk");
    let written = run(tributary(&inside, &["new", "helpdesk/fresh_desk"])).await.expect(0);
    assert!(written.err.contains("&fresh_desk::FreshDesk"), "{}", written.err);
    let connector = fs::read_to_string(at("functions/helpdesk/src/fresh_desk.rs")).unwrap();
    assert!(connector.contains("pub struct FreshDesk;"));
    assert!(at("functions/helpdesk/tests/fresh_desk.rs").is_file());
    assert!(at("functions/helpdesk/tests/fixtures/fresh_desk/people/first.json").is_file());
    run(tributary(&inside, &["new", "helpdesk/fresh_desk"]))
        .await
        .expect_error(2, &["exists already"]);
    run(tributary(&inside, &["new", "helpdesk/zendesk"]))
        .await
        .expect_error(2, &["exists already"]);
    run(tributary(&inside, &["new", "crm/sugar"]))
        .await
        .expect_error(2, &["no system \"crm\"", "helpdesk"]);
    run(tributary(&inside, &["new", "sugar"])).await.expect_error(2, &["helpdesk/freshdesk"]);
}
