//! The figures of a person, counted when they are asked for.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::reading::Rows;
use super::{Customers, Spent, Totals};
use crate::clock;
use crate::error::Error;
use crate::items::{CONCURRENCY, Item, Reading, text_of};
use crate::schema::{
    Answer, Currency, Entity, Interaction, InteractionKind, Order, OrderStatus, RecordKey, Ticket,
    TicketStatus, Timestamp,
};

/// Interactions of one record that are counted at the most.
const MOST_COUNTED: usize = 1_000;
/// How far back they are counted.
const YEAR: Duration = Duration::from_hours(24 * 365);

/// What happened with a person within the last twelve months.
#[derive(Default)]
pub(super) struct Activity {
    facts: Vec<Interaction>,
    at_least: bool,
    pub(super) reads: usize,
}

impl Customers {
    /// The interactions of these records within the twelve months before `now`.
    pub(super) async fn activity(
        &self,
        records: &[RecordKey],
        now: Timestamp,
    ) -> Result<Activity, Error> {
        let first = format!("INT#{}", clock::before(now, YEAR));
        let reading =
            Reading { limit: Some(MOST_COUNTED + 1), backwards: true, only: Some("#row") };
        let queries: Vec<_> =
            records.iter().map(|record| self.under(record, &first, "INT$", reading)).collect();
        let reads = queries.len();
        let found: Vec<Vec<Item>> =
            stream::iter(queries).buffer_unordered(CONCURRENCY).try_collect().await?;
        let mut activity = Activity { reads, ..Activity::default() };
        for items in found {
            activity.at_least |= items.len() > MOST_COUNTED;
            let rows = items.iter().take(MOST_COUNTED).filter_map(|item| text_of(item, "row"));
            activity.facts.extend(rows.filter_map(|row| serde_json::from_str(row).ok()));
        }
        Ok(activity)
    }
}

/// Whether somebody still has to do something about a ticket.
pub(super) fn is_open(ticket: &Ticket) -> bool {
    use TicketStatus::{Hold, New, Open, Pending};
    matches!(ticket.status, New | Open | Pending | Hold)
}

/// Whether an order was placed, and not called off.
fn counts(order: &Order) -> bool {
    !matches!(order.status, OrderStatus::Draft | OrderStatus::Cancelled)
}

/// The figures of the person with these rows and these interactions.
pub(super) fn totals(rows: &Rows, activity: &Activity) -> Totals {
    let orders: Vec<&Order> =
        rows.each(order).map(|(_, order)| order).filter(|o| counts(o)).collect();
    let mut totals = Totals {
        orders: orders.len(),
        spent: spent(&orders),
        open_tickets: rows.each(ticket).filter(|(_, ticket)| is_open(ticket)).count(),
        at_least: activity.at_least || rows.incomplete,
        ..Totals::default()
    };
    let (mut sent, mut opened, mut clicked) = (HashSet::new(), HashSet::new(), HashSet::new());
    for fact in &activity.facts {
        // A message counts once, however often it is told of.
        let message = fact.message_id.clone().unwrap_or_else(|| fact.interaction_id.to_string());
        match &fact.kind {
            InteractionKind::EmailSent(_) | InteractionKind::EmailDelivered(_) => {
                sent.insert(message);
            }
            InteractionKind::EmailOpened(told) if told.machine == Answer::No => {
                opened.insert(message);
            }
            InteractionKind::EmailClicked(told) if told.bot != Answer::Yes => {
                clicked.insert(message);
            }
            InteractionKind::TicketCreated(_) => totals.year.tickets_opened += 1,
            _ => {}
        }
    }
    totals.year.emails_sent = sent.len();
    totals.year.emails_opened = opened.len();
    totals.year.emails_clicked = clicked.len();
    totals
}

/// What the orders came to, less what was paid back; currencies are never added up.
fn spent(orders: &[&Order]) -> Vec<Spent> {
    let mut sums: BTreeMap<(String, u8), (Currency, i64)> = BTreeMap::new();
    for order in orders {
        let (Some(currency), Some(total)) = (order.currency, order.total_minor) else { continue };
        let exponent = order.minor_exponent.unwrap_or(2);
        let sum = sums.entry((currency.to_string(), exponent)).or_insert((currency, 0));
        let kept = total.saturating_sub(order.refunded_minor.unwrap_or_default());
        sum.1 = sum.1.saturating_add(kept);
    }
    let sums = sums.into_iter();
    sums.map(|((_, minor_exponent), (currency, amount_minor))| Spent {
        currency,
        minor_exponent,
        amount_minor,
    })
    .collect()
}

pub(super) fn order(entity: &Entity) -> Option<&Order> {
    if let Entity::Order(order) = entity { Some(order) } else { None }
}

pub(super) fn ticket(entity: &Entity) -> Option<&Ticket> {
    if let Entity::Ticket(ticket) = entity { Some(ticket) } else { None }
}
