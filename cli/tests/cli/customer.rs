//! `customer`: one person on one page.

use crate::home::{Home, signal};
use crate::serve::open;

#[tokio::test(flavor = "multi_thread")]
async fn customers_are_shown_by_whatever_they_are_known_by() {
    let home = Home::new().await;
    home.run(&["sync", "--no-tables", "--quiet"]).await.expect(0);
    let truth = home.simulator.zendesk().truth();
    let user = truth
        .tickets
        .values()
        .find_map(|ticket| {
            truth.users.get(&ticket.requester_id).filter(|user| user.email.is_some())
        })
        .unwrap();
    let key = format!("zendesk/desk/user/{}", user.id);

    let page = home.run(&["customer", &key]).await.expect(0).out;
    for text in [&*key, "confidence", "Records", "Last interactions", "Totals"] {
        assert!(page.contains(text), "{text:?} is not in:\n{page}");
    }
    let shown = home.run(&["customer", &key, "--json", "--timeline", "3"]).await.expect(0).json();
    let id = shown["customer"]["person_id"].as_str().unwrap();
    assert!(shown["timeline"]["entries"].as_array().unwrap().len() <= 3);
    let by_id = home.run(&["customer", id, "--json"]).await.expect(0).json();
    assert_eq!(by_id["customer"]["person_id"], shown["customer"]["person_id"]);

    let email = user.email.as_deref().unwrap();
    let found = home.run(&["customer", email, "--json"]).await.expect(0).json();
    let mut people = found["people"].as_array().unwrap().iter();
    assert!(people.any(|person| person["person_id"] == id), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_and_nonsense_are_told_apart() {
    let home = Home::new().await;
    let nobody = home.run(&["customer", "nobody@example.org"]).await.expect(1);
    assert!(nobody.err.contains("nobody is known by this"), "{}", nobody.err);
    let nonsense = home.run(&["customer", "canary"]).await;
    assert!(!nonsense.err.contains("canary"), "{}", nonsense.err);
    nonsense.expect_error(2, &["phone", "--region"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_is_served_beside_the_webhooks() {
    let home = Home::new().await;
    home.run(&["sync", "--no-tables", "--quiet"]).await.expect(0);
    let user = *home.simulator.zendesk().truth().users.keys().next().unwrap();
    let http = reqwest::Client::new();
    let ask = async |url: &str, path: &str, key: Option<&str>| {
        let request = http.get(format!("{url}{path}"));
        let request = if let Some(key) = key { request.bearer_auth(key) } else { request };
        request.send().await.unwrap().status().as_u16()
    };
    let lookup = format!("/customers?source_id=zendesk%2Fdesk%2Fuser%2F{user}");

    let (mut child, ready) = open(&home, &["--no-sync"]).await;
    let url = ready["listening"].as_str().unwrap();
    assert_eq!(ask(url, &lookup, None).await, 200);
    assert_eq!(ask(url, "/openapi.json", None).await, 200);
    assert_eq!(ask(url, "/healthz", None).await, 200);
    assert_eq!(ask(url, "/nowhere", None).await, 404);
    signal(&child, "-TERM").await;
    child.wait().await.unwrap();

    let key = "a-key-of-twenty-or-more-characters";
    std::fs::write(home.folder.path().join("api-key"), key).unwrap();
    home.write(&format!("[customers]\napi_keys = [{{ file = \"api-key\" }}]\n{}", home.settings()));
    let (mut child, ready) = open(&home, &["--no-sync"]).await;
    let url = ready["listening"].as_str().unwrap();
    assert_eq!(ask(url, &lookup, None).await, 401);
    assert_eq!(ask(url, &lookup, Some("wrong")).await, 401);
    assert_eq!(ask(url, &lookup, Some(key)).await, 200);
    signal(&child, "-TERM").await;
    child.wait().await.unwrap();

    home.write(&format!("[customers]\nkeys = []\n{}", home.settings()));
    home.run(&["status"]).await.expect_error(2, &["customers", "keys"]);
}
