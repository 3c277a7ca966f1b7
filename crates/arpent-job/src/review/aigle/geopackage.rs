//! The delivery as a GeoPackage with the same three tables.

use std::path::{Path, PathBuf};

use arpent_base::{Cell, Column, ColumnKind, Language, Result};
use arpent_gdal::{LayerFormat, LayerOptions, LayerShape, LayerWriter, polygon_wkb};
use arpent_raster::Crs;

use super::delivery::{Batch, Inference};

/// Writes the file, row by row.
pub(super) struct PackageWriter<'a> {
    path: PathBuf,
    batch: &'a Batch,
    crs: &'a Crs,
    timestamp: String,
    writer: LayerWriter,
}

fn columns(names: &[(&str, ColumnKind)]) -> Vec<Column> {
    names.iter().map(|(name, kind)| Column::new(*name, *kind)).collect()
}

fn options<'o>(
    name: &'o str,
    shape: LayerShape,
    crs: &'o Crs,
    fields: &'o [Column],
    timestamp: &'o str,
) -> LayerOptions<'o> {
    LayerOptions {
        format: LayerFormat::GeoPackage,
        name,
        shape,
        crs,
        fields,
        titles: Language::En,
        spatial_index: shape != LayerShape::None,
        style_qml: None,
        description: "",
        timestamp,
    }
}

fn text(text: Option<&str>) -> Cell<'_> {
    text.map_or(Cell::Null, Cell::Text)
}

fn integer(number: Option<i64>) -> Cell<'static> {
    number.map_or(Cell::Null, Cell::Integer)
}

impl<'a> PackageWriter<'a> {
    /// Begins a file with the layer `inference`.
    pub(super) fn create(path: &Path, batch: &'a Batch, crs: &'a Crs) -> Result<Self> {
        use ColumnKind::{Integer, Real, Text};
        let fields = columns(&[
            ("id", Integer),
            ("batch_id", Integer),
            ("score", Real),
            ("object_type", Text),
            ("address", Text),
            ("detection_validation_status", Text),
            ("detection_control_status", Text),
            ("detection_prescription_status", Text),
            ("detection_source", Text),
            ("user_reviewed", Integer),
            ("tile_x", Integer),
            ("tile_y", Integer),
        ]);
        let timestamp = format!("{}.000Z", batch.created.trim_end_matches('Z'));
        let writer =
            LayerWriter::create(path, &options("inference", LayerShape::Polygon, crs, &fields, &timestamp))?;
        Ok(Self { path: path.to_owned(), batch, crs, timestamp, writer })
    }

    /// Adds a row.
    pub(super) fn row(&mut self, row: &Inference) -> Result<()> {
        let [x, y] = row.tile.map_or([None, None], |tile| tile.map(Some));
        let cells = [
            Cell::Integer(row.id),
            Cell::Integer(self.batch.id),
            row.score.map_or(Cell::Null, Cell::Real),
            Cell::Text(&row.object_type),
            Cell::Null,
            text(row.status),
            Cell::Null,
            Cell::Null,
            Cell::Text("ANALYSIS"),
            Cell::Null,
            integer(x),
            integer(y),
        ];
        let wkb = row.polygon.as_ref().map_or_else(Vec::new, polygon_wkb);
        Ok(self.writer.write(&wkb, &cells)?)
    }

    /// Completes the file with the tables `run` and `batch`.
    pub(super) fn finish(self) -> Result<()> {
        use ColumnKind::{Integer, Text};
        self.writer.finish()?;
        let batch = self.batch;
        let fields = columns(&[
            ("id", Integer),
            ("geozone_id", Integer),
            ("created_at", Text),
            ("src_image_year", Integer),
        ]);
        let run = options("run", LayerShape::None, self.crs, &fields, &self.timestamp);
        let mut writer = LayerWriter::append(&self.path, &run)?;
        let cells = [
            Cell::Integer(batch.id),
            integer(batch.geozone),
            Cell::Text(&batch.created),
            integer(batch.year),
        ];
        writer.write(&[], &cells)?;
        writer.finish()?;
        let fields = columns(&[
            ("id", Integer),
            ("batch_name", Text),
            ("created_at", Text),
            ("model_id", Text),
            ("batch_tiles_url", Text),
            ("description", Text),
            ("run_id", Integer),
        ]);
        let table = options("batch", LayerShape::None, self.crs, &fields, &self.timestamp);
        let mut writer = LayerWriter::append(&self.path, &table)?;
        let cells = [
            Cell::Integer(batch.id),
            Cell::Text(&batch.name),
            Cell::Text(&batch.created),
            Cell::Text(&batch.model),
            text(batch.tiles_url.as_deref()),
            Cell::Text(&batch.description),
            Cell::Integer(batch.id),
        ];
        writer.write(&[], &cells)?;
        Ok(writer.finish()?)
    }
}
