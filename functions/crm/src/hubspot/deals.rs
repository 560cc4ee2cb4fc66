//! Deals, and what happened to them: opened, moved from stage to stage, won, lost.

use shared::error::Invalid;
use shared::fields::Fields;
use shared::rows::{Draft, Rows};
use shared::schema::{
    Change, Currency, Deal, Interaction, InteractionKind, Known, Money, Nothing, RecordKey,
    StageCategory, Timestamp,
};

use super::kinds::Account;
use super::millis;
use super::objects::{Object, Past, day, flag, moment};

/// The object of the interactions of deals.
const EVENT: &str = "deal_event";

pub(super) fn map(
    mut object: Object<'_>,
    account: &Account,
    rows: &mut Rows<'_>,
) -> Result<(), Invalid> {
    let (Some(contacts), Some(companies)) = (object.linked("contacts"), object.linked("companies"))
    else {
        // Read by id alone, it would land without its links.
        rows.present(object.kind.object, object.id);
        return Ok(());
    };
    let contact_keys: Vec<RecordKey> = contacts.iter().map(|id| rows.key("contact", id)).collect();
    let account_key = companies.first().map(|id| rows.key("company", id));
    let properties = &mut object.properties;
    let closed_at = moment(properties, "closedate")?;
    let money = amount(properties, account.currency)?;
    let stage = properties.text("dealstage")?;
    let mut deal = Deal {
        account_key,
        contact_keys,
        name: properties.text("dealname")?,
        stage_category: category(properties, stage.value(), account)?,
        stage,
        amount_minor: money.map(|money| money.minor),
        currency: money.map(|money| money.currency),
        minor_exponent: money.map(|money| money.minor_exponent),
        close_date: closed_at.map(day),
        owner: properties.text("hubspot_owner_id")?,
        ..Deal::default()
    };
    let (id, changed_at, created_at) = (object.id.clone(), object.changed_at, object.created_at);
    let (kind, true_at) = (object.kind, object.true_at);
    let history = std::mem::take(&mut object.history);
    deal.ext = object.into_ext(rows);
    let story = Story { id: &id, deal: &deal };
    let mut events = Vec::new();
    if let Some(at) = created_at {
        let created = Happened {
            word: "created".to_owned(),
            kind: InteractionKind::DealCreated(Nothing {}),
            at,
            // What a deal is worth may change until it is closed.
            money: None,
            told_at: changed_at,
        };
        story.tell(&created, rows, &mut events);
    }
    for moved in moves(history) {
        story.tell(&moved, rows, &mut events);
    }
    // A closed deal's `closedate` is when it was closed; an open one's, when that is hoped for.
    let closing = match deal.stage_category {
        StageCategory::Won => Some(("won", InteractionKind::DealWon(Nothing {}))),
        StageCategory::Lost => Some(("lost", InteractionKind::DealLost(Nothing {}))),
        _ => None,
    };
    if let (Some((word, happened)), Some(at)) = (closing, closed_at.into_value()) {
        let closed =
            Happened { word: word.to_owned(), kind: happened, at, money, told_at: changed_at };
        story.tell(&closed, rows, &mut events);
    }
    let subject = deal.contact_keys.first().cloned();
    let draft = Draft::new(kind.object, id, true_at, deal, rows).about(subject);
    rows.push(Draft { updated_at: Some(changed_at), ..draft });
    for event in events {
        rows.push(event);
    }
    Ok(())
}

/// What the stage means: what the operator says, or as HubSpot works it out from the pipeline, two flags, true and
/// false; the two stages that every new account has, where it does not.
fn category(
    properties: &mut Fields<'_>,
    stage: Option<&String>,
    account: &Account,
) -> Result<StageCategory, Invalid> {
    let (closed, won) = (flag(properties, "hs_is_closed")?, flag(properties, "hs_is_closed_won")?);
    let own = stage.and_then(|stage| account.deal_stages.get(stage)).copied();
    Ok(own.unwrap_or(match (closed, won) {
        (_, Some(true)) => StageCategory::Won,
        (Some(true), Some(false)) => StageCategory::Lost,
        (Some(false), _) => StageCategory::Open,
        _ => match stage.map(String::as_str) {
            Some("closedwon") => StageCategory::Won,
            Some("closedlost") => StageCategory::Lost,
            _ => StageCategory::Unknown,
        },
    }))
}

/// The moves of a deal from stage to stage, from the stages that it had, oldest first.
///
/// They are told with their own time in place of the deal's: they never change, and land once.
fn moves(mut history: Vec<Past>) -> Vec<Happened> {
    // Of several stages in one millisecond, the last one counts.
    history.reverse();
    history.dedup_by_key(|past| past.at);
    history.reverse();
    let moved = |pair: &[Past]| {
        let [before, after] = pair else { return None };
        let change = Change { from: before.value.clone(), to: after.value.clone() };
        (change.from != change.to).then(|| Happened {
            word: format!("stage-{}", millis(after.at)),
            kind: InteractionKind::DealStageChanged(change),
            at: after.at,
            money: None,
            told_at: after.at,
        })
    };
    history.windows(2).filter_map(moved).collect()
}

/// The amount, if its currency is known; otherwise both stay in `ext`.
fn amount(properties: &mut Fields<'_>, home: Option<Currency>) -> Result<Option<Money>, Invalid> {
    // Accounts with one currency have no such property, or an empty one.
    let currency = match properties.raw("deal_currency_code")? {
        Known::Value(raw) if raw.get() != "\"\"" => {
            let code = serde_json::from_str::<String>(raw.get()).ok();
            let currency = code.and_then(|code| code.parse().ok());
            if currency.is_none() {
                properties.drift("deal_currency_code", raw);
            }
            currency
        }
        _ => home,
    };
    let Known::Value(raw) = properties.raw("amount")? else { return Ok(None) };
    let text = serde_json::from_str::<String>(raw.get()).ok();
    if text.as_deref() == Some("") {
        return Ok(None);
    }
    let Some(currency) = currency else {
        properties.keep("amount", raw);
        return Ok(None);
    };
    let money = text.and_then(|text| Money::parse_decimal(&text, currency).ok());
    if money.is_none() {
        properties.drift("amount", raw);
    }
    Ok(money)
}

/// Something that happened to a deal.
struct Happened {
    /// In a few letters, for the id.
    word: String,
    kind: InteractionKind,
    at: Timestamp,
    money: Option<Money>,
    /// What its version is made of.
    told_at: Timestamp,
}

/// A deal whose story is told to each of its contacts.
struct Story<'d> {
    id: &'d str,
    deal: &'d Deal,
}

impl Story<'_> {
    fn tell(&self, happened: &Happened, rows: &Rows<'_>, events: &mut Vec<Draft>) {
        let Happened { word, kind, at, money, told_at } = happened;
        for contact in &self.deal.contact_keys {
            let id = format!("{}-{word}-{}", self.id, contact.id());
            let told = Interaction {
                thread_key: Some(rows.key("deal", self.id)),
                value_minor: money.map(|money| money.minor),
                currency: money.map(|money| money.currency),
                minor_exponent: money.map(|money| money.minor_exponent),
                ..Interaction::new(kind.clone(), contact.clone(), *at, Some(&id))
            };
            events.push(Draft::new(EVENT, id, *told_at, told, rows));
        }
    }
}
