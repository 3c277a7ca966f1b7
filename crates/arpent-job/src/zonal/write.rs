//! The files of the results.

use std::path::{Path, PathBuf};

use arpent_base::{Cell, Language, Result};
use arpent_gdal::{LayerFormat, LayerGeometry, LayerOptions, LayerShape, LayerWriter, buffer_lines};
use arpent_publish::{ROLE_ZONES, StagedArtifact};
use arpent_raster::Crs;
use arpent_viewer::ZoneMap;

use super::columns::Columns;
use super::ranks::Ranks;
use super::spool::{Record, Spooled};
use crate::config::ZoneFormat;
use crate::error::JobError;
use crate::map::TIMESTAMP;
use crate::present::{ZoneTiles, roads_style, zones_style};

/// Name of the layer of a GeoPackage.
const LAYER: &str = "zones";

/// Inputs of the files.
pub(crate) struct Output<'a> {
    pub(crate) columns: &'a Columns,
    pub(crate) zones: &'a Spooled,
    pub(crate) ranks: Option<&'a Ranks>,
    pub(crate) shape: LayerShape,
    pub(crate) crs: &'a Crs,
    pub(crate) titles: Language,
    /// Meters of a unit of the CRS, if zones are roads.
    pub(crate) road_unit_m: Option<f64>,
}

impl Output<'_> {
    /// Writes the formats into a folder.
    pub(crate) fn write(&self, formats: &[ZoneFormat], folder: &Path) -> Result<Vec<StagedArtifact>> {
        let mut files = Vec::new();
        for format in [ZoneFormat::GeoPackage, ZoneFormat::Csv].into_iter().filter(|f| formats.contains(f)) {
            let path = folder.join(format.file_name());
            match format {
                ZoneFormat::GeoPackage => self.write_layer(&path)?,
                ZoneFormat::Csv => self.write_csv(&path)?,
            }
            files.push(StagedArtifact::new(&path, ROLE_ZONES)?);
        }
        Ok(files)
    }

    fn values<'a>(&'a self, record: &'a Record) -> Result<Vec<Cell<'a>>, JobError> {
        let rank = self.ranks.map(|ranks| ranks.of(&record.result)).transpose()?.flatten();
        Ok(self.columns.values(record, rank))
    }

    fn write_layer(&self, path: &Path) -> Result<()> {
        let style = if self.road_unit_m.is_some() { roads_style } else { zones_style };
        let style = style(self.columns.fields(), self.titles);
        let options = LayerOptions {
            format: LayerFormat::GeoPackage,
            name: LAYER,
            shape: self.shape,
            crs: self.crs,
            fields: self.columns.fields(),
            titles: self.titles,
            spatial_index: true,
            style_qml: Some(&style),
            description: "",
            timestamp: TIMESTAMP,
        };
        let mut layer = LayerWriter::create(path, &options)?;
        self.zones.for_each(|record| Ok(layer.write(&record.wkb, &self.values(record)?)?))?;
        Ok(layer.finish()?)
    }

    /// Writes the zones for the map of the page: areas, and roads as the strips that were measured.
    pub(crate) fn write_tiles(
        &self,
        mut tiles: ZoneTiles,
        folder: &Path,
    ) -> Result<(StagedArtifact, ZoneMap)> {
        self.zones.for_each(|record| {
            let cells = self.values(record)?;
            let polygons = match LayerGeometry::from_wkb(&record.wkb) {
                Some(LayerGeometry::Polygons(polygons)) => polygons,
                Some(LayerGeometry::Lines(lines)) => {
                    let width = record.width_m.zip(self.road_unit_m).map(|(width, unit)| 0.5 * width / unit);
                    width.map_or(Ok(Vec::new()), |width| buffer_lines(&lines, width))?
                }
                Some(LayerGeometry::Empty) | None => Vec::new(),
            };
            let id = cells.first().map(csv_cell).unwrap_or_default();
            tiles.push(0, &id, &cells, &polygons)
        })?;
        tiles.finish(folder)
    }

    fn write_csv(&self, path: &Path) -> Result<()> {
        let failed = |source: csv::Error| JobError::WriteTable { path: PathBuf::from(path), source };
        let mut file = csv::Writer::from_path(path).map_err(failed)?;
        file.write_record(self.columns.fields().iter().map(|f| f.name.as_str())).map_err(failed)?;
        self.zones.for_each(|record| {
            let cells = self.values(record)?.iter().map(csv_cell).collect::<Vec<_>>();
            Ok(file.write_record(&cells).map_err(failed)?)
        })?;
        file.flush().map_err(|e| failed(e.into()))?;
        Ok(())
    }
}

/// A cell of a CSV file.
pub(crate) fn csv_cell(value: &Cell<'_>) -> String {
    match value {
        Cell::Null => String::new(),
        Cell::Text(text) => (*text).to_owned(),
        Cell::Integer(number) => number.to_string(),
        Cell::Real(number) => number.to_string(),
    }
}
