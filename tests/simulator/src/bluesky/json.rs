//! Records and views in the network's own shape.

use serde_json::{Value, json};

use super::network::{Account, Network, Post};

/// The record that the author wrote.
pub(super) fn record(post: &Post) -> Value {
    let mut record = json!({
        "$type": "app.bsky.feed.post",
        "createdAt": format!("{:.3}", post.created_at),
        "text": post.text,
    });
    if let Some(lang) = post.lang {
        record["langs"] = json!([lang]);
    }
    if let Some(parent) = &post.parent {
        let reference = json!({ "cid": "bafyreiparentparentparentparentparent", "uri": parent });
        record["reply"] = json!({ "parent": reference, "root": reference });
    }
    record
}

/// A profile as it stands beside a post.
fn profile(account: &Account) -> Value {
    let mut profile = json!({
        "did": account.did,
        "handle": account.handle(),
        "labels": [],
        "createdAt": format!("{:.3}", account.created_at),
        "viewer": { "muted": false, "blockedBy": false },
    });
    if let Some(name) = &account.display_name {
        profile["displayName"] = name.as_str().into();
    }
    profile
}

/// A post as the application shows it; the counts change by themselves.
pub(super) fn view(network: &Network, post: &Post, likes: usize) -> Option<Value> {
    let author = network.accounts.get(&post.did)?;
    Some(json!({
        "uri": post.uri,
        "cid": post.cid,
        "author": profile(author),
        "record": record(post),
        "bookmarkCount": 0,
        "replyCount": 0,
        "repostCount": likes / 3,
        "likeCount": likes,
        "quoteCount": 0,
        "indexedAt": format!("{:.3}", post.indexed_at),
        "viewer": { "bookmarked": false, "threadMuted": false },
        "labels": [],
    }))
}
