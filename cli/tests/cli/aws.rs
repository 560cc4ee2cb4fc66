//! `--aws` before there is any AWS: first files, and what is missing.

use std::path::Path;

use tempfile::TempDir;

use crate::home::{Ran, run, tributary};

async fn in_folder(folder: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Ran {
    let mut command = tributary(folder, arguments);
    // Nobody is asked for credentials who answers late.
    command.env("AWS_EC2_METADATA_DISABLED", "true").envs(env.iter().copied());
    run(command).await
}

const REGION: (&str, &str) = ("AWS_REGION", "eu-central-1");

fn read(folder: &TempDir, file: &str) -> String {
    std::fs::read_to_string(folder.path().join(file)).unwrap()
}

#[tokio::test]
async fn the_first_files_of_a_deployment() {
    let folder = TempDir::new().unwrap();
    let arguments =
        ["init", "--aws", "--source", "zendesk,square", "--alarm-email", "ops@acme.example"];
    let ran = in_folder(folder.path(), &arguments, &[REGION]).await.expect(0);
    assert_eq!(ran.out, "wrote ./tributary.toml and ./samconfig.toml\n");
    insta::assert_snapshot!("what_to_do_next", ran.err);
    insta::assert_snapshot!("samconfig", read(&folder, "samconfig.toml"));
    let settings = read(&folder, "tributary.toml");
    insta::assert_snapshot!("settings", settings.split_once("# Other sources").unwrap().0);

    let again = in_folder(folder.path(), &["init", "--aws"], &[REGION]).await;
    again.expect_error(2, &["exist already and are left as they are"]);
    assert_eq!(read(&folder, "tributary.toml"), settings);
}

#[tokio::test]
async fn settings_that_are_there_decide_which_systems_are_deployed() {
    let folder = TempDir::new().unwrap();
    let settings = "[connections.till]\nsource = \"square\"\naccess_token = { env = \"TILL\" }\n";
    std::fs::write(folder.path().join("tributary.toml"), settings).unwrap();
    let ran = in_folder(folder.path(), &["init", "--aws=shop", "--json"], &[]).await.expect(0);
    assert_eq!(
        ran.json(),
        serde_json::json!({ "wrote": ["./samconfig.toml"], "systems": ["pos"] })
    );
    let sam = read(&folder, "samconfig.toml");
    assert!(sam.contains("stack_name = \"shop\"") && sam.contains("'Pos=\"on\"'"), "{sam}");
    assert_eq!(read(&folder, "tributary.toml"), settings);
}

#[tokio::test]
async fn wrong_answers_write_nothing() {
    let folder = TempDir::new().unwrap();
    let refused: [(&[&str], &str); 4] = [
        (&["init", "--aws", "--source", "zendsk"], "\"zendsk\""),
        (&["init", "--aws", "--alarm-email", "nobody"], "no email address"),
        (&["init", "--aws=a stack"], "is not the name of a stack"),
        (&["demo", "--aws"], "on this machine only"),
    ];
    for (arguments, says) in refused {
        in_folder(folder.path(), arguments, &[]).await.expect_error(2, &[says]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{arguments:?}");
    }
    // Its own options are for deployments only.
    let laptop = in_folder(folder.path(), &["init", "--source", "zendesk"], &[]).await;
    laptop.expect_error(2, &["--source and --alarm-email are for deployments", "add --aws"]);
}

#[tokio::test]
async fn what_is_missing_on_this_machine_is_said() {
    let folder = TempDir::new().unwrap();
    for command in
        [&["status"][..], &["check"], &["sync"], &["query", "SELECT 1"], &["backfill", "desk"]]
    {
        let arguments = [command, &["--aws"]].concat();
        let ran = in_folder(folder.path(), &arguments, &[]).await;
        ran.expect_error(2, &["no AWS region is set", "AWS_REGION"]);
        let ran = in_folder(folder.path(), &arguments, &[REGION]).await;
        ran.expect_error(2, &["there are no AWS credentials", "export-credentials"]);
    }
    std::fs::write(
        folder.path().join("samconfig.toml"),
        "[default.deploy.parameters]\nregion = \"eu-west-1\"\n",
    )
    .unwrap();
    let ran = in_folder(folder.path(), &["secrets", "list"], &[]).await;
    ran.expect_error(2, &["there are no AWS credentials"]);
}
