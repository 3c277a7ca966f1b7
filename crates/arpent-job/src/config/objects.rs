//! Configuration of objects, which merge detections.

use arpent_base::number::truncate;
use arpent_base::{Column, ColumnKind, Meters, Result};
use arpent_raster::{CrsKind, Grid};
use arpent_vector::{ObjectMerger, Shape};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::JobError;

/// Detections of one class that are near each other are fragments of one object, such as a crack longer than a box.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ObjectOptions {
    /// Largest gap between boxes of one object (oriented boxes: between the rectangles), meters east and west, north and
    /// south; 0 merges boxes that touch or overlap.
    pub gap_m: Meters,
    /// Largest width and height of an object, meters; larger ones are cut along a lattice of this pitch.
    pub max_extent_m: Meters,
    /// Geometry of an object.
    pub shape: Shape,
}

impl Default for ObjectOptions {
    fn default() -> Self {
        Self {
            gap_m: Meters::ZERO,
            max_extent_m: Meters::new(200.0).expect("it is above 0"),
            shape: Shape::default(),
        }
    }
}

impl ObjectOptions {
    /// The merger of fragments on a grid.
    ///
    /// # Errors
    /// [`JobError::ObjectsCrs`]; [`JobError::Number`] for numbers out of range.
    pub(crate) fn merger(&self, grid: &Grid) -> Result<ObjectMerger> {
        const LIMIT: f64 = 1e6;
        let CrsKind::Projected { meters_per_unit } = grid.crs.kind else {
            return Err(JobError::ObjectsCrs { crs: grid.crs.name.clone() }.into());
        };
        let gsd_m = [grid.gsd_x, grid.gsd_y].map(|gsd| gsd * meters_per_unit);
        let extent_px = (self.max_extent_m.get() / gsd_m[0].min(gsd_m[1])).ceil();
        if !(1.0..=LIMIT).contains(&extent_px) {
            let expected = "a length of 1 to 1,000,000 pixels";
            let key = "objects.max_extent_m".into();
            return Err(JobError::Number { key, value: self.max_extent_m.get(), expected }.into());
        }
        Ok(ObjectMerger::new(gsd_m.map(|gsd| self.gap_m.get() / gsd), truncate::<u32>(extent_px))?)
    }

    /// The columns of objects.
    pub fn columns() -> Vec<Column> {
        let fragments = Column::new("fragments", ColumnKind::Integer).titled("Pieces", "Morceaux");
        vec![fragments.described("Detections merged into this object.")]
    }
}
