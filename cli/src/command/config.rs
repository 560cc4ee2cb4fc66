//! `tributary config push`: the settings where a deployment's functions read them.

use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use serde_json::json;
use shared::config::{Foreign, Settings};

use crate::arguments::Global;
use crate::aws::difference::Difference;
use crate::aws::references::{IDENTITY_KEY, Reference, references};
use crate::aws::{Deployment, Refusal, Stored, system_parameter};
use crate::display::{say, say_json};
use crate::failure::{Exit, Failure};
use crate::log::tell;
use crate::sources::sources;

pub(crate) async fn push(global: &Global) -> Result<Exit, Failure> {
    let text = std::fs::read_to_string(global.config_file()).map_err(|error| {
        Failure::misuse(
            format!("{} cannot be read: {error}", global.config_file().display()),
            "`tributary init --aws` writes a first one; --config names another",
        )
    })?;
    let settings = Settings::load(global.config_file(), &sources(), Foreign::Refuse)?;
    let deployment = Deployment::find(global).await?;
    require_readable(&references(&text)?, deployment.secrets_prefix())?;
    let stored = deployment.stored().await?;
    let difference =
        Difference::between(stored.as_ref().map_or("", |stored| stored.text.as_str()), &text);
    let same = stored.as_ref().is_some_and(|stored| stored.text == text);
    if !same {
        upload(&deployment, stored.as_ref(), &text).await?;
    }
    let place = deployment.settings_place()?;
    let idle = off(&settings, &deployment);
    if global.json {
        say_json(
            &json!({ "place": place, "uploaded": !same, "difference": difference, "off": idle }),
        )?;
    } else if same {
        say(format!("{place} has these settings already"));
    } else {
        say(format!("{place} is up to date"));
        difference.lines().iter().for_each(say);
    }
    for (connection, system) in &idle {
        tell(&format!(
            "warning: nobody reads {connection}: deploy with {}=on",
            system_parameter(system)
        ));
    }
    if !same {
        tell(
            "functions take it up with their next run; those that are running look once a minute\n\
             next: tributary check --aws",
        );
    }
    Ok(Exit::Success)
}

/// Refuses settings by which a function could not work: they would be found out by an alarm.
fn require_readable(references: &[Reference], prefix: &str) -> Result<(), Failure> {
    if !references.iter().any(|reference| reference.field == IDENTITY_KEY) {
        return Err(Failure::misuse(
            "identity_key is missing: without it nobody is recognised",
            format!(
                "write identity_key = {{ secret = \"{prefix}/identity-key\" }} at the top; \
                 `tributary secrets put identity-key` makes it"
            ),
        ));
    }
    let mut wrong = references.iter().filter_map(|reference| {
        reference.unreadable(prefix).map(|why| (why, reference.advice(prefix)))
    });
    let Some((why, advice)) = wrong.next() else { return Ok(()) };
    let more = match wrong.count() {
        0 => String::new(),
        count => format!(" (and {count} more like it)"),
    };
    Err(Failure::misuse(format!("{why}{more}"), advice))
}

/// Connections of systems that the stack does not run, with these systems.
fn off(settings: &Settings, deployment: &Deployment) -> Vec<(String, &'static str)> {
    let connections = settings.connections.values();
    let off = connections.filter(|connection| !deployment.runs(connection.source.system));
    off.map(|connection| (connection.name.clone(), connection.source.system)).collect()
}

/// Puts the settings in place of those that were read, and of no others.
async fn upload(
    deployment: &Deployment,
    stored: Option<&Stored>,
    text: &str,
) -> Result<(), Failure> {
    let client = aws_sdk_s3::Client::new(&deployment.aws);
    let put: PutObjectFluentBuilder = client
        .put_object()
        .bucket(deployment.names()?.bucket)
        .key(deployment.config_key())
        .content_type("application/toml")
        .body(text.as_bytes().to_vec().into());
    let put = match stored {
        Some(stored) => put.if_match(&stored.etag),
        None => put.if_none_match("*"),
    };
    let place = deployment.settings_place()?;
    put.send().await.map(drop).map_err(|error| {
        let refusal = Refusal::of_sdk(&error);
        if refusal.code == "PreconditionFailed" {
            return Failure::failed(
                format!("somebody else has just changed {place}"),
                "push again, after a look at what they changed",
            );
        }
        refusal.during(&format!("writing {place}"))
    })
}
