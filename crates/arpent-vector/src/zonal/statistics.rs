//! Sums over the pixels of a zone.

use arpent_raster::{CONFIDENCE_NODATA, CONFIDENCE_SCALE, LABEL_NODATA};
use serde::{Deserialize, Serialize};

use super::rows::ZoneRow;
use super::values::{ValueResult, ValueTotals};
use crate::VectorError;

/// The map inside a zone, added up row by row, west to east and north to south.
///
/// Sums are over rows, and a row's over its pixels, so results do not depend on the number of rows read at a time.
#[derive(Debug)]
pub struct ZoneStatistics {
    area_m2: f64,
    inside_m2: f64,
    totals: Vec<Totals>,
    row: Vec<Totals>,
    /// Classes of the row.
    seen: Vec<u8>,
    /// One for each measured value.
    values: Vec<ValueTotals>,
    /// Area with any measured value.
    valued_m2: f64,
    /// Whether the map has measured values only, and no classes.
    alone: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    pixels: f64,
    area_m2: f64,
    /// Pixels that have a confidence, and their sum of weight times confidence.
    scored: f64,
    confidence: f64,
}

/// Statistics of a zone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ZoneResult {
    /// Ground area of the zone, square meters; including parts outside of the map.
    pub area_m2: f64,
    /// Ground area of the part inside the map, valid or not, square meters.
    pub inside_m2: f64,
    /// Ground area of the part where the map is valid, square meters.
    pub valid_area_m2: f64,
    /// Classes that occur, by ascending id.
    pub classes: Vec<ClassResult>,
    /// One for each measured value of the map; `None` where no pixel has it.
    pub values: Vec<Option<ValueResult>>,
}

/// Statistics of a class in a zone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClassResult {
    /// Class id, as in the label raster.
    pub class_id: u8,
    /// Ground area, square meters.
    pub area_m2: f64,
    /// Pixels; those that are partly inside count by their fraction.
    pub pixels: f64,
    /// Mean confidence 0 to 1, weighted by area; `None` if no pixel has one.
    pub score: Option<f64>,
}

impl Default for ZoneStatistics {
    fn default() -> Self {
        let none = || vec![Totals::default(); 256];
        Self {
            area_m2: 0.0,
            inside_m2: 0.0,
            totals: none(),
            row: none(),
            seen: Vec::new(),
            values: Vec::new(),
            valued_m2: 0.0,
            alone: false,
        }
    }
}

impl ZoneStatistics {
    /// Statistics of a map with so many measured values. One that has no classes beside them (`alone`) is valid where it has a
    /// value.
    pub fn of_values(count: usize, alone: bool) -> Self {
        Self { values: vec![ValueTotals::default(); count], alone, ..Self::default() }
    }

    /// Adds a row of the zone: labels and confidences (if any) of the pixels of `zone.parts`, and the ground area of
    /// a pixel of the row.
    ///
    /// # Errors
    /// [`VectorError::RowLength`] if there is not one label and one confidence for each part,
    /// [`VectorError::PixelArea`].
    pub fn add_row(
        &mut self,
        zone: &ZoneRow<'_>,
        labels: &[u8],
        confidence: Option<&[u8]>,
        pixel_area_m2: f64,
    ) -> Result<(), VectorError> {
        let (expected, confidences) = (zone.parts.len(), confidence.map_or(zone.parts.len(), <[u8]>::len));
        if labels.len() != expected || confidences != expected {
            let (labels, confidence) = (labels.len(), confidences);
            return Err(VectorError::RowLength { row: zone.row, expected, labels, confidence });
        }
        if !pixel_area_m2.is_finite() || pixel_area_m2 <= 0.0 {
            return Err(VectorError::PixelArea { row: zone.row, pixel_area_m2 });
        }
        self.area_m2 += zone.pixels * pixel_area_m2;
        let mut inside = 0.0;
        for (i, (part, label)) in zone.parts.iter().zip(labels).enumerate() {
            if *part <= 0.0 {
                continue;
            }
            inside += *part;
            if *label == LABEL_NODATA {
                continue;
            }
            let class = &mut self.row[usize::from(*label)];
            if class.pixels <= 0.0 {
                self.seen.push(*label);
            }
            class.pixels += *part;
            if let Some(value) = confidence.map(|c| c[i]).filter(|c| *c != CONFIDENCE_NODATA) {
                class.scored += *part;
                class.confidence += *part * f64::from(value);
            }
        }
        self.inside_m2 += inside * pixel_area_m2;
        for label in self.seen.drain(..) {
            let row = std::mem::take(&mut self.row[usize::from(label)]);
            let total = &mut self.totals[usize::from(label)];
            total.pixels += row.pixels;
            total.area_m2 += row.pixels * pixel_area_m2;
            total.scored += row.scored * pixel_area_m2;
            total.confidence += row.confidence * pixel_area_m2;
        }
        Ok(())
    }

    /// Adds the measured values of a row of the zone: of each value those of the pixels of `zone.parts`, NaN where a pixel has
    /// none. The row is added by [`ZoneStatistics::add_row`], too; for a map without classes, with labels that are all
    /// [`LABEL_NODATA`].
    ///
    /// # Errors
    /// [`VectorError::ValueLength`] if there is not one number of each value for each part.
    pub fn add_values(
        &mut self,
        zone: &ZoneRow<'_>,
        values: &[&[f32]],
        pixel_area_m2: f64,
    ) -> Result<(), VectorError> {
        let expected = zone.parts.len();
        if let Some(other) = values.iter().find(|row| row.len() != expected) {
            return Err(VectorError::ValueLength { row: zone.row, expected, found: other.len() });
        }
        for (i, part) in zone.parts.iter().enumerate().filter(|(_, part)| **part > 0.0) {
            let area_m2 = part * pixel_area_m2;
            let mut any = false;
            for (total, row) in self.values.iter_mut().zip(values) {
                let value = f64::from(row[i]);
                if value.is_finite() {
                    total.add(value, *part, area_m2);
                    any = true;
                }
            }
            self.valued_m2 += if any { area_m2 } else { 0.0 };
        }
        Ok(())
    }

    /// Adds a row of the zone that is outside of the map.
    ///
    /// # Errors
    /// As [`ZoneStatistics::add_row`].
    pub fn add_outside(&mut self, zone: &ZoneRow<'_>, pixel_area_m2: f64) -> Result<(), VectorError> {
        self.add_row(&ZoneRow { parts: &[], ..*zone }, &[], None, pixel_area_m2)
    }

    /// Returns the statistics and resets everything for the next zone.
    pub fn finish(&mut self) -> ZoneResult {
        let (mut classes, mut valid_area_m2) = (Vec::new(), 0.0);
        for (class_id, total) in (0..=u8::MAX).zip(&mut self.totals) {
            let total = std::mem::take(total);
            if total.pixels > 0.0 {
                valid_area_m2 += total.area_m2;
                let score = (total.scored > 0.0).then(|| total.confidence / total.scored * CONFIDENCE_SCALE);
                classes.push(ClassResult { class_id, area_m2: total.area_m2, pixels: total.pixels, score });
            }
        }
        let (area_m2, inside_m2) = (std::mem::take(&mut self.area_m2), std::mem::take(&mut self.inside_m2));
        let values: Vec<_> = self.values.iter_mut().map(|total| std::mem::take(total).result()).collect();
        let valued_m2 = std::mem::take(&mut self.valued_m2);
        if self.alone {
            valid_area_m2 = valued_m2;
        }
        ZoneResult { area_m2, inside_m2, valid_area_m2, classes, values }
    }
}

impl ZoneResult {
    /// The share of a class in the valid part of the zone, 0 to 1; `None` if nothing is valid.
    pub fn share(&self, class_id: u8) -> Option<f64> {
        self.share_of(&[class_id])
    }

    /// The share of several classes together.
    pub fn share_of(&self, class_ids: &[u8]) -> Option<f64> {
        (self.valid_area_m2 > 0.0).then(|| self.area_of(class_ids) / self.valid_area_m2)
    }

    /// Ground area of several classes together, square meters.
    pub fn area_of(&self, class_ids: &[u8]) -> f64 {
        // An empty sum would be -0.
        self.classes.iter().filter(|c| class_ids.contains(&c.class_id)).fold(0.0, |sum, c| sum + c.area_m2)
    }

    /// The statistics of a class, if it occurs.
    pub fn class(&self, class_id: u8) -> Option<&ClassResult> {
        self.classes.iter().find(|c| c.class_id == class_id)
    }
}
