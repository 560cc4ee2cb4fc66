//! Small files do not build up, and nothing that is needed goes.

use std::time::Duration;

use shared::budget::Budget;

use crate::support::{Lake, names, person, sent};

#[tokio::test]
async fn small_files_become_one_and_what_nothing_refers_to_is_removed() {
    let lake = Lake::new();
    for batch in 0..9 {
        lake.land(
            "x",
            &[
                person(&format!("p{batch}"), batch, "Ann", batch),
                sent("a", &format!("e{batch}"), batch, batch),
            ],
        );
        lake.commit().await.unwrap();
    }
    let before = lake.everything().await;
    let tables = lake::tables(&lake.place).await.unwrap();
    let files = |tables: &[lake::TableFacts], name: &str| {
        tables.iter().find(|facts| facts.name == name).unwrap().files
    };
    assert_eq!(files(&tables, "interactions"), 9);
    assert!(files(&tables, "person_record") <= 6, "a bucket has few files at any time");

    let done = lake::housekeep(&lake.place, Duration::ZERO, Budget::unlimited()).await.unwrap();
    let interactions = done.iter().find(|done| done.table == "interactions").unwrap();
    assert_eq!((interactions.merged, interactions.into), (9, 1));
    assert!(interactions.vacuumed >= 9, "{interactions:?}");
    let tables = lake::tables(&lake.place).await.unwrap();
    for facts in &tables {
        assert_eq!(facts.files, 1, "{}", facts.name);
        let on_disk = lake.files(&format!("lake/{}", facts.name));
        let parquet = on_disk.iter().filter(|path| !path.to_string_lossy().contains("_delta_log"));
        assert_eq!(parquet.count(), 1, "{}: orphans are gone", facts.name);
    }
    assert_eq!(lake.everything().await, before);

    lake.land("y", &[person("p0", 100, "Anna", 100)]);
    lake.commit().await.unwrap();
    assert!(names(&lake.rows("person_record").await).contains(&("p0", "Anna")));
    let manifests = lake.files("manifests").len();
    assert!(manifests <= 4, "{manifests} manifests are left");
}

#[tokio::test]
async fn files_stay_for_queries_that_began_before() {
    let lake = Lake::new();
    for batch in 0..3 {
        lake.land("x", &[sent("a", &format!("e{batch}"), batch, batch)]);
        lake.commit().await.unwrap();
    }
    let done =
        lake::housekeep(&lake.place, Duration::from_hours(24), Budget::unlimited()).await.unwrap();
    assert_eq!(done.iter().map(|done| done.vacuumed).sum::<usize>(), 0);
}
