//! From a sync to an answer in SQL.

use serde_json::Value;

use crate::home::Home;

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_makes_tables_that_answer() {
    let home = Home::new().await;
    home.write(&home.settings());
    let none = home.run(&["tables"]).await.expect(0);
    assert!(none.err.contains("tributary sync"), "{}", none.err);
    let empty =
        home.run(&["query", "SELECT count(*) AS n FROM timeline", "--json"]).await.expect(0).json();
    assert_eq!(empty[0]["n"], 0);

    let synced = home.run(&["sync", "--json"]).await.expect(0).json();
    assert_eq!(synced["committed"][0]["batch"], 1, "{synced}");
    let truth = home.simulator.zendesk().truth();
    let asked =
        "SELECT count(*) AS n FROM person_record WHERE NOT deleted AND source_object = 'user'";
    let counted = home.run(&["query", asked, "--json"]).await.expect(0).json();
    let living = truth.users.values().count() as u64;
    assert_eq!(counted[0]["n"].as_u64(), Some(living));

    let listed = home.run(&["tables", "--json"]).await.expect(0).json();
    let tables = listed["tables"].as_array().unwrap();
    let rows = |name: &str| {
        let table = tables.iter().find(|table| table["table"] == name);
        table.map(|table| table["rows"].as_u64().unwrap_or_default()).unwrap_or_default()
    };
    assert!(rows("ticket") > 0 && rows("interactions") > 0 && rows("ledger") > 0, "{listed}");
    assert!(home.run(&["tables"]).await.expect(0).out.contains("person_record_history"));

    let table = home
        .run(&["query", "SELECT type, count(*) AS n FROM interactions GROUP BY type"])
        .await
        .expect(0);
    assert!(table.out.contains("ticket.created"), "{}", table.out);
    let csv =
        home.run(&["query", "SELECT record_key, status FROM ticket", "--csv"]).await.expect(0).out;
    assert!(csv.starts_with("record_key,status\n"), "{csv}");
    assert_eq!(csv.trim_end().lines().count() as u64, rows("ticket") + 1);
    let written = home
        .run(&["query", "SELECT * FROM ticket", "--parquet", "tickets.parquet"])
        .await
        .expect(0);
    assert!(written.err.contains("rows written"), "{}", written.err);
    assert!(home.folder.path().join("tickets.parquet").is_file());

    home.run(&["query", "SELECT * FROM martian"])
        .await
        .expect_error(2, &["martian", "tributary tables"]);
    home.run(&["query", "SELECT tags FROM ticket", "--csv"])
        .await
        .expect_error(2, &["tags", "--json"]);

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
