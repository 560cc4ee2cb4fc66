//! The mentions that the project's queries found.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rand::RngExt as _;

use crate::Dice;
use crate::world::{Company, one_of};

/// The active queries of the project; the last one follows a competitor.
pub(super) const QUERIES: &[(u64, &str)] = &[
    (1_999_933_037, "Ember & Oak"),
    (1_999_934_807, "Wood-fired pizza"),
    (2_000_104_411, "Stone Hearth"),
];

/// A query that is switched off, whose mentions nobody asks for.
pub(super) const INACTIVE: (u64, &str) = (1_990_000_001, "Opening of the Camden store");

/// Who wrote a post, as far as the network shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// Index of the person in the company's world.
    pub person: usize,
    /// The handle, or the name where there are no handles.
    pub handle: String,
    /// The name in full.
    pub name: String,
    /// The network's own id.
    pub id: Option<String>,
}

/// One document in one query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// The query that found it.
    pub query: u64,
    /// The document.
    pub resource: String,
    /// Where it stands.
    pub page_type: &'static str,
    /// The host.
    pub domain: &'static str,
    /// Who wrote it; the API does not tell on X.
    pub author: Author,
    /// What they wrote; the API does not tell on X.
    pub text: String,
    /// The address.
    pub url: String,
    /// When it was written; the API does not tell on X.
    pub date: Timestamp,
    /// When it entered the query.
    pub added: Timestamp,
    /// When its metadata changed last.
    pub updated: Timestamp,
    /// `positive`, `neutral` or `negative`.
    pub sentiment: &'static str,
    /// The language.
    pub language: &'static str,
    /// Tags of the analysts.
    pub tags: Vec<&'static str>,
    /// A category of the analysts.
    pub category: Option<(u64, &'static str)>,
    /// How many it reached.
    pub reach: u64,
    /// Whether it answers another post.
    pub reply: bool,
    /// Whether it is not listed any more.
    pub vanished: bool,
}

impl Mention {
    /// Whether the API leaves out author, date and text.
    pub fn is_stripped(&self) -> bool {
        self.page_type == "twitter"
    }
}

pub(super) struct Archive {
    pub(super) dice: Dice,
    pub(super) mentions: BTreeMap<(u64, String), Mention>,
}

/// Page type and host; X more often than others.
const SITES: &[(&str, &str)] = &[
    ("twitter", "twitter.com"),
    ("twitter", "twitter.com"),
    ("twitter", "twitter.com"),
    ("instagram", "instagram.com"),
    ("instagram", "instagram.com"),
    ("reddit", "reddit.com"),
    ("bluesky", "bsky.app"),
    ("tiktok", "tiktok.com"),
    ("facebook", "facebook.com"),
    ("forum", "www.pizza-forum.example"),
    ("news", "camden-courier.example"),
    ("blog", "crumbs-and-crusts.example"),
    ("review", "stars.example"),
];

const TEXTS: &[(&str, &str, &str)] = &[
    ("positive", "en", "Best sourdough crust in town, thank you Ember & Oak 🍕"),
    ("negative", "en", "An hour for two pizzas, and both stone cold."),
    ("neutral", "en", "Trying the new Ember & Oak in Didsbury tonight."),
    ("positive", "de", "Beim Italiener in Kreuzberg schmeckt es wie im Urlaub."),
    ("negative", "de", "Schon wieder fehlte die Hälfte der Bestellung."),
    ("neutral", "fr", "Quelqu'un connaît cette pizzeria à Londres ?"),
];

const TAGS: &[&str] = &["vip", "complaint", "praise", "press"];

impl Archive {
    pub(super) fn new(dice: Dice) -> Self {
        Self { dice, mentions: BTreeMap::new() }
    }

    /// Adds a post of somebody's at a time; one in eight is found by two queries. Returns the first one's key.
    pub(super) fn post(
        &mut self,
        company: &Company,
        date: Timestamp,
        added: Timestamp,
    ) -> Option<(u64, String)> {
        let dice = &mut self.dice;
        let person = dice.random_range(0..company.people.len().max(1));
        let (page_type, domain) = one_of(dice, SITES);
        let author = author(company, person, page_type)?;
        let (sentiment, language, text) = one_of(dice, TEXTS);
        let resource = format!("{:032x}", dice.random::<u128>());
        let first = dice.random_range(0..QUERIES.len());
        let found_by = if dice.random_ratio(1, 8) { 2 } else { 1 };
        let mention = Mention {
            query: 0,
            url: format!("https://{domain}/{}", &resource[..12]),
            resource: resource.clone(),
            page_type,
            domain,
            author,
            text: text.to_owned(),
            date: to_the_millisecond(date),
            added: to_the_millisecond(added),
            updated: to_the_millisecond(added),
            sentiment,
            language,
            tags: Vec::new(),
            category: None,
            reach: dice.random_range(0..50_000),
            reply: page_type != "review" && dice.random_ratio(1, 6),
            vanished: false,
        };
        for step in 0..found_by {
            let (query, _) = QUERIES[(first + step) % QUERIES.len()];
            self.mentions.insert((query, resource.clone()), Mention { query, ..mention.clone() });
        }
        Some((QUERIES[first].0, resource))
    }

    /// Changes what analysts say of a mention.
    pub(super) fn edit(&mut self, at: Timestamp) {
        let Some(key) = self.any() else { return };
        let (dice, Some(mention)) = (&mut self.dice, self.mentions.get_mut(&key)) else { return };
        match dice.random_range(0..3) {
            0 => mention.sentiment = one_of(dice, &["positive", "neutral", "negative"]),
            1 => mention.category = Some((41_000 + dice.random_range(0..9), "Service")),
            _ => {
                let tag = one_of(dice, TAGS);
                if !mention.tags.contains(&tag) {
                    mention.tags.push(tag);
                }
            }
        }
        mention.updated = to_the_millisecond(at).max(mention.updated);
    }

    pub(super) fn vanish(&mut self, count: usize) -> Vec<(u64, String)> {
        let mut gone = Vec::new();
        for _ in 0..count {
            let Some(key) = self.any() else { break };
            if let Some(mention) = self.mentions.get_mut(&key) {
                mention.vanished = true;
                gone.push(key);
            }
        }
        gone
    }

    /// One of the mentions of the last four weeks that are there.
    fn any(&mut self) -> Option<(u64, String)> {
        let newest = self.mentions.values().map(|mention| mention.date).max()?;
        let recent = newest - SignedDuration::from_hours(24 * 28);
        let there = self.mentions.iter().filter(|(_, it)| !it.vanished && it.date > recent);
        let keys: Vec<_> = there.map(|(key, _)| key.clone()).collect();
        (!keys.is_empty()).then(|| one_of(&mut self.dice, &keys))
    }
}

/// The API's times end at the millisecond.
fn to_the_millisecond(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

/// Some person under the name that they have on a site.
fn author(company: &Company, person: usize, page_type: &str) -> Option<Author> {
    let who = company.people.get(person)?;
    // Their own address comes last; a family's would be one handle for several.
    let local = who.emails.last()?.split('@').next()?.replace('.', "_");
    let handle = match page_type {
        "news" | "blog" | "facebook" | "review" => who.name(),
        "bluesky" => format!("{}.bsky.example", local.replace('_', "-")),
        _ => local,
    };
    let id = match page_type {
        "bluesky" => Some(format!("did:plc:{:0>24}", person + 1)),
        "facebook" => Some(format!("{}", 100_000_000_000 + person)),
        _ => None,
    };
    Some(Author { person, handle, name: who.name(), id })
}
