//! No personal value in a log, a file's name or a file's statistics.

use std::fs;

use crate::support::{Lake, person};

const CANARY: &str = "canary.bird@mail.example";

#[tokio::test]
async fn an_address_is_in_data_columns_only() {
    let lake = Lake::new();
    for version in 0..8 {
        lake.land("1", &[person("a", version, CANARY, version)]);
        lake.commit().await.unwrap();
    }
    lake::housekeep(&lake.place, std::time::Duration::ZERO, shared::budget::Budget::unlimited())
        .await
        .unwrap();
    let mut logs = 0;
    for path in lake.files("lake").into_iter().chain(lake.files("manifests")) {
        let name = path.to_string_lossy().into_owned();
        assert!(!name.contains("canary"), "{name}");
        let bytes = fs::read(&path).unwrap();
        if name.contains("_delta_log") || name.contains("manifests") {
            logs += 1;
            assert!(!contains(&bytes, CANARY.as_bytes()), "{name}");
            continue;
        }
        // The footer of a Parquet file holds its statistics: the last bytes say how long it is.
        let length = u32::from_le_bytes(bytes[bytes.len() - 8..bytes.len() - 4].try_into().unwrap())
            as usize;
        let footer = &bytes[bytes.len() - 8 - length..];
        assert!(!contains(footer, CANARY.as_bytes()), "{name}");
    }
    assert!(logs > 3);
    assert!(
        lake.rows("person_record").await[0].to_string().contains(CANARY),
        "the canary is in the data"
    );
}

fn contains(bytes: &[u8], canary: &[u8]) -> bool {
    bytes.windows(canary.len()).any(|window| window == canary)
}
