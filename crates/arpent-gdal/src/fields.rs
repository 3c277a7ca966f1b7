//! Fields of layers and their values, as they are read and written.

use serde::{Deserialize, Serialize};

use crate::text::same_text;

/// Type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    /// Text.
    Text,
    /// 64-bit integer.
    Integer,
    /// Double precision.
    Real,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDef {
    /// Name.
    pub name: String,
    /// Type.
    pub field_type: FieldType,
}

/// Value of a column in one feature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FieldValue<'a> {
    /// None.
    Null,
    /// Text.
    Text(&'a str),
    /// Integer.
    Integer(i64),
    /// Real.
    Real(f64),
}

/// Value of a field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// Text; dates and times are text too, as ISO 8601 and RFC 3339 write them (`2021-03-04`, `2021-03-04T05:06:07.123+01:00`).
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Real(f64),
}

impl Value {
    /// The value as a column of a [`LayerWriter`](crate::LayerWriter) takes it.
    pub fn as_field(&self) -> FieldValue<'_> {
        match self {
            Self::Text(text) => FieldValue::Text(text),
            Self::Integer(number) => FieldValue::Integer(*number),
            Self::Real(number) => FieldValue::Real(*number),
        }
    }

    /// The value as text by which it is compared: see [`same_text`].
    pub fn key(&self) -> String {
        match self {
            Self::Text(text) => same_text(text),
            other => other.to_string(),
        }
    }

    /// The value as a number, where it is one, also one written as text.
    #[allow(clippy::cast_precision_loss, reason = "widths and amounts are small")]
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Text(text) => text.trim().parse().ok(),
            Self::Integer(number) => Some(*number as f64),
            Self::Real(number) => Some(*number),
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Real(number) => write!(f, "{number}"),
        }
    }
}
