//! Webhook deliveries: who signed them, and what their events become.

use secrecy::SecretString;
use serde_json::{Value, json};
use shared::connector::{DeliveryId, Headers, Webhook};
use shared::receive::Delivery;
use shared::signature::{self, Check};
use shared::testing::delivery;

use crate::support::{SETTINGS, check, connect, delivered, second, stream};

const SIGNATURE: &str = "x-twilio-email-event-webhook-signature";
const TIMESTAMP: &str = "x-twilio-email-event-webhook-timestamp";

fn seen(body: &str) -> Value {
    delivered().seen(&Headers::new(), body.as_bytes())
}

macro_rules! deliveries {
    ($($case:ident),+ $(,)?) => {
        $(#[test]
        fn $case() {
            let body = include_str!(concat!("../fixtures/sendgrid/webhook/", stringify!($case), ".json"));
            check(concat!("webhook__", stringify!($case)), &seen(body));
        })+
    };
}

deliveries! {
    on_its_way, came_back, read_by_people_and_machines, wants_no_more, wants_it_again,
    words_and_types_we_do_not_know,
}

/// The vector of the vendor's own libraries for Go and Python.
mod official {
    pub(super) const KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==";
    pub(super) const TIMESTAMP: &str = "1600112502";
    pub(super) const SIGNATURE: &str = "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=";
    pub(super) const BODY: &str = "[{\"email\":\"hello@world.com\",\"event\":\"dropped\",\"reason\":\"Bounced Address\",\"sg_event_id\":\"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA\",\"sg_message_id\":\"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0\",\"smtp-id\":\"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>\",\"timestamp\":1600112492}]\r\n";
}

fn signed(body: &str, signature: &str, timestamp: &str) -> Delivery {
    let mut delivery = delivery(body.to_owned(), second(1_600_112_502));
    delivery.headers.insert(SIGNATURE.to_owned(), signature.to_owned());
    delivery.headers.insert(TIMESTAMP.to_owned(), timestamp.to_owned());
    delivery
}

fn is_accepted(delivery: &Delivery, key: &str, hours_later: i64) -> bool {
    let secrets = [SecretString::from(key)];
    let now = second(1_600_112_502 + hours_later * 3600);
    let check = Check { secrets: &secrets, tolerance: None, url: None, now };
    let connection = connect(SETTINGS).expect("good settings");
    let webhook: &dyn Webhook = connection.connector.webhook.as_deref().expect("a webhook");
    signature::verify(webhook.facts().signatures, delivery, check).is_ok()
}

#[test]
fn the_official_vector_is_accepted() {
    use official::{BODY, KEY, SIGNATURE, TIMESTAMP};
    assert!(is_accepted(&signed(BODY, SIGNATURE, TIMESTAMP), KEY, 0));
    let rows = &seen(BODY)[0]["mapped"]["rows"];
    assert_eq!(rows[0]["entity"]["type"], "email.suppressed");
}

/// sendgrid-nodejs #1193, #1278, #1321, #1411; sendgrid-csharp #1018, #1131; sendgrid-php #1012; sendgrid-java #654.
#[test]
fn the_line_break_at_the_end_is_signed_too() {
    use official::{BODY, KEY, SIGNATURE, TIMESTAMP};
    for body in [
        BODY.trim_end().to_owned(),
        BODY.replace("\r\n", "\n"),
        serde_json::from_str::<Value>(BODY).expect("JSON").to_string() + "\r\n",
        format!(" {BODY}"),
    ] {
        let reserialised = body == BODY;
        assert_eq!(is_accepted(&signed(&body, SIGNATURE, TIMESTAMP), KEY, 0), reserialised);
    }
}

/// Events cannot be asked for again, and a retry may carry the time of the first try.
#[test]
fn a_retry_of_yesterday_is_accepted_and_one_of_last_week_is_not() {
    use official::{BODY, KEY, SIGNATURE, TIMESTAMP};
    let delivery = signed(BODY, SIGNATURE, TIMESTAMP);
    assert!(is_accepted(&delivery, KEY, 24));
    assert!(!is_accepted(&delivery, KEY, 26));
}

#[test]
fn what_is_malformed_is_refused_without_a_panic() {
    use official::{BODY, KEY, SIGNATURE, TIMESTAMP};
    for signature in ["", "=", "MEUC", "AAAA", "not base64", "MAYCAQACAQA=", "MAYCAQECAQE="] {
        assert!(!is_accepted(&signed(BODY, signature, TIMESTAMP), KEY, 0), "{signature}");
    }
    for key in ["", "AAAA", "not base64", &KEY[..60], &KEY.replace("83T4", "93T4")] {
        assert!(!is_accepted(&signed(BODY, SIGNATURE, TIMESTAMP), key, 0), "{key}");
    }
    for timestamp in ["1600112503", "01600112502", "", "then"] {
        assert!(!is_accepted(&signed(BODY, SIGNATURE, timestamp), KEY, 0), "{timestamp}");
    }
    let unsigned = delivery(BODY.to_owned(), second(1_600_112_502));
    assert!(!is_accepted(&unsigned, KEY, 0));
}

/// A delivery has no id of its own, and keeps no signature.
#[test]
fn deliveries_are_known_by_their_body() {
    let connection = connect(SETTINGS).expect("good settings");
    let facts = connection.connector.webhook.as_deref().expect("a webhook").facts();
    assert!(matches!(facts.delivery_id, DeliveryId::Body));
    assert_eq!(facts.keep_headers, [TIMESTAMP]);
}

/// Two deliveries may hold the same event among others.
#[test]
fn an_event_is_the_same_row_in_every_delivery() {
    let open = r#"{"email":"jo@mail.example","timestamp":1771761120,"event":"open","sg_event_id":"b3Blbi0x"}"#;
    let click = r#"{"email":"jo@mail.example","timestamp":1771761121,"event":"click","sg_event_id":"Y2xpY2s"}"#;
    let [alone, among] = [seen(&format!("[{open}]")), seen(&format!("[{click},\r\n{open}]\r\n"))];
    assert_eq!(alone[0], among[1]);
}

#[test]
fn a_body_that_is_no_list_is_invalid() {
    for body in ["", " ", "null", "{}", "\"x\"", r#"{"event":"open"}"#, "[{]"] {
        assert!(seen(body)["invalid"].is_string(), "{body}");
    }
    assert_eq!(seen("[]"), json!([]));
}

/// Categories are a text or a list, attempts a text or a number: they stay as they came.
#[test]
fn loose_types_stay_as_they_came() {
    let body = include_str!("../fixtures/sendgrid/webhook/on_its_way.json");
    let seen = seen(body);
    let ext = |event: usize| seen[event]["mapped"]["rows"][0]["entity"]["ext"].clone();
    assert_eq!(ext(0)["category"], r#""receipt""#);
    assert_eq!(ext(1)["category"], r#"["receipt","late"]"#);
    assert_eq!(ext(1)["attempt"], r#""5""#);
    assert_eq!(ext(2)["order_number"], r#""EO-37""#);
    assert!(seen.as_array().expect("events").iter().all(|e| e["mapped"]["drifted"] == json!([])));
}

/// A late bounce has no message id.
#[test]
fn a_bounce_without_a_message_id_lands() {
    let body = include_str!("../fixtures/sendgrid/webhook/came_back.json");
    let bounce = &seen(body)[0]["mapped"]["rows"][0]["entity"];
    assert_eq!(bounce.get("message_id"), None);
    assert_eq!(bounce["data"], json!({"bounce": "hard", "smtp_code": "5.1.1"}));
}

/// Apple and Gmail fetch images in advance.
#[test]
fn opens_by_machines_are_flagged() {
    let body = include_str!("../fixtures/sendgrid/webhook/read_by_people_and_machines.json");
    let seen = seen(body);
    let machine =
        |event: usize| seen[event]["mapped"]["rows"][0]["entity"]["data"]["machine"].clone();
    assert_eq!([machine(0), machine(1), machine(2)], ["yes", "no", "unknown"]);
}

fn row<'v>(seen: &'v Value, object: &str) -> &'v Value {
    let rows = seen["mapped"]["rows"].as_array().expect("rows");
    rows.iter().find(|row| row["object"] == object).unwrap_or_else(|| panic!("no {object}"))
}

/// The poll finds in the list what the webhook brought: the same records, of which the page's versions win.
#[test]
fn an_unsubscribe_is_the_same_record_pulled_or_pushed() {
    let event = json!([{"email": "Jo@mail.example", "timestamp": 1_771_761_131,
        "event": "unsubscribe", "sg_event_id": "dW5zdWI"}]);
    let pushed = &seen(&event.to_string())[0];
    let listed = json!([{"email": "jo@mail.example", "created": 1_771_761_131}]);
    let pulled = json!({"mapped": stream("unsubscribes").seen(&listed.to_string())["records"][0]});
    for object in ["unsubscribe", "consent", "recipient"] {
        let [pushed, pulled] = [row(pushed, object), row(&pulled, object)];
        assert_eq!(
            (&pushed["id"], &pushed["entity"]),
            (&pulled["id"], &pulled["entity"]),
            "{object}"
        );
        assert!(pulled["version"].as_i64() >= pushed["version"].as_i64());
    }
}

#[test]
fn leaving_a_group_is_the_same_record_pulled_or_pushed() {
    let event = json!([{"email": "jo@mail.example", "timestamp": 1_771_761_132,
        "event": "group_unsubscribe", "asm_group_id": 10, "sg_event_id": "Z3U"}]);
    let pushed = &seen(&event.to_string())[0];
    let listed = json!([{"email": "jo@mail.example", "created_at": 1_771_761_132, "group_id": 10}]);
    let listed = stream("group_suppressions").seen(&listed.to_string());
    let pulled = json!({"mapped": listed["records"][0]});
    let [pushed, pulled] = [row(pushed, "group_suppression"), row(&pulled, "group_suppression")];
    assert_eq!((&pushed["id"], &pushed["entity"]), (&pulled["id"], &pulled["entity"]));
}

/// Otherwise the next full pass would bury that somebody agreed again.
#[test]
fn coming_back_to_a_group_ends_the_unsubscribe_and_is_told_apart_from_it() {
    let event = |kind: &str, at: i64| {
        let event = json!([{"email": "jo@mail.example", "timestamp": at, "event": kind,
            "asm_group_id": 10, "sg_event_id": format!("id{at}")}]);
        seen(&event.to_string())[0].clone()
    };
    let left = event("group_unsubscribe", 1_771_761_132);
    let back = event("group_resubscribe", 1_771_761_133);
    let [left, ended] = [row(&left, "group_suppression"), row(&back, "group_suppression")];
    assert_eq!(left["id"], ended["id"]);
    assert_eq!(ended["deleted"], true);
    assert!(ended["version"].as_i64() > left["version"].as_i64());
    let agreed = row(&back, "consent");
    assert_eq!(agreed["entity"]["state"], "opt_in");
    let told = row(&back, "event");
    let key = format!("sendgrid/eu/consent/{}", agreed["id"].as_str().expect("an id"));
    assert_eq!(told["entity"]["data"]["consent_key"], key);
}

#[test]
fn events_about_the_account_are_left_out() {
    let body = r#"[{"event":"account_status_change","timestamp":1771761150,"sg_event_id":"YWNj"}]"#;
    assert!(seen(body)[0]["mapped"]["filtered"].is_string());
}
