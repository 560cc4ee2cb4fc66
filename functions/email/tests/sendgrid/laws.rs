//! What holds for every input: nothing panics, cursors come back as they went, no window skips a second.

use std::sync::LazyLock;

use email::sendgrid::SendGrid;
use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use shared::connector::Headers;
use shared::page::Next;
use shared::rows::Origin;
use shared::testing::asked::{Asked, Delivered};

use crate::support::{SETTINGS, START, UNTIL, delivered, horizon, response};

const NAMES: &[&str] = &[
    "id",
    "contact_id",
    "email",
    "alternate_emails",
    "phone_number",
    "country",
    "created",
    "created_at",
    "updated_at",
    "send_at",
    "status",
    "group_id",
    "asm_group_id",
    "event",
    "timestamp",
    "type",
    "reason",
    "sg_event_id",
    "sg_machine_open",
    "url",
    "new_field",
];

const WORDS: &[&str] = &[
    "bounce",
    "blocked",
    "open",
    "group_resubscribe",
    "unsubscribe",
    "triggered",
    "5.1.1",
    "1771761143",
    "2026-03-02T11:40:22Z",
    "jo@mail.example",
    "+49 30 901820",
    "DE",
];

shared::arbitrary_records!(NAMES, WORDS);

static ASKED: LazyLock<Vec<Asked>> = LazyLock::new(|| Asked::all(&SendGrid, SETTINGS));
static DELIVERED: LazyLock<Delivered> = LazyLock::new(delivered);

fn cursor(value: &Value) -> Box<RawValue> {
    RawValue::from_string(value.to_string()).expect("JSON")
}

fn asked(name: &str) -> &'static Asked {
    ASKED.iter().find(|asked| asked.stream().facts().name == name).expect("the stream")
}

proptest! {
    #[test]
    fn page_never_panics_on_arbitrary_bytes(body in prop::collection::vec(any::<u8>(), 0..512)) {
        let fetch = cursor(&json!({"step": "fetch", "job": "j", "file": 0, "files": 1, "link": ""}));
        for asked in ASKED.iter() {
            let _ = asked.is_page(&body);
        }
        let response = response(body);
        let _ = asked("contacts").stream().page(&fetch, &horizon(), &response);
    }

    #[test]
    fn files_of_any_text_never_panic(body in "[\"a,\r\n{}:é]{0,60}") {
        let fetch = cursor(&json!({"step": "fetch", "job": "j", "file": 0, "files": 1, "link": ""}));
        for body in [body.clone(), format!("CONTACT_ID,EMAIL\n{body}")] {
            let response = response(body);
            let _ = asked("contacts").stream().page(&fetch, &horizon(), &response);
        }
    }

    /// What is written by the rules of RFC 4180 comes back as it was.
    #[test]
    fn cells_come_back_as_they_were(cells in prop::collection::vec("[a-z\",\r\n é]{0,8}", 1..6)) {
        let quoted = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
        let lines: Vec<String> =
            cells.iter().enumerate().map(|(n, cell)| format!("c{n},{}\r\n", quoted(cell))).collect();
        let fetch = cursor(&json!({"step": "fetch", "job": "j", "file": 0, "files": 1, "link": ""}));
        let response = response(format!("\"CONTACT_ID\",\"Note\"\r\n{}", lines.concat()));
        let page = asked("contacts").stream().page(&fetch, &horizon(), &response).expect("a file");
        for (record, cell) in page.records.iter().zip(&cells) {
            let record: Value = serde_json::from_str(record.get()).expect("JSON");
            prop_assert_eq!(record["Note"].as_str(), Some(cell.as_str()));
        }
        prop_assert_eq!(page.records.len(), cells.len());
    }

    /// However the pages of windows fall and whenever runs end, the next window opens no later than the last one closed.
    #[test]
    fn windows_skip_no_second(pages in prop::collection::vec((0_usize..4, any::<bool>()), 1..12)) {
        let settings = format!("{SETTINGS}page_size = 3\n");
        let bounces = Asked::new(&SendGrid, &settings, "bounces");
        let mut at = bounces.begin();
        let mut covered = START;
        for (records, interrupted) in pages {
            let number = |name| bounces.asks(&at, name).and_then(|n| n.parse::<i64>().ok()).expect(name);
            prop_assert!(number("start_time") <= covered, "a second was skipped");
            prop_assert!(number("start_time") >= START);
            prop_assert!(number("end_time") <= UNTIL);
            let end = number("end_time");
            let entry = json!({"created": START, "email": "jo@mail.example"});
            let next = bounces.page(&at, &json!(vec![entry; records])).expect("a page");
            at = match next {
                Next::Done(done) => {
                    covered = end;
                    prop_assert!(bounces.watermark(&done) <= Some(horizon().until));
                    bounces.resume(&done)
                }
                Next::More(more) | Next::Later(more, _) => {
                    if interrupted { bounces.resume(&more) } else { more }
                }
            };
        }
    }

    #[test]
    fn map_never_panics_on_arbitrary_objects(record in record()) {
        let text = record.to_string();
        for asked in ASKED.iter() {
            let _ = asked.map_text(&text, Origin::Page);
        }
        DELIVERED.seen(&Headers::new(), format!("[{text}]").as_bytes());
    }

    #[test]
    fn deliveries_never_panic_on_arbitrary_bytes(body in prop::collection::vec(any::<u8>(), 0..512)) {
        DELIVERED.seen(&Headers::new(), &body);
    }
}
