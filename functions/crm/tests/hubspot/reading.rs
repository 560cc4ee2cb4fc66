//! How streams go from question to question: windows, ids, links, pages.

use serde_json::value::RawValue;
use serde_json::{Value, json};
use shared::error::Error;
use shared::page::Next;
use shared::request::Method;
use shared::schema::Timestamp;
use shared::testing::asked::{Asked, START, UNTIL};

use crate::support::{body, found, on, stream};

fn filter(stream: &Asked, cursor: &RawValue, number: usize) -> (String, String, String) {
    let filter = &body(stream, cursor)["filterGroups"][0]["filters"][number];
    let text = |name: &str| filter[name].as_str().unwrap_or_default().to_owned();
    (text("propertyName"), text("operator"), text("value"))
}

fn own(texts: (&str, &str, &str)) -> (String, String, String) {
    (texts.0.to_owned(), texts.1.to_owned(), texts.2.to_owned())
}

fn done(stream: &Asked, cursor: &RawValue, body: &Value) -> Box<RawValue> {
    match stream.page(cursor, body).unwrap_or_else(|error| panic!("{error}")) {
        Next::Done(cursor) => cursor,
        other => panic!("it should end: {other:?}"),
    }
}

/// Reads everything that one search found, without links.
fn read(stream: &Asked, cursor: &RawValue) -> Next<Box<RawValue>> {
    stream.page(cursor, &json!({ "results": [] })).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_search_asks_for_a_closed_window_by_id_in_milliseconds_as_text() {
    for (name, property) in [("contacts", "lastmodifieddate"), ("deals", "hs_lastmodifieddate")] {
        let stream = stream(name);
        let cursor = stream.begin();
        let request = stream.request(&cursor);
        assert_eq!(request.method, Method::Post);
        assert_eq!(request.target, format!("/crm/v3/objects/{name}/search"));
        // Nobody set a start: never 0, which is answered with 500.
        let from = (START * 1_000).to_string();
        assert_eq!(filter(&stream, &cursor, 0), own((property, "GTE", &from)));
        let until = (UNTIL * 1_000).to_string();
        assert_eq!(filter(&stream, &cursor, 1), own((property, "LT", &until)));
        assert_eq!(filter(&stream, &cursor, 2), own(("hs_object_id", "GTE", "0")));
        let sorts = json!([{ "propertyName": "hs_object_id", "direction": "ASCENDING" }]);
        assert_eq!(body(&stream, &cursor)["sorts"], sorts);
    }
}

/// A search takes 3,000 characters, and lists of properties grow.
#[test]
fn a_search_is_short_whatever_properties_are_wanted() {
    let many: Vec<String> =
        (0..200).map(|number| format!("{:?}", format!("a_long_property_name_{number}"))).collect();
    let settings =
        format!("token = {{ env = \"T\" }}\nproperties = {{ contacts = [{}] }}", many.join(","));
    let stream = Asked::new(&crm::hubspot::HubSpot, &settings, "contacts");
    let cursor = stream.begin();
    assert!(body(&stream, &cursor).to_string().len() < 1_000);
    let cursor = on(&stream, &cursor, &found(&["1"], false));
    assert!(body(&stream, &cursor).to_string().contains("a_long_property_name_199"));
}

/// Airbyte #43317: by date, more than 10,000 rows of one millisecond are lost or come for ever.
#[test]
fn the_ten_thousand_row_wall_is_never_reached() {
    let stream = stream("contacts");
    let mut cursor = stream.begin();
    let until = filter(&stream, &cursor, 1);
    for page in 0..150 {
        assert!(body(&stream, &cursor)["after"].is_null(), "a search goes deep");
        assert_eq!(filter(&stream, &cursor, 1), until, "the window moved while it was read");
        let ids: Vec<String> = (0..100).map(|row| (page * 100 + row + 7).to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        cursor = on(&stream, &cursor, &found(&ids, true));
        let Next::More(next) = read(&stream, &cursor) else { panic!("it goes on") };
        cursor = next;
        let from = (page * 100 + 107).to_string();
        assert_eq!(filter(&stream, &cursor, 2), own(("hs_object_id", "GTE", &from)));
    }
    done(&stream, &cursor, &found(&[], false));
}

/// As text, 9 is greater than 10.
#[test]
fn ids_are_compared_as_numbers() {
    let stream = stream("contacts");
    let cursor = stream.begin();
    let cursor = on(&stream, &cursor, &found(&["9", "10", "18446744073709551614"], true));
    let Next::More(cursor) = read(&stream, &cursor) else { panic!("it goes on") };
    assert_eq!(filter(&stream, &cursor, 2).2, "18446744073709551615");
}

#[test]
fn a_search_that_does_not_go_by_id_is_refused() {
    let stream = stream("contacts");
    let cursor = stream.begin();
    let error = stream.page(&cursor, &found(&["10", "9"], false)).expect_err("out of order");
    assert!(matches!(error, Error::Stuck(_)), "{error}");
    let error = stream.page(&cursor, &found(&["x9"], false)).expect_err("no number");
    assert!(matches!(error, Error::Decode(_)), "{error}");
    let error = stream.page(&cursor, &found(&[], true)).expect_err("an empty page that goes on");
    assert!(matches!(error, Error::Decode(_)), "{error}");
}

/// Search lags behind writes (airbyte #34446, #40591; supaglue #665).
#[test]
fn every_run_reads_the_last_hour_again() {
    let stream = stream("deals");
    let cursor = done(&stream, &stream.begin(), &found(&[], false));
    assert_eq!(stream.watermark(&cursor).map(Timestamp::as_micros), Some(UNTIL * 1_000_000));
    let again = stream.resume(&cursor);
    assert_eq!(filter(&stream, &again, 0).2, ((UNTIL - 3_600) * 1_000).to_string());
    assert_eq!(filter(&stream, &again, 1).2, (UNTIL * 1_000).to_string());
    // An unfinished window is taken up where it was, however often.
    let halfway = on(&stream, &again, &found(&["5"], true));
    assert_eq!(stream.resume(&stream.resume(&halfway)).get(), halfway.get());
}

#[test]
fn an_object_is_read_by_id_after_its_links() {
    let stream = stream("deals");
    let cursor = on(&stream, &stream.begin(), &found(&["7", "12"], false));
    let inputs = json!([{ "id": "7" }, { "id": "12" }]);
    for to in ["contacts", "companies"] {
        let request = stream.request(&cursor);
        if to == "contacts" {
            assert_eq!(request.target, "/crm/v4/associations/deals/contacts/batch/read");
            assert_eq!(request.body, Some(json!({ "inputs": inputs })));
        }
    }
    let none = json!({ "results": [] });
    let cursor = on(&stream, &cursor, &none);
    assert_eq!(stream.request(&cursor).target, "/crm/v4/associations/deals/companies/batch/read");
    let cursor = on(&stream, &cursor, &none);
    let request = stream.request(&cursor);
    assert_eq!(request.target, "/crm/v3/objects/deals/batch/read");
    let asked = request.body.expect("a body");
    assert_eq!(asked["inputs"], inputs);
    assert!(
        asked["properties"]
            .as_array()
            .is_some_and(|names| names.contains(&json!("hs_is_closed_won")))
    );
    done(&stream, &cursor, &none);
}

fn links(from: &str, to: &Value, after: Option<&str>) -> Value {
    let mut result = json!({ "from": { "id": from }, "to": to });
    if let Some(after) = after {
        result["paging"] = json!({ "next": { "after": after } });
    }
    json!({ "results": [result] })
}

/// The older file has integers, the newer one text; both are the same id, and the order is ours.
#[test]
fn links_are_read_to_their_end_and_ordered() {
    let stream = stream("tickets");
    let cursor = on(&stream, &stream.begin(), &found(&["7"], false));
    let first = links("7", &json!([{ "toObjectId": "1000" }, { "toObjectId": 22 }]), Some("2"));
    let cursor = on(&stream, &cursor, &first);
    assert_eq!(body(&stream, &cursor), json!({ "inputs": [{ "id": "7", "after": "2" }] }));
    assert!(stream.page(&cursor, &first).is_err(), "the same part for ever");
    let primary = json!([{ "label": "Primary" }]);
    let second = json!([{ "toObjectId": 999, "associationTypes": primary }, { "toObjectId": 22 }]);
    let cursor = on(&stream, &cursor, &links("7", &second, None));
    assert_eq!(stream.request(&cursor).target, "/crm/v3/pipelines/tickets");
    let cursor = on(&stream, &cursor, &json!({ "results": [] }));
    let ticket = json!({ "results": [{ "id": "7", "properties": {},
        "updatedAt": "2026-02-01T10:00:00Z" }] });
    let response = shared::testing::asked::response(ticket.to_string());
    let page = stream.stream().page(&cursor, &shared::testing::asked::horizon(), &response);
    let record: Value =
        serde_json::from_str(page.expect("a page").records[0].get()).expect("a record is JSON");
    assert_eq!(record["links"], json!({ "contacts": ["999", "22", "1000"] }));
    assert_eq!(record["updatedAt"], "2026-02-01T10:00:00Z");
}

/// Status 207: no link is an error among others, and so is one that we must not take for no link.
#[test]
fn a_link_that_could_not_be_read_is_not_taken_for_none() {
    let stream = stream("tickets");
    let cursor = on(&stream, &stream.begin(), &found(&["7"], false));
    let with = |error: Value| json!({ "results": [], "errors": [error] });
    for none in [
        json!({}),
        json!({ "category": "OBJECT_NOT_FOUND" }),
        json!({ "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND" }),
    ] {
        on(&stream, &cursor, &with(none));
    }
    let failed = with(json!({ "category": "INTERNAL_ERROR" }));
    assert!(matches!(stream.page(&cursor, &failed), Err(Error::Decode(_))));
    let odd = links("7", &json!([{ "toObjectId": {} }]), None);
    assert!(matches!(stream.page(&cursor, &odd), Err(Error::Decode(_))));
}

#[test]
fn a_pass_goes_from_page_to_page_and_begins_anew() {
    let stream = stream("all_deals");
    let cursor = stream.begin();
    let request = stream.request(&cursor);
    assert_eq!(request.target, "/crm/v3/objects/deals");
    assert_eq!(stream.asks(&cursor, "archived").as_deref(), Some("false"));
    assert_eq!(stream.asks(&cursor, "after"), None);
    let none = json!({ "results": [] });
    let mut cursor = on(&stream, &cursor, &found(&["7"], true));
    for _ in 0..2 {
        cursor = on(&stream, &cursor, &none);
    }
    assert!(stream.request(&cursor).target.ends_with("/deals/batch/read"));
    let cursor = on(&stream, &cursor, &none);
    assert_eq!(stream.asks(&cursor, "after").as_deref(), Some("100"));
    assert!(matches!(stream.page(&cursor, &found(&["8"], true)), Err(Error::Stuck(_))));
    let end = done(&stream, &cursor, &none);
    assert_eq!(stream.resume(&end).get(), stream.begin().get());
}

/// A page whose objects are all filtered out goes on all the same.
#[test]
fn an_empty_page_that_goes_on_does_not_end_a_pass() {
    let stream = stream("all_contacts");
    let cursor = on(&stream, &stream.begin(), &found(&[], true));
    assert_eq!(stream.asks(&cursor, "after").as_deref(), Some("100"));
}

#[test]
fn the_bin_is_a_list_of_its_own() {
    let stream = stream("archived_contacts");
    let cursor = stream.begin();
    assert_eq!(stream.request(&cursor).target, "/crm/v3/objects/contacts");
    assert_eq!(stream.asks(&cursor, "archived").as_deref(), Some("true"));
    let next =
        on(&stream, &cursor, &json!({ "results": [], "paging": { "next": { "after": "9" } } }));
    assert_eq!(stream.asks(&next, "after").as_deref(), Some("9"));
}

/// What stages mean is asked once in a window, not with every page.
#[test]
fn the_pipelines_are_asked_for_once_a_window_and_once_a_pass() {
    for name in ["tickets", "all_tickets"] {
        let stream = stream(name);
        let pipelines = json!({ "results": [{ "id": "0", "stages":
            [{ "id": "88124", "metadata": { "ticketState": "CLOSED" } }] }] });
        let none = json!({ "results": [] });
        let mut cursor = on(&stream, &stream.begin(), &found(&["7"], true));
        for answer in [&none, &pipelines, &none] {
            cursor = on(&stream, &cursor, answer);
        }
        let mut next = found(&["8"], false);
        next["paging"] = json!({ "next": { "after": "200" } });
        let cursor = on(&stream, &cursor, &next);
        let cursor = on(&stream, &cursor, &none);
        assert!(stream.request(&cursor).target.ends_with("/tickets/batch/read"), "{name}");
        assert!(cursor.get().contains("88124"), "{name}");
    }
}

/// S3 keeps 2 KB of notes with an object; base64 makes four characters of three.
#[test]
fn the_note_of_a_full_page_fits_beside_it_and_takes_the_page_apart_again() {
    for name in ["contacts", "deals", "all_deals", "all_tickets", "emails", "all_notes"] {
        let stream = stream(name);
        let mut cursor = stream.begin();
        let limit =
            stream.asks(&cursor, "limit").or(Some(body(&stream, &cursor)["limit"].to_string()));
        let count: u64 = limit.and_then(|limit| limit.parse().ok()).expect("a limit");
        let ids: Vec<String> = (0..count).map(|row| (200_000_000_000 + row).to_string()).collect();
        let found = found(&ids.iter().map(String::as_str).collect::<Vec<_>>(), true);
        let link =
            |id: &String| json!({ "from": { "id": id }, "to": [{ "toObjectId": "123456789012" }] });
        let links = json!({ "results": ids.iter().map(link).collect::<Vec<_>>() });
        let stage = |id: u64| {
            json!({ "id": (1_000_000_000 + id).to_string(),
            "metadata": { "isClosed": id.is_multiple_of(5).to_string() } })
        };
        let pipelines =
            json!({ "results": [{ "stages": (0..20).map(stage).collect::<Vec<_>>() }] });
        let object = |id: &String| json!({ "id": id, "properties": {} });
        let objects = json!({ "results": ids.iter().map(object).collect::<Vec<_>>() }).to_string();
        let mut answer = found;
        loop {
            let note = stream.stream().noted(&cursor).expect("a note");
            assert!(note.get().len() <= 1_420, "{name}: {} characters", note.get().len());
            let target = stream.request(&cursor).target;
            if target.ends_with("batch/read") && target.contains("/objects/") {
                let response = shared::testing::asked::response(objects);
                let records = |cursor: &RawValue| -> Vec<String> {
                    let page =
                        stream.stream().page(cursor, &shared::testing::asked::horizon(), &response);
                    let records = page.expect("a page").records;
                    records.iter().map(|record| record.get().to_owned()).collect()
                };
                assert_eq!(records(&note), records(&cursor), "{name}");
                break;
            }
            cursor = on(&stream, &cursor, &answer);
            let target = stream.request(&cursor).target;
            answer = if target.contains("/pipelines/") { pipelines.clone() } else { links.clone() };
        }
    }
}

/// What is noted of it would be too long: a replay passes it over, and takes no links away.
#[test]
fn the_note_of_objects_with_very_many_links_gives_no_records() {
    let stream = stream("deals");
    let cursor = on(&stream, &stream.begin(), &found(&["7"], false));
    let to: Vec<Value> =
        (0..300).map(|id| json!({ "toObjectId": 123_456_789_000_u64 + id })).collect();
    let cursor = on(&stream, &cursor, &links("7", &json!(to), None));
    let cursor = on(&stream, &cursor, &json!({ "results": [] }));
    let note = stream.stream().noted(&cursor).expect("a note");
    assert!(note.get().len() < 100, "{}", note.get());
    let objects = json!({ "results": [{ "id": "7", "properties": {} }] });
    assert!(stream.page(&note, &objects).is_err());
}

/// A read of several objects tells no links; more than fifty may not be asked for what they were.
#[test]
fn one_deal_is_looked_up_with_its_links_and_several_without() {
    let stream = stream("deals");
    let alone = stream.stream().lookup(&["7".to_owned()]).expect("a lookup");
    assert_eq!((alone.method, alone.target.as_str()), (Method::Get, "/crm/v3/objects/deals/7"));
    let asked = |name: &str| {
        alone.query.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
    };
    assert_eq!(asked("associations"), Some("contacts,companies"));
    assert_eq!(asked("propertiesWithHistory"), Some("dealstage"));
    let body = r#"{"id":"7","properties":{}}"#;
    let response = shared::testing::asked::response(body);
    assert_eq!(stream.stream().looked_up(&response).expect("one")[0].get(), body);
    // An id is no path.
    for ids in [&["7", "8"][..], &["../contacts"]] {
        let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        let request = stream.stream().lookup(&ids).expect("a lookup");
        assert_eq!(request.target, "/crm/v3/objects/deals/batch/read");
        assert!(request.body.expect("a body")["propertiesWithHistory"].is_null());
    }
    // A pass that misses a deal asks for it by id: "not found" must not be an error there.
    let missed = Asked::new(&crm::hubspot::HubSpot, crate::support::WITH_TOKEN, "all_deals");
    let request = missed.stream().lookup(&["7".to_owned()]).expect("a lookup");
    assert!(request.target.ends_with("/batch/read"));
}

/// Deals of colleagues who left still name them.
#[test]
fn owners_are_read_to_their_end_and_then_those_who_left() {
    let stream = stream("owners");
    let more = json!({ "results": [], "paging": { "next": { "after": "9" } } });
    let last = json!({ "results": [] });
    let asks = |cursor: &RawValue| {
        (stream.asks(cursor, "archived").unwrap_or_default(), stream.asks(cursor, "after"))
    };
    let cursor = stream.begin();
    assert_eq!(asks(&cursor), ("false".to_owned(), None));
    let cursor = on(&stream, &cursor, &more);
    assert_eq!(asks(&cursor), ("false".to_owned(), Some("9".to_owned())));
    assert!(matches!(stream.page(&cursor, &more), Err(Error::Stuck(_))));
    let cursor = on(&stream, &cursor, &last);
    assert_eq!(asks(&cursor), ("true".to_owned(), None));
    assert_eq!(done(&stream, &cursor, &last).get(), stream.begin().get());
}

#[test]
fn pipelines_are_those_of_deals_and_then_those_of_tickets() {
    let stream = stream("pipelines");
    let cursor = stream.begin();
    assert_eq!(stream.request(&cursor).target, "/crm/v3/pipelines/deals");
    let cursor = on(&stream, &cursor, &json!({ "results": [] }));
    assert_eq!(stream.request(&cursor).target, "/crm/v3/pipelines/tickets");
    done(&stream, &cursor, &json!({ "results": [] }));
}

#[test]
fn no_question_asks_for_more_than_the_source_gives() {
    for name in ["contacts", "all_contacts", "archived_contacts"] {
        let stream = stream(name);
        let cursor = stream.begin();
        let limit =
            stream.asks(&cursor, "limit").or(Some(body(&stream, &cursor)["limit"].to_string()));
        assert_eq!(limit.as_deref(), Some("100"), "{name}");
    }
}
