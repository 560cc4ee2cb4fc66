//! The functions as processes, as AWS runs them: settings, secrets and stores by the environment alone.

use std::time::Duration;

use e2e::fake_aws::{Failure, Message};
use e2e::lambda_runtime::{Function, schedule_event, sqs_event, sqs_event_from};
use e2e::process::cloud::{Cloud, settings};
use e2e::process::terminate;
use e2e::stand::settled;
use serde_json::{Value, json};
use shared::landing::Objects;
use simulator::zendesk::{Delivery, NewTicket};
use simulator::{Fault, Injection, RetryAfter};

pub(super) const MINUTE: Duration = Duration::from_mins(1);

pub(super) async fn cloud() -> Cloud {
    Cloud::start(simulator::Settings { people: 12, ..settled() }).await
}

pub(super) async fn sync(function: &Function, event: &Value) -> Vec<Value> {
    let answer = function.invoke(event, MINUTE).await;
    let answer = answer.unwrap_or_else(|error| panic!("{error} {:#?}", function.logs()));
    answer["runs"].as_array().cloned().unwrap_or_else(|| panic!("no runs: {answer:#}"))
}

pub(super) fn outcomes(runs: &[Value]) -> Vec<&str> {
    runs.iter().map(|run| run["outcome"].as_str().unwrap_or_default()).collect()
}

/// Opens a ticket; returns what the helpdesk sends about it.
pub(super) fn new_ticket(cloud: &Cloud, subject: &str, description: &str) -> (u64, Delivery) {
    let requester_id = *cloud.desk().truth().users.keys().next_back().expect("a user");
    let ticket = cloud.desk().create_ticket(NewTicket {
        requester_id,
        subject: subject.to_owned(),
        description: description.to_owned(),
        channel: "web",
        priority: None,
    });
    (ticket, cloud.desk().deliveries().pop().expect("a delivery tells of it"))
}

/// Logs are read by many; none of them may learn what signs in or signs.
fn assert_no_secret_in(cloud: &Cloud, function: &Function) {
    let logs = function.logs().join("\n");
    for secret in [cloud.desk().api_token(), cloud.desk().webhook_secret()] {
        assert!(!logs.contains(secret), "a secret is in the logs: {logs}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tick_of_the_schedule_lands_the_truth_with_settings_from_the_bucket_or_a_file() {
    let cloud = cloud().await;
    let function = cloud.spawn("helpdesk-sync", &[]);
    println!("cold start of helpdesk-sync, debug build: {:?}", function.first_next().await);
    let runs = sync(&function, &schedule_event()).await;
    assert!(outcomes(&runs).iter().all(|outcome| *outcome == "caught_up"), "{runs:#?}");
    cloud.landed().await.assert_is(&cloud.desk().truth());
    assert_no_secret_in(&cloud, &function);

    let file = cloud.settings_file();
    let function = cloud.spawn("helpdesk-sync", &[("TRIBUTARY_CONFIG", &file)]);
    let runs = sync(&function, &schedule_event()).await;
    assert!(
        runs.iter().all(|run| run["landed"] == 0),
        "another process landed it again: {runs:#?}"
    );
    let tickets = json!({"connection": "helpdesk-eu", "stream": "tickets"});
    assert_eq!(sync(&function, &tickets).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_deadline_pauses_in_time_and_the_next_tick_goes_on() {
    let cloud = cloud().await;
    cloud.desk().set_page_size(4);
    // Each page takes a second, so that three of the slowest soon are more than is left.
    cloud.desk().faults().schedule(
        Injection::new(Fault::SlowBody(Duration::from_millis(900)))
            .on("incremental/tickets")
            .times(4),
    );
    let function = cloud.spawn("helpdesk-sync", &[]);
    function.first_next().await;
    // Past its deadline the function is killed, and this is an error.
    let answer = function.invoke(&schedule_event(), Duration::from_secs(7)).await;
    let answer = answer.unwrap_or_else(|error| panic!("{error} {:#?}", function.logs()));
    let runs = answer["runs"].as_array().expect("runs");
    assert!(outcomes(runs).contains(&"paused"), "{runs:#?}");
    let runs = sync(&function, &schedule_event()).await;
    assert!(outcomes(&runs).iter().all(|outcome| *outcome == "caught_up"), "{runs:#?}");
    cloud.landed().await.assert_is(&cloud.desk().truth());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_fails_fails_the_invocation_and_stops_no_other() {
    let cloud = cloud().await;
    let fault = cloud.desk().faults().inject_on("incremental/tickets", Fault::Status(400), 1);
    let function = cloud.spawn("helpdesk-sync", &[]);
    let error = function.invoke(&schedule_event(), MINUTE).await.expect_err("the alarm sees it");
    assert_eq!(fault.fired(), 1);
    assert!(error.message.starts_with("1 of 7 streams failed; helpdesk-eu/tickets"), "{error}");
    let landed = cloud.landed().await;
    let (users, tickets) = (cloud.desk().truth().users, cloud.desk().truth().tickets);
    assert!(
        users
            .keys()
            .all(|id| landed.row(shared::schema::Table::PersonRecord, "user", id).is_some())
    );
    assert!(!tickets.is_empty());
    sync(&function, &schedule_event()).await;
    cloud.landed().await.assert_is(&cloud.desk().truth());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_goes_through_the_door_and_the_queue_into_the_tables() {
    let cloud = cloud().await;
    let (door, inbox) = (cloud.spawn("helpdesk-webhook", &[]), cloud.spawn("helpdesk-sync", &[]));
    println!("cold start of helpdesk-webhook, debug build: {:?}", door.first_next().await);
    sync(&inbox, &schedule_event()).await;
    let (ticket, delivery) = new_ticket(&cloud, "Crumbs in the till", "It rings when nobody pays.");
    let answer = door.invoke(&cloud.request(&delivery), MINUTE).await.expect("an answer");
    assert_eq!(answer["statusCode"], 202, "{answer}");
    let received = cloud.queue.receive(10);
    assert_eq!(received.len(), 1);

    // A queue may deliver twice, even in one batch; the second changes nothing.
    let twice = [received[0].clone(), Message { id: "again".to_owned(), ..received[0].clone() }];
    assert_eq!(
        land(&inbox, &sqs_event_from(cloud.queue.name(), &twice)).await,
        Vec::<String>::new()
    );
    let landed = cloud.landed().await;
    assert!(landed.row(shared::schema::Table::Ticket, "ticket", ticket).is_some());
    assert_eq!(
        land(&inbox, &sqs_event_from(cloud.queue.name(), &received)).await,
        Vec::<String>::new()
    );
    assert_eq!(cloud.landed().await.keys, landed.keys);
    for function in [&door, &inbox] {
        assert_no_secret_in(&cloud, function);
    }
    cloud.settle();
    sync(&inbox, &schedule_event()).await;
    cloud.landed().await.assert_is(&cloud.desk().truth());
}

/// Hands a batch to the sync function; returns the messages that go back to the queue.
pub(super) async fn land(inbox: &Function, batch: &Value) -> Vec<String> {
    let answer = inbox.invoke(batch, MINUTE).await;
    let answer = answer.unwrap_or_else(|error| panic!("{error} {:#?}", inbox.logs()));
    let failures = answer["batchItemFailures"].as_array().expect("a partial batch response");
    failures.iter().map(|item| item["itemIdentifier"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_batch_only_the_poisonous_message_goes_back() {
    let cloud = cloud().await;
    let (door, inbox) = (cloud.spawn("helpdesk-webhook", &[]), cloud.spawn("helpdesk-sync", &[]));
    let mut tickets = Vec::new();
    for number in 0..4 {
        let (ticket, delivery) = new_ticket(&cloud, &format!("Number {number}"), "Hello?");
        let answer = door.invoke(&cloud.request(&delivery), MINUTE).await.expect("an answer");
        assert_eq!(answer["statusCode"], 202, "{answer}");
        tickets.push(ticket);
    }
    let gone = r#"{"pointer":{"key":"deliveries/helpdesk-eu/of-which-nothing-is-left.json.zst"}}"#;
    for poison in ["no JSON", gone] {
        cloud.queue.send(poison);
    }
    let received = cloud.queue.receive(10);
    let poisonous: Vec<_> = received[4..].iter().map(|message| message.id.clone()).collect();
    let mut failures = land(&inbox, &sqs_event_from(cloud.queue.name(), &received)).await;
    failures.sort_by_key(|id| poisonous.iter().position(|poison| poison == id));
    assert_eq!(failures, poisonous);
    let landed = cloud.landed().await;
    for ticket in tickets {
        assert!(landed.row(shared::schema::Table::Ticket, "ticket", ticket).is_some(), "{ticket}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_too_large_for_a_message_takes_the_way_through_the_bucket() {
    let cloud = cloud().await;
    let (door, inbox) = (cloud.spawn("helpdesk-webhook", &[]), cloud.spawn("helpdesk-sync", &[]));
    let (ticket, delivery) = new_ticket(&cloud, "A long story", &"And then. ".repeat(25_000));
    assert!(delivery.body.len() > 180 * 1024);
    let answer = door.invoke(&cloud.request(&delivery), MINUTE).await.expect("an answer");
    assert_eq!(answer["statusCode"], 202, "{answer}");
    let received = cloud.queue.receive(10);
    assert!(received[0].body.len() < 1024, "{}", received[0].body);
    let stored = |keys: &[String]| keys.iter().filter(|key| key.starts_with("deliveries/")).count();
    assert_eq!(stored(&cloud.landed().await.keys), 1);
    assert_eq!(
        land(&inbox, &sqs_event_from(cloud.queue.name(), &received)).await,
        Vec::<String>::new()
    );
    let landed = cloud.landed().await;
    assert!(landed.row(shared::schema::Table::Ticket, "ticket", ticket).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_refuses_forgeries_and_asks_to_try_again_while_the_queue_is_down() {
    let cloud = cloud().await;
    let door = cloud.spawn("helpdesk-webhook", &[]);
    let (_, delivery) = new_ticket(&cloud, "Forged", "Or not?");
    let forged = Delivery { body: [&delivery.body[..], b" "].concat().into(), ..delivery.clone() };
    let mut request = cloud.request(&forged);
    request["headers"] = cloud.request(&delivery)["headers"].clone();
    let answer = door.invoke(&request, MINUTE).await.expect("an answer");
    assert_eq!(answer["statusCode"], 401, "{answer}");
    request = cloud.request(&delivery);
    request["rawPath"] = "/webhooks/nobody".into();
    request["requestContext"]["http"]["path"] = "/webhooks/nobody".into();
    let answer = door.invoke(&request, MINUTE).await.expect("an answer");
    assert_eq!(answer["statusCode"], 401, "{answer}");
    assert_eq!(cloud.aws.calls("SendMessage"), 0);

    cloud.aws.fail_next(20, "SendMessage", Failure::Internal);
    let answer = door.invoke(&cloud.request(&delivery), MINUTE).await.expect("an answer");
    assert_eq!(answer["statusCode"], 503, "{answer}");
    assert!(cloud.queue.messages().is_empty());
    cloud.aws.assert_all_fired();
    cloud.aws.stop_failures();
    let answer = door.invoke(&cloud.request(&delivery), MINUTE).await.expect("an answer");
    assert_eq!(answer["statusCode"], 202, "{answer}");
    assert_eq!(cloud.queue.messages().len(), 1);
    assert_no_secret_in(&cloud, &door);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_settings_end_the_start_with_an_error_that_names_the_key() {
    let cloud = cloud().await;
    let secret = "hunter2-in-the-wrong-place";
    let right = settings(cloud.desk());
    for (wrong, key) in [
        (right.replace("email", "emial"), "emial"),
        (format!("{right}token_typo = \"{secret}\"\n"), "token_typo"),
        (
            right.replace("token = {", &format!("token = \"{secret}\" # {{")),
            "secrets do not belong",
        ),
        (
            right.replace(
                "source = \"zendesk\"",
                &format!("source = \"zendesk\"\n{secret} {secret}"),
            ),
            "line 4",
        ),
    ] {
        cloud.put_settings(&wrong).await;
        for name in ["helpdesk-sync", "helpdesk-webhook"] {
            let function = cloud.spawn(name, &[]);
            let error = function.init_error().await.expect("it does not start");
            let said = format!("{error} {}", function.logs().join("\n"));
            assert!(said.contains(key), "{key}: {said}");
            assert!(!said.contains(secret), "{said}");
        }
    }
    cloud.put_settings(&right).await;
    let settings = Objects::new(&cloud.stores());
    settings.remove("tributary.toml").await.expect("the settings are gone");
    let function = cloud.spawn("helpdesk-sync", &[]);
    function.init_error().await.expect("there are no settings");
    let place = cloud.settings_place();
    assert!(function.logs().join("\n").contains(&place), "{:#?}", function.logs());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_event_fails_its_invocation_and_not_the_function() {
    let cloud = cloud().await;
    let (door, inbox) = (cloud.spawn("helpdesk-webhook", &[]), cloud.spawn("helpdesk-sync", &[]));
    for event in [
        json!({"connection": "nobody"}),
        json!({"connection": 7}),
        json!("a word"),
        json!({"Records": [{"eventSource": "aws:sqs", "body": 7}]}),
    ] {
        let answer = inbox.invoke(&event, MINUTE).await;
        assert!(answer.is_err(), "{event}: {answer:?}");
    }
    assert!(cloud.desk().requests().is_empty(), "a malformed event made it read");
    let without_body = json!({"Records": [{"eventSource": "aws:sqs", "messageId": "m"}]});
    assert_eq!(land(&inbox, &without_body).await, ["m"]);
    assert_eq!(land(&inbox, &sqs_event(["{}"])).await.len(), 1);
    assert!(door.invoke(&json!({"no": "request"}), MINUTE).await.is_err());
    let (_, delivery) = new_ticket(&cloud, "Still there?", "Yes.");
    let answer = door.invoke(&cloud.request(&delivery), MINUTE).await.expect("an answer");
    assert_eq!(answer["statusCode"], 202, "{answer}");
    sync(&inbox, &schedule_event()).await;
}

/// The backfill waits until then, instead of asking again and again.
#[tokio::test(flavor = "multi_thread")]
async fn the_answer_says_when_reading_goes_on_if_the_source_asks_to_wait() {
    let cloud = cloud().await;
    let hour = Fault::Storm429 { retry_after: Some(RetryAfter::Seconds(3600)) };
    let fault = cloud.desk().faults().inject_on("incremental/tickets", hour, 1);
    let function = cloud.spawn("helpdesk-sync", &[]);
    let soonest = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(3600);
    for _ in 0..2 {
        let answer = function.invoke(&schedule_event(), MINUTE).await.expect("an answer");
        let runs = answer["runs"].as_array().expect("runs");
        assert_eq!(outcomes(runs).iter().filter(|outcome| **outcome == "paused").count(), 1);
        let not_before = answer["not_before"].as_str().unwrap_or_else(|| panic!("{answer:#}"));
        let not_before: jiff::Timestamp = not_before.parse().expect("an instant");
        let late = not_before.duration_since(soonest).as_secs();
        assert!((0..60).contains(&late), "{not_before}, not {soonest}");
    }
    assert_eq!(fault.fired(), 1);
    let users = json!({"connection": "helpdesk-eu", "stream": "users"});
    let answer = function.invoke(&users, MINUTE).await.expect("an answer");
    assert_eq!(answer.get("not_before"), None, "{answer:#}");
}

/// Whoever faces the internet holds no more than it needs.
#[tokio::test(flavor = "multi_thread")]
async fn the_door_opens_without_the_identity_key_and_the_sync_function_does_not() {
    let cloud = cloud().await;
    let lost = settings(cloud.desk())
        .replace("tributary/identity-key", "tributary/helpdesk-sync/lost-key");
    assert!(lost.contains("tributary/helpdesk-sync/lost-key"), "{lost}");
    cloud.put_settings(&lost).await;
    let door = cloud.spawn("helpdesk-webhook", &[]);
    door.first_next().await;
    assert_eq!(cloud.aws.calls("GetSecretValue"), 0, "the door reads secrets when it needs them");
    let (_, delivery) = new_ticket(&cloud, "No key", "And none needed.");
    let answer = door.invoke(&cloud.request(&delivery), MINUTE).await.expect("an answer");
    assert_eq!(answer["statusCode"], 202, "{answer}");
    let function = cloud.spawn("helpdesk-sync", &[]);
    function.init_error().await.expect("without the key nothing may land");
    let said = function.logs().join("\n");
    assert!(said.contains("tributary/helpdesk-sync/lost-key"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn renewed_tokens_are_kept_where_the_environment_says() {
    let cloud = cloud().await;
    let (desk, oauth) = (cloud.desk(), cloud.desk().oauth());
    let secrets = json!({"client": oauth.client_secret, "refresh": oauth.refresh_token});
    cloud.aws.set_secret("acme/helpdesk-sync/oauth", &secrets.to_string());
    let secret =
        |key: &str| format!("{{ secret = \"acme/helpdesk-sync/oauth\", key = \"{key}\" }}");
    cloud
        .put_settings(&format!(
            "[connections.helpdesk-eu]\nsource = \"zendesk\"\nbase_url = {:?}\npace = \"unlimited\"\n\
             oauth = {{ client_id = {:?}, client_secret = {}, refresh_token = {} }}\n",
            desk.base_url(),
            oauth.client_id,
            secret("client"),
            secret("refresh"),
        ))
        .await;
    let function = cloud.spawn("helpdesk-sync", &[("TRIBUTARY_TOKENS_PREFIX", "acme/tokens")]);
    sync(&function, &json!({"connection": "helpdesk-eu", "stream": "users"})).await;
    assert_eq!(desk.refreshes(), 1);
    let tokens = cloud.aws.secret("acme/tokens/helpdesk-eu").expect("the renewed tokens");
    assert!(tokens.contains(&desk.oauth().access_token), "those that the source gave");
    assert_eq!(cloud.aws.secret("tributary/tokens/helpdesk-eu"), None);
}

/// AWS ends idle functions by SIGTERM only where an extension runs; whoever it hits in the middle of work, the next goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_function_ended_in_the_middle_of_its_work_leaves_what_the_next_goes_on_from() {
    let cloud = cloud().await;
    cloud.desk().set_page_size(4);
    let function = cloud.spawn("helpdesk-sync", &[]);
    function.first_next().await;
    let tick = schedule_event();
    let in_the_middle = async {
        // Seven streams have asked for their first page, and one at least for its second.
        while cloud.desk().requests().len() < 8 {
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        terminate(function.id()).await;
    };
    let (ended, _) = tokio::join!(
        function.invoke(&tick, Duration::from_secs(6)),
        tokio::time::timeout(MINUTE, in_the_middle)
    );
    assert_eq!(ended.expect_err("it is gone").error_type, "Runtime.ExitError");
    // The leases of the dead run end with the time it had.
    tokio::time::sleep(Duration::from_secs(13)).await;
    let function = cloud.spawn("helpdesk-sync", &[]);
    let runs = sync(&function, &tick).await;
    assert!(outcomes(&runs).iter().all(|outcome| *outcome == "caught_up"), "{runs:#?}");
    cloud.landed().await.assert_is(&cloud.desk().truth());
}
