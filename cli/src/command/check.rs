//! `tributary check`: whether settings, secrets, credentials and scopes are right, before anything is read.

mod aws;

use std::time::Duration;

use serde::Serialize;
use shared::config::{Connection, SecretRef, StoreSettings};
use shared::error::Error;
use shared::http::Patience;
use shared::hub::{Check, Checked, Selection};

use crate::arguments::Global;
use crate::aws::Deployment;
use crate::display::{say, say_json};
use crate::failure::{Exit, Failure};
use crate::log::tell;
use crate::session::{Session, credentials};

/// A person waits: one repetition, not the minutes that a sync would give a source.
const PATIENCE: Patience = Patience {
    first_wait: Duration::from_millis(300),
    longest_wait: Duration::from_secs(1),
    retries: 1,
    longest_requested_wait: Duration::from_secs(5),
};

/// One thing that was checked.
#[derive(Serialize)]
struct Finding {
    what: String,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// What the credentials need, when they lack something.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    scopes: &'static [&'static str],
    #[serde(skip)]
    misuse: bool,
}

impl Finding {
    fn good(what: impl Into<String>, note: Option<String>) -> Self {
        Self { what: what.into(), ok: true, note, error: None, scopes: &[], misuse: false }
    }

    /// Something to put right by the operator.
    fn bad(what: impl Into<String>, error: impl Into<String>) -> Self {
        let error = Some(error.into());
        Self { what: what.into(), ok: false, note: None, error, scopes: &[], misuse: true }
    }

    fn of(what: impl Into<String>, result: Result<(), Error>) -> Self {
        let misuse = matches!(result, Err(Error::Config(_)));
        let error = result.err().map(|error| error.chain());
        Self { what: what.into(), ok: error.is_none(), note: None, error, scopes: &[], misuse }
    }
}

pub(crate) async fn run(global: &Global, selection: &Selection) -> Result<Exit, Failure> {
    let findings = if global.aws.is_some() {
        let deployment = Deployment::find(global).await?;
        let (mut findings, usable) = aws::look(global, &deployment).await?;
        if usable {
            let session = Session::open_deployment(global, &deployment, PATIENCE).await?;
            let checked = check(global, &session, selection, &mut findings).await;
            session.close().await;
            checked?;
        }
        findings
    } else {
        let settings = format!("settings {}", global.config_file().display());
        let session = Session::open_patiently(global, PATIENCE).await?;
        let mut findings = vec![Finding::good(settings, None)];
        let checked = check(global, &session, selection, &mut findings).await;
        session.close().await;
        checked?;
        findings
    };
    if global.json {
        let ok = findings.iter().all(|finding| finding.ok);
        say_json(&serde_json::json!({ "ok": ok, "checks": findings }))?;
    } else {
        print(&findings);
    }
    Ok(match findings.iter().find(|finding| !finding.ok) {
        None => Exit::Success,
        Some(_) if findings.iter().any(|finding| finding.misuse) => Exit::Misuse,
        Some(_) => Exit::Failed,
    })
}

async fn check(
    global: &Global,
    session: &Session,
    selection: &Selection,
    findings: &mut Vec<Finding>,
) -> Result<(), Failure> {
    // A wrong name on the command line is misuse, and no finding.
    let connections = session.connections(selection)?;
    findings.push(store(global, session).await);
    for connection in connections {
        let usable = secrets(session, connection, findings).await;
        if session.hub.state().needs_reauthorisation(&connection.name).await? {
            let refused = Error::Unauthorized {
                what: "the source no longer accepts the saved tokens".to_owned(),
                status: 0,
            };
            findings.push(Finding::of(format!("{}: tokens", connection.name), Err(refused)));
        }
        if !usable {
            continue;
        }
        let streams = Selection { connection: Some(connection.name.clone()), ..selection.clone() };
        findings.extend(session.hub.check(&streams).await?.into_iter().map(stream));
    }
    Ok(())
}

async fn store(global: &Global, session: &Session) -> Finding {
    let names = session.names();
    let what = if session.endpoints().is_some() {
        format!("data folder {}", global.data.display())
    } else {
        let StoreSettings { bucket, state_table, customers_table } = names;
        format!("bucket {bucket}, tables {state_table} and {customers_table}")
    };
    let (hub, nothing) = (&session.hub, "tributary-check/");
    let reached = async {
        hub.landing().objects().list(nothing).await?;
        hub.state().standing(nothing, nothing).await?;
        session.reach_customers().await
    };
    Finding::of(what, reached.await)
}

/// Reads every secret of a connection; whether it can sign in.
async fn secrets(session: &Session, connection: &Connection, findings: &mut Vec<Finding>) -> bool {
    let read = async |reference: &SecretRef| session.hub.secrets().read(reference).await.map(drop);
    let mut usable = true;
    for reference in credentials(connection) {
        let result = read(reference).await;
        usable &= result.is_ok();
        findings
            .push(Finding::of(format!("{}: credentials in {reference}", connection.name), result));
    }
    for reference in &connection.common.webhook_secrets {
        findings.push(Finding::of(
            format!("{}: webhook secret in {reference}", connection.name),
            read(reference).await,
        ));
    }
    if connection.connector.webhook.is_some() && connection.common.webhook_secrets.is_empty() {
        let note = "no webhook_secrets: webhooks are refused, syncs bring everything".to_owned();
        findings.push(Finding::good(format!("{}: webhooks", connection.name), Some(note)));
    }
    usable
}

fn stream(check: Check) -> Finding {
    let Check { connection, stream, scopes, result } = check;
    let what = format!("{connection}/{stream}");
    match result {
        Ok(Checked::Readable) => Finding::good(what, None),
        Ok(Checked::NotOffered(why)) => {
            Finding::good(what, Some(format!("not offered by this account: {why}")))
        }
        Err(error @ Error::Unauthorized { .. }) => {
            Finding { scopes, ..Finding::of(what, Err(error)) }
        }
        Err(error) => Finding::of(what, Err(error)),
    }
}

fn print(findings: &[Finding]) {
    for finding in findings {
        match (&finding.error, &finding.note) {
            (Some(error), _) => {
                say(format!("✗ {}: {error}", finding.what));
                if !finding.scopes.is_empty() {
                    say(format!("  it needs: {}", finding.scopes.join(", ")));
                }
            }
            (None, Some(note)) => say(format!("✓ {} ({note})", finding.what)),
            (None, None) => say(format!("✓ {}", finding.what)),
        }
    }
    let bad = findings.iter().filter(|finding| !finding.ok).count();
    if bad == 0 {
        tell("all is well; `tributary sync` reads everything");
    } else {
        tell(&format!(
            "hint: put right what is marked with ✗ ({bad} of {}), then check again",
            findings.len()
        ));
    }
}
