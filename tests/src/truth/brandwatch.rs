//! Brandwatch: what landed is what is true.

use std::collections::{BTreeMap, BTreeSet};

use shared::schema::{Entity, Known, PersonRecord, Post, Row};
use simulator::brandwatch::{Mention, Truth};

use crate::landed::Landed;

const SOURCE: &str = "brandwatch";

/// Where an author's name is an account, by page type.
const HANDLES: [&str; 6] = ["bluesky", "forum", "instagram", "reddit", "tiktok", "twitter"];

/// Fails unless every mention landed as it is now, with its author and that they mentioned us, and nothing else did.
///
/// Nobody tells of mentions that vanish: they may be there, as they were.
pub fn assert_is(landed: &Landed, connection: &str, truth: &Truth) {
    let posts = landed.newest_of(SOURCE, connection, "mention");
    let events = landed.newest_of(SOURCE, connection, "mention_event");
    let people = landed.newest_of(SOURCE, connection, "author");
    let truth: BTreeMap<String, &Mention> = truth
        .mentions
        .iter()
        .map(|((query, resource), it)| (format!("{}:{query}:{resource}", truth.project), it))
        .collect();
    // Which record landed for whom: one for each author and network.
    let mut authors: BTreeMap<(String, String), String> = BTreeMap::new();
    for (id, mention) in &truth {
        let Some(row) = posts.get(id) else {
            assert!(mention.vanished, "mention {id} did not land");
            assert!(!events.contains_key(id), "{id}: nobody knows the post");
            continue;
        };
        assert!(!row.provenance.deleted, "mention {id} is buried");
        if !mention.vanished {
            assert_post(id, row, mention);
        }
        let subject = row.provenance.subject_key.as_ref();
        if mention.is_stripped() {
            assert!(subject.is_none() && !events.contains_key(id), "{id}: nobody is told");
            continue;
        }
        let subject = subject.unwrap_or_else(|| panic!("{id} has no author"));
        assert_event(id, &events, mention, subject.as_str());
        let known = authors.entry(identity(mention)).or_insert_with(|| subject.to_string());
        assert_eq!(known, subject.as_str(), "{id}: one author has two records");
        assert_author(id, people[subject.id().as_ref()], mention);
    }
    for id in posts.keys().chain(events.keys()) {
        assert!(truth.contains_key(id), "mention {id} landed and is not true");
    }
    let records: BTreeSet<&String> = authors.values().collect();
    assert_eq!(records.len(), authors.len(), "two authors have one record");
    assert_eq!(people.len(), authors.len(), "an author landed who wrote nothing");
}

/// The network, and who it is there.
fn identity(mention: &Mention) -> (String, String) {
    let author = &mention.author;
    (network(mention), author.id.clone().unwrap_or_else(|| author.handle.to_lowercase()))
}

fn network(mention: &Mention) -> String {
    match mention.page_type {
        "blog" | "forum" | "news" | "review" => mention.domain.replace("www.", ""),
        network => network.to_owned(),
    }
}

fn time(at: Option<shared::schema::Timestamp>) -> Option<jiff::Timestamp> {
    at.map(shared::schema::Timestamp::to_jiff)
}

fn assert_post(id: &str, row: &Row, mention: &Mention) {
    let Entity::Post(post) = &row.entity else { panic!("{id} is no post") };
    let Post { text, url, posted_at, network: on, sentiment, sentiment_model, ext, .. } = &**post;
    assert_eq!(time(row.provenance.source_updated_at), Some(mention.updated), "{id}: updated");
    assert_eq!(*on, Known::Value(network(mention)), "{id}: network");
    assert_eq!(*url, Known::Value(mention.url.clone()), "{id}: url");
    let (told, date) = if mention.is_stripped() {
        (Known::Null, None)
    } else {
        (Known::Value(mention.text.clone()), Some(mention.date))
    };
    assert_eq!((text, time(*posted_at)), (&told, date), "{id}: text and date");
    let feeling = match mention.sentiment {
        "positive" => 1.0,
        "negative" => -1.0,
        _ => 0.0,
    };
    assert_eq!((*sentiment, sentiment_model.as_deref()), (Some(feeling), Some(SOURCE)), "{id}");
    let tags: Vec<String> = serde_json::from_str(&ext["tags"]).expect("tags");
    assert_eq!(tags, mention.tags, "{id}: tags");
    let categories: Vec<u64> = serde_json::from_str(&ext["categories"]).expect("categories");
    let category: Vec<u64> = mention.category.iter().map(|(id, _)| *id).collect();
    assert_eq!(categories, category, "{id}: categories");
}

fn assert_event(id: &str, events: &BTreeMap<String, &Row>, mention: &Mention, subject: &str) {
    let event = events.get(id).unwrap_or_else(|| panic!("{id}: no interaction"));
    let Entity::Interaction(event) = &event.entity else { panic!("{id} is no interaction") };
    assert_eq!(event.kind.name(), "social.mentioned", "{id}");
    assert_eq!(event.subject_key.as_str(), subject, "{id}");
    assert_eq!(event.occurred_at.to_jiff(), mention.date, "{id}");
}

fn assert_author(id: &str, row: &Row, mention: &Mention) {
    let Entity::PersonRecord(person) = &row.entity else { panic!("{id}: no author") };
    let PersonRecord { name, identifiers, .. } = &**person;
    assert_eq!(name.full, Known::Value(mention.author.name.clone()), "{id}: name");
    let values: Vec<&str> = identifiers.iter().map(|it| it.value.as_str()).collect();
    let handle = format!("{}:{}", network(mention), mention.author.handle.to_lowercase());
    let expected: &[&str] = if HANDLES.contains(&mention.page_type) { &[&handle] } else { &[] };
    assert_eq!(values, expected, "{id}: identifiers");
}
