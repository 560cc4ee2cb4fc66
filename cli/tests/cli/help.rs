//! Help, schema and reference pages: what people read before they do anything.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::home::{Ran, run, tributary};

async fn anywhere(arguments: &[&str]) -> Ran {
    let folder = TempDir::new().unwrap();
    run(tributary(folder.path(), arguments)).await
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

#[tokio::test]
async fn the_help_teaches() {
    insta::assert_snapshot!(anywhere(&["--help"]).await.expect(0).out);
    for command in [
        "demo",
        "init",
        "check",
        "streams",
        "preview",
        "plan",
        "sync",
        "serve",
        "customer",
        "status",
        "replay",
        "schema",
        "new",
        "tables",
        "recognise",
        "resolve",
        "pipe",
        "query",
        "athena-ddl",
        "backfill",
        "config push",
        "secrets list",
        "secrets put",
    ] {
        let arguments: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let help = anywhere(&arguments).await.expect(0).out;
        assert!(
            help.contains(&format!("tributary {command}")) && help.contains("Example"),
            "{help}"
        );
    }
}

#[tokio::test]
async fn the_schema_is_one_for_people_and_machines() {
    let all = anywhere(&["schema", "--json"]).await.expect(0).json();
    let ticket = anywhere(&["schema", "ticket", "--json"]).await.expect(0).json();
    assert_eq!(all["ticket"], ticket);
    assert_eq!(ticket["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let listed = anywhere(&["schema"]).await.expect(0).out;
    assert!(all.as_object().unwrap().keys().all(|table| listed.contains(table)));
    assert!(anywhere(&["schema", "ticket"]).await.expect(0).out.contains("first_reply_at"));
    let page = anywhere(&["schema", "--markdown"]).await.expect(0).out;
    assert_eq!(
        page.trim_end(),
        std::fs::read_to_string(repository("docs/schema.md")).unwrap().trim_end()
    );
}

#[tokio::test]
async fn sources_tell_what_is_known_about_them() {
    let listed = anywhere(&["streams"]).await.expect(0);
    assert!(listed.out.contains("Zendesk Support") && listed.out.contains("ticket_events"));
    let told = anywhere(&["streams", "zendesk", "-v"]).await.expect(0).out;
    assert!(told.contains("developer.zendesk.com"), "{told}");
    let document = anywhere(&["streams", "--json"]).await.expect(0).json();
    let sources = document["sources"].as_array().unwrap();
    let zendesk = sources.iter().find(|source| source["name"] == "zendesk").expect("a source");
    assert_eq!(zendesk["streams"].as_array().unwrap().len(), 7);
    assert!(zendesk["settings_schema"]["properties"]["email"].is_object());
}

/// `UPDATE_DOCS=1` writes the pages anew.
#[tokio::test]
async fn the_pages_of_sources_are_true() {
    let document = anywhere(&["streams", "--json"]).await.expect(0).json();
    for source in document["sources"].as_array().unwrap() {
        let name = source["name"].as_str().unwrap();
        let page = anywhere(&["streams", name, "--markdown"]).await.expect(0).out;
        let path = repository(&format!("docs/connectors/{name}.md"));
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &page).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == page,
            "{} is not up to date: run this test with UPDATE_DOCS=1",
            path.display()
        );
    }
}
