//! Stocks and flows, for the whole and for zones: tables in which every difference of stocks is the sum of the flows, and
//! the zones with their figures as layers.

use std::path::Path;

use arpent_base::{Cell, Column, Result};
use arpent_change::balance::{
    FlowMatrix, Zone, ZoneBalance, balance_cells, balance_columns, class_cells_of_zone,
    class_columns_of_zone, coverage_cells, coverage_columns, flow_cells, flow_columns, stock_cells,
    stock_columns,
};
use arpent_gdal::{LayerGeometry, Rings};
use arpent_publish::{ROLE_BALANCE, StagedArtifact, Warning};
use arpent_raster::PixelArea;
use arpent_shell::progress::Stage;
use arpent_viewer::ZoneMap;

use super::balance::{Pair, Soils, Years};
use super::csv_table::CsvTable;
use super::inputs::Inputs;
use super::zones::{Level, ZoneLayers, levels};
use crate::config::ChangeConfig;
use crate::present::{ZoneSpec, ZoneTiles};

/// Columns with the id and the level of a zone.
const ZONE_ID: &str = "zone_id";
const ZONE_LEVEL: &str = "zone_type";

/// Level of the row for all that is compared.
const WHOLE: &str = "total";

/// The tables that were written.
pub(crate) struct WrittenTables {
    pub(crate) files: Vec<StagedArtifact>,
    /// About the zones.
    pub(crate) warnings: Vec<Warning>,
    /// The zones on the map of the page.
    pub(crate) zone_map: Option<ZoneMap>,
}

/// The tables of a comparison.
pub(crate) struct Tables<'a> {
    pub(crate) pair: &'a Pair,
    pub(crate) soils: Option<&'a Soils>,
    pub(crate) inputs: &'a Inputs,
    /// Where a date has several vintages.
    pub(crate) vintages: Option<Years>,
    pub(crate) flows: &'a FlowMatrix,
    pub(crate) config: &'a ChangeConfig,
    pub(crate) run_id: &'a str,
    pub(crate) scratch: &'a Path,
}

/// The tables that are being written.
struct Open {
    flows: CsvTable,
    stocks: CsvTable,
    soils: Option<CsvTable>,
}

impl Tables<'_> {
    /// Writes `flows.csv`, `stocks.csv`, by the law's rules `artificialisation.csv`, and with zones `balance.gpkg` and, for
    /// the page, `zones.pmtiles`.
    pub(crate) fn write(&self, folder: &Path) -> Result<WrittenTables> {
        let stage = Stage::begin("balance", 0);
        let soils = self.soils.map(|_| CsvTable::new(folder, "artificialisation.csv", &balance_columns()));
        let mut tables = Open {
            flows: CsvTable::new(folder, "flows.csv", &flow_columns())?,
            stocks: CsvTable::new(folder, "stocks.csv", &stock_columns())?,
            soils: soils.transpose()?,
        };
        let area = PixelArea::new(&self.inputs.grid);
        self.add(&mut tables, (WHOLE, WHOLE), (self.flows, None), &area)?;
        let (mut warnings, mut zones) = (Vec::new(), 0);
        let columns = self.columns();
        let mut layers = ZoneLayers::new(folder, &columns, (&self.inputs.grid.crs, self.config.titles));
        let mut tiles = self.tiles(&columns)?;
        for (number, (name, sources)) in levels(&self.config.zones).into_iter().enumerate() {
            let mut level = Level::new(name, &self.inputs.grid, self.pair.window(), self.scratch);
            layers.begin(name)?;
            for source in sources {
                let read = level.read(source, &mut |id, polygons| -> Result<(ZoneBalance, bool)> {
                    let matrix = self.pair.flows_in(polygons, &area)?;
                    let balance = self.add(&mut tables, (id, name), (&matrix, Some(polygons)), &area)?;
                    let classes = class_cells_of_zone(&self.inputs.classes.nomenclature, &matrix);
                    let cells: Vec<Cell<'_>> = match self.soils {
                        Some(_) => balance_cells(&balance).chain(classes).collect(),
                        None => coverage_cells(&balance).chain(classes).collect(),
                    };
                    let geometry = LayerGeometry::Polygons(polygons.to_vec());
                    layers.push(&geometry, &cells)?;
                    tiles.as_mut().map_or(Ok(()), |tiles| tiles.push(number, id, &cells, polygons))?;
                    drop(cells);
                    Ok((balance, matrix.flows().next().is_some()))
                })?;
                zones += read;
            }
            warnings.extend(level.warnings());
        }
        let staged = |table: CsvTable| -> Result<StagedArtifact> {
            Ok(StagedArtifact::new(&table.finish()?, ROLE_BALANCE)?)
        };
        let mut files = vec![staged(tables.flows)?, staged(tables.stocks)?];
        files.extend(tables.soils.map(staged).transpose()?);
        if let Some(path) = layers.finish()? {
            files.push(StagedArtifact::new(&path, ROLE_BALANCE)?);
        }
        let tiles = tiles.map(|tiles| tiles.finish(folder)).transpose()?;
        let zone_map = tiles.map(|(file, map)| {
            files.push(file);
            map
        });
        stage.end(&format!("{zones} zones"));
        Ok(WrittenTables { files, warnings, zone_map })
    }

    /// Takes the zones for the map of the page, if there are zones and a page.
    fn tiles(&self, columns: &[Column]) -> Result<Option<ZoneTiles>> {
        if self.config.zones.is_empty() || !self.config.publish.viewer {
            return Ok(None);
        }
        let spec = ZoneSpec {
            run_id: self.run_id,
            columns,
            id: ZONE_ID,
            level: Some(ZONE_LEVEL),
            levels: levels(&self.config.zones).into_iter().map(|(name, _)| name.to_owned()).collect(),
            // The events are colored: zones are outlines until a figure is chosen.
            color: None,
        };
        Ok(Some(ZoneTiles::create(spec, (&self.inputs.grid, self.pair.window()), self.scratch)?))
    }

    /// The columns of a layer of zones.
    fn columns(&self) -> Vec<Column> {
        let mut columns = if self.soils.is_some() { balance_columns() } else { coverage_columns() };
        columns.extend(class_columns_of_zone(&self.inputs.classes.nomenclature));
        columns
    }

    /// Adds the rows of a zone (id and level), or of all that is compared.
    fn add(
        &self,
        tables: &mut Open,
        (id, level): (&str, &str),
        (matrix, polygons): (&FlowMatrix, Option<&[Rings]>),
        area: &PixelArea,
    ) -> Result<ZoneBalance> {
        let zone = self.zone((id, level), polygons, area)?;
        let classes = &self.inputs.classes.nomenclature;
        for flow in matrix.flows() {
            tables.flows.push(flow_cells(&zone, classes, &flow))?;
        }
        for stock in matrix.stocks().unwrap_or_default() {
            tables.stocks.push(stock_cells(&zone, classes, &stock))?;
        }
        let balance = match self.soils {
            Some(soils) => soils.balance(zone, polygons, area)?,
            None => ZoneBalance::without_soils(zone, matrix),
        };
        if let Some(table) = &mut tables.soils {
            table.push(balance_cells(&balance))?;
        }
        Ok(balance)
    }

    fn zone(&self, (id, kind): (&str, &str), polygons: Option<&[Rings]>, area: &PixelArea) -> Result<Zone> {
        let dates = [0, 1]
            .map(|date: usize| self.inputs.dates[date].get(..4).and_then(|year| year.parse::<i32>().ok()));
        let parts = match &self.vintages {
            Some(years) => years.within(polygons, (self.pair.window(), area), dates)?,
            None => Vec::new(),
        };
        let [year_old, year_new] = parts.first().map_or(dates, |years| years.map(Some));
        let mut parts: Vec<[i32; 2]> = if parts.is_empty() {
            dates[0].zip(dates[1]).map(|(old, new)| [old, new]).into_iter().collect()
        } else {
            parts
        };
        parts.sort_unstable();
        let years = parts.iter().map(|[old, new]| format!("{old}-{new}")).collect::<Vec<_>>().join(", ");
        Ok(Zone { id: id.to_owned(), kind: kind.to_owned(), year_old, year_new, years })
    }
}
