//! The archive, asked over HTTP.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::*;
use crate::Simulator;
use crate::faults::Fault;

async fn simulator() -> Simulator {
    let until = Some(Timestamp::now() - SignedDuration::from_mins(5));
    Simulator::start(Settings { people: 40, until, ..Settings::default() })
        .await
        .expect("a free port")
}

async fn sign_in(base: &str) -> String {
    let url = format!(
        "{base}/oauth/token?username=listening%40ember-oak.example&grant_type=api-password&client_id=brandwatch-api-client"
    );
    let form = reqwest::Client::new()
        .post(url)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("password={PASSWORD}"));
    let grant: Value = read(form.send().await.expect("an answer")).await;
    grant["access_token"].as_str().expect("a token").to_owned()
}

async fn read(response: reqwest::Response) -> Value {
    serde_json::from_str(&response.text().await.expect("a body")).expect("JSON")
}

async fn get(face: &Brandwatch, token: &str, target: &str) -> reqwest::Response {
    let url = format!("{}{target}", face.base_url());
    let call = reqwest::Client::new().get(url).header("authorization", format!("bearer {token}"));
    call.send().await.expect("an answer")
}

fn question(more: &str) -> String {
    let queries: String = archive::QUERIES
        .iter()
        .flat_map(|(id, _)| ["&queryId=".to_owned(), id.to_string()])
        .collect();
    format!(
        "/projects/{PROJECT}/data/mentions?startDate=2000-01-01&endDate=2100-01-01{queries}{more}"
    )
}

#[tokio::test]
async fn paging_by_cursor_shows_every_mention_once_in_order() {
    let simulator = simulator().await;
    let face = simulator.brandwatch();
    let token = sign_in(&face.base_url()).await;
    let all = face.truth().mentions;
    for (order, direction) in [("added", "desc"), ("updated", "desc"), ("date", "asc")] {
        let plain = format!("&pageSize=17&orderBy={order}&orderDirection={direction}");
        let (mut seen, mut times, mut cursor) = (Vec::new(), Vec::new(), String::new());
        loop {
            let page = read(get(face, &token, &question(&format!("{plain}{cursor}"))).await).await;
            let results = page["results"].as_array().expect("results");
            for result in results {
                let query = result["queryId"].as_u64().expect("a query");
                seen.push((query, result["resourceId"].as_str().expect("an id").to_owned()));
                times.extend(result[order].as_str().map(str::to_owned));
            }
            if results.len() < 17 {
                break;
            }
            let next = page["nextCursor"].as_str().expect("a cursor");
            cursor = url::form_urlencoded::Serializer::new("&".to_owned())
                .append_pair("cursor", next)
                .finish();
        }
        let distinct: BTreeSet<_> = seen.iter().cloned().collect();
        assert_eq!(distinct.len(), seen.len(), "{order}");
        assert_eq!(distinct, all.keys().cloned().collect(), "{order}");
        let sorted = if direction == "asc" {
            times.is_sorted()
        } else {
            times.is_sorted_by(|one, two| one >= two)
        };
        assert!(sorted, "{order} {direction}");
    }
}

#[tokio::test]
async fn what_the_vendor_refuses_is_refused() {
    let simulator = simulator().await;
    let face = simulator.brandwatch();
    let token = sign_in(&face.base_url()).await;
    for (more, status) in [
        ("", 200),
        ("&pageSize=5001", 400),
        ("&pageSize=0", 400),
        ("&pageSize=5000&page=2", 400),
        ("&orderBy=id", 400),
        ("&sinceId=1", 400),
        ("&cursor=none", 400),
        ("&queryId=1", 404),
        ("&nonsense=1", 400),
        ("&access_token=1", 400),
    ] {
        assert_eq!(get(face, &token, &question(more)).await.status(), status, "{more}");
    }
    let unencoded = "/projects/398748937/data/mentions?queryId=1999933037\
                     &startDate=2026-01-01T00:00:00.000+0000&endDate=2027-01-01T00:00:00.000%2B0000";
    assert_eq!(get(face, &token, unencoded).await.status(), 400);
    let encoded = unencoded.replace("+0000", "%2B0000");
    assert_eq!(get(face, &token, &encoded).await.status(), 200);
    assert_eq!(get(face, "wrong", &question("")).await.status(), 401);
    assert_eq!(get(face, &token, "/projects/32092327/queries").await.status(), 403);
    assert_eq!(get(face, &token, "/projects/1/queries").await.status(), 404);
}

#[tokio::test]
async fn x_is_stripped_and_lists_that_are_not_paged_say_minus_one() {
    let simulator = simulator().await;
    let face = simulator.brandwatch();
    let token = sign_in(&face.base_url()).await;
    let page = read(get(face, &token, &question("&pageSize=5000")).await).await;
    let results = page["results"].as_array().expect("results");
    let of_x = results.iter().filter(|it| it["pageType"] == "twitter").collect::<Vec<_>>();
    assert!(!of_x.is_empty() && of_x.len() < results.len());
    let bare =
        |it: &&Value| it["author"].is_null() && it["snippet"].is_null() && it["date"].is_null();
    assert!(of_x.iter().all(bare));
    let queries = read(get(face, &token, "/projects/398748937/queries").await).await;
    assert_eq!(queries["resultsPage"], -1);
    assert_eq!(queries["results"].as_array().expect("results").len(), archive::QUERIES.len());
}

#[tokio::test]
async fn the_limit_rolls_and_a_refusal_says_nothing_of_when() {
    let simulator = simulator().await;
    let face = simulator.brandwatch();
    let token = sign_in(&face.base_url()).await;
    face.set_rate_limit(Some(2), Duration::from_mins(10));
    for used in ["1", "2"] {
        let answer = get(face, &token, "/me").await;
        assert_eq!(answer.headers()["x-rate-limit-used"], used);
        assert_eq!(answer.headers()["x-rate-limit"], "2/10m");
    }
    let refused = get(face, &token, "/me").await;
    assert_eq!(refused.status(), 429);
    assert!(!refused.headers().contains_key("retry-after"));
    simulator.clock().advance(Duration::from_mins(10));
    assert_eq!(get(face, &token, "/me").await.status(), 200);
}

#[tokio::test]
async fn cursors_and_tokens_end_and_faults_fire() {
    let simulator = simulator().await;
    let face = simulator.brandwatch();
    let token = sign_in(&face.base_url()).await;
    let page = read(get(face, &token, &question("&pageSize=5")).await).await;
    let cursor =
        page["nextCursor"].as_str().expect("a cursor").replace('=', "%3D").replace('+', "%2B");
    let next = question(&format!("&pageSize=5&cursor={cursor}"));
    assert_eq!(get(face, &token, &next).await.status(), 200);
    let fault = face.faults().inject_on("data/mentions", Fault::ExpiredCursor, 1);
    assert_eq!(get(face, &token, &next).await.status(), 400);
    assert_eq!(fault.fired(), 1);
    face.expire_cursors();
    assert_eq!(get(face, &token, &next).await.status(), 400);
    face.expire_token();
    assert_eq!(get(face, &token, "/me").await.status(), 401);
    let again = sign_in(&face.base_url()).await;
    assert_ne!(again, token);
    assert_eq!(face.sign_ins(), 2);
}

#[tokio::test]
async fn changes_are_seen_by_their_clock() {
    let simulator = simulator().await;
    let face = simulator.brandwatch();
    let before = face.truth().mentions;
    face.live(40);
    let after = face.truth().mentions;
    assert!(after.len() > before.len());
    let edited = before.iter().filter(|(key, it)| after[*key].updated > it.updated);
    assert!(edited.count() > 0);
    let (query, resource) = face.add_late(20);
    let late = &face.truth().mentions[&(query, resource)];
    assert!(late.added.duration_since(late.date) > SignedDuration::from_hours(479));
    let gone = face.vanish(3);
    assert!(gone.iter().all(|key| face.truth().mentions[key].vanished));
}

#[test]
fn mentions_in_bulk_weigh_what_real_ones_do() {
    let sizes: Vec<usize> = bulk_mentions(7, 100).map(|mention| mention.len()).collect();
    let mean = sizes.iter().sum::<usize>() / sizes.len();
    assert!((1_800..3_200).contains(&mean), "{mean}");
}
