//! What landed of Bluesky against what the simulated network knows to be true.

use std::collections::BTreeMap;

use shared::schema::{Entity, Interaction, InteractionKind, Known, Row, Timestamp};
use simulator::bluesky::{PostTruth, Truth};

use crate::landed::Landed;

/// Fails unless the stores hold exactly the truth: nothing missing, nothing that is not true.
pub fn assert_is(landed: &Landed, connection: &str, truth: &Truth) {
    let rows = |object| landed.newest_of("bluesky", connection, object);
    posts(&rows("post"), truth);
    authors(&rows("author"), truth);
    said(&rows("mention"), truth, "social.mentioned");
    said(&rows("reply"), truth, "social.replied");
    landed.assert_consistent();
}

fn subject(row: &Row) -> String {
    row.provenance.subject_key.as_ref().map(|key| key.id().into_owned()).unwrap_or_default()
}

fn posts(rows: &BTreeMap<String, &Row>, truth: &Truth) {
    for (uri, post) in truth.posts.iter().filter(|(_, post)| post.shown) {
        let row = rows.get(uri).unwrap_or_else(|| panic!("{uri} did not land: {post:?}"));
        assert!(!row.provenance.deleted, "{uri} is there, and is said to be gone");
        let Entity::Post(landed) = &row.entity else { panic!("{uri} is no post") };
        assert_eq!(landed.text, Known::Value(post.text.clone()), "{uri}");
        let at = landed.posted_at.map(Timestamp::to_jiff);
        assert_eq!(at, Some(post.created_at), "{uri}: when");
        assert_eq!(landed.network, Known::from("bluesky"), "{uri}");
        assert_eq!(subject(row), post.did, "{uri}: who");
        assert_eq!(landed.sentiment.is_some(), landed.sentiment_model.is_some(), "{uri}");
    }
    for (uri, row) in rows.iter().filter(|(_, row)| !row.provenance.deleted) {
        let post = truth.posts.get(uri);
        let post = post.unwrap_or_else(|| panic!("{uri} of {} concerns nobody here", subject(row)));
        assert!(post.shown, "{uri} is not shown any more");
    }
}

fn authors(rows: &BTreeMap<String, &Row>, truth: &Truth) {
    let writes = |did: &String| truth.posts.values().any(|post| post.shown && post.did == *did);
    for (did, author) in truth.authors.iter().filter(|(did, _)| writes(did)) {
        let row = rows.get(did).unwrap_or_else(|| panic!("{did} did not land: {author:?}"));
        assert!(!row.provenance.deleted, "{did} is there, and is said to be gone");
        let Entity::PersonRecord(person) = &row.entity else { panic!("{did} is no person") };
        assert_eq!(person.name.full, Known::from(author.display_name.clone()), "{did}");
        // Nobody tells when a handle changed: on the same day either may stand.
        let called = person.identifiers.iter().any(|identifier| {
            let name = identifier.value.strip_prefix("bluesky:");
            name.is_some_and(|name| author.handles.iter().any(|handle| handle == name))
        });
        assert!(called, "{did} is called {:?}, not {:?}", author.handles, person.identifiers);
    }
    for (did, _) in rows.iter().filter(|(_, row)| !row.provenance.deleted) {
        let author = truth.authors.get(did).unwrap_or_else(|| panic!("{did} concerns nobody here"));
        assert!(!author.deleted, "{did} is deleted");
    }
    assert!(!rows.contains_key(&truth.own), "the company is no customer of its own");
}

fn said(rows: &BTreeMap<String, &Row>, truth: &Truth, kind: &str) {
    let is = |post: &PostTruth| post.answers_us == (kind == "social.replied");
    for (uri, post) in truth.posts.iter().filter(|(_, post)| post.shown && is(post)) {
        let row = rows.get(uri).unwrap_or_else(|| panic!("{kind} {uri} did not land: {post:?}"));
        let Entity::Interaction(it) = &row.entity else { panic!("{uri} is no interaction") };
        let Interaction { kind: what, subject_key, occurred_at, thread_key, .. } = it.as_ref();
        assert_eq!(what.name(), kind, "{uri}");
        assert_eq!(subject_key.id(), post.did, "{uri}");
        assert_eq!(occurred_at.to_jiff(), post.created_at, "{uri}");
        assert_eq!(thread_key.as_ref().map(|key| key.id().into_owned()), Some(uri.clone()));
        let (InteractionKind::SocialMentioned(said) | InteractionKind::SocialReplied(said)) = what
        else {
            panic!("{uri} is a {}", what.name())
        };
        assert_eq!(said.network.as_deref(), Some("bluesky"), "{uri}");
    }
    // What was said stays said, though the post may be gone.
    for uri in rows.keys() {
        let post = truth.posts.get(uri).unwrap_or_else(|| panic!("nobody said {uri}"));
        assert!(is(post), "{uri} is no {kind}");
    }
}
