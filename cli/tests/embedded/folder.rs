//! Who serves a data folder, what it sweeps, and why it may refuse to open.

use super::*;

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
