//! The door as its own process: signed deliveries in, a queue behind it, 2xx out.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::serve::ListenerExt;
use e2e::fake_aws::FakeAws;
use shared::config::{Foreign, Settings};
use shared::lambda::Queue;
use shared::landing::Objects;
use shared::receive::Receiver;
use shared::secrets::Secrets;

const SECRET: &str = "an-invented-secret-of-the-benchmark";

pub(crate) async fn run(deliveries: usize, concurrency: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = folder.path().join("tributary.toml");
    std::fs::write(folder.path().join("secret"), SECRET).expect("a secret");
    let text = "[connections.bench]\nsource = \"zendesk\"\nbase_url = \"https://acme.zendesk.com\"\n\
                email = \"bench@acme.example\"\ntoken = { file = \"secret\" }\nwebhook_secrets = [{ file = \"secret\" }]\n";
    std::fs::write(&settings, text).expect("settings");
    let aws = FakeAws::start().await;
    let queue = aws.create_queue("bench");
    let mut door = Command::new(std::env::current_exe().expect("a path"))
        .arg("door-server")
        .arg(&settings)
        .args([queue.url().as_str(), aws.url()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the door starts");
    let mut address = String::new();
    let output = door.stdout.take().expect("its output");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut address)
        .expect("its address");
    let url = format!("http://{}/webhooks/bench", address.trim());
    let client = reqwest::Client::builder().tcp_nodelay(true).build().expect("a client");
    let next = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let tasks: Vec<_> = (0..concurrency)
        .map(|_| tokio::spawn(send(client.clone(), url.clone(), Arc::clone(&next), deliveries)))
        .collect();
    let mut times: Vec<Duration> = Vec::with_capacity(deliveries);
    for task in tasks {
        times.extend(task.await.expect("a sender ends"));
    }
    let seconds = started.elapsed().as_secs_f64();
    let status = std::fs::read_to_string(format!("/proc/{}/status", door.id())).unwrap_or_default();
    let peak = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap_or("VmHWM: unknown")
        .to_owned();
    door.kill().and_then(|()| door.wait()).expect("the door stops");
    let queued = queue.messages().len();
    assert_eq!(queued, deliveries, "every acknowledged delivery is in the queue");
    times.sort_unstable();
    let at = |share| crate::quantile(&times, share);
    println!(
        "deliveries         {deliveries}, {concurrency} at a time, all acknowledged and queued"
    );
    println!(
        "per second         {:.0} (senders, door and queue share the machine)",
        deliveries as f64 / seconds
    );
    println!(
        "acknowledgement    p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms",
        at(0.5),
        at(0.99),
        at(1.0)
    );
    println!("door's peak RSS    {}", peak.trim_start_matches("VmHWM:").trim());
}

async fn send(
    client: reqwest::Client,
    url: String,
    next: Arc<AtomicUsize>,
    deliveries: usize,
) -> Vec<Duration> {
    let mut times = Vec::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= deliveries {
            return times;
        }
        let body = format!(
            "{{\"type\":\"zen:event-type:ticket.status_changed\",\"account_id\":1,\"id\":\"bench-{number}\",\
             \"time\":\"2026-01-01T00:00:00Z\",\"subject\":\"zen:ticket:{number}\",\"zendesk_event_version\":\"2022-11-06\",\
             \"detail\":{{\"id\":\"{number}\",\"status\":\"OPEN\",\"requester_id\":\"1\",\"updated_at\":\"2026-01-01T00:00:00Z\"}},\
             \"event\":{{\"current\":\"OPEN\",\"previous\":\"NEW\"}}}}"
        );
        let at = jiff::Timestamp::now().to_string();
        let signature = simulator::zendesk::signature(SECRET, &at, body.as_bytes());
        let started = Instant::now();
        let answer = client
            .post(&url)
            .header("content-type", "application/json")
            .header("x-zendesk-webhook-signature", signature)
            .header("x-zendesk-webhook-signature-timestamp", at)
            .body(body)
            .send()
            .await
            .expect("an answer");
        assert!(answer.status().is_success(), "{}", answer.status());
        times.push(started.elapsed());
    }
}

/// Serves the door until it is killed.
pub(crate) async fn serve(settings: &Path, queue: &str, sqs: &str) {
    let settings = Settings::load(settings, helpdesk::SOURCES, Foreign::Refuse).expect("settings");
    let secrets = Secrets::new(&settings.folder, None);
    let receiver = Receiver::new(Arc::new(settings), secrets, Arc::new(queue_at(sqs, queue)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{}", listener.local_addr().expect("an address"));
    axum::serve(listener.tap_io(|socket| drop(socket.set_nodelay(true))), receiver.router())
        .await
        .expect("a door");
}

/// The queue as the function would reach it, at the address of the stand-in.
fn queue_at(sqs: &str, queue: &str) -> Queue {
    let credentials =
        || aws_sdk_sqs::config::Credentials::new("local", "local", None, None, "bench");
    let region = || aws_sdk_sqs::config::Region::new("eu-central-1");
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version_latest()
        .region(region())
        .credentials_provider(credentials())
        .endpoint_url(sqs)
        .build();
    // Deliveries of this size fit into a message; S3 is never asked.
    let s3 = aws_sdk_s3::Config::builder()
        .behavior_version_latest()
        .region(region())
        .credentials_provider(credentials())
        .build();
    let objects = Objects::in_bucket(aws_sdk_s3::Client::from_conf(s3), "bench");
    Queue::new(aws_sdk_sqs::Client::from_conf(config), queue, objects)
}
