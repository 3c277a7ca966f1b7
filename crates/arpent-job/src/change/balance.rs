//! What the pixels of both dates add up to: flows between classes, and soils by the law's rules.

use std::path::{Path, PathBuf};

use arpent_base::Result;
use arpent_base::number::{offset, wide};
use arpent_change::balance::{
    AnswerRow, ArtificialMatrix, FlowMatrix, Layers, MatrixRow, RemarkCounts, ThresholdCounts,
    ThresholdFilter, ThresholdRow, Thresholds, UnknownClass, Zone, ZoneBalance, ZoneFlows,
};
use arpent_gdal::{Aoi, PublishedRaster, RasterKind, Rings, StripWriter};
use arpent_publish::Warning;
use arpent_raster::{Class, Color, Nomenclature, PixelArea, Raster, Window};
use arpent_shell::lines::count;
use arpent_shell::progress::Stage;
use arpent_vector::ZoneRows;
use serde::{Deserialize, Serialize};

use super::inputs::{Inputs, Vintages};
use super::ocs_ge;
use crate::config::ArtificialisationOptions;

/// Pixels that are read of a raster at a time.
const PIXELS_AT_A_TIME: usize = 4_000_000;

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

    pub(crate) fn window(&self) -> Window {
        self.rasters[0].window()
    }

    pub(crate) fn read(&self, window: Window) -> Result<[Raster<u8>; 2]> {
        Ok([self.rasters[0].read(window)?, self.rasters[1].read(window)?])
    }

    /// Calls `each` with every row of a window that lies inside: its number, and both dates.
    pub(crate) fn each_row(&self, window: Window, each: &mut EachRow<'_>) -> Result<()> {
        for block in window.strips_of(PIXELS_AT_A_TIME) {
            let [before, after] = self.read(block)?;
            for (i, number) in (block.row..block.row_end()).enumerate() {
                each(number, before.row(i), after.row(i))?;
            }
        }
        Ok(())
    }

    /// The flows of a window that lies inside.
    fn whole_of(&self, window: Window, area: &PixelArea) -> Result<FlowMatrix> {
        let mut flows = FlowMatrix::default();
        self.each_row(window, &mut |row, before, after| {
            Ok(flows.add_row(row.cast_unsigned(), before, after, area.of_row(row))?)
        })?;
        Ok(flows)
    }

    /// The flows inside polygons in the CRS of the grid, each pixel by its part inside.
    pub(crate) fn flows_in(&self, polygons: &[Rings], area: &PixelArea) -> Result<FlowMatrix> {
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

/// The vintages of both dates where a date has several.
pub(crate) struct Years {
    pair: Pair,
    years: [Vec<i32>; 2],
}

impl From<Vintages> for Years {
    fn from(of: Vintages) -> Self {
        Self { pair: Pair { rasters: of.rasters }, years: of.years }
    }
}

impl Years {
    /// The years of each part of a zone, or of all that is compared, by area: the largest part first. `dates` are the
    /// years of dates with one.
    pub(crate) fn within(
        &self,
        polygons: Option<&[Rings]>,
        (window, area): (Window, &PixelArea),
        dates: [Option<i32>; 2],
    ) -> Result<Vec<[i32; 2]>> {
        let flows = match polygons {
            Some(polygons) => self.pair.flows_in(polygons, area)?,
            None => self.pair.whole_of(window, area)?,
        };
        let mut parts: Vec<([i32; 2], f64)> = Vec::new();
        for flow in flows.flows() {
            let year = |date: usize, number: u8| match &*self.years[date] {
                [] => dates[date],
                years => years.get(usize::from(number)).copied(),
            };
            let Some(years) = year(0, flow.before).zip(year(1, flow.after)) else { continue };
            let years = [years.0, years.1];
            let area_m2 = flow.amount.area_m2();
            match parts.iter_mut().find(|(known, _)| *known == years) {
                Some((_, sum)) => *sum += area_m2,
                None => parts.push((years, area_m2)),
            }
        }
        parts.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        Ok(parts.into_iter().map(|(years, _)| years).collect())
    }
}

/// The soils of both dates by the law's rules.
pub(crate) struct Soils {
    pub(crate) artificial: Pair,
    sealed: Pair,
    pub(crate) criteria: Pair,
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
    /// What the answers rest on.
    pub(crate) layers: Option<Layers>,
}

impl Soils {
    /// Applies the law's rules to the classes of both dates.
    pub(crate) fn new(
        pair: &Pair,
        inputs: &Inputs,
        options: &ArtificialisationOptions,
        scratch: &Path,
    ) -> Result<Self> {
        let stage = Stage::begin("artificial soils", 0);
        let uses = inputs.has_uses().then(ocs_ge::uses);
        let matrix = ArtificialMatrix::new(&inputs.classes.nomenclature, uses.as_ref());
        let grid = pair.rasters[0].grid().clone();
        let window = pair.window();
        let exempt = options
            .exempt
            .as_deref()
            .map(|layer| arpent_gdal::read_aoi(layer, &grid, &window))
            .transpose()?;
        let mut facts = SoilFacts {
            unknown_classes: matrix.unknown_classes().to_vec(),
            layers: Some(if uses.is_some() { Layers::CoverAndUse } else { Layers::CoverOnly }),
            ..SoilFacts::default()
        };
        let mut paths = Vec::new();
        for (date, name) in [(0, "before"), (1, "after")] {
            let path = |what: &str| scratch.join(format!("{what}-{name}.tif"));
            let files = ["artificial", "sealed", "criterion"].map(path);
            let one = OneDate { date, pair, inputs, matrix: &matrix, exempt: exempt.as_ref() };
            let (thresholds, remarks) = one.write(&files)?;
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

    /// The balance of a zone, or of all that is compared.
    pub(crate) fn balance(
        &self,
        zone: Zone,
        polygons: Option<&[Rings]>,
        area: &PixelArea,
    ) -> Result<ZoneBalance> {
        let flows = |pair: &Pair| match polygons {
            Some(polygons) => pair.flows_in(polygons, area),
            None => pair.whole_of(pair.window(), area),
        };
        let (artificial, sealed) = (flows(&self.artificial)?, flows(&self.sealed)?);
        let criteria = flows(&self.criteria)?;
        let flows = ZoneFlows { artificial: &artificial, sealed: &sealed, criteria: Some(&criteria) };
        Ok(ZoneBalance::new(zone, flows, self.layers()))
    }

    fn layers(&self) -> Layers {
        self.facts.layers.unwrap_or(Layers::CoverOnly)
    }

    /// Doubts about what the answers rest on.
    pub(crate) fn warnings(&self, inputs: &Inputs) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let uses = inputs.maps.iter().flatten().map(|map| map.uses().is_some());
        if let [before, after] = *uses.collect::<Vec<_>>()
            && before != after
        {
            let (with, without) = if before { ("earlier", "later") } else { ("later", "earlier") };
            let message = format!(
                "the map of the {with} date has a land use, that of the {without} date none: soils of both dates are judged by the land cover alone"
            );
            let hint = "name a layer with a land use for both dates, or its column as `use_column`";
            warnings.push(Warning::new("use-of-one-date", "artificialisation", message).with_hint(hint));
        }
        let (mut unanswered, mut by_cover, mut answered) = (0, 0, 0);
        for remarks in &self.facts.remarks {
            unanswered += remarks.unknown_pixels();
            by_cover += remarks.cover_only;
            answered += remarks.answered;
        }
        let all = answered + unanswered;
        if unanswered > 0 {
            let message = format!(
                "{} of {} pixels of both dates have a class or a use without a code of OCS GE: they have no answer and are in no figure",
                count(unanswered),
                count(all)
            );
            let hint = "set `code` of [[classes]] to a cover code, for example CS1.1.1.1";
            warnings.push(Warning::new("soils-unknown", "artificialisation", message).with_hint(hint));
        }
        if by_cover > 0 && self.layers() == Layers::CoverAndUse {
            let message = format!(
                "{} of {} pixels of both dates have no land use where it decides: they are judged by the cover alone",
                count(by_cover),
                count(all)
            );
            warnings.push(Warning::new("soils-without-use", "artificialisation", message));
        }
        warnings
    }
}

/// The classes of one date, to be read by the law's rules.
struct OneDate<'a> {
    date: usize,
    pair: &'a Pair,
    inputs: &'a Inputs,
    matrix: &'a ArtificialMatrix,
    exempt: Option<&'a Aoi>,
}

impl OneDate<'_> {
    /// Writes what is artificial, what is sealed, and the criterion of each pixel.
    fn write(&self, files: &[PathBuf; 3]) -> Result<(ThresholdCounts, RemarkCounts)> {
        let raster = &self.pair.rasters[self.date];
        let (window, grid) = (raster.window(), raster.grid());
        let area = PixelArea::new(grid);
        let names = soil_classes();
        let create = |path: &PathBuf| StripWriter::create(path, window, grid, RasterKind::Labels(&names));
        let [mut artificial, mut sealed, mut criterion] =
            [create(&files[0])?, create(&files[1])?, create(&files[2])?];
        let mut filter = ThresholdFilter::new(window.width, wide(window.height), Thresholds::default())?;
        let (mut answers, mut remarks) = (AnswerRow::default(), RemarkCounts::default());
        let mut give = |row: ThresholdRow<'_>| -> Result<()> {
            let number = window.row.saturating_add_unsigned(row.row);
            artificial.write_rows(number, row.artificial)?;
            Ok(criterion.write_rows(number, row.criterion)?)
        };
        for block in window.strips_of(PIXELS_AT_A_TIME) {
            let classes = raster.read(block)?;
            let uses = self.inputs.uses(self.date, &classes)?;
            let exempt: Option<Vec<u8>> = self
                .exempt
                .map(|aoi| aoi.mask(block).data().iter().map(|inside| u8::from(*inside)).collect());
            for (i, number) in (block.row..block.row_end()).enumerate() {
                self.matrix.read_row(
                    number.cast_unsigned(),
                    classes.row(i),
                    uses.as_ref().map(|uses| uses.row(i)),
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
        }
        let counts = filter.finish(&mut give)?;
        for raster in [artificial, sealed, criterion] {
            raster.finish()?;
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
