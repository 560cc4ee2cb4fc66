//! `tributary secrets put`: values from the terminal without echo, or from stdin; never from arguments.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Read as _};

use console::Term;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{read_all, references_of};
use crate::arguments::{Global, SecretsPut};
use crate::aws::Deployment;
use crate::aws::references::Reference;
use crate::aws::secrets::{Present, SecretStore};
use crate::display::{say, say_json};
use crate::failure::{Exit, Failure};
use crate::log::tell;

/// How the identity key is called on the command line.
const IDENTITY: &str = "identity-key";

/// What `secrets put` is told, to put the secret of a reference.
pub(super) fn argument(reference: &Reference) -> String {
    reference.connection.clone().unwrap_or_else(|| IDENTITY.to_owned())
}

pub(crate) async fn run(global: &Global, put: &SecretsPut) -> Result<Exit, Failure> {
    let deployment = Deployment::find(global).await?;
    let all = references_of(global, &deployment).await?;
    let mine: Vec<Reference> =
        all.iter().filter(|reference| argument(reference) == put.connection).cloned().collect();
    if mine.is_empty() {
        return Err(unknown(&put.connection, &all, deployment.secrets_prefix()));
    }
    let prefix = deployment.secrets_prefix();
    if let Some((why, reference)) =
        mine.iter().find_map(|reference| Some((reference.unreadable(prefix)?, reference)))
    {
        return Err(Failure::misuse(why, reference.advice(prefix)));
    }
    let store = SecretStore::of(&deployment);
    let secrets = read_all(&store, &mine).await?;
    let (written, missing) = if put.connection == IDENTITY {
        (vec![make_identity_key(&store, &mine[0], &secrets).await?], Vec::new())
    } else {
        let values = values(&mine, &secrets, put.field.as_deref())?;
        (write(&store, &values).await?, still_missing(&mine, &secrets, &values))
    };
    if global.json {
        say_json(&json!({ "written": written, "missing": missing }))?;
    } else {
        report(&written, &missing);
    }
    Ok(if missing.is_empty() { Exit::Success } else { Exit::Failed })
}

fn report(written: &[Written], missing: &[String]) {
    for Written { secret, created, fields } in written {
        let done = if *created { "created" } else { "wrote" };
        say(format!("{done} {secret} ({})", fields.join(", ")));
    }
    for field in missing {
        tell(&format!("still missing: {field}"));
    }
    if written.is_empty() {
        say("nothing is changed");
    } else {
        tell("functions read secrets again within five minutes; next: tributary secrets list");
    }
}

fn unknown(connection: &str, all: &[Reference], prefix: &str) -> Failure {
    if connection == IDENTITY {
        return Failure::misuse(
            "the settings have no identity_key",
            format!("write identity_key = {{ secret = \"{prefix}/identity-key\" }} at the top"),
        );
    }
    let mut known: Vec<String> = all.iter().map(argument).collect();
    known.dedup();
    Failure::misuse(
        format!("the settings refer to no secret of {connection:?}"),
        format!("one of {}", known.join(", ")),
    )
}

/// Makes a key of 244 random bits, unless there is one: what was made under a key cannot be found under another.
async fn make_identity_key(
    store: &SecretStore,
    reference: &Reference,
    secrets: &BTreeMap<String, Option<Present>>,
) -> Result<Written, Failure> {
    let (name, key) = reference.stored().unwrap_or_default();
    if secrets.get(name).is_some_and(Option::is_some) {
        return Err(Failure::misuse(
            format!("{} exists already and is never replaced", reference.at),
            "keys in the tables are made with it; `tributary check --aws` says whether it can be read",
        ));
    }
    let random = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let text = key.map_or_else(|| random.clone(), |key| json!({ key: random }).to_string());
    store.create(name, &text.into()).await?;
    Ok(Written { secret: name.to_owned(), created: true, fields: vec![reference.field.clone()] })
}

type Values = Vec<(Reference, SecretString)>;

/// The new values: by stdin for one field or as JSON, or asked for one by one on a terminal.
fn values(
    references: &[Reference],
    secrets: &BTreeMap<String, Option<Present>>,
    field: Option<&str>,
) -> Result<Values, Failure> {
    let fields = || {
        let fields: Vec<&str> = references.iter().map(|one| one.field.as_str()).collect();
        format!("fields: {}", fields.join(", "))
    };
    let named = |name: &str| {
        let found = references.iter().find(|reference| reference.field == name);
        found.cloned().ok_or_else(|| {
            Failure::misuse(format!("the settings refer to no secret in {name:?}"), fields())
        })
    };
    if let Some(name) = field {
        let reference = named(name)?;
        let value = if std::io::stdin().is_terminal() { ask(&reference, false)? } else { stdin()? };
        let value = SecretString::from(value.expose_secret().trim_end_matches(['\r', '\n']));
        if value.expose_secret().is_empty() {
            return Err(Failure::misuse(
                format!("stdin has no value for {name}"),
                "pipe the secret in",
            ));
        }
        return Ok(vec![(reference, value)]);
    }
    if !std::io::stdin().is_terminal() {
        let text = stdin()?;
        let given: Map<String, Value> =
            serde_json::from_str(text.expose_secret()).map_err(|_| {
                Failure::misuse(
                    "stdin is no JSON object of fields and their secrets",
                    format!(
                        "write for example {{\"token\": \"…\"}}, or name one with --field; {}",
                        fields()
                    ),
                )
            })?;
        return given
            .into_iter()
            .map(|(name, value)| {
                let reference = named(&name)?;
                match value {
                    Value::String(value) if !value.is_empty() => Ok((reference, value.into())),
                    _ => Err(Failure::misuse(
                        format!("the secret of {name} is empty, or no text"),
                        "write it as a JSON string",
                    )),
                }
            })
            .collect();
    }
    tell("nothing is shown while you type; Enter alone leaves what there is");
    asked(references, secrets, ask)
}

/// The values that are given one by one; an empty one changes nothing.
fn asked(
    references: &[Reference],
    secrets: &BTreeMap<String, Option<Present>>,
    mut ask: impl FnMut(&Reference, bool) -> Result<SecretString, Failure>,
) -> Result<Values, Failure> {
    let mut values = Values::new();
    for reference in references {
        let value = ask(reference, is_there(reference, secrets))?;
        if !value.expose_secret().is_empty() {
            values.push((reference.clone(), value));
        }
    }
    Ok(values)
}

fn stdin() -> Result<SecretString, Failure> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|error| unread(&error))?;
    Ok(text.into())
}

fn ask(reference: &Reference, there: bool) -> Result<SecretString, Failure> {
    if !reference.help.is_empty() {
        tell(&reference.help);
    }
    let state = if there { ", there is one" } else { "" };
    let terminal = Term::stderr();
    terminal
        .write_str(&format!("{} (for {}{state}): ", reference.field, reference.reader))
        .map_err(|error| unread(&error))?;
    terminal
        .read_secure_line()
        .map(|line| line.trim().to_owned().into())
        .map_err(|error| unread(&error))
}

fn unread(error: &std::io::Error) -> Failure {
    Failure::failed(format!("the secret cannot be read: {error}"), "pipe it in, with --field NAME")
}

/// What was done to one secret.
#[derive(serde::Serialize)]
struct Written {
    secret: String,
    created: bool,
    fields: Vec<String>,
}

/// Writes each secret once, with all its new fields.
async fn write(store: &SecretStore, values: &Values) -> Result<Vec<Written>, Failure> {
    let mut by_secret: BTreeMap<&str, Vec<&(Reference, SecretString)>> = BTreeMap::new();
    for value in values {
        if let Some((name, _)) = value.0.stored() {
            by_secret.entry(name).or_default().push(value);
        }
    }
    let mut written = Vec::new();
    for (name, values) in by_secret {
        let new: Vec<(Option<String>, SecretString)> = values
            .iter()
            .filter_map(|(reference, value)| {
                let (_, key) = reference.stored()?;
                Some((key.map(str::to_owned), value.clone()))
            })
            .collect();
        let created = store.put(name, &new).await?;
        let fields = values.iter().map(|(reference, _)| reference.field.clone()).collect();
        written.push(Written { secret: name.to_owned(), created, fields });
    }
    Ok(written)
}

fn is_there(reference: &Reference, secrets: &BTreeMap<String, Option<Present>>) -> bool {
    let found =
        reference.stored().and_then(|(name, key)| Some((secrets.get(name)?.as_ref()?, key)));
    found.is_some_and(|(secret, key)| secret.has(key))
}

/// Fields that had no value and got none.
fn still_missing(
    references: &[Reference],
    secrets: &BTreeMap<String, Option<Present>>,
    values: &Values,
) -> Vec<String> {
    let lacking = references.iter().filter(|reference| {
        !is_there(reference, secrets)
            && !values.iter().any(|(given, _)| given.field == reference.field)
    });
    lacking.map(|reference| reference.field.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::references::references;

    #[test]
    fn on_a_terminal_every_field_is_asked_for_and_enter_changes_nothing() {
        let settings = "[connections.desk]\nsource = \"zendesk\"\n\
                        token = { secret = \"tributary/helpdesk-sync/desk\", key = \"token\" }\n\
                        webhook_secrets = [{ secret = \"tributary/helpdesk-webhook/desk\", key = \"current\" }]\n";
        let references = references(settings).expect("they are read");
        let there = Present::of(SecretString::from("{\"token\": \"old\"}"));
        let secrets = BTreeMap::from([("tributary/helpdesk-sync/desk".to_owned(), Some(there))]);
        let mut asked_for = Vec::new();
        let values = asked(&references, &secrets, |reference, there| {
            asked_for.push((reference.field.clone(), there));
            Ok(SecretString::from(if reference.field == "token" { "" } else { "typed" }))
        });
        let values = values.expect("answers");
        let fields = |index: usize| asked_for[index].clone();
        assert_eq!(fields(0), ("token".to_owned(), true));
        assert_eq!(fields(1), ("webhook_secrets.current".to_owned(), false));
        assert_eq!(values.len(), 1);
        assert_eq!(values[0].1.expose_secret(), "typed");
        assert_eq!(still_missing(&references, &secrets, &values), Vec::<String>::new());
        assert_eq!(still_missing(&references, &secrets, &Vec::new()), ["webhook_secrets.current"]);
    }
}
