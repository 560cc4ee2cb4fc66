//! Engagements: calls, emails, meetings, notes and tasks, told to each contact that they are linked to.

use shared::error::Invalid;
use shared::fields::Fields;
use shared::rows::{Draft, Rows};
use shared::schema::{
    self, Answer, Bounce, Bounced, Channel, Direction, Interaction, InteractionKind, Known,
    Nothing, Timestamp,
};

use super::objects::{Object, moment, word};

/// The types of engagements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activity {
    Call,
    Email,
    Meeting,
    Note,
    Task,
}

/// What an engagement says, whoever it is told to.
struct Told {
    kind: InteractionKind,
    at: Timestamp,
    direction: Option<Direction>,
    channel: Channel,
    bounced: bool,
}

/// Texts that people wrote: they stay in the raw zone, should the operator ask for them.
const TEXTS: &[&str] = &[
    "hs_body_preview",
    "hs_body_preview_html",
    "hs_call_body",
    "hs_call_summary",
    "hs_call_title",
    "hs_email_html",
    "hs_email_subject",
    "hs_email_text",
    "hs_internal_meeting_notes",
    "hs_meeting_body",
    "hs_meeting_title",
    "hs_note_body",
    "hs_task_body",
    "hs_task_subject",
];

pub(super) fn map(
    mut object: Object<'_>,
    activity: Activity,
    rows: &mut Rows<'_>,
) -> Result<(), Invalid> {
    let contacts = object.linked("contacts").unwrap_or_default().to_vec();
    let Some(told) = tell(&mut object, activity)? else {
        rows.filter("an email that was not sent, or only forwarded into the CRM");
        return Ok(());
    };
    for text in TEXTS {
        object.properties.ignore(text);
    }
    let (id, changed_at, kind) = (object.id.clone(), object.changed_at, object.kind);
    let ext = object.into_ext(rows);
    if contacts.is_empty() {
        rows.filter("is linked to no contact");
    }
    for contact in &contacts {
        let subject = rows.key("contact", contact);
        let push = |happened: InteractionKind, id: String, rows: &mut Rows<'_>| {
            let interaction = Interaction {
                direction: told.direction,
                channel: told.channel,
                message_id: Some(object_id(&id)),
                ext: ext.clone(),
                ..Interaction::new(happened, subject.clone(), told.at, Some(&id))
            };
            rows.push(Draft::new(kind.object, id, changed_at, interaction, rows));
        };
        push(told.kind.clone(), format!("{id}-{contact}"), rows);
        if told.bounced {
            let bounced = Bounced { bounce: Bounce::Unknown, smtp_code: Known::Absent };
            push(InteractionKind::EmailBounced(bounced), format!("{id}-{contact}-bounced"), rows);
        }
    }
    Ok(())
}

fn object_id(row: &str) -> String {
    row.split('-').next().unwrap_or(row).to_owned()
}

/// What happened; none if nothing did.
fn tell(object: &mut Object<'_>, activity: Activity) -> Result<Option<Told>, Invalid> {
    let logged = object.created_at;
    let properties = &mut object.properties;
    // Of a task it is when it is due, of a meeting when it is planned: both move, what happened does not.
    let moves = matches!(activity, Activity::Meeting | Activity::Task);
    let at = if moves { None } else { moment(properties, "hs_timestamp")?.into_value() };
    let at =
        at.or(logged).ok_or_else(|| Invalid::new("hs_timestamp", "is missing or not a time"))?;
    let plain = |kind, channel| Told { kind, at, direction: None, channel, bounced: false };
    let activity_of = |duration_seconds, done| schema::Activity { duration_seconds, done };
    Ok(Some(match activity {
        Activity::Call => {
            let milliseconds = duration(properties, "hs_call_duration")?;
            let done =
                word(properties, "hs_call_status", call_done)?.into_value().unwrap_or_default();
            let call = activity_of(milliseconds.map(|time| time / 1_000), done);
            let direction = word(properties, "hs_call_direction", direction)?.into_value();
            Told { direction, ..plain(InteractionKind::ActivityCall(call), Channel::Phone) }
        }
        Activity::Email => return email(properties, &plain),
        Activity::Meeting => {
            let start = moment(properties, "hs_meeting_start_time")?;
            let end = moment(properties, "hs_meeting_end_time")?;
            let took = start
                .into_value()
                .zip(end.into_value())
                .map(|(start, end)| end.as_micros() - start.as_micros());
            let took = took.and_then(|micros| u32::try_from(micros / 1_000_000).ok());
            let done = word(properties, "hs_meeting_outcome", meeting_done)?
                .into_value()
                .unwrap_or_default();
            plain(InteractionKind::ActivityMeeting(activity_of(took, done)), Channel::Unknown)
        }
        Activity::Note => plain(
            InteractionKind::ActivityNote(activity_of(None, Answer::Unknown)),
            Channel::Unknown,
        ),
        Activity::Task => {
            let done =
                word(properties, "hs_task_status", task_done)?.into_value().unwrap_or_default();
            plain(InteractionKind::ActivityTask(activity_of(None, done)), Channel::Unknown)
        }
    }))
}

/// A colleague's email that was sent, or a contact's; a planned or failed one is none.
fn email(
    properties: &mut Fields<'_>,
    plain: &impl Fn(InteractionKind, Channel) -> Told,
) -> Result<Option<Told>, Invalid> {
    let status = properties.said("hs_email_status")?;
    let towards = properties.said("hs_email_direction")?;
    let status = status.as_deref();
    let (kind, direction) = match towards.as_deref() {
        Some("INCOMING_EMAIL") => (InteractionKind::EmailReplied(Nothing {}), Direction::In),
        Some("EMAIL") if matches!(status, None | Some("SENT" | "BOUNCED")) => {
            (InteractionKind::EmailSent(Nothing {}), Direction::Out)
        }
        _ => return Ok(None),
    };
    let bounced = direction == Direction::Out && status == Some("BOUNCED");
    Ok(Some(Told { direction: Some(direction), bounced, ..plain(kind, Channel::Email) }))
}

/// Takes a number of milliseconds.
fn duration(properties: &mut Fields<'_>, name: &'static str) -> Result<Option<u32>, Invalid> {
    let Known::Value(raw) = properties.raw(name)? else { return Ok(None) };
    let text = serde_json::from_str::<String>(raw.get()).unwrap_or_default();
    let whole = text.split('.').next().unwrap_or_default();
    let found = whole.parse().ok();
    if found.is_none() && raw.get() != "\"\"" {
        properties.drift(name, raw);
    }
    Ok(found)
}

fn direction(word: &str) -> Option<Direction> {
    match word {
        "INBOUND" => Some(Direction::In),
        "OUTBOUND" => Some(Direction::Out),
        _ => None,
    }
}

fn call_done(word: &str) -> Option<Answer> {
    match word {
        "COMPLETED" => Some(Answer::Yes),
        "BUSY" | "CANCELED" | "FAILED" | "NO_ANSWER" | "QUEUED" => Some(Answer::No),
        _ => None,
    }
}

fn meeting_done(word: &str) -> Option<Answer> {
    match word {
        "COMPLETED" => Some(Answer::Yes),
        "SCHEDULED" | "RESCHEDULED" | "NO_SHOW" | "CANCELED" => Some(Answer::No),
        _ => None,
    }
}

fn task_done(word: &str) -> Option<Answer> {
    match word {
        "COMPLETED" => Some(Answer::Yes),
        "NOT_STARTED" | "IN_PROGRESS" | "WAITING" | "DEFERRED" => Some(Answer::No),
        _ => None,
    }
}
