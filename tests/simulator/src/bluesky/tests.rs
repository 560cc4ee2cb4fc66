//! The face: what it shows, what it refuses, what it tells.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt as _;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::{APP_PASSWORD, Bluesky, HANDLE, QUERIES, Status};
use crate::{Fault, Settings, Simulator};

async fn world() -> Simulator {
    let until = jiff::Timestamp::now() - SignedDuration::from_mins(10);
    Simulator::start(Settings { until: Some(until), people: 150, ..Settings::default() })
        .await
        .expect("the simulator starts")
}

async fn get(face: &Bluesky, path: &str, token: Option<&str>) -> (u16, Value) {
    let mut call = reqwest::Client::new().get(format!("{}/xrpc/{path}", face.base_url()));
    if let Some(token) = token {
        call = call.bearer_auth(token);
    }
    let answer = call.send().await.expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

async fn login(face: &Bluesky, password: &str) -> (u16, Value) {
    let body = json!({ "identifier": HANDLE, "password": password }).to_string();
    let url = format!("{}/xrpc/com.atproto.server.createSession", face.base_url());
    let answer = reqwest::Client::new().post(url).body(body).send().await.expect("an answer");
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.expect("a body")).expect("JSON"))
}

async fn refresh(face: &Bluesky, token: &str, body: &'static str) -> (u16, Value) {
    let url = format!("{}/xrpc/com.atproto.server.refreshSession", face.base_url());
    let call = reqwest::Client::new().post(url).bearer_auth(token).body(body);
    let answer = call.send().await.expect("an answer");
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.expect("a body")).expect("JSON"))
}

async fn token(face: &Bluesky) -> String {
    let (status, opened) = login(face, APP_PASSWORD).await;
    assert_eq!(status, 200);
    opened["accessJwt"].as_str().expect("a token").to_owned()
}

fn search(query: &str, further: &str) -> String {
    let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
    format!("app.bsky.feed.searchPosts?q={query}&limit=50{further}")
}

/// Every post that a search shows, page by page; and how many pages there were.
async fn all(face: &Bluesky, query: &str, token: &str) -> (Vec<Value>, usize) {
    let (mut posts, mut pages, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let (status, page) = get(face, &search(query, &cursor), Some(token)).await;
        assert_eq!(status, 200, "{page}");
        pages += 1;
        posts.extend(page["posts"].as_array().expect("posts").iter().cloned());
        match page["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (posts, pages),
        }
    }
}

#[tokio::test]
async fn paging_shows_every_post_once_and_newest_first() {
    let world = world().await;
    let face = world.bluesky();
    let token = token(face).await;
    let (posts, pages) = all(face, QUERIES[0], &token).await;
    assert!(pages > 2);
    let uris: BTreeSet<&str> = posts.iter().filter_map(|post| post["uri"].as_str()).collect();
    assert_eq!(uris.len(), posts.len());
    let truth = face.truth();
    let expected =
        truth.posts.iter().filter(|(_, post)| post.text.to_lowercase().contains("ember & oak"));
    let expected: BTreeSet<&str> = expected.map(|(uri, _)| uri.as_str()).collect();
    assert!(expected.is_subset(&uris), "the customers'");
    assert!(uris.iter().any(|uri| uri.contains(&truth.own)), "and the company's own");
    let times: Vec<String> = posts
        .iter()
        .map(|post| {
            let (created, indexed) = (&post["record"]["createdAt"], &post["indexedAt"]);
            created.as_str().min(indexed.as_str()).expect("a time").to_owned()
        })
        .collect();
    assert!(times.is_sorted_by(|a, b| a >= b));
}

#[tokio::test]
async fn a_window_is_inclusive_at_its_start_and_exclusive_at_its_end() {
    let world = world().await;
    let face = world.bluesky();
    let at: jiff::Timestamp = "2021-04-01T10:00:00Z".parse().expect("a time");
    let uri = face.post("Ember & Oak", Some(at));
    let shows = async |since: &str, until: &str| {
        let window = format!("&since={since}&until={until}");
        let (_, page) = get(face, &search(QUERIES[0], &window), None).await;
        page["posts"].as_array().expect("posts").iter().any(|post| post["uri"] == uri.as_str())
    };
    assert!(shows("2021-04-01T10:00:00Z", "2021-04-01T10:00:00.001Z").await);
    assert!(!shows("2021-04-01T09:00:00Z", "2021-04-01T10:00:00Z").await);
    assert!(!shows("2021-04-01T10:00:00.001Z", "2021-05-01").await);
}

/// Who is not signed in sees the first page only.
#[tokio::test]
async fn what_the_vendor_refuses_is_refused() {
    let world = world().await;
    let face = world.bluesky();
    let (status, page) = get(face, &search(QUERIES[0], ""), None).await;
    let cursor = page["cursor"].as_str().expect("a second page");
    assert_eq!(status, 200);
    let second = format!("&cursor={cursor}");
    assert_eq!(get(face, &search(QUERIES[0], &second), None).await.0, 403);
    let token = token(face).await;
    assert_eq!(get(face, &search(QUERIES[0], &second), Some(&token)).await.0, 200);
    face.expire_cursors();
    for (path, error) in [
        (search(QUERIES[0], &second), "BadQueryString"),
        (search("\"Ember", ""), "BadQueryString"),
        (search("x", "&since=yesterday"), "InvalidRequest"),
        (search("x", "&sort=best"), "InvalidRequest"),
        ("app.bsky.feed.searchPosts?q=x&limit=101".to_owned(), "InvalidRequest"),
        ("app.bsky.feed.searchPosts".to_owned(), "InvalidRequest"),
        ("app.bsky.feed.getPosts".to_owned(), "InvalidRequest"),
        (format!("app.bsky.feed.getPosts?{}", ["uris=at://1"; 26].join("&")), "InvalidRequest"),
    ] {
        let (status, refusal) = get(face, &path, Some(&token)).await;
        assert_eq!((status, refusal["error"].as_str()), (400, Some(error)), "{path}");
    }
    let (status, refusal) = get(face, &search("x", ""), Some("nobody's")).await;
    assert_eq!((status, refusal["error"].as_str()), (400, Some("InvalidToken")));
    assert_eq!(get(face, "app.bsky.feed.getTimeline", Some(&token)).await.0, 501);
}

#[tokio::test]
async fn sessions_end_rotate_and_may_not_be_opened_all_the_time() {
    let world = world().await;
    let face = world.bluesky();
    assert_eq!(login(face, "wrong").await.0, 401);
    let (_, opened) = login(face, APP_PASSWORD).await;
    let (access, old) = (
        opened["accessJwt"].as_str().expect("access"),
        opened["refreshJwt"].as_str().expect("refresh"),
    );
    assert_eq!(get(face, &search("x", ""), Some(access)).await.0, 200);
    face.expire_access_tokens();
    let (status, refusal) = get(face, &search("x", ""), Some(access)).await;
    assert_eq!((status, refusal["error"].as_str()), (400, Some("ExpiredToken")));
    assert_eq!(refresh(face, old, "{}").await.0, 400, "its body must be empty");
    assert_eq!(refresh(face, access, "").await.0, 400, "no refresh token");
    let (status, renewed) = refresh(face, old, "").await;
    assert_eq!(status, 200);
    assert_ne!(renewed["refreshJwt"], opened["refreshJwt"]);
    assert_eq!(refresh(face, old, "").await.0, 200, "a spent one has its grace");
    world.clock().advance(Duration::from_hours(3));
    assert_eq!(refresh(face, old, "").await.0, 400);
    for _ in 0..30 {
        login(face, APP_PASSWORD).await;
    }
    assert_eq!(login(face, APP_PASSWORD).await.0, 429);
}

#[tokio::test]
async fn what_is_gone_or_hidden_is_not_shown() {
    let world = world().await;
    let face = world.bluesky();
    let token = token(face).await;
    let truth = face.truth();
    let (one, post) = truth.posts.first_key_value().expect("a post");
    let (other, hidden) = truth.posts.iter().find(|(_, it)| it.did != post.did).expect("another's");
    let path = format!("app.bsky.feed.getPosts?uris={one}&uris={other}");
    let shown =
        async || get(face, &path, Some(&token)).await.1["posts"].as_array().expect("posts").len();
    assert_eq!(shown().await, 2);
    face.delete_post(one);
    assert_eq!(shown().await, 1);
    face.set_account(&hidden.did, Status::Deactivated);
    assert_eq!(shown().await, 0);
    let there = face.truth();
    assert!(
        !there.posts[one].shown && !there.posts[other].shown && !there.authors[&hidden.did].deleted
    );
    let (posts, _) = all(face, QUERIES[0], &token).await;
    assert!(posts.iter().all(|post| post["author"]["did"] != hidden.did.as_str()));
}

/// Hidden posts are dropped after paging.
#[tokio::test]
async fn pages_may_be_short_or_empty_and_have_a_next_one() {
    let world = world().await;
    let face = world.bluesky();
    let token = token(face).await;
    let (_, first) = get(face, &search(QUERIES[0], ""), Some(&token)).await;
    for post in first["posts"].as_array().expect("posts") {
        face.set_account(post["author"]["did"].as_str().expect("an author"), Status::Takendown);
    }
    let (_, first) = get(face, &search(QUERIES[0], ""), Some(&token)).await;
    assert_eq!(first["posts"], json!([]));
    assert!(first["cursor"].is_string());
}

#[tokio::test]
async fn limits_are_told_and_kept() {
    let world = world().await;
    let face = world.bluesky();
    face.set_rate_limit(2);
    let url = format!("{}/xrpc/{}", face.base_url(), search("x", ""));
    let call = async || reqwest::get(&url).await.expect("an answer");
    assert_eq!(call().await.headers()["ratelimit-remaining"], "1");
    assert_eq!(call().await.status(), 200);
    let refused = call().await;
    assert_eq!(refused.status(), 429);
    let reset: i64 =
        refused.headers()["ratelimit-reset"].to_str().expect("text").parse().expect("a number");
    assert!((0..=300).contains(&(reset - world.clock().now().as_second())));
}

/// The next events of a subscription.
async fn hear(face: &Bluesky, query: &str, events: usize) -> Vec<Value> {
    let url = format!("{}/subscribe?{query}", face.jetstream_url());
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.expect("a socket");
    let mut heard = Vec::new();
    while heard.len() < events {
        match tokio::time::timeout(Duration::from_secs(2), socket.next()).await {
            Ok(Some(Ok(Message::Text(text)))) => {
                heard.push(serde_json::from_str(&text).expect("JSON"));
            }
            Ok(Some(Ok(_))) => {}
            _ => break,
        }
    }
    heard
}

fn micros(at: jiff::Timestamp) -> i64 {
    at.as_microsecond()
}

#[tokio::test]
async fn the_feed_tells_the_past_in_order_and_then_the_present() {
    let world = world().await;
    let face = world.bluesky();
    let begin = micros(world.clock().now());
    let query = format!("wantedCollections=app.bsky.feed.post&cursor={begin}");
    let (heard, ()) = tokio::join!(hear(face, &query, 4), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let uri = face.post("Ember & Oak", None);
        face.edit_post(&uri, "Ember & Oak!");
        face.delete_post(&uri);
        let did = face.truth().posts[&uri].did.clone();
        face.set_account(&did, Status::Deleted);
    });
    let ours = heard.iter().filter(|event| !event.to_string().contains("stranger"));
    let told: Vec<&str> = ours
        .map(|event| {
            event["commit"]["operation"]
                .as_str()
                .or(event["account"]["status"].as_str())
                .unwrap_or_default()
        })
        .collect();
    assert!(told.starts_with(&["create", "update", "delete"]), "{heard:#?}");
    let times: Vec<i64> = heard.iter().filter_map(|event| event["time_us"].as_i64()).collect();
    assert!(times.is_sorted() && times[0] >= begin);
}

#[tokio::test]
async fn too_old_a_cursor_is_moved_forward_without_a_word() {
    let world = world().await;
    let face = world.bluesky();
    let now = world.clock().now();
    let long_ago = micros(now - SignedDuration::from_hours(100));
    let heard = hear(face, &format!("cursor={long_ago}"), 5).await;
    let first = heard[0]["time_us"].as_i64().expect("a time");
    assert!(first >= micros(now - SignedDuration::from_hours(36)), "{first}");
    assert!(
        heard.iter().any(|event| event["commit"]["collection"] == "app.bsky.feed.like"),
        "all collections"
    );
}

#[tokio::test]
async fn subscriptions_are_refused_and_cut_off_on_demand() {
    let world = world().await;
    let face = world.bluesky();
    for wrong in ["subscribe?cursor=soon", "subscribe?collections=app.bsky.feed.post", "elsewhere"]
    {
        let url = format!("{}/{wrong}", face.jetstream_url());
        assert!(tokio_tungstenite::connect_async(url).await.is_err(), "{wrong}");
    }
    face.faults().inject_on("/subscribe", Fault::TruncatedPage, 1);
    let begin = micros(world.clock().now() - SignedDuration::from_mins(20));
    let cut = hear(face, &format!("cursor={begin}"), 10_000).await.len();
    let whole = hear(face, &format!("cursor={begin}"), cut + 10).await.len();
    assert!(cut > 10 && whole > cut, "{cut} of {whole}");
    assert_eq!(face.subscriptions().len(), 5);
}

#[tokio::test]
async fn the_same_seed_gives_the_same_network() {
    let until = Some("2026-03-01T00:00:00Z".parse().expect("a time"));
    let settings = Settings { until, people: 30, ..Settings::default() };
    let (one, two) = (Simulator::start(settings.clone()).await, Simulator::start(settings).await);
    let truth = |world: std::io::Result<Simulator>| {
        format!("{:?}", world.expect("starts").bluesky().truth())
    };
    assert_eq!(truth(one), truth(two));
}

#[test]
fn bulk_posts_are_as_many_as_asked_for_and_all_different() {
    let posts: Vec<Value> =
        super::bulk_posts(7, 500).map(|post| serde_json::from_str(&post).expect("JSON")).collect();
    let uris: BTreeSet<&str> = posts.iter().filter_map(|post| post["uri"].as_str()).collect();
    assert_eq!((posts.len(), uris.len()), (500, 500));
    assert!(posts.iter().all(|post| post.to_string().len() > 500));
}
