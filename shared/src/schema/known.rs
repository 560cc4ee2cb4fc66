//! The difference between a field that a source left out, one that it sent as null, and one with a value.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::reference::CAN_BE_NULL;

/// A field as its source sent it: left out, null, or a value (the empty text is a value).
///
/// Fields of this type carry `#[serde(default, skip_serializing_if = "Known::is_absent")]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Known<T> {
    /// The source said nothing about it.
    #[default]
    Absent,
    /// The source said that there is none.
    Null,
    /// The source said this.
    Value(T),
}

impl<T> Known<T> {
    /// A missing value becomes null: for sources that send the key always.
    pub fn or_null(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Value)
    }

    /// Whether the source said nothing; such a field is not written.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The value, if there is one.
    pub fn value(&self) -> Option<&T> {
        self.as_ref().into_value()
    }

    /// Takes the value, if there is one.
    pub fn into_value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// Borrows the value.
    pub fn as_ref(&self) -> Known<&T> {
        match self {
            Self::Absent => Known::Absent,
            Self::Null => Known::Null,
            Self::Value(value) => Known::Value(value),
        }
    }

    /// Changes the value and leaves absent and null alone.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Known<U> {
        match self {
            Self::Absent => Known::Absent,
            Self::Null => Known::Null,
            Self::Value(value) => Known::Value(change(value)),
        }
    }

    /// Changes the value, or drops it as absent where `change` finds none (a language code that is none).
    pub fn and_then<U>(self, change: impl FnOnce(T) -> Option<U>) -> Known<U> {
        match self {
            Self::Absent => Known::Absent,
            Self::Null => Known::Null,
            Self::Value(value) => change(value).map_or(Known::Absent, Known::Value),
        }
    }
}

impl<T> From<T> for Known<T> {
    fn from(value: T) -> Self {
        Self::Value(value)
    }
}

impl<T> From<Option<T>> for Known<T> {
    /// `None` is absent, the weaker claim; use [`Known::or_null`] where the source sent a null.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Self::Value)
    }
}

impl From<&str> for Known<String> {
    fn from(value: &str) -> Self {
        Self::Value(value.to_owned())
    }
}

impl<T: Serialize> Serialize for Known<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Absent | Self::Null => serializer.serialize_none(),
            Self::Value(value) => value.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Known<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::or_null)
    }
}

impl<T: JsonSchema> JsonSchema for Known<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Option::<T>::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Option::<T>::json_schema(generator);
        schema.insert(CAN_BE_NULL.into(), true.into());
        schema
    }
}
