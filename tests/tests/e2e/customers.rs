//! One person in one lookup, over HTTP, against what the simulated company knows to be true.

use std::collections::{BTreeMap, BTreeSet};

use customers::{Auth, router};
use e2e::landed::Landed;
use e2e::stand::Stand;
use serde_json::{Value, json};
use shared::customers::Customers;
use shared::schema::{Entity, Namespace, Table};
use simulator::zendesk::{Deletion, Role, Status};
use simulator::{Settings, Simulator, Vendor};

use crate::privacy;

const KEY: &str = "the-api-key-of-the-test-stand";

/// A company whose systems have all been read, and the API over what landed.
struct Asked {
    stand: Stand,
    url: String,
    http: reqwest::Client,
}

impl Asked {
    async fn new() -> Self {
        let company = Settings { people: 12, days: 60, ..e2e::stand::settled() };
        let stand = Stand::of(company, |simulator: &Simulator| {
            simulator.vendors().into_iter().map(Vendor::connection).collect()
        })
        .await;
        stand.drain_all(true).await;
        let url = serve(&stand, Auth::keys(&[KEY.into()])).await;
        Self { stand, url, http: reqwest::Client::new() }
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let answer = request.bearer_auth(KEY).send().await.expect("the API answers");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a body");
        (status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: {text}")))
    }

    async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.send(self.http.get(format!("{}{path}", self.url))).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.url));
        let request = request.header("content-type", "application/json").body(body.to_string());
        self.send(request).await
    }

    async fn look_up(&self, by: &Value) -> Value {
        let (status, answer) = self.post("/customers/lookup", by).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    async fn rule(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.post(path, &body).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// Somebody whom several systems know.
    async fn a_known_person(&self) -> Value {
        for person in &self.stand.simulator.company().people {
            for email in &person.emails {
                let found = self.look_up(&json!({ "email": email })).await;
                for person in found["people"].as_array().expect("people") {
                    if texts(&person["record_keys"]).len() >= 3 {
                        return person.clone();
                    }
                }
            }
        }
        panic!("nobody is known to three systems");
    }
}

/// The API over a stand's stores.
async fn serve(stand: &Stand, auth: Auth) -> String {
    let recognition = stand.hub().landing().recognition().expect("a secret").clone();
    let router = router(Customers::new(&stand.stores(), recognition), auth);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

fn texts(list: &Value) -> Vec<String> {
    let list = list.as_array().expect("a list");
    list.iter().map(|text| text.as_str().expect("a text").to_owned()).collect()
}

fn id(person: &Value) -> &str {
    person["person_id"].as_str().expect("an id")
}

/// The living records of people that carry an identifier, as they landed.
fn carriers(landed: &Landed, namespace: Namespace, value: &str) -> BTreeSet<String> {
    let newest = landed.newest.iter().filter(|((table, _), _)| *table == Table::PersonRecord);
    newest
        .filter(|(_, row)| !row.provenance.deleted)
        .filter_map(|((_, key), row)| match &row.entity {
            Entity::PersonRecord(person) => Some((key, person)),
            _ => None,
        })
        .filter(|(_, person)| {
            let mut carried = person.identifiers.iter();
            carried.any(|it| it.namespace == namespace && it.value == value)
        })
        .map(|(key, _)| key.clone())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_are_found_by_whatever_they_are_known_by() {
    let asked = Asked::new().await;
    let landed = asked.stand.landed().await;
    let people = &asked.stand.simulator.company().people;
    let mut found_by_email = 0;
    for person in people {
        for email in &person.emails {
            let expected = carriers(&landed, Namespace::Email, email);
            let answer = asked.look_up(&json!({ "email": email.to_uppercase() })).await;
            let people = answer["people"].as_array().expect("people");
            let held: BTreeSet<String> =
                people.iter().flat_map(|person| texts(&person["record_keys"])).collect();
            let shared = answer["shared"] == true;
            assert!(shared || expected.is_subset(&held), "{expected:?} is not in {answer}");
            assert!(!expected.is_empty() || people.is_empty(), "{answer}");
            found_by_email += people.len();
            let reads = answer["reads"].as_u64().expect("reads");
            assert!(reads < 200, "a lookup read {reads} items");
        }
        if let Some(phone) = &person.phone {
            let expected = carriers(&landed, Namespace::Phone, phone);
            let answer = asked.look_up(&json!({ "phone": phone })).await;
            let found = answer["people"].as_array().expect("people");
            assert_eq!(found.is_empty(), expected.is_empty(), "{answer}");
        }
    }
    assert!(found_by_email >= people.len() / 2, "{found_by_email}");

    let truth = asked.stand.simulator.zendesk().truth();
    for user in truth.users.values().filter(|user| user.role == Role::EndUser) {
        let key = format!("zendesk/zendesk/user/{}", user.id);
        if landed
            .newest
            .get(&(Table::PersonRecord, key.clone()))
            .is_none_or(|row| row.provenance.deleted)
        {
            continue;
        }
        let found = asked.get(&format!("/customers?source_id={}", key.replace('/', "%2F"))).await;
        let [person] = found["people"].as_array().expect("people").as_slice() else {
            panic!("{key} is {found}");
        };
        assert!(texts(&person["record_keys"]).contains(&key));
        let records = asked.get(&format!("/customers/{}/records", id(person))).await;
        let mut records = records["records"].as_array().expect("records").iter();
        let record = records.find(|it| it["source"]["record_key"] == *key).expect("it");
        assert_eq!(record["content"]["name"]["full"], user.name, "{record}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_is_whole_and_true() {
    let asked = Asked::new().await;
    let person = asked.a_known_person().await;
    let members: BTreeSet<String> = texts(&person["record_keys"]).into_iter().collect();
    let customer = asked.get(&format!("/customers/{}", id(&person))).await;
    assert_eq!(customer["person_id"], person["person_id"]);
    let records = customer["records"].as_array().expect("records");
    let told: BTreeSet<String> = records
        .iter()
        .map(|record| record["record_key"].as_str().expect("a key").to_owned())
        .collect();
    assert_eq!(told, members);
    let claims = customer["profile"]["name"]["claims"].as_array().expect("claims");
    assert!(
        !claims.is_empty() && members.contains(claims[0]["record_key"].as_str().expect("a key"))
    );
    assert!(customer["confidence"]["weakest"].is_object(), "{customer}");
    assert_eq!(customer["incomplete"], false);

    let truth = asked.stand.simulator.zendesk().truth();
    let open = truth.tickets.values().filter(|ticket| {
        let requester = format!("zendesk/zendesk/user/{}", ticket.requester_id);
        let done = matches!(ticket.status, Status::Solved | Status::Closed);
        members.contains(&requester) && !done && ticket.deletion == Deletion::No
    });
    assert_eq!(customer["open_tickets"].as_array().map(Vec::len), Some(open.count()));

    // Every id of every record leads to the same person: ids that a merge made obsolete are aliases.
    for member in &members {
        let own = shared::identity::person_id_of(&member.parse().expect("a key"));
        let alias = asked.get(&format!("/customers/{own}")).await;
        assert_eq!(alias["person_id"], person["person_id"], "{member}");
    }
    let nobody = asked.http.get(format!("{}/customers/{}", asked.url, uuid::Uuid::nil()));
    let (status, problem) = asked.send(nobody).await;
    assert_eq!((status, &problem["status"]), (404, &json!(404)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeline_tells_everything_once_and_in_order() {
    let asked = Asked::new().await;
    let landed = asked.stand.landed().await;
    let person = asked.a_known_person().await;
    let partitions: BTreeSet<String> =
        texts(&person["record_keys"]).into_iter().map(|key| format!("REC#{key}")).collect();
    let mut expected: Vec<String> = landed
        .items
        .keys()
        .filter(|(pk, sk)| partitions.contains(pk) && sk.starts_with("INT#"))
        .map(|(_, sk)| sk.clone())
        .collect();
    expected.sort_unstable_by(|one, other| other.cmp(one));
    expected.dedup();
    assert!(expected.len() > 10, "{} things happened", expected.len());

    for limit in [7, 200] {
        let mut told = Vec::new();
        let mut before = String::new();
        loop {
            let path = format!("/customers/{}/timeline?limit={limit}{before}", id(&person));
            let page = asked.get(&path).await;
            let entries = page["entries"].as_array().expect("entries");
            assert!(entries.len() <= limit && !entries.is_empty(), "{page}");
            told.extend(entries.iter().map(|entry| {
                let text = |value: &Value| value.as_str().expect("a text").to_owned();
                format!(
                    "INT#{}#{}",
                    text(&entry["content"]["occurred_at"]),
                    text(&entry["record_key"])
                )
            }));
            match page["next"].as_str() {
                Some(next) => before = format!("&before={next}"),
                None => break,
            }
        }
        assert_eq!(told, expected, "in pages of {limit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stewards_part_and_join_and_sign_for_it() {
    let asked = Asked::new().await;
    let person = asked.a_known_person().await;
    let members = texts(&person["record_keys"]);
    let (one, rest) = members.split_first().expect("records");
    let signed = |mut body: Value| {
        body["author"] = json!("steward");
        body["reason"] = json!("the invoices are two people's");
        body
    };
    let whose = async |key: &str| {
        let found = asked.look_up(&json!({ "source_id": key })).await;
        texts(&found["people"][0]["record_keys"])
    };

    let path = format!("/customers/{}/never-link", id(&person));
    let ruled = asked.rule(&path, signed(json!({ "record_keys": [one] }))).await;
    assert!(ruled["people"].as_array().expect("people").len() >= 2, "{ruled}");
    assert!(whose(one).await.iter().all(|key| !rest.contains(key)));
    assert!(!whose(&rest[0]).await.contains(one));
    let found = asked.look_up(&json!({ "source_id": one })).await;
    let parted = asked.get(&format!("/customers/{}", id(&found["people"][0]))).await;
    let mut candidates = parted["candidates"].as_array().expect("candidates").iter();
    assert!(candidates.any(|it| it["reason"] == "never_link"), "{parted}");

    let both = signed(json!({ "record_keys": [one, rest[0]] }));
    let ruled = asked.rule("/customers/link", both).await;
    assert!(!ruled["people"].as_array().expect("people").is_empty());
    assert!(whose(one).await.contains(&rest[0]), "the later ruling holds");

    let now = asked.look_up(&json!({ "source_id": one })).await;
    let path = format!("/customers/{}/split", id(&now["people"][0]));
    asked.rule(&path, signed(json!({ "groups": [[one]] }))).await;
    assert!(!whose(one).await.contains(&rest[0]));

    for (path, body, field) in [
        ("/customers/link".to_owned(), json!({ "record_keys": [one] }), "record_keys"),
        ("/customers/link".to_owned(), json!({ "record_keys": [one, "a/b/c/d"] }), "record_keys"),
        (path.clone(), json!({ "groups": [["a/b/c/d"]] }), "groups"),
        (path.clone(), json!({ "groups": [] }), "groups"),
    ] {
        let (status, problem) = asked.post(&path, &signed(body)).await;
        assert_eq!(status, 422, "{problem}");
        assert!(problem["detail"].as_str().expect("words").starts_with(field), "{problem}");
    }
    let unsigned = json!({ "record_keys": [one, rest[0]], "author": "steward", "reason": " " });
    assert_eq!(asked.post("/customers/link", &unsigned).await.0, 422);

    let landed = asked.stand.landed().await;
    let audit: Vec<String> = landed
        .items
        .iter()
        .filter(|((pk, _), _)| pk.starts_with("AUDIT#"))
        .map(|(_, item)| item["line"].as_s().expect("a line").clone())
        .collect();
    assert_eq!(audit.len(), 3, "{audit:?}");
    assert!(audit.iter().all(|line| line.contains("steward") && line.contains(one)));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_without_a_key_and_no_log_learns_who_the_customers_are() {
    let logs = privacy::listen();
    let asked = Asked::new().await;
    let person = asked.a_known_person().await;
    for path in ["/customers?email=ann@example.org", &format!("/customers/{}", id(&person))] {
        let url = format!("{}{path}", asked.url);
        let unsigned = asked.http.get(&url).send().await.expect("an answer");
        assert_eq!(unsigned.status(), 401);
        assert_eq!(unsigned.headers()["content-type"], "application/problem+json");
        let wrong = asked.http.get(&url).bearer_auth("guessed").send().await.expect("an answer");
        assert_eq!(wrong.status(), 401);
    }
    let described = asked.http.get(format!("{}/openapi.json", asked.url)).send().await;
    assert_eq!(described.expect("an answer").status(), 200);

    let mut canaries: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let people = &asked.stand.simulator.company().people;
    for person in people {
        for email in &person.emails {
            let query = email.replace('@', "%40");
            asked.get(&format!("/customers?email={query}")).await;
            asked.look_up(&json!({ "email": email })).await;
            let at_fault = format!("{}/customers?email={}", asked.url, email.replace('@', "%20"));
            assert_eq!(asked.send(asked.http.get(at_fault)).await.0, 422);
            canaries.entry("addresses").or_default().extend([email.clone(), query]);
        }
        canaries.entry("numbers").or_default().extend(person.phone.clone());
    }
    for part in ["", "/timeline", "/records"] {
        asked.get(&format!("/customers/{}{part}", id(&person))).await;
    }
    let mut canaries: Vec<String> = canaries.into_values().flatten().collect();
    canaries.push(KEY.to_owned());
    let ours = logs.0.text();
    assert!(
        ours.contains("/customers/{id}/timeline") && ours.contains("customers asked"),
        "{ours}"
    );
    privacy::assert_silent(&canaries, "our logs", &ours);
    privacy::assert_silent(&canaries, "the logs", &logs.1.text());
    assert!(!ours.contains(id(&person)), "the routes are logged, not the paths");
}
