//! What a coverage has to be like, as written in a configuration.

use std::collections::BTreeMap;

use arpent_base::Result;
use arpent_raster::{CrsKind, Grid, Nomenclature, PixelArea, Window};
use arpent_vector::{BuiltUp, CoverageRules, MappingUnits, VectorError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{JobError, class_id};

/// Where something is built up, if mapping units differ there.
const BUILT_UP: usize = 1;

/// A coverage: every pixel is part of a feature, nothing is smaller than the minimum mapping unit, and features that
/// share a border have the same line there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CoverageOptions {
    /// Minimum mapping unit, square metres: smaller regions become part of a neighbor.
    #[schemars(range(min = 0.0))]
    pub mmu_m2: f64,
    /// How far a border may move when it is generalized, pixels; 0 keeps every pixel corner.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub tolerance_px: f64,
    /// Cuts the corners of borders, so that no stairs are left.
    #[serde(default)]
    pub smooth: Option<SmoothOptions>,
    /// Names of classes whose outlines are drawn with right angles where they stand alone, such as buildings.
    #[serde(default)]
    pub square: Vec<String>,
    /// Another minimum mapping unit in built-up areas.
    #[serde(default)]
    pub built_up: Option<BuiltUpOptions>,
    /// What is special to a class, by its name.
    #[serde(default)]
    pub classes: BTreeMap<String, ClassOptions>,
}

/// How corners are cut.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SmoothOptions {
    /// How far from a corner a border is cut at most, pixels.
    #[schemars(range(min = 0.015_625))]
    pub cut_px: f64,
    /// Share of its area that a feature loses at most, 0.0001 to 0.25. (What it gains is what its neighbors lose.)
    #[serde(default = "sixteenth")]
    #[schemars(range(min = 0.0001, max = 0.25))]
    pub max_share: f64,
}

fn sixteenth() -> f64 {
    0.0625
}

/// What is built up - around classes of the map, in areas drawn by others, or either - and the minimum mapping unit there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BuiltUpOptions {
    /// Names of the classes around which it is built up.
    #[serde(default)]
    pub classes: Vec<String>,
    /// How far around these, metres east and west, north and south.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub distance_m: Option<f64>,
    /// A file with polygons, in any CRS, that are built up.
    #[serde(default)]
    pub areas: Option<String>,
    /// Minimum mapping unit of regions that are built up, even in part, square metres.
    #[schemars(range(min = 0.0))]
    pub mmu_m2: f64,
}

/// What is special to a class.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClassOptions {
    /// Its minimum mapping unit, square metres.
    #[schemars(range(min = 0.0))]
    pub mmu_m2: Option<f64>,
    /// The one in built-up areas; that outside of them by default.
    #[schemars(range(min = 0.0))]
    pub built_up_mmu_m2: Option<f64>,
    /// Classes that a region of this class, when it is too small, rather becomes part of: how many times a border with
    /// them counts, 0.001 to 1000.
    pub prefer: BTreeMap<String, f64>,
}

impl CoverageOptions {
    /// The rules for the pixels of a grid.
    ///
    /// # Errors
    /// [`JobError::UnknownClass`], [`JobError::BuiltUpCrs`]; [`JobError::Number`] for numbers that make no sense.
    pub fn rules(&self, nomenclature: &Nomenclature, grid: &Grid) -> Result<CoverageRules> {
        let id = |key: &str, name: &str| class_id(&format!("coverage.{key}"), name, nomenclature);
        let at = |key: String| move |error| JobError::of_option(&format!("coverage.{key}"), error);
        let mut units = MappingUnits::new(self.mmu_m2).map_err(at("mmu_m2".to_owned()))?;
        if let Some(built) = &self.built_up {
            for class_id in 0..=u8::MAX {
                units.set(BUILT_UP, class_id, built.mmu_m2).map_err(at("built_up.mmu_m2".to_owned()))?;
            }
        }
        for (name, class) in &self.classes {
            let from = id("classes", name)?;
            if let Some(area_m2) = class.mmu_m2 {
                units.set(0, from, area_m2).map_err(at(format!("classes.{name}.mmu_m2")))?;
            }
            if let (Some(area_m2), true) = (class.built_up_mmu_m2.or(class.mmu_m2), self.built_up.is_some()) {
                units.set(BUILT_UP, from, area_m2).map_err(at(format!("classes.{name}.built_up_mmu_m2")))?;
            }
            if class.built_up_mmu_m2.is_some() && self.built_up.is_none() {
                return Err(JobError::BuiltUpMissing { class: name.clone() }.into());
            }
            for (to, weight) in &class.prefer {
                let key = format!("classes.{name}.prefer");
                let to_id = id(&key, to)?;
                units.prefer(from, to_id, *weight).map_err(at(format!("{key}.{to}")))?;
            }
        }
        if let Some(built) = &self.built_up {
            if built.classes.is_empty() && built.areas.is_none() {
                return Err(JobError::NothingBuiltUp { mmu_m2: built.mmu_m2 }.into());
            }
            if built.classes.is_empty() != built.distance_m.is_none() {
                return Err(JobError::BuiltUpDistance.into());
            }
        }
        let around = self.built_up.as_ref().filter(|built| !built.classes.is_empty());
        let built_up = around.map(|built| -> Result<BuiltUp> {
            let mut classes = [false; 256];
            for name in &built.classes {
                classes[usize::from(id("built_up.classes", name)?)] = true;
            }
            Ok(BuiltUp { classes, reach_px: reach_px(built.distance_m.unwrap_or(0.0), grid)? })
        });
        let mut square = [false; 256];
        for name in &self.square {
            square[usize::from(id("square", name)?)] = true;
        }
        let rules = CoverageRules::new(units, built_up.transpose()?, self.tolerance_px);
        let rules = rules.map_err(at("tolerance_px".to_owned()))?.square(square);
        let Some(smooth) = self.smooth else { return Ok(rules) };
        rules.smooth(smooth.cut_px, smooth.max_share).map_err(|error| {
            let key = match error {
                VectorError::BadOption { option: "max_share", .. } => "smooth.max_share",
                _ => "smooth.cut_px",
            };
            at(key.to_owned())(error)
        })
    }
}

/// Rows that a coverage holds at once, about: those of its cells, those around what is built up, and those of regions that are
/// too small, taken for ten times as long as wide.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few thousand")]
pub fn rows_held(options: &CoverageOptions, extent: &Window, grid: &Grid) -> usize {
    let area = PixelArea::new(grid);
    let gsd_m = area.gsd_of_row(extent.row).min(area.gsd_of_row(extent.row_end()));
    let built = options.built_up.iter();
    let reach = built.clone().map(|built| 3.0 * built.distance_m.unwrap_or(0.0) / gsd_m).fold(0.0, f64::max);
    let of_classes = options.classes.values().flat_map(|class| [class.mmu_m2, class.built_up_mmu_m2]);
    let units = of_classes.flatten().chain(built.map(|built| built.mmu_m2));
    let small = (10.0 * units.fold(options.mmu_m2, f64::max)).sqrt() / gsd_m;
    512 + reach.clamp(0.0, 1e6) as usize + small.clamp(0.0, 1e6) as usize
}

/// A distance in columns and in rows, rounded up.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "between 0 and the limit"
)]
fn reach_px(distance_m: f64, grid: &Grid) -> Result<[usize; 2]> {
    const LIMIT: usize = 4096;
    let CrsKind::Projected { metres_per_unit } = grid.crs.kind else {
        return Err(JobError::BuiltUpCrs { crs: grid.crs.name.clone() }.into());
    };
    let pixels = [grid.gsd_x, grid.gsd_y].map(|gsd| (distance_m / (gsd * metres_per_unit)).ceil());
    if !pixels.iter().all(|pixels| (0.0..=LIMIT as f64).contains(pixels)) {
        let expected = "a distance of 0 to 4096 pixels";
        let key = "coverage.built_up.distance_m".to_owned();
        return Err(JobError::Number { key, value: distance_m, expected }.into());
    }
    Ok(pixels.map(|pixels| pixels as usize))
}
