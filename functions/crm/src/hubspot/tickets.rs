//! Tickets of the service desk.

use shared::error::Invalid;
use shared::rows::{Draft, Rows};
use shared::schema::{Channel, Priority, Ticket, TicketStatus};

use super::kinds::Account;
use super::objects::{Object, moment, word};

pub(super) fn map(
    mut object: Object<'_>,
    account: &Account,
    rows: &mut Rows<'_>,
) -> Result<(), Invalid> {
    let Some(contacts) = object.linked("contacts") else {
        // Read by id alone, it would land without its requester.
        rows.present(object.kind.object, object.id);
        return Ok(());
    };
    let requester = contacts.first().map(|id| rows.key("contact", id));
    let properties = &mut object.properties;
    let solved_at = moment(properties, "closed_date")?.into_value();
    // Stages are the account's own; the word itself stays in `ext`.
    let stage = properties.raw("hs_pipeline_stage")?.into_value();
    let name = stage.and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
    let name = name.unwrap_or_default();
    if let Some(raw) = stage {
        properties.keep("hs_pipeline_stage", raw);
    }
    let own = account.ticket_stages.get(&name).copied();
    let usual = usual(&name);
    if object.stages.is_none() && own.or(usual).is_none() {
        // Read alone, nobody asked what its stage means; the next search does.
        rows.present(object.kind.object, object.id);
        return Ok(());
    }
    let is_closed = object.stages.as_ref().and_then(|stages| stages.is_closed(&name));
    let status = own.unwrap_or_else(|| match (is_closed, usual) {
        (Some(true), _) => TicketStatus::Closed,
        (Some(false), Some(usual)) if usual != TicketStatus::Closed => usual,
        (Some(false), _) => TicketStatus::Open,
        (None, Some(usual)) => usual,
        (None, None) => solved_at.map(|_| TicketStatus::Closed).unwrap_or_default(),
    });
    let mut ticket = Ticket {
        subject: properties.text("subject")?,
        status,
        priority: word(properties, "hs_ticket_priority", priority)?,
        channel: word(properties, "source_type", channel)?.into_value().unwrap_or_default(),
        opened_at: object.created_at,
        first_reply_at: moment(properties, "first_agent_reply_date")?.into_value(),
        solved_at,
        topic: properties.said("hs_ticket_category")?,
        ..Ticket::default()
    };
    // What the person wrote stays in the raw zone, should the operator ask for it.
    properties.ignore("content");
    let (id, changed_at, kind) = (object.id.clone(), object.changed_at, object.kind);
    let true_at = object.true_at;
    ticket.ext = object.into_ext(rows);
    let draft = Draft::new(kind.object, id, true_at, ticket, rows).about(requester);
    rows.push(Draft { updated_at: Some(changed_at), ..draft });
    Ok(())
}

/// The stages that every new account has: new, waiting on contact, waiting on us, closed.
fn usual(stage: &str) -> Option<TicketStatus> {
    Some(match stage {
        "1" => TicketStatus::New,
        "2" => TicketStatus::Pending,
        "3" => TicketStatus::Open,
        "4" => TicketStatus::Closed,
        _ => return None,
    })
}

fn priority(word: &str) -> Option<Priority> {
    Some(match word {
        "LOW" => Priority::Low,
        "MEDIUM" => Priority::Normal,
        "HIGH" => Priority::High,
        "URGENT" => Priority::Urgent,
        _ => return None,
    })
}

fn channel(word: &str) -> Option<Channel> {
    Some(match word {
        "EMAIL" => Channel::Email,
        "CHAT" => Channel::Chat,
        "PHONE" => Channel::Phone,
        "FORM" => Channel::Web,
        _ => return None,
    })
}
