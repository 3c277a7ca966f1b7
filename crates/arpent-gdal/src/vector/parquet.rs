//! Parquet with geometries: GeoParquet 1.x (WKB), and tables with a column of well-known binary. Read with the
//! `parquet` crate, since GDAL packages of Linux distributions have no driver.

use std::io::Read;

use arpent_base::number::{approximate, index};
use arpent_base::{Column, ColumnKind, Value};
use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, SchemaRef, TimeUnit};
use bytes::Bytes;
use gdal::spatial_ref::SpatialRef;
use gdal::vector::Geometry;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::{ChunkReader, Length};
use serde_json::Value as Json;

use super::raw::Raw;
use super::time::offset_of;
use crate::error::not_found;
use crate::ffi::{self, failure};
use crate::setup::quiet;
use crate::uri::{gdal_path, is_local};
use crate::{GdalError, crs, guard};

/// The first and last bytes of a Parquet file.
const MAGIC: &[u8] = b"PAR1";
/// Rows that are decoded at a time.
const BATCH_ROWS: usize = 1024;
/// Bytes per request when pages are read sequentially.
const READ_BYTES: usize = 1 << 20;
/// Usual names of geometry columns, for files without metadata.
const USUAL: [&str; 5] = ["geometry", "geom", "wkb_geometry", "the_geom", "wkb"];
/// The default CRS of GeoParquet.
const DEFAULT_CRS: &str = "OGC:CRS84";

/// A Parquet file.
pub(super) struct ParquetTable {
    uri: String,
    chunks: Chunks,
    metadata: ArrowReaderMetadata,
    /// Index of the geometry column.
    geometry: usize,
    /// Definition of their CRS.
    crs: Option<String>,
    /// Indices of the field columns.
    fields: Vec<usize>,
}

/// Whether a file begins with the magic bytes of Parquet.
pub(crate) fn is_parquet(uri: &str) -> bool {
    quiet();
    guard::first_bytes(&gdal_path(uri), MAGIC.len()).is_ok_and(|start| start == MAGIC)
}

impl ParquetTable {
    pub(super) fn open(uri: &str) -> Result<Self, GdalError> {
        let path = gdal_path(uri);
        let bad = |message: String| GdalError::NotAVector { path: uri.to_owned(), message };
        let length = if is_local(&path) {
            std::fs::metadata(&path).ok().map(|m| m.len())
        } else {
            ffi::vsi_size(&path)
        };
        let Some(length) = length else {
            return Err(not_found(uri, &path, String::new()));
        };
        let chunks = Chunks { path, length };
        let metadata = ArrowReaderMetadata::load(&chunks, ArrowReaderOptions::default())
            .map_err(|e| bad(e.to_string()))?;
        let geo = geo(&metadata).transpose().map_err(bad)?;
        let schema = metadata.schema();
        let (geometry, crs) = if let Some(geo) = &geo {
            declared(geo, schema).map_err(bad)?
        } else {
            let Some(at) = usual(schema) else {
                let layers = vec![crate::uri::stem(uri).to_owned()];
                return Err(GdalError::NoGeometry { path: uri.to_owned(), layers });
            };
            (at, None)
        };
        let is_field = |at: &usize| *at != geometry && field_type(schema.field(*at).data_type()).is_some();
        let fields = (0..schema.fields().len()).filter(is_field).collect();
        Ok(Self { uri: uri.to_owned(), chunks, metadata, geometry, crs, fields })
    }

    pub(super) fn srs(&self) -> Result<Option<SpatialRef>, GdalError> {
        self.crs.as_deref().map(crs::spatial_ref).transpose()
    }

    pub(super) fn fields(&self) -> Vec<Column> {
        let schema = self.metadata.schema();
        let field = |at: &usize| {
            let field = schema.field(*at);
            let field_type = field_type(field.data_type()).unwrap_or(ColumnKind::Text);
            Column::new(field.name(), field_type)
        };
        self.fields.iter().map(field).collect()
    }

    pub(super) fn each<E: From<GdalError>>(
        &self,
        columns: &[(usize, ColumnKind)],
        each: &mut dyn FnMut(Raw) -> Result<(), E>,
    ) -> Result<(), E> {
        let bad = |message: String| GdalError::NotAVector { path: self.uri.clone(), message };
        let wanted: Vec<usize> = columns.iter().map(|(field, _)| self.fields[*field]).collect();
        let builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(self.chunks.clone(), self.metadata.clone());
        let roots = wanted.iter().copied().chain([self.geometry]);
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        let batches = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build();
        let mut number = 0u64;
        for batch in batches.map_err(|e| bad(e.to_string()))? {
            let batch = batch.map_err(|e| bad(e.to_string()))?;
            let column = |at: usize| {
                let name = self.metadata.schema().field(at).name();
                batch.column_by_name(name).ok_or_else(|| bad(format!("column `{name}` cannot be read")))
            };
            let geometries = column(self.geometry)?;
            let values: Vec<&ArrayRef> = wanted.iter().map(|at| column(*at)).collect::<Result<_, _>>()?;
            self.rows(&batch, geometries, &values, &mut number, each)?;
        }
        Ok(())
    }

    fn rows<E: From<GdalError>>(
        &self,
        batch: &RecordBatch,
        geometries: &ArrayRef,
        values: &[&ArrayRef],
        number: &mut u64,
        each: &mut dyn FnMut(Raw) -> Result<(), E>,
    ) -> Result<(), E> {
        for row in 0..batch.num_rows() {
            *number += 1;
            let geometry = match wkb(geometries, row) {
                None => None,
                Some(bytes) => Some(Geometry::from_wkb(bytes).map_err(|e| GdalError::NotAVector {
                    path: self.uri.clone(),
                    message: format!(
                        "the geometry of feature {number} is not well-known binary: {}",
                        failure(&e)
                    ),
                })?),
            };
            let values = values.iter().map(|column| value(column, row)).collect();
            each(Raw { number: *number, geometry, values })?;
        }
        Ok(())
    }
}

/// The `geo` metadata, if any.
fn geo(metadata: &ArrowReaderMetadata) -> Option<Result<Json, String>> {
    let pairs = metadata.metadata().file_metadata().key_value_metadata()?;
    let text = pairs.iter().find(|pair| pair.key == "geo")?.value.as_ref()?;
    Some(serde_json::from_str(text).map_err(|e| format!("its `geo` metadata is not JSON: {e}")))
}

/// The primary column and its CRS, from the GeoParquet metadata.
fn declared(geo: &Json, schema: &SchemaRef) -> Result<(usize, Option<String>), String> {
    let name = geo["primary_column"].as_str().unwrap_or(USUAL[0]);
    let at = schema.index_of(name).map_err(|_| format!("it has no column `{name}`, its primary one"))?;
    let column = &geo["columns"][name];
    let encoding = column["encoding"].as_str().unwrap_or("WKB");
    if encoding != "WKB" || !is_binary(schema.field(at).data_type()) {
        return Err(format!("its geometries are encoded as {encoding}; only WKB is supported"));
    }
    if column["edges"].as_str().is_some_and(|edges| edges != "planar") {
        return Err("its edges are spherical; only planar edges are supported".to_owned());
    }
    let crs = match column.get("crs") {
        None => Some(DEFAULT_CRS.to_owned()),
        Some(Json::Null) => None,
        Some(Json::String(text)) => Some(text.clone()),
        Some(json) => Some(json.to_string()),
    };
    Ok((at, crs))
}

/// A column of binary values with a usual name.
fn usual(schema: &SchemaRef) -> Option<usize> {
    let named = |name: &&str| {
        let fields = schema.fields().iter();
        fields.clone().position(|f| f.name().eq_ignore_ascii_case(name) && is_binary(f.data_type()))
    };
    USUAL.iter().find_map(named)
}

fn is_binary(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Binary | DataType::LargeBinary | DataType::BinaryView)
}

/// Type of a column's values; `None` for nested types.
fn field_type(data_type: &DataType) -> Option<ColumnKind> {
    use DataType as D;
    Some(match data_type {
        D::Boolean | D::Int8 | D::Int16 | D::Int32 | D::Int64 | D::UInt8 | D::UInt16 | D::UInt32 => {
            ColumnKind::Integer
        }
        D::Float32 | D::Float64 | D::Decimal128(..) => ColumnKind::Real,
        // Beyond the range of a signed integer.
        D::UInt64 | D::Utf8 | D::LargeUtf8 | D::Utf8View | D::Date32 | D::Timestamp(..) => ColumnKind::Text,
        D::Dictionary(_, of) => return field_type(of),
        _ => return None,
    })
}

fn wkb(column: &ArrayRef, row: usize) -> Option<&[u8]> {
    if column.is_null(row) {
        return None;
    }
    match column.data_type() {
        DataType::Binary => Some(column.as_binary::<i32>().value(row)),
        DataType::LargeBinary => Some(column.as_binary::<i64>().value(row)),
        DataType::BinaryView => Some(column.as_binary_view().value(row)),
        _ => None,
    }
}

fn value(column: &ArrayRef, row: usize) -> Option<Value> {
    use DataType as D;
    if column.is_null(row) {
        return None;
    }
    let whole = |number: i64| Some(Value::Integer(number));
    let text = |text: &str| Some(Value::Text(text.to_owned()));
    match column.data_type() {
        D::Boolean => whole(i64::from(column.as_boolean().value(row))),
        D::Int8 => whole(column.as_primitive::<Int8Type>().value(row).into()),
        D::Int16 => whole(column.as_primitive::<Int16Type>().value(row).into()),
        D::Int32 => whole(column.as_primitive::<Int32Type>().value(row).into()),
        D::Int64 => whole(column.as_primitive::<Int64Type>().value(row)),
        D::UInt8 => whole(column.as_primitive::<UInt8Type>().value(row).into()),
        D::UInt16 => whole(column.as_primitive::<UInt16Type>().value(row).into()),
        D::UInt32 => whole(column.as_primitive::<UInt32Type>().value(row).into()),
        D::UInt64 => text(&column.as_primitive::<UInt64Type>().value(row).to_string()),
        D::Float32 => Some(Value::Real(column.as_primitive::<Float32Type>().value(row).into())),
        D::Float64 => Some(Value::Real(column.as_primitive::<Float64Type>().value(row))),
        D::Decimal128(_, scale) => {
            let unscaled = column.as_primitive::<arrow_array::types::Decimal128Type>().value(row);
            Some(Value::Real(approximate(unscaled) / 10f64.powi((*scale).into())))
        }
        D::Utf8 => text(column.as_string::<i32>().value(row)),
        D::LargeUtf8 => text(column.as_string::<i64>().value(row)),
        D::Utf8View => text(column.as_string_view().value(row)),
        D::Date32 => text(&date(column.as_primitive::<Date32Type>().value(row).into())),
        D::Timestamp(unit, zone) => text(&timestamp(column, row, *unit, zone.as_deref())),
        D::Dictionary(..) => {
            let dictionary = column.as_any_dictionary();
            let key = *dictionary.normalized_keys().get(row)?;
            value(dictionary.values(), key)
        }
        _ => None,
    }
}

/// A day since 1970 as `2024-05-01` (days from civil, H. Hinnant, "chrono-compatible low-level date algorithms").
fn date(days: i64) -> String {
    let z = days + 719_468;
    let (era, doe) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    let year = yoe + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// A time as `2024-05-01T12:00:00`, with a fraction if any. If the column has a time zone, its values are UTC:
/// they are written with the zone's offset if it is fixed, else in UTC (`Z`).
fn timestamp(column: &ArrayRef, row: usize, unit: TimeUnit, zone: Option<&str>) -> String {
    let (ticks, per_second) = match unit {
        TimeUnit::Second => (column.as_primitive::<TimestampSecondType>().value(row), 1),
        TimeUnit::Millisecond => (column.as_primitive::<TimestampMillisecondType>().value(row), 1000),
        TimeUnit::Microsecond => (column.as_primitive::<TimestampMicrosecondType>().value(row), 1_000_000),
        TimeUnit::Nanosecond => (column.as_primitive::<TimestampNanosecondType>().value(row), 1_000_000_000),
    };
    let offset = zone.and_then(fixed_offset);
    let mark = zone.map_or_else(String::new, |_| offset.map_or_else(|| "Z".to_owned(), offset_of));
    let (seconds, fraction) = (ticks.div_euclid(per_second), ticks.rem_euclid(per_second));
    let seconds = seconds.saturating_add(offset.unwrap_or(0));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let clock = format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
    let nanoseconds = fraction * (1_000_000_000 / per_second);
    let fraction = format!(".{nanoseconds:09}");
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    format!("{}T{clock}{fraction}{mark}", date(days))
}

/// The seconds of offsets such as `+01:00`; `None` for UTC and for zone names, whose offset varies.
fn fixed_offset(zone: &str) -> Option<i64> {
    let (sign, rest) = match zone.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let seconds = sign * (hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60);
    (seconds != 0).then_some(seconds)
}

/// A file or object, read in ranges.
#[derive(Debug, Clone)]
struct Chunks {
    path: String,
    length: u64,
}

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Chunks {
    type T = Reading;

    fn get_read(&self, start: u64) -> ParquetResult<Reading> {
        Ok(Reading { chunks: self.clone(), at: start, buffer: Vec::new(), taken: 0 })
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        // A file may declare more bytes than it has.
        if start.checked_add(length as u64).is_none_or(|end| end > self.length) {
            return Err(ParquetError::EOF(format!("{length} bytes at {start} of {}", self.length)));
        }
        let bytes = ffi::vsi_range(&self.path, start, length).map_err(ParquetError::General)?;
        if bytes.len() < length {
            return Err(ParquetError::EOF(format!("{} of {length} bytes at {start}", bytes.len())));
        }
        Ok(Bytes::from(bytes))
    }
}

/// A file or object, read from an offset on.
struct Reading {
    chunks: Chunks,
    at: u64,
    buffer: Vec<u8>,
    taken: usize,
}

impl Read for Reading {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.taken == self.buffer.len() {
            let left = self.chunks.length.saturating_sub(self.at);
            let next = index(left).min(READ_BYTES);
            self.buffer = ffi::vsi_range(&self.chunks.path, self.at, next).map_err(std::io::Error::other)?;
            self.at += self.buffer.len() as u64;
            self.taken = 0;
        }
        let part = out.len().min(self.buffer.len() - self.taken);
        out[..part].copy_from_slice(&self.buffer[self.taken..self.taken + part]);
        self.taken += part;
        Ok(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_dates() {
        for (days, text) in
            [(0, "1970-01-01"), (-1, "1969-12-31"), (19_782, "2024-02-29"), (11_016, "2000-02-29")]
        {
            assert_eq!(date(days), text);
        }
    }
}
