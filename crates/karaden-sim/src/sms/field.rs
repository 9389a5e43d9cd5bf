//! Fields of the SMS API that may have no value, for serde.

use serde::{Serialize, Serializer};

use crate::config::Absent;

/// A field that may have no value. Use it with `skip_serializing_if = "Field::is_omitted"`.
#[derive(Debug)]
pub(crate) enum Field<T> {
    Value(T),
    Null,
    Omitted,
}

impl<T> Field<T> {
    pub(crate) fn new(value: Option<T>, absent: Absent) -> Self {
        match (value, absent) {
            (Some(value), _) => Self::Value(value),
            (None, Absent::Null) => Self::Null,
            (None, Absent::Omit) => Self::Omitted,
        }
    }

    /// Makes a field that only some versions of the API have.
    pub(crate) fn in_version(has_field: bool, value: Option<T>, absent: Absent) -> Self {
        if has_field { Self::new(value, absent) } else { Self::Omitted }
    }

    pub(crate) fn is_omitted(&self) -> bool {
        matches!(self, Self::Omitted)
    }
}

impl<T: Serialize> Serialize for Field<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(to),
            Self::Null | Self::Omitted => to.serialize_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Two {
        #[serde(skip_serializing_if = "Field::is_omitted")]
        a: Field<u8>,
        b: u8,
    }

    #[test]
    fn an_absent_value_is_null_or_omitted() {
        for (field, expected) in [
            (Field::new(None, Absent::Null), r#"{"a":null,"b":1}"#),
            (Field::new(None, Absent::Omit), r#"{"b":1}"#),
            (Field::new(Some(2), Absent::Omit), r#"{"a":2,"b":1}"#),
            (Field::in_version(false, Some(2), Absent::Null), r#"{"b":1}"#),
        ] {
            assert_eq!(serde_json::to_string(&Two { a: field, b: 1 }).unwrap(), expected);
        }
    }
}
