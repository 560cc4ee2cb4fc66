//! What mentions become: each fixture once, and each pitfall by name.

use serde_json::{Value, json};
use shared::rows::{Mapped, Origin};
use shared::schema::{Entity, RecordKey};

use crate::support::{NAMED, asked, check};

fn seen(name: &'static str, page: &str) -> Value {
    asked(NAMED, name).seen(page)
}

shared::pages! {
    "brandwatch", ".json";
    queries: active;
    mentions: of_a_person_on_a_network, on_x_without_text_author_and_date,
        of_one_document_in_two_queries, authors_with_ids_and_authors_with_names,
        words_and_types_we_do_not_know;
    mention_edits: new_category_and_sentiment;
    mention_days: count;
}

fn mention(changes: &[(&str, Value)]) -> Value {
    let mut mention = json!({
        "resourceId": "3f9d", "queryId": 1_999_933_037, "pageType": "instagram",
        "author": "PizzaMira", "date": "2026-02-27T08:39:58.000+0000",
        "added": "2026-02-27T08:41:10.204+0000", "updated": "2026-02-27T08:41:10.204+0000",
    });
    for (name, value) in changes {
        mention[*name] = value.clone();
    }
    mention
}

fn mapped(changes: &[(&str, Value)]) -> Mapped {
    asked(NAMED, "mentions").map(&mention(changes), Origin::Page).expect("a good record")
}

fn version_of(mapped: &Mapped, object: &str) -> i64 {
    mapped.drafts.iter().find(|draft| draft.object == object).expect("a row").version
}

/// RFC 3339 wants a colon in the offset.
#[test]
fn times_have_an_offset_without_a_colon() {
    for (text, utc) in [
        ("2026-02-27T08:41:10.204+0000", "2026-02-27T08:41:10.204000Z"),
        ("2026-02-27T03:41:10.204-0500", "2026-02-27T08:41:10.204000Z"),
        ("2026-02-27T08:41:10Z", "2026-02-27T08:41:10.000000Z"),
        ("2026-02-27T09:41:10.204+01:00", "2026-02-27T08:41:10.204000Z"),
    ] {
        let mapped = mapped(&[("date", json!(text))]);
        let Entity::Post(post) = &mapped.drafts[2].entity else { panic!("a post") };
        assert_eq!(post.posted_at.unwrap().to_string(), utc, "{text}");
        assert!(mapped.drifted.is_empty());
    }
    for text in ["", "+0000", "ü+0000", "2026-02-27T08:41:10.204 0000", "0024-07-30"] {
        let mapped = mapped(&[("date", json!(text))]);
        assert_eq!(mapped.drifted, ["date"], "{text}");
    }
}

/// Contracts strip posts on X: the row is there, nobody wrote it, at no time.
#[test]
fn without_author_there_is_a_post_only() {
    let mapped = mapped(&[("author", Value::Null), ("date", Value::Null)]);
    let objects: Vec<_> = mapped.drafts.iter().map(|draft| draft.object).collect();
    assert_eq!(objects, ["mention"]);
    assert!(mapped.drafts[0].subject.is_none());
}

#[test]
fn without_a_date_nobody_mentioned_us_at_any_time() {
    let mapped = mapped(&[("date", Value::Null)]);
    let objects: Vec<_> = mapped.drafts.iter().map(|draft| draft.object).collect();
    assert_eq!(objects, ["author", "mention"]);
}

/// Data packs decide what arrives: the key is all that must be there.
#[test]
fn no_field_is_required_but_the_key() {
    let bare = json!({"resourceId": "r", "queryId": 7});
    assert_eq!(asked(NAMED, "mentions").map(&bare, Origin::Page).unwrap().drafts.len(), 1);
    for missing in ["resourceId", "queryId"] {
        let error = asked(NAMED, "mentions").map(&mention(&[(missing, Value::Null)]), Origin::Page);
        assert_eq!(error.unwrap_err().field, missing);
    }
}

#[test]
fn the_same_document_is_there_once_for_each_query() {
    let ids = [1, 2].map(|query| {
        let mapped = mapped(&[("queryId", json!(query))]);
        mapped.drafts[2].id.clone()
    });
    assert_eq!(ids, ["398748937:1:3f9d", "398748937:2:3f9d"]);
}

/// A handle is public and personal all the same: it stands in no key.
#[test]
fn a_name_is_in_no_key() {
    for (page_type, author) in
        [("instagram", "PizzaMira"), ("news", "Mira Okonkwo"), ("facebook", "Mira Okonkwo")]
    {
        let mapped = mapped(&[("pageType", json!(page_type)), ("author", json!(author))]);
        for draft in &mapped.drafts {
            let subject = draft.subject.as_ref().map(RecordKey::as_str).unwrap_or_default();
            let keys = format!("{} {subject}", draft.id).to_lowercase();
            assert!(!keys.contains("mira"), "{keys}");
        }
    }
}

/// Spelling does not make two authors of one; the network does.
#[test]
fn an_author_is_one_of_a_network_however_the_handle_is_written() {
    let id = |page_type: &str, author: &str| {
        let mapped = mapped(&[("pageType", json!(page_type)), ("author", json!(author))]);
        mapped.drafts[1].id.clone()
    };
    assert_eq!(id("instagram", "PizzaMira"), id("instagram", " @pizzamira"));
    assert_ne!(id("instagram", "PizzaMira"), id("reddit", "PizzaMira"));
}

/// A name under an article, on a page or under stars may be anybody's: it recognises nobody.
#[test]
fn only_handles_identify() {
    let identifiers = |page_type: &str| {
        let mapped =
            mapped(&[("pageType", json!(page_type)), ("domain", json!("www.pizza-forum.example"))]);
        let Entity::PersonRecord(person) = &mapped.drafts[1].entity else { panic!("a person") };
        person.identifiers.iter().map(|it| it.value.clone()).collect::<Vec<_>>()
    };
    assert_eq!(identifiers("instagram"), ["instagram:pizzamira"]);
    assert_eq!(identifiers("forum"), ["pizza-forum.example:pizzamira"]);
    for page_type in ["news", "blog", "review", "facebook", "youtube", "never-heard-of"] {
        assert!(identifiers(page_type).is_empty(), "{page_type}");
    }
}

/// An edit of an old mention changes the post, and neither the author nor what happened.
#[test]
fn an_edit_is_a_new_version_of_the_post_only() {
    let before = mapped(&[]);
    let after = mapped(&[
        ("updated", json!("2026-03-01T00:00:00.000+0000")),
        ("tags", json!(["vip"])),
        ("queryName", json!("Renamed")),
    ]);
    assert!(version_of(&after, "mention") > version_of(&before, "mention"));
    assert_eq!(version_of(&after, "author"), version_of(&before, "author"));
    assert_eq!(after.drafts[0], before.drafts[0], "interactions never change");
}

/// Both passes and the days show the same mention: it must be one row.
#[test]
fn every_stream_maps_a_mention_alike() {
    let record = mention(&[]);
    let [one, two, three] = ["mentions", "mention_edits", "mention_days"]
        .map(|name| asked(NAMED, name).map(&record, Origin::Page).unwrap().drafts);
    assert_eq!(one, two);
    assert_eq!(two, three);
}

#[test]
fn the_vendor_s_sentiment_is_named_as_the_vendor_s() {
    for (word, value) in
        [("positive", Some(1.0)), ("neutral", Some(0.0)), ("negative", Some(-1.0)), ("mixed", None)]
    {
        let mapped = mapped(&[("sentiment", json!(word))]);
        let Entity::Post(post) = &mapped.drafts[2].entity else { panic!("a post") };
        assert_eq!(post.sentiment, value);
        assert_eq!(post.sentiment_model.as_deref(), value.map(|_| "brandwatch"));
    }
}
