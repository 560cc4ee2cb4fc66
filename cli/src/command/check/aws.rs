//! What `tributary check --aws` looks at before the sources: the stack, the settings in its bucket, secrets' names.

use super::Finding;
use crate::arguments::Global;
use crate::aws::difference::Difference;
use crate::aws::references::{Reference, references};
use crate::aws::secrets::SecretStore;
use crate::aws::{Deployment, Stored, system_parameter};
use crate::failure::Failure;

/// The findings, and whether it makes sense to go on.
pub(super) async fn look(
    global: &Global,
    deployment: &Deployment,
) -> Result<(Vec<Finding>, bool), Failure> {
    let Deployment { stack, .. } = deployment;
    let mut findings =
        vec![Finding::good(format!("stack {stack} in {}", deployment.region()), None)];
    let Some(stored) = deployment.stored().await? else {
        let what = format!("settings {}", deployment.settings_place()?);
        findings.push(Finding::bad(what, "there are none; `tributary config push` uploads them"));
        return Ok((findings, false));
    };
    findings.push(compared(global, deployment, &stored)?);
    let settings = deployment.settings(global).await?;
    let text = match &global.config {
        Some(file) => std::fs::read_to_string(file).unwrap_or_default(),
        None => stored.text,
    };
    for connection in settings.connections.values() {
        let system = connection.source.system;
        if !deployment.runs(system) {
            let what = format!("{}: functions", connection.name);
            let switch = system_parameter(system);
            findings.push(Finding::bad(what, format!("not deployed; deploy with {switch}=on")));
        } else if connection.connector.webhook.is_some()
            && let Ok(url) = deployment.output("WebhookUrl")
        {
            let note = format!("the address is {url}/{system}/{}", connection.name);
            findings.push(Finding::good(format!("{}: webhook", connection.name), Some(note)));
        }
    }
    let references = references(&text)?;
    let prefix = deployment.secrets_prefix();
    for reference in &references {
        if let Some(why) = reference.unreadable(prefix) {
            findings.push(Finding::bad(
                format!("{reference}"),
                format!("{why}; {}", reference.advice(prefix)),
            ));
        }
    }
    let identity = identity_key(deployment, &references).await?;
    let usable = identity.ok;
    findings.push(identity);
    Ok((findings, usable))
}

/// Whether the functions read what stands in the file at hand.
fn compared(global: &Global, deployment: &Deployment, stored: &Stored) -> Result<Finding, Failure> {
    let what = format!("settings {}", deployment.settings_place()?);
    let file = global.config_file();
    let Ok(text) = std::fs::read_to_string(file) else { return Ok(Finding::good(what, None)) };
    let difference = Difference::between(&stored.text, &text);
    let note = if difference.is_none() {
        format!("the same as {}", file.display())
    } else {
        format!(
            "{} has other ones: {}; `tributary config push` uploads them",
            file.display(),
            difference.lines().join(", ")
        )
    };
    Ok(Finding::good(what, Some(note)))
}

/// The secret without which nothing can be opened.
async fn identity_key(
    deployment: &Deployment,
    references: &[Reference],
) -> Result<Finding, Failure> {
    let what = "identity key";
    let reference = references.iter().find(|reference| reference.connection.is_none());
    let Some((name, key)) = reference.and_then(Reference::stored) else {
        return Ok(Finding::bad(what, "the settings have none in Secrets Manager"));
    };
    let secret = SecretStore::of(deployment).read(name).await?;
    Ok(if secret.is_some_and(|secret| secret.has(key)) {
        Finding::good(format!("{what} in the secret {name}"), None)
    } else {
        let advice = "does not exist; `tributary secrets put identity-key` makes it";
        Finding::bad(format!("{what} in the secret {name}"), advice)
    })
}
