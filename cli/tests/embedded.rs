//! The embedded stores, through the AWS SDK: conditional writes, crashes, restarts, attaching, and what they refuse.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, Put,
    ScalarAttributeType, TimeToLiveSpecification, TransactWriteItem,
};
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, Delete, ObjectIdentifier};
use tempfile::TempDir;
use tributary::embedded::{Durability, Embedded, EmbeddedError, Options};

const BUCKET: &str = "tributary";

async fn open(data: &Path) -> Embedded {
    let stores = Embedded::open(data, Options::default()).await.unwrap();
    stores.create_bucket(BUCKET).await.unwrap();
    stores
}

async fn get(s3: &aws_sdk_s3::Client, key: &str) -> Vec<u8> {
    let object = s3.get_object().bucket(BUCKET).key(key).send().await.unwrap();
    object.body.collect().await.unwrap().to_vec()
}

async fn put(s3: &aws_sdk_s3::Client, key: &str, body: &str) -> String {
    let body = ByteStream::from(body.as_bytes().to_vec());
    let put = s3.put_object().bucket(BUCKET).key(key).body(body).send().await.unwrap();
    put.e_tag.unwrap()
}

async fn keys(s3: &aws_sdk_s3::Client, prefix: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut pages =
        s3.list_objects_v2().bucket(BUCKET).prefix(prefix).max_keys(2).into_paginator().send();
    while let Some(page) = pages.next().await {
        keys.extend(page.unwrap().contents().iter().map(|object| object.key().unwrap().to_owned()));
    }
    keys
}

async fn create_table(dynamodb: &aws_sdk_dynamodb::Client) {
    let key =
        AttributeDefinition::builder().attribute_name("pk").attribute_type(ScalarAttributeType::S);
    let schema = KeySchemaElement::builder().attribute_name("pk").key_type(KeyType::Hash);
    let create =
        dynamodb.create_table().table_name("state").billing_mode(BillingMode::PayPerRequest);
    let create =
        create.attribute_definitions(key.build().unwrap()).key_schema(schema.build().unwrap());
    create.send().await.unwrap();
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

async fn has_item(dynamodb: &aws_sdk_dynamodb::Client, key: &str) -> bool {
    dynamodb
        .get_item()
        .table_name("state")
        .key("pk", text(key))
        .send()
        .await
        .unwrap()
        .item
        .is_some()
}

#[tokio::test]
async fn of_sixteen_conditional_puts_one_wins() {
    let data = TempDir::new().unwrap();
    let stores = open(data.path()).await;
    let mut racers = tokio::task::JoinSet::new();
    for racer in 0..16 {
        let s3 = stores.s3_client();
        racers.spawn(async move {
            let mut won = BTreeSet::new();
            for key in 0..30 {
                let put = s3
                    .put_object()
                    .bucket(BUCKET)
                    .key(format!("manifests/{key}.json"))
                    .if_none_match("*");
                match put.body(racer.to_string().into_bytes().into()).send().await {
                    Ok(_) => assert!(won.insert(key)),
                    Err(error) => assert_eq!(error.code(), Some("PreconditionFailed")),
                }
            }
            (racer, won)
        });
    }
    let mut winners = BTreeMap::new();
    for (racer, won) in racers.join_all().await {
        for key in won {
            assert_eq!(winners.insert(key, racer), None, "two winners of {key}");
        }
    }
    assert_eq!(winners.len(), 30);
    for (key, racer) in winners {
        assert_eq!(
            get(&stores.s3_client(), &format!("manifests/{key}.json")).await,
            racer.to_string().into_bytes()
        );
    }
    stores.shutdown().await;
}

#[tokio::test]
async fn of_sixteen_swaps_of_one_object_each_round_has_one_winner() {
    let data = TempDir::new().unwrap();
    let stores = open(data.path()).await;
    let s3 = stores.s3_client();
    let mut etag = put(&s3, "token", "0").await;
    for round in 1..10 {
        let swaps = (0..16).map(|racer| {
            let body = format!("{round} by {racer}").into_bytes();
            s3.put_object().bucket(BUCKET).key("token").if_match(&etag).body(body.into()).send()
        });
        let done = futures_util::future::join_all(swaps).await;
        let winners: Vec<_> = done.into_iter().filter_map(Result::ok).collect();
        assert_eq!(winners.len(), 1);
        etag = winners[0].e_tag.clone().unwrap();
    }
    let missing = s3.put_object().bucket(BUCKET).key("none").if_match(&etag).send().await;
    assert_eq!(missing.unwrap_err().code(), Some("NoSuchKey"), "as S3 answers, and not 412");
}

#[tokio::test]
async fn objects_and_items_survive_a_restart_and_are_plain_files() {
    let data = TempDir::new().unwrap();
    let long = format!(
        "raw/source=zendesk/connection=helpdesk-eu-and-middle-east/stream=tickets/dt=2026-09-01/{:a<200}",
        ""
    );
    let stores = open(data.path()).await;
    let s3 = stores.s3_client();
    for key in ["raw/b ä&=+.zst", "raw/a-1", "raw/a/x", &long] {
        let put = s3.put_object().bucket(BUCKET).key(key).body(b"body".to_vec().into());
        put.metadata("received-at", "2026-09-01")
            .content_type("application/zstd")
            .send()
            .await
            .unwrap();
    }
    create_table(&stores.dynamodb_client()).await;
    let item = stores.dynamodb_client().put_item().table_name("state").item("pk", text("cursor"));
    item.send().await.unwrap();
    assert_eq!(fs::read(data.path().join("s3").join(BUCKET).join(&long)).unwrap(), b"body");
    stores.shutdown().await;
    assert!(!data.path().join("endpoints.json").exists());

    let stores = open(data.path()).await;
    let s3 = stores.s3_client();
    assert_eq!(keys(&s3, "").await, ["raw/a-1", "raw/a/x", "raw/b ä&=+.zst", &long]);
    assert_eq!(keys(&s3, "raw/a").await, ["raw/a-1", "raw/a/x"]);
    let head = s3.head_object().bucket(BUCKET).key(&long).send().await.unwrap();
    assert_eq!(head.metadata().unwrap()["received-at"], "2026-09-01");
    assert_eq!(head.content_type(), Some("application/zstd"));
    assert_eq!(head.content_encoding(), None, "aws-chunked is transport");
    assert!(has_item(&stores.dynamodb_client(), "cursor").await);
}

#[tokio::test]
async fn a_second_opener_attaches_and_both_see_each_others_writes() {
    let data = TempDir::new().unwrap();
    let owner = open(data.path()).await;
    let guest = open(data.path()).await;
    assert!(!owner.endpoints().attached);
    assert!(guest.endpoints().attached);
    assert_eq!(guest.endpoints().s3, owner.endpoints().s3);
    assert_eq!(guest.endpoints().pid, std::process::id());
    put(&guest.s3_client(), "from/guest", "hello").await;
    assert_eq!(get(&owner.s3_client(), "from/guest").await, b"hello");
    create_table(&owner.dynamodb_client()).await;
    assert!(!has_item(&guest.dynamodb_client(), "nobody").await);
    guest.shutdown().await;
    assert_eq!(
        get(&owner.s3_client(), "from/guest").await,
        b"hello",
        "a guest's leaving stops nothing"
    );
    drop(owner);
    assert!(!open(data.path()).await.endpoints().attached, "dropping the owner frees the folder");
}

#[tokio::test]
async fn endpoints_left_by_a_killed_owner_are_ignored() {
    let data = TempDir::new().unwrap();
    let stale = r#"{"s3":"http://127.0.0.1:1","dynamodb":"http://127.0.0.1:1","pid":1}"#;
    fs::write(data.path().join("endpoints.json"), stale).unwrap();
    let stores = open(data.path()).await;
    assert!(!stores.endpoints().attached);
    assert!(
        fs::read_to_string(data.path().join("endpoints.json"))
            .unwrap()
            .contains(&stores.endpoints().s3)
    );
}

#[tokio::test]
async fn a_held_folder_that_nobody_serves_is_reported() {
    let data = TempDir::new().unwrap();
    let lock = fs::File::create(data.path().join("lock")).unwrap();
    lock.lock().unwrap();
    let error = Embedded::open(data.path(), Options::default()).await.unwrap_err();
    assert!(matches!(error, EmbeddedError::Unanswered { .. }));
}

/// Runs in a child of `a_killed_owner_leaves_whole_objects`: writes until it is killed.
#[tokio::test]
#[ignore = "started by another test, which kills it"]
async fn write_until_killed() {
    let Ok(data) = std::env::var("TRIBUTARY_KILLED_DATA") else { return };
    let stores = open(data.as_ref()).await;
    create_table(&stores.dynamodb_client()).await;
    let writers = (0..4).map(|writer| {
        let (s3, dynamodb) = (stores.s3_client(), stores.dynamodb_client());
        async move {
            for number in 0.. {
                let key = format!("landing/{writer}-{number}");
                let body = key.repeat(20_000);
                let put = s3
                    .put_object()
                    .bucket(BUCKET)
                    .key(&key)
                    .if_none_match("*")
                    .metadata("key", &key);
                put.body(body.clone().into_bytes().into()).send().await.unwrap();
                put_overwritten(&s3, writer, number).await;
                dynamodb
                    .put_item()
                    .table_name("state")
                    .item("pk", text(&key))
                    .send()
                    .await
                    .unwrap();
                let log = Path::new(&std::env::var("TRIBUTARY_KILLED_DATA").unwrap())
                    .join(format!("log-{writer}"));
                fs::write(log, number.to_string()).unwrap();
            }
        }
    });
    futures_util::future::join_all(writers).await;
}

async fn put_overwritten(s3: &aws_sdk_s3::Client, writer: i32, number: i32) {
    let body = format!("{number} ").repeat(10_000).into_bytes();
    let put = s3
        .put_object()
        .bucket(BUCKET)
        .key(format!("current/{writer}"))
        .metadata("number", number.to_string());
    put.body(body.into()).send().await.unwrap();
}

#[tokio::test]
async fn a_killed_owner_leaves_whole_objects() {
    for round in 0..5 {
        let data = TempDir::new().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "write_until_killed"])
            .env("TRIBUTARY_KILLED_DATA", data.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let written = |writer| {
            fs::read_to_string(data.path().join(format!("log-{writer}"))).unwrap_or_default()
        };
        let patience = Instant::now() + Duration::from_secs(60);
        while (0..4).any(|writer| written(writer).is_empty()) && Instant::now() < patience {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(37 * round)).await;
        child.kill().unwrap();
        child.wait().unwrap();

        let stores = open(data.path()).await;
        assert!(!stores.endpoints().attached);
        let (s3, dynamodb) = (stores.s3_client(), stores.dynamodb_client());
        for writer in 0..4 {
            let acknowledged: i32 = written(writer).parse().unwrap();
            assert!(has_item(&dynamodb, &format!("landing/{writer}-{acknowledged}")).await);
            let current = s3
                .get_object()
                .bucket(BUCKET)
                .key(format!("current/{writer}"))
                .send()
                .await
                .unwrap();
            let number = current.metadata().unwrap()["number"].clone();
            let body = current.body.collect().await.unwrap().to_vec();
            assert_eq!(
                body,
                format!("{number} ").repeat(10_000).into_bytes(),
                "bytes and metadata are of one write"
            );
            assert!(number.parse::<i32>().unwrap() >= acknowledged);
            // The one after may have been in flight: it is whole, or not there and can be put again.
            for number in 0..=acknowledged + 1 {
                let key = format!("landing/{writer}-{number}");
                let retry = s3
                    .put_object()
                    .bucket(BUCKET)
                    .key(&key)
                    .if_none_match("*")
                    .metadata("key", &key);
                let retry = retry.body(key.repeat(20_000).into_bytes().into()).send().await;
                assert!(
                    number > acknowledged || retry.is_err(),
                    "{key} was acknowledged and is gone"
                );
                let object = s3.get_object().bucket(BUCKET).key(&key).send().await.unwrap();
                assert_eq!(object.metadata().unwrap()["key"], key);
                assert_eq!(
                    object.body.collect().await.unwrap().to_vec(),
                    key.repeat(20_000).into_bytes()
                );
            }
        }
        assert_eq!(fs::read_dir(data.path().join("s3/.draft")).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn a_crash_between_attributes_and_object_leaves_the_old_version() {
    let data = TempDir::new().unwrap();
    let stores = open(data.path()).await;
    let s3 = stores.s3_client();
    let (file, aside) =
        (data.path().join("s3").join(BUCKET).join("key"), data.path().join("aside"));
    let version = |number: &'static str| {
        s3.put_object()
            .bucket(BUCKET)
            .key("key")
            .metadata("version", number)
            .body(number.as_bytes().to_vec().into())
    };
    let first = version("1").send().await.unwrap();
    fs::hard_link(&file, &aside).unwrap();
    let second = version("2").send().await.unwrap();
    // The state of a process that was killed before its rename: new attributes, old file.
    fs::rename(&aside, &file).unwrap();
    let head = s3.head_object().bucket(BUCKET).key("key").send().await.unwrap();
    assert_eq!((head.e_tag(), head.metadata().unwrap()["version"].as_str()), (first.e_tag(), "1"));
    let lost = version("3").if_match(second.e_tag().unwrap()).send().await.unwrap_err();
    assert_eq!(
        lost.code(),
        Some("PreconditionFailed"),
        "what was never acknowledged never happened"
    );
    version("3").if_match(first.e_tag().unwrap()).send().await.unwrap();
    assert_eq!(get(&s3, "key").await, b"3");
}

#[tokio::test]
async fn attributes_outlive_a_copy_of_the_folder_that_loses_times() {
    let data = TempDir::new().unwrap();
    let stores = open(data.path()).await;
    let put = stores.s3_client().put_object().bucket(BUCKET).key("key").metadata("who", "me");
    put.body(b"body".to_vec().into()).send().await.unwrap();
    let file = data.path().join("s3").join(BUCKET).join("key");
    fs::File::open(&file).unwrap().set_modified(UNIX_EPOCH + Duration::from_secs(1)).unwrap();
    let head = stores.s3_client().head_object().bucket(BUCKET).key("key").send().await.unwrap();
    assert_eq!(head.metadata().unwrap()["who"], "me");
    fs::write(&file, "edited by hand").unwrap();
    let head = stores.s3_client().head_object().bucket(BUCKET).key("key").send().await.unwrap();
    assert_eq!((head.metadata().map(|all| all.len()), head.content_length()), (Some(0), Some(14)));
}

#[tokio::test(flavor = "multi_thread")]
async fn emptying_a_folder_never_fails_a_write_into_it() {
    let data = TempDir::new().unwrap();
    let stores = open(data.path()).await;
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..8 {
        let s3 = stores.s3_client();
        tasks.spawn(async move {
            for _ in 0..40 {
                let key = format!("a/b/c/{task}");
                put(&s3, &key, "body").await;
                s3.delete_object().bucket(BUCKET).key(&key).send().await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(fs::read_dir(data.path().join("s3").join(BUCKET)).unwrap().count(), 0);
}

#[tokio::test]
async fn an_empty_body_that_awaits_a_go_ahead_ends_its_connection() {
    use std::io::{Read, Write};
    let data = TempDir::new().unwrap();
    let stores = open(data.path()).await;
    let lasting =
        aws_sdk_s3::presigning::PresigningConfig::expires_in(Duration::from_secs(60)).unwrap();
    let put = stores
        .s3_client()
        .put_object()
        .bucket(BUCKET)
        .key("empty")
        .presigned(lasting)
        .await
        .unwrap();
    let host = stores.endpoints().s3.strip_prefix("http://").unwrap();
    let path = put.uri().split_once(host).unwrap().1;
    let answer = tokio::task::spawn_blocking({
        let (host, path) = (host.to_owned(), path.to_owned());
        move || {
            let mut socket = std::net::TcpStream::connect(&host).unwrap();
            let head = format!(
                "PUT {path} HTTP/1.1\r\nHost: {host}\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n"
            );
            socket.write_all(head.as_bytes()).unwrap();
            let mut answer = String::new();
            socket.read_to_string(&mut answer).unwrap();
            answer
        }
    });
    let answer = answer.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn a_wrong_checksum_leaves_nothing() {
    let data = TempDir::new().unwrap();
    let stores = open(data.path()).await;
    let put =
        stores.s3_client().put_object().bucket(BUCKET).key("raw/bad").body(b"body".to_vec().into());
    let refused = put
        .checksum_sha256("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")
        .send()
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Some("BadDigest"));
    assert_eq!(keys(&stores.s3_client(), "").await, [""; 0]);
}

#[tokio::test]
async fn listings_page_through_prefixes() {
    let data = TempDir::new().unwrap();
    let stores = open(data.path()).await;
    let s3 = stores.s3_client();
    for key in ["a", "b/1", "b/2", "b/c/3", "b.x", "c/4", "d"] {
        put(&s3, key, key).await;
    }
    assert_eq!(keys(&s3, "").await, ["a", "b.x", "b/1", "b/2", "b/c/3", "c/4", "d"]);
    let mut seen = Vec::new();
    let mut pages =
        s3.list_objects_v2().bucket(BUCKET).delimiter("/").max_keys(1).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        seen.extend(page.contents().iter().map(|object| object.key().unwrap().to_owned()));
        seen.extend(
            page.common_prefixes().iter().map(|prefix| prefix.prefix().unwrap().to_owned()),
        );
        assert!(page.contents().iter().all(|object| object.e_tag().is_some()));
    }
    assert_eq!(seen, ["a", "b.x", "b/", "c/", "d"]);
    let below = s3
        .list_objects_v2()
        .bucket(BUCKET)
        .prefix("b/")
        .delimiter("/")
        .start_after("b/1")
        .send()
        .await
        .unwrap();
    assert_eq!(below.contents()[0].key(), Some("b/2"));
    assert_eq!(below.common_prefixes()[0].prefix(), Some("b/c/"));
    let gone =
        ["b/1", "b/2", "b/c/3"].map(|key| ObjectIdentifier::builder().key(key).build().unwrap());
    let delete = Delete::builder().set_objects(Some(gone.to_vec())).build().unwrap();
    s3.delete_objects().bucket(BUCKET).delete(delete).send().await.unwrap();
    assert!(!data.path().join("s3").join(BUCKET).join("b").exists(), "empty folders go");
    put(&s3, "b", "now a key of its own").await;
    let conflict = s3.put_object().bucket(BUCKET).key("b/1").send().await.unwrap_err();
    assert_eq!(conflict.code(), Some("InvalidArgument"));
    let upwards = s3.put_object().bucket(BUCKET).key("x/../../../escape").send().await.unwrap_err();
    assert_eq!(upwards.code(), Some("InvalidArgument"));
    assert_eq!(keys(&s3, "").await, ["a", "b", "b.x", "c/4", "d"]);
}

#[tokio::test]
async fn reads_take_ranges_and_conditions() {
    let data = TempDir::new().unwrap();
    let stores = open(data.path()).await;
    let s3 = stores.s3_client();
    let etag = put(&s3, "key", "0123456789").await;
    let part = s3.get_object().bucket(BUCKET).key("key").range("bytes=2-4").send().await.unwrap();
    assert_eq!(part.content_range(), Some("bytes 2-4/10"));
    assert_eq!(part.body.collect().await.unwrap().to_vec(), b"234");
    let known =
        s3.get_object().bucket(BUCKET).key("key").if_none_match(&etag).send().await.unwrap_err();
    assert_eq!(known.raw_response().unwrap().status().as_u16(), 304);
    let other =
        s3.get_object().bucket(BUCKET).key("key").if_match("\"other\"").send().await.unwrap_err();
    assert_eq!(other.code(), Some("PreconditionFailed"));
    let missing = s3.head_object().bucket(BUCKET).key("none").send().await.unwrap_err();
    assert!(missing.into_service_error().is_not_found());
    fs::write(data.path().join("s3").join(BUCKET).join("by-hand"), "a plain file").unwrap();
    assert_eq!(get(&s3, "by-hand").await, b"a plain file");
    let source = format!("{BUCKET}/key");
    s3.copy_object().bucket(BUCKET).key("copy").copy_source(source).send().await.unwrap();
    assert_eq!(get(&s3, "copy").await, b"0123456789");
}

#[tokio::test]
async fn parts_become_one_object() {
    let data = TempDir::new().unwrap();
    let stores = open(data.path()).await;
    let s3 = stores.s3_client();
    let upload = s3
        .create_multipart_upload()
        .bucket(BUCKET)
        .key("big")
        .metadata("parts", "2")
        .send()
        .await
        .unwrap();
    let id = upload.upload_id().unwrap();
    let bodies = [vec![b'a'; 5 << 20], vec![b'b'; 1000]];
    let mut parts = CompletedMultipartUpload::builder();
    for (number, body) in (1..).zip(bodies.clone()) {
        let part = s3
            .upload_part()
            .bucket(BUCKET)
            .key("big")
            .upload_id(id)
            .part_number(number)
            .body(body.into());
        let part = part.send().await.unwrap();
        parts = parts.parts(
            CompletedPart::builder().part_number(number).e_tag(part.e_tag().unwrap()).build(),
        );
    }
    let listed = s3.list_parts().bucket(BUCKET).key("big").upload_id(id).send().await.unwrap();
    assert_eq!(listed.parts().len(), 2);
    let complete =
        s3.complete_multipart_upload().bucket(BUCKET).key("big").upload_id(id).if_none_match("*");
    let complete = complete.multipart_upload(parts.build());
    let done = complete.clone().send().await.unwrap();
    assert!(done.e_tag().unwrap().ends_with("-2\""));
    assert_eq!(complete.send().await.unwrap_err().code(), Some("NoSuchUpload"));
    assert_eq!(get(&s3, "big").await, bodies.concat());
    let head = s3.head_object().bucket(BUCKET).key("big").send().await.unwrap();
    assert_eq!((head.e_tag(), head.metadata().unwrap()["parts"].as_str()), (done.e_tag(), "2"));
    assert_eq!(fs::read_dir(data.path().join("s3/.uploads")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_wrong_secret_is_refused() {
    use aws_sdk_s3::config::Credentials;
    let data = TempDir::new().unwrap();
    let stores = open(data.path()).await;
    let config = stores.s3_client().config().to_builder();
    let config =
        config.credentials_provider(Credentials::new("local", "wrong", None, None, "test"));
    let stranger = aws_sdk_s3::Client::from_conf(config.build());
    let refused = stranger.list_buckets().send().await.unwrap_err();
    assert_eq!(refused.code(), Some("SignatureDoesNotMatch"));
}

#[tokio::test]
async fn of_sixteen_conditional_items_one_wins_and_transactions_are_whole() {
    let data = TempDir::new().unwrap();
    let stores = open(data.path()).await;
    let dynamodb = stores.dynamodb_client();
    create_table(&dynamodb).await;
    for key in 0..10 {
        let puts = (0..16).map(|racer| {
            let put = dynamodb.put_item().table_name("state").item("pk", text(&key.to_string()));
            put.item("racer", text(&racer.to_string()))
                .condition_expression("attribute_not_exists(pk)")
                .send()
        });
        let done = futures_util::future::join_all(puts).await;
        assert_eq!(done.iter().filter(|put| put.is_ok()).count(), 1);
    }
    let item = |key: &str| {
        let put = Put::builder().table_name("state").item("pk", text(key));
        let put = put.condition_expression("attribute_not_exists(pk)").build().unwrap();
        TransactWriteItem::builder().put(put).build()
    };
    let both = dynamodb.transact_write_items();
    both.clone().transact_items(item("x")).transact_items(item("y")).send().await.unwrap();
    let half = both.transact_items(item("z")).transact_items(item("x")).send().await.unwrap_err();
    assert!(half.into_service_error().is_transaction_canceled_exception());
    assert!(has_item(&dynamodb, "y").await);
    assert!(!has_item(&dynamodb, "z").await);
}

#[tokio::test]
async fn expired_items_are_swept() {
    let data = TempDir::new().unwrap();
    let options = Options { sweep_every: Duration::from_millis(50), ..Options::default() };
    let stores = Embedded::open(data.path(), options).await.unwrap();
    let dynamodb = stores.dynamodb_client();
    create_table(&dynamodb).await;
    let ttl =
        TimeToLiveSpecification::builder().attribute_name("expires").enabled(true).build().unwrap();
    dynamodb
        .update_time_to_live()
        .table_name("state")
        .time_to_live_specification(ttl)
        .send()
        .await
        .unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    for (key, expires) in [("old", now - 60), ("young", now + 600)] {
        let put = dynamodb.put_item().table_name("state").item("pk", text(key));
        put.item("expires", AttributeValue::N(expires.to_string())).send().await.unwrap();
    }
    let patience = Instant::now() + Duration::from_secs(10);
    while has_item(&dynamodb, "old").await {
        assert!(Instant::now() < patience, "never swept");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(has_item(&dynamodb, "young").await);
}

#[tokio::test]
async fn refusals_name_the_place() {
    let data = TempDir::new().unwrap();
    let file = data.path().join("file");
    fs::write(&file, "").unwrap();
    let below_a_file = Embedded::open(&file.join("data"), Options::default()).await.unwrap_err();
    assert!(matches!(&below_a_file, EmbeddedError::Folder { .. }));
    assert!(below_a_file.to_string().contains(file.to_str().unwrap()));

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let _taken = std::net::TcpListener::bind(("127.0.0.1", taken)).unwrap();
    let options = Options { s3_port: taken, durability: Durability::Relaxed, ..Options::default() };
    let port = Embedded::open(&data.path().join("data"), options).await.unwrap_err();
    assert!(port.to_string().contains(&taken.to_string()));

    fs::write(
        data.path().join("data/dynamodb.sqlite"),
        "no database, however long it is".repeat(100),
    )
    .unwrap();
    let corrupt = Embedded::open(&data.path().join("data"), Options::default()).await.unwrap_err();
    assert!(matches!(&corrupt, EmbeddedError::Database { .. }), "{corrupt:?}");
    assert!(corrupt.to_string().contains("dynamodb.sqlite"));
}
