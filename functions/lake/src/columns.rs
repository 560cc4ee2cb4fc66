//! Columns only grow: a table has those of every version that wrote to it, and so have the structs within them.

use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, ListArray, RecordBatch, StructArray, new_null_array,
};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};

use crate::error::LakeError;

/// The columns as the fields of one struct.
pub(crate) fn of_columns(schema: &Schema) -> DataType {
    DataType::Struct(schema.fields().clone())
}

/// The fields of a struct as columns.
pub(crate) fn columns_of(all: DataType, wanted: impl Fn(&str) -> bool) -> Schema {
    let DataType::Struct(fields) = all else { return Schema::empty() };
    Schema::new(fields.iter().filter(|field| wanted(field.name())).cloned().collect::<Vec<_>>())
}

/// Two versions of one type: structs have the fields of both; of what else differs, the first stays.
pub(crate) fn merged(one: &DataType, other: &DataType) -> DataType {
    match (one, other) {
        (DataType::Struct(one), DataType::Struct(other)) => {
            let both = one.iter().map(|field| match named(other, field.name()) {
                None => Arc::clone(field),
                Some(theirs) => {
                    let both = merged(field.data_type(), theirs.data_type());
                    Arc::new(field.as_ref().clone().with_data_type(both))
                }
            });
            let beyond = other.iter().filter(|field| named(one, field.name()).is_none()).cloned();
            DataType::Struct(both.chain(beyond).collect())
        }
        (DataType::List(one), DataType::List(other)) => {
            let both = merged(one.data_type(), other.data_type());
            DataType::List(Arc::new(one.as_ref().clone().with_data_type(both)))
        }
        _ => one.clone(),
    }
}

/// Whether a type has every field of another, however deep.
pub(crate) fn covers(large: &DataType, small: &DataType) -> bool {
    match (large, small) {
        (DataType::Struct(large), DataType::Struct(small)) => small.iter().all(|field| {
            named(large, field.name())
                .is_some_and(|known| covers(known.data_type(), field.data_type()))
        }),
        (DataType::List(large), DataType::List(small)) => {
            covers(large.data_type(), small.data_type())
        }
        _ => true,
    }
}

fn named<'f>(fields: &'f Fields, name: &str) -> Option<&'f Arc<Field>> {
    fields.iter().find(|field| field.name() == name)
}

/// The batch with exactly these columns; what it lacks is null.
pub(crate) fn fitted(batch: &RecordBatch, columns: &SchemaRef) -> Result<RecordBatch, LakeError> {
    if batch.schema_ref() == columns {
        return Ok(batch.clone());
    }
    let arrays = columns.fields().iter().map(|field| match batch.column_by_name(field.name()) {
        None => Ok(new_null_array(field.data_type(), batch.num_rows())),
        Some(column) => grown(column, field.data_type()),
    });
    Ok(RecordBatch::try_new(Arc::clone(columns), arrays.collect::<Result<Vec<_>, LakeError>>()?)?)
}

/// A column with the fields that another version gave its structs.
fn grown(column: &ArrayRef, to: &DataType) -> Result<ArrayRef, LakeError> {
    Ok(match (column.data_type(), to) {
        (from, to) if from == to => Arc::clone(column),
        (DataType::Struct(_), DataType::Struct(fields)) => {
            let from = column.as_struct();
            let children = fields.iter().map(|field| match from.column_by_name(field.name()) {
                None => Ok(new_null_array(field.data_type(), from.len())),
                Some(child) => grown(child, field.data_type()),
            });
            let children = children.collect::<Result<Vec<_>, LakeError>>()?;
            Arc::new(StructArray::try_new(fields.clone(), children, from.nulls().cloned())?)
        }
        (DataType::List(_), DataType::List(item)) => {
            let from = column.as_list::<i32>();
            let items = grown(from.values(), item.data_type())?;
            Arc::new(ListArray::try_new(
                Arc::clone(item),
                from.offsets().clone(),
                items,
                from.nulls().cloned(),
            )?)
        }
        _ => arrow::compute::cast(column, to)?,
    })
}

#[cfg(test)]
mod tests {
    use arrow::json::{ArrayWriter, ReaderBuilder};

    use super::*;

    fn text(name: &str) -> Field {
        Field::new(name, DataType::Utf8, true)
    }

    /// A column `points` of lists of structs with these fields.
    fn points(fields: &[&str]) -> SchemaRef {
        let point = Field::new_struct(
            "element",
            fields.iter().map(|name| text(name)).collect::<Vec<_>>(),
            true,
        );
        Arc::new(Schema::new(vec![Field::new("points", DataType::List(Arc::new(point)), true)]))
    }

    #[test]
    fn two_versions_of_a_struct_in_a_list_have_the_fields_of_both() {
        let (ours, theirs) =
            (of_columns(&points(&["kind", "new"])), of_columns(&points(&["kind", "old"])));
        let both = merged(&ours, &theirs);
        assert_eq!(both, of_columns(&points(&["kind", "new", "old"])));
        assert!(covers(&both, &ours) && covers(&both, &theirs));
        assert!(!covers(&ours, &theirs) && !covers(&theirs, &ours));
    }

    #[test]
    fn what_another_version_wrote_into_a_struct_is_kept() {
        let (theirs, both) = (points(&["old"]), points(&["new", "old"]));
        let mut reader = ReaderBuilder::new(theirs).build_decoder().unwrap();
        reader.decode(br#"{"points":[{"old":"x"},null]}{"points":null}"#).unwrap();
        let batch = reader.flush().unwrap().unwrap();
        let mut writer = ArrayWriter::new(Vec::new());
        writer.write(&fitted(&batch, &both).unwrap()).unwrap();
        writer.finish().unwrap();
        assert_eq!(
            String::from_utf8(writer.into_inner()).unwrap(),
            r#"[{"points":[{"old":"x"},null]},{}]"#
        );
    }
}
