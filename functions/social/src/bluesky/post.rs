//! Posts, from every side they are seen from: as search and lookup show them, and as the feed tells them.

use shared::error::Invalid;
use shared::fields::Fields;
use shared::rows::{Draft, Rows};
use shared::schema::{
    Channel, Direction, Interaction, InteractionKind, Known, Language, Post, PostKind, RecordKey,
    Said, Timestamp,
};

use super::wanted::{ReplyRefs, Wanted};
use super::{COLLECTION, NETWORK, author, words};

/// The object in the keys of posts.
pub(super) const OBJECT: &str = "post";

/// The account and the record key in the address of a post.
pub(super) fn parts(uri: &str) -> Option<(&str, &str)> {
    let (did, rest) = uri.strip_prefix("at://")?.split_once('/')?;
    let (collection, rkey) = rest.split_once('/')?;
    let is_post = collection == COLLECTION && did.starts_with("did:") && !rkey.is_empty();
    (is_post && !rkey.contains('/')).then_some((did, rkey))
}

/// The address of a post.
pub(super) fn uri(did: &str, rkey: &str) -> String {
    format!("at://{did}/{COLLECTION}/{rkey}")
}

/// A post in its author's own words.
pub(super) struct Written {
    pub(super) post: Post,
    pub(super) created_at: Timestamp,
    /// Whether it answers a post of ours.
    pub(super) answers_us: bool,
}

/// Reads the record that the author wrote.
pub(super) fn written(
    mut record: Fields<'_>,
    uri: &str,
    handle: Known<String>,
    wanted: &Wanted,
    rows: &mut Rows<'_>,
) -> Result<Written, Invalid> {
    let (did, rkey) =
        parts(uri).ok_or_else(|| Invalid::new("uri", "is not the address of a post"))?;
    // The author's own clock: any date, but the same one wherever the post is seen.
    let created_at = record.required_time("createdAt")?;
    let text = record.text("text")?;
    let (mut is_reply, mut answers_us) = (false, false);
    if let Known::Value(reply) = record.raw("reply")? {
        match serde_json::from_str::<ReplyRefs>(reply.get()) {
            Ok(refs) => {
                (is_reply, answers_us) = (true, wanted.is_ours(&refs.parent.uri));
                record.keep("reply", reply);
            }
            Err(_) => record.drift("reply", reply),
        }
    }
    let said = text.value().map_or("", String::as_str);
    let language = language(&mut record)?.or_else(|| words::detect(said));
    let sentiment = language.as_ref().and_then(|language| words::sentiment(said, language));
    record.ignore("$type");
    let post = Post {
        author_handle: handle,
        network: NETWORK.into(),
        url: format!("https://bsky.app/profile/{did}/post/{rkey}").into(),
        posted_at: Some(created_at),
        kind: if is_reply { PostKind::Reply } else { PostKind::Mention },
        sentiment,
        sentiment_model: sentiment.map(|_| words::MODEL.to_owned()),
        language: language.into(),
        text,
        ext: record.into_ext(rows),
        ..Post::default()
    };
    Ok(Written { post, created_at, answers_us })
}

/// The first language that the author named; further ones stay in `ext`.
fn language(record: &mut Fields<'_>) -> Result<Option<Language>, Invalid> {
    let Known::Value(raw) = record.raw("langs")? else { return Ok(None) };
    let Ok(tags) = serde_json::from_str::<Vec<String>>(raw.get()) else {
        record.drift("langs", raw);
        return Ok(None);
    };
    let first = tags.iter().find_map(|tag| tag.parse().ok());
    if tags.len() > 1 || (first.is_none() && !tags.is_empty()) {
        record.keep("langs", raw);
    }
    Ok(first)
}

/// How a view of a post is mapped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// Found by search: tells that it was said.
    Found,
    /// Looked up again: that it was said is known already.
    Again,
}

/// Maps a post as the application shows it (`app.bsky.feed.defs#postView`).
pub(super) fn map_view(
    mut view: Fields<'_>,
    seen: Seen,
    wanted: &Wanted,
    rows: &mut Rows<'_>,
) -> Result<(), Invalid> {
    let missing = |name| move || Invalid::new(name, "is missing");
    let uri = view.required_id("uri")?;
    let mut profile = view.object("author")?.ok_or_else(missing("author"))?;
    let did = profile.required_id("did")?;
    if parts(&uri).is_none_or(|(of, _)| of != did) {
        return Err(Invalid::new("uri", "is not the address of a post by its author"));
    }
    if wanted.is_own(&did) {
        match seen {
            Seen::Found => rows.filter("a post of our own"),
            // Whoever asked about it must not take it for deleted.
            Seen::Again => rows.present(OBJECT, uri),
        }
        return Ok(());
    }
    let indexed_at = view.required_time("indexedAt")?;
    let handle = profile.text("handle")?;
    let record = view.object("record")?.ok_or_else(missing("record"))?;
    let Written { mut post, created_at, answers_us } =
        written(record, &uri, author::named(handle.clone()), wanted, rows)?;
    // Counts, labels and quoted posts change without the post: a row of their own each time would say little. `viewer`
    // is about the account that asks.
    for of_the_moment in [
        "embed",
        "replyCount",
        "repostCount",
        "likeCount",
        "quoteCount",
        "bookmarkCount",
        "labels",
        "viewer",
        "threadgate",
        "debug",
    ] {
        view.ignore(of_the_moment);
    }
    for (name, value) in view.into_ext(rows) {
        post.ext.entry(name).or_insert(value);
    }
    let (author, drifted) = author::map(&did, handle, profile, rows)?;
    rows.drifted(&drifted);
    rows.push(author);
    let subject = rows.key(author::OBJECT, &did);
    let draft = Draft {
        // Not ranked by how it was read: a lookup says what the search said.
        version: indexed_at.as_micros(),
        ..Draft::new(OBJECT, uri.as_str(), indexed_at, post, rows)
    };
    rows.push(draft.about(Some(subject.clone())));
    if seen == Seen::Found {
        rows.push(said(&uri, subject, created_at, answers_us, rows));
    }
    Ok(())
}

/// That somebody said something: the same fact, whether search or the feed tells it.
pub(super) fn said(
    uri: &str,
    author: RecordKey,
    at: Timestamp,
    answers_us: bool,
    rows: &Rows<'_>,
) -> Draft {
    let told = Said { network: Some(NETWORK.to_owned()) };
    let (object, kind) = if answers_us {
        ("reply", InteractionKind::SocialReplied(told))
    } else {
        ("mention", InteractionKind::SocialMentioned(told))
    };
    let interaction = Interaction {
        direction: Some(Direction::In),
        channel: Channel::Social,
        thread_key: Some(rows.key(OBJECT, uri)),
        ..Interaction::new(kind, author.clone(), at, Some(uri))
    };
    let draft = Draft { version: at.as_micros(), ..Draft::new(object, uri, at, interaction, rows) };
    draft.about(Some(author))
}

/// What is left of a deleted post.
pub(super) fn tombstone(uri: &str, at: Timestamp, rows: &Rows<'_>) -> Draft {
    let author = parts(uri).map(|(did, _)| rows.key(author::OBJECT, did));
    Draft::tombstone(OBJECT, uri, at, Post::default(), rows).about(author)
}
