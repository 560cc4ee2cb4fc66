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
