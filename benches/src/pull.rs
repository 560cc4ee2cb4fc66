//! `tributary sync` as its own process against a static server: CPU seconds and peak memory of the whole process.

use std::convert::Infallible;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use nix::sys::resource::{Usage, UsageWho, getrusage};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;

const PAGE: usize = 1_000;

/// The pages in a process of their own: a child's peak memory counts that of the process it was forked from.
pub(crate) async fn serve_pages(tickets: usize) {
    let pages = Arc::new(pages(tickets));
    let bytes: usize = pages.iter().map(Bytes::len).sum();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{} {bytes}", listener.local_addr().expect("an address"));
    serve(listener, pages).await;
}

pub(crate) async fn run(tickets: usize, customers: bool, tables: bool) {
    let mut server = tokio::process::Command::new(std::env::current_exe().expect("a path"))
        .args(["pages-server", &tickets.to_string()])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the server starts");
    let mut line = String::new();
    let stdout = server.stdout.take().expect("a pipe");
    BufReader::new(stdout).read_line(&mut line).await.expect("the server says where it is");
    let (address, bytes) = line.trim().split_once(' ').expect("an address and a size");
    let (base, bytes) = (format!("http://{address}"), bytes.parse::<f64>().expect("a size"));
    let folder = tempfile::tempdir().expect("a folder");
    let settings = folder.path().join("tributary.toml");
    let text = format!(
        "[connections.bench]\nsource = \"zendesk\"\nbase_url = {base:?}\nemail = \"bench@acme.example\"\n\
         token = {{ env = \"BENCH_TOKEN\" }}\nstreams = [\"tickets\"]\npace = \"unlimited\"\ncustomers = {customers}\n"
    );
    std::fs::write(&settings, text).expect("settings");
    let before = getrusage(UsageWho::RUSAGE_CHILDREN).expect("rusage");
    let started = Instant::now();
    let (program, data) = (crate::beside("tributary"), folder.path().join("data"));
    let output = tokio::task::spawn_blocking(move || {
        Command::new(program)
            .args(["--json", "--config"])
            .arg(settings)
            .arg("--data")
            .arg(data)
            .arg("sync")
            .args((!tables).then_some("--no-tables"))
            .env("BENCH_TOKEN", "invented")
            .stderr(Stdio::inherit())
            .output()
    });
    let output = output.await.expect("the task ends").expect("tributary runs");
    let wall = started.elapsed().as_secs_f64();
    let after = getrusage(UsageWho::RUSAGE_CHILDREN).expect("rusage");
    let cpu = cpu_seconds(&after) - cpu_seconds(&before);
    let document: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("one JSON document");
    let run = &document["runs"][0];
    assert_eq!(run["landed"], tickets, "everything lands: {run}");
    println!(
        "tickets            {tickets} ({:.0} MB in pages of {PAGE}), customers = {customers}, tables = {tables}",
        bytes / 1e6
    );
    println!("CPU seconds        {cpu:.2}");
    println!("tickets per CPU-s  {:.0}", tickets as f64 / cpu);
    println!("wall seconds       {wall:.2}");
    println!("peak RSS           {:.1} MB", after.max_rss() as f64 / 1024.0);
}

pub(crate) fn cpu_seconds(usage: &Usage) -> f64 {
    let seconds =
        |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    seconds(usage.user_time()) + seconds(usage.system_time())
}

fn pages(tickets: usize) -> Vec<Bytes> {
    let mut source = simulator::zendesk::bulk_tickets(7, tickets);
    let count = tickets.div_ceil(PAGE);
    (0..count)
        .map(|number| {
            let records: Vec<String> = source.by_ref().take(PAGE).collect();
            let end = number + 1 == count;
            let page = format!(
                "{{\"tickets\":[{}],\"after_cursor\":\"{}\",\"after_url\":null,\"before_cursor\":null,\"before_url\":null,\"end_of_stream\":{end}}}",
                records.join(","),
                number + 1
            );
            Bytes::from(page)
        })
        .collect()
}

async fn serve(listener: TcpListener, pages: Arc<Vec<Bytes>>) {
    loop {
        let Ok((socket, _)) = listener.accept().await else { return };
        let _ = socket.set_nodelay(true);
        let pages = Arc::clone(&pages);
        tokio::spawn(async move {
            let service = service_fn(|request: Request<Incoming>| {
                let query = request.uri().query().unwrap_or_default();
                let number = query
                    .split('&')
                    .find_map(|pair| pair.strip_prefix("cursor=")?.parse().ok())
                    .unwrap_or(0);
                let page: Bytes = pages.get(number).cloned().unwrap_or_default();
                async move { Ok::<_, Infallible>(Response::new(Full::new(page))) }
            });
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(socket), service)
                .await;
        });
    }
}
