//! Accounts, posts, and the log of all that happens to them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rand::RngExt as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::Dice;
use crate::world::one_of;

/// Whether an account is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is.
    Active,
    /// Its owner took a break: hidden.
    Deactivated,
    /// The network hides it.
    Takendown,
    /// It is gone for good.
    Deleted,
}

impl Status {
    /// The word in events, for accounts that are not there.
    pub(super) fn word(self) -> Option<&'static str> {
        match self {
            Self::Active => None,
            Self::Deactivated => Some("deactivated"),
            Self::Takendown => Some("takendown"),
            Self::Deleted => Some("deleted"),
        }
    }
}

/// Somebody on the network.
#[derive(Clone, Debug)]
pub struct Account {
    /// For ever theirs.
    pub did: String,
    /// What they are called now, and what they were called before: newest first.
    pub handles: Vec<String>,
    /// The name they show.
    pub display_name: Option<String>,
    /// Since when.
    pub created_at: Timestamp,
    /// Whether it is there.
    pub status: Status,
}

impl Account {
    /// What they are called now.
    pub fn handle(&self) -> &str {
        self.handles.first().map_or("handle.invalid", String::as_str)
    }
}

/// Something somebody said.
#[derive(Clone, Debug)]
pub struct Post {
    /// Its address.
    pub uri: String,
    /// Its author.
    pub did: String,
    /// The hash of its content.
    pub cid: String,
    /// What was said.
    pub text: String,
    /// In which language, if the author said so.
    pub lang: Option<&'static str>,
    /// When, by the author's clock.
    pub created_at: Timestamp,
    /// When the network saw it.
    pub indexed_at: Timestamp,
    /// The post that it answers.
    pub parent: Option<String>,
    /// Whether its author deleted it.
    pub deleted: bool,
}

impl Post {
    /// By what search sorts and filters: the earlier of its two times.
    pub(super) fn sort_at(&self) -> Timestamp {
        self.created_at.min(self.indexed_at)
    }

    /// The last part of its address.
    pub(super) fn rkey(&self) -> &str {
        self.uri.rsplit('/').next().unwrap_or_default()
    }
}

/// One event of the feed.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) time_us: i64,
    pub(super) body: Value,
}

/// Everything on the network that concerns the company.
pub(super) struct Network {
    pub(super) dice: Dice,
    /// For what changes with every look, such as likes: looking must not change what happens.
    pub(super) chance: Dice,
    /// The company's own account.
    pub(super) own: String,
    pub(super) accounts: BTreeMap<String, Account>,
    /// Whose an account is, by index; the company's own is nobody's.
    pub(super) people: BTreeMap<String, usize>,
    pub(super) posts: BTreeMap<String, Post>,
    /// In the order of their times.
    pub(super) log: Vec<Event>,
    number: u64,
}

const ALPHABET: &[u8; 32] = b"234567abcdefghijklmnopqrstuvwxyz";

impl Network {
    pub(super) fn new(mut dice: Dice) -> Self {
        let own = did(&mut dice);
        let (accounts, posts) = (BTreeMap::new(), BTreeMap::new());
        let chance = dice.clone();
        let people = BTreeMap::new();
        Self { dice, chance, own, accounts, people, posts, log: Vec::new(), number: 0 }
    }

    pub(super) fn add_account(&mut self, account: Account) {
        self.accounts.insert(account.did.clone(), account);
    }

    /// The posts that are there to be seen.
    pub(super) fn is_shown(&self, post: &Post) -> bool {
        let author = self.accounts.get(&post.did);
        !post.deleted && author.is_some_and(|author| author.status == Status::Active)
    }

    /// A post as of `indexed_at`; tells the feed.
    pub(super) fn write(
        &mut self,
        did: &str,
        text: String,
        lang: Option<&'static str>,
        created_at: Timestamp,
        indexed_at: Timestamp,
        parent: Option<String>,
    ) -> String {
        self.number += 1;
        let uri = format!("at://{did}/app.bsky.feed.post/{}", tid(indexed_at, self.number));
        let (created_at, indexed_at) = (millis(created_at), millis(indexed_at));
        let cid = cid(&uri, &text);
        let (did, deleted) = (did.to_owned(), false);
        let post = Post {
            uri: uri.clone(),
            did,
            cid,
            text,
            lang,
            created_at,
            indexed_at,
            parent,
            deleted,
        };
        self.tell(&post, "create", indexed_at);
        self.posts.insert(uri.clone(), post);
        uri
    }

    pub(super) fn somebody_posts(
        &mut self,
        text: &str,
        created_at: Timestamp,
        at: Timestamp,
    ) -> String {
        let did = self.somebody().unwrap_or_else(|| self.own.clone());
        self.write(&did, text.to_owned(), Some("en"), created_at, at, None)
    }

    pub(super) fn somebody_answers(&mut self, text: &str, at: Timestamp) -> String {
        let own = self.own.clone();
        let ours = self.posts.values().find(|post| post.did == own).map(|post| post.uri.clone());
        let did = self.somebody().unwrap_or(own);
        self.write(&did, text.to_owned(), Some("en"), at, at, ours)
    }

    pub(super) fn delete(&mut self, uri: &str, at: Timestamp) {
        let Some(post) = self.posts.get_mut(uri) else { return };
        post.deleted = true;
        let post = post.clone();
        self.tell(&post, "delete", at);
    }

    pub(super) fn edit(&mut self, uri: &str, text: &str, at: Timestamp) {
        let fresh = self.dice.random_ratio(1, 2);
        let Some(post) = self.posts.get_mut(uri) else { return };
        text.clone_into(&mut post.text);
        post.cid = cid(uri, text);
        if fresh {
            // An edit moves it at times, and at times it does not.
            post.indexed_at = millis(at);
        }
        let post = post.clone();
        self.tell(&post, "update", at);
    }

    pub(super) fn set_status(&mut self, did: &str, status: Status, at: Timestamp) {
        let Some(account) = self.accounts.get_mut(did) else { return };
        account.status = status;
        let mut told = json!({ "active": status == Status::Active, "did": did, "seq": self.log.len() + 31_000_000,
            "time": at.to_string() });
        if let Some(word) = status.word() {
            told["status"] = word.into();
        }
        self.log(at, did, "account", told);
    }

    pub(super) fn rename(&mut self, did: &str, handle: &str, at: Timestamp) {
        let Some(account) = self.accounts.get_mut(did) else { return };
        account.handles.insert(0, handle.to_owned());
        let told = json!({ "did": did, "handle": handle, "seq": self.log.len() + 31_000_000, "time": at.to_string() });
        self.log(at, did, "identity", told);
    }

    fn tell(&mut self, post: &Post, operation: &str, at: Timestamp) {
        self.number += 1;
        let mut commit = json!({ "rev": tid(at, self.number), "operation": operation,
            "collection": "app.bsky.feed.post", "rkey": post.rkey() });
        if operation != "delete" {
            commit["record"] = super::json::record(post);
            commit["cid"] = post.cid.as_str().into();
        }
        self.log(at, &post.did, "commit", commit);
    }

    fn log(&mut self, at: Timestamp, did: &str, kind: &str, told: Value) {
        let after = self.log.last().map_or(0, |event| event.time_us + 1);
        let time_us = at.as_microsecond().max(after);
        let mut body = json!({ "did": did, "time_us": time_us, "kind": kind });
        body[kind] = told;
        self.log.push(Event { time_us, body });
    }

    /// One change of a random kind.
    pub(super) fn live(&mut self, at: Timestamp) {
        let post = self.some_post();
        match (self.dice.random_range(0..20), post) {
            (0..=5, _) | (_, None) => {
                let (lang, text) = self.saying();
                if let Some(did) = self.somebody() {
                    self.write(&did, text, lang, at, at, None);
                }
            }
            // Found by the feed only: an answer that does not name us, and a post of long ago.
            (6..=8, _) => {
                self.somebody_answers("Where do I get one of these?", at);
            }
            (9..=10, _) => {
                let then = at - SignedDuration::from_hours(self.dice.random_range(24..2_000));
                self.somebody_posts("Found this in my drafts: Ember & Oak, you rock", then, at);
            }
            (11..=13, Some(uri)) => self.delete(&uri, at),
            (14..=15, Some(uri)) => {
                self.edit(&uri, "I take it back: Ember & Oak made it good again", at);
            }
            (16, _) => self.change_somebody(Status::Deleted, at),
            (17, _) => self.change_somebody(Status::Deactivated, at),
            (18, _) => self.change_somebody(Status::Takendown, at),
            _ => {
                if let Some(did) = self.somebody() {
                    self.number += 1;
                    let handle = format!("renamed{}.bsky.example", self.number);
                    self.rename(&did, &handle, at);
                }
            }
        }
    }

    fn change_somebody(&mut self, status: Status, at: Timestamp) {
        if let Some(did) = self.somebody() {
            self.set_status(&did, status, at);
        }
    }

    /// A customer whose account is there.
    pub(super) fn somebody(&mut self) -> Option<String> {
        let there = self.accounts.values().filter(|account| account.status == Status::Active);
        let there: Vec<String> =
            there.map(|account| account.did.clone()).filter(|did| *did != self.own).collect();
        (!there.is_empty()).then(|| one_of(&mut self.dice, &there))
    }

    /// A customer's post that is there.
    fn some_post(&mut self) -> Option<String> {
        let shown = self.posts.values().filter(|post| post.did != self.own && self.is_shown(post));
        let shown: Vec<String> = shown.map(|post| post.uri.clone()).collect();
        (!shown.is_empty()).then(|| one_of(&mut self.dice, &shown))
    }

    /// Something about the company that fits one of the queries, with its language where it is told.
    pub(super) fn saying(&mut self) -> (Option<&'static str>, String) {
        let (lang, text) = one_of(&mut self.dice, super::history::SAYINGS);
        let lang = self.dice.random_ratio(4, 5).then_some(lang);
        (lang, format!("{text} ({})", self.dice.random_range(1..1_000)))
    }
}

/// An id of an account.
pub(super) fn did(dice: &mut Dice) -> String {
    let letters = (0..24).map(|_| char::from(one_of(dice, ALPHABET)));
    format!("did:plc:{}", letters.collect::<String>())
}

/// Times are shown in milliseconds.
fn millis(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

/// A record key: microseconds and a number, in an alphabet that sorts.
fn tid(at: Timestamp, number: u64) -> String {
    let micros = u64::try_from(at.as_microsecond()).unwrap_or(0);
    let bits = (micros << 10) | (number & 1023);
    let letter = |place: u32| {
        let index = usize::try_from((bits >> (place * 5)) & 31).unwrap_or(0);
        ALPHABET.get(index).copied().map_or('2', char::from)
    };
    (0..13).rev().map(letter).collect()
}

fn cid(uri: &str, text: &str) -> String {
    let digest = Sha256::new().chain_update(uri).chain_update(text).finalize();
    let letters = digest.iter().chain(digest.iter().take(20));
    let letters = letters.map(|byte| char::from(ALPHABET[usize::from(byte & 31)]));
    format!("bafyrei{}", letters.collect::<String>())
}
