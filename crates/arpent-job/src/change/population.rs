//! The units that a sample of a comparison is drawn from: events, and cells of the ground outside of them.

use std::collections::BTreeMap;

use arpent_base::number::{exact, offset, round, wide};
use arpent_base::{Result, Value, sha256_hex};
use arpent_gdal::{LayerGeometry, LayerShapes, LayerSource, PublishedRaster, Rings, read_features};
use arpent_publish::{Artifact, MANIFEST_NAME, Manifest, ObjectKind, ROLE_EVENTS, ROLE_MAP, Target};
use arpent_raster::{Grid, LABEL_NODATA, PixelArea, Window};

use geo_types::Coord;

use super::balance::Pair;
use super::error::ChangeJobError;
use super::sample_error::SampleError;
use crate::address::checked_address;
use crate::zonal::holds;

/// Formats of events that are read, the preferred one first.
const FORMATS: [&str; 3] = ["events.gpkg", "events.fgb", "events.geojson"];
/// What is read of an event.
const FIELDS: [&str; 5] = ["id", "from_class", "to_class", "score", "changed_m2"];

/// The results of `arpent change`, opened.
pub(crate) struct ChangeResults {
    pub(crate) url: String,
    pub(crate) manifest: Manifest,
    pub(crate) manifest_sha256: String,
    target: Target,
}

impl ChangeResults {
    pub(crate) fn open(url: &str) -> Result<Self> {
        let target = Target::parse(url)?;
        let manifest = target.read_manifest()?;
        let url = target.url().to_owned();
        if manifest.counts.change.is_none() {
            return Err(ChangeJobError::NotAChange { what: url }.into());
        }
        let bytes = target.read(MANIFEST_NAME, ObjectKind::Manifest)?.unwrap_or_default();
        Ok(Self { url, manifest, manifest_sha256: sha256_hex(&bytes), target })
    }

    /// The facts of the comparison in the manifest.
    pub(crate) fn facts(&self) -> &serde_json::Value {
        self.manifest.counts.change.as_ref().expect("checked when it was opened")
    }

    /// Names of the classes of the comparison.
    pub(crate) fn classes(&self) -> Vec<String> {
        let classes = self.facts().get("classes").and_then(serde_json::Value::as_array);
        let name = |class: &serde_json::Value| class["name"].as_str().map(str::to_owned);
        classes.into_iter().flatten().filter_map(name).collect()
    }

    /// The population, with cells of about so many meters.
    pub(crate) fn population(&self, cell_m: f64) -> Result<Population> {
        let not_a_change = || ChangeJobError::NotAChange { what: self.url.clone() };
        let artifacts = &self.manifest.artifacts;
        let named = |name: &str| artifacts.iter().find(|a| a.href.rsplit('/').next() == Some(name));
        let map = artifacts.iter().find(|a| a.role == ROLE_MAP).ok_or_else(not_a_change)?;
        let before = named("before.tif").ok_or_else(not_a_change)?;
        let is_events = |artifact: &&Artifact| artifact.role == ROLE_EVENTS;
        let events = FORMATS.iter().find_map(|name| named(name).filter(is_events));
        let events = events.ok_or_else(|| SampleError::NoEvents { change: self.url.clone() })?;
        let [before, after, events] =
            [before, map, events].map(|artifact| checked_address(&self.target, artifact));
        let pair = Pair { rasters: [PublishedRaster::open(&before?)?, PublishedRaster::open(&after?)?] };
        Population::new(pair, events?, cell_m)
    }
}

/// An event, as mapped.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EventUnit {
    pub(crate) id: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) score: Option<f64>,
    /// Its changed ground, which is counted in no other event.
    pub(crate) area_m2: f64,
}

/// A cell of the ground that did not change, as mapped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct CellUnit {
    /// Its place on the lattice of cells of the grid.
    pub(crate) col: i64,
    pub(crate) row: i64,
    /// Observed ground in it whose class is the same at both dates.
    pub(crate) area_m2: f64,
    /// Whether it or one of its eight neighbors contains changed ground.
    pub(crate) beside: bool,
}

impl CellUnit {
    pub(crate) fn id(&self) -> String {
        format!("cell-{}-{}", self.col, self.row)
    }
}

/// The units of a comparison.
pub(crate) struct Population {
    pair: Pair,
    area: PixelArea,
    events: String,
    /// Side of a cell, pixels.
    pub(crate) cell_px: i64,
}

/// A row of cells: observed unchanged ground of each, and whether there is changed ground in it.
#[derive(Debug, Clone, Default)]
struct CellRow {
    row: i64,
    cells: Vec<(f64, bool)>,
}

impl CellRow {
    fn touches(&self, at: usize) -> bool {
        let (first, last) = (at.saturating_sub(1), (at + 2).min(self.cells.len()));
        self.cells.get(first..last).is_some_and(|cells| cells.iter().any(|(_, changed)| *changed))
    }
}

impl Population {
    pub(crate) fn new(pair: Pair, events: String, cell_m: f64) -> Result<Self> {
        let window = pair.rasters[0].window();
        let area = PixelArea::new(pair.rasters[0].grid());
        let gsd = area.gsd_of_row(window.row.midpoint(window.row_end()));
        let cell_px: i64 = round(cell_m / gsd);
        if !cell_m.is_finite() || cell_px < 1 {
            return Err(SampleError::CellSize { cell_m, gsd_m: gsd }.into());
        }
        Ok(Self { pair, area, events, cell_px })
    }

    pub(crate) fn grid(&self) -> &Grid {
        self.pair.rasters[0].grid()
    }

    pub(crate) fn window(&self) -> Window {
        self.pair.rasters[0].window()
    }

    /// Passes every event that has ground of its own, in the order of the file.
    pub(crate) fn each_event(
        &self,
        each: &mut dyn FnMut(EventUnit, LayerGeometry) -> Result<()>,
    ) -> Result<()> {
        let source = LayerSource {
            fields: &FIELDS,
            shapes: LayerShapes::Areas,
            ..LayerSource::new(&self.events, &self.grid().crs)
        };
        read_features(&source, &mut |feature| -> Result<()> {
            let text = |at: usize| feature.values[at].as_ref().map(Value::to_string).unwrap_or_default();
            let number = |at: usize| feature.values[at].as_ref().and_then(Value::as_number);
            let event = EventUnit {
                id: text(0),
                from: text(1),
                to: text(2),
                score: number(3),
                area_m2: number(4).unwrap_or_default(),
            };
            if event.area_m2 > 0.0 { each(event, feature.geometry) } else { Ok(()) }
        })?;
        Ok(())
    }

    /// Passes every cell with observed ground that did not change, from north to south; returns the changed ground.
    /// Memory holds three rows of cells.
    pub(crate) fn each_cell(&self, each: &mut dyn FnMut(CellUnit) -> Result<()>) -> Result<f64> {
        let (window, side) = (self.window(), self.cell_px);
        if window.width == 0 || window.height == 0 {
            return Ok(0.0);
        }
        let first = window.col.div_euclid(side);
        let cells = offset((window.col_end() - 1).div_euclid(side) - first) + 1;
        let empty = |row: i64| CellRow { row, cells: vec![(0.0, false); cells] };
        let mut emit = |north: &CellRow, here: &CellRow, south: &CellRow| -> Result<()> {
            for (at, (area_m2, _)) in here.cells.iter().enumerate().filter(|(_, cell)| cell.0 > 0.0) {
                let beside = north.touches(at) || here.touches(at) || south.touches(at);
                let col = first + arpent_base::number::signed(at);
                each(CellUnit { col, row: here.row, area_m2: *area_m2, beside })?;
            }
            Ok(())
        };
        let start = window.row.div_euclid(side);
        let (mut north, mut here, mut current) = (CellRow::default(), CellRow::default(), empty(start));
        let mut changed_m2 = 0.0;
        self.pair.each_row(window, &mut |row, before, after| {
            if row.div_euclid(side) != current.row {
                let next = empty(row.div_euclid(side));
                let complete = std::mem::replace(&mut current, next);
                emit(&north, &here, &complete)?;
                north = std::mem::replace(&mut here, complete);
            }
            let pixel_m2 = self.area.of_row(row);
            changed_m2 +=
                add_row(&mut current.cells, window.col, first * side, side, [before, after], pixel_m2);
            Ok(())
        })?;
        emit(&north, &here, &current)?;
        emit(&here, &current, &CellRow::default())?;
        Ok(changed_m2)
    }

    /// The ground of a cell inside of the comparison, and its observed ground that did not change.
    pub(crate) fn cell(&self, col: i64, row: i64) -> Result<(Window, f64)> {
        let side = self.cell_px;
        let cell = Window::between(col * side, row * side, (col + 1) * side, (row + 1) * side);
        let window = cell.intersect(&self.window()).unwrap_or(cell);
        let mut cells = [(0.0, false)];
        self.pair.each_row(window, &mut |row, before, after| {
            add_row(&mut cells, window.col, col * side, side, [before, after], self.area.of_row(row));
            Ok(())
        })?;
        Ok((window, cells[0].0))
    }
}

/// Adds a row of pixels, which begins at column `col`, to a row of cells, which begins at column `first`; returns the
/// changed ground.
fn add_row(
    cells: &mut [(f64, bool)],
    col: i64,
    first: i64,
    side: i64,
    [before, after]: [&[u8]; 2],
    pixel_m2: f64,
) -> f64 {
    let (side, mut changed) = (offset(side), 0u64);
    let mut start = 0;
    let mut at = offset(col - first) / side;
    let mut end = side - offset(col - first) % side;
    while start < before.len() {
        let end_here = end.min(before.len());
        let mut same = 0u64;
        for (before, after) in before[start..end_here].iter().zip(&after[start..end_here]) {
            let observed = *before != LABEL_NODATA && *after != LABEL_NODATA;
            same += u64::from(observed && before == after);
            let differs = observed && before != after;
            changed += u64::from(differs);
            cells[at].1 |= differs;
        }
        cells[at].0 += exact(same) * pixel_m2;
        (start, at, end) = (end_here, at + 1, end + side);
    }
    exact(changed) * pixel_m2
}

/// Bounding box of polygons.
fn bbox(polygons: &[Rings]) -> [f64; 4] {
    let empty = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
    let points = polygons.iter().flatten().flatten();
    points.fold(empty, |b, [x, y]| [b[0].min(*x), b[1].min(*y), b[2].max(*x), b[3].max(*y)])
}

/// Where the rings of polygons cross a horizontal line, from west to east.
fn crossings<'a>(rings: impl Iterator<Item = &'a Vec<[f64; 2]>>, y: f64) -> Vec<f64> {
    let mut found = Vec::new();
    for ring in rings {
        for edge in ring.windows(2) {
            let ([x0, y0], [x1, y1]) = (edge[0], edge[1]);
            if (y0 <= y) != (y1 <= y) {
                found.push(x0 + (y - y0) / (y1 - y0) * (x1 - x0));
            }
        }
    }
    found.sort_by(f64::total_cmp);
    found
}

/// A point inside polygons: the middle of the widest part of the horizontal line halfway up.
pub(crate) fn point_inside(polygons: &[Rings]) -> [f64; 2] {
    let height = |rings: &Rings| {
        let [_, south, _, north] = bbox(std::slice::from_ref(rings));
        north - south
    };
    let tallest = polygons.iter().max_by(|a, b| height(a).total_cmp(&height(b)));
    let Some(rings) = tallest else { return [f64::NAN; 2] };
    let [west, south, _, north] = bbox(std::slice::from_ref(rings));
    let y = south.midpoint(north);
    let found = crossings(rings.iter(), y);
    let pairs = found.chunks_exact(2).max_by(|a, b| (a[1] - a[0]).total_cmp(&(b[1] - b[0])));
    [pairs.map_or(west, |pair| pair[0].midpoint(pair[1])), y]
}

/// The zone of each point of a sample.
pub(crate) struct ZonesOfPoints {
    /// Zone ids by the number of the point; the first zone of the layer that contains it.
    pub(crate) zones: BTreeMap<usize, String>,
    /// Points in more than one zone.
    pub(crate) doubled: u64,
    /// All zones that were read.
    pub(crate) read: u64,
}

/// The zones that contain points of a grid.
pub(crate) fn zones_of(
    population: &Population,
    source: &str,
    id: Option<&str>,
    points: &[[f64; 2]],
) -> Result<ZonesOfPoints> {
    let grid = population.grid();
    let fields: Vec<&str> = id.into_iter().collect();
    let layer = LayerSource {
        fields: &fields,
        shapes: LayerShapes::Areas,
        within: Some(grid.bbox(&population.window())),
        ..LayerSource::new(source, &grid.crs)
    };
    let mut found = ZonesOfPoints { zones: BTreeMap::new(), doubled: 0, read: 0 };
    read_features(&layer, &mut |feature| -> Result<()> {
        let LayerGeometry::Polygons(polygons) = &feature.geometry else { return Ok(()) };
        let name = feature.values.first().and_then(Option::as_ref).map(Value::to_string);
        let name = name.unwrap_or_else(|| feature.number.to_string());
        let [west, south, east, north] = bbox(polygons);
        found.read += 1;
        for (number, [x, y]) in points.iter().enumerate() {
            let near = (west..=east).contains(x) && (south..=north).contains(y);
            if !near {
                continue;
            }
            let point = Coord { x: *x, y: *y };
            if polygons.iter().any(|rings| holds(rings, point)) {
                let first = found.zones.entry(number).or_insert_with(|| name.clone());
                found.doubled += u64::from(*first != name);
            }
        }
        Ok(())
    })?;
    Ok(found)
}

/// The polygon of a window.
pub(crate) fn polygon_of(grid: &Grid, window: &Window) -> LayerGeometry {
    let [west, south, east, north] = grid.bbox(window);
    let ring = vec![[west, south], [east, south], [east, north], [west, north], [west, south]];
    LayerGeometry::Polygons(vec![vec![ring]])
}

/// A number of rows or units, for messages.
pub(crate) fn number_of<T>(all: &[T]) -> u64 {
    wide(all.len())
}
