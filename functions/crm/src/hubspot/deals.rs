//! Deals, and what happened to them: opened, won, lost.

use shared::error::Invalid;
use shared::fields::Fields;
use shared::rows::{Draft, Rows};
use shared::schema::{
    Currency, Deal, Interaction, InteractionKind, Known, Money, Nothing, RecordKey, StageCategory,
    Timestamp,
};

use super::kinds::Account;
use super::objects::{Object, day, flag, moment};

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
    let mut deal = Deal {
        account_key,
        contact_keys,
        name: properties.text("dealname")?,
        stage: properties.text("dealstage")?,
        stage_category: category(properties)?,
        amount_minor: money.map(|money| money.minor),
        currency: money.map(|money| money.currency),
        minor_exponent: money.map(|money| money.minor_exponent),
        close_date: closed_at.map(day),
        owner: properties.text("hubspot_owner_id")?,
        ..Deal::default()
    };
    let (id, changed_at, created_at) = (object.id.clone(), object.changed_at, object.created_at);
    let (kind, true_at) = (object.kind, object.true_at);
    deal.ext = object.into_ext(rows);
    let story = Story { id: &id, deal: &deal, money, changed_at };
    let mut events = Vec::new();
    if let Some(at) = created_at {
        story.tell("created", &InteractionKind::DealCreated(Nothing {}), at, rows, &mut events);
    }
    // A closed deal's `closedate` is when it was closed; an open one's, when that is hoped for.
    let closing = match deal.stage_category {
        StageCategory::Won => Some(("won", InteractionKind::DealWon(Nothing {}))),
        StageCategory::Lost => Some(("lost", InteractionKind::DealLost(Nothing {}))),
        _ => None,
    };
    if let (Some((word, happened)), Some(at)) = (closing, closed_at.into_value()) {
        story.tell(word, &happened, at, rows, &mut events);
    }
    let subject = deal.contact_keys.first().cloned();
    let draft = Draft::new(kind.object, id, true_at, deal, rows).about(subject);
    rows.push(Draft { updated_at: Some(changed_at), ..draft });
    for event in events {
        rows.push(event);
    }
    Ok(())
}

/// What the stage means, as HubSpot works it out from the pipeline: two flags, true and false.
fn category(properties: &mut Fields<'_>) -> Result<StageCategory, Invalid> {
    let (closed, won) = (flag(properties, "hs_is_closed")?, flag(properties, "hs_is_closed_won")?);
    Ok(match (closed, won) {
        (_, Some(true)) => StageCategory::Won,
        (Some(true), Some(false)) => StageCategory::Lost,
        (Some(false), _) => StageCategory::Open,
        _ => StageCategory::Unknown,
    })
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

/// A deal whose story is told to each of its contacts.
struct Story<'d> {
    id: &'d str,
    deal: &'d Deal,
    money: Option<Money>,
    changed_at: Timestamp,
}

impl Story<'_> {
    fn tell(
        &self,
        word: &str,
        happened: &InteractionKind,
        at: Timestamp,
        rows: &Rows<'_>,
        events: &mut Vec<Draft>,
    ) {
        for contact in &self.deal.contact_keys {
            let id = format!("{}-{word}-{}", self.id, contact.id());
            // What a deal is worth may change until it is closed.
            let money = self.money.filter(|_| word != "created");
            let told = Interaction {
                thread_key: Some(rows.key("deal", self.id)),
                value_minor: money.map(|money| money.minor),
                currency: money.map(|money| money.currency),
                minor_exponent: money.map(|money| money.minor_exponent),
                ..Interaction::new(happened.clone(), contact.clone(), at, Some(&id))
            };
            events.push(Draft::new(EVENT, id, self.changed_at, told, rows));
        }
    }
}
