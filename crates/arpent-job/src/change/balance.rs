//! Stocks and flows, for the whole and for zones: tables in which every difference of stocks is the sum of the flows.

use std::path::{Path, PathBuf};

use arpent_base::number::{offset, wide};
use arpent_base::{Cell, Column, Result, Value};
use arpent_change::balance::{
    AnswerRow, ArtificialMatrix, FlowMatrix, Layers, MatrixRow, RemarkCounts, ThresholdCounts,
    ThresholdFilter, ThresholdRow, Thresholds, UnknownClass, Zone, ZoneBalance, ZoneFlows, balance_cells,
    balance_columns, flow_cells, flow_columns, stock_cells, stock_columns,
};
use arpent_gdal::{
    Aoi, LayerGeometry, LayerSource, PublishedRaster, RasterKind, Rings, StripWriter, read_features,
};
use arpent_publish::{ROLE_BALANCE, StagedArtifact, Warning};
use arpent_raster::{Class, Color, Grid, Nomenclature, PixelArea, Raster, Window};
use arpent_shell::progress::Stage;
use arpent_vector::ZoneRows;
use serde::{Deserialize, Serialize};

use super::classes::Classes;
use super::error::ChangeJobError;
use crate::config::{ArtificialisationOptions, BalanceZones};
use crate::error::JobError;
use crate::warnings::layer_warnings;
use crate::zonal::csv_cell;

/// Pixels that are read of a raster at a time.
const PIXELS_AT_A_TIME: usize = 4_000_000;
/// Level of the row for all that is compared.
const WHOLE: &str = "total";

/// Takes a row: its number, and both dates.
type EachRow<'a> = dyn FnMut(i64, &[u8], &[u8]) -> Result<()> + 'a;

/// The rasters of both dates that are added up.
pub(crate) struct Pair {
    pub(crate) rasters: [PublishedRaster; 2],
}

impl Pair {
    pub(crate) fn open(paths: [&Path; 2]) -> Result<Self> {
        let open = |path: &Path| PublishedRaster::open(&path.to_string_lossy());
        Ok(Self { rasters: [open(paths[0])?, open(paths[1])?] })
    }

    fn window(&self) -> Window {
        self.rasters[0].window()
    }

    fn read(&self, window: Window) -> Result<[Raster<u8>; 2]> {
        Ok([self.rasters[0].read(window)?, self.rasters[1].read(window)?])
    }

    /// Calls `each` with every row of a window that lies inside: its number, and both dates.
    pub(crate) fn each_row(&self, window: Window, each: &mut EachRow<'_>) -> Result<()> {
        let height = wide((PIXELS_AT_A_TIME / window.width.max(1)).max(1));
        let mut row = window.row;
        while row < window.row_end() {
            let end = window.row_end().min(row.saturating_add_unsigned(height));
            let [before, after] = self.read(Window::between(window.col, row, window.col_end(), end))?;
            for (i, number) in (row..end).enumerate() {
                each(number, before.row(i), after.row(i))?;
            }
            row = end;
        }
        Ok(())
    }

    /// The flows inside polygons in the CRS of the grid, each pixel by its part inside.
    fn flows_in(&self, polygons: &[Rings], area: &PixelArea) -> Result<FlowMatrix> {
        let (grid, window) = (self.rasters[0].grid(), self.window());
        let pixel = |point: &[f64; 2]| <[f64; 2]>::from(grid.pixel(point[0], point[1]));
        let in_pixels: Vec<Rings> = polygons
            .iter()
            .map(|rings| rings.iter().map(|ring| ring.iter().map(pixel).collect()).collect())
            .collect();
        let mut rows = ZoneRows::new(&in_pixels, &window)?;
        let mut flows = FlowMatrix::default();
        let mut block: Option<[Raster<u8>; 2]> = None;
        while let Some(row) = rows.next_row() {
            let pixel_area_m2 = area.of_row(row.row);
            let number = row.row.cast_unsigned();
            let inside: f64 = row.parts.iter().sum();
            flows.add_outside(number, (row.pixels - inside).max(0.0), pixel_area_m2)?;
            if row.parts.is_empty() {
                continue;
            }
            let here = match block.take() {
                Some(block) if block[0].window().row_end() > row.row => block,
                _ => {
                    let height = wide((PIXELS_AT_A_TIME / row.parts.len()).max(1));
                    let end = window.row_end().min(row.row.saturating_add_unsigned(height));
                    let width = arpent_base::number::signed(row.parts.len());
                    self.read(Window::between(row.first_col, row.row, row.first_col + width, end))?
                }
            };
            let at = offset(row.row - here[0].window().row);
            flows.add_zone_row(number, (here[0].row(at), here[1].row(at)), row.parts, pixel_area_m2)?;
            block = Some(here);
        }
        Ok(flows)
    }
}

/// The soils of both dates by the law's rules.
pub(crate) struct Soils {
    artificial: Pair,
    sealed: Pair,
    criteria: Pair,
    pub(crate) facts: SoilFacts,
}

/// What the law's rules did, in the manifest.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct SoilFacts {
    /// The thresholds' counts, for the earlier and the later date.
    pub(crate) thresholds: Vec<ThresholdCounts>,
    /// Pixels without an answer, or with one that rests on the cover alone.
    pub(crate) remarks: Vec<RemarkCounts>,
    /// Classes without a code of the rule.
    pub(crate) unknown_classes: Vec<UnknownClass>,
    /// Always the cover alone.
    pub(crate) layers: Option<Layers>,
}

impl Soils {
    /// Applies the law's rules to the classes of both dates.
    pub(crate) fn new(
        pair: &Pair,
        classes: &Classes,
        options: &ArtificialisationOptions,
        scratch: &Path,
    ) -> Result<Self> {
        let stage = Stage::begin("artificial soils", 0);
        let matrix = ArtificialMatrix::new(&classes.nomenclature, None);
        let grid = pair.rasters[0].grid().clone();
        let window = pair.window();
        let exempt = options
            .exempt
            .as_deref()
            .map(|layer| arpent_gdal::read_aoi(layer, &grid, &window))
            .transpose()?;
        let mut facts = SoilFacts {
            unknown_classes: matrix.unknown_classes().to_vec(),
            layers: Some(Layers::CoverOnly),
            ..SoilFacts::default()
        };
        let mut paths = Vec::new();
        for (date, name) in [(0, "before"), (1, "after")] {
            let path = |what: &str| scratch.join(format!("{what}-{name}.tif"));
            let files = ["artificial", "sealed", "criterion"].map(path);
            let one = OneDate {
                raster: &pair.rasters[date],
                matrix: &matrix,
                exempt: exempt.as_ref(),
                grid: &grid,
            };
            let (thresholds, remarks) = one.write(&files, scratch)?;
            facts.thresholds.push(thresholds);
            facts.remarks.push(remarks);
            paths.push(files);
        }
        stage.end("both dates");
        Ok(Self {
            artificial: Pair::open([&paths[0][0], &paths[1][0]])?,
            sealed: Pair::open([&paths[0][1], &paths[1][1]])?,
            criteria: Pair::open([&paths[0][2], &paths[1][2]])?,
            facts,
        })
    }

    fn balance(&self, zone: &Zone, polygons: Option<&[Rings]>, area: &PixelArea) -> Result<ZoneBalance> {
        let flows = |pair: &Pair| match polygons {
            Some(polygons) => pair.flows_in(polygons, area),
            None => whole(pair, area),
        };
        let (artificial, sealed) = (flows(&self.artificial)?, flows(&self.sealed)?);
        let criteria = flows(&self.criteria)?;
        let flows = ZoneFlows { artificial: &artificial, sealed: &sealed, criteria: Some(&criteria) };
        Ok(ZoneBalance::new(zone.clone(), flows, Layers::CoverOnly))
    }
}

fn whole(pair: &Pair, area: &PixelArea) -> Result<FlowMatrix> {
    let mut flows = FlowMatrix::default();
    pair.each_row(pair.window(), &mut |row, before, after| {
        Ok(flows.add_row(row.cast_unsigned(), before, after, area.of_row(row))?)
    })?;
    Ok(flows)
}

/// The classes of one date, to be read by the law's rules.
struct OneDate<'a> {
    raster: &'a PublishedRaster,
    matrix: &'a ArtificialMatrix,
    exempt: Option<&'a Aoi>,
    grid: &'a Grid,
}

impl OneDate<'_> {
    /// Writes what is artificial, what is sealed, and the criterion of each pixel.
    fn write(&self, files: &[PathBuf; 3], scratch: &Path) -> Result<(ThresholdCounts, RemarkCounts)> {
        let window = self.raster.window();
        let area = PixelArea::new(self.grid);
        let names = soil_classes();
        let part =
            |path: &PathBuf| scratch.join(path.file_name().unwrap_or_default()).with_extension("part.tif");
        let create =
            |path: &PathBuf| StripWriter::create(&part(path), window, self.grid, RasterKind::Labels(&names));
        let [mut artificial, mut sealed, mut criterion] =
            [create(&files[0])?, create(&files[1])?, create(&files[2])?];
        let mut filter = ThresholdFilter::new(window.width, wide(window.height), Thresholds::default())?;
        let (mut answers, mut remarks) = (AnswerRow::default(), RemarkCounts::default());
        let height = wide((PIXELS_AT_A_TIME / window.width.max(1)).max(1));
        let mut give = |row: ThresholdRow<'_>| -> Result<()> {
            let number = window.row.saturating_add_unsigned(row.row);
            artificial.write_rows(number, row.artificial)?;
            Ok(criterion.write_rows(number, row.criterion)?)
        };
        let mut row = window.row;
        while row < window.row_end() {
            let end = window.row_end().min(row.saturating_add_unsigned(height));
            let block = Window::between(window.col, row, window.col_end(), end);
            let classes = self.raster.read(block)?;
            let exempt: Option<Vec<u8>> = self
                .exempt
                .map(|aoi| aoi.mask(block).data().iter().map(|inside| u8::from(*inside)).collect());
            for (i, number) in (row..end).enumerate() {
                self.matrix.read_row(
                    number.cast_unsigned(),
                    classes.row(i),
                    None,
                    &mut answers,
                    &mut remarks,
                )?;
                sealed.write_rows(number, &answers.sealed)?;
                let matrix_row = MatrixRow {
                    artificial: &answers.artificial,
                    built: Some(&answers.built),
                    exempt: exempt.as_deref().map(|mask| &mask[i * block.width..][..block.width]),
                    pixel_area_m2: area.of_row(number),
                };
                filter.push_row(&matrix_row, &mut give)?;
            }
            row = end;
        }
        let counts = filter.finish(&mut give)?;
        for (raster, path) in [artificial, sealed, criterion].into_iter().zip(files) {
            raster.finish_cog(path, 1)?;
        }
        Ok((counts, remarks))
    }
}

/// Values of the rasters of soils.
fn soil_classes() -> Nomenclature {
    let class = |id: u8, name: &str| Class {
        id,
        name: name.to_owned(),
        name_fr: None,
        code: None,
        color: Color([200 * id, 0, 0]),
        features: false,
    };
    Nomenclature::new(vec![class(0, "no"), class(1, "yes")]).expect("two classes")
}

/// The tables of a comparison.
pub(crate) struct Tables<'a> {
    pub(crate) pair: &'a Pair,
    pub(crate) soils: Option<&'a Soils>,
    pub(crate) classes: &'a Classes,
    pub(crate) years: [Option<i32>; 2],
    pub(crate) flows: &'a FlowMatrix,
}

/// A CSV file that is written row by row.
struct Table {
    path: PathBuf,
    file: csv::Writer<std::fs::File>,
}

impl Table {
    fn new(folder: &Path, name: &str, columns: &[Column]) -> Result<Self, JobError> {
        let path = folder.join(name);
        let failed = |source: csv::Error| JobError::WriteTable { path: path.clone(), source };
        let mut file = csv::Writer::from_path(&path).map_err(failed)?;
        file.write_record(columns.iter().map(|column| column.name.as_str())).map_err(failed)?;
        Ok(Self { path, file })
    }

    fn push<'a>(&mut self, cells: impl IntoIterator<Item = Cell<'a>>) -> Result<(), JobError> {
        let failed = |source: csv::Error| JobError::WriteTable { path: self.path.clone(), source };
        self.file.write_record(cells.into_iter().map(|cell| csv_cell(&cell))).map_err(failed)
    }

    fn finish(mut self) -> Result<StagedArtifact> {
        let path = self.path.clone();
        self.file.flush().map_err(|e| JobError::WriteTable { path: path.clone(), source: e.into() })?;
        drop(self.file);
        Ok(StagedArtifact::new(&path, ROLE_BALANCE)?)
    }
}

impl Tables<'_> {
    /// Writes `flows.csv`, `stocks.csv` and, by the law's rules, `artificialisation.csv`; warnings about the zones.
    pub(crate) fn write(
        &self,
        zones: &[BalanceZones],
        folder: &Path,
    ) -> Result<(Vec<StagedArtifact>, Vec<Warning>)> {
        let stage = Stage::begin("balance", 0);
        let mut flows = Table::new(folder, "flows.csv", &flow_columns())?;
        let mut stocks = Table::new(folder, "stocks.csv", &stock_columns())?;
        let mut soils = self
            .soils
            .map(|_| Table::new(folder, "artificialisation.csv", &balance_columns()))
            .transpose()?;
        let area = PixelArea::new(self.pair.rasters[0].grid());
        let mut add = |zone: &Zone, matrix: &FlowMatrix, polygons: Option<&[Rings]>| -> Result<()> {
            for flow in matrix.flows() {
                flows.push(flow_cells(zone, &self.classes.nomenclature, &flow))?;
            }
            for stock in matrix.stocks().unwrap_or_default() {
                stocks.push(stock_cells(zone, &self.classes.nomenclature, &stock))?;
            }
            if let (Some(table), Some(of)) = (&mut soils, self.soils) {
                table.push(balance_cells(&of.balance(zone, polygons, &area)?))?;
            }
            Ok(())
        };
        add(&self.zone(WHOLE.to_owned(), WHOLE.to_owned()), self.flows, None)?;
        let (mut warnings, mut count) = (Vec::new(), 0);
        for layer in zones {
            let (grid, window) = (self.pair.rasters[0].grid(), self.pair.window());
            let fields: Vec<&str> = layer.id.as_deref().into_iter().collect();
            let source = LayerSource {
                fields: &fields,
                within: Some(grid.bbox(&window)),
                ..LayerSource::new(&layer.source, &grid.crs)
            };
            let mut inside = 0u64;
            let read = read_features(&source, &mut |feature| -> Result<()> {
                let LayerGeometry::Polygons(polygons) = &feature.geometry else { return Ok(()) };
                let matrix = self.pair.flows_in(polygons, &area)?;
                let id = feature.values.first().and_then(Option::as_ref).map(Value::to_string);
                let id = id.unwrap_or_else(|| feature.number.to_string());
                inside += u64::from(matrix.flows().next().is_some());
                add(&self.zone(id, layer.level.clone()), &matrix, Some(polygons))
            })?;
            if inside == 0 {
                return Err(ChangeJobError::NoZones { zones: arpent_base::redacted(&layer.source) }.into());
            }
            count += read.read;
            warnings.extend(layer_warnings("zones", &layer.source, "zones", read));
        }
        let mut files = vec![flows.finish()?, stocks.finish()?];
        if let Some(soils) = soils {
            files.push(soils.finish()?);
        }
        stage.end(&format!("{count} zones"));
        Ok((files, warnings))
    }

    fn zone(&self, id: String, kind: String) -> Zone {
        Zone { id, kind, year_old: self.years[0], year_new: self.years[1] }
    }
}
