//! One running function: its process, what it writes, and the calls to it.

use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::api::{Api, InvokeError, Status};
use super::{ACCOUNT, REGION};

/// More than any start here takes; past it the function hangs.
const INIT_LIMIT: Duration = Duration::from_secs(30);

type Logs = Arc<Mutex<Vec<String>>>;

/// A function's process; it is killed when this is dropped.
pub struct Function {
    name: String,
    id: u32,
    api: Arc<Api>,
    logs: Logs,
    kill: Arc<Notify>,
    turn: tokio::sync::Mutex<()>,
    _tasks: JoinSet<()>,
}

impl Function {
    pub(super) fn start(name: &str, mut command: Command) -> Self {
        let listener =
            std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        listener.set_nonblocking(true).expect("a socket can be made non-blocking");
        let listener = TcpListener::from_std(listener).expect("inside a Tokio runtime");
        let address = listener.local_addr().expect("a bound socket");
        let api = Api::new(format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"));
        let mut child = command
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let logs = Logs::default();
        let kill = Arc::new(Notify::new());
        let id = child.id().expect("a process just started");
        let mut readers = JoinSet::new();
        let stdout = child.stdout.take().expect("stdout is piped");
        let stderr = child.stderr.take().expect("stderr is piped");
        readers.spawn(read(stdout, Arc::clone(&logs)));
        readers.spawn(read(stderr, Arc::clone(&logs)));
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&api).serve(listener));
        tasks.spawn(attend(child, readers, Arc::clone(&kill), Arc::clone(&api)));
        Self {
            name: name.to_owned(),
            id,
            api,
            logs,
            kill,
            turn: tokio::sync::Mutex::default(),
            _tasks: tasks,
        }
    }

    /// The time from the process's start to its first request for an event: the cold start.
    pub async fn first_next(&self) -> Duration {
        match self.initialised().await.first_next {
            Some(time) => time,
            None => panic!("{} never asked for an event: {:#?}", self.name, self.logs()),
        }
    }

    /// How the function failed before its first event, reported or by exiting; none once it has asked for one.
    pub async fn init_error(&self) -> Option<InvokeError> {
        init_error(&self.initialised().await)
    }

    /// Hands the event over, one at a time, and waits for the answer; at the deadline the process is killed, as Lambda does.
    pub async fn invoke(&self, event: &Value, deadline: Duration) -> Result<Value, InvokeError> {
        let _turn = self.turn.lock().await;
        let status = self.initialised().await;
        if let Some(error) = init_error(&status).or_else(|| status.exit.map(exit_error)) {
            return Err(error);
        }
        let mut answer = self.api.submit(event, deadline);
        tokio::select! {
            biased;
            answer = &mut answer => answer.expect("an open invocation is settled"),
            exit = self.exited() => match answer.try_recv() {
                Ok(answer) => answer,
                Err(_) => Err(exit_error(exit)),
            },
            () = tokio::time::sleep(deadline) => {
                self.kill().await;
                let seconds = deadline.as_secs_f64();
                Err(InvokeError::new("Sandbox.Timedout", format!("Task timed out after {seconds:.2} seconds")))
            }
        }
    }

    /// Kills the process on the spot, as a crash would, and waits until it is gone.
    pub async fn kill(&self) -> ExitStatus {
        self.kill.notify_one();
        self.exited().await
    }

    /// Waits until the process has ended and its last words are in the logs.
    pub async fn exited(&self) -> ExitStatus {
        let status = self.until(|status| status.exit.is_some()).await;
        status.exit.expect("waited for")
    }

    /// What the function has written so far, line by line, both streams together.
    pub fn logs(&self) -> Vec<String> {
        self.logs.lock().expect("the lock is never poisoned").clone()
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.id
    }

    async fn initialised(&self) -> Status {
        let settled = self.until(|status| {
            status.first_next.is_some() || status.init_error.is_some() || status.exit.is_some()
        });
        let settled = tokio::time::timeout(INIT_LIMIT, settled).await;
        settled.unwrap_or_else(|_| panic!("{} hangs at start: {:#?}", self.name, self.logs()))
    }

    async fn until(&self, reached: impl Fn(&Status) -> bool) -> Status {
        let mut status = self.api.status.subscribe();
        let status = status.wait_for(reached).await;
        status.expect("the status lives as long as its API").clone()
    }
}

fn init_error(status: &Status) -> Option<InvokeError> {
    let exited = status.exit.filter(|_| status.first_next.is_none());
    status.init_error.clone().or_else(|| exited.map(exit_error))
}

fn exit_error(exit: ExitStatus) -> InvokeError {
    InvokeError::new("Runtime.ExitError", format!("Runtime exited: {exit}"))
}

async fn attend(mut child: Child, mut readers: JoinSet<()>, kill: Arc<Notify>, api: Arc<Api>) {
    let exit = tokio::select! {
        exit = child.wait() => exit,
        () = kill.notified() => {
            // It may have ended by itself this instant; waiting tells.
            let _ = child.start_kill();
            child.wait().await
        }
    };
    let exit = exit.expect("a child can be waited for");
    // Its output is read before anyone hears of its end, unless a grandchild holds the pipes open.
    let drained = async { while readers.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(Duration::from_secs(1), drained).await;
    api.status.send_modify(|status| status.exit = Some(exit));
}

async fn read(stream: impl AsyncRead + Unpin, logs: Logs) {
    let mut lines = BufReader::new(stream).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let line = String::from_utf8_lossy(&line).into_owned();
        logs.lock().expect("the lock is never poisoned").push(line);
    }
}
