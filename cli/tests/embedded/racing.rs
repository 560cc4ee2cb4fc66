//! Conditional writes under contention: one winner, and nothing half done.

use super::*;

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
