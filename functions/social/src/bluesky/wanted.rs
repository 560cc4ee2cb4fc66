//! What to look for, as the live feed needs it: without a search engine.

use std::collections::BTreeSet;

use serde::Deserialize;

/// Everything that concerns us.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) queries: Vec<Query>,
    /// Our own accounts.
    pub(super) own: BTreeSet<String>,
}

/// Phrases that must all occur.
#[derive(Debug)]
pub(super) struct Query {
    /// As the search takes it.
    pub(super) text: String,
    phrases: Vec<Vec<String>>,
}

/// The parts of a post that say whether it concerns us.
#[derive(Deserialize)]
pub(super) struct Sketch {
    #[serde(default)]
    text: String,
    #[serde(default)]
    tags: Vec<String>,
    reply: Option<ReplyRefs>,
    #[serde(default)]
    facets: Vec<Facet>,
}

/// What a post answers.
#[derive(Deserialize)]
pub(super) struct ReplyRefs {
    pub(super) parent: StrongRef,
}

/// A post by its address.
#[derive(Deserialize)]
pub(super) struct StrongRef {
    pub(super) uri: String,
}

#[derive(Deserialize)]
struct Facet {
    #[serde(default)]
    features: Vec<Feature>,
}

#[derive(Deserialize)]
struct Feature {
    /// Whom it mentions, if it is a mention.
    did: Option<String>,
}

impl Wanted {
    /// Whether this account is one of ours.
    pub(super) fn is_own(&self, did: &str) -> bool {
        self.own.contains(did)
    }

    /// Whether a post at this address is one of ours.
    pub(super) fn is_ours(&self, uri: &str) -> bool {
        super::post::parts(uri).is_some_and(|(did, _)| self.is_own(did))
    }

    /// Whether a post fits a query, answers us, or mentions one of our accounts.
    pub(super) fn concerns(&self, post: &Sketch) -> bool {
        let answers = post.reply.as_ref().is_some_and(|reply| self.is_ours(&reply.parent.uri));
        let features = || post.facets.iter().flat_map(|facet| &facet.features);
        let mentions = || features().any(|it| it.did.as_ref().is_some_and(|did| self.is_own(did)));
        answers || mentions() || {
            let mut said = words(&post.text);
            for tag in &post.tags {
                // No phrase goes from one tag to the next.
                said.push(String::new());
                said.extend(words(tag));
            }
            self.queries.iter().any(|query| query.fits(&said))
        }
    }
}

impl Query {
    /// Reads words and phrases; operators of the search engine have no meaning in the live feed.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        let mut phrases = Vec::new();
        for (number, part) in text.split('"').enumerate() {
            if number % 2 == 1 {
                phrases.push(words(part));
                continue;
            }
            for word in part.split_whitespace() {
                if word.starts_with('-')
                    || word.contains(':')
                    || matches!(word, "OR" | "AND" | "NOT")
                {
                    return Err(
                        "has an operator; write words, #tags and phrases in quotation marks",
                    );
                }
                phrases.push(words(word));
            }
        }
        if text.matches('"').count() % 2 == 1 {
            return Err("has a quotation mark too many or too few");
        }
        phrases.retain(|phrase| !phrase.is_empty());
        if phrases.is_empty() {
            return Err("has no words");
        }
        Ok(Self { text: text.to_owned(), phrases })
    }

    fn fits(&self, said: &[String]) -> bool {
        self.phrases.iter().all(|phrase| {
            said.windows(phrase.len())
                .any(|window| phrase.iter().zip(window).all(|(word, said)| is_in(word, said)))
        })
    }
}

/// Words in lower case, without what stands between them.
fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let words = lower.split(|letter: char| !letter.is_alphanumeric());
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Scripts from here on (CJK radicals and what follows) put no spaces between words.
const UNSPACED: char = '\u{2E80}';

fn is_in(word: &str, said: &str) -> bool {
    word == said || (word.contains(|letter| letter >= UNSPACED) && said.contains(word))
}
