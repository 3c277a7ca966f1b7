//! Columns that not every map has.

use serde::{Deserialize, Serialize};

/// A column of a map's features beside those that every map has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Name.
    pub name: String,
    /// What its values are.
    pub kind: ColumnKind,
}

/// What the values of a column are; each may also be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ColumnKind {
    /// Text.
    Text,
    /// 64-bit integers.
    Integer,
    /// Double precision.
    Real,
}

/// The value of a column.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Attribute {
    /// None.
    #[default]
    Null,
    /// Text.
    Text(String),
    /// An integer.
    Integer(i64),
    /// A number.
    Real(f64),
}

impl Column {
    /// A column of this name and kind.
    pub fn new(name: impl Into<String>, kind: ColumnKind) -> Self {
        Self { name: name.into(), kind }
    }
}

impl From<Option<String>> for Attribute {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}
