//! Who is who by all the tables, and live.

use serde_json::Value;

use crate::home::Home;

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_and_the_live_answer_agree() {
    let home = Home::new().await;
    home.write(&home.settings());
    let nothing = home.run(&["resolve", "--json"]).await.expect(0).json();
    assert_eq!(nothing["records"], 0, "{nothing}");

    home.run(&["sync"]).await.expect(0);
    let resolved = home.run(&["resolve", "--json"]).await.expect(0).json();
    let (records, people) = (resolved["records"].as_u64(), resolved["people"].as_u64());
    assert!(records > Some(0) && people > Some(0) && people <= records, "{resolved}");
    assert_eq!(resolved["compared"], resolved["people"], "{resolved}");
    assert_eq!(resolved["differences"], Value::Array(Vec::new()), "{resolved}");

    let count = async |sql: &str| home.run(&["query", sql, "--json"]).await.expect(0).json();
    let links = "SELECT count(*) AS n, count(DISTINCT person_id) AS people FROM person_links";
    let links = count(links).await;
    assert_eq!((links[0]["n"].as_u64(), links[0]["people"].as_u64()), (records, people));
    let joined =
        "SELECT count(*) AS n FROM people p JOIN person_links l ON l.person_id = p.person_id";
    assert_eq!(count(joined).await[0]["n"].as_u64(), records);

    let again = home.run(&["resolve", "--no-candidates", "--no-compare"]).await.expect(0);
    assert!(again.out.contains("people"), "{}", again.out);
    assert_eq!(count(joined).await[0]["n"].as_u64(), records, "replaced, not added to");
}

/// Settings of two connections to one helpdesk, so that everybody in it is known twice.
fn twice(home: &Home, further: &str) -> String {
    let desk = home.settings();
    format!("{desk}{}{further}", desk.replace("[connections.desk]", "[connections.again]"))
}

/// All addresses of the helpdesk's users, as nobody's.
fn blocked(home: &Home) -> String {
    let users = home.simulator.zendesk().truth().users;
    let emails: Vec<&String> = users.values().filter_map(|user| user.email.as_ref()).collect();
    assert!(emails.len() > 5, "{emails:?}");
    format!("[identity.evidence]\nblocked = {emails:?}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_change_of_the_settings_everybody_is_recognised_anew() {
    let home = Home::new().await;
    home.write(&twice(&home, ""));
    home.run(&["sync"]).await.expect(0);
    let resolve = ["resolve", "--no-candidates", "--json"];
    home.run(&resolve).await.expect(0);

    home.write(&twice(&home, &blocked(&home)));
    let differs = home.run(&resolve).await.expect(1);
    assert!(differs.err.contains("tributary recognise"), "{}", differs.err);
    assert_ne!(differs.json()["differences"], Value::Array(Vec::new()));

    let recognised = home.run(&["recognise", "--json"]).await.expect(0).json();
    let of = |document: &Value, what: &str| document["recognised"][what].as_u64().unwrap();
    let records = of(&recognised, "records");
    assert!(of(&recognised, "remade") > 0, "{recognised}");
    assert_eq!(of(&recognised, "remade") + of(&recognised, "unchanged"), records, "{recognised}");
    let resolved = home.run(&resolve).await.expect(0).json();
    assert_eq!(resolved["differences"], Value::Array(Vec::new()), "{resolved}");
    let split = "SELECT count(*) AS n FROM interactions WHERE type = 'identity.split'";
    home.run(&["tables", "--commit"]).await.expect(0);
    let split = home.run(&["query", split, "--json"]).await.expect(0).json();
    assert!(split[0]["n"].as_u64() > Some(0), "{split}");

    let again = home.run(&["recognise", "--json"]).await.expect(0).json();
    assert_eq!((of(&again, "remade"), of(&again, "unchanged")), (0, records), "{again}");
    let shown = home.run(&["recognise"]).await.expect(0).out;
    assert!(shown.contains("made again"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_looks_alike_is_joined_above_the_threshold_and_parted_without_it() {
    let home = Home::new().await;
    let blocked = blocked(&home);
    home.write(&twice(&home, &blocked));
    home.run(&["sync"]).await.expect(0);
    let told = async |kind: &str| {
        home.run(&["tables", "--commit"]).await.expect(0);
        let sql = format!("SELECT count(*) AS n FROM interactions WHERE type = '{kind}'");
        home.run(&["query", &sql, "--json"]).await.expect(0).json()[0]["n"].as_u64().unwrap()
    };
    let resolve = async |further: &[&str]| {
        let resolved = home.run(&[&["resolve", "--json"], further].concat()).await.expect(0).json();
        assert_eq!(resolved["differences"], Value::Array(Vec::new()), "{resolved}");
        let number = |what: &str| resolved[what].as_u64().unwrap();
        (number("people"), number("likely"), number("alike"))
    };
    let (apart, likely, alike) = resolve(&[]).await;
    assert!(likely > 0 && alike == 0, "{likely} {alike}");
    let before = told("identity.merged").await;

    home.write(&twice(&home, &format!("[identity]\njoin_candidates_above = 0.9\n{blocked}")));
    let joined = resolve(&[]).await;
    assert!(joined.0 < apart && joined.1 < likely && joined.2 > 0, "{joined:?} of {apart}");
    let merged = told("identity.merged").await;
    assert!(merged > before, "{merged} merges are told");
    let weakest = "SELECT count(*) AS n FROM people WHERE confidence = 50";
    let weakest = home.run(&["query", weakest, "--json"]).await.expect(0).json();
    assert!(weakest[0]["n"].as_u64() > Some(0), "{weakest}");
    assert_eq!(resolve(&[]).await, joined, "again, the same");
    let unsought = resolve(&["--no-candidates"]).await;
    assert_eq!((unsought.0, unsought.2), (joined.0, joined.2), "kept where none are looked for");

    home.write(&twice(&home, &blocked));
    assert_eq!(resolve(&[]).await, (apart, likely, 0));
    assert!(told("identity.split").await > 0 && told("identity.merged").await == merged);
}

#[tokio::test]
async fn a_threshold_is_a_probability() {
    let home = Home::new().await;
    for wrong in ["0.2", "1.0", "99"] {
        let identity = format!("[identity]\njoin_candidates_above = {wrong}\n");
        home.write(&format!("{}{identity}", home.settings()));
        home.run(&["resolve"]).await.expect_error(2, &["join_candidates_above", "probability"]);
    }
}
