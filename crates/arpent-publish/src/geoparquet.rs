//! GeoParquet 1.1 (<https://geoparquet.org/releases/v1.1.0/>): WKB geometry, bbox covering, PROJJSON CRS.
//!
//! The `geo` metadata is written directly: it is one JSON object, and the crate for it depends on all of
//! GeoArrow.

use std::path::Path;
use std::sync::Arc;

use arpent_base::Column;
use arpent_raster::{Crs, CrsKind};
use arpent_vector::{Feature, bbox, parts_to_wkb, to_wkb};
use arrow_array::builder::{BinaryBuilder, Float64Builder};
use arrow_array::{ArrayRef, StructArray};
use arrow_schema::{DataType, Field, Fields, Schema};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use serde_json::{Value, json};

use crate::dateline::{Extent, delivered};
use crate::error::{PublishError, Result};
use crate::features::{FeatureRow, GEOMETRY_COLUMNS, distinct_columns, feature_columns};
use crate::parquet_table::{BATCH_ROWS, RowGroups, Values, field};
use crate::run::RunInfo;

/// Bytes of geometry passed to the encoder at a time, beside [`BATCH_ROWS`].
const BATCH_BYTES: usize = 8 << 20;

const BBOX_FIELDS: [&str; 4] = ["xmin", "ymin", "xmax", "ymax"];

/// Writes features to a GeoParquet 1.1 file, in their order, and returns their number.
///
/// Columns: [`feature_columns`], then geometry (WKB, CRS units; see [`delivered`]) and bbox (struct, the covering).
/// Equal features, CRS and run give equal bytes. Without features, the file is valid and has no rows.
///
/// # Errors
/// [`PublishError::Io`] and [`PublishError::Parquet`] when the file cannot be written,
/// [`PublishError::BadProjjson`] when the CRS's definition is not JSON, and the errors of the iterator.
pub fn write_geoparquet(
    path: &Path,
    features: impl IntoIterator<Item = Result<Feature>>,
    crs: &Crs,
    run: &RunInfo,
) -> Result<u64> {
    let mut writer = GeoParquetWriter::create(path, crs, run)?;
    for feature in features {
        writer.push(&feature?)?;
    }
    writer.finish()
}

/// Writes a GeoParquet file feature by feature; see [`write_geoparquet`] for its content.
///
/// The file is complete only after [`GeoParquetWriter::finish`].
#[derive(Debug)]
pub struct GeoParquetWriter {
    rows: RowGroups,
    crs: Crs,
    projjson: Value,
    run: RunInfo,
    columns: Vec<Column>,
    batch: Batch,
    count: u64,
    /// For maps in a projected CRS.
    extent: Option<[f64; 4]>,
    /// For maps in degrees.
    round: Extent,
    has_parts: bool,
}

impl GeoParquetWriter {
    /// Creates the file.
    ///
    /// # Errors
    /// [`PublishError::Io`] when it cannot be created, [`PublishError::BadProjjson`] when the CRS's definition
    /// is not JSON.
    pub fn create(path: &Path, crs: &Crs, run: &RunInfo) -> Result<Self> {
        let projjson = projjson(crs)?;
        let columns = feature_columns(&run.columns);
        Ok(Self {
            rows: RowGroups::create(path, schema(&columns), properties()?)?,
            crs: crs.clone(),
            projjson,
            run: run.clone(),
            batch: Batch::new(&columns),
            columns,
            count: 0,
            extent: None,
            round: Extent::default(),
            has_parts: false,
        })
    }

    /// Adds a feature.
    ///
    /// # Errors
    /// [`PublishError::Parquet`] when the file cannot be written.
    pub fn push(&mut self, feature: &Feature) -> Result<()> {
        let parts = delivered(feature, &self.crs);
        let bbox = bbox(&parts);
        let wkb = match &*parts {
            [polygon] => to_wkb(polygon),
            parts => parts_to_wkb(parts),
        };
        self.batch.push(&FeatureRow::new(feature, &self.run), &wkb, bbox);
        self.count += 1;
        self.has_parts |= parts.len() > 1;
        if self.crs.kind == CrsKind::Geographic {
            parts.iter().for_each(|part| self.round.add_polygon(part));
        } else {
            self.extent = Some(union(self.extent, bbox));
        }
        if self.batch.rows >= BATCH_ROWS || self.batch.geometry_bytes >= BATCH_BYTES {
            self.write_batch()?;
        }
        Ok(())
    }

    /// Writes the remaining rows and the metadata; returns the number of features.
    ///
    /// # Errors
    /// [`PublishError::Parquet`] when the file cannot be written.
    pub fn finish(mut self) -> Result<u64> {
        self.write_batch()?;
        let extent = self.extent.or_else(|| self.round.bbox());
        let geo = geo_metadata(&self.projjson, extent, self.has_parts).to_string();
        self.rows.inner.append_key_value_metadata(KeyValue::new("geo".to_owned(), geo));
        self.rows.close()?;
        Ok(self.count)
    }

    fn write_batch(&mut self) -> Result<()> {
        if self.batch.rows == 0 {
            return Ok(());
        }
        let batch = std::mem::replace(&mut self.batch, Batch::new(&self.columns));
        self.rows.write(batch.columns())
    }
}

/// Columns under construction.
#[derive(Debug)]
struct Batch {
    rows: usize,
    geometry_bytes: usize,
    cells: Vec<Values>,
    geometry: BinaryBuilder,
    bbox: [Float64Builder; 4],
}

impl Batch {
    fn new(columns: &[Column]) -> Self {
        Self {
            rows: 0,
            geometry_bytes: 0,
            cells: columns.iter().map(|column| Values::new(column.kind)).collect(),
            geometry: BinaryBuilder::new(),
            bbox: Default::default(),
        }
    }

    fn push(&mut self, row: &FeatureRow<'_>, wkb: &[u8], bbox: [f64; 4]) {
        self.rows += 1;
        for (values, cell) in self.cells.iter_mut().zip(row.cells()) {
            values.push(cell);
        }
        self.geometry_bytes += wkb.len();
        self.geometry.append_value(wkb);
        for (column, value) in self.bbox.iter_mut().zip(bbox) {
            column.append_value(value);
        }
    }

    /// The columns in the order of [`schema`].
    fn columns(mut self) -> Vec<ArrayRef> {
        let bbox = self.bbox.each_mut().map(|b| Arc::new(b.finish()) as ArrayRef);
        let mut columns: Vec<ArrayRef> = self.cells.into_iter().map(Values::finish).collect();
        columns.push(Arc::new(self.geometry.finish()));
        columns.push(Arc::new(StructArray::new(bbox_fields(), bbox.to_vec(), None)));
        columns
    }
}

fn schema(columns: &[Column]) -> Schema {
    let [geometry, bbox] = GEOMETRY_COLUMNS;
    let shape = [
        Field::new(geometry, DataType::Binary, false),
        Field::new(bbox, DataType::Struct(bbox_fields()), false),
    ];
    Schema::new(columns.iter().map(field).chain(shape).collect::<Vec<_>>())
}

fn bbox_fields() -> Fields {
    BBOX_FIELDS.iter().map(|name| Field::new(*name, DataType::Float64, false)).collect()
}

fn properties() -> Result<WriterProperties> {
    let mut builder = crate::parquet_table::properties()?
        // Minimum and maximum of WKB are useless, and geometries and ids are distinct.
        .set_column_statistics_enabled(column(&["geometry"]), EnabledStatistics::None);
    let distinct = distinct_columns().chain(["geometry"]).map(|name| column(&[name]));
    for path in distinct.chain(BBOX_FIELDS.iter().map(|name| column(&["bbox", name]))) {
        builder = builder.set_column_dictionary_enabled(path, false);
    }
    Ok(builder.build())
}

fn column(parts: &[&str]) -> ColumnPath {
    ColumnPath::new(parts.iter().map(|p| (*p).to_owned()).collect())
}

/// The CRS's PROJJSON; null, which means "unknown" in GeoParquet, if there is none.
pub(crate) fn projjson(crs: &Crs) -> Result<Value> {
    if crs.projjson.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&crs.projjson)
        .map_err(|source| PublishError::BadProjjson { crs: crs.name.clone(), source })
}

fn geo_metadata(crs: &Value, extent: Option<[f64; 4]>, has_parts: bool) -> Value {
    let types: &[&str] = if has_parts { &["Polygon", "MultiPolygon"] } else { &["Polygon"] };
    let covering: serde_json::Map<_, _> =
        BBOX_FIELDS.iter().map(|name| ((*name).to_owned(), json!(["bbox", name]))).collect();
    let mut geometry = json!({
        "encoding": "WKB",
        "geometry_types": types,
        "crs": crs,
        "edges": "planar",
        "orientation": "counterclockwise",
        "covering": { "bbox": covering },
    });
    if let Some(extent) = extent {
        geometry["bbox"] = json!(extent);
    }
    json!({ "version": "1.1.0", "primary_column": "geometry", "columns": { "geometry": geometry } })
}

/// The smallest bbox that contains both.
pub(crate) fn union(a: Option<[f64; 4]>, b: [f64; 4]) -> [f64; 4] {
    a.map_or(b, |a| [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])])
}

#[cfg(test)]
mod tests;
