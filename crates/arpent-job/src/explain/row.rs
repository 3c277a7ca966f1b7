//! Values of a row.

use arpent_base::Value;
use arpent_publish::TableRow;

/// A text of the row; empty without one.
pub(super) fn text(row: &TableRow, column: &str) -> String {
    match row.value(column) {
        Some(Value::Text(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

/// A number of the row.
pub(super) fn number(row: &TableRow, column: &str) -> Option<f64> {
    match row.value(column) {
        Some(Value::Real(number)) => Some(*number),
        Some(Value::Integer(number)) => Some(arpent_base::number::exact(*number)),
        _ => None,
    }
}
