//! Planted canaries: no name, address, number, subject or secret leaves through logs, errors, keys or state.

use std::io::Write;
use std::sync::{Arc, Mutex};

use e2e::stand::Stand;
use shared::ledger::Run;
use simulator::DeliveryPlan;
use simulator::Fault;
use simulator::zendesk::{BadRecord, NewTicket};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

/// What we write ourselves, to the last detail.
const OURS: &str = "off,shared=trace,customers=trace,helpdesk=trace,tributary=trace,e2e=off";
/// What `tributary -vvv` shows, libraries included; the simulator is the vendor's side.
const MOST_VERBOSE: &str = "debug,simulator=off";

#[derive(Clone, Default)]
pub(super) struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("no test panicked in it")).into_owned()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no test panicked in it").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Buffer {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Logs to two buffers: ours in full, and everybody's at `debug`.
pub(super) fn listen() -> (Buffer, Buffer) {
    let (ours, all) = (Buffer::default(), Buffer::default());
    let subscriber =
        tracing_subscriber::registry().with(writing(&ours, OURS)).with(writing(&all, MOST_VERBOSE));
    // Under nextest, each test is a process of its own.
    tracing::subscriber::set_global_default(subscriber).expect("nobody else listens");
    (ours, all)
}

fn writing<S>(buffer: &Buffer, filter: &str) -> impl Layer<S>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(buffer.clone());
    layer.with_filter(EnvFilter::new(filter))
}

/// Everything that must stay where it is: people's data of this stand, and every secret of it.
fn canaries(stand: &Stand) -> Vec<String> {
    let desk = stand.simulator.zendesk();
    let truth = desk.truth();
    let mut canaries: Vec<String> = Vec::new();
    for user in truth.users.values() {
        canaries.push(user.name.clone());
        canaries.extend(user.email.clone());
        canaries.extend(user.phone.clone());
    }
    canaries.extend(truth.tickets.values().map(|ticket| ticket.subject.clone()));
    let oauth = desk.oauth();
    let secrets = [desk.api_token(), desk.webhook_secret(), desk.old_webhook_secret()];
    canaries.extend(secrets.map(str::to_owned));
    canaries.extend([oauth.access_token, oauth.refresh_token, oauth.client_secret]);
    // `Authorization: Basic` hides the token from nobody.
    let basic = format!("{}/token:{}", desk.email(), desk.api_token());
    canaries.push(base64::Engine::encode(&base64::engine::general_purpose::STANDARD, basic));
    // The company's own address is in the settings and in nobody's way.
    canaries.retain(|canary| canary.len() >= 6 && canary != desk.email());
    canaries
}

pub(super) fn assert_silent(canaries: &[String], place: &str, text: &str) {
    for canary in canaries {
        let Some(at) = text.find(canary.as_str()) else { continue };
        let from = text[..at].rfind('\n').map_or(0, |line| line + 1);
        let line: String = text[from..].chars().take(600).collect();
        panic!("{place} tell {canary:?}: {line}");
    }
}

/// Everything goes wrong that can: in the source, in its records, in the stores, at the door.
async fn a_bad_day(stand: &Stand) -> Vec<Run> {
    let desk = stand.simulator.zendesk();
    let phone = Some("+447700900123");
    let user = desk.create_user("Canary Featherstone", Some("canary@feather.example"), phone);
    desk.create_ticket(NewTicket {
        requester_id: user,
        subject: "Canary escaped through the chimney".to_owned(),
        description: "It sings in the canarydescription tree.".to_owned(),
        channel: "email",
        priority: None,
    });
    for kind in BadRecord::ALL {
        desk.add_bad_record(kind);
    }
    let url = stand.serve().await;
    let forged = DeliveryPlan { secret: Some("guess".to_owned()), ..DeliveryPlan::default() };
    desk.send_webhooks(&url, &forged).await;
    desk.faults().inject_on("show_many", Fault::Status(500), 1);
    desk.rename_user(user, "Canary Featherstone-Smythe");
    desk.fire_trigger(*desk.truth().tickets.keys().next().expect("a ticket"));
    desk.send_webhooks(&url, &DeliveryPlan::default()).await;
    stand.settle();
    let mut runs = Vec::new();
    for fault in [
        Fault::Status(418),
        Fault::Forbidden,
        Fault::ErrorEnvelope200,
        Fault::TruncatedPage,
        Fault::RedirectElsewhere,
        Fault::BadRecord,
        Fault::ConnectionReset,
    ] {
        let injected: Vec<_> = ["tickets", "users", "organizations"]
            .map(|path| desk.faults().inject_on(path, fault.clone(), 3))
            .into();
        runs.extend(stand.sync().await);
        assert!(injected.iter().any(|injected| injected.fired() > 0), "{fault:?}");
        desk.faults().clear();
    }
    stand.s3.inject(e2e::fault_proxy::Injection::new(
        e2e::fault_proxy::Operation::s3(http::Method::PUT, ""),
        e2e::fault_proxy::StoreFault::AccessDenied,
    ));
    runs.extend(stand.sync().await);
    let everything = shared::hub::Selection::default();
    stand.hub().retry_quarantine(&everything).await.expect("the bucket answers");
    stand.recover().await;
    runs
}

async fn assert_discreet(stand: &Stand, runs: &[Run], (ours, all): &(Buffer, Buffer)) {
    assert!(ours.text().contains("stream failed"), "nobody listened to the logs");
    let canaries = canaries(stand);
    assert!(canaries.len() > 40);
    let words: Vec<&String> =
        runs.iter().flat_map(|run| run.error.iter().chain(&run.note)).collect();
    assert!(!words.is_empty());
    assert_silent(&canaries, "errors and notes", &format!("{words:?}"));
    assert_silent(&canaries, "our logs", &ours.text());
    assert_silent(&canaries, "the logs", &all.text());
    let landed = stand.landed().await;
    assert!(landed.quarantined.iter().all(|record| !record.reason.is_empty()));
    assert_silent(&canaries, "object keys", &landed.keys.join("\n"));
    assert_silent(&canaries, "state items", &format!("{:?}", landed.state));
    for record in &landed.quarantined {
        assert_silent(&canaries, "reasons", &format!("{} {}", record.field, record.reason));
    }
}

/// Security checklist 11, 12: with an API token.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_day_tells_no_secret_and_nobodys_data() {
    let logs = listen();
    let stand = Stand::small().await;
    let runs = a_bad_day(&stand).await;
    assert_discreet(&stand, &runs, &logs).await;
}

/// Security checklist 11, 12: with OAuth, whose tokens come and go.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_day_with_oauth_tells_no_token() {
    let logs = listen();
    let stand = Stand::with_oauth().await;
    let mut runs = a_bad_day(&stand).await;
    let first = canaries(&stand);
    stand.simulator.zendesk().expire_access_token();
    runs.extend(stand.sync().await);
    std::fs::write(stand.folder.path().join("refresh-token"), "a-canary-refresh-token").unwrap();
    stand.simulator.zendesk().expire_access_token();
    runs.extend(stand.sync().await);
    assert_discreet(&stand, &runs, &logs).await;
    let spent = [first, vec!["a-canary-refresh-token".to_owned()]].concat();
    assert_silent(&spent, "the logs", &logs.1.text());
}
