//! The doubles against the real runtime client, which this test binary runs in a child of itself.

use std::io::Write;
use std::time::Duration;

use ::lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

/// Runs [`function_process`] as the function's binary.
fn spawn(role: &str) -> Function {
    let mut command = Command::new(std::env::current_exe().expect("a running test"));
    let test = "lambda_runtime::tests::function_process";
    command.args([test, "--exact", "--ignored", "--nocapture"]);
    LambdaRuntime::start().env([("SHARED", "by all")]).spawn_command(
        "echo",
        command,
        [("ROLE", role)],
    )
}

#[test]
#[ignore = "the child process of the other tests: a function, not a test"]
fn function_process() {
    let Ok(role) = std::env::var("ROLE") else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().expect("a runtime");
    runtime.block_on(async {
        match role.as_str() {
            "crash" => std::process::exit(7),
            "refuse" => {
                let api = std::env::var("AWS_LAMBDA_RUNTIME_API").expect("set by Lambda");
                let url = format!("http://{api}/2018-06-01/runtime/init/error");
                let error = json!({"errorType": "Config", "errorMessage": "TABLE is missing"});
                let request = reqwest::Client::new().post(url).body(error.to_string());
                request.send().await.expect("reported");
                std::process::exit(1);
            }
            _ => ::lambda_runtime::run(service_fn(echo)).await.expect("runs"),
        }
    });
}

async fn echo(event: LambdaEvent<Value>) -> Result<Value, ::lambda_runtime::Error> {
    let LambdaEvent { payload, context } = event;
    match payload["do"].as_str() {
        Some("fail") => return Err("no such table".into()),
        Some("panic") => panic!("own invariant broken"),
        Some("exit") => std::process::exit(3),
        Some("hang") => std::future::pending().await,
        Some("flood") => return Ok(Value::String("x".repeat(7 << 20))),
        _ => {}
    }
    writeln!(std::io::stdout(), "handled {}", context.request_id)?;
    Ok(json!({
        "payload": payload,
        "id": context.request_id,
        "remaining_ms": context.deadline().duration_since(std::time::SystemTime::now())?.as_millis(),
        "arn": context.invoked_function_arn,
        "name": context.env_config.function_name,
        "shared": std::env::var("SHARED")?,
        "home": std::env::var("HOME").ok(),
        "trace": context.xray_trace_id,
    }))
}

#[tokio::test]
async fn a_function_answers_with_lambdas_context() {
    let function = spawn("echo");
    assert!(function.first_next().await < PATIENCE);
    assert_eq!(function.init_error().await, None);
    for number in [1, 2] {
        let answer = function.invoke(&json!({"n": number}), PATIENCE).await;
        let answer = answer.expect("an answer");
        assert_eq!(answer["payload"]["n"], number);
        assert_eq!(answer["arn"], "arn:aws:lambda:eu-central-1:000000000000:function:echo");
        assert_eq!((&answer["name"], &answer["shared"]), (&json!("echo"), &json!("by all")));
        assert_eq!(answer["home"], Value::Null, "the environment is Lambda's alone");
        assert!(answer["remaining_ms"].as_u64().expect("ms") <= 20_000);
        assert!(answer["trace"].as_str().expect("a trace").starts_with("Root=1-"));
        let line = format!("handled {}", answer["id"].as_str().expect("an id"));
        while !function.logs().contains(&line) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn an_error_and_a_panic_are_told_and_survived() {
    let function = spawn("echo");
    let error = function.invoke(&json!({"do": "fail"}), PATIENCE).await;
    assert_eq!(error.expect_err("failed").message, "no such table");
    let error = function.invoke(&json!({"do": "panic"}), PATIENCE).await;
    let error = error.expect_err("panicked");
    assert!(error.message.contains("own invariant broken"), "{error}");
    let error = function.invoke(&json!({"do": "flood"}), PATIENCE).await;
    assert_eq!(error.expect_err("too large").error_type, "Function.ResponseSizeTooLarge");
    function.invoke(&json!({}), PATIENCE).await.expect("alive");
}

#[tokio::test]
async fn a_function_that_exits_or_overruns_is_gone() {
    let function = spawn("echo");
    let error = function.invoke(&json!({"do": "exit"}), PATIENCE).await;
    assert_eq!(error.expect_err("exited").error_type, "Runtime.ExitError");
    assert_eq!(function.exited().await.code(), Some(3));

    let function = spawn("echo");
    let limit = Duration::from_millis(200);
    let error = function.invoke(&json!({"do": "hang"}), limit).await;
    let error = error.expect_err("overran");
    assert_eq!(error, InvokeError::new("Sandbox.Timedout", "Task timed out after 0.20 seconds"));
    assert!(!function.exited().await.success());
    let error = function.invoke(&json!({}), PATIENCE).await;
    assert_eq!(error.expect_err("killed").error_type, "Runtime.ExitError");
}

#[tokio::test]
async fn a_failed_start_is_told() {
    let function = spawn("refuse");
    let told = Some(InvokeError::new("Config", "TABLE is missing"));
    assert_eq!(function.init_error().await, told);
    assert_eq!(function.invoke(&json!({}), PATIENCE).await.err(), told);

    let function = spawn("crash");
    let error = function.init_error().await.expect("exited");
    assert_eq!(error.error_type, "Runtime.ExitError");
    assert_eq!(function.exited().await.code(), Some(7));
}

#[tokio::test]
async fn dropping_a_function_ends_its_process() {
    let function = spawn("echo");
    function.first_next().await;
    let process = PathBuf::from(format!("/proc/{}/cmdline", function.id()));
    assert!(!std::fs::read(&process).expect("running").is_empty());
    drop(function);
    // A dead process is reaped or a zombie, whose command line is empty.
    while std::fs::read(&process).is_ok_and(|line| !line.is_empty()) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
#[should_panic(expected = "cargo build --workspace --bins")]
fn a_missing_binary_says_what_to_run() {
    binary("no-such-function");
}

#[tokio::test]
async fn an_http_event_reads_as_the_request_it_stands_for() {
    let headers = [("X-Signature", "abc"), ("Accept", "a"), ("accept", "b")];
    let event = http_v2_event("POST", "/hooks/zendesk?c=eu&d=", &headers, b"{\xff}");
    let request = lambda_http::request::from_str(&event.to_string()).expect("lambda_http reads it");
    assert_eq!(request.method(), http::Method::POST);
    assert_eq!(request.uri().path(), "/hooks/zendesk");
    assert_eq!(request.uri().query(), Some("c=eu&d="));
    assert_eq!(request.headers()["x-signature"], "abc");
    assert_eq!(request.headers()["accept"], "a,b");
    assert_eq!(request.body().as_ref(), b"{\xff}");
}

#[test]
fn a_queue_event_reads_as_its_messages() {
    use aws_lambda_events::event::sqs::SqsEvent;
    let event: SqsEvent = serde_json::from_value(sqs_event(["one", "two"])).expect("an SqsEvent");
    let [one, two] = &event.records[..] else { panic!("two records") };
    assert_eq!(one.body.as_deref(), Some("one"));
    assert_ne!(one.message_id, two.message_id);
    assert_eq!(one.attributes["ApproximateReceiveCount"], "1");
    assert_eq!(one.event_source.as_deref(), Some("aws:sqs"));
}
