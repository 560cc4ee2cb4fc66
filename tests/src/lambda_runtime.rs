//! The Lambda service as a function sees it: starts a binary, hands it events, ends it at its deadline.
//!
//! ```no_run
//! # use std::time::Duration;
//! # use e2e::lambda_runtime::{LambdaRuntime, binary, schedule_event};
//! # async fn example() {
//! let lambda = LambdaRuntime::start().env([("TABLE", "records")]);
//! let sync = lambda.spawn(&binary("helpdesk-sync"), [("AWS_REGION", "eu-central-1")]);
//! let answer = sync.invoke(&schedule_event(), Duration::from_mins(1)).await;
//! assert!(answer.is_ok(), "{answer:?} {:?}", sync.logs());
//! # }
//! ```

mod api;
mod event;
mod function;
mod gateway;
#[cfg(test)]
mod tests;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use tokio::process::Command;

pub use api::InvokeError;
pub use event::{http_v2_event, schedule_event, sqs_event, sqs_event_from};
pub use function::Function;
pub use gateway::Gateway;

pub(crate) const ACCOUNT: &str = "000000000000";
pub(crate) const REGION: &str = "eu-central-1";
const MEMORY_MB: &str = "256";

/// Starts functions, each with a Runtime API of its own, as each execution environment has.
pub struct LambdaRuntime {
    env: Vec<(OsString, OsString)>,
}

impl LambdaRuntime {
    /// Ready to start functions.
    pub fn start() -> Self {
        Self { env: Vec::new() }
    }

    /// Variables for every function started from here: the endpoints of the stores.
    #[must_use]
    pub fn env<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let variables = variables.into_iter();
        self.env.extend(variables.map(|(key, value)| (key.as_ref().into(), value.as_ref().into())));
        self
    }

    /// Starts the binary with what Lambda puts in the environment, and these variables; it dies with the [`Function`].
    pub fn spawn<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        &self,
        binary: &Path,
        env: impl IntoIterator<Item = (K, V)>,
    ) -> Function {
        let name = binary.file_stem().expect("a binary has a name");
        self.spawn_command(&name.to_string_lossy(), Command::new(binary), env)
    }

    fn spawn_command<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        &self,
        name: &str,
        mut command: Command,
        env: impl IntoIterator<Item = (K, V)>,
    ) -> Function {
        command
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", MEMORY_MB)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}"))
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "2026/01/01/[$LATEST]local")
            .env("AWS_REGION", REGION)
            .env("AWS_DEFAULT_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", "local")
            .env("AWS_SECRET_ACCESS_KEY", "local")
            .env("TZ", ":UTC")
            .envs(self.env.iter().map(|(key, value)| (key, value)))
            .envs(env);
        Function::start(name, command)
    }
}

/// A binary of this workspace, as last built, from the directory where Cargo put this test's own.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a path");
    // target/debug/deps/e2e-0123 stands beside target/debug/helpdesk-sync.
    let profile = test.parent().and_then(Path::parent).expect("target/debug");
    let binary = profile.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(
        binary.is_file(),
        "{} is not built: run `cargo build --workspace --bins` first \
         (`cargo nextest run` builds only the binaries of packages it finds integration tests in)",
        binary.display()
    );
    binary
}
