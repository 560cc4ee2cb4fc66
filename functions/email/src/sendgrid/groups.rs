//! Unsubscribes from one group of emails: the person still gets all others, so these are consents and no suppressions.

use serde_json::Value;
use shared::connector::Stream;
use shared::error::Invalid;
use shared::facts::{Deletes, Granularity, Order, StreamFacts, fact};
use shared::fields::Fields;
use shared::paging::List;
use shared::request::Request;
use shared::rows::{Draft, Rows};
use shared::schema::{Channel, Consent, ConsentState, Ext, Purpose, RecordKey, Timestamp};

use super::address::Address;
use super::suppressions::{CONSENT, decision};
use super::times::required_seconds;
use super::{A_DAY, NO_LAG, NO_LOOKBACK};

const OBJECT: &str = "group_suppression";

static FACTS: StreamFacts = StreamFacts {
    name: "group_suppressions",
    object: OBJECT,
    reads: "Who unsubscribed from which group of emails.",
    lag: NO_LAG,
    lookback: NO_LOOKBACK,
    granularity: fact(Granularity::Second, "OpenAPI: ListAsmSuppression"),
    order: fact(Order::Unordered, "OpenAPI: ListAsmSuppression"),
    deletes: fact(Deletes::FullPass, "OpenAPI: ListAsmSuppression has no filter and no pages"),
    every: Some(A_DAY),
    page_ceiling: None,
    quota: None,
    expired_cursor: &[],
    scopes: &["unsubscribe groups (read)"],
    optional: None,
    never_empty: None,
    pushed: true,
};

/// Every unsubscribe from a group, all in one answer.
pub(super) fn group_suppressions() -> impl Stream {
    let ask = |_: Option<&str>| Request::get("/v3/asm/suppressions");
    List::new(&FACTS, ask, |response| Ok((response.json()?, None)), map).burying(|id, rows| {
        let tombstone = tombstone(id.to_owned(), rows.received_at(), rows);
        rows.push(tombstone);
    })
}

fn map(mut record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
    let at = required_seconds(&mut record, "created_at")?;
    let address = Address::take(&mut record, rows)?;
    let group = record.required_id("group_id")?;
    let ext = record.into_ext(rows);
    leave(&address, &group, at, ext, rows);
    rows.push(address.person(rows));
    Ok(())
}

/// The person left a group.
pub(super) fn leave(address: &Address, group: &str, at: Timestamp, ext: Ext, rows: &mut Rows<'_>) {
    let draft =
        Draft::new(OBJECT, id(address, group), at, told(address, group, OUT, at, ext), rows);
    rows.push(draft.about(Some(address.recipient(rows))));
}

/// The person came back to a group: the unsubscribe is gone, and that they agreed again is a decision of its own, which
/// the list does not show.
pub(super) fn come_back(
    address: &Address,
    group: &str,
    at: Timestamp,
    rows: &mut Rows<'_>,
) -> RecordKey {
    let id = id(address, group);
    rows.push(tombstone(id.clone(), at, rows));
    let key = rows.key(CONSENT, &id);
    let draft = Draft::new(CONSENT, id, at, told(address, group, IN, at, Ext::new()), rows);
    rows.push(draft.about(Some(address.recipient(rows))));
    key
}

const OUT: ConsentState = ConsentState::OptOut;
const IN: ConsentState = ConsentState::OptIn;

/// What a group is for, only its owner knows: the purpose stays unknown, and the group is told beside it.
fn told(
    address: &Address,
    group: &str,
    state: ConsentState,
    at: Timestamp,
    mut ext: Ext,
) -> Consent {
    let is_number = group.bytes().all(|byte| byte.is_ascii_digit());
    let json = if is_number { group.to_owned() } else { Value::from(group).to_string() };
    ext.insert("group_id".into(), json.into());
    Consent { ext, ..decision(address, Purpose::Unknown, state, at) }
}

fn id(address: &Address, group: &str) -> String {
    format!("{group}:{}", address.key)
}

fn tombstone(id: String, at: Timestamp, rows: &Rows<'_>) -> Draft {
    let nothing = Consent::new(Channel::Email, Purpose::Unknown, ConsentState::Unknown, at);
    Draft::tombstone(OBJECT, id, at, nothing, rows)
}
