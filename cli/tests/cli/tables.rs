//! From a sync to the tables.

use serde_json::Value;

use crate::home::Home;

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_makes_tables_and_housekeeping_keeps_them() {
    let home = Home::new().await;
    home.write(&home.settings());
    let none = home.run(&["tables"]).await.expect(0);
    assert!(none.err.contains("tributary sync"), "{}", none.err);

    let synced = home.run(&["sync", "--json"]).await.expect(0).json();
    assert_eq!(synced["committed"][0]["batch"], 1, "{synced}");
    let truth = home.simulator.zendesk().truth();
    let listed = home.run(&["tables", "--json"]).await.expect(0).json();
    let tables = listed["tables"].as_array().unwrap();
    let rows = |name: &str| {
        let table = tables.iter().find(|table| table["table"] == name);
        table.and_then(|table| table["rows"].as_u64()).unwrap_or_default()
    };
    assert!(rows("ticket") >= truth.tickets.len() as u64, "{listed}");
    assert!(rows("interactions") > 0 && rows("ledger") > 0, "{listed}");
    assert!(home.run(&["tables"]).await.expect(0).out.contains("person_record_history"));

    let again = home.run(&["sync", "--json"]).await.expect(0).json();
    let added =
        |document: &Value, table: &str| document["committed"][0]["tables"][table]["added"].as_u64();
    assert_eq!(added(&again, "ticket").unwrap_or_default(), 0, "{again}");
    let kept = home.run(&["tables", "--housekeeping", "--keep", "1s"]).await.expect(0);
    assert!(kept.err.contains("housekeeping:"), "{}", kept.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn athena_gets_the_tables_that_there_are() {
    let home = Home::new().await;
    home.write(&home.settings());
    home.run(&["sync", "--quiet"]).await.expect(0);
    let ddl = home
        .run(&["athena-ddl", "--database", "customers", "--bucket", "acme"])
        .await
        .expect(0)
        .out;
    insta::assert_snapshot!(ddl);
}
