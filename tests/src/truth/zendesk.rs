//! Zendesk: what landed is what is true.

use std::collections::{BTreeMap, BTreeSet};

use shared::schema::{Entity, Known, Row, Table};
use simulator::zendesk::{Deletion, EventKind, Score, Status, Truth};

use crate::landed::Landed;

/// Fails unless every entity and interaction of the truth landed for this connection, in its newest version.
pub fn assert_is(landed: &Landed, connection: &str, truth: &Truth) {
    assert_entities(landed, connection, truth);
    assert_interactions(landed, connection, truth);
}

fn assert_entities(landed: &Landed, connection: &str, truth: &Truth) {
    let row = |table: Table, object: &str, id: u64| {
        landed.newest.get(&(table, key(connection, object, id)))
    };
    for user in truth.users.values() {
        let row = row(Table::PersonRecord, "user", user.id);
        let row = row.unwrap_or_else(|| panic!("user {} did not land", user.id));
        let gone = !matches!(user.deletion, Deletion::No);
        assert_eq!(row.provenance.deleted, gone, "user {}: deleted", user.id);
        if !gone {
            let Entity::PersonRecord(person) = &row.entity else { panic!("no person") };
            assert_eq!(person.name.full, Known::Value(user.name.clone()), "user {}", user.id);
            let emails: Vec<_> =
                person.contact_points.iter().filter_map(|point| point.exact.value()).collect();
            if let Some(email) = &user.email {
                assert!(emails.contains(&email), "user {}: email", user.id);
            }
        }
    }
    for ticket in truth.tickets.values() {
        let row = row(Table::Ticket, "ticket", ticket.id);
        let row = row.unwrap_or_else(|| panic!("ticket {} did not land", ticket.id));
        let gone = !matches!(ticket.deletion, Deletion::No) || ticket.status == Status::Deleted;
        assert_eq!(row.provenance.deleted, gone, "ticket {}: deleted", ticket.id);
        if !gone {
            let Entity::Ticket(landed) = &row.entity else { panic!("no ticket") };
            assert_eq!(landed.status.as_str(), ticket.status.word(), "ticket {}", ticket.id);
            assert_eq!(
                landed.subject,
                Known::Value(ticket.subject.clone()),
                "ticket {}",
                ticket.id
            );
            assert_eq!(landed.tags, ticket.tags, "ticket {}", ticket.id);
            let subject = row.provenance.subject_key.as_ref().map(ToString::to_string);
            assert_eq!(
                subject,
                Some(key(connection, "user", ticket.requester_id)),
                "ticket {}",
                ticket.id
            );
        }
    }
    for organization in truth.organizations.values() {
        let row = row(Table::Account, "organization", organization.id);
        let row = row.unwrap_or_else(|| panic!("organisation {} did not land", organization.id));
        let Entity::Account(account) = &row.entity else { panic!("no account") };
        assert_eq!(account.name, Known::Value(organization.name.clone()));
    }
    let entities = of(landed, connection).filter(|row| row.table() != Table::Interaction).count();
    let expected = truth.users.len() + truth.tickets.len() + truth.organizations.len();
    let extra = truth.bad_records.len();
    assert!(
        entities <= expected + extra,
        "{entities} entities landed, {expected} are true, {extra} are bad"
    );
}

fn assert_interactions(landed: &Landed, connection: &str, truth: &Truth) {
    let mut expected: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
    for event in &truth.events {
        let (at, id) = (event.at, event.child_id);
        let mut expect = |kind: &'static str, id: String| {
            assert!(
                expected.entry(kind).or_default().insert(id),
                "the truth repeats itself at {at}"
            );
        };
        match &event.kind {
            EventKind::Created => expect("ticket.created", id.to_string()),
            EventKind::Comment { .. } => expect("ticket.message", id.to_string()),
            EventKind::StatusChanged { from, to } if event.actor_id != 0 => {
                expect("ticket.status_changed", id.to_string());
                if to == "solved" && from != to {
                    expect("ticket.solved", format!("{id}:solved"));
                }
            }
            _ => {}
        }
    }
    for rating in truth.ratings.values() {
        if matches!(rating.score, Score::Good | Score::Bad) {
            expected.entry("ticket.csat").or_default().insert(rating.id.to_string());
        }
    }
    let mut there: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
    for row in of(landed, connection) {
        if let Entity::Interaction(interaction) = &row.entity {
            let id = row.provenance.source_id.clone();
            there.entry(interaction.kind.name()).or_default().insert(id);
        }
    }
    for (kind, ids) in &expected {
        let there = there.get(kind).cloned().unwrap_or_default();
        let missing: Vec<_> = ids.difference(&there).take(5).collect();
        assert!(missing.is_empty(), "{kind}: of {} did not land e.g. {missing:?}", ids.len());
    }
}

/// The newest rows of a connection.
fn of<'l>(landed: &'l Landed, connection: &'l str) -> impl Iterator<Item = &'l Row> {
    landed.newest.values().filter(move |row| row.provenance.connection_id == connection)
}

fn key(connection: &str, object: &str, id: u64) -> String {
    format!("zendesk/{connection}/{object}/{id}")
}
