//! What a faithful copy must contain.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::network::{Network, Status};

/// Everything that concerns the company.
#[derive(Clone, Debug)]
pub struct Truth {
    /// Customers' posts about it, and their answers to it, by address.
    pub posts: BTreeMap<String, PostTruth>,
    /// The accounts of their authors, by DID.
    pub authors: BTreeMap<String, AuthorTruth>,
    /// The company's own account, whose posts are nobody's mention.
    pub own: String,
}

/// A post.
#[derive(Clone, Debug)]
pub struct PostTruth {
    /// Its author.
    pub did: String,
    /// What it says now.
    pub text: String,
    /// When it was written, by the author's clock.
    pub created_at: Timestamp,
    /// Whether it answers a post of the company.
    pub answers_us: bool,
    /// Whether it is still there: neither deleted nor hidden with its author.
    pub shown: bool,
}

/// An author.
#[derive(Clone, Debug)]
pub struct AuthorTruth {
    /// What they are called now, and before: newest first.
    pub handles: Vec<String>,
    /// The name they show.
    pub display_name: Option<String>,
    /// Whether the account is deleted, not merely hidden.
    pub deleted: bool,
}

impl Truth {
    pub(super) fn of(network: &Network) -> Self {
        let posts = network.posts.values().filter(|post| post.did != network.own);
        let posts: BTreeMap<String, PostTruth> = posts
            .map(|post| {
                let parent = post.parent.as_ref().and_then(|parent| network.posts.get(parent));
                let truth = PostTruth {
                    did: post.did.clone(),
                    text: post.text.clone(),
                    created_at: post.created_at,
                    answers_us: parent.is_some_and(|parent| parent.did == network.own),
                    shown: network.is_shown(post),
                };
                (post.uri.clone(), truth)
            })
            .collect();
        let writes = |did: &String| posts.values().any(|post| post.did == *did);
        let authors = network.accounts.values().filter(|account| writes(&account.did));
        let authors = authors
            .map(|account| {
                let truth = AuthorTruth {
                    handles: account.handles.clone(),
                    display_name: account.display_name.clone(),
                    deleted: account.status == Status::Deleted,
                };
                (account.did.clone(), truth)
            })
            .collect();
        Self { posts, authors, own: network.own.clone() }
    }
}
