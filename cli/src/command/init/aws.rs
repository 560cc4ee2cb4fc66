//! `tributary init --aws`: how the SAM CLI is to deploy, and settings whose secrets are in Secrets Manager.

use std::collections::BTreeSet;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use serde_json::json;
use shared::config::{AnySource, Foreign, Settings};

use super::{commented, unwritable, write_new};
use crate::arguments::{Global, Init};
use crate::aws::samconfig::{self, FILE};
use crate::aws::{STACK, stack_name, system_parameter};
use crate::display::{say, say_json};
use crate::failure::{Exit, Failure};
use crate::log::tell;
use crate::sources::{example, source, sources};

/// What begins the settings of a deployment.
const HEAD: &str = "\
# Tributary's settings in AWS. Secrets never stand here: { secret = \"name\", key = \"field\" } says where each one is in
# Secrets Manager. A secret is named after the function that reads it, which may read no other; `tributary secrets put
# CONNECTION` asks for its values. `tributary config push` brings this file to the functions.

# Addresses and the like become keys under it. Made once (`tributary secrets put identity-key`), never changed.
identity_key = { secret = \"tributary/identity-key\" }
";

pub(crate) async fn run(global: &Global, init: &Init) -> Result<Exit, Failure> {
    let (settings, sam) = (init.dir.join("tributary.toml"), init.dir.join(FILE));
    let (has_settings, has_sam) = (settings.exists(), sam.exists());
    if has_settings && has_sam {
        return Err(Failure::misuse(
            format!(
                "{} and {} exist already and are left as they are",
                settings.display(),
                sam.display()
            ),
            "edit them; `sam deploy --guided` asks for every parameter",
        ));
    }
    // All answers first: nothing is written by half.
    let mut files = Vec::new();
    let configured = if has_settings {
        Settings::load(&settings, &sources(), Foreign::Refuse)?
    } else {
        let wanted = if init.source.is_empty() { ask_sources()? } else { named(&init.source)? };
        let text = settings_for(&wanted);
        let configured = Settings::parse(&text, "", &sources(), Foreign::Refuse)?;
        files.push((&settings, text));
        configured
    };
    let connections = configured.connections.values();
    let systems: BTreeSet<&str> = connections.map(|connection| connection.source.system).collect();
    if !has_sam {
        let mail = match &init.alarm_email {
            Some(mail) => mail.clone(),
            None => ask("Who gets mail when an alarm goes off? (Enter: nobody) ")?,
        };
        let parameters = parameters(&systems, &mail)?;
        let stack = stack_to_make(global)?;
        let region = crate::aws::config().await.region().map(ToString::to_string);
        files.push((&sam, samconfig::write(&stack, region.as_deref(), &parameters)));
    }
    std::fs::create_dir_all(&init.dir).map_err(|error| unwritable(&init.dir, &error))?;
    let mut wrote = Vec::new();
    for (path, text) in &files {
        if write_new(path, text)? {
            wrote.push(path.display().to_string());
        }
    }
    if global.json {
        say_json(&json!({ "wrote": wrote, "systems": systems }))?;
    } else {
        say(format!("wrote {}", wrote.join(" and ")));
    }
    next(&init.dir, &settings, configured.connections.keys());
    Ok(Exit::Success)
}

fn next<'n>(folder: &Path, settings: &Path, connections: impl Iterator<Item = &'n String>) {
    let here = folder == Path::new(".");
    let config = if here { String::new() } else { format!(" --config {}", settings.display()) };
    let secrets: Vec<String> = ["identity-key"]
        .into_iter()
        .chain(connections.map(String::as_str))
        .map(|name| format!("tributary{config} secrets put {name}"))
        .collect();
    tell(&format!(
        "next:\n  \
         1. write the accounts' addresses into {}\n  \
         2. sam build && sam deploy\n  \
         3. {}\n  \
         4. tributary{config} config push\n  \
         5. tributary check --aws",
        settings.display(),
        secrets.join("\n     ")
    ));
}

/// The stack that is named, or asked for on a terminal.
fn stack_to_make(global: &Global) -> Result<String, Failure> {
    if global.aws.as_deref() != Some("") {
        return stack_name(global);
    }
    let asked = ask(&format!("What is the stack to be called? (Enter: {STACK}) "))?;
    stack_name(&Global { aws: Some(asked), ..global.clone() })
}

/// Switches on what the connections need; what has its default is left out.
fn parameters(
    systems: &BTreeSet<&str>,
    alarm_email: &str,
) -> Result<Vec<(String, String)>, Failure> {
    let mut parameters: Vec<(String, String)> =
        systems.iter().map(|system| (system_parameter(system), "on".to_owned())).collect();
    if !alarm_email.is_empty() {
        let strange = |character: char| character.is_whitespace() || "\"'\\=".contains(character);
        if !alarm_email.contains('@') || alarm_email.contains(strange) {
            return Err(Failure::misuse(
                "the address for alarms is no email address",
                "write for example --alarm-email ops@acme.example",
            ));
        }
        parameters.push(("AlarmEmail".to_owned(), alarm_email.to_owned()));
    }
    Ok(parameters)
}

fn ask_sources() -> Result<Vec<&'static dyn AnySource>, Failure> {
    let known: Vec<&str> = sources().iter().map(|source| source.facts().name).collect();
    let answer = ask(&format!(
        "Which sources do you have? One or more of {} (Enter: zendesk) ",
        known.join(", ")
    ))?;
    let names: Vec<String> =
        answer.split([',', ' ']).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    if names.is_empty() { named(&["zendesk".to_owned()]) } else { named(&names) }
}

fn named(names: &[String]) -> Result<Vec<&'static dyn AnySource>, Failure> {
    names.iter().map(|name| source(name)).collect()
}

/// Asks on a terminal; elsewhere there is no answer.
fn ask(question: &str) -> Result<String, Failure> {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Ok(String::new());
    }
    let mut answer = String::new();
    let asked =
        write!(io::stderr(), "{question}").and_then(|()| io::stdin().lock().read_line(&mut answer));
    asked.map_err(|error| {
        Failure::failed(
            format!("no answer can be read: {error}"),
            "say it with --source and --alarm-email",
        )
    })?;
    Ok(answer.trim().to_owned())
}

/// The sources' examples with their secrets in Secrets Manager; those of the others as comments.
fn settings_for(wanted: &[&'static dyn AnySource]) -> String {
    let is_wanted = |name: &str| wanted.iter().any(|source| source.facts().name == name);
    let (with, without): (Vec<_>, Vec<_>) =
        sources().into_iter().partition(|source| is_wanted(source.facts().name));
    let mut settings = HEAD.to_owned();
    for source in with {
        settings.push('\n');
        settings += &in_secrets_manager(source);
    }
    settings += "\n# Other sources: take the # away from the lines of those that you have.\n";
    for source in without {
        settings.push('\n');
        settings += &commented(&in_secrets_manager(source));
    }
    settings
}

/// A source's example, in which each `field = { env = "…" }` has become the secret of the function that reads it.
fn in_secrets_manager(source: &dyn AnySource) -> String {
    const ENV: &str = "{ env = \"";
    let example = example(source.facts());
    let system = source.facts().system;
    let connection = example.split_once("[connections.").and_then(|(_, rest)| rest.split_once(']'));
    let connection = connection.map_or("", |(name, _)| name);
    let mut written = String::new();
    let mut rest = example;
    while let Some((before, after)) = rest.split_once(ENV) {
        let Some((_, after)) = after.split_once('}') else { break };
        written += before;
        let field = before.trim_end_matches([' ', '=', '[']).rsplit([' ', '\n', '{', '#']).next();
        let (kind, key) = match field.unwrap_or_default() {
            "webhook_secrets" => ("webhook", "current"),
            field => ("sync", field),
        };
        let name = format!("tributary/{system}-{kind}/{connection}");
        written.extend(["{ secret = \"", &name, "\", key = \"", key, "\" }"]);
        rest = after;
    }
    written + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::references::references;

    #[test]
    fn every_sources_first_settings_are_valid_and_readable_by_the_functions() {
        for source in sources() {
            let settings = settings_for(&[source]);
            let name = source.facts().name;
            let parsed = Settings::parse(&settings, "", &sources(), Foreign::Refuse).expect(name);
            assert_eq!(parsed.connections.len(), 1, "{name}");
            let found = references(&settings).expect(name);
            assert!(found.len() > 1, "{name} has secrets");
            for reference in found {
                assert_eq!(reference.unreadable("tributary"), None, "{name}");
            }
            assert!(!settings.contains("{ env ="), "{name}: {settings}");
        }
    }

    #[test]
    fn a_secret_has_the_name_of_its_function_and_the_key_of_its_field() {
        let zendesk = source("zendesk").expect("a source");
        insta::assert_snapshot!(in_secrets_manager(zendesk));
        let all = settings_for(&sources());
        let parsed = Settings::parse(&all, "", &sources(), Foreign::Refuse).expect("valid");
        assert_eq!(parsed.connections.len(), sources().len());
    }

    #[test]
    fn what_the_connections_need_is_switched_on() {
        let parameters = parameters(&["helpdesk", "pos"].into(), "ops@acme.example").expect("good");
        let parameters: Vec<String> =
            parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(parameters, ["Helpdesk=on", "Pos=on", "AlarmEmail=ops@acme.example"]);
        assert!(super::parameters(&BTreeSet::new(), "nobody").is_err());
    }
}
