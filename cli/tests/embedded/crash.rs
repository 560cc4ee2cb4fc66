//! What a kill, a restart and a copied folder leave behind.

use super::*;

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

/// Runs in a child of `a_killed_owner_leaves_whole_objects`: writes until it is killed.
#[tokio::test]
#[ignore = "started by another test, which kills it"]
async fn write_until_killed() {
    let Ok(data) = std::env::var("TRIBUTARY_KILLED_DATA") else { return };
    let stores = open(Path::new(&data)).await;
    create_table(&stores.dynamodb_client()).await;
    let writers = (0..4).map(|writer| {
        let (s3, dynamodb, data) = (stores.s3_client(), stores.dynamodb_client(), data.clone());
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
                let data = Path::new(&data);
                fs::write(data.join(format!("log-{writer}.new")), number.to_string()).unwrap();
                fs::rename(
                    data.join(format!("log-{writer}.new")),
                    data.join(format!("log-{writer}")),
                )
                .unwrap();
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
            .args(["--ignored", "--exact", "crash::write_until_killed"])
            .env("TRIBUTARY_KILLED_DATA", data.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let written = |writer| {
            fs::read_to_string(data.path().join(format!("log-{writer}"))).unwrap_or_default()
        };
        let patience = Instant::now() + Duration::from_mins(1);
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
    assert_eq!(
        (head.metadata().map(std::collections::HashMap::len), head.content_length()),
        (Some(0), Some(14))
    );
}
