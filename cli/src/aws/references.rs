//! The secrets that settings refer to: which field, for whom, and whether the function that needs one may read it.

use serde::Deserialize as _;
use shared::config::SecretRef;

use crate::failure::Failure;
use crate::sources::source;

/// The field of the settings whose secret all functions share.
pub(crate) const IDENTITY_KEY: &str = "identity_key";

/// A secret that the settings refer to.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    /// The connection; none for the deployment's own.
    pub(crate) connection: Option<String>,
    /// Where it stands: `token`, `oauth.refresh_token`, `webhook_secrets.current`.
    pub(crate) field: String,
    /// Where it is kept.
    pub(crate) at: SecretRef,
    /// The function that reads it: `helpdesk-sync`; `every function`.
    pub(crate) reader: String,
    /// What it is, in the source's words.
    pub(crate) help: String,
}

impl Reference {
    /// The secret's name in Secrets Manager and the field in it, if it is there.
    pub(crate) fn stored(&self) -> Option<(&str, Option<&str>)> {
        match &self.at {
            SecretRef::Store { name, key } => Some((name, key.as_deref())),
            _ => None,
        }
    }

    /// The name that policies know: of an ARN the part between what all have in common and the six random letters.
    fn name(&self) -> Option<&str> {
        let (id, _) = self.stored()?;
        let name = id.split_once(":secret:").and_then(|(_, name)| name.rsplit_once('-'));
        Some(name.map_or(id, |(name, _)| name))
    }

    /// How the settings refer to a secret that the function may read.
    pub(crate) fn advice(&self, prefix: &str) -> String {
        let Some(connection) = &self.connection else {
            return format!("write identity_key = {{ secret = \"{prefix}/identity-key\" }}");
        };
        let (reader, field) = (&self.reader, &self.field);
        let (list, key) = match field.strip_prefix("webhook_secrets.") {
            Some(key) if key.parse::<usize>().is_err() => (true, key),
            Some(_) => (true, "current"),
            None => (false, field.rsplit('.').next().unwrap_or(field)),
        };
        let reference =
            format!("{{ secret = \"{prefix}/{reader}/{connection}\", key = \"{key}\" }}");
        if list {
            format!("write webhook_secrets = [{reference}]")
        } else {
            format!("write {key} = {reference}")
        }
    }

    /// Why the function cannot read it, if it cannot: other places than Secrets Manager, and names that its policy refuses.
    pub(crate) fn unreadable(&self, prefix: &str) -> Option<String> {
        let (at, reader) = (&self.at, &self.reader);
        let Some(name) = self.name() else {
            return Some(format!("{self} is in {at}, which functions cannot read"));
        };
        let allowed = match &self.connection {
            None => name == format!("{prefix}/identity-key"),
            Some(_) => name
                .strip_prefix(&format!("{prefix}/{reader}/"))
                .is_some_and(|rest| !rest.is_empty()),
        };
        (!allowed).then(|| format!("{self} is in {at}, which the policy of {reader} refuses"))
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.connection {
            Some(connection) => write!(formatter, "connections.{connection}.{}", self.field),
            None => write!(formatter, "{}", self.field),
        }
    }
}

/// Every secret that the functions need by these settings, which are valid; the identity key comes first.
///
/// The keys of the customer API are not among them: in AWS an authoriser stands in front of it, and nobody reads them.
pub(crate) fn references(settings: &str) -> Result<Vec<Reference>, Failure> {
    let settings: toml::Table = settings.parse().map_err(|error: toml::de::Error| {
        Failure::misuse(format!("the settings: {}", error.message()), "run `tributary check`")
    })?;
    let mut found = Vec::new();
    if let Some(at) = settings.get(IDENTITY_KEY).and_then(secret) {
        found.push(Reference {
            connection: None,
            field: IDENTITY_KEY.to_owned(),
            at,
            reader: "every function".to_owned(),
            help: "Addresses and the like become keys under it; made once, never changed."
                .to_owned(),
        });
    }
    let connections = settings.get("connections").and_then(toml::Value::as_table);
    for (name, connection) in connections.into_iter().flatten() {
        of_connection(name, connection, &mut found)?;
    }
    Ok(found)
}

fn of_connection(
    name: &str,
    connection: &toml::Value,
    found: &mut Vec<Reference>,
) -> Result<(), Failure> {
    let vendor = connection.get("source").and_then(toml::Value::as_str).unwrap_or_default();
    let source = source(vendor)?;
    let own = source.settings_schema();
    let mut secrets = Vec::new();
    walk("", connection, &mut secrets);
    for (field, at) in secrets {
        let webhook = field.starts_with("webhook_secrets");
        let top = field.split('.').next().unwrap_or_default();
        let help = match own["properties"][top]["description"].as_str() {
            _ if webhook => "Signs the source's webhooks.".to_owned(),
            Some(help) if top == field => help.lines().next().unwrap_or_default().to_owned(),
            _ => String::new(),
        };
        let kind = if webhook { "webhook" } else { "sync" };
        found.push(Reference {
            connection: Some(name.to_owned()),
            field,
            at,
            reader: format!("{}-{kind}", source.facts().system),
            help,
        });
    }
    Ok(())
}

/// The references within a value, with where they stand in it.
fn walk(path: &str, value: &toml::Value, found: &mut Vec<(String, SecretRef)>) {
    let under = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        toml::Value::Table(_) if let Some(at) = secret(value) => found.push((path.to_owned(), at)),
        toml::Value::Table(table) => {
            for (key, value) in table {
                walk(&under(key), value, found);
            }
        }
        toml::Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                // Named after the field of the secret where there is one: `webhook_secrets.current`.
                let own = value.get("key").and_then(toml::Value::as_str);
                walk(&under(&own.map_or_else(|| index.to_string(), str::to_owned)), value, found);
            }
        }
        _ => {}
    }
}

fn secret(value: &toml::Value) -> Option<SecretRef> {
    SecretRef::deserialize(value.clone()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: &str = r#"
        identity_key = { secret = "tributary/identity-key" }
        [connections.desk]
        source = "zendesk"
        base_url = "https://acme.zendesk.com"
        oauth = { client_id = "x", client_secret = { secret = "tributary/helpdesk-sync/desk", key = "client_secret" }, refresh_token = { secret = "tributary/tokens/desk" } }
        webhook_secrets = [{ secret = "arn:aws:secretsmanager:eu-central-1:1:secret:tributary/helpdesk-webhook/desk-AbCdEf", key = "next" }, { env = "OLD" }]
        [connections.till]
        source = "square"
        access_token = { file = "token" }
    "#;

    #[test]
    fn every_reference_is_found_with_its_place_and_reader() {
        let found = references(SETTINGS).expect("they are read");
        let seen: Vec<String> = found.iter().map(|one| format!("{one} → {}", one.reader)).collect();
        assert_eq!(
            seen,
            [
                "identity_key → every function",
                "connections.desk.oauth.client_secret → helpdesk-sync",
                "connections.desk.oauth.refresh_token → helpdesk-sync",
                "connections.desk.webhook_secrets.next → helpdesk-webhook",
                "connections.desk.webhook_secrets.1 → helpdesk-webhook",
                "connections.till.access_token → pos-sync",
            ]
        );
        assert_eq!(found[5].help, "A personal access token of the seller's own application.");
    }

    #[test]
    fn what_a_function_cannot_read_is_told_with_what_to_write() {
        let found = references(SETTINGS).expect("they are read");
        let wrong: Vec<_> = found.iter().filter_map(|one| one.unreadable("tributary")).collect();
        assert_eq!(
            wrong,
            [
                "connections.desk.oauth.refresh_token is in the secret tributary/tokens/desk, which the policy of helpdesk-sync refuses",
                "connections.desk.webhook_secrets.1 is in the environment variable OLD, which functions cannot read",
                "connections.till.access_token is in the file token, which functions cannot read",
            ]
        );
        assert_eq!(
            found[5].advice("tributary"),
            "write access_token = { secret = \"tributary/pos-sync/till\", key = \"access_token\" }"
        );
        assert_eq!(
            found[4].advice("hub"),
            "write webhook_secrets = [{ secret = \"hub/helpdesk-webhook/desk\", key = \"current\" }]"
        );
        assert!(found[0].unreadable("hub").is_some());
    }
}
