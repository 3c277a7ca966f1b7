//! Columns of tables and their values, the same for every vector format.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use crate::number::approximate;

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Name in every format.
    pub name: String,
    /// Type of its values.
    pub kind: ColumnKind,
    /// Whether every row has a value.
    pub required: bool,
    /// Title for display.
    pub title: Title,
    /// Unit of its values, such as `m2`; empty if they have none.
    pub unit: Cow<'static, str>,
    /// Meaning of its values, in one sentence.
    pub description: Cow<'static, str>,
}

/// Type of a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ColumnKind {
    /// Text.
    Text,
    /// Whole numbers from 0 to 255.
    Byte,
    /// 64-bit integers.
    Integer,
    /// Double precision.
    Real,
}

/// A title in each supported language.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Title {
    /// English.
    pub en: Cow<'static, str>,
    /// French.
    pub fr: Cow<'static, str>,
}

/// A language of titles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// French.
    Fr,
}

/// A value. One that may be missing is an `Option<Value>`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// Text; dates and times are text too, as ISO 8601 and RFC 3339 write them (`2021-03-04`,
    /// `2021-03-04T05:06:07.123+01:00`).
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Real(f64),
}

/// The content of a cell of a table, borrowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// No value.
    Null,
    /// Text.
    Text(&'a str),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Real(f64),
}

impl Column {
    /// A column whose values may be missing, with its name for a title.
    pub fn new(name: impl Into<String>, kind: ColumnKind) -> Self {
        let name = name.into();
        let title = Title { en: name.clone().into(), fr: name.clone().into() };
        Self { name, kind, required: false, title, unit: Cow::Borrowed(""), description: Cow::Borrowed("") }
    }

    /// The column with titles in English and French.
    #[must_use]
    pub fn titled(self, en: impl Into<Cow<'static, str>>, fr: impl Into<Cow<'static, str>>) -> Self {
        Self { title: Title { en: en.into(), fr: fr.into() }, ..self }
    }

    /// The column with a unit.
    #[must_use]
    pub fn in_unit(self, unit: impl Into<Cow<'static, str>>) -> Self {
        Self { unit: unit.into(), ..self }
    }

    /// The column with a description.
    #[must_use]
    pub fn described(self, description: impl Into<Cow<'static, str>>) -> Self {
        Self { description: description.into(), ..self }
    }

    /// The column with a value in every row.
    #[must_use]
    pub fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// The column as a field of a Table Schema (<https://specs.frictionlessdata.io/table-schema/>), with the additional
    /// keys `title:fr` and `unit`.
    pub fn table_schema_field(&self) -> serde_json::Value {
        let mut field = Map::new();
        field.insert("name".into(), json!(self.name));
        field.insert("type".into(), json!(self.kind.table_schema_type()));
        field.insert("title".into(), json!(self.title.en));
        field.insert("title:fr".into(), json!(self.title.fr));
        for (key, text) in [("unit", &self.unit), ("description", &self.description)] {
            if !text.is_empty() {
                field.insert(key.into(), json!(text));
            }
        }
        if self.required {
            field.insert("constraints".into(), json!({ "required": true }));
        }
        field.into()
    }

    /// The column that [`Column::table_schema_field`] describes; `None` for what it did not write.
    pub fn of_table_schema_field(field: &serde_json::Value) -> Option<Self> {
        let text = |key: &str| field[key].as_str().map(str::to_owned);
        let kind = match field["type"].as_str()? {
            "string" => ColumnKind::Text,
            "integer" => ColumnKind::Integer,
            "number" => ColumnKind::Real,
            _ => return None,
        };
        let column = Self::new(text("name")?, kind).titled(text("title")?, text("title:fr")?);
        let column = column.in_unit(text("unit").unwrap_or_default());
        let column = column.described(text("description").unwrap_or_default());
        Some(if field["constraints"]["required"] == true { column.required() } else { column })
    }
}

impl Title {
    /// The title in a language.
    pub fn of(&self, language: Language) -> &str {
        match language {
            Language::En => &self.en,
            Language::Fr => &self.fr,
        }
    }
}

impl ColumnKind {
    const fn table_schema_type(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Byte | Self::Integer => "integer",
            Self::Real => "number",
        }
    }
}

/// A [Table Schema](https://specs.frictionlessdata.io/table-schema/) of some columns, the first of which is the primary
/// key.
pub fn table_schema(columns: &[Column]) -> serde_json::Value {
    let fields: Vec<_> = columns.iter().map(Column::table_schema_field).collect();
    match columns.first() {
        Some(key) => json!({ "fields": fields, "primaryKey": key.name }),
        None => json!({ "fields": fields }),
    }
}

impl Value {
    /// The value as the content of a cell.
    pub fn as_cell(&self) -> Cell<'_> {
        match self {
            Self::Text(text) => Cell::Text(text),
            Self::Integer(number) => Cell::Integer(*number),
            Self::Real(number) => Cell::Real(*number),
        }
    }

    /// The value as a number if it is one, also if written as text.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Text(text) => text.trim().parse().ok(),
            Self::Integer(number) => Some(approximate(*number)),
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

impl<'a> From<Option<&'a Value>> for Cell<'a> {
    fn from(value: Option<&'a Value>) -> Self {
        value.map_or(Self::Null, Value::as_cell)
    }
}

impl<'a> From<Option<&'a str>> for Cell<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

impl From<Option<f64>> for Cell<'_> {
    fn from(number: Option<f64>) -> Self {
        number.map_or(Self::Null, Self::Real)
    }
}

impl From<Option<i64>> for Cell<'_> {
    fn from(number: Option<i64>) -> Self {
        number.map_or(Self::Null, Self::Integer)
    }
}

impl Serialize for Cell<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Real(number) => serializer.serialize_f64(*number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_becomes_a_field_of_a_table_schema() {
        let id = Column::new("id", ColumnKind::Text).required();
        let area = Column::new("area_m2", ColumnKind::Real)
            .titled("Area", "Surface")
            .in_unit("m2")
            .described("Area on the ground.");
        let columns = [id, area];
        let schema = table_schema(&columns);
        let read: Option<Vec<Column>> =
            schema["fields"].as_array().unwrap().iter().map(Column::of_table_schema_field).collect();
        assert_eq!(read.as_deref(), Some(&columns[..]));
        assert_eq!(Column::of_table_schema_field(&json!({ "name": "a", "type": "geojson" })), None);
        assert_eq!(
            schema,
            json!({
                "primaryKey": "id",
                "fields": [
                    { "name": "id", "type": "string", "title": "id", "title:fr": "id", "constraints": { "required": true } },
                    { "name": "area_m2", "type": "number", "title": "Area", "title:fr": "Surface", "unit": "m2",
                      "description": "Area on the ground." },
                ],
            })
        );
    }

    #[test]
    fn cells_become_json_values() {
        let cells = [Cell::Null, Cell::Text("a"), Cell::Integer(-3), Cell::Real(0.5)];
        assert_eq!(serde_json::to_string(&cells).unwrap(), r#"[null,"a",-3,0.5]"#);
        assert_eq!(Cell::from(Some(&Value::Integer(2))), Cell::Integer(2));
        assert_eq!(Cell::from(None::<&Value>), Cell::Null);
    }
}
