//! GeoParquet 1.1 (<https://geoparquet.org/releases/v1.1.0/>): WKB geometry, bbox covering, PROJJSON CRS.
//!
//! The `geo` metadata is written by hand: it is one JSON object, and the crate that would write it brings the
//! whole of GeoArrow along.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arpent_raster::Crs;
use arpent_vector::{Attribute, Column, ColumnKind, Feature, to_wkb};
use arrow_array::builder::{BinaryBuilder, Float64Builder, Int64Builder, StringBuilder, UInt8Builder};
use arrow_array::{ArrayRef, RecordBatch, StringArray, StructArray};
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use serde_json::{Value, json};

use crate::error::{PublishError, Result};
use crate::run::RunInfo;

/// Rows, and bytes of geometry, handed to the encoder at once.
const BATCH_ROWS: usize = 4096;
const BATCH_BYTES: usize = 8 << 20;
/// Rows, and bytes as encoded so far, after which a row group ends. What is in memory is a row group.
const GROUP_ROWS: usize = 65_536;
const GROUP_BYTES: usize = 32 << 20;
/// Written into the file; fixed, so that equal features make equal bytes.
const CREATED_BY: &str = concat!("arpent ", env!("CARGO_PKG_VERSION"));

const BBOX_FIELDS: [&str; 4] = ["xmin", "ymin", "xmax", "ymax"];

/// Writes features to a GeoParquet 1.1 file, in the order they come, and gives their number.
///
/// Columns: id, class_id, class_name, score (nullable), area_m2, pixels_area_m2 (nullable), run_id, model_id, model_sha256, scene_ids (comma
/// separated), acquired (nullable), state, the run's own columns (nullable), geometry (WKB, CRS units), bbox (struct, the covering). Equal
/// features, CRS and run make equal bytes. No feature makes a valid file without rows.
///
/// # Errors
/// [`PublishError::Io`] and [`PublishError::Parquet`] when the file cannot be written,
/// [`PublishError::BadProjjson`] when the CRS's definition is not JSON, and what the features' source gives.
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

/// Writes a GeoParquet file feature by feature; [`write_geoparquet`] says what it holds.
///
/// The file is complete only after [`GeoParquetWriter::finish`].
#[derive(Debug)]
pub struct GeoParquetWriter {
    path: PathBuf,
    inner: ArrowWriter<File>,
    schema: Arc<Schema>,
    crs: Value,
    run: RunInfo,
    batch: Batch,
    count: u64,
    extent: Option<[f64; 4]>,
}

impl GeoParquetWriter {
    /// Creates the file.
    ///
    /// # Errors
    /// [`PublishError::Io`] when it cannot be created, [`PublishError::BadProjjson`] when the CRS's definition
    /// is not JSON.
    pub fn create(path: &Path, crs: &Crs, run: &RunInfo) -> Result<Self> {
        let crs = projjson(crs)?;
        let file = File::create(path).map_err(PublishError::io("create", path))?;
        let schema = Arc::new(schema(&run.columns));
        let options = ArrowWriterOptions::new().with_properties(properties()?).with_skip_arrow_metadata(true);
        let inner =
            ArrowWriter::try_new_with_options(file, schema.clone(), options).map_err(encoding(path))?;
        Ok(Self {
            path: path.to_owned(),
            inner,
            schema,
            crs,
            run: run.clone(),
            batch: Batch::new(&run.columns),
            count: 0,
            extent: None,
        })
    }

    /// Adds a feature.
    ///
    /// # Errors
    /// [`PublishError::Parquet`] when the file cannot be written.
    pub fn push(&mut self, feature: &Feature) -> Result<()> {
        let bbox = feature.bbox();
        self.batch.push(feature, bbox);
        self.count += 1;
        self.extent = Some(union(self.extent, bbox));
        if self.batch.rows >= BATCH_ROWS || self.batch.geometry_bytes >= BATCH_BYTES {
            self.write_batch()?;
        }
        Ok(())
    }

    /// Writes what is left and the metadata; gives the number of features.
    ///
    /// # Errors
    /// [`PublishError::Parquet`] when the file cannot be written.
    pub fn finish(mut self) -> Result<u64> {
        self.write_batch()?;
        let geo = geo_metadata(&self.crs, self.extent).to_string();
        self.inner.append_key_value_metadata(KeyValue::new("geo".to_owned(), geo));
        self.inner.close().map_err(encoding(&self.path))?;
        Ok(self.count)
    }

    fn write_batch(&mut self) -> Result<()> {
        if self.batch.rows == 0 {
            return Ok(());
        }
        let batch = std::mem::replace(&mut self.batch, Batch::new(&self.run.columns));
        let columns = batch.columns(&self.run);
        let batch = RecordBatch::try_new(self.schema.clone(), columns).map_err(|e: ArrowError| {
            PublishError::Columns { path: self.path.clone(), source: Box::new(e) }
        })?;
        self.inner.write(&batch).map_err(encoding(&self.path))?;
        if self.inner.in_progress_rows() >= GROUP_ROWS || self.inner.in_progress_size() >= GROUP_BYTES {
            self.inner.flush().map_err(encoding(&self.path))?;
        }
        Ok(())
    }
}

fn encoding(path: &Path) -> impl FnOnce(ParquetError) -> PublishError {
    let path = path.to_owned();
    move |source| PublishError::Parquet { path, source: Box::new(source) }
}

/// Columns under construction.
#[derive(Debug, Default)]
struct Batch {
    rows: usize,
    geometry_bytes: usize,
    id: StringBuilder,
    class_id: UInt8Builder,
    class_name: StringBuilder,
    score: Float64Builder,
    area_m2: Float64Builder,
    pixels_area_m2: Float64Builder,
    scene_ids: StringBuilder,
    acquired: StringBuilder,
    more: Vec<Values>,
    geometry: BinaryBuilder,
    bbox: [Float64Builder; 4],
}

/// Values of a column that not every run has.
#[derive(Debug)]
enum Values {
    Text(StringBuilder),
    Integer(Int64Builder),
    Real(Float64Builder),
}

impl Values {
    fn new(kind: ColumnKind) -> Self {
        match kind {
            ColumnKind::Text => Self::Text(StringBuilder::new()),
            ColumnKind::Integer => Self::Integer(Int64Builder::new()),
            ColumnKind::Real => Self::Real(Float64Builder::new()),
        }
    }

    /// Adds a value; one of another kind counts as missing.
    fn push(&mut self, value: Option<&Attribute>) {
        match (self, value) {
            (Self::Text(values), Some(Attribute::Text(text))) => values.append_value(text),
            (Self::Integer(values), Some(Attribute::Integer(number))) => values.append_value(*number),
            (Self::Real(values), Some(Attribute::Real(number))) => values.append_value(*number),
            (Self::Text(values), _) => values.append_null(),
            (Self::Integer(values), _) => values.append_null(),
            (Self::Real(values), _) => values.append_null(),
        }
    }

    fn finish(self) -> ArrayRef {
        match self {
            Self::Text(mut values) => Arc::new(values.finish()),
            Self::Integer(mut values) => Arc::new(values.finish()),
            Self::Real(mut values) => Arc::new(values.finish()),
        }
    }
}

impl Batch {
    fn new(columns: &[Column]) -> Self {
        let more = columns.iter().map(|column| Values::new(column.kind)).collect();
        Self { more, ..Self::default() }
    }

    fn push(&mut self, feature: &Feature, bbox: [f64; 4]) {
        self.rows += 1;
        self.id.append_value(&feature.id);
        self.class_id.append_value(feature.class_id);
        self.class_name.append_value(&feature.class_name);
        self.score.append_option(feature.score);
        self.area_m2.append_value(feature.area_m2);
        self.pixels_area_m2.append_option(feature.pixels_area_m2);
        self.scene_ids.append_value(feature.scene_ids.join(","));
        self.acquired.append_option(feature.acquired.as_deref());
        for (i, values) in self.more.iter_mut().enumerate() {
            values.push(feature.attributes.get(i));
        }
        let wkb = to_wkb(&feature.polygon);
        self.geometry_bytes += wkb.len();
        self.geometry.append_value(wkb);
        for (column, value) in self.bbox.iter_mut().zip(bbox) {
            column.append_value(value);
        }
    }

    /// The columns in the order of [`schema`].
    fn columns(mut self, run: &RunInfo) -> Vec<ArrayRef> {
        let same = |text: &str| Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, self.rows)));
        let bbox = self.bbox.each_mut().map(|b| Arc::new(b.finish()) as ArrayRef);
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(self.id.finish()),
            Arc::new(self.class_id.finish()),
            Arc::new(self.class_name.finish()),
            Arc::new(self.score.finish()),
            Arc::new(self.area_m2.finish()),
            Arc::new(self.pixels_area_m2.finish()),
            same(&run.run_id),
            same(&run.model_id),
            same(&run.model_sha256),
            Arc::new(self.scene_ids.finish()),
            Arc::new(self.acquired.finish()),
            same(&run.state),
        ];
        columns.extend(self.more.into_iter().map(Values::finish));
        columns.push(Arc::new(self.geometry.finish()));
        columns.push(Arc::new(StructArray::new(bbox_fields(), bbox.to_vec(), None)));
        columns
    }
}

fn schema(more: &[Column]) -> Schema {
    let text = |name| Field::new(name, DataType::Utf8, false);
    let mut fields = vec![
        text("id"),
        Field::new("class_id", DataType::UInt8, false),
        text("class_name"),
        Field::new("score", DataType::Float64, true),
        Field::new("area_m2", DataType::Float64, false),
        Field::new("pixels_area_m2", DataType::Float64, true),
        text("run_id"),
        text("model_id"),
        text("model_sha256"),
        text("scene_ids"),
        Field::new("acquired", DataType::Utf8, true),
        text("state"),
    ];
    fields.extend(more.iter().map(|column| {
        let data_type = match column.kind {
            ColumnKind::Text => DataType::Utf8,
            ColumnKind::Integer => DataType::Int64,
            ColumnKind::Real => DataType::Float64,
        };
        Field::new(&column.name, data_type, true)
    }));
    fields.push(Field::new("geometry", DataType::Binary, false));
    fields.push(Field::new("bbox", DataType::Struct(bbox_fields()), false));
    Schema::new(fields)
}

fn bbox_fields() -> Fields {
    BBOX_FIELDS.iter().map(|name| Field::new(*name, DataType::Float64, false)).collect()
}

fn properties() -> Result<WriterProperties> {
    let level = ZstdLevel::try_new(3).map_err(encoding(Path::new("")))?;
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_created_by(CREATED_BY.to_owned())
        // Row groups end by our own measure, in `write_batch`.
        .set_max_row_group_row_count(None)
        // Smallest and largest WKB say nothing, and every geometry and id is different.
        .set_column_statistics_enabled(column(&["geometry"]), EnabledStatistics::None);
    for path in [column(&["geometry"]), column(&["id"]), column(&["area_m2"]), column(&["pixels_area_m2"])]
        .into_iter()
        .chain(BBOX_FIELDS.iter().map(|name| column(&["bbox", name])))
    {
        builder = builder.set_column_dictionary_enabled(path, false);
    }
    Ok(builder.build())
}

fn column(parts: &[&str]) -> ColumnPath {
    ColumnPath::new(parts.iter().map(|p| (*p).to_owned()).collect())
}

/// The CRS's PROJJSON; null, which GeoParquet reads as "unknown", where there is none.
pub(crate) fn projjson(crs: &Crs) -> Result<Value> {
    if crs.projjson.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&crs.projjson)
        .map_err(|source| PublishError::BadProjjson { crs: crs.name.clone(), source })
}

fn geo_metadata(crs: &Value, extent: Option<[f64; 4]>) -> Value {
    let covering: serde_json::Map<_, _> =
        BBOX_FIELDS.iter().map(|name| ((*name).to_owned(), json!(["bbox", name]))).collect();
    let mut geometry = json!({
        "encoding": "WKB",
        "geometry_types": ["Polygon"],
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

/// The smallest bbox that holds both.
pub(crate) fn union(a: Option<[f64; 4]>, b: [f64; 4]) -> [f64; 4] {
    a.map_or(b, |a| [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])])
}

#[cfg(test)]
mod tests;
