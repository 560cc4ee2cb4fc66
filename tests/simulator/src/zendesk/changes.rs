//! Everything that can happen in a helpdesk, one method each.
//!
//! An unknown id changes nothing: a test that misspells one sees it in the truth.

use jiff::Timestamp;
use serde_json::json;

use super::desk::Desk;
use super::records::{Change, Deletion, Organization, Rating, Role, Score, Status, Ticket, User};
use super::webhooks::Subject;

/// What stands in the place of redacted text.
pub(crate) const REDACTED: char = '▇';
const SCRUBBED: &str = "SCRUBBED";

/// A ticket to be opened.
#[derive(Clone, Debug)]
pub struct NewTicket {
    /// Who asks.
    pub requester_id: u64,
    /// The subject.
    pub subject: String,
    /// The first comment.
    pub description: String,
    /// How it comes in: `email`, `web`, `api`, `chat`.
    pub channel: &'static str,
    /// How urgent, if anyone says.
    pub priority: Option<&'static str>,
}

impl Desk {
    pub(crate) fn add_user(&mut self, user: User) {
        let (id, at) = (user.id, user.updated_at);
        if user.role != Role::EndUser {
            self.staff.push(id);
        }
        self.users.insert(id, user);
        self.touch_user(id, at);
        self.announce(at, Subject::User(id), id, "user.created", &json!({}));
    }

    pub(crate) fn add_organization(&mut self, organization: Organization) {
        let (id, at) = (organization.id, organization.updated_at);
        self.organizations.insert(id, organization);
        self.organization_order.touch(id, at.as_second());
        self.announce(at, Subject::Organization(id), 0, "organization.created", &json!({}));
    }

    pub(crate) fn open_ticket(&mut self, at: Timestamp, new: NewTicket) -> u64 {
        let id = self.new_ticket_id();
        let requester = new.requester_id;
        let organization_id = self.users.get(&requester).and_then(|u| u.organization_id);
        let kind = (!id.is_multiple_of(3)).then_some(if id.is_multiple_of(2) {
            "question"
        } else {
            "incident"
        });
        let changes = vec![
            Change::Comment { author_id: requester, public: true, body: new.description.clone() },
            Change::Create {
                subject: new.subject.clone(),
                status: Status::New,
                priority: new.priority,
                kind,
                requester_id: requester,
            },
        ];
        let ticket = Ticket {
            id,
            subject: new.subject,
            description: new.description,
            status: Status::New,
            priority: new.priority,
            kind,
            channel: new.channel,
            requester_id: requester,
            submitter_id: requester,
            assignee_id: None,
            organization_id,
            external_id: id.is_multiple_of(7).then(|| format!("till-{id}")),
            tags: vec![new.channel.to_owned(), "customer".to_owned()],
            order_number: id.is_multiple_of(2).then(|| format!("EO-{}", id * 37)),
            rating: None,
            created_at: at,
            updated_at: at,
            generated_timestamp: at.as_second(),
            deletion: Deletion::No,
        };
        self.tickets.insert(id, ticket);
        self.record(id, requester, at, changes);
        self.announce(at, Subject::Ticket(id), requester, "ticket.created", &json!({}));
        id
    }

    pub(crate) fn comment(
        &mut self,
        at: Timestamp,
        ticket: u64,
        author: u64,
        public: bool,
        body: &str,
    ) {
        let change = Change::Comment { author_id: author, public, body: body.to_owned() };
        let id = self.record(ticket, author, at, vec![change]);
        let is_staff = self.staff.contains(&author);
        let event = json!({"comment": {
            "id": id.to_string(),
            "body": body,
            "is_public": public,
            "author": {"id": author.to_string(), "is_staff": is_staff},
        }});
        self.announce(at, Subject::Ticket(ticket), author, "ticket.comment_added", &event);
    }

    pub(crate) fn set_status(&mut self, at: Timestamp, ticket: u64, actor: u64, to: Status) {
        let Some(record) = self.tickets.get_mut(&ticket) else {
            return;
        };
        let from = std::mem::replace(&mut record.status, to);
        if from == to {
            return;
        }
        let staff = self.staff.contains(&actor);
        if let Some(record) = self.tickets.get_mut(&ticket) {
            record.assignee_id = record.assignee_id.or(staff.then_some(actor));
        }
        self.record(ticket, actor, at, vec![field("status", Some(from.word()), to.word())]);
        let event = json!({
            "previous": from.word().to_uppercase(),
            "current": to.word().to_uppercase(),
        });
        self.announce(at, Subject::Ticket(ticket), actor, "ticket.status_changed", &event);
    }

    /// One agent's bulk update: all these tickets change in the same second.
    pub(crate) fn tag_all(&mut self, at: Timestamp, tickets: &[u64], actor: u64, tag: &str) {
        for &id in tickets {
            let Some(ticket) = self.tickets.get_mut(&id) else {
                continue;
            };
            let before = ticket.tags.join(" ");
            ticket.tags.push(tag.to_owned());
            let after = ticket.tags.join(" ");
            self.record(id, actor, at, vec![field("tags", Some(&before), &after)]);
            let event = json!({"tags_added": [tag], "tags_removed": []});
            self.announce(at, Subject::Ticket(id), actor, "ticket.tags_changed", &event);
        }
    }

    /// Offers a rating, or changes the one there is.
    pub(crate) fn rate(
        &mut self,
        at: Timestamp,
        ticket: u64,
        score: Score,
        comment: Option<String>,
    ) {
        let new_id = self.new_id();
        let Some(record) = self.tickets.get_mut(&ticket) else {
            return;
        };
        let id = *record.rating.get_or_insert(new_id);
        let rating = self.ratings.entry(id).or_insert(Rating {
            id,
            ticket_id: ticket,
            requester_id: record.requester_id,
            assignee_id: record.assignee_id,
            score: Score::Offered,
            comment: None,
            created_at: at,
            updated_at: at,
        });
        let from = std::mem::replace(&mut rating.score, score);
        rating.comment = comment;
        rating.updated_at = at;
        let actor = record.requester_id;
        let change = field("satisfaction_score", Some(from.word()), score.word());
        self.record(ticket, actor, at, vec![change]);
    }

    pub(crate) fn delete_ticket(&mut self, at: Timestamp, ticket: u64, actor: u64) {
        let Some(record) = self.tickets.get_mut(&ticket) else {
            return;
        };
        let from = std::mem::replace(&mut record.status, Status::Deleted);
        record.deletion = Deletion::Soft(at);
        let change = field("status", Some(from.word()), Status::Deleted.word());
        self.record(ticket, actor, at, vec![change]);
        self.announce(at, Subject::Ticket(ticket), actor, "ticket.soft_deleted", &json!({}));
    }

    /// Scrubs a ticket: an empty shell stays in the export, its conversation is gone.
    pub(crate) fn permanently_delete_ticket(&mut self, at: Timestamp, ticket: u64, actor: u64) {
        let Some(record) = self.tickets.get_mut(&ticket) else {
            return;
        };
        SCRUBBED.clone_into(&mut record.subject);
        SCRUBBED.clone_into(&mut record.description);
        record.status = Status::Deleted;
        record.deletion = Deletion::Permanent(at);
        record.tags.clear();
        record.order_number = None;
        record.external_id = None;
        record.updated_at = at;
        record.generated_timestamp = at.as_second();
        if let Some(rating) = record.rating.take() {
            self.ratings.remove(&rating);
        }
        self.ticket_order.touch(ticket, at.as_second());
        self.events.retain(|event| event.ticket_id != ticket);
        let kind = "ticket.permanently_deleted";
        self.announce(at, Subject::Ticket(ticket), actor, kind, &json!({}));
    }

    /// Blackens the description and every comment, where they stand.
    pub(crate) fn redact(&mut self, at: Timestamp, ticket: u64, actor: u64) {
        let Some(record) = self.tickets.get_mut(&ticket) else {
            return;
        };
        record.description = blackened(&record.description);
        let mut comment_id = 0;
        let events = self.events.iter_mut().filter(|event| event.ticket_id == ticket);
        for child in events.flat_map(|event| &mut event.children) {
            if let Change::Comment { body, .. } = &mut child.change {
                *body = blackened(body);
                comment_id = child.id;
            }
        }
        self.record(ticket, actor, at, vec![Change::Redaction { comment_id }]);
        let event = json!({"comment": {"id": comment_id.to_string()}});
        self.announce(at, Subject::Ticket(ticket), actor, "ticket.comment_redacted", &event);
    }

    /// A system update: it moves the ticket in the export and leaves `updated_at` alone.
    pub(crate) fn silent_update(&mut self, at: Timestamp, ticket: u64) {
        if let Some(record) = self.tickets.get_mut(&ticket) {
            record.generated_timestamp = at.as_second();
            self.ticket_order.touch(ticket, at.as_second());
        }
    }

    pub(crate) fn rename_user(&mut self, at: Timestamp, user: u64, name: &str) {
        let Some(record) = self.users.get_mut(&user) else {
            return;
        };
        let previous = std::mem::replace(&mut record.name, name.to_owned());
        self.touch_user(user, at);
        let event = json!({"previous": previous, "current": name});
        self.announce(at, Subject::User(user), user, "user.name_changed", &event);
    }

    pub(crate) fn change_email(&mut self, at: Timestamp, user: u64, email: &str) {
        let Some(record) = self.users.get_mut(&user) else {
            return;
        };
        record.email = Some(email.to_owned());
        self.touch_user(user, at);
        let event = json!({"identity": {"type": "email", "value": email, "primary": true}});
        self.announce(at, Subject::User(user), user, "user.identity_changed", &event);
    }

    /// Deactivates a user; the record keeps its contents.
    pub(crate) fn delete_user(&mut self, at: Timestamp, user: u64) {
        if let Some(record) = self.users.get_mut(&user) {
            record.deletion = Deletion::Soft(at);
            self.touch_user(user, at);
            self.announce(at, Subject::User(user), 0, "user.deleted", &json!({}));
        }
    }

    pub(crate) fn permanently_delete_user(&mut self, at: Timestamp, user: u64) {
        if let Some(record) = self.users.get_mut(&user) {
            record.deletion = Deletion::Permanent(at);
            "Permanently Deleted User".clone_into(&mut record.name);
            (record.email, record.phone, record.external_id) = (None, None, None);
            record.notes.clear();
            record.tags.clear();
            self.touch_user(user, at);
        }
    }

    pub(crate) fn rename_organization(&mut self, at: Timestamp, organization: u64, name: &str) {
        let Some(record) = self.organizations.get_mut(&organization) else {
            return;
        };
        let previous = std::mem::replace(&mut record.name, name.to_owned());
        record.updated_at = at;
        self.organization_order.touch(organization, at.as_second());
        let event = json!({"previous": previous, "current": name});
        let subject = Subject::Organization(organization);
        self.announce(at, subject, 0, "organization.name_changed", &event);
    }
}

fn field(name: &'static str, from: Option<&str>, to: &str) -> Change {
    Change::Field { name, from: from.map(str::to_owned), to: Some(to.to_owned()) }
}

fn blackened(text: &str) -> String {
    let black = |c: char| if c.is_whitespace() { c } else { REDACTED };
    text.chars().map(black).collect()
}
