//! What each page of the fixtures becomes; review a snapshot as you would code.

use serde_json::{Value, json};
use shared::rows::Origin;
use shared::schema::{Entity, Post};

use crate::support::{MIRA, asked, check, commit, view};

fn seen(name: &'static str, page: &str) -> Value {
    asked(name).seen(page)
}

shared::pages! {
    "bluesky", ".json";
    posts: mentions_and_replies, clocks_of_their_own, words_and_types_we_do_not_know,
        an_empty_page_with_more_behind_it;
}

shared::pages! {
    "bluesky", ".ndjson";
    jetstream: commits, accounts_and_identities;
}

fn post_of(stream: &'static str, record: &Value) -> Post {
    let mapped = asked(stream).map(record, Origin::Page).expect("a good record");
    let posts = mapped.drafts.into_iter().find_map(|draft| match draft.entity {
        Entity::Post(post) => Some(post),
        _ => None,
    });
    *posts.expect("a post")
}

fn saying(text: &str, langs: Value) -> Post {
    let mut view = view(text, &[]);
    view["record"]["langs"] = langs;
    post_of("posts", &view)
}

/// The post's own version, in either stream.
fn version(stream: &'static str, record: &Value, origin: Origin) -> i64 {
    let mapped = asked(stream).map(record, origin).expect("a good record");
    mapped.drafts.iter().find(|draft| draft.object == "post").expect("a post").version
}

#[test]
fn the_language_is_what_the_author_says_else_what_the_text_shows() {
    let german =
        "Die neue Filiale von Ember & Oak ist wirklich sehr schön geworden, wir kommen wieder";
    let language = |post: Post| post.language.into_value().map(|tag| tag.to_string());
    assert_eq!(language(saying(german, json!(["en-gb"]))).as_deref(), Some("en-GB"));
    assert_eq!(language(saying(german, json!([]))).as_deref(), Some("de"));
    assert_eq!(language(saying(german, json!(["not a language"]))).as_deref(), Some("de"));
    assert_eq!(language(saying("ok", json!(null))), None, "too short to tell");
}

#[test]
fn only_english_is_scored_and_the_model_is_named() {
    let good = saying("Ember & Oak is wonderful, I love it!", json!(["en"]));
    assert!(good.sentiment.unwrap() > 0.5);
    assert_eq!(good.sentiment_model.as_deref(), Some("vader 0.1"));
    let bad = saying("Ember & Oak is horrible, I hate it!", json!(["en-US"]));
    assert!(bad.sentiment.unwrap() < -0.5);
    let german = saying("Ember & Oak ist wunderbar, I love it", json!(["de"]));
    assert_eq!((german.sentiment, german.sentiment_model), (None, None));
    assert_eq!(saying("  ", json!(["en"])).sentiment, None, "nothing to score");
}

/// Counts are measurements of a moment: a post whose likes grow is the same post.
#[test]
fn counts_labels_and_quoted_posts_change_nothing() {
    let (few, many) = (
        view("Ember & Oak", &[("likeCount", json!(1)), ("labels", json!([]))]),
        view(
            "Ember & Oak",
            &[
                ("likeCount", json!(900)),
                ("labels", json!([{"val": "spam"}])),
                ("embed", json!({"record": {"likeCount": 7}})),
                ("viewer", json!({"like": "at://x"})),
            ],
        ),
    );
    let posts = asked("posts");
    let drafts = |view| posts.map(view, Origin::Page).unwrap().drafts;
    assert_eq!(drafts(&few), drafts(&many));
}

/// A lookup that repeats what search said must not land it again.
#[test]
fn search_and_lookup_say_the_same() {
    let found = asked("posts").map(&view("Ember & Oak", &[]), Origin::Page).unwrap().drafts;
    let again = asked("known_posts").map(&view("Ember & Oak", &[]), Origin::Lookup).unwrap().drafts;
    assert_eq!(found[..2], again[..]);
}

/// One mention, wherever it is heard of.
#[test]
fn search_and_the_feed_tell_the_same_mention() {
    let mentions = |stream, record: &Value| {
        let drafts = asked(stream).map(record, Origin::Page).unwrap().drafts;
        drafts.into_iter().find(|draft| draft.object == "mention").expect("a mention")
    };
    let feed = commit("create", 1_772_452_801_500_000, "Ember & Oak");
    assert_eq!(mentions("posts", &view("Ember & Oak", &[])), mentions("jetstream", &feed));
}

/// The feed does not know the handle, so what the application says of a new post wins, whatever their clocks say.
#[test]
fn the_view_of_a_post_outranks_its_creation_in_the_feed() {
    let late = commit("create", 1_772_459_000_000_000, "Ember & Oak");
    let created = version("jetstream", &late, Origin::Page);
    assert!(created < version("posts", &view("Ember & Oak", &[]), Origin::Page));
}

#[test]
fn an_edit_outranks_the_view_before_it_and_a_deletion_both() {
    let at = 1_772_453_000_000_000;
    let viewed = version("posts", &view("Ember & Oak", &[]), Origin::Page);
    let edited = version("jetstream", &commit("update", at, "Ember & Oak!"), Origin::Page);
    let deleted = version("jetstream", &commit("delete", at, ""), Origin::Page);
    assert!(viewed < edited && edited < deleted);
}

/// At least once: the same event twice is one event.
#[test]
fn the_feed_may_repeat_itself() {
    let feed = commit("create", 1_772_453_000_000_000, "Ember & Oak");
    let later = commit("create", 1_772_453_000_900_000, "Ember & Oak");
    let drafts = |event: &Value| asked("jetstream").map(event, Origin::Page).unwrap().drafts;
    let (first, second) = (drafts(&feed), drafts(&later));
    assert_eq!(first[0].version, second[0].version);
    assert_eq!(first[0].entity, second[0].entity);
    assert_eq!(first[1], second[1], "the mention");
}

/// Most deletions concern nobody here.
#[test]
fn what_the_feed_says_of_strangers_counts_only_if_they_are_known() {
    let gone = asked("jetstream").map(&commit("delete", 1_772_453_000_000_000, ""), Origin::Page);
    assert!(gone.unwrap().drafts.iter().all(|draft| draft.deleted && draft.only_if_known));
    let account = json!({"did": MIRA, "time_us": 1_772_453_000_000_000_i64, "kind": "account",
        "account": {"active": false, "status": "deleted", "did": MIRA, "seq": 1, "time": "2026-03-02T12:00:00Z"}});
    let gone = asked("jetstream").map(&account, Origin::Page).unwrap().drafts;
    assert!(gone[0].deleted && gone[0].only_if_known && gone[0].object == "author");
    let edit = commit("update", 1_772_453_000_000_000, "nothing about anybody");
    let edit = asked("jetstream").map(&edit, Origin::Page).unwrap().drafts;
    assert_eq!(edit.len(), 1, "no mention");
    assert!(edit[0].only_if_known && !edit[0].deleted);
}

/// A takedown or a break hides; only a deletion erases.
#[test]
fn hidden_accounts_are_not_deleted() {
    for status in ["takendown", "suspended", "deactivated", "desynchronized", "throttled"] {
        let account = json!({"did": MIRA, "time_us": 1_772_453_000_000_000_i64, "kind": "account",
            "account": {"active": false, "status": status, "did": MIRA}});
        let mapped = asked("jetstream").map(&account, Origin::Page).unwrap();
        assert!(mapped.drafts.is_empty(), "{status}");
    }
}

/// Nobody tells when a profile changed: the last day on which it was read decides.
#[test]
fn an_author_lands_once_a_day() {
    let author = |indexed: &str| {
        let view = view("Ember & Oak", &[("indexedAt", json!(indexed))]);
        let drafts = asked("posts").map(&view, Origin::Page).unwrap().drafts;
        drafts.into_iter().find(|draft| draft.object == "author").expect("an author")
    };
    let (old, new) = (author("2025-01-01T00:00:00Z"), author("2026-03-02T12:00:01.000Z"));
    assert_eq!(old, new, "whichever post shows them");
    assert_eq!(old.version, 1_772_409_600_000_000, "midnight of the day of reading");
}
