//! Wrong settings and wrong use: one clear line, a hint, exit code 2.

use crate::home::{Home, run, tributary};

#[tokio::test(flavor = "multi_thread")]
async fn wrong_settings_are_named_without_repeating_secrets() {
    let home = Home::new().await;
    let good = home.settings();
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "email =",
            "emial =",
            &["connections.desk", "unknown key \"emial\"", "did you mean \"email\""],
        ),
        (
            "token = { env = \"DESK_TOKEN\" }",
            "token = \"in-plain-sight\"",
            &["do not belong in the settings file", "{ env ="],
        ),
        ("\"zendesk\"", "\"zendsk\"", &["unknown source \"zendsk\"", "did you mean \"zendesk\""]),
        ("http://127.0.0.1", "http://acme.zendesk.com", &["https://"]),
        ("[connections.desk]", "[connections.Desk]", &["a–z"]),
        ("pace =", "streams = [\"tickts\"]\npace =", &["unknown stream \"tickts\"", "tickets"]),
        ("source =", "source ", &["line 2"]),
    ];
    for (from, to, says) in cases {
        home.write(&good.replace(from, to));
        let ran = home.run(&["sync"]).await;
        assert!(!ran.err.contains("in-plain-sight"));
        ran.expect_error(2, says);
    }
    home.write("");
    home.run(&["sync"]).await.expect_error(2, &["no connection", "[connections.NAME]"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_secret_is_named_before_anything_is_asked() {
    let home = Home::new().await;
    for arguments in [&["sync"][..], &["serve", "--listen", "127.0.0.1:0"]] {
        let mut command = home.command(arguments);
        command.env_remove("DESK_TOKEN");
        run(command).await.expect_error(2, &["DESK_TOKEN is not set", "export it"]);
    }
    let mut command = home.command(&["check"]);
    command.env_remove("DESK_TOKEN");
    let checked = run(command).await.expect(2);
    assert!(
        checked.out.contains("✗ desk: credentials in the environment variable DESK_TOKEN"),
        "{}",
        checked.out
    );
    assert!(home.simulator.zendesk().requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_written_is_named() {
    let home = Home::new().await;
    std::fs::write(home.folder.path().join("taken"), "").unwrap();
    home.run(&["sync", "--data", "taken"])
        .await
        .expect_error(2, &["taken", "choose another data folder"]);
    home.run(&["demo", "--data", "taken"]).await.expect_error(2, &["taken", "--data"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_names_on_the_command_line_say_which_there_are() {
    let home = Home::new().await;
    home.run(&["sync", "dask"]).await.expect_error(2, &["\"dask\"", "desk"]);
    home.run(&["status", "desk/tickts"]).await.expect_error(2, &["\"tickts\"", "tickets"]);
    home.run(&["streams", "zendsk"]).await.expect_error(2, &["\"zendsk\"", "zendesk"]);
    home.run(&["schema", "tikcet"]).await.expect_error(2, &["\"tikcet\"", "ticket"]);
    for wrong in [&["snyc"][..], &["sync", "--budget", "soon"], &["sync", "--budgte", "1m"], &[]] {
        let ran = home.run(wrong).await.expect(2);
        assert_eq!(ran.out, "");
    }
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let home = Home::new().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    run(tributary(home.folder.path(), &["serve", "--listen", &address]))
        .await
        .expect_error(2, &[&address, "--listen"]);
}
