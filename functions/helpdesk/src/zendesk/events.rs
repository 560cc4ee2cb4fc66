//! What happened in tickets: opened, answered, moved from status to status.

use serde_json::value::RawValue;
use shared::error::Invalid;
use shared::facts::{Deletes, Granularity, Order, StreamFacts, fact};
use shared::fields::Fields;
use shared::rows::{Draft, Rows};
use shared::schema::{
    Change, Channel, Direction, Interaction, InteractionKind, Known, Message, Nothing, Precision,
    Purpose, RecordKey, TicketStatus, Timestamp, Visibility,
};

use super::timed::TimedExport;
use super::words::{channel, ours, reference};
use super::{EXPORT_GUIDE, EXPORT_LAG, EXPORT_QUOTA, EXPORT_REFERENCE, NO_LOOKBACK, instant};

static FACTS: StreamFacts = StreamFacts {
    name: "ticket_events",
    object: "ticket_event",
    reads: "What happened in tickets: opened, messages, changes of status, solved.",
    lag: EXPORT_LAG,
    lookback: NO_LOOKBACK,
    granularity: fact(Granularity::Second, EXPORT_REFERENCE),
    order: fact(Order::ByChange, EXPORT_GUIDE),
    deletes: fact(
        Deletes::None,
        "events are facts; a deleted ticket's are not asked for one by one (tap-zendesk#149)",
    ),
    every: None,
    page_ceiling: Some(fact(1000, "events in one second; github.com/estuary/connectors/pull/1789")),
    quota: Some(EXPORT_QUOTA),
    expired_cursor: &[],
    scopes: &["admin", "read"],
    optional: None,
    never_empty: None,
    pushed: false,
};

/// Every update of a ticket, with the comments in it.
pub(super) fn ticket_events() -> TimedExport {
    TimedExport { facts: &FACTS, include: Some("comment_events"), map }
}

fn map(mut record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
    record.required_id("id")?;
    let ticket = record.required_id("ticket_id")?;
    let timestamp = record.integer("timestamp")?.into_value().and_then(instant);
    let at = record.time("created_at")?.or(timestamp);
    let at = at.ok_or_else(|| Invalid::no_time("created_at"))?;
    let Known::Value(children) = record.get::<Vec<&RawValue>>("child_events")? else {
        return Err(Invalid::new("child_events", "is missing or not a list"));
    };
    let updater = reference(&mut record, "updater_id")?;
    record.report(rows);
    let update = Update { ticket: rows.key("ticket", &ticket), at, updater };
    let mut told = false;
    for child in children {
        told |= update.tell(child, rows)?;
    }
    if !told {
        rows.filter("changes neither status nor conversation, or was not done by a person");
    }
    Ok(())
}

/// One update of a ticket, by one person or by the system.
struct Update {
    ticket: RecordKey,
    at: Timestamp,
    updater: Option<String>,
}

impl Update {
    /// Tells one of the changes in the update, if our schema has an interaction for it.
    fn tell(&self, child: &RawValue, rows: &mut Rows<'_>) -> Result<bool, Invalid> {
        let mut child = Fields::parse(child)?;
        let kind = child.get::<&str>("event_type")?.into_value();
        child.ignore("via_reference_id");
        match kind {
            Some("Create") => self.created(child, rows),
            Some("Comment") => self.commented(child, rows),
            Some("Change") => self.changed(child, rows),
            _ => Ok(false),
        }
    }

    fn created(&self, mut child: Fields<'_>, rows: &mut Rows<'_>) -> Result<bool, Invalid> {
        let id = child.required_id("id")?;
        let requester = reference(&mut child, "requester_id")?;
        let Some(person) = requester.as_deref().or(self.updater.as_deref()) else {
            return Ok(false);
        };
        let status = child.word("status", |word| ours(word, TicketStatus::from_word))?;
        let mut created = self.interaction(
            InteractionKind::TicketCreated(Nothing {}),
            person,
            self.at,
            &id,
            rows,
        );
        created.direction = Some(Direction::In);
        let channel = channel(&mut child)?;
        created.channel = channel;
        // The ticket has both, and forgets them when it is scrubbed.
        for text in ["subject", "description"] {
            child.ignore(text);
        }
        created.ext = child.into_ext(rows);
        rows.push(self.draft(id.clone(), created, rows));
        // A call is often written down and solved at once.
        if status == Known::Value(TicketStatus::Solved) {
            rows.push(self.solved(person, &id, channel, rows));
        }
        Ok(true)
    }

    fn commented(&self, mut child: Fields<'_>, rows: &mut Rows<'_>) -> Result<bool, Invalid> {
        let id = child.required_id("id")?;
        let Some(author) = reference(&mut child, "author_id")? else { return Ok(false) };
        let at = child.time("created_at")?.unwrap_or(self.at);
        let visibility = match child.get::<bool>("public")? {
            Known::Value(true) => Visibility::Public,
            Known::Value(false) => Visibility::Internal,
            Known::Absent | Known::Null => Visibility::Unknown,
        };
        let kind = InteractionKind::TicketMessage(Message { visibility });
        let mut message = self.interaction(kind, &author, at, &id, rows);
        message.message_id = Some(id.clone());
        message.channel = channel(&mut child)?;
        // Texts stay in the raw zone, where they expire; links to attachments open without a login.
        for text in ["body", "html_body", "plain_body", "attachments", "type"] {
            child.ignore(text);
        }
        message.ext = child.into_ext(rows);
        rows.push(self.draft(id, message, rows));
        Ok(true)
    }

    fn changed(&self, mut child: Fields<'_>, rows: &mut Rows<'_>) -> Result<bool, Invalid> {
        let id = child.required_id("id")?;
        let read = |word: &str| ours(word, TicketStatus::from_word);
        let to = child.word("status", read)?;
        // Another field than the status.
        if to.is_absent() {
            return Ok(false);
        }
        let Some(person) = self.updater.as_deref() else { return Ok(false) };
        let (to, from) = (to.into_value(), child.word("previous_value", read)?.into_value());
        let word = |status: Option<TicketStatus>| status.map(|status| status.as_str().to_owned());
        let kind = InteractionKind::TicketStatusChanged(Change { from: word(from), to: word(to) });
        let mut moved = self.interaction(kind, person, self.at, &id, rows);
        let channel = channel(&mut child)?;
        moved.channel = channel;
        moved.ext = child.into_ext(rows);
        rows.push(self.draft(id.clone(), moved, rows));
        if to == Some(TicketStatus::Solved) && from != to {
            rows.push(self.solved(person, &id, channel, rows));
        }
        Ok(true)
    }

    /// The same change a second time, as what it means; so it has an id of its own.
    fn solved(&self, person: &str, child: &str, channel: Channel, rows: &Rows<'_>) -> Draft {
        let id = format!("{child}:solved");
        let kind = InteractionKind::TicketSolved(Nothing {});
        let mut solved = self.interaction(kind, person, self.at, &id, rows);
        solved.channel = channel;
        self.draft(id, solved, rows)
    }

    fn interaction(
        &self,
        kind: InteractionKind,
        person: &str,
        at: Timestamp,
        id: &str,
        rows: &Rows<'_>,
    ) -> Interaction {
        Interaction {
            occurred_precision: Some(Precision::Second),
            thread_key: Some(self.ticket.clone()),
            purpose: Purpose::Service,
            ..Interaction::new(kind, rows.key("user", person), at, Some(id))
        }
    }

    fn draft(&self, id: String, interaction: Interaction, rows: &Rows<'_>) -> Draft {
        Draft::new(FACTS.object, id, self.at, interaction, rows)
    }
}
