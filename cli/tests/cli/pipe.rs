//! The steps of `resolve` as filters.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::home::{Home, Ran};

/// Lines of JSON.
fn lines(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The rows of a table as a query shows them: without what is null, when they were made and who lives together.
fn bare(rows: &Value, key: &str) -> BTreeMap<String, Value> {
    let bare = |row: &Value| {
        let mut row = row.as_object().unwrap().clone();
        row.retain(|name, value| {
            !value.is_null() && !["resolved_at", "households"].contains(&name.as_str())
        });
        (row[key].as_str().unwrap().to_owned(), Value::Object(row))
    };
    rows.as_array().unwrap().iter().map(bare).collect()
}

/// Everything that landed, as `pipe evidence` takes it.
async fn rows(home: &Home) -> String {
    let rows = ["query", "SELECT * FROM person_record", "--json"];
    let rows = home.run(&rows).await.expect(0).json();
    let rows: Vec<String> = rows.as_array().unwrap().iter().map(Value::to_string).collect();
    rows.join("\n")
}

const SOLVE: &[&str] = &["pipe", "solve", "--resolved-at", "2026-01-31T06:00:00Z"];

#[tokio::test(flavor = "multi_thread")]
async fn the_filters_say_what_resolve_says() {
    let home = Home::new().await;
    home.run(&["sync"]).await.expect(0);
    home.run(&["resolve", "--no-compare", "--no-candidates"]).await.expect(0);
    let table = async |name: &str, key: &str| {
        let sql = format!("SELECT * FROM {name}");
        bare(&home.run(&["query", &sql, "--json"]).await.expect(0).json(), key)
    };

    let rows = rows(&home).await;
    let records = lines(&home.pipe(&["pipe", "evidence"], &rows).await.expect(0));
    let deleted = rows.lines().filter(|row| row.contains("\"deleted\":true")).count();
    assert_eq!(records.len() + deleted, rows.lines().count());
    assert!(records.iter().any(|record| record["evidence"]["clues"][0]["key"].is_string()));

    let rulings = home.run(&["pipe", "rulings"]).await.expect(0).out;
    assert_eq!(rulings, "", "nobody decided anything");
    // One line with everybody: a component may hold more than what is connected.
    let together = json!({ "records": records, "rulings": [], "shared": [] });
    // And one with a ruling, about two records that nothing joins.
    let two = ["helpdesk/desk/user/a", "helpdesk/desk/user/b"].map(|key| {
        let mut record = records[0].clone();
        record["evidence"] = json!({ "record_key": key, "version": record["evidence"]["version"] });
        record["row"]["record_key"] = json!(key);
        record
    });
    let link = json!({
        "ruling": { "link": ["helpdesk/desk/user/a", "helpdesk/desk/user/b"] },
        "author": "steward", "reason": "they said so", "at": "2026-01-30T06:00:00Z",
    });
    let linked = json!({ "records": two, "rulings": [link], "shared": [] });
    let apart = json!({ "records": two, "rulings": [], "shared": [] });
    let solved = home.pipe(SOLVE, &format!("{together}\n{linked}\n{apart}\n")).await.expect(0);
    let [together, linked, apart] = &lines(&solved)[..] else { panic!("{}", solved.out) };
    assert_eq!(
        bare(&together["person_links"], "record_key"),
        table("person_links", "record_key").await
    );
    assert_eq!(bare(&together["people"], "person_id"), table("people", "person_id").await);
    assert_eq!(together["people"][0]["resolved_at"], "2026-01-31T06:00:00.000000Z");
    assert_eq!(together["people"][0]["households"], json!([]));
    let people = |solved: &Value| solved["people"].as_array().unwrap().len();
    assert_eq!((people(linked), people(apart)), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_something_else_is_named_and_not_quoted() {
    let home = Home::new().await;
    home.run(&["sync"]).await.expect(0);
    let row = rows(&home).await.lines().next().unwrap().to_owned();
    let bad = format!("{row}\n{{\"record_key\":\"ann@example.org\"}}\n");
    let ran = home.pipe(&["pipe", "evidence"], &bad).await.expect(1);
    assert!(
        ran.err.starts_with("error: line 2: this is not a row of person_record"),
        "{}",
        ran.err
    );
    assert!(!ran.err.contains("ann@"), "{}", ran.err);

    home.pipe(SOLVE, "{\"records\":\"ann@example.org\"}\n")
        .await
        .expect_error(1, &["line 1: this is not a component"]);

    let record = home.pipe(&["pipe", "evidence"], &row).await.expect(0).out;
    let twice = format!("{{\"records\":[{record},{record}],\"rulings\":[],\"shared\":[]}}");
    let twice = twice.replace('\n', "");
    home.pipe(SOLVE, &twice).await.expect_error(1, &["line 1: a record comes twice"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_makes_no_secret_of_its_own() {
    let home = Home::new().await;
    home.pipe(&["pipe", "evidence"], "").await.expect_error(2, &["identity_key", "--data"]);
    assert!(!home.folder.path().join("tributary-data").exists());

    let settings = home.settings();
    home.write(&format!("identity_key = {{ env = \"TRIBUTARY_KEY\" }}\n{settings}"));
    home.pipe(&["pipe", "evidence"], "").await.expect_error(2, &["TRIBUTARY_KEY is not set"]);
}

#[tokio::test]
async fn the_plan_is_that_of_the_settings() {
    let home = Home::new().await;
    home.write(&format!("{}\n[identity.rules]\nmost_records = 3\n", home.settings()));
    let plan = home.run(&["pipe", "plan"]).await.expect(0).json();
    assert_eq!((&plan["most_records"], &plan["most_exclusive"]), (&json!(3), &json!(2)));
    assert!(plan["columns"].as_array().unwrap().contains(&json!("identifiers")), "{plan}");
}
