//! What lands: the exact line of every kind of row, and that it reads back as it was.

use std::collections::BTreeSet;

use super::samples::{entities, interaction, key, kinds, provenance, rows, sealed, ticket};
use crate::schema::*;

#[test]
fn every_table_has_its_line() {
    for (key, entity) in entities() {
        let name = entity.table().name();
        let (_, line) = sealed(provenance(&key), entity);
        insta::assert_snapshot!(name, line);
    }
}

#[test]
fn every_family_of_interactions_has_its_lines() {
    let families: BTreeSet<&str> = InteractionKind::NAMES.iter().map(|name| family(name)).collect();
    assert_eq!(families.len(), 9);
    for family_name in families {
        let mut lines = String::new();
        for kind in kinds().into_iter().filter(|kind| family(kind.name()) == family_name) {
            let row = provenance(&key("zendesk/eu/event/1"));
            lines.push_str(&sealed(row, interaction(kind).into()).1);
        }
        insta::assert_snapshot!(format!("interaction_{family_name}"), lines);
    }
}

fn family(name: &str) -> &str {
    name.split_once('.').unwrap().0
}

#[test]
fn samples_show_every_table_and_every_type() {
    let tables: BTreeSet<Table> = rows().iter().map(|(row, _)| row.table()).collect();
    assert_eq!(tables.len(), Table::ALL.len());
    let names: Vec<&str> = kinds().iter().map(InteractionKind::name).collect();
    assert_eq!(names, InteractionKind::NAMES);
}

#[test]
fn every_line_reads_back_as_the_row_it_was() {
    for (row, line) in rows() {
        assert_eq!(line.matches('\n').count(), 1);
        assert_eq!(Row::parse_line(&line).unwrap(), row);
        let raw = RawRow::parse_line(&line).unwrap();
        assert!(raw.is_intact());
        assert_eq!(raw.content.as_bytes(), row.entity.content(false).bytes);
    }
}

#[test]
fn entities_also_travel_alone_under_the_name_of_their_table() {
    for (row, _) in rows() {
        let json = serde_json::to_string(&row.entity).unwrap();
        assert!(json.starts_with(&format!("{{\"table\":\"{}\"", row.table())));
        assert_eq!(serde_json::from_str::<Entity>(&json).unwrap(), row.entity);
    }
}

#[test]
fn the_digest_covers_content_and_deletion_and_nothing_else() {
    let row_key = key("zendesk/eu/ticket/1");
    let seal = |provenance| Row::seal(provenance, ticket().into()).0.provenance.content_sha256;
    let first = seal(provenance(&row_key));
    let mut again = provenance(&row_key);
    again.received_at = again.ingested_at;
    again.mapper_version += 1;
    assert_eq!(first, seal(again.clone()));
    again.deleted = true;
    assert_ne!(first, seal(again));
}

#[test]
fn a_buffer_serves_many_rows() {
    let mut content = Content::default();
    for (row, _) in rows() {
        content.set(&row.entity, row.provenance.deleted);
        assert_eq!(content, row.entity.content(false));
    }
}

#[test]
fn a_changed_line_is_noticed() {
    let (_, line) = sealed(provenance(&key("zendesk/eu/ticket/1")), ticket().into());
    let changed = line.replace("quick", "quack");
    assert!(!RawRow::parse_line(&changed).unwrap().is_intact());
}

#[test]
fn readers_ignore_what_is_new_and_default_what_is_missing() {
    let (row, line) = sealed(provenance(&key("zendesk/eu/ticket/1")), ticket().into());
    let newer = line.replacen("{\"table\"", "{\"novelty\":[1],\"table\"", 1).replacen(
        "\"row\":{",
        "\"row\":{\"novelty\":{},",
        1,
    );
    assert_eq!(Row::parse_line(&newer).unwrap(), row);

    for table in Table::ALL {
        let content = match table {
            Table::Consent => r#"{"effective_at":"2026-01-01T00:00:00Z"}"#,
            Table::Suppression => r#"{"contact_point_hmac":"00","since":"2026-01-01T00:00:00Z"}"#,
            Table::Interaction => {
                r#"{"interaction_id":"6966ab60-f304-4555-932b-77998630f9bc","type":"email.opened",
                "subject_key":"a/b/c/d","occurred_at":"2026-01-01T00:00:00Z","data":{}}"#
            }
            _ => "{}",
        };
        assert_eq!(Entity::from_content(*table, content).unwrap().table(), *table);
    }
    let words = r#"{"status":"escalated","channel":"telepathy","priority":"panic"}"#;
    let Entity::Ticket(ticket) = Entity::from_content(Table::Ticket, words).unwrap() else {
        panic!("not a ticket");
    };
    assert_eq!(ticket.status, TicketStatus::Unknown);
    assert_eq!(ticket.priority, Known::Value(Priority::Unknown));
}

#[test]
fn absent_null_and_empty_stay_three_things() {
    for content in [r#"{"name":"","domain":null}"#, r#"{"name":null}"#, "{}"] {
        let account = Entity::from_content(Table::Account, content).unwrap();
        assert_eq!(account.content(false).bytes, content.as_bytes());
    }
}

#[test]
fn an_error_names_the_table_and_keeps_the_cause() {
    let (_, line) = sealed(provenance(&key("zendesk/eu/ticket/1")), ticket().into());
    let error = Row::parse_line(&line.replace("\"reopened_count\":1", "\"reopened_count\":-1"));
    assert_eq!(error.unwrap_err().to_string(), "the content is not a row of table ticket");
    assert!(matches!(Row::parse_line("{}"), Err(RowError::Line(_))));
}
