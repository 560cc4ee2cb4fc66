//! Whatever the order, however often: the same rows give the same tables, and every row once.

use proptest::prelude::*;
use serde_json::Value;

use crate::support::{Lake, names, person, sent};

#[tokio::test]
async fn the_last_version_wins_and_every_version_stays_in_the_history() {
    let lake = Lake::new();
    lake.land("1", &[person("a", 1, "Ann", 1), person("b", 1, "Bo", 1), sent("a", "e1", 5, 1)]);
    let first = lake.commit().await.unwrap();
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].tables["person_record"].added, 2);
    lake.land("2", &[person("a", 3, "Anna", 2), sent("a", "e1", 5, 2), sent("a", "e2", 6, 2)]);
    lake.land("3", &[person("a", 2, "Anne", 3)]);
    let second = lake.commit().await.unwrap();
    assert_eq!(second[0].tables["person_record"].replaced, 1);

    assert_eq!(names(&lake.rows("person_record").await), [("a", "Anna"), ("b", "Bo")]);
    let history = lake.rows("person_record_history").await;
    assert_eq!(names(&history), [("a", "Ann"), ("a", "Anna"), ("a", "Anne"), ("b", "Bo")]);
    assert_eq!(lake.rows("interactions").await.len(), 2);
    assert!(lake.files("landing").is_empty(), "committed objects are removed");
    assert!(lake.commit().await.unwrap().is_empty(), "there is nothing left to do");
}

#[tokio::test]
async fn columns_hold_what_the_lines_say() {
    let lake = Lake::new();
    lake.land("1", &[person("a", 1, "Ann", 1), sent("a", "e1", 5, 1)]);
    lake.commit().await.unwrap();
    let rows = lake.rows("person_record").await;
    assert_eq!(rows[0]["record_key"], "zendesk/desk/user/a");
    assert_eq!(rows[0]["ext"]["note"], "\"Ann\"");
    assert_eq!(rows[0]["tags"][0], "vip");
    assert_eq!(rows[0]["deleted"], false);
    let told = lake.rows("interactions").await;
    assert_eq!(told[0]["type"], "email.sent");
    assert_eq!(told[0]["subject_key"], "zendesk/desk/user/a");
    assert_eq!(told[0]["occurred_at"], "2026-01-01T00:00:05Z");
}

#[tokio::test]
async fn a_line_that_fits_no_table_goes_to_quarantine_and_its_neighbours_land() {
    let lake = Lake::new();
    let broken =
        person("b", 1, "Bo", 1).replace("\"deleted\":false", "\"deleted\":\"bo@mail.example\"");
    let unheard = "{\"table\":\"martian\",\"record_key\":\"x\"}\n".to_owned();
    lake.land("1", &[person("a", 1, "Ann", 1), broken, unheard, person("c", 1, "Cy", 1)]);
    lake.commit().await.unwrap();
    assert_eq!(names(&lake.rows("person_record").await), [("a", "Ann"), ("c", "Cy")]);
    let aside = lake.rows("quarantine").await;
    assert_eq!(aside.len(), 2);
    assert!(aside.iter().all(|row| !row.to_string().contains("bo@mail.example")), "{aside:?}");
    assert_eq!(aside[0]["connection_id"], "desk");
}

#[tokio::test]
async fn rows_of_a_newer_schema_wait_for_a_newer_committer() {
    let lake = Lake::new();
    let newer = person("a", 1, "Ann", 1).replace("\"schema_version\":", "\"schema_version\":9");
    lake.land("1", &[newer]);
    let error = lake.commit().await.unwrap_err();
    assert!(error.to_string().contains("deploy it, nothing is lost"), "{error}");
    assert_eq!(lake.files("landing").len(), 1);
}

/// Rows of few people and few versions, so that they meet often.
fn rows() -> impl Strategy<Value = Vec<String>> {
    let row = (0..12_u8, 0..4_i64, 0..3_u8, 0..5_i64, any::<bool>()).prop_map(
        |(who, version, name, received, is_person)| {
            let who = format!("p{who}");
            if is_person {
                person(&who, version, ["Ann", "Bo", "Cy"][usize::from(name)], received)
            } else {
                sent(&who, &format!("e{name}"), version * 1_000_000, received)
            }
        },
    );
    prop::collection::vec(row, 1..40)
}

fn objects(rows: &[String], cuts: usize) -> Vec<Vec<String>> {
    rows.chunks(rows.len().div_ceil(cuts).max(1)).map(<[String]>::to_vec).collect()
}

async fn tables_of(
    objects: &[Vec<String>],
    batches: usize,
) -> std::collections::BTreeMap<String, Vec<Value>> {
    let lake = Lake::new();
    for (batch, objects) in objects.chunks(objects.len().div_ceil(batches)).enumerate() {
        for (number, lines) in objects.iter().enumerate() {
            lake.land(&format!("{batch}-{number}"), lines);
        }
        lake.commit().await.unwrap();
    }
    lake.everything().await
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn any_order_any_batches_and_any_repetition_give_the_same_tables(
        rows in rows(), cuts in 1..5_usize, batches in 1..4_usize, seed in any::<u16>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let once = runtime.block_on(tables_of(std::slice::from_ref(&rows), 1));
        let mut shuffled = rows.clone();
        shuffled.extend(rows.iter().take(usize::from(seed) % 7).cloned());
        let turn = usize::from(seed) % shuffled.len();
        shuffled.rotate_left(turn);
        if seed % 2 == 0 {
            shuffled.reverse();
        }
        let again = runtime.block_on(tables_of(&objects(&shuffled, cuts), batches));
        prop_assert_eq!(once, again);
    }
}
