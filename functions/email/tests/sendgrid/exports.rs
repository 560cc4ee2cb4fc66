//! Contacts: an export that is asked for, waited for and downloaded.

use serde_json::value::RawValue;
use serde_json::{Value, json};
use shared::error::Error;
use shared::page::Next;
use shared::request::Method;
use shared::rows::Origin;
use shared::schema::{Entity, PersonRecord};
use shared::testing::asked::Asked;

use crate::support::{check, connect, horizon, response, stream};

const JOB: &str = "0e3a9a6c-0000-4000-8000-0000000000e0";
const LINK: &str = "https://exports.example/0.csv.gz?X-Amz-Signature=s3cr3t";

fn cursor(value: &Value) -> Box<RawValue> {
    RawValue::from_string(value.to_string()).expect("JSON")
}

fn wait(file: usize) -> Box<RawValue> {
    cursor(&json!({"step": "wait", "job": JOB, "file": file}))
}

fn fetch(file: usize, files: usize) -> Box<RawValue> {
    cursor(&json!({"step": "fetch", "job": JOB, "file": file, "files": files, "link": LINK}))
}

fn export(status: &str, urls: &[&str]) -> Value {
    json!({"id": JOB, "status": status, "urls": urls, "contact_count": 3,
        "created_at": "2026-03-01T10:00:00Z", "expires_at": "2026-03-04T10:00:00Z"})
}

fn step(asked: &Asked, at: &RawValue, answer: &Value) -> Next<Value> {
    let next = asked.page(at, answer).expect("a step");
    next.map(|cursor| serde_json::from_str(cursor.get()).expect("JSON"))
}

fn read(file: &str) -> Result<Vec<String>, Error> {
    let contacts = stream("contacts");
    let response = response(file.to_owned());
    let page = contacts.stream().page(&fetch(0, 1), &horizon(), &response)?;
    Ok(page.records.iter().map(|record| record.get().to_owned()).collect())
}

#[test]
fn columns() {
    let file = include_str!("../fixtures/sendgrid/contacts/columns.csv");
    check("contacts__columns", &stream("contacts").seen_at(&fetch(0, 1), file));
}

#[test]
fn lines() {
    let file = include_str!("../fixtures/sendgrid/contacts/lines.json");
    check("contacts__lines", &stream("contacts").seen_at(&fetch(0, 1), file));
}

#[test]
fn an_export_is_asked_for_then_waited_for_then_downloaded() {
    let contacts = stream("contacts");
    let ask = contacts.request(&contacts.begin());
    assert_eq!((ask.method, ask.target.as_str()), (Method::Post, "/v3/marketing/contacts/exports"));
    assert_eq!(ask.body, Some(json!({"file_type": "csv", "max_file_size": 4})));

    let asked = step(&contacts, &contacts.begin(), &json!({"id": JOB, "_metadata": {}}));
    let Next::Later(waits, pause) = asked else { panic!("it takes a while") };
    assert_eq!(waits, json!({"step": "wait", "job": JOB, "file": 0}));
    assert_eq!(pause.as_secs(), 10);
    let poll = contacts.request(&wait(0));
    assert_eq!(poll.target, format!("/v3/marketing/contacts/exports/{JOB}"));
    let pending = step(&contacts, &wait(0), &export("pending", &[]));
    assert!(matches!(pending, Next::Later(again, _) if again == waits));

    let ready = export("ready", &[LINK, "https://exports.example/1.csv.gz"]);
    let Next::More(first) = step(&contacts, &wait(0), &ready) else { panic!("a file") };
    assert_eq!(first["link"], LINK);
    let Next::More(second) = step(&contacts, &wait(1), &ready) else { panic!("a file") };
    assert_eq!(second["link"], "https://exports.example/1.csv.gz");
}

/// Whoever sends a key along tells it to the storage, which refuses the request besides.
#[test]
fn a_signed_link_is_asked_without_credentials() {
    let request = stream("contacts").request(&fetch(0, 1));
    assert_eq!(request.target, LINK);
    assert!(!request.with_credentials);
    assert!(stream("contacts").request(&wait(0)).with_credentials);
}

#[test]
fn the_next_file_needs_a_fresh_link_and_the_last_one_ends_the_pass() {
    let contacts = stream("contacts");
    let file = include_str!("../fixtures/sendgrid/contacts/columns.csv");
    let next = |at: &RawValue| {
        let response = response(file);
        contacts.stream().page(at, &horizon(), &response).expect("a file").next
    };
    let Next::More(more) = next(&fetch(0, 2)) else { panic!("there is another file") };
    assert_eq!(more.get(), wait(1).get());
    let Next::Done(done) = next(&fetch(1, 2)) else { panic!("it was the last file") };
    assert_eq!(done.get(), contacts.begin().get());
}

/// Links expire, and the next run may be hours away.
#[test]
fn a_run_that_was_interrupted_asks_for_the_link_again() {
    let contacts = stream("contacts");
    assert_eq!(contacts.resume(&fetch(1, 2)).get(), wait(1).get());
    assert_eq!(contacts.resume(&wait(1)).get(), wait(1).get());
    for status in [403, 404, 410] {
        assert!(contacts.stream().facts().expired_cursor.contains(&status));
    }
}

/// A link opens all contacts to whoever has it, and notes beside raw objects end at 2 KB.
#[test]
fn what_is_noted_of_a_download_has_no_link() {
    let contacts = stream("contacts");
    let noted = contacts.stream().noted(&fetch(0, 1)).expect("a cursor");
    assert!(!noted.get().contains("s3cr3t"));
    let file = response(include_str!("../fixtures/sendgrid/contacts/columns.csv"));
    let page = contacts.stream().page(&noted, &horizon(), &file).expect("mapped again");
    assert_eq!(page.records.len(), 3);
}

#[test]
fn a_host_that_is_not_allowed_is_named() {
    let contacts = stream("contacts");
    for link in ["https://elsewhere.example/0.csv", "http://exports.example/0.csv"] {
        let error = contacts.page(&wait(0), &export("ready", &[link])).expect_err("refused");
        assert!(matches!(error, Error::Config(_)));
        assert!(error.to_string().contains("download_hosts"), "{error}");
    }
    let error = contacts
        .page(&wait(0), &export("ready", &["https://elsewhere.example/0.csv?sig=s3cr3t"]))
        .expect_err("refused");
    assert!(error.to_string().contains("elsewhere.example"));
    assert!(!error.to_string().contains("s3cr3t"));
    let own = "https://api.sendgrid.com/exports/0.csv";
    assert!(contacts.page(&wait(0), &export("ready", &[own])).is_ok());
    let error = contacts.page(&wait(0), &export("ready", &["not a link"])).expect_err("refused");
    assert!(matches!(error, Error::Decode(_)));
}

#[test]
fn a_failed_export_is_asked_for_again_but_not_for_ever() {
    let contacts = stream("contacts");
    let mut at = wait(0);
    for _ in 0..2 {
        let Next::Later(ask, pause) = step(&contacts, &at, &export("failure", &[])) else {
            panic!("again, later")
        };
        assert_eq!((&ask["step"], pause.as_secs()), (&json!("ask"), 60));
        let asked = step(&contacts, &cursor(&ask), &json!({"id": JOB}));
        at = cursor(asked.cursor());
    }
    let error = contacts.page(&at, &export("failure", &[])).expect_err("given up");
    assert!(matches!(error, Error::Unavailable(_)));
    let again = contacts.resume(&at);
    assert!(contacts.page(&again, &export("failure", &[])).is_ok(), "the next run tries again");
}

#[test]
fn contacts_without_a_file_are_not_no_contacts() {
    let contacts = stream("contacts");
    assert!(contacts.page(&wait(0), &export("ready", &[])).is_err());
    let empty = json!({"id": JOB, "status": "ready", "urls": [], "contact_count": 0});
    assert!(matches!(contacts.page(&wait(0), &empty), Ok(Next::Done(_))));
    assert!(contacts.page(&wait(0), &export("exploded", &[])).is_err());
}

/// An id becomes part of a path.
#[test]
fn an_id_that_is_none_is_refused() {
    let contacts = stream("contacts");
    for id in ["", "../../user/profile", "a b", "a?b"] {
        assert!(contacts.page(&contacts.begin(), &json!({"id": id})).is_err(), "{id}");
    }
}

/// sendgrid-csharp #1024: files have `contact_id`; all other answers have `id`.
#[test]
fn a_contact_is_the_same_from_a_file_or_from_the_api() {
    let contact = |id: &str| json!({id: "c1", "email": "jo@mail.example", "updated_at": "2026-01-07T08:15:00Z"});
    let map = |id| stream("contacts").map(&contact(id), Origin::Page).expect("a contact").drafts;
    assert_eq!(map("contact_id"), map("id"));
}

#[test]
fn the_same_contact_is_the_same_in_both_formats() {
    let csv = "\"EMAIL\",\"FIRST_NAME\",\"UPDATED_AT\",\"CONTACT_ID\"\n\
               \"jo@mail.example\",\"Jo\",\"2026-01-07T08:15:00Z\",\"c1\"\n";
    let json = "{\"contact_id\":\"c1\",\"email\":\"jo@mail.example\",\"first_name\":\"Jo\",\
                \"updated_at\":\"2026-01-07T08:15:00Z\"}\n";
    let map = |file: &str| {
        let records = read(file).expect("a file");
        stream("contacts").map_text(&records[0], Origin::Page).expect("a contact").drafts
    };
    assert_eq!(map(csv), map(json));
}

fn person(record: &Value) -> PersonRecord {
    let mapped = stream("contacts").map(record, Origin::Page).expect("a contact");
    match &mapped.drafts[0].entity {
        Entity::PersonRecord(person) => (**person).clone(),
        other => panic!("no person: {other:?}"),
    }
}

#[test]
fn further_addresses_come_as_a_list_or_as_text() {
    for written in [
        json!(["a@mail.example", "b@mail.example"]),
        json!("a@mail.example,b@mail.example"),
        json!("a@mail.example; b@mail.example"),
        json!("[\"a@mail.example\",\"b@mail.example\"]"),
    ] {
        let contact = json!({"contact_id": "c1", "email": "A@mail.example",
            "alternate_emails": written, "updated_at": "2026-01-07T08:15:00Z"});
        let values: Vec<String> =
            person(&contact).identifiers.into_iter().map(|identifier| identifier.value).collect();
        assert_eq!(values, ["c1", "a@mail.example", "b@mail.example"], "{written}");
    }
}

#[test]
fn a_country_in_words_stays_beside() {
    let contact = |country: &str| {
        person(&json!({"contact_id": "c1", "country": country, "city": "Bremen",
            "updated_at": "2026-01-07T08:15:00Z"}))
    };
    assert_eq!(
        contact("de").contact_points[0].country.value().map(ToString::to_string),
        Some("DE".into())
    );
    let written = contact("Deutschland");
    assert!(written.contact_points[0].country.is_absent());
    assert_eq!(written.ext["country"], "\"Deutschland\"");
    assert!(contact("").ext.is_empty());
}

#[test]
fn quotes_commas_and_line_breaks_stand_in_quoted_cells() {
    let csv = "CONTACT_ID,\"Note\"\r\nc1,\"say \"\"hi\"\", \r\n twice\"\r\n\r\nc2,\n";
    let records = read(csv).expect("a file");
    assert_eq!(
        records,
        [
            r#"{"Note":"say \"hi\", \r\n twice","contact_id":"c1"}"#,
            r#"{"Note":"","contact_id":"c2"}"#
        ]
    );
}

/// A file that was cut off must not look like a shorter one: whoever is missing would be buried.
#[test]
fn a_file_that_was_cut_off_is_refused() {
    let csv = "\"CONTACT_ID\",\"EMAIL\"\n\"c1\",\"jo@mail.example\"\n\"c2\",\"t@mail.example\"\n";
    assert_eq!(read(csv).expect("a whole file").len(), 2);
    let last_line = csv.find("\"c2\"").expect("a line");
    for end in last_line + 1..csv.len() - 1 {
        assert!(read(&csv[..end]).is_err(), "cut after {:?}", &csv[..end]);
    }
    let json = "{\"contact_id\":\"c1\"}\n{\"contact_id\":\"c2\"}\n";
    assert_eq!(read(json).expect("a whole file").len(), 2);
    assert!(read(&json[..json.len() - 3]).is_err());
}

#[test]
fn a_web_page_is_no_file() {
    assert!(read("<html><body>Down for maintenance</body></html>").is_err());
    assert!(read("{\"error\":\"x\"").is_err());
    assert_eq!(read("").expect("an empty file"), Vec::<String>::new());
}

/// One odd line must not cost all the others.
#[test]
fn a_line_with_another_number_of_cells_is_quarantined_alone() {
    let records =
        read("CONTACT_ID,EMAIL\nc1,a@mail.example,what\nc2,b@mail.example\n").expect("a file");
    let contacts = stream("contacts");
    assert!(contacts.map_text(&records[0], Origin::Page).is_err());
    assert_eq!(records.len(), 2);
}

#[test]
fn the_format_and_size_of_files_are_settings() {
    let settings = "api_key = { env = \"K\" }\nexport_format = \"json\"\nexport_file_mb = 9\n\
                    export_poll_seconds = 2\n";
    let contacts = Asked::new(&email::sendgrid::SendGrid, settings, "contacts");
    let ask = contacts.request(&contacts.begin());
    assert_eq!(ask.body, Some(json!({"file_type": "json", "max_file_size": 9})));
    let asked = contacts.page(&contacts.begin(), &json!({"id": JOB})).expect("a step");
    assert!(matches!(asked, Next::Later(_, pause) if pause.as_secs() == 2));
    assert!(connect(settings).is_ok());
}
