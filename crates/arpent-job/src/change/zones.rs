//! Zones of a balance: read level by level, compared with each other, and written as layers.

use std::path::{Path, PathBuf};

use arpent_base::{Cell, Column, Language, Result, Value, redacted, short_hash};
use arpent_change::balance::{CoverageState, ZoneBalance};
use arpent_gdal::{
    LayerFormat, LayerGeometry, LayerOptions, LayerShape, LayerShapes, LayerSource, LayerWriter, Reference,
    ReferenceIndex, ReferenceKind, Rings, Subject, read_features,
};
use arpent_publish::Warning;
use arpent_raster::{Crs, Grid, PixelArea, Window};
use arpent_shell::lines::count;

use super::error::ChangeJobError;
use crate::config::BalanceZones;
use crate::map::TIMESTAMP;
use crate::present::zones_style;
use crate::warnings::layer_warnings;

/// Share of a zone that must be observed at both dates, or a warning says so.
const OBSERVED: f64 = 0.99;

/// The sources of each level, in the order of the first.
pub(crate) fn levels(zones: &[BalanceZones]) -> Vec<(&str, Vec<&BalanceZones>)> {
    let mut levels: Vec<(&str, Vec<&BalanceZones>)> = Vec::new();
    for zone in zones {
        match levels.iter_mut().find(|(name, _)| *name == zone.level) {
            Some((_, sources)) => sources.push(zone),
            None => levels.push((&zone.level, vec![zone])),
        }
    }
    levels
}

/// Takes a zone: its id and its polygons. Gives its balance, and whether it lies on what is compared.
type EachZone<'a> = dyn FnMut(&str, &[Rings]) -> Result<(ZoneBalance, bool)> + 'a;

/// The zones of one level.
pub(crate) struct Level<'a> {
    name: &'a str,
    grid: &'a Grid,
    window: Window,
    scratch: &'a Path,
    /// Zones near what is compared, source by source.
    earlier: Vec<Reference>,
    overlaps: Overlaps,
    partial: Partial,
    warnings: Vec<Warning>,
}

/// Zones that overlap.
#[derive(Default)]
struct Overlaps {
    pairs: u64,
    /// Ids of the two zones with the largest overlap, and its area in units of the CRS.
    largest: Option<([String; 2], f64)>,
}

/// Zones that were not observed at both dates everywhere.
#[derive(Default)]
struct Partial {
    zones: u64,
    /// Id and share of the zone with the lowest one.
    lowest: Option<(String, f64)>,
}

impl<'a> Level<'a> {
    pub(crate) fn new(name: &'a str, grid: &'a Grid, window: Window, scratch: &'a Path) -> Self {
        Self {
            name,
            grid,
            window,
            scratch,
            earlier: Vec::new(),
            overlaps: Overlaps::default(),
            partial: Partial::default(),
            warnings: Vec::new(),
        }
    }

    /// Reads the zones of a source, one in memory at a time; their number.
    pub(crate) fn read(&mut self, zones: &BalanceZones, each: &mut EachZone<'_>) -> Result<u64> {
        let fields: Vec<&str> = zones.id.as_deref().into_iter().collect();
        let within = self.grid.bbox(&self.window);
        let source = LayerSource {
            fields: &fields,
            within: Some(within),
            shapes: LayerShapes::Areas,
            ..LayerSource::new(&zones.source, &self.grid.crs)
        };
        let level = short_hash(self.name.as_bytes());
        let path = self.scratch.join(format!("zones-{level}-{}.gpkg", self.earlier.len()));
        let index =
            ReferenceIndex::build(&source, ReferenceKind::Areas(None), within, &path, &mut |_, _| {})?;
        self.earlier.push(index.open()?);
        let mut inside = 0u64;
        let read = read_features(&source, &mut |feature| -> Result<()> {
            let LayerGeometry::Polygons(polygons) = &feature.geometry else { return Ok(()) };
            let id = id_of(&feature.values, feature.number);
            let (balance, is_inside) = each(&id, polygons)?;
            inside += u64::from(is_inside);
            self.partial.add(&id, &balance);
            self.compare(&id, feature.number, &feature.geometry)
        })?;
        if inside == 0 {
            return Err(ChangeJobError::NoZones { zones: redacted(&zones.source) }.into());
        }
        self.warnings.extend(layer_warnings("zones", &zones.source, "zones", read));
        Ok(read.read)
    }

    /// Compares a zone with those before it: of the sources before, and of its own with lower numbers.
    fn compare(&mut self, id: &str, number: u64, geometry: &LayerGeometry) -> Result<()> {
        let (Some(bbox), Some(wkb)) = (geometry.bbox(), geometry.to_wkb()) else { return Ok(()) };
        let own = self.earlier.len() - 1;
        // Less is the rounding of borders that were drawn twice.
        let least = self.grid.gsd_x * self.grid.gsd_y;
        let mut subject = None;
        for (at, source) in self.earlier.iter().enumerate() {
            source.each_in(bbox, &mut |other| -> Result<()> {
                if at == own && other.number >= number {
                    return Ok(());
                }
                let subject = match &mut subject {
                    Some(subject) => subject,
                    none => none.insert(Subject::new(&wkb)?),
                };
                let common = subject.share_in(other)? * subject.area();
                if common > least {
                    self.overlaps.add([id_of(&other.values, other.number), id.to_owned()], common);
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// What is doubtful about the zones.
    pub(crate) fn warnings(mut self) -> Vec<Warning> {
        let middle = self.window.row.midpoint(self.window.row_end());
        let m2_per_unit = PixelArea::new(self.grid).of_row(middle) / (self.grid.gsd_x * self.grid.gsd_y);
        let level = self.name;
        if let Some(([first, second], area)) = &self.overlaps.largest {
            let message = format!(
                "{} pairs of zones of the level `{level}` overlap, `{first}` and `{second}` the most, by {:.0} m2: each zone has its own figures, and their sum counts that ground twice",
                count(self.overlaps.pairs),
                area * m2_per_unit
            );
            let hint = "remove the overlaps, or give the zones different levels";
            self.warnings.push(Warning::new("zones-overlap", "zones", message).with_hint(hint));
        }
        if let Some((id, share)) = &self.partial.lowest {
            let message = format!(
                "{} zones of the level `{level}` were not observed at both dates on 99 % of their area, `{id}` on {:.1} %: their figures are of the observed part alone",
                count(self.partial.zones),
                100.0 * share
            );
            let hint = "the columns `coverage` and `share_both` have the observed part of each zone";
            self.warnings.push(Warning::new("zones-partly-observed", "zones", message).with_hint(hint));
        }
        self.warnings
    }
}

impl Overlaps {
    fn add(&mut self, ids: [String; 2], area: f64) {
        self.pairs += 1;
        // Neighbors are found in any order: of equal overlaps, the lowest ids are named.
        let is_larger = self
            .largest
            .as_ref()
            .is_none_or(|(known, largest)| area.total_cmp(largest).then_with(|| known.cmp(&ids)).is_gt());
        if is_larger {
            self.largest = Some((ids, area));
        }
    }
}

impl Partial {
    fn add(&mut self, id: &str, balance: &ZoneBalance) {
        // Zones beside what is compared are in the tables with their coverage.
        if matches!(balance.state, CoverageState::Complete | CoverageState::NotObserved) {
            return;
        }
        let share = balance.shares.map_or(0.0, |[both, ..]| both);
        if share >= OBSERVED {
            return;
        }
        self.zones += 1;
        if self.lowest.as_ref().is_none_or(|(_, lowest)| share < *lowest) {
            self.lowest = Some((id.to_owned(), share));
        }
    }
}

fn id_of(values: &[Option<Value>], number: u64) -> String {
    let id = values.first().and_then(Option::as_ref).map(Value::to_string);
    id.unwrap_or_else(|| number.to_string())
}

/// `balance.gpkg`: a layer for each level.
pub(crate) struct ZoneLayers<'a> {
    path: PathBuf,
    columns: Vec<Column>,
    crs: &'a Crs,
    titles: Language,
    current: Option<LayerWriter>,
    is_there: bool,
}

impl<'a> ZoneLayers<'a> {
    pub(crate) fn new(folder: &Path, columns: &[Column], (crs, titles): (&'a Crs, Language)) -> Self {
        let path = folder.join("balance.gpkg");
        Self { path, columns: columns.to_vec(), crs, titles, current: None, is_there: false }
    }

    /// Begins the layer of a level.
    pub(crate) fn begin(&mut self, level: &str) -> Result<()> {
        self.complete()?;
        let style = zones_style(&self.columns, self.titles);
        let options = LayerOptions {
            format: LayerFormat::GeoPackage,
            name: level,
            shape: LayerShape::MultiPolygon,
            crs: self.crs,
            fields: &self.columns,
            titles: self.titles,
            spatial_index: true,
            style_qml: Some(&style),
            description: "",
            timestamp: TIMESTAMP,
        };
        let made = if self.is_there {
            LayerWriter::append(&self.path, &options)
        } else {
            LayerWriter::create(&self.path, &options)
        };
        (self.current, self.is_there) = (Some(made?), true);
        Ok(())
    }

    /// Adds a zone with its cells.
    pub(crate) fn push(&mut self, geometry: &LayerGeometry, cells: &[Cell<'_>]) -> Result<()> {
        if let (Some(layer), Some(wkb)) = (&mut self.current, geometry.to_wkb()) {
            layer.write(&wkb, cells)?;
        }
        Ok(())
    }

    fn complete(&mut self) -> Result<()> {
        Ok(self.current.take().map_or(Ok(()), LayerWriter::finish)?)
    }

    /// Completes the file; its path, if there are zones.
    pub(crate) fn finish(mut self) -> Result<Option<PathBuf>> {
        self.complete()?;
        Ok(self.is_there.then_some(self.path))
    }
}
