//! `tributary customer`: one whole person on one page.

use comfy_table::{Cell, CellAlignment, Table};
use serde_json::json;
use shared::clock;
use shared::customers::{
    Answer, Customer, Customers, CustomersError, Entry, Lookup, Timeline, Totals, written,
};
use shared::identity::{Agreement, Gathered, Strength, Survivor};
use shared::schema::{
    ContactPoint, Deal, Interaction, InteractionKind, Known, Order, RecordKey, Ticket, Timestamp,
};

use crate::arguments::{self, Global};
use crate::display::{count, grouped, instant, say, say_json, short, table};
use crate::failure::{Exit, Failure};
use crate::log::tell;
use crate::session::Session;

pub(crate) async fn run(global: &Global, asked: &arguments::Customer) -> Result<Exit, Failure> {
    let lookup = Lookup::of(&asked.identifier, asked.region.as_deref()).map_err(|invalid| {
        Failure::misuse(
            format!("the identifier as {invalid}"),
            "write an email address, a phone number (--region GB without +44), network:handle, \
             source/connection/object/id or a person's id",
        )
    })?;
    let session = Session::open(global).await?;
    let shown = match session.customers() {
        Ok(customers) => show(global, asked, &customers, &lookup).await,
        Err(failure) => Err(failure),
    };
    session.close().await;
    shown
}

async fn show(
    global: &Global,
    asked: &arguments::Customer,
    customers: &Customers,
    lookup: &Lookup,
) -> Result<Exit, Failure> {
    let found = customers.find(lookup).await?;
    let [person] = found.people.as_slice() else {
        return several(global, &found);
    };
    let customer = customers.customer(person.person_id, clock::now()).await.map_err(failed)?;
    let timeline = match asked.timeline {
        0 => None,
        limit => Some(customers.timeline(person.person_id, None, limit).await.map_err(failed)?),
    };
    if global.json {
        say_json(&json!({
            "people": found.people, "shared": found.shared, "customer": customer, "timeline": timeline
        }))?;
        return Ok(Exit::Success);
    }
    print(&customer, timeline.as_ref());
    Ok(Exit::Success)
}

fn failed(error: CustomersError) -> Failure {
    match error {
        CustomersError::Failed(error) => error.into(),
        error => Failure::failed(error.to_string(), "look them up by another identifier"),
    }
}

/// Nobody, or more people than one: a short list.
fn several(global: &Global, found: &Answer) -> Result<Exit, Failure> {
    if global.json {
        say_json(&json!({ "people": found.people, "shared": found.shared }))?;
    } else if !found.people.is_empty() {
        let mut list = table(["person", "name", "confidence", "records"]);
        for person in &found.people {
            list.add_row([
                Cell::new(person.person_id),
                Cell::new(person.name.as_deref().unwrap_or("–")),
                count(person.confidence.into()),
                Cell::new(keys(&person.record_keys)),
            ]);
        }
        say(list.to_string());
    }
    if found.people.is_empty() {
        tell("nobody is known by this; `tributary sync` reads what is new");
        return Ok(Exit::Failed);
    }
    let who = if found.shared {
        "many people share this; these are the first"
    } else {
        "these people share this"
    };
    tell(&format!("{who}: `tributary customer PERSON` shows one of them"));
    Ok(Exit::Success)
}

fn print(customer: &Customer, timeline: Option<&Timeline>) {
    let profile = &customer.profile;
    let name = profile.name.value().and_then(written).unwrap_or_else(|| "(no name)".to_owned());
    say(format!("{name}  ·  {}", customer.person_id));
    say(format!("{}, from {} records", sure(customer), customer.records.len()));
    let mut fields = table(["field", "value", "from", "other sources say"]);
    field(&mut fields, "name", &profile.name, |name| written(name).unwrap_or_default());
    field(&mut fields, "birth date", &profile.birth_date, ToString::to_string);
    field(&mut fields, "language", &profile.language, ToString::to_string);
    field(&mut fields, "time zone", &profile.time_zone, Clone::clone);
    field(&mut fields, "company", &profile.account_key, ToString::to_string);
    section("Profile", &fields);
    let mut points = table(["kind", "contact point", "known to"]);
    for Gathered { value, records } in &profile.contact_points {
        let kind = value.r#type.as_str();
        points.add_row([kind.to_owned(), contact(value), keys(records)]);
    }
    section("Contact points", &points);
    let mut consents = table(["channel", "purpose", "state", "contact point", "since", "from"]);
    for consent in &customer.consents {
        let conflict = if consent.conflict { "  (sources disagree)" } else { "" };
        consents.add_row([
            consent.channel.to_string(),
            consent.purpose.to_string(),
            format!("{}{conflict}", consent.state),
            consent.contact_point.clone().unwrap_or_else(|| "all".to_owned()),
            instant(consent.effective_at),
            consent.record_key.to_string(),
        ]);
    }
    section("Consents", &consents);
    section("Open tickets", &tickets(&customer.open_tickets));
    section("Recent orders", &orders(&customer.recent_orders));
    section("Deals", &deals(&customer.deals));
    section("Totals", &totals(&customer.totals));
    if let Some(timeline) = timeline {
        let mut events = table(["when", "what", "from"]);
        for entry in &timeline.entries {
            events.add_row([
                instant(entry.content.occurred_at),
                what(&entry.content),
                source(entry),
            ]);
        }
        section("Last interactions", &events);
    }
    let mut records = table(["record", "changed"]);
    for record in &customer.records {
        records.add_row([record.record_key.to_string(), day(record.updated_at)]);
    }
    section("Records", &records);
    let mut candidates = table(["this record", "and that one", "of", "share", "are not joined"]);
    for it in &customer.candidates {
        candidates.add_row([
            it.record_key.to_string(),
            it.other_key.to_string(),
            it.person_id.map_or_else(|| "–".to_owned(), |person| person.to_string()),
            it.via.map_or_else(|| "–".to_owned(), |via| via.to_string()),
            reason(it.reason).to_owned(),
        ]);
    }
    section("Possibly the same person", &candidates);
    if !customer.household.is_empty() {
        let people: Vec<String> = customer.household.iter().map(ToString::to_string).collect();
        say(format!("\nSame household: {}", people.join(", ")));
    }
    if customer.incomplete {
        tell("some rows are too many or too large for a lookup; `tributary query` has them all");
    }
}

/// A heading and its table, if there is anything in it.
fn section(heading: &str, table: &Table) {
    if table.row_count() > 0 {
        say(format!("\n{heading}\n{table}"));
    }
}

fn sure(customer: &Customer) -> String {
    let Some(Strength { tier, agreement }) = customer.confidence.weakest else {
        return "confidence 100 (a single record)".to_owned();
    };
    let by = match tier {
        0 => "a steward's ruling",
        1 => "an id that one system has of another",
        2 => "an exact identifier",
        3 => "a weak identifier",
        _ => "they look alike",
    };
    let names = match agreement {
        Agreement::Agree => "names agree",
        Agreement::Similar => "one name is a part of the other",
        Agreement::Unknown => "names unknown",
        Agreement::Disagree => "names disagree",
    };
    format!("confidence {} (the weakest link: {by}, {names})", customer.confidence.score)
}

/// The value that holds and where it comes from; beside it, who says otherwise.
fn field<T: PartialEq>(
    table: &mut Table,
    name: &str,
    survivor: &Survivor<T>,
    text: impl Fn(&T) -> String,
) {
    let Some((holds, others)) = survivor.claims.split_first() else { return };
    let differ = others.iter().filter(|claim| claim.value != holds.value);
    let differ: Vec<String> = differ
        .map(|claim| format!("{} ({})", text(&claim.value), connection(&claim.record_key)))
        .collect();
    table.add_row([
        name.to_owned(),
        text(&holds.value),
        holds.record_key.to_string(),
        differ.join(", "),
    ]);
}

fn contact(point: &ContactPoint) -> String {
    if let Some(normalised) = &point.normalised {
        return normalised.clone();
    }
    let known = |part: &Known<String>| part.value().cloned();
    let parts = point.lines.iter().cloned().map(Some);
    let parts = parts.chain([&point.postal_code, &point.locality, &point.region].map(known));
    let parts: Vec<String> = parts.flatten().filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { known(&point.exact).unwrap_or_default() } else { parts.join(", ") }
}

fn tickets(entries: &[Entry<Ticket>]) -> Table {
    let mut table = table(["opened", "status", "priority", "subject", "ticket"]);
    for Entry { content, record_key, .. } in entries {
        let priority = content.priority.value().map(ToString::to_string).unwrap_or_default();
        let subject = content.subject.value().map(|text| short(text, 50)).unwrap_or_default();
        let status = content.status.to_string();
        table.add_row([day(content.opened_at), status, priority, subject, record_key.to_string()]);
    }
    table
}

fn orders(entries: &[Entry<Order>]) -> Table {
    let mut table = table(["placed", "status", "channel", "total", "order"]);
    for Entry { content, record_key, .. } in entries {
        let total = content.total_minor.map(|minor| {
            let currency = content.currency.map(|it| it.to_string()).unwrap_or_default();
            money(minor, content.minor_exponent.unwrap_or(2), &currency)
        });
        table.add_row([
            Cell::new(day(content.placed_at)),
            Cell::new(content.status),
            Cell::new(content.channel),
            Cell::new(total.unwrap_or_default()).set_alignment(CellAlignment::Right),
            Cell::new(record_key),
        ]);
    }
    table
}

fn deals(entries: &[Entry<Deal>]) -> Table {
    let mut table = table(["deal", "stage", "amount", "close date", "record"]);
    for Entry { content, record_key, .. } in entries {
        let amount = content.amount_minor.map(|minor| {
            let currency = content.currency.map(|it| it.to_string()).unwrap_or_default();
            money(minor, content.minor_exponent.unwrap_or(2), &currency)
        });
        table.add_row([
            content.name.value().map(|name| short(name, 40)).unwrap_or_default(),
            content.stage_category.to_string(),
            amount.unwrap_or_default(),
            content.close_date.value().map(ToString::to_string).unwrap_or_default(),
            record_key.to_string(),
        ]);
    }
    table
}

fn totals(totals: &Totals) -> Table {
    let mut list = table(["", if totals.at_least { "at least" } else { "" }]);
    let spent: Vec<String> = totals
        .spent
        .iter()
        .map(|it| money(it.amount_minor, it.minor_exponent, &it.currency.to_string()))
        .collect();
    let year = &totals.year;
    for (name, number) in [
        ("orders", totals.orders),
        ("open tickets", totals.open_tickets),
        ("12 months: tickets opened", year.tickets_opened),
        ("12 months: emails sent", year.emails_sent),
        ("12 months: emails opened by a person", year.emails_opened),
        ("12 months: emails clicked", year.emails_clicked),
    ] {
        list.add_row([Cell::new(name), count(number as u64)]);
    }
    list.add_row([Cell::new("spent"), Cell::new(spent.join(", "))]);
    list
}

fn what(interaction: &Interaction) -> String {
    let by_machine = matches!(
        &interaction.kind,
        InteractionKind::EmailOpened(told) if told.machine == shared::schema::Answer::Yes
    );
    let name = interaction.kind.name();
    if by_machine { format!("{name} (by a machine)") } else { name.to_owned() }
}

fn source<T>(entry: &Entry<T>) -> String {
    connection(&entry.record_key)
}

fn connection(key: &RecordKey) -> String {
    key.connection().into_owned()
}

fn keys(records: &[RecordKey]) -> String {
    let records: Vec<&str> = records.iter().map(RecordKey::as_str).collect();
    records.join("\n")
}

fn reason(reason: shared::identity::Reason) -> &'static str {
    use shared::identity::Reason;
    match reason {
        Reason::NeverLink => "a steward said so",
        Reason::Exclusive => "two ids of one system",
        Reason::NamesDisagree => "names disagree",
        Reason::NamesUnknown => "no names to compare",
        Reason::TooManyEmails => "too many email addresses",
        Reason::TooManyPhones => "too many phone numbers",
    }
}

fn day(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "–".to_owned(), |at| at.to_string()[..10].to_owned())
}

/// `123456` cents as `1 234.56 EUR`.
fn money(minor: i64, exponent: u8, currency: &str) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let unit = 10_u64.pow(exponent.min(6).into());
    let (whole, rest) = (minor.unsigned_abs() / unit, minor.unsigned_abs() % unit);
    let fraction = if unit == 1 {
        String::new()
    } else {
        format!(".{rest:0width$}", width = usize::from(exponent.min(6)))
    };
    format!("{sign}{}{fraction} {currency}", grouped(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_reads_well() {
        assert_eq!(money(123_456, 2, "EUR"), "1 234.56 EUR");
        assert_eq!(money(-5, 2, "EUR"), "-0.05 EUR");
        assert_eq!(money(1_500, 0, "JPY"), "1 500 JPY");
        assert_eq!(money(1_234, 3, "KWD"), "1.234 KWD");
    }
}
