//! The face on its own: every record once, and everything refused that HubSpot refuses.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::records::Kind;
use super::{TOKEN, WEBHOOK_SECRET, signature_v3};
use crate::{Settings, Simulator};

async fn simulator() -> Simulator {
    Simulator::start(Settings { people: 40, ..Settings::default() }).await.expect("it starts")
}

async fn ask(simulator: &Simulator, path: &str, body: Option<&Value>) -> (u16, Value) {
    let client = reqwest::Client::new();
    let url = format!("{}{path}", simulator.hubspot().base_url());
    let request = match body {
        None => client.get(url),
        Some(body) => client.post(url).body(body.to_string()),
    };
    let answer = request.bearer_auth(TOKEN).send().await.expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or_default())
}

fn search(since: &str, from: u64, limit: u64) -> Value {
    json!({
        "filterGroups": [{ "filters": [
            { "propertyName": "lastmodifieddate", "operator": "GTE", "value": since },
            { "propertyName": "hs_object_id", "operator": "GTE", "value": from.to_string() },
        ]}],
        "sorts": [{ "propertyName": "hs_object_id", "direction": "ASCENDING" }],
        "properties": ["email"],
        "limit": limit,
    })
}

fn ids(body: &Value) -> Vec<u64> {
    let rows = body["results"].as_array().expect("results");
    rows.iter()
        .map(|row| row["id"].as_str().and_then(|id| id.parse().ok()).expect("an id"))
        .collect()
}

#[tokio::test]
async fn the_same_seed_gives_the_same_account() {
    let until = jiff::Timestamp::from_second(1_780_000_000).ok();
    let settings = Settings { people: 20, until, ..Settings::default() };
    let one = Simulator::start(settings.clone()).await.expect("it starts");
    let other = Simulator::start(settings).await.expect("it starts");
    assert_eq!(one.hubspot().truth().objects, other.hubspot().truth().objects);
}

#[tokio::test]
async fn a_list_shows_every_living_object_once() {
    let simulator = simulator().await;
    let living = |archived: bool| -> Vec<u64> {
        let contacts = simulator.hubspot().truth().objects.remove(&Kind::Contact);
        let contacts = contacts.expect("contacts").into_values();
        contacts.filter(|c| c.archived_at.is_some() == archived).map(|c| c.id).collect()
    };
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("/crm/v3/objects/contacts?limit=7{after}");
        let (status, body) = ask(&simulator, &path, None).await;
        assert_eq!(status, 200);
        seen.extend(ids(&body));
        match body["paging"]["next"]["after"].as_str() {
            Some(token) => after = format!("&after={token}"),
            None => break,
        }
    }
    assert_eq!(seen, living(false));
    let (_, bin) = ask(&simulator, "/crm/v3/objects/contacts?archived=true", None).await;
    assert_eq!(ids(&bin), living(true));
    assert!(bin["results"][0]["archivedAt"].is_string());
}

#[tokio::test]
async fn search_shows_every_living_object_once_and_none_that_is_archived() {
    let simulator = simulator().await;
    let (mut seen, mut from) = (BTreeSet::new(), 0);
    loop {
        let path = "/crm/v3/objects/contacts/search";
        let (status, body) = ask(&simulator, path, Some(&search("1", from, 9))).await;
        assert_eq!(status, 200, "{body}");
        let page = ids(&body);
        let Some(last) = page.last() else { break };
        from = last + 1;
        assert!(page.iter().all(|id| seen.insert(*id)), "an object came twice");
    }
    let truth = simulator.hubspot().truth();
    let living = truth.objects[&Kind::Contact].values().filter(|c| c.archived_at.is_none());
    assert_eq!(seen, living.map(|contact| contact.id).collect());
}

#[tokio::test]
async fn what_hubspot_refuses_is_refused() {
    let simulator = simulator().await;
    let path = "/crm/v3/objects/contacts/search";
    let deep = json!({ "filterGroups": [], "limit": 100, "after": "9950" });
    let wrong = search("1", 0, 10).to_string().replace("lastmodifieddate", "hs_lastmodifieddate");
    let wrong: Value = serde_json::from_str(&wrong).expect("JSON");
    let long = json!({ "filterGroups": [], "properties": vec!["a_long_name_of_a_property"; 200] });
    for (body, status) in [
        (search("1", 0, 201), 400),
        (search("0", 0, 10), 500),
        (deep, 400),
        (wrong, 400),
        (long, 400),
    ] {
        assert_eq!(ask(&simulator, path, Some(&body)).await.0, status, "{body}");
    }
    let many: Vec<Value> = (0..101).map(|id| json!({ "id": id.to_string() })).collect();
    let many = json!({ "inputs": many });
    assert_eq!(ask(&simulator, "/crm/v3/objects/deals/batch/read", Some(&many)).await.0, 400);
    for path in ["/crm/v3/objects/deals?limit=101", "/crm/v3/objects/deals?after=513"] {
        assert_eq!(ask(&simulator, path, None).await.0, 400, "{path}");
    }
    assert_eq!(ask(&simulator, "/crm/v3/objects/invoices", None).await.0, 404);
    let anonymous = reqwest::get(format!("{}/crm/v3/owners", simulator.hubspot().base_url()));
    assert_eq!(anonymous.await.expect("an answer").status().as_u16(), 401);
}

#[tokio::test]
async fn the_sixth_search_of_a_second_is_refused() {
    let simulator = simulator().await;
    simulator.hubspot().set_rate_limit(Some((100, 5)));
    let path = "/crm/v3/objects/contacts/search";
    for _ in 0..5 {
        assert_eq!(ask(&simulator, path, Some(&search("1", 0, 1))).await.0, 200);
    }
    let (status, body) = ask(&simulator, path, Some(&search("1", 0, 1))).await;
    assert_eq!((status, body["policyName"].as_str()), (429, Some("SECONDLY")));
    simulator.clock().advance(Duration::from_secs(2));
    assert_eq!(ask(&simulator, path, Some(&search("1", 0, 1))).await.0, 200);
}

#[tokio::test]
async fn search_lags_behind_writes_and_reads_by_id_do_not() {
    let simulator = simulator().await;
    let crm = simulator.hubspot();
    crm.set_search_lag(Duration::from_mins(1));
    let id = crm.import(Kind::Contact, 1, "firstname", "Ada")[0];
    let path = "/crm/v3/objects/contacts/search";
    let (_, body) = ask(&simulator, path, Some(&search("1", id, 10))).await;
    assert_eq!(ids(&body), Vec::<u64>::new());
    let by_id = json!({ "inputs": [{ "id": id.to_string() }], "properties": ["firstname"] });
    let (_, body) = ask(&simulator, "/crm/v3/objects/contacts/batch/read", Some(&by_id)).await;
    assert_eq!(ids(&body), [id]);
    simulator.clock().advance(Duration::from_secs(61));
    let (_, body) = ask(&simulator, path, Some(&search("1", id, 10))).await;
    assert_eq!(ids(&body), [id]);
}

#[tokio::test]
async fn links_come_in_parts_and_nobody_is_missing() {
    let simulator = simulator().await;
    let crm = simulator.hubspot();
    let deal = crm.import(Kind::Deal, 1, "dealname", "Big")[0];
    let people = crm.import(Kind::Contact, 5, "firstname", "Ada");
    for person in &people {
        crm.link((Kind::Deal, deal), (Kind::Contact, *person));
    }
    crm.set_links(2, true);
    let (mut seen, mut input) = (BTreeSet::new(), json!({ "id": deal.to_string() }));
    loop {
        let body = json!({ "inputs": [input] });
        let path = "/crm/v4/associations/deals/contacts/batch/read";
        let (status, body) = ask(&simulator, path, Some(&body)).await;
        assert_eq!(status, 200);
        let result = &body["results"][0];
        for to in result["to"].as_array().expect("links") {
            seen.insert(to["toObjectId"].as_str().and_then(|id| id.parse().ok()).expect("text"));
        }
        match result["paging"]["next"]["after"].as_str() {
            Some(after) => input = json!({ "id": deal.to_string(), "after": after }),
            None => break,
        }
    }
    assert_eq!(seen, people.into_iter().collect());
}

#[tokio::test]
async fn erased_contacts_are_in_no_list() {
    let simulator = simulator().await;
    let crm = simulator.hubspot();
    let id = crm.import(Kind::Contact, 1, "firstname", "Ada")[0];
    crm.erase(id);
    let kinds: Vec<String> = crm
        .events()
        .iter()
        .filter(|event| event["objectId"] == id)
        .map(|event| event["subscriptionType"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(kinds, ["contact.creation", "contact.privacyDeletion", "contact.deletion"]);
    let (_, bin) = ask(&simulator, "/crm/v3/objects/contacts?archived=true", None).await;
    assert!(!ids(&bin).contains(&id));
    let by_id = json!({ "inputs": [{ "id": id.to_string() }] });
    let (status, body) = ask(&simulator, "/crm/v3/objects/contacts/batch/read", Some(&by_id)).await;
    assert_eq!((status, ids(&body)), (207, Vec::new()));
}

#[tokio::test]
async fn a_deal_is_read_alone_with_its_links_and_the_stages_that_it_had() {
    let simulator = simulator().await;
    let crm = simulator.hubspot();
    let deal = crm.import(Kind::Deal, 1, "dealstage", "appointmentscheduled")[0];
    let person = crm.import(Kind::Contact, 1, "firstname", "Ada")[0];
    crm.link((Kind::Deal, deal), (Kind::Contact, person));
    crm.set((Kind::Deal, deal), "dealstage", Some("contractsent"));
    let path = format!(
        "/crm/v3/objects/deals/{deal}?associations=contacts,companies&propertiesWithHistory=dealstage"
    );
    let (status, body) = ask(&simulator, &path, None).await;
    assert_eq!(status, 200, "{body}");
    let contact = json!([{ "id": person.to_string(), "type": "deal_to_contact" }]);
    assert_eq!(body["associations"], json!({ "contacts": { "results": contact } }));
    let stages = body["propertiesWithHistory"]["dealstage"].as_array().expect("versions");
    let stages: Vec<&Value> = stages.iter().map(|version| &version["value"]).collect();
    assert_eq!(stages, ["contractsent", "appointmentscheduled"]);
    assert_eq!(ask(&simulator, "/crm/v3/objects/deals/7", None).await.0, 404);
    let many: Vec<Value> = (0..51).map(|id| json!({ "id": id.to_string() })).collect();
    let many = json!({ "inputs": many, "propertiesWithHistory": ["dealstage"] });
    assert_eq!(ask(&simulator, "/crm/v3/objects/deals/batch/read", Some(&many)).await.0, 400);
}

/// HubSpot's own example.
#[test]
fn the_official_vector_of_version_3() {
    let signature = signature_v3(
        "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy",
        "https://www.example.com/webhook_uri",
        b"{'example_field':'example_value'}",
        1_693_657_560_000,
    );
    assert_eq!(signature, "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y=");
    assert_ne!(signature, signature_v3(WEBHOOK_SECRET, "", b"", 0));
}

#[test]
fn a_dozen_escapes_are_undone_and_no_others() {
    let one = signature_v3("s", "https://x.example/a%3Ab%2Cc%20d", b"", 1);
    assert_eq!(one, signature_v3("s", "https://x.example/a:b,c%20d", b"", 1));
    assert_ne!(one, signature_v3("s", "https://x.example/a:b,c d", b"", 1));
}
