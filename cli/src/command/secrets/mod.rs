//! `tributary secrets`: what the functions of a deployment in AWS sign in with.

pub(super) mod put;

use std::collections::BTreeMap;
use std::time::Duration;

use comfy_table::Cell;
use serde_json::{Value, json};

use crate::arguments::Global;
use crate::aws::Deployment;
use crate::aws::references::{Reference, references};
use crate::aws::secrets::{Present, SecretStore};
use crate::display::{human, say, say_json, table};
use crate::failure::{Exit, Failure};
use crate::log::tell;

pub(crate) async fn list(global: &Global) -> Result<Exit, Failure> {
    let deployment = Deployment::find(global).await?;
    let references = references_of(global, &deployment).await?;
    let secrets = read_all(&SecretStore::of(&deployment), &references).await?;
    let prefix = deployment.secrets_prefix();
    let listed: Vec<Listed> =
        references.iter().map(|reference| Listed::of(reference, &secrets, prefix)).collect();
    if global.json {
        say_json(&json!({ "secrets": listed.iter().map(Listed::json).collect::<Vec<_>>() }))?;
    } else {
        let mut shown = table(["field", "secret", "key", "read by", "state", "age"]);
        for one in &listed {
            shown.add_row(one.row());
        }
        say(shown.to_string());
        for wrong in listed.iter().filter_map(|one| one.wrong.as_ref()) {
            say(format!("✗ {wrong}"));
        }
        for who in missing(&listed) {
            tell(&format!("next: tributary secrets put {who}"));
        }
    }
    Ok(if listed.iter().all(Listed::good) { Exit::Success } else { Exit::Failed })
}

/// The references of the settings at hand: a file that is named or here, or else those in the bucket.
pub(super) async fn references_of(
    global: &Global,
    deployment: &Deployment,
) -> Result<Vec<Reference>, Failure> {
    let file = global.config_file();
    if global.config.is_some() || file.exists() {
        // Valid settings first: their errors name keys, and repeat no secret that stands there by mistake.
        crate::session::load(global)?;
        let text = std::fs::read_to_string(file).map_err(|error| {
            Failure::misuse(
                format!("{} cannot be read: {error}", file.display()),
                "name another with --config",
            )
        })?;
        return references(&text);
    }
    match deployment.stored().await? {
        Some(stored) => references(&stored.text),
        None => Err(Failure::misuse(
            format!(
                "there is no {}, and no settings at {}",
                file.display(),
                deployment.settings_place()?
            ),
            "`tributary init --aws` writes a first file; --config names another",
        )),
    }
}

/// Every secret that is referred to, read once; those that do not exist are absent.
pub(super) async fn read_all(
    store: &SecretStore,
    references: &[Reference],
) -> Result<BTreeMap<String, Option<Present>>, Failure> {
    let mut secrets = BTreeMap::new();
    for (name, _) in references.iter().filter_map(Reference::stored) {
        if !secrets.contains_key(name) {
            secrets.insert(name.to_owned(), store.read(name).await?);
        }
    }
    Ok(secrets)
}

/// A reference, and what is there.
struct Listed<'r> {
    reference: &'r Reference,
    present: bool,
    age: Option<Duration>,
    wrong: Option<String>,
}

impl<'r> Listed<'r> {
    fn of(
        reference: &'r Reference,
        secrets: &BTreeMap<String, Option<Present>>,
        prefix: &str,
    ) -> Self {
        let stored = reference.stored();
        let secret = stored.and_then(|(name, _)| secrets.get(name)?.as_ref());
        let put_at = secret.and_then(|secret| secret.put_at);
        let age = put_at.map(|at| {
            let seconds = jiff::Timestamp::now().as_second().saturating_sub(at.secs());
            Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
        });
        Self {
            reference,
            present: secret.is_some_and(|secret| secret.has(stored.and_then(|(_, key)| key))),
            age,
            wrong: reference.unreadable(prefix),
        }
    }

    fn good(&self) -> bool {
        self.present && self.wrong.is_none()
    }

    fn row(&self) -> Vec<Cell> {
        let (name, key) = self.reference.stored().unwrap_or(("–", None));
        let state = if self.present { "present" } else { "missing" };
        let age = self.age.map_or("–".to_owned(), human);
        let reader = self.reference.reader.as_str();
        let field = self.reference.to_string();
        [field.as_str(), name, key.unwrap_or("–"), reader, state, age.as_str()]
            .map(Cell::new)
            .to_vec()
    }

    fn json(&self) -> Value {
        let stored = self.reference.stored();
        json!({
            "connection": self.reference.connection,
            "field": self.reference.field,
            "secret": stored.map(|(name, _)| name),
            "key": stored.and_then(|(_, key)| key),
            "read_by": self.reference.reader,
            "present": self.present,
            "age_seconds": self.age.map(|age| age.as_secs()),
            "error": self.wrong,
        })
    }
}

/// What to put next: each connection once, and the identity key.
fn missing(listed: &[Listed<'_>]) -> Vec<String> {
    let lacking = listed.iter().filter(|one| !one.present && one.wrong.is_none());
    let mut names: Vec<String> = lacking.map(|one| put::argument(one.reference)).collect();
    names.dedup();
    names
}
