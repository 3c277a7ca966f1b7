//! Values of columns.

/// A value of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// A whole number.
    Integer(i64),
    /// Text.
    Text(String),
}

impl Key {
    /// The value as text.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Integer(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }

    /// Its type, as QGIS names it in a legend.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Integer(_) => "long",
            Self::Text(_) => "string",
        }
    }
}

impl From<i64> for Key {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
