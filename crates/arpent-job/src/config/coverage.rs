//! Configuration of a coverage.

use std::collections::BTreeMap;

use arpent_base::config::Key;
use arpent_base::number::{exact, truncate};
use arpent_base::{Meters, Pixels, Result, SquareMeters};
use arpent_raster::{CrsKind, Grid, Nomenclature, PixelArea, Window};
use arpent_vector::{BuiltUp, CoverageRules, MappingUnits, VectorError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{JobError, class_id};

/// Built-up areas, if their mapping units differ.
const BUILT_UP: usize = 1;

/// A coverage: every pixel is part of a feature, nothing is smaller than the minimum mapping unit, and features that
/// share a border have the same line there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CoverageOptions {
    /// Minimum mapping unit, square meters: smaller regions are merged into a neighbor.
    pub mmu_m2: SquareMeters,
    /// Tolerance of generalized borders, pixels; 0 keeps every pixel corner.
    #[serde(default)]
    pub tolerance_px: Pixels,
    /// Smooths borders by cutting their corners.
    #[serde(default)]
    pub smooth: Option<SmoothOptions>,
    /// Names of classes, such as buildings, whose isolated features get outlines with right angles.
    #[serde(default)]
    pub square: Vec<String>,
    /// Another minimum mapping unit in built-up areas.
    #[serde(default)]
    pub built_up: Option<BuiltUpOptions>,
    /// Options of single classes, by name.
    #[serde(default)]
    pub classes: BTreeMap<String, ClassOptions>,
}

/// Smoothing of corners.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SmoothOptions {
    /// Largest distance from a corner at which a border is cut, pixels.
    #[schemars(range(min = 0.015_625))]
    pub cut_px: f64,
    /// Largest share of its area that a feature may lose, 0.0001 to 0.25. (It gains what its neighbors lose.)
    #[serde(default = "sixteenth")]
    #[schemars(range(min = 0.0001, max = 0.25))]
    pub max_share: f64,
}

fn sixteenth() -> f64 {
    0.0625
}

/// Built-up areas - around classes of the map, in the polygons of a file, or both - and their minimum mapping unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BuiltUpOptions {
    /// Names of the classes whose surroundings are built up.
    #[serde(default)]
    pub classes: Vec<String>,
    /// Distance around these classes, meters east and west, north and south.
    #[serde(default)]
    pub distance_m: Option<Meters>,
    /// A file with polygons of built-up areas, in any CRS.
    #[serde(default)]
    pub areas: Option<String>,
    /// Minimum mapping unit of regions in built-up areas, even in part, square meters.
    pub mmu_m2: SquareMeters,
}

/// Options of a class.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClassOptions {
    /// Minimum mapping unit of the class, square meters.
    pub mmu_m2: Option<SquareMeters>,
    /// Minimum mapping unit in built-up areas, square meters; that outside of them by default.
    pub built_up_mmu_m2: Option<SquareMeters>,
    /// Preferred classes for merging regions of this class that are too small: weight of a border with
    /// each, 0.001 to 1000.
    pub prefer: BTreeMap<String, f64>,
}

impl CoverageOptions {
    /// The rules for the pixels of a grid. Regions of the class `undecided` stay however small they are, unless the class
    /// has a unit of its own: else the answers that they were not given would come from their neighbors.
    ///
    /// # Errors
    /// [`JobError::UnknownClass`], [`JobError::BuiltUpCrs`]; [`JobError::Number`] for numbers out of range.
    pub(crate) fn rules(
        &self,
        nomenclature: &Nomenclature,
        undecided: Option<u8>,
        grid: &Grid,
    ) -> Result<CoverageRules> {
        let id = |key: &Key, name: &str| class_id(key, name, nomenclature);
        let at = |key: Key| move |error| JobError::of_option(key, error);
        let top = Key::from("coverage");
        let mut units = MappingUnits::new(self.mmu_m2.get()).map_err(at(top.then("mmu_m2")))?;
        if let Some(built) = &self.built_up {
            for class_id in 0..=u8::MAX {
                units
                    .set(BUILT_UP, class_id, built.mmu_m2.get())
                    .map_err(at("coverage.built_up.mmu_m2".into()))?;
            }
        }
        if let Some(undecided) = undecided {
            units = units.watch(undecided);
            for stratum in 0..=usize::from(self.built_up.is_some()) {
                units.set(stratum, undecided, 0.0).map_err(at(top.then("mmu_m2")))?;
            }
        }
        for (name, class) in &self.classes {
            let key = top.then("classes");
            let (from, key) = (id(&key, name)?, key.then(name));
            if let Some(area_m2) = class.mmu_m2 {
                units.set(0, from, area_m2.get()).map_err(at(key.then("mmu_m2")))?;
            }
            if let (Some(area_m2), true) = (class.built_up_mmu_m2.or(class.mmu_m2), self.built_up.is_some()) {
                units.set(BUILT_UP, from, area_m2.get()).map_err(at(key.then("built_up_mmu_m2")))?;
            }
            if class.built_up_mmu_m2.is_some() && self.built_up.is_none() {
                return Err(JobError::BuiltUpMissing { class: name.clone() }.into());
            }
            for (to, weight) in &class.prefer {
                let key = key.then("prefer");
                let to_id = id(&key, to)?;
                units.prefer(from, to_id, *weight).map_err(at(key.then(to)))?;
            }
        }
        if let Some(built) = &self.built_up {
            if built.classes.is_empty() && built.areas.is_none() {
                return Err(JobError::NothingBuiltUp { mmu_m2: built.mmu_m2.get() }.into());
            }
            if built.classes.is_empty() != built.distance_m.is_none() {
                return Err(JobError::BuiltUpDistance.into());
            }
        }
        let around = self.built_up.as_ref().filter(|built| !built.classes.is_empty());
        let built_up = around.map(|built| -> Result<BuiltUp> {
            let mut classes = [false; 256];
            for name in &built.classes {
                classes[usize::from(id(&"coverage.built_up.classes".into(), name)?)] = true;
            }
            Ok(BuiltUp { classes, reach_px: reach_px(built.distance_m.unwrap_or(Meters::ZERO), grid)? })
        });
        let mut square = [false; 256];
        for name in &self.square {
            square[usize::from(id(&top.then("square"), name)?)] = true;
        }
        let rules = CoverageRules::new(units, built_up.transpose()?, self.tolerance_px.get());
        let rules = rules.map_err(at(top.then("tolerance_px")))?.square(square);
        let Some(smooth) = self.smooth else { return Ok(rules) };
        rules.smooth(smooth.cut_px, smooth.max_share).map_err(|error| {
            let key = match error {
                VectorError::BadOption { option: "max_share", .. } => "coverage.smooth.max_share",
                _ => "coverage.smooth.cut_px",
            };
            at(key.into())(error)
        })
    }
}

/// Approximate number of rows that a coverage holds at once: those of its cells, those around built-up areas, and those
/// of regions that are too small, assumed to be ten times as long as wide.
pub(crate) fn rows_held(options: &CoverageOptions, extent: &Window, grid: &Grid) -> usize {
    let area = PixelArea::new(grid);
    let gsd_m = area.gsd_of_row(extent.row).min(area.gsd_of_row(extent.row_end()));
    let built = options.built_up.iter();
    let reach = built
        .clone()
        .map(|built| 3.0 * built.distance_m.map_or(0.0, Meters::get) / gsd_m)
        .fold(0.0, f64::max);
    let of_classes = options.classes.values().flat_map(|class| [class.mmu_m2, class.built_up_mmu_m2]);
    let units = of_classes.flatten().chain(built.map(|built| built.mmu_m2));
    let small = (10.0 * units.map(SquareMeters::get).fold(options.mmu_m2.get(), f64::max)).sqrt() / gsd_m;
    512 + truncate::<usize>(reach.clamp(0.0, 1e6)) + truncate::<usize>(small.clamp(0.0, 1e6))
}

/// A distance in columns and in rows, rounded up.
fn reach_px(distance: Meters, grid: &Grid) -> Result<[usize; 2]> {
    const LIMIT: usize = 4096;
    let CrsKind::Projected { meters_per_unit } = grid.crs.kind else {
        return Err(JobError::BuiltUpCrs { crs: grid.crs.name.clone() }.into());
    };
    let pixels = [grid.gsd_x, grid.gsd_y].map(|gsd| (distance.get() / (gsd * meters_per_unit)).ceil());
    if !pixels.iter().all(|pixels| (0.0..=exact(LIMIT)).contains(pixels)) {
        let expected = "a distance of 0 to 4096 pixels";
        let key = "coverage.built_up.distance_m".into();
        return Err(JobError::Number { key, value: distance.get(), expected }.into());
    }
    Ok(pixels.map(truncate::<usize>))
}
