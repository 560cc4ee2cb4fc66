//! Known posts, looked up again.

use std::time::Duration;

use serde_json::json;
use shared::facts::Deletes;
use shared::rows::Origin;

use crate::support::{MIRA, asked, response, view};

#[test]
fn every_known_post_is_looked_up_within_a_day() {
    let known = asked("known_posts");
    let facts = known.stream().facts();
    assert_eq!(facts.deletes.value, Deletes::Recheck(25));
    assert!(facts.every.unwrap() < Duration::from_hours(24));
    assert_eq!(facts.object, asked("posts").stream().facts().object);
    let ids = [
        "at://did:plc:a/app.bsky.feed.post/1".to_owned(),
        "at://did:plc:b/app.bsky.feed.post/2".to_owned(),
    ];
    let request = known.stream().lookup(&ids).unwrap();
    assert_eq!(request.target, "/xrpc/app.bsky.feed.getPosts");
    let uris: Vec<&str> = request
        .query
        .iter()
        .map(|(name, uri)| {
            assert_eq!(*name, "uris");
            uri.as_str()
        })
        .collect();
    assert_eq!(uris, ids);
}

#[test]
fn what_is_not_answered_is_gone() {
    let body = response(json!({ "posts": [view("Ember & Oak", &[])] }).to_string());
    let known = asked("known_posts");
    assert_eq!(known.stream().looked_up(&body).unwrap().len(), 1);
    let nobody = response("{\"posts\":[]}");
    assert!(known.stream().looked_up(&nobody).unwrap().is_empty());
}

#[test]
fn a_lookup_tells_of_the_post_and_its_author_and_of_no_mention() {
    let drafts =
        asked("known_posts").map(&view("Ember & Oak", &[]), Origin::Lookup).unwrap().drafts;
    let objects: Vec<&str> = drafts.iter().map(|draft| draft.object).collect();
    assert_eq!(objects, ["author", "post"]);
}

/// An account that became ours later: its posts are left alone, not buried.
#[test]
fn posts_of_our_own_are_there() {
    let ours = "did:plc:emberoakemberoakemberoak1";
    let view = view(
        "Ember & Oak",
        &[
            ("uri", json!(format!("at://{ours}/app.bsky.feed.post/3x"))),
            ("author", json!({ "did": ours, "handle": "ember-oak.example" })),
        ],
    );
    let mapped = asked("known_posts").map(&view, Origin::Lookup).unwrap();
    assert!(mapped.drafts.is_empty());
    assert_eq!(mapped.present, [("post", format!("at://{ours}/app.bsky.feed.post/3x"))]);
}

#[test]
fn the_pass_goes_on_where_it_stopped() {
    let known = asked("known_posts");
    assert_eq!(known.begin().get(), "null");
    let at =
        serde_json::value::to_raw_value(&format!("at://{MIRA}/app.bsky.feed.post/3x")).unwrap();
    assert_eq!(known.resume(&at).get(), at.get());
}
