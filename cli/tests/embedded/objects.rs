//! Objects through the SDK: listings, reads, parts, and what is refused.

use super::*;

#[tokio::test]
async fn an_empty_body_that_awaits_a_go_ahead_ends_its_connection() {
    use std::io::{Read, Write};
    let data = TempDir::new().unwrap();
    let stores = open(data.path()).await;
    let lasting =
        aws_sdk_s3::presigning::PresigningConfig::expires_in(Duration::from_mins(1)).unwrap();
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
