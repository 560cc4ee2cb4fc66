//! The real binaries as processes: freshly built, set up for a simulated company, ended at any moment, and what they leave.

mod built;
pub mod cloud;

use std::collections::BTreeSet;
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use shared::stores::Stores;
use simulator::zendesk::Delivery;
use simulator::{Simulator, Zendesk};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tributary::embedded::{Embedded, Options};

use crate::account::store_names;
use crate::landed::Landed;
use crate::stand::{CONNECTION, data_folder, write_settings};

pub use built::built;

/// More than any command here takes; past it the process hangs.
const PATIENCE: Duration = Duration::from_mins(2);

/// A laptop with a settings file and a data folder, where `tributary` runs; the simulated company is in the test.
pub struct Laptop {
    /// The company and its systems.
    pub simulator: Simulator,
    /// The folder of settings, secrets, data and logs.
    pub folder: TempDir,
}

/// How a command ended and what it said.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code, or the signal that ended it.
    pub status: ExitStatus,
    /// What it wrote to stdout, if that is JSON.
    pub json: Value,
    /// What it wrote to stderr.
    pub stderr: String,
}

impl Laptop {
    /// A laptop for this company, with further keys for its connection.
    pub async fn with(company: simulator::Settings, keys: &str) -> Self {
        let simulator = Simulator::start(company).await.expect("the simulator starts");
        let folder = tempfile::tempdir().expect("a temporary folder");
        write_settings(folder.path(), simulator.zendesk(), keys);
        Self { simulator, folder }
    }

    /// The helpdesk.
    pub fn desk(&self) -> &Zendesk {
        self.simulator.zendesk()
    }

    /// `tributary` with these arguments, not yet started, and nothing of the test's environment; what lands stays in the
    /// landing zone, where these tests look.
    pub fn tributary(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(built("tributary"));
        command
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .arg("--config")
            .arg(self.folder.path().join("tributary.toml"))
            .arg("--data")
            .arg(data_folder(self.folder.path()))
            .arg("--json")
            .args(arguments)
            .args(["sync", "serve"].contains(&arguments[0]).then_some("--no-tables"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs `tributary` to its end.
    pub async fn run(&self, arguments: &[&str]) -> Ended {
        self.end(self.tributary(arguments)).await
    }

    /// Runs `tributary`, armed to abort at a crash point: `after_raw`, or `after_raw:3` for the third passage.
    pub async fn crash(&self, at: &str, arguments: &[&str]) -> Ended {
        let mut command = self.tributary(arguments);
        command.env("TRIBUTARY_CRASH_AT", at);
        self.end(command).await
    }

    async fn end(&self, mut command: Command) -> Ended {
        let output = tokio::time::timeout(PATIENCE, command.output()).await;
        let Output { status, stdout, stderr } =
            output.expect("the command ends").expect("the command starts");
        let json = serde_json::from_slice(&stdout).unwrap_or_default();
        Ended { status, json, stderr: String::from_utf8_lossy(&stderr).into_owned() }
    }

    /// Syncs until every stream is caught up; returns the runs of the last sync.
    pub async fn drain(&self) -> Vec<Value> {
        for _ in 0..5 {
            let ended = self.run(&["sync"]).await;
            assert!(ended.status.success(), "{ended:#?}");
            let runs = ended.runs();
            if runs.iter().all(|run| run["outcome"] == "caught_up") {
                return runs;
            }
        }
        panic!("the streams did not catch up in five runs");
    }

    /// Lets the last minute settle, which the exports leave out.
    pub fn settle(&self) {
        self.simulator.clock().advance(Duration::from_secs(62));
    }

    /// Starts `tributary serve` with these arguments on a free port and waits until it listens.
    pub async fn serve(&self, arguments: &[&str]) -> Serving {
        self.start_serving(self.tributary(&["serve", "--listen", "127.0.0.1:0"]), arguments).await
    }

    /// The same, armed to abort at a crash point.
    pub async fn serve_until(&self, point: &str, arguments: &[&str]) -> Serving {
        let mut command = self.tributary(&["serve", "--listen", "127.0.0.1:0"]);
        command.env("TRIBUTARY_CRASH_AT", point);
        self.start_serving(command, arguments).await
    }

    async fn start_serving(&self, mut command: Command, arguments: &[&str]) -> Serving {
        // A file takes any amount; a pipe that nobody reads would stop the server.
        let log = std::fs::File::create(self.folder.path().join("serve.log")).expect("a log file");
        let mut child = command.args(arguments).stderr(log).spawn().expect("serve starts");
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut lines = BufReader::new(stdout).lines();
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("it answers");
        let line = line.expect("stdout can be read").unwrap_or_else(|| {
            panic!(
                "serve ended: {:?}",
                std::fs::read_to_string(self.folder.path().join("serve.log"))
            )
        });
        Serving { child, announced: serde_json::from_str(&line).expect("serve prints JSON") }
    }

    /// Opens the stores for a look; no process may be using them.
    pub async fn look<T>(&self, look: impl AsyncFnOnce(Stores) -> T) -> T {
        let embedded = Embedded::open(&data_folder(self.folder.path()), Options::default()).await;
        let embedded = embedded.expect("the stores open");
        assert!(!embedded.endpoints().attached, "a process still holds the stores");
        let (s3, dynamodb) = (embedded.s3_client(), embedded.dynamodb_client());
        let seen = look(Stores { s3, dynamodb, names: store_names() }).await;
        embedded.shutdown().await;
        seen
    }

    /// Everything in the stores; no process may be using them.
    pub async fn landed(&self) -> Landed {
        self.look(async |stores| Landed::read(&stores).await).await
    }

    /// The keys for which there is a file, whatever the store makes of them; none before the first start.
    pub fn files(&self) -> BTreeSet<String> {
        let bucket = data_folder(self.folder.path()).join("s3").join(store_names().bucket);
        let (mut folders, mut files) = (vec![bucket.clone()], BTreeSet::new());
        while let Some(folder) = folders.pop() {
            let Ok(entries) = std::fs::read_dir(&folder) else { continue };
            for path in entries.map(|entry| entry.expect("an entry").path()) {
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let key = path.strip_prefix(&bucket).expect("it is in the bucket");
                    files.insert(key.to_string_lossy().into_owned());
                }
            }
        }
        files
    }
}

impl Ended {
    /// The runs of a sync.
    pub fn runs(&self) -> Vec<Value> {
        self.json["runs"].as_array().cloned().unwrap_or_else(|| panic!("no runs: {self:#?}"))
    }
}

/// A running `tributary serve`; it is killed when this is dropped.
pub struct Serving {
    /// The process.
    pub child: Child,
    /// What it printed when it was ready.
    pub announced: Value,
}

impl Serving {
    /// Where the connection's webhooks go.
    pub fn webhooks(&self) -> String {
        let url = self.announced["listening"].as_str().expect("an address");
        format!("{url}/webhooks/{CONNECTION}")
    }

    /// Asks the process to end, as a service manager does, and waits for that.
    pub async fn terminate(mut self) -> ExitStatus {
        terminate(self.child.id().expect("it runs")).await;
        self.ended().await
    }

    /// Waits for the process's end.
    pub async fn ended(&mut self) -> ExitStatus {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        ended.expect("serve ends").expect("a child can be waited for")
    }
}

/// Sends SIGTERM.
pub async fn terminate(process: u32) {
    let sent = Command::new("kill").args(["-TERM", &process.to_string()]).status().await;
    assert!(sent.expect("kill(1) is there").success(), "no process {process}");
}

/// Sends a delivery once, signed now; none if nobody answers.
pub async fn send(desk: &Zendesk, delivery: &Delivery, url: &str) -> Option<u16> {
    let client = reqwest::Client::new();
    let mut call = client.post(url).timeout(PATIENCE).body(delivery.body.clone());
    for (name, value) in delivery.signed(desk.webhook_secret(), jiff::Timestamp::now()) {
        call = call.header(name, value);
    }
    call.send().await.ok().map(|answer| answer.status().as_u16())
}
