//! What people say in public.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Ext, Known, Language, Precision, Timestamp, vocabulary::vocabulary};

vocabulary! {
    /// What a post is to us.
    PostKind {
        /// It names us.
        Mention = "mention",
        /// It answers a post.
        Reply = "reply",
        /// It rates us.
        Review = "review",
    }
}

/// A public post; its `subject_key` is the author.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Post {
    /// The author's name in the network, without `@`.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub author_handle: Known<String>,
    /// The network or review site, in lower case, such as `mastodon`.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub network: Known<String>,
    /// How many accounts followed the author then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author_followers: Option<u64>,
    /// The text, where the licence of the source allows keeping it.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub text: Known<String>,
    /// The address of the post.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub url: Known<String>,
    /// When it was posted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub posted_at: Option<Timestamp>,
    /// How precise `posted_at` is, where coarser than a millisecond.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub posted_precision: Option<Precision>,
    /// What it is to us.
    pub kind: PostKind,
    /// The stars of a review, on the source's own scale.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<f64>,
    /// How many people it reached, as the source estimates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reach: Option<u64>,
    /// How it speaks of us, from −1 (badly) to 1 (well).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1.0, max = 1.0))]
    pub sentiment: Option<f64>,
    /// Who computed the sentiment: the source's name, or the name of our model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentiment_model: Option<String>,
    /// The language of the text, BCP 47.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub language: Known<Language>,
    /// The IANA time zone assumed where the source sent none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_tz_assumed: Option<String>,
    /// The source's other fields, as JSON text.
    #[serde(skip_serializing_if = "Ext::is_empty")]
    pub ext: Ext,
}
