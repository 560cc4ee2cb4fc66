//! From a sync to the tables.

use serde_json::Value;

use crate::home::Home;

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_makes_tables_and_housekeeping_keeps_them() {
    let home = Home::new().await;
    home.write(&home.settings());
    let none = home.run(&["tables"]).await.expect(0);
    assert!(none.err.contains("tributary sync"), "{}", none.err);

    let empty = ["query", "SELECT count(*) AS n FROM timeline", "--json"];
    assert_eq!(home.run(&empty).await.expect(0).json()[0]["n"], 0);

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

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_answer_in_sql() {
    let home = Home::new().await;
    home.write(&home.settings());
    home.run(&["sync"]).await.expect(0);
    let truth = home.simulator.zendesk().truth();
    let ask = async |sql: &str, how: &[&str]| home.run(&[&["query", sql], how].concat()).await;

    let living = ask(
        "SELECT count(*) AS n FROM person_record WHERE NOT deleted AND source_object = 'user'",
        &["--json"],
    );
    let living = living.await.expect(0).json();
    assert_eq!(living[0]["n"].as_u64(), Some(truth.users.len() as u64));

    let calls = "SELECT api_calls, throttles FROM ledger WHERE stream = 'tickets'";
    let calls = ask(calls, &["--json"]).await.expect(0).json();
    let mut requests = home.simulator.zendesk().requests();
    requests.retain(|request| request.path_and_query.contains("incremental/tickets"));
    assert_eq!(calls[0]["api_calls"].as_u64(), Some(requests.len() as u64));
    assert_eq!(calls[0]["throttles"].as_u64(), Some(0));

    let kinds = ask("SELECT type, count(*) AS n FROM interactions GROUP BY type", &[]).await;
    assert!(kinds.expect(0).out.contains("ticket.created"));

    let csv = ask("SELECT record_key, status FROM ticket", &["--csv"]).await.expect(0).out;
    assert!(csv.starts_with("record_key,status\n"), "{csv}");
    assert!(csv.trim_end().lines().count() > truth.tickets.len(), "{csv}");
    let none = ask("SELECT record_key FROM ticket WHERE 1 = 2", &["--csv"]).await.expect(0);
    assert_eq!(none.out.trim_end(), "record_key");
    ask("SELECT tags FROM ticket", &["--csv"]).await.expect_error(2, &["tags", "--json"]);

    let written = ask("SELECT * FROM ticket", &["--parquet", "tickets.parquet"]).await.expect(0);
    assert!(written.err.contains("rows written"), "{}", written.err);
    let file = std::fs::read(home.folder.path().join("tickets.parquet")).unwrap();
    assert!(file.starts_with(b"PAR1") && file.ends_with(b"PAR1"));

    ask("SELECT * FROM martian", &[]).await.expect_error(2, &["martian", "tributary tables"]);
    ask("DROP TABLE ticket", &[]).await.expect_error(2, &["SELECT"]);
}
