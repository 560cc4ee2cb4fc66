//! How the live feed is heard.

use std::time::Duration;

use serde_json::{Value, json};
use shared::page::Next;
use shared::testing::asked::Asked;

use crate::support::{
    MIRA, SETTINGS, UNTIL, asked, asked_of, commit, horizon, looking_for, response,
};

const MICROS: i64 = 1_000_000;

fn lines(events: &[Value]) -> String {
    let lines: Vec<String> = events.iter().map(Value::to_string).collect();
    lines.join("\n")
}

fn step(
    feed: &Asked,
    cursor: &serde_json::value::RawValue,
    events: &[Value],
) -> Next<Box<serde_json::value::RawValue>> {
    feed.stream().page(cursor, &horizon(), &response(lines(events))).expect("a page").next
}

fn at(cursor: &serde_json::value::RawValue) -> i64 {
    let cursor: Value = serde_json::from_str(cursor.get()).expect("JSON");
    cursor["at"].as_i64().expect("a time")
}

fn deleted(time_us: i64) -> Value {
    commit("delete", time_us, "")
}

#[test]
fn the_first_run_begins_minutes_ago_and_asks_for_posts_only() {
    let feed = asked("jetstream");
    let request = feed.request(&feed.begin());
    assert_eq!(request.target, "wss://jetstream.us-east.bsky.network/subscribe");
    assert!(!request.with_credentials, "the feed is another host's");
    let query: Vec<(&str, &str)> =
        request.query.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let begin = ((UNTIL - 300) * MICROS).to_string();
    assert_eq!(query, [("wantedCollections", "app.bsky.feed.post"), ("cursor", &begin)]);
    let frames = request.frames.unwrap();
    assert!(frames.longest <= Duration::from_secs(30) && frames.most_bytes <= 64 << 20);
}

#[test]
fn it_goes_on_until_the_present() {
    let feed = asked("jetstream");
    let Next::More(next) = step(&feed, &feed.begin(), &[deleted((UNTIL - 200) * MICROS)]) else {
        panic!("more")
    };
    assert_eq!(at(&next), (UNTIL - 200) * MICROS);
    let Next::Done(next) = step(&feed, &next, &[deleted(UNTIL * MICROS)]) else { panic!("done") };
    assert_eq!(at(&feed.resume(&next)), (UNTIL - 5) * MICROS, "a moment of overlap");
}

/// A feed that was cut off, or a network that is silent, says nothing new: then this run is over, not stuck.
#[test]
fn no_news_ends_the_run() {
    let feed = asked("jetstream");
    let begin = feed.begin();
    assert!(matches!(step(&feed, &begin, &[]), Next::Done(_)));
    assert!(matches!(step(&feed, &begin, &[deleted(at(&begin))]), Next::Done(_)));
    assert!(
        matches!(step(&feed, &begin, &[deleted(at(&begin) - 7)]), Next::Done(_)),
        "never backwards"
    );
}

/// A server's clock that is ahead must not make us pass over what happens until then.
#[test]
fn a_time_to_come_is_not_believed() {
    let feed = asked("jetstream");
    let next = step(&feed, &feed.begin(), &[deleted((UNTIL + 900) * MICROS)]);
    assert_eq!(at(next.cursor()), (UNTIL + 60) * MICROS, "when the answer arrived");
}

/// v1 moves too old a cursor forward without a word.
#[test]
fn a_gap_is_told_for_a_day() {
    let feed = asked("jetstream");
    let begin = feed.begin();
    let old = json!({ "at": (UNTIL - 200_000) * MICROS }).to_string();
    let old: &serde_json::value::RawValue = serde_json::from_str(&old).unwrap();
    let next = step(
        &feed,
        old,
        &[deleted((UNTIL - 100_000) * MICROS), deleted((UNTIL - 99_000) * MICROS)],
    );
    let note = feed.stream().note(next.cursor()).expect("a gap");
    assert!(
        note.contains("from 2026-02-28T05:26:40") && note.contains("to 2026-03-01T09:13:20"),
        "{note}"
    );
    let next = step(&feed, &feed.resume(next.cursor()), &[deleted((UNTIL - 98_990) * MICROS)]);
    assert!(feed.stream().note(next.cursor()).is_some(), "a later page and run");
    let next =
        step(&feed, next.cursor(), &[deleted((UNTIL - 98_980) * MICROS), deleted(UNTIL * MICROS)]);
    assert_eq!(feed.stream().note(next.cursor()), None, "a day later");
    assert_eq!(
        feed.stream().note(step(&feed, &begin, &[deleted(at(&begin) + MICROS)]).cursor()),
        None
    );
}

fn keeps(feed: &Asked, event: &Value) -> bool {
    feed.stream().keeps(event.to_string().as_bytes())
}

/// The raw zone is for what concerns us, not for the network.
#[test]
fn what_concerns_nobody_here_is_not_kept() {
    let feed = asked("jetstream");
    let saying = |text: &str| commit("create", 1, text);
    assert!(keeps(&feed, &saying("at Ember & Oak!")));
    assert!(keeps(&feed, &saying("EMBER... OAK")), "as the search engine reads it");
    for text in ["remember oak", "Oak & Ember", "ember and oak", ""] {
        assert!(!keeps(&feed, &saying(text)), "{text}");
    }
    for operation in ["update", "delete"] {
        assert!(keeps(&feed, &commit(operation, 1, "nothing")), "{operation}: it may be known");
    }
    let mut like = saying("Ember & Oak");
    like["commit"]["collection"] = "app.bsky.feed.like".into();
    assert!(!keeps(&feed, &like));
    let account = |active: bool, status: &str| json!({"did": MIRA, "time_us": 1, "kind": "account", "account": {"active": active, "status": status}});
    assert!(keeps(&feed, &account(false, "deleted")));
    assert!(!keeps(&feed, &account(false, "takendown")) && !keeps(&feed, &account(true, "")));
    assert!(!keeps(&feed, &json!({"did": MIRA, "time_us": 1, "kind": "identity", "identity": {}})));
    assert!(
        feed.stream().keeps(b"{\"kind\":\"commit\",\"commit\":7}"),
        "a surprise is for people to look at"
    );
}

#[test]
fn answers_and_mentions_of_our_accounts_concern_us_whatever_they_say() {
    let feed = asked("jetstream");
    let ours = "did:plc:emberoakemberoakemberoak1";
    let mut answer = commit("create", 1, "thanks");
    let parent = json!({ "cid": "x", "uri": format!("at://{ours}/app.bsky.feed.post/3x") });
    answer["commit"]["record"]["reply"] = json!({ "parent": parent, "root": parent });
    assert!(keeps(&feed, &answer));
    let mut mention = commit("create", 1, "thanks @ember-oak.example");
    mention["commit"]["record"]["facets"] =
        json!([{ "features": [{ "$type": "app.bsky.richtext.facet#mention", "did": ours }] }]);
    assert!(keeps(&feed, &mention));
    let mut tagged = commit("create", 1, "thanks");
    tagged["commit"]["record"]["tags"] = json!(["ember", "oak"]);
    assert!(!keeps(&feed, &tagged), "no phrase goes from tag to tag");
    let tags = asked_of(&looking_for(&["#emberoak"]), "jetstream");
    tagged["commit"]["record"]["tags"] = json!(["EmberOak"]);
    assert!(keeps(&tags, &tagged));
}

#[test]
fn all_words_of_a_query_must_occur_in_any_order() {
    let feed = asked_of(&looking_for(&["pizza camden", "まぐろ"]), "jetstream");
    let says = |text: &str| keeps(&feed, &commit("create", 1, text));
    assert!(says("Camden has good pizza") && !says("Camden has good pasta"));
    assert!(says("今日はまぐろを食べた"), "no spaces between words");
}

#[test]
fn without_it_there_is_no_feed() {
    let connection = crate::support::connect(&format!("{SETTINGS}jetstream = false\n")).unwrap();
    let names: Vec<&str> = connection.connector.streams.iter().map(|s| s.facts().name).collect();
    assert_eq!(names, ["posts", "known_posts"]);
}
