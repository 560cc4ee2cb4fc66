//! `tributary init`: a first settings file, with comments.

pub(super) mod aws;

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use serde_json::json;

use crate::arguments::{Global, Init};
use crate::display::{say, say_json};
use crate::failure::{Exit, Failure};
use crate::log::tell;
use crate::sources::{example, sources};

const SETTINGS: &str = include_str!("../examples/tributary.toml");
const SECRETS: &str = include_str!("../examples/env.example");

pub(crate) fn run(global: &Global, init: &Init) -> Result<Exit, Failure> {
    if !init.source.is_empty() || init.alarm_email.is_some() {
        return Err(Failure::misuse(
            "--source and --alarm-email are for deployments in AWS",
            "add --aws; without it, every source has its example in the file",
        ));
    }
    std::fs::create_dir_all(&init.dir).map_err(|error| unwritable(&init.dir, &error))?;
    let settings = init.dir.join("tributary.toml");
    let secrets = init.dir.join(".env.example");
    if !write_new(&settings, &first_settings())? {
        return Err(Failure::misuse(
            format!("{} exists already and is left as it is", settings.display()),
            "edit it, or name another folder: `tributary init DIR`",
        ));
    }
    write_new(&secrets, SECRETS)?;
    if global.json {
        say_json(&json!({ "settings": settings, "secrets": secrets }))?;
    } else {
        say(format!("wrote {} and {}", settings.display(), secrets.display()));
    }
    let here = init.dir == Path::new(".");
    let config = if here { String::new() } else { format!(" --config {}", settings.display()) };
    tell(&format!(
        "next:\n  \
         1. write the account's address into {}\n  \
         2. put the secrets into the environment: cp {} .env, fill it in, `set -a; . ./.env; set +a`\n  \
         3. tributary{config} check\n  \
         4. tributary{config} preview helpdesk/tickets\n  \
         5. tributary{config} sync",
        settings.display(),
        secrets.display()
    ));
    Ok(Exit::Success)
}

/// A helpdesk to begin with, and every other source's example as a comment.
fn first_settings() -> String {
    let mut settings = SETTINGS.to_owned();
    settings += "\n# Other sources: take the # away from the lines of those that you have.\n";
    for source in sources().iter().filter(|source| source.facts().name != "zendesk") {
        settings.push('\n');
        settings += &commented(example(source.facts()));
    }
    settings
}

/// An example as a comment. Words stay words, which are told by their space.
fn commented(example: &str) -> String {
    let mut commented = String::new();
    for line in example.lines() {
        let mark = if line.starts_with("# ") || line.is_empty() { "" } else { "#" };
        commented.extend([mark, line, "\n"]);
    }
    commented
}

/// Writes a file unless there is one; whether it did.
fn write_new(path: &Path, text: &str) -> Result<bool, Failure> {
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(unwritable(path, &error)),
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::misuse(
        format!("{} cannot be written: {error}", path.display()),
        "choose a folder that this user may write to",
    )
}

#[cfg(test)]
mod tests {
    use shared::config::{Foreign, Settings};

    use super::*;

    #[test]
    fn the_first_settings_are_valid_and_so_is_what_they_comment_out() {
        let settings = first_settings();
        let settings = Settings::parse(&settings, "", &sources(), Foreign::Refuse).expect("valid");
        assert_eq!(settings.connections.keys().collect::<Vec<_>>(), ["helpdesk"]);
        // Commented settings begin with `#` and no space; words have one.
        let written = first_settings();
        let all: Vec<&str> = written.lines().map(uncommented).collect();
        let settings =
            Settings::parse(&all.join("\n"), "", &sources(), Foreign::Refuse).expect("valid, too");
        assert!(settings.store.is_some());
        assert!(settings.connections["helpdesk"].common.start.is_some());
        assert_eq!(settings.connections.len(), sources().len(), "every source has its example");
    }

    fn uncommented(line: &str) -> &str {
        line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line)
    }
}
