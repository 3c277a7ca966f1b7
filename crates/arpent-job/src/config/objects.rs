//! Detections that belong together, as written in a configuration.

use arpent_base::Result;
use arpent_raster::{CrsKind, Grid};
use arpent_vector::{Column, ColumnKind, ObjectMerger, Shape};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::JobError;

/// Detections of one class that are near each other are fragments of one object: a crack that no box holds whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ObjectOptions {
    /// Boxes that are at most so far apart, meters east and west, north and south, are of one object; 0 for those that touch
    /// or overlap.
    #[schemars(range(min = 0.0))]
    pub gap_m: f64,
    /// An object that would be wider or higher, meters, is cut along a lattice of this pitch.
    #[schemars(range(min = 0.0))]
    pub max_extent_m: f64,
    /// What is drawn of an object.
    pub shape: Shape,
}

impl Default for ObjectOptions {
    fn default() -> Self {
        Self { gap_m: 0.0, max_extent_m: 200.0, shape: Shape::default() }
    }
}

impl ObjectOptions {
    /// What joins fragments on a grid.
    ///
    /// # Errors
    /// [`JobError::ObjectsCrs`]; [`JobError::Number`] for numbers that make no sense.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and the limit")]
    pub fn merger(&self, grid: &Grid) -> Result<ObjectMerger> {
        const LIMIT: f64 = 1e6;
        let CrsKind::Projected { metres_per_unit } = grid.crs.kind else {
            return Err(JobError::ObjectsCrs { crs: grid.crs.name.clone() }.into());
        };
        if !(self.gap_m.is_finite() && self.gap_m >= 0.0) {
            let expected = "a number of 0 or more";
            return Err(
                JobError::Number { key: "objects.gap_m".to_owned(), value: self.gap_m, expected }.into()
            );
        }
        let gsd_m = [grid.gsd_x, grid.gsd_y].map(|gsd| gsd * metres_per_unit);
        let extent_px = (self.max_extent_m / gsd_m[0].min(gsd_m[1])).ceil();
        if !(1.0..=LIMIT).contains(&extent_px) {
            let expected = "a length of 1 to 1,000,000 pixels";
            let key = "objects.max_extent_m".to_owned();
            return Err(JobError::Number { key, value: self.max_extent_m, expected }.into());
        }
        Ok(ObjectMerger::new(gsd_m.map(|gsd| self.gap_m / gsd), extent_px as u32)?)
    }

    /// The columns of objects.
    pub fn columns() -> Vec<Column> {
        vec![Column::new("fragments", ColumnKind::Integer)]
    }
}
