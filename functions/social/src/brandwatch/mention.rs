//! What a mention is in the shared schema: a post, its author, and that the author mentioned us.

use shared::error::Invalid;
use shared::facts::{Deletes, Fact, fact};
use shared::fields::Fields;
use shared::rows::{Draft, Rows};
use shared::schema::{
    Channel, ContactPoint, ContactType, Direction, Ext, Identifier, Interaction, InteractionKind,
    Known, Language, Namespace, PartyType, PersonName, PersonRecord, Post, PostKind, Said,
    Timestamp,
};

/// A document that a query found.
pub(super) const OBJECT: &str = "mention";
/// That its author mentioned us.
const EVENT: &str = "mention_event";
/// Who wrote it.
const AUTHOR: &str = "author";

/// Who says what a post feels like.
const MODEL: &str = "brandwatch";

pub(super) const DELETES: Fact<Deletes> = fact(
    Deletes::None,
    "no feed of deletions is documented, and what thirty days do not list may as well be older: a mention that vanished stays",
);

/// Kinds of sites; what is not one of them is a network of its own.
const KINDS_OF_SITES: [&str; 4] = ["blog", "forum", "news", "review"];

/// Where an author's name is an account of which there is one. A name on a page or under an article is not.
const NETWORKS_OF_HANDLES: [&str; 6] =
    ["bluesky", "instagram", "reddit", "tiktok", "tumblr", "twitter"];

/// Reads a time as Brandwatch writes it, `2019-10-10T17:48:54.588+0000`: RFC 3339 wants a colon in the offset.
pub(super) fn parse_time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let Some((clock, zone)) = text.len().checked_sub(5).and_then(|at| text.split_at_checked(at))
    else {
        return Timestamp::parse_rfc3339(text).ok();
    };
    let is_offset =
        zone.starts_with(['+', '-']) && zone[1..].bytes().all(|byte| byte.is_ascii_digit());
    if is_offset {
        Timestamp::parse_rfc3339(&format!("{clock}{}:{}", &zone[..3], &zone[3..])).ok()
    } else {
        Timestamp::parse_rfc3339(text).ok()
    }
}

/// Takes a time.
fn time(fields: &mut Fields<'_>, name: &'static str) -> Result<Option<Timestamp>, Invalid> {
    let time = fields.word(name, parse_time)?;
    Ok(time.into_value())
}

/// Reads a time and leaves it in `ext`, which has no other place for it.
fn clock(fields: &mut Fields<'_>, name: &'static str) -> Result<Option<Timestamp>, Invalid> {
    let Known::Value(raw) = fields.raw(name)? else { return Ok(None) };
    fields.keep(name, raw);
    let parsed = time(fields, name)?;
    if parsed.is_some() {
        fields.keep(name, raw);
    }
    Ok(parsed)
}

/// Reads a word in lower case and leaves it in `ext`.
fn kept_word(fields: &mut Fields<'_>, name: &'static str) -> Result<Option<String>, Invalid> {
    let Known::Value(raw) = fields.raw(name)? else { return Ok(None) };
    fields.keep(name, raw);
    let word = fields.said(name)?;
    if word.is_some() {
        fields.keep(name, raw);
    }
    Ok(word.map(|word| word.trim().to_lowercase()))
}

/// Maps a mention of a project. Which fields arrive depends on the account's data packs: none is needed but the key.
pub(super) fn map(
    project: u64,
    mut record: Fields<'_>,
    rows: &mut Rows<'_>,
) -> Result<(), Invalid> {
    let resource = record.required_id("resourceId")?;
    let query = record.required_id("queryId")?;
    // The same document is there once for each query.
    let id = format!("{project}:{query}:{resource}");
    let posted_at = time(&mut record, "date")?;
    let (added, updated) = (clock(&mut record, "added")?, clock(&mut record, "updated")?);
    let changed_at = updated.or(added).or(posted_at).unwrap_or(rows.received_at());
    let site = Site::of(&mut record)?;
    let handle = record.text("author")?;
    let author = Author::of(&mut record, &handle, &site, rows)?;
    let subject = author.as_ref().map(|author| rows.key(AUTHOR, &author.id));
    if let (Some(subject), Some(at)) = (&subject, posted_at) {
        let kind = InteractionKind::SocialMentioned(Said { network: site.network.clone() });
        let mut mentioned = Interaction::new(kind, subject.clone(), at, Some(&id));
        mentioned.direction = Some(Direction::In);
        mentioned.channel = Channel::Social;
        mentioned.message_id = Some(resource);
        mentioned.thread_key = Some(rows.key(OBJECT, &id));
        mentioned.ext = Ext::from([("queryId".into(), query.as_str().into())]);
        rows.push(Draft::new(EVENT, id.as_str(), at, mentioned, rows));
    }
    if let Some(author) = author {
        // The newest post knows its author best; an edit of an old one teaches nothing of them.
        let known_at = posted_at.or(added).unwrap_or(changed_at);
        rows.push(Draft::new(AUTHOR, author.id, known_at, author.person, rows));
    }
    let mut post = post(&mut record, &site)?;
    post.author_handle = handle.map(|handle| bare(&handle).to_owned());
    post.posted_at = posted_at;
    post.ext = record.into_ext(rows);
    post.ext.insert("queryId".into(), query.into());
    rows.push(Draft::new(OBJECT, id, changed_at, post, rows).about(subject));
    Ok(())
}

/// What stands in the post and is nobody's.
fn post(record: &mut Fields<'_>, site: &Site) -> Result<Post, Invalid> {
    let kind = match record.raw("replyTo")? {
        _ if site.page_type.as_deref() == Some("review") => PostKind::Review,
        Known::Value(raw) if raw.get() != r#""""# => {
            record.keep("replyTo", raw);
            PostKind::Reply
        }
        _ => PostKind::Mention,
    };
    let sentiment = record.word("sentiment", |word| match word {
        "positive" => Some(1.0),
        "neutral" => Some(0.0),
        "negative" => Some(-1.0),
        _ => None,
    })?;
    let sentiment = sentiment.into_value();
    let (full, snippet) = (record.text("fullText")?, record.text("snippet")?);
    Ok(Post {
        network: site.network.clone().into(),
        author_followers: match site.follower_count() {
            Some(field) => record.get::<u64>(field)?.into_value(),
            None => None,
        },
        // A snippet is the part of the text around the words that matched.
        text: if full.value().is_some() { full } else { snippet },
        url: record.text("url")?,
        kind,
        reach: record.get::<u64>("reachEstimate")?.into_value(),
        sentiment,
        sentiment_model: sentiment.map(|_| MODEL.to_owned()),
        language: record.word("language", |tag| tag.parse::<Language>().ok())?,
        ..Post::default()
    })
}

/// Where a post stands.
struct Site {
    /// The network, or the host of the site.
    network: Option<String>,
    /// `twitter`, `news`, …
    page_type: Option<String>,
}

impl Site {
    fn of(record: &mut Fields<'_>) -> Result<Self, Invalid> {
        let page_type = kept_word(record, "pageType")?;
        let domain = kept_word(record, "domain")?;
        let is_network = |kind: &&str| !KINDS_OF_SITES.contains(kind);
        let host = || domain.as_deref().map(|host| host.strip_prefix("www.").unwrap_or(host));
        let network = page_type.as_deref().filter(is_network).or_else(host).map(str::to_owned);
        Ok(Self { network, page_type })
    }

    /// Whether an author's name there is an account.
    fn has_handles(&self) -> bool {
        match self.page_type.as_deref() {
            Some("forum") => self.network.is_some(),
            Some(kind) => NETWORKS_OF_HANDLES.contains(&kind),
            None => false,
        }
    }

    /// The field with the author's id in the network, where one is documented.
    fn author_id(&self) -> Option<&'static str> {
        match self.page_type.as_deref()? {
            "bluesky" => Some("blueskyAuthorId"),
            "facebook" => Some("facebookAuthorId"),
            "twitter" => Some("twitterAuthorId"),
            _ => None,
        }
    }

    fn follower_count(&self) -> Option<&'static str> {
        match self.page_type.as_deref()? {
            "instagram" => Some("instagramFollowerCount"),
            "twitter" => Some("twitterFollowers"),
            _ => None,
        }
    }

    fn qualified(&self, name: &str) -> String {
        format!("{}:{name}", self.network.as_deref().unwrap_or_default())
    }
}

/// Who wrote a post, if the source says so.
struct Author {
    id: String,
    person: PersonRecord,
}

impl Author {
    /// The author's record is named by the network's id, or by a pseudonym: a name must not stand in a key.
    fn of(
        record: &mut Fields<'_>,
        told: &Known<String>,
        site: &Site,
        rows: &Rows<'_>,
    ) -> Result<Option<Self>, Invalid> {
        let id = match site.author_id() {
            Some(field) => record.id(field)?,
            None => None,
        };
        let name = told.value().map(|name| bare(name)).filter(|name| !name.is_empty());
        let handle = name.map(|name| site.qualified(&name.to_lowercase()));
        let id = match (id, &handle) {
            (Some(id), _) => site.qualified(&id),
            (None, Some(handle)) => rows.pseudonym(Namespace::SocialHandle, handle)?,
            (None, None) => return Ok(None),
        };
        let party_type = match kept_word(record, "accountType")?.as_deref() {
            Some("individual") => PartyType::Individual,
            Some(kind) if kind.starts_with("organi") => PartyType::Organisation,
            _ => PartyType::Unknown,
        };
        let full = match (full_name(record.text("fullname")?, name), name) {
            (Known::Absent | Known::Null, Some(name)) if !site.has_handles() => name.into(),
            (full, _) => full,
        };
        let name = PersonName { full, ..PersonName::default() };
        let mut person = PersonRecord { party_type, name, ..PersonRecord::default() };
        if let Some(handle) = handle.filter(|_| site.has_handles()) {
            person.contact_points.push(ContactPoint {
                r#type: ContactType::Social,
                exact: told.clone(),
                normalised: Some(handle.clone()),
                ..ContactPoint::default()
            });
            person.identifiers.push(Identifier::new(Namespace::SocialHandle, handle));
        }
        Ok(Some(Self { id, person }))
    }
}

/// A handle without what is written around it.
fn bare(name: &str) -> &str {
    let name = name.trim();
    name.strip_prefix('@').unwrap_or(name)
}

/// The name in `handle (name)`, as networks' authors are written; else all of it.
fn full_name(told: Known<String>, handle: Option<&str>) -> Known<String> {
    told.map(|full| {
        let rest = handle.and_then(|handle| full.strip_prefix(handle));
        let inner = rest.and_then(|rest| rest.strip_prefix(" (")?.strip_suffix(')'));
        inner.map_or_else(|| full.clone(), str::to_owned)
    })
}
