//! Columns come with newer versions; tables made by older and newer ones go on.

use std::fs;

use arrow::datatypes::DataType;
use serde_json::{Value, json};

use crate::support::{Lake, names, person};

/// Changes the columns that a table's log names, as a version that knew others would have written it.
fn edit_columns(lake: &Lake, table: &str, edit: impl Fn(&mut Vec<Value>)) {
    let log = lake.path().join(format!("lake/{table}/_delta_log/00000000000000000000.json"));
    let text = fs::read_to_string(&log).unwrap();
    let lines = text.lines().map(|line| {
        let mut action: Value = serde_json::from_str(line).unwrap();
        if let Some(schema) = action["metaData"]["schemaString"].as_str() {
            let mut schema: Value = serde_json::from_str(schema).unwrap();
            edit(schema["fields"].as_array_mut().unwrap());
            action["metaData"]["schemaString"] = schema.to_string().into();
        }
        action.to_string()
    });
    fs::write(&log, lines.collect::<Vec<_>>().join("\n")).unwrap();
}

#[tokio::test]
async fn a_table_of_an_older_version_gets_the_new_columns() {
    let lake = Lake::new();
    lake.land("1", &[person("a", 1, "Ann", 1)]);
    lake.commit().await.unwrap();
    edit_columns(&lake, "person_record", |columns| {
        columns.retain(|column| column["name"] != "time_zone");
    });
    let tables = lake::tables(&lake.place).await.unwrap();
    let known = tables.iter().find(|facts| facts.name == "person_record").unwrap();
    assert!(known.columns.index_of("time_zone").is_ok(), "readers see what this version knows");

    lake.land("2", &[person("b", 1, "Bo", 2)]);
    lake.commit().await.unwrap();
    let log = lake.path().join("lake/person_record/_delta_log/00000000000000000002.json");
    assert!(fs::read_to_string(log).unwrap().contains("time_zone"), "the commit adds the column");
    assert_eq!(names(&lake.rows("person_record").await), [("a", "Ann"), ("b", "Bo")]);
}

#[tokio::test]
async fn a_column_of_a_newer_version_stays() {
    let lake = Lake::new();
    lake.land("1", &[person("a", 1, "Ann", 1)]);
    lake.commit().await.unwrap();
    edit_columns(&lake, "person_record", |columns| {
        columns
            .push(json!({"name": "shoe_size", "type": "string", "nullable": true, "metadata": {}}));
    });
    for version in 2..10 {
        lake.land("2", &[person("a", version, "Anna", version)]);
        lake.commit().await.unwrap();
    }
    let tables = lake::tables(&lake.place).await.unwrap();
    let known = tables.iter().find(|facts| facts.name == "person_record").unwrap();
    assert!(known.columns.index_of("shoe_size").is_ok(), "it is still a column of the table");
    assert_eq!(names(&lake.rows("person_record").await), [("a", "Anna")]);
}

/// Changes the fields of the struct `name`.
fn edit_name(lake: &Lake, edit: impl Fn(&mut Vec<Value>)) {
    edit_columns(lake, "person_record", |columns| {
        let name = columns.iter_mut().find(|column| column["name"] == "name").unwrap();
        edit(name["type"]["fields"].as_array_mut().unwrap());
    });
}

async fn parts_of_a_name(lake: &Lake) -> Vec<String> {
    let tables = lake::tables(&lake.place).await.unwrap();
    let known = tables.iter().find(|facts| facts.name == "person_record").unwrap();
    let name = known.columns.field_with_name("name").unwrap();
    let DataType::Struct(fields) = name.data_type() else { panic!("{name}") };
    fields.iter().map(|field| field.name().clone()).collect()
}

#[tokio::test]
async fn a_struct_of_an_older_version_gets_the_new_fields() {
    let lake = Lake::new();
    lake.land("1", &[person("a", 1, "Ann", 1)]);
    lake.commit().await.unwrap();
    edit_name(&lake, |fields| fields.retain(|field| field["name"] != "suffix"));

    lake.land("2", &[person("b", 1, "Bo", 2)]);
    lake.commit().await.unwrap();
    let log = lake.path().join("lake/person_record/_delta_log/00000000000000000002.json");
    assert!(fs::read_to_string(&log).unwrap().contains("suffix"), "the commit adds the field");
    lake.land("3", &[person("c", 1, "Cy", 3)]);
    lake.commit().await.unwrap();
    let log = log.with_file_name("00000000000000000003.json");
    assert!(!fs::read_to_string(log).unwrap().contains("metaData"), "it is added once");
    let rows = lake.rows("person_record").await;
    assert_eq!(names(&rows), [("a", "Ann"), ("b", "Bo"), ("c", "Cy")]);
}

#[tokio::test]
async fn a_field_that_a_newer_version_gave_a_struct_stays() {
    let lake = Lake::new();
    lake.land("1", &[person("a", 1, "Ann", 1)]);
    lake.commit().await.unwrap();
    edit_name(&lake, |fields| {
        fields
            .push(json!({"name": "nickname", "type": "string", "nullable": true, "metadata": {}}));
    });
    for version in 2..10 {
        lake.land("2", &[person("a", version, "Anna", version)]);
        lake.commit().await.unwrap();
    }
    assert!(parts_of_a_name(&lake).await.contains(&"nickname".to_owned()));
    assert_eq!(names(&lake.rows("person_record").await), [("a", "Anna")]);
}
