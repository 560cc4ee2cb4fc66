//! A mention as the API writes it: about eighty keys, most of them null.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::archive::{Mention, QUERIES};

/// Keys that are there and say nothing of our mentions.
const NOBODY_KNOWS: &[&str] = &[
    "assignment",
    "avatarUrl",
    "blueskyAuthorId",
    "city",
    "cityCode",
    "region",
    "regionCode",
    "displayUrls",
    "expandedUrls",
    "facebookAuthorId",
    "facebookRole",
    "facebookSubtype",
    "guid",
    "insightsHashtag",
    "insightsMentioned",
    "lastAssignmentDate",
    "mediaFilter",
    "priority",
    "pubType",
    "retweetOf",
    "shortUrls",
    "status",
    "subtype",
    "threadAuthor",
    "threadEntryType",
    "threadURL",
    "twitterAuthorId",
    "twitterFollowers",
    "twitterFollowing",
    "twitterPostCount",
    "twitterReplyCount",
    "twitterRetweets",
    "twitterRole",
    "twitterVerified",
];

/// Times have an offset without a colon.
pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}

pub(super) fn mention(mention: &Mention) -> Value {
    let name = QUERIES.iter().find(|(id, _)| *id == mention.query).map_or("", |(_, name)| *name);
    let categories: Vec<u64> = mention.category.iter().map(|(id, _)| *id).collect();
    // An id is text here and a number there, as at the vendor.
    let details: Vec<Value> = mention
        .category
        .iter()
        .map(|(id, name)| json!({"id": id.to_string(), "name": name, "parentId": "40000"}))
        .collect();
    let title = if mention.is_stripped() { mention.url.clone() } else { mention.domain.to_owned() };
    let mut json = json!({
        "resourceId": mention.resource,
        "added": time(mention.added),
        "author": mention.author.handle,
        "categories": categories,
        "categoryDetails": details,
        "contentSource": mention.page_type,
        "contentSourceName": mention.page_type,
        "date": time(mention.date),
        "domain": mention.domain,
        "fullname": format!("{} ({})", mention.author.handle, mention.author.name),
        "impressions": mention.reach / 3,
        "language": mention.language,
        "originalUrl": mention.url,
        "pageType": mention.page_type,
        "pageTypeName": mention.page_type,
        "queryId": mention.query,
        "queryName": name,
        "reachEstimate": mention.reach,
        "replyTo": mention.reply.then(|| format!("{}/above", mention.url)),
        "sentiment": mention.sentiment,
        "snippet": mention.text,
        "tags": mention.tags,
        "threadCreated": time(mention.date),
        "title": title,
        "updated": time(mention.updated),
        "url": mention.url,
        "classifications": [{
            "classifierId": "emotions", "labelId": "Joy", "name": "Joy", "confidence": 0.436_005_35,
        }],
    });
    for &name in NOBODY_KNOWS {
        json[name] = Value::Null;
    }
    for (name, value) in always() {
        json[name] = value;
    }
    if let Some(id) = &mention.author.id {
        json[format!("{}AuthorId", mention.page_type)] = id.as_str().into();
    }
    if mention.is_stripped() {
        for name in ["author", "date", "fullname", "reachEstimate", "replyTo", "snippet"] {
            json[name] = Value::Null;
        }
        json["guid"] = "1168312574590509056".into();
    }
    json
}

/// What our mentions have in common, beside what none of them has.
fn always() -> serde_json::Map<String, Value> {
    let fields = json!({
        "accountType": "individual",
        "checked": false,
        "continent": "Europe", "continentCode": "EUROPE",
        "country": "United Kingdom", "countryCode": "GBR",
        "facebookComments": 0, "facebookLikes": 0,
        "facebookShares": 0,
        "gender": "unknown",
        "instagramCommentCount": 0, "instagramFollowerCount": 0, "instagramFollowingCount": 0,
        "instagramInteractionsCount": 0, "instagramLikeCount": 0, "instagramPostCount": 0,
        "interest": [],
        "latitude": 0.0, "longitude": 0.0,
        "locationName": "GBR",
        "matchPositions": [{"start": 0, "text": "Ember", "length": 5}],
        "mediaUrls": [],
        "monthlyVisitors": 1_308_696_000_u64,
        "professions": [],
        "resourceType": "crimsonMonitor",
        "starred": false,
        "threadId": "1167518780588810240",
        "impact": 12.25,
    });
    fields.as_object().cloned().unwrap_or_default()
}
