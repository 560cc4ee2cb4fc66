//! A user's folder with a simulated helpdesk, and the binary run in it.

use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use simulator::{Settings, Simulator};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

/// What a command left behind.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// The one JSON document on stdout.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }

    /// This command, if it ended with that code.
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// An error of one line, and a hint.
    pub(crate) fn expect_error(self, code: i32, says: &[&str]) {
        let ran = self.expect(code);
        for text in says {
            assert!(ran.err.contains(text), "{text:?} is not in:\n{}", ran.err);
        }
        let lines: Vec<&str> = ran.err.lines().collect();
        assert!(
            matches!(lines.as_slice(), [error, hint] if error.starts_with("error: ") && hint.starts_with("hint: ")),
            "{}",
            ran.err
        );
        assert_eq!(ran.out, "");
    }
}

/// The binary, in an environment that knows nothing of AWS or of other settings.
pub(crate) fn tributary(folder: &std::path::Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tributary"));
    command.args(arguments).current_dir(folder).env_clear().stdin(Stdio::null()).kill_on_drop(true);
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
}

pub(crate) async fn run(mut command: Command) -> Ran {
    ended(command.output()).await
}

async fn ended(output: impl Future<Output = std::io::Result<Output>>) -> Ran {
    let ended = tokio::time::timeout(Duration::from_mins(2), output)
        .await
        .expect("the command hangs")
        .unwrap();
    Ran {
        code: ended.status.code().unwrap_or(-1),
        out: String::from_utf8(ended.stdout).unwrap(),
        err: String::from_utf8(ended.stderr).unwrap(),
    }
}

/// A folder with settings for a simulated helpdesk.
pub(crate) struct Home {
    pub(crate) folder: TempDir,
    pub(crate) simulator: Simulator,
}

impl Home {
    pub(crate) async fn new() -> Self {
        let until = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(5);
        let settings = Settings { people: 12, days: 30, until: Some(until), ..Settings::default() };
        let home = Self {
            folder: TempDir::new().unwrap(),
            simulator: Simulator::start(settings).await.unwrap(),
        };
        home.write(&home.settings());
        home
    }

    pub(crate) fn settings(&self) -> String {
        let zendesk = self.simulator.zendesk();
        format!(
            "[connections.desk]\nsource = \"zendesk\"\nbase_url = \"{}\"\nemail = \"{}\"\ntoken = {{ env = \"DESK_TOKEN\" }}\n\
             webhook_secrets = [{{ env = \"DESK_SECRET\" }}]\npace = \"unlimited\"\n",
            zendesk.base_url(),
            zendesk.email()
        )
    }

    pub(crate) fn write(&self, settings: &str) {
        std::fs::write(self.folder.path().join("tributary.toml"), settings).unwrap();
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let zendesk = self.simulator.zendesk();
        let mut command = tributary(self.folder.path(), arguments);
        command.env("DESK_TOKEN", zendesk.api_token()).env("DESK_SECRET", zendesk.webhook_secret());
        command
    }

    /// Runs a command; whatever it says, it never says a secret.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        self.discreet(arguments, run(self.command(arguments)).await)
    }

    /// The same, with something on stdin.
    pub(crate) async fn pipe(&self, arguments: &[&str], input: &str) -> Ran {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.as_bytes().to_vec();
        // A command that fails reads no further.
        let fed = tokio::spawn(async move { stdin.write_all(&input).await.is_ok() });
        let ran = ended(child.wait_with_output()).await;
        assert!(fed.await.unwrap() || ran.code != 0, "{}", ran.err);
        self.discreet(arguments, ran)
    }

    fn discreet(&self, arguments: &[&str], ran: Ran) -> Ran {
        let zendesk = self.simulator.zendesk();
        for secret in [zendesk.api_token(), zendesk.webhook_secret()] {
            assert!(
                !ran.out.contains(secret) && !ran.err.contains(secret),
                "{arguments:?} prints a secret"
            );
        }
        ran
    }
}

/// Asks a process to end, as a terminal or a supervisor does.
pub(crate) async fn signal(child: &Child, signal: &str) {
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().await.unwrap().success());
}
