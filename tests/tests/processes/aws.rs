//! A deployment as its operator meets it: `tributary … --aws` against stand-ins of AWS, by the environment alone.

use std::process::Output;
use std::time::Duration;

use e2e::account::store_names;
use e2e::fake_aws::{Failure, Script};
use e2e::lambda_runtime::schedule_event;
use e2e::process::cloud::Cloud;
use e2e::process::terminate;
use e2e::stand::settled;
use serde_json::{Value, json};
use simulator::zendesk::NewTicket;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

const MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:acme-backfill";

/// What a command said.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }

    /// One error that says all of this, and a hint.
    fn expect_error(self, code: i32, says: &[&str]) {
        let ran = self.expect(code);
        for text in says {
            assert!(ran.err.contains(text), "{text:?} is not in:\n{}", ran.err);
        }
        let lines: Vec<&str> = ran.err.lines().collect();
        assert!(
            matches!(lines[..], [error, hint] if error.starts_with("error: ") && hint.starts_with("hint: ")),
            "{}",
            ran.err
        );
        assert_eq!(ran.out, "");
    }
}

async fn ended(mut command: Command, stdin: &str) -> Ran {
    let mut child = command.spawn().expect("the command starts");
    let mut pipe = child.stdin.take().expect("stdin is piped");
    // A command that reads nothing may be gone before this is written.
    let _ = pipe.write_all(stdin.as_bytes()).await;
    drop(pipe);
    let output = tokio::time::timeout(Duration::from_mins(2), child.wait_with_output()).await;
    let Output { status, stdout, stderr } = output.expect("it ends").expect("it can be waited for");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Ran { code: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }
}

/// Runs a command; whatever it says, it never says a secret.
async fn run_with(cloud: &Cloud, arguments: &[&str], stdin: &str) -> Ran {
    let ran = ended(cloud.tributary(arguments), stdin).await;
    let key = cloud.aws.secret("tributary/identity-key").unwrap_or_else(|| "none yet".to_owned());
    for secret in [cloud.desk().api_token(), cloud.desk().webhook_secret(), key.as_str()] {
        let said = ran.out.contains(secret) || ran.err.contains(secret);
        assert!(!said, "{arguments:?} prints a secret");
    }
    ran
}

async fn run(cloud: &Cloud, arguments: &[&str]) -> Ran {
    run_with(cloud, arguments, "").await
}

async fn bare() -> Cloud {
    Cloud::bare(simulator::Settings { people: 12, ..settled() }).await
}

fn deploy(cloud: &Cloud, stack: &str) {
    let names = store_names();
    cloud.aws.set_stack(
        stack,
        &[("Helpdesk", "on"), ("Email", "off"), ("KmsKeyArn", ""), ("SecretsPrefix", "tributary")],
        &[
            ("BucketName", &names.bucket),
            ("CustomersTableName", &names.customers_table),
            ("StateTableName", &names.state_table),
            ("BackfillArn", MACHINE),
            ("WebhookUrl", "https://acme.example/webhooks"),
        ],
    );
}

/// The settings of an operator whose helpdesk is the simulated one.
fn settings(cloud: &Cloud) -> String {
    format!(
        "identity_key = {{ secret = \"tributary/identity-key\" }}\n\n\
         [connections.helpdesk]\nsource = \"zendesk\"\nbase_url = {:?}\nemail = {:?}\npace = \"unlimited\"\n\
         token = {{ secret = \"tributary/helpdesk-sync/helpdesk\", key = \"token\" }}\n\
         webhook_secrets = [{{ secret = \"tributary/helpdesk-webhook/helpdesk\", key = \"current\" }}]\n",
        cloud.desk().base_url(),
        cloud.desk().email(),
    )
}

fn write_settings(cloud: &Cloud, settings: &str) {
    std::fs::write(cloud.folder().join("tributary.toml"), settings).expect("they are written");
}

/// A deployment with settings and secrets, made without the command.
async fn deployed() -> Cloud {
    let cloud = bare().await;
    deploy(&cloud, "tributary");
    put_secrets(&cloud);
    cloud.put_settings(&settings(&cloud)).await;
    cloud
}

fn put_secrets(cloud: &Cloud) {
    let set = |name: &str, text: &str| cloud.aws.set_secret(name, text);
    set("tributary/identity-key", &"0123456789abcdef".repeat(4));
    let token = json!({ "token": cloud.desk().api_token() });
    set("tributary/helpdesk-sync/helpdesk", &token.to_string());
    let signing = json!({ "current": cloud.desk().webhook_secret() });
    set("tributary/helpdesk-webhook/helpdesk", &signing.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn from_init_to_status_by_the_command_alone() {
    let cloud = bare().await;
    let begun = run(&cloud, &["init", "--aws=acme", "--source", "zendesk"]).await.expect(0);
    assert!(begun.err.contains("tributary secrets put helpdesk"), "{}", begun.err);
    // From here on the stack's name is known by samconfig.toml.
    run(&cloud, &["check", "--aws"])
        .await
        .expect_error(2, &["no stack acme in us-east-1", "--aws=STACK"]);
    deploy(&cloud, "acme");
    write_settings(&cloud, &settings(&cloud));

    run(&cloud, &["status", "--aws"])
        .await
        .expect_error(2, &["no settings at s3://", "config push"]);
    let empty = run(&cloud, &["check", "--aws"]).await.expect(2);
    assert!(
        empty.out.contains("✗ settings s3://") && empty.out.contains("config push"),
        "{}",
        empty.out
    );
    let missing = run(&cloud, &["secrets", "list"]).await.expect(1);
    assert!(
        missing.err.contains("secrets put identity-key\nnext: tributary secrets put helpdesk"),
        "{}",
        missing.err
    );

    run(&cloud, &["secrets", "put", "identity-key"]).await.expect(0);
    let key = cloud.aws.secret("tributary/identity-key").expect("it is made");
    assert_eq!(key.len(), 64);
    run(&cloud, &["secrets", "put", "identity-key"])
        .await
        .expect_error(2, &["exists already and is never replaced"]);
    assert_eq!(cloud.aws.secret("tributary/identity-key").as_ref(), Some(&key));
    let secrets = json!({
        "token": cloud.desk().api_token(), "webhook_secrets.current": cloud.desk().webhook_secret(),
    });
    let put =
        run_with(&cloud, &["secrets", "put", "helpdesk", "--json"], &secrets.to_string()).await;
    assert_eq!(put.expect(0).json()["missing"], json!([]));
    let listed = run(&cloud, &["secrets", "list", "--json"]).await.expect(0).json();
    assert_eq!(listed["secrets"].as_array().expect("a list").len(), 3);

    let pushed = run(&cloud, &["config", "push", "--json"]).await.expect(0).json();
    assert_eq!(
        (&pushed["uploaded"], &pushed["difference"]["added"]),
        (&json!(true), &json!(["helpdesk"]))
    );
    let again = run(&cloud, &["config", "push"]).await.expect(0);
    assert!(again.out.contains("has these settings already"), "{}", again.out);

    let checked = run(&cloud, &["check", "--aws"]).await.expect(0);
    for line in [
        "✓ stack acme in us-east-1",
        "(the same as ./tributary.toml)",
        "✓ identity key in the secret tributary/identity-key",
        "✓ bucket tributary, tables tributary-state and tributary-customers",
        "✓ helpdesk: webhook secret in",
        "✓ helpdesk: webhook (the address is https://acme.example/webhooks/helpdesk/helpdesk)",
        "✓ helpdesk/tickets",
    ] {
        assert!(checked.out.contains(line), "{line:?} is not in:\n{}", checked.out);
    }
    let synced = run(&cloud, &["sync", "--aws", "--json"]).await.expect(0).json();
    let runs = synced["runs"].as_array().expect("runs");
    assert!(runs.iter().all(|run| run["outcome"] == "caught_up"), "{synced:#}");
    let status = run(&cloud, &["status", "--aws", "helpdesk", "--json"]).await.expect(0).json();
    assert_eq!(status["store"]["bucket"], store_names().bucket);
    assert!(status["connections"][0]["streams"][0]["caught_up_at"].is_string(), "{status:#}");
    let people =
        run(&cloud, &["query", "--aws", "SELECT count(*) AS n FROM person_record", "--json"]).await;
    let people = people.expect(0).json();
    assert_eq!(people[0]["n"], cloud.desk().truth().users.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_runs_takes_up_what_is_pushed_and_refuses_what_is_wrong() {
    let cloud = deployed().await;
    let watched = [("TRIBUTARY_SETTINGS", "watched")];
    let (function, door) =
        (cloud.spawn("helpdesk-sync", &watched), cloud.spawn("helpdesk-webhook", &watched));
    let streams = async || {
        let answer = function.invoke(&schedule_event(), Duration::from_mins(1)).await;
        let answer = answer.unwrap_or_else(|error| panic!("{error} {:#?}", function.logs()));
        answer["runs"].as_array().expect("runs").len()
    };
    cloud.desk().create_ticket(NewTicket {
        requester_id: *cloud.desk().truth().users.keys().next_back().expect("a user"),
        subject: "A bell".to_owned(),
        description: "It rings.".to_owned(),
        channel: "web",
        priority: None,
    });
    let delivery = cloud.desk().deliveries().pop().expect("a delivery tells of it");
    let status = async || {
        let request = cloud.request_to("helpdesk", &delivery);
        let answer = door.invoke(&request, Duration::from_mins(1)).await;
        answer.expect("an answer")["statusCode"].as_u64()
    };
    assert_eq!((streams().await, status().await), (7, Some(202)));

    write_settings(&cloud, &format!("{}streams = [\"users\"]\n", settings(&cloud)));
    let pushed = run(&cloud, &["config", "push"]).await.expect(0);
    assert!(pushed.out.contains("~ helpdesk (streams)"), "{}", pushed.out);
    assert_eq!((streams().await, status().await), (1, Some(202)));
    // Under another name the door knows nobody.
    write_settings(&cloud, &settings(&cloud).replace("connections.helpdesk", "connections.desk"));
    let pushed = run(&cloud, &["config", "push"]).await.expect(0);
    assert!(pushed.out.contains("+ desk\n- helpdesk"), "{}", pushed.out);
    assert_eq!((streams().await, status().await), (7, Some(401)));

    // Not by the command, which would have refused them.
    cloud.put_settings("[connections.desk").await;
    assert_eq!((streams().await, status().await), (7, Some(401)));
    for function in [&function, &door] {
        assert!(
            function.logs().join("\n").contains("new settings refused"),
            "{:#?}",
            function.logs()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_functions_could_not_use_are_not_pushed() {
    let cloud = bare().await;
    deploy(&cloud, "tributary");
    let good = settings(&cloud);
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "token = { secret = \"tributary/helpdesk-sync/helpdesk\", key = \"token\" }",
            "token = { env = \"TOKEN\" }",
            &[
                "connections.helpdesk.token is in the environment variable TOKEN, which functions cannot read",
                "write token = { secret = \"tributary/helpdesk-sync/helpdesk\", key = \"token\" }",
            ],
        ),
        (
            "tributary/helpdesk-sync/",
            "tributary/helpdesk/",
            &["which the policy of helpdesk-sync refuses", "tributary/helpdesk-sync/helpdesk"],
        ),
        (
            "tributary/helpdesk-webhook/",
            "tributary/helpdesk-sync/",
            &["which the policy of helpdesk-webhook refuses"],
        ),
        ("tributary/identity-key", "identity", &["which the policy of every function refuses"]),
        (
            "identity_key",
            "# identity_key",
            &["identity_key is missing", "secrets put identity-key"],
        ),
        ("email", "emial", &["unknown key \"emial\"", "did you mean"]),
        ("[connections.helpdesk]", "[connections.helpdesk", &["line 3"]),
    ];
    for (from, to, says) in cases {
        write_settings(&cloud, &good.replace(from, to));
        run(&cloud, &["config", "push"]).await.expect_error(2, says);
    }
    // Secrets are not written where no function may read them, either.
    write_settings(&cloud, &good.replace("helpdesk-sync/", "helpdesk/"));
    let put = run_with(&cloud, &["secrets", "put", "helpdesk", "--field", "token"], "x").await;
    put.expect_error(2, &["which the policy of helpdesk-sync refuses"]);
    assert_eq!(cloud.aws.calls("CreateSecret") + cloud.aws.calls("PutSecretValue"), 0);
    let bucket = store_names().bucket;
    let settings = cloud.stores().s3.get_object().bucket(bucket).key("tributary.toml").send().await;
    assert!(settings.is_err(), "nothing was uploaded");

    // A system that the stack does not run is told, and no reason to refuse.
    let shop = "\n[connections.list]\nsource = \"klaviyo\"\n\
                api_key = { secret = \"tributary/email-sync/list\", key = \"api_key\" }\n";
    write_settings(&cloud, &format!("{good}{shop}"));
    let pushed = run(&cloud, &["config", "push"]).await.expect(0);
    assert!(pushed.err.contains("nobody reads list: deploy with Email=on"), "{}", pushed.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_come_from_stdin_and_leave_others_as_they_are() {
    let cloud = deployed().await;
    let token = cloud.desk().api_token().to_owned();
    let name = "tributary/helpdesk-sync/helpdesk";
    cloud.aws.set_secret(name, r#"{"token":"old","note":"kept"}"#);
    let put = async |arguments: &[&str], stdin: &str| {
        run_with(&cloud, &[&["secrets", "put"], arguments].concat(), stdin).await
    };
    let typed = format!("{token}\n");
    let wrote = put(&["helpdesk", "--field", "token"], &typed).await.expect(0);
    assert_eq!(wrote.out, format!("wrote {name} (token)\n"));
    let secret: Value =
        serde_json::from_str(&cloud.aws.secret(name).expect("it is there")).expect("JSON");
    assert_eq!(secret, json!({ "token": token, "note": "kept" }));

    put(&["helpdesk", "--field", "tokn"], "x")
        .await
        .expect_error(2, &["\"tokn\"", "fields: token, webhook_secrets.current"]);
    put(&["helpdesk", "--field", "token"], "\n").await.expect_error(2, &["no value for token"]);
    put(&["helpdesk"], "hunter2").await.expect_error(2, &["no JSON object", "fields: token"]);
    put(&["helpdesk"], r#"{"token": 7}"#)
        .await
        .expect_error(2, &["the secret of token is empty, or no text"]);
    put(&["desk"], "{}").await.expect_error(2, &["\"desk\"", "identity-key, helpdesk"]);
    assert_eq!(put(&["helpdesk"], "{}").await.expect(0).out, "nothing is changed\n");
    cloud.aws.set_secret(name, "no object");
    put(&["helpdesk", "--field", "token"], "x").await.expect_error(2, &["is no JSON object"]);
    assert_eq!(cloud.aws.secret(name).as_deref(), Some("no object"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_aws_refuses_is_said_with_what_to_do() {
    let cloud = deployed().await;
    let refuse = |operation, failure| cloud.aws.fail_next(1, operation, failure);
    refuse("DescribeStacks", Failure::ExpiredToken);
    run(&cloud, &["status", "--aws"])
        .await
        .expect_error(1, &["ExpiredToken", "have expired: sign in again"]);
    refuse("DescribeStacks", Failure::AccessDenied);
    run(&cloud, &["config", "push"])
        .await
        .expect_error(2, &["tributary.toml cannot be read", "init --aws"]);
    write_settings(&cloud, &settings(&cloud));
    run(&cloud, &["config", "push"])
        .await
        .expect_error(1, &["asking for the stack tributary", "AccessDenied", "may not do that"]);
    refuse("GetSecretValue", Failure::AccessDenied);
    run(&cloud, &["secrets", "list"])
        .await
        .expect_error(1, &["reading the secret tributary/", "AccessDenied"]);
    // Once busy is no reason to give up.
    refuse("DescribeStacks", Failure::Throttled);
    refuse("DescribeStacks", Failure::Internal);
    run(&cloud, &["secrets", "list"]).await.expect(0);

    let with = async |name: &str, value: &str| {
        let mut command = cloud.tributary(&["status", "--aws"]);
        command.env(name, value);
        ended(command, "").await
    };
    with("AWS_SECRET_ACCESS_KEY", "wrong")
        .await
        .expect_error(1, &["SignatureDoesNotMatch", "does not know these credentials"]);
    with("AWS_ENDPOINT_URL_CLOUDFORMATION", "http://127.0.0.1:9")
        .await
        .expect_error(1, &["Unreachable", "reaches AWS"]);
    with("TRIBUTARY_AWS_STACK", "other").await.expect_error(2, &["no stack other in us-east-1"]);
    with("TRIBUTARY_AWS_STACK", "a&b")
        .await
        .expect_error(2, &["\"a&b\" is not the name of a stack"]);
    cloud.aws.set_stack("other", &[], &[("Url", "https://acme.example")]);
    with("TRIBUTARY_AWS_STACK", "other")
        .await
        .expect_error(2, &["has no BucketName", "not Tributary's"]);
    cloud.aws.set_stack(
        "other",
        &[],
        &[
            ("BucketName", "gone"),
            ("CustomersTableName", "gone-too"),
            ("StateTableName", "gone-as-well"),
        ],
    );
    with("TRIBUTARY_AWS_STACK", "other")
        .await
        .expect_error(1, &["NoSuchBucket", "the stack's bucket is gone"]);
    cloud.aws.set_stack(
        "other",
        &[],
        &[
            ("BucketName", "tributary"),
            ("CustomersTableName", "gone-too"),
            ("StateTableName", "gone-as-well"),
        ],
    );
    with("TRIBUTARY_AWS_STACK", "other")
        .await
        .expect_error(1, &["ResourceNotFoundException", "check --aws"]);
    cloud.aws.assert_all_fired();
}

#[tokio::test(flavor = "multi_thread")]
async fn check_names_everything_that_is_wrong_with_a_deployment() {
    let cloud = deployed().await;
    cloud.aws.set_secret("tributary/helpdesk-webhook/helpdesk", "{}");
    write_settings(&cloud, &format!("{}region = \"GB\"\n", settings(&cloud)));
    let checked = run(&cloud, &["check", "--aws", "helpdesk/users"]).await.expect(2);
    for line in [
        "./tributary.toml has other ones: ~ helpdesk (region)",
        "✗ helpdesk: webhook secret in",
        "✓ helpdesk/users",
    ] {
        assert!(checked.out.contains(line), "{line:?} is not in:\n{}", checked.out);
    }
    // A file that is named goes before the settings in the bucket.
    let laptop = settings(&cloud).replace(
        "{ secret = \"tributary/helpdesk-sync/helpdesk\", key = \"token\" }",
        "{ env = \"TOKEN\" }",
    );
    write_settings(&cloud, &laptop);
    let mut command = cloud.tributary(&["check", "--aws", "--config", "tributary.toml", "--json"]);
    command.env("TOKEN", cloud.desk().api_token());
    let checked = ended(command, "").await.expect(2).json();
    let checks = checked["checks"].as_array().expect("a list");
    let of = |what: &str| {
        checks
            .iter()
            .find(|one| one["what"] == what)
            .unwrap_or_else(|| panic!("{what}: {checked:#}"))
    };
    assert_eq!(of("connections.helpdesk.token")["ok"], false);
    assert_eq!(of("helpdesk/tickets")["ok"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_is_started_and_followed_to_its_end() {
    let cloud = deployed().await;
    let rounds = vec![(1_200, vec!["helpdesk/tickets"]), (34, Vec::new())];
    cloud.aws.set_state_machine(MACHINE, Script { rounds: rounds.clone(), failure: None });
    let read =
        run(&cloud, &["backfill", "helpdesk/tickets", "--aws", "--rounds", "7"]).await.expect(0);
    assert_eq!(
        read.out,
        "round 1: 1 200 landed, still paused: helpdesk/tickets\nround 2: 34 landed, caught up\n"
    );
    let input =
        json!({ "system": "helpdesk", "connection": "helpdesk", "stream": "tickets", "rounds": 7 });
    assert_eq!(cloud.aws.executions(), [input]);

    let failure = Some(("RoundsUsedUp", "still paused: helpdesk/tickets"));
    cloud.aws.set_state_machine(MACHINE, Script { rounds: rounds[..1].to_vec(), failure });
    let failed = run(&cloud, &["backfill", "helpdesk", "--aws", "--json"]).await.expect(1);
    assert_eq!(
        (&failed.json()["status"], &failed.json()["landed"]),
        (&json!("FAILED"), &json!(1_200))
    );
    assert!(
        failed.err.contains("FAILED: RoundsUsedUp: still paused") && failed.err.contains("hint: "),
        "{}",
        failed.err
    );

    let wrong = run(&cloud, &["backfill", "desk", "--aws"]).await;
    wrong.expect_error(2, &["\"desk\"", "one of helpdesk"]);
    run(&cloud, &["backfill", "helpdesk/tickts", "--aws"])
        .await
        .expect_error(2, &["\"tickts\"", "tickets"]);
    assert_eq!(cloud.aws.executions().len(), 1, "names are looked at first");
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_stops_the_following_and_not_the_backfill() {
    let cloud = deployed().await;
    let rounds = vec![(1, vec!["helpdesk/tickets"]); 1_000];
    cloud.aws.set_state_machine(MACHINE, Script { rounds, failure: None });
    let mut child = cloud.tributary(&["backfill", "helpdesk", "--aws"]).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    assert!(
        lines
            .next_line()
            .await
            .expect("it can be read")
            .is_some_and(|line| line.starts_with("round 1"))
    );
    terminate(child.id().expect("it runs")).await;
    let ended = child.wait_with_output().await.expect("it ends");
    assert_eq!(ended.status.code(), Some(130));
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("stop-execution --execution-arn arn:aws:states:"), "{said}");
    assert_eq!(cloud.aws.calls("StopExecution"), 0);
    let status = run(&cloud, &["status", "--aws"]).await.expect(0);
    let line = "a backfill of helpdesk is under way since 2023-11-14 22:13:20Z";
    assert!(status.out.contains(line), "{}", status.out);
    let status = run(&cloud, &["status", "--aws", "--json"]).await.expect(0).json();
    assert_eq!(status["backfills"][0]["of"], "helpdesk");
}
