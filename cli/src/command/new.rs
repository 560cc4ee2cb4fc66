//! `tributary new`: the skeleton of a connector, to be filled in with facts.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::arguments::{Global, New};
use crate::display::{say, say_json};
use crate::failure::{Exit, Failure};
use crate::log::tell;
use crate::sources::sources;

/// The skeleton of the source `acme` of the system `helpdesk`, which the tests compile and run as it stands.
const CONNECTOR: &str = include_str!("../skeleton/acme.rs");
const TEST: &str = include_str!("../skeleton/test.rs");
const FIXTURE: &str = include_str!("../skeleton/first.json");

const EXAMPLE: &str = "write for example `tributary new helpdesk/freshdesk`";

pub(crate) fn run(global: &Global, new: &New) -> Result<Exit, Failure> {
    let (system, source) = split(&new.connector)?;
    let functions = checkout()?.join("functions");
    let function = functions.join(system);
    if !function.join("src/lib.rs").is_file() {
        return Err(Failure::misuse(
            format!("there is no system {system:?} in {}", functions.display()),
            format!(
                "one of {}; a new system begins as a copy of functions/helpdesk",
                systems(&functions).join(", ")
            ),
        ));
    }
    let files = [
        (function.join(format!("src/{source}.rs")), render(CONNECTOR, system, source)),
        (function.join(format!("tests/{source}.rs")), render(TEST, system, source)),
        (function.join(format!("tests/fixtures/{source}/people/first.json")), FIXTURE.to_owned()),
    ];
    // All or nothing: half a skeleton beside somebody's work would be worse than none.
    let taken = files.iter().find(|(path, _)| path.exists());
    if sources().iter().any(|known| known.facts().name == source) || taken.is_some() {
        let where_ = taken
            .map_or_else(|| "in this build".to_owned(), |(path, _)| path.display().to_string());
        return Err(Failure::misuse(
            format!("{source} exists already: {where_}"),
            "choose another name, or go on with that one",
        ));
    }
    for (path, text) in &files {
        write(path, text)?;
    }
    let paths: Vec<&PathBuf> = files.iter().map(|(path, _)| path).collect();
    if global.json {
        say_json(&json!({ "written": paths }))?;
    } else {
        for path in paths {
            say(format!("wrote {}", path.display()));
        }
    }
    let title = title(source);
    tell(&format!(
        "next:\n  \
         1. in functions/{system}/src/lib.rs add `pub mod {source};`, and `&{source}::{title}` to SOURCES\n  \
         2. cargo nextest run -p {system} {source}\n  \
         3. replace each TODO in functions/{system}/src/{source}.rs by what the vendor documents, with the page that says so\n  \
         4. put real answers (of invented people) beside tests/fixtures/{source}/people/first.json, and name them in the test\n  \
         5. give it an example in cli/src/examples/{source}.toml and cli/src/sources.rs, then `tributary streams {source}`"
    ));
    Ok(Exit::Success)
}

/// `system/source`, both fit to name modules and to stand in keys.
fn split(connector: &str) -> Result<(&str, &str), Failure> {
    let named = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_lowercase())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    match connector.split_once('/') {
        Some((system, source)) if named(system) && named(source) => Ok((system, source)),
        Some(_) => Err(Failure::misuse(
            format!("{connector:?}: names are made of a–z, 0–9 and _"),
            EXAMPLE,
        )),
        None => Err(Failure::misuse(
            format!("{connector:?} does not name a system and a source"),
            EXAMPLE,
        )),
    }
}

/// The nearest folder above that is a checkout of Tributary.
fn checkout() -> Result<PathBuf, Failure> {
    let here = std::env::current_dir().unwrap_or_default();
    let is_root = |folder: &&Path| {
        folder.join("Cargo.toml").is_file() && folder.join("shared/src/connector.rs").is_file()
    };
    here.ancestors().find(is_root).map(Path::to_owned).ok_or_else(|| {
        Failure::misuse(
            format!("{} is not in a checkout of Tributary", here.display()),
            "a connector is part of the program: clone the repository, and run this inside of it",
        )
    })
}

fn systems(functions: &Path) -> Vec<String> {
    let found = fs::read_dir(functions).into_iter().flatten().flatten();
    let mut names: Vec<String> = found
        .filter(|entry| entry.path().join("src/lib.rs").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn title(source: &str) -> String {
    source
        .split('_')
        .map(|word| word[..1.min(word.len())].to_uppercase() + word.get(1..).unwrap_or_default())
        .collect()
}

fn render(template: &str, system: &str, source: &str) -> String {
    template
        .replace("helpdesk", system)
        .replace("Acme", &title(source))
        .replace("ACME", &source.to_uppercase())
        .replace("acme", source)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).and_then(|()| fs::write(path, text)).map_err(|error| {
        Failure::misuse(
            format!("{} cannot be written: {error}", path.display()),
            "run this where you may write",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skeleton_carries_its_own_names_only() {
        for template in [CONNECTOR, TEST] {
            let text = render(template, "crm", "sugar_crm").to_lowercase();
            assert!(!text.contains("acme") && !text.contains("helpdesk"));
        }
        let connector = render(CONNECTOR, "crm", "sugar_crm");
        assert!(
            connector.contains("pub struct SugarCrm;") && connector.contains("name: \"sugar_crm\"")
        );
    }

    #[test]
    fn names_that_cannot_be_modules_are_refused() {
        for wrong in [
            "helpdesk",
            "helpdesk/",
            "help desk/x",
            "helpdesk/Acme",
            "helpdesk/a/b",
            "../x",
            "helpdesk/9x",
        ] {
            assert!(split(wrong).is_err(), "{wrong}");
        }
        assert!(split("helpdesk/fresh_desk2").is_ok());
    }
}
