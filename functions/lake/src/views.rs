//! Ready-made views in plain SQL that every engine understands, and the statements that make the tables known to Athena.

use std::fmt::Write as _;

use crate::facts::TableFacts;
use crate::layout;

/// A view over the tables.
#[derive(Debug, Clone, Copy)]
struct View {
    /// Its name.
    name: &'static str,
    /// What it answers.
    about: &'static str,
    /// The tables that it reads.
    reads: &'static [&'static str],
    /// Its query; `{db}` stands before each table, for the name of the database.
    sql: &'static str,
}

/// Every view, in the order in which they are shown.
const VIEWS: &[View] = &[
    View {
        name: "timeline",
        about: "What happened with whom, with the campaign's name; filter by subject_key, order by occurred_at.",
        reads: &["interactions", "campaign"],
        sql: "\
SELECT i.subject_key, i.occurred_at, i.type, i.channel, i.direction, i.purpose,
       c.name AS campaign, c.subject AS campaign_subject, i.thread_key, i.url,
       i.value_minor, i.currency, i.minor_exponent, i.source, i.connection_id, i.interaction_id
FROM {db}interactions i
LEFT JOIN {db}campaign c ON c.record_key = i.campaign_key AND NOT c.deleted
WHERE NOT i.deleted",
    },
    View {
        name: "current_consents",
        about: "What each person allows now: the newest decision per address, channel and purpose.",
        reads: &["consent"],
        sql: "\
SELECT subject_key, contact_point, contact_type, channel, purpose, state, lawful_basis, scope,
       effective_at, expires_at, reason, source, connection_id, record_key
FROM (
  SELECT consent.*, row_number() OVER (
           PARTITION BY connection_id, subject_key, contact_point, channel, purpose
           ORDER BY effective_at DESC, source_version DESC, record_key) AS newest
  FROM {db}consent AS consent
  WHERE NOT deleted) AS decisions
WHERE newest = 1",
    },
    View {
        name: "orders_with_lines",
        about: "Every order with its lines; an order without lines is one row.",
        reads: &["order", "order_line"],
        sql: "\
SELECT o.record_key AS order_key, o.subject_key, o.number, o.status, o.channel, o.location_id, o.placed_at,
       o.currency, o.minor_exponent, o.total_minor, o.refunded_minor,
       l.record_key AS line_key, l.line_no, l.sku, l.product_id, l.name, l.quantity,
       l.unit_price_minor, l.discount_minor AS line_discount_minor, l.tax_minor AS line_tax_minor,
       o.source, o.connection_id
FROM {db}\"order\" o
LEFT JOIN {db}order_line l ON l.order_key = o.record_key AND NOT l.deleted
WHERE NOT o.deleted",
    },
];

/// Every view with its query.
pub fn views() -> impl Iterator<Item = (&'static str, String)> {
    VIEWS.iter().map(|view| (view.name, view.sql.replace("{db}", "")))
}

/// The statements for Athena: a database, the tables that exist in `bucket`, and the views over them.
///
/// Athena reads columns and files from each table's log, so a statement names the location only; it is run once.
/// <https://docs.aws.amazon.com/athena/latest/ug/delta-lake-tables.html>
pub fn athena_ddl(database: &str, bucket: &str, tables: &[TableFacts]) -> String {
    let mut ddl = format!("CREATE DATABASE IF NOT EXISTS `{database}`;\n");
    let exists = |name: &str| tables.iter().any(|table| table.name == name);
    for table in layout::layouts() {
        let name = &table.name;
        if exists(name) {
            let _ = write!(
                ddl,
                "\nCREATE EXTERNAL TABLE IF NOT EXISTS `{database}`.`{name}`\n\
                 LOCATION 's3://{bucket}/lake/{name}/'\nTBLPROPERTIES ('table_type' = 'DELTA');\n"
            );
        } else {
            let _ = write!(ddl, "\n-- {name}: no rows yet\n");
        }
    }
    for View { name, about, reads, sql } in VIEWS {
        if reads.iter().all(|table| exists(table)) {
            let sql = sql.replace("{db}", &format!("\"{database}\"."));
            let _ = write!(
                ddl,
                "\n-- {about}\nCREATE OR REPLACE VIEW \"{database}\".\"{name}\" AS\n{sql};\n"
            );
        } else {
            let _ = write!(ddl, "\n-- view {name}: waits for rows in {}\n", reads.join(" and "));
        }
    }
    ddl
}
