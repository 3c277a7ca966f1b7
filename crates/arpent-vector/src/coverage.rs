//! From the rows of a label raster to a coverage at specification.

use std::collections::VecDeque;

use arpent_raster::Window;

use crate::dissolve::Near;
use crate::drawing::Smoothing;
use crate::generalize::check_tolerance;
use crate::{
    DissolveCounts, DissolvedRow, Dissolver, DrawnCounts, Generalizer, MappingUnits, Region, VectorError,
};

/// What a coverage has to be like.
#[derive(Debug, Clone)]
pub struct CoverageRules {
    units: MappingUnits,
    built_up: Option<BuiltUp>,
    tolerance_px: f64,
    /// How far from a vertex its corner is cut, pixels, and the share of its area that a region may lose by that.
    smooth: Option<(f64, f64)>,
    square: [bool; 256],
}

impl CoverageRules {
    /// Minimum mapping units of zone 0, and of zone 1 where something is built up if that matters; and how far borders may
    /// move, pixels.
    ///
    /// # Errors
    /// [`VectorError::BadOption`] when the tolerance is negative or not finite.
    pub fn new(
        units: MappingUnits,
        built_up: Option<BuiltUp>,
        tolerance_px: f64,
    ) -> Result<Self, VectorError> {
        check_tolerance(tolerance_px)?;
        Ok(Self { units, built_up, tolerance_px, smooth: None, square: [false; 256] })
    }

    /// The same, but borders are smoothed, as with [`Generalizer::smooth`].
    ///
    /// # Errors
    /// As [`Generalizer::smooth`].
    pub fn smooth(self, smooth_px: f64, share: f64) -> Result<Self, VectorError> {
        Smoothing::new(smooth_px, share)?;
        Ok(Self { smooth: Some((smooth_px, share)), ..self })
    }

    /// The same, but outlines of these classes are made square, as with [`Generalizer::square`].
    #[must_use]
    pub fn square(self, classes: [bool; 256]) -> Self {
        Self { square: classes, ..self }
    }
}

/// What is built up, taken from the map itself as it was predicted.
#[derive(Debug, Clone, Copy)]
pub struct BuiltUp {
    /// Classes of which built-up areas are made, by id.
    pub classes: [bool; 256],
    /// Pixels at most this many columns and rows away from one of these classes are built up.
    pub reach_px: [usize; 2],
}

/// What became of the regions of a map.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CoverageCounts {
    /// Of those that were too small.
    pub dissolved: DissolveCounts,
    /// How they were drawn.
    pub drawn: DrawnCounts,
}

/// Makes a coverage: a [`Dissolver`], then a [`Generalizer`].
///
/// Memory grows with the width of the extent, with the reach of what is built up and with the height of regions that are
/// too small, never with the extent's height.
#[derive(Debug)]
pub struct Coverage {
    near: Option<Near>,
    /// Rows whose zones are not known yet.
    waiting: VecDeque<Waiting>,
    dissolver: Dissolver,
    generalizer: Generalizer,
}

#[derive(Debug)]
struct Waiting {
    labels: Vec<u8>,
    /// Classes that the network gave, and its confidences.
    predicted: (Vec<u8>, Vec<u8>),
    /// Pixels that are built up whatever is around them.
    built_up: Vec<bool>,
    pixel_area_m2: f64,
}

impl Waiting {
    fn predicted(&self) -> (&[u8], &[u8]) {
        (&self.predicted.0, &self.predicted.1)
    }
}

impl Coverage {
    /// A coverage of the pixels of `extent`.
    ///
    /// # Errors
    /// [`VectorError::ExtentTooLarge`], [`VectorError::BadOption`].
    pub fn new(extent: Window, rules: &CoverageRules) -> Result<Self, VectorError> {
        let mut generalizer = Generalizer::new(extent, rules.tolerance_px)?.square(rules.square);
        if let Some((smooth_px, share)) = rules.smooth {
            generalizer = generalizer.smooth(smooth_px, share)?;
        }
        let near = rules.built_up.map(|built| Near::new(built.classes, built.reach_px, extent.width));
        Ok(Self {
            near,
            waiting: VecDeque::new(),
            dissolver: Dissolver::new(extent, rules.units.clone())?,
            generalizer,
        })
    }

    /// Takes the next row: for each column a label, and what was `predicted` (the class that the network gave, and its confidence); where somebody knows it, which pixels are built up,
    /// whatever is around them; and the ground area of a pixel of this row. `rows` gets the rows of the map from north to south,
    /// each as soon as its classes are settled: the regions that `sink` gets are those of these rows.
    ///
    /// # Errors
    /// As [`Dissolver::push_row`] and [`Generalizer::push_row`].
    pub fn push_row(
        &mut self,
        labels: &[u8],
        predicted: (&[u8], &[u8]),
        built_up: Option<&[bool]>,
        pixel_area_m2: f64,
        rows: &mut impl FnMut(&DissolvedRow<'_>),
        sink: &mut impl FnMut(Region),
    ) -> Result<(), VectorError> {
        let Self { near, waiting, dissolver, generalizer } = self;
        let mut pass = |row: DissolvedRow| {
            rows(&row);
            generalize(generalizer, &row, sink)
        };
        let Some(near) = near else {
            let zones = built_up.map(|known| zones_of(None, known));
            return dissolver.push_row(labels, predicted, zones.as_deref(), pixel_area_m2, &mut pass);
        };
        let zones = near.push(labels);
        let built_up = built_up.map(<[bool]>::to_vec).unwrap_or_default();
        let predicted = (predicted.0.to_vec(), predicted.1.to_vec());
        waiting.push_back(Waiting { labels: labels.to_vec(), predicted, built_up, pixel_area_m2 });
        let Some(zones) = zones else { return Ok(()) };
        let Some(row) = waiting.pop_front() else { return Ok(()) };
        let zones = zones_of(Some(zones), &row.built_up);
        dissolver.push_row(&row.labels, row.predicted(), Some(&zones), row.pixel_area_m2, &mut pass)
    }

    /// Gives the rows and regions that are still open to `rows` and `sink`, and tells what was dissolved and how regions were drawn.
    ///
    /// # Errors
    /// As [`Coverage::push_row`].
    pub fn finish(
        self,
        rows: &mut impl FnMut(&DissolvedRow<'_>),
        sink: &mut impl FnMut(Region),
    ) -> Result<CoverageCounts, VectorError> {
        let Self { mut near, waiting, mut dissolver, mut generalizer } = self;
        let mut pass = |row: DissolvedRow| {
            rows(&row);
            generalize(&mut generalizer, &row, sink)
        };
        for row in waiting {
            let zones = near.as_mut().and_then(Near::flush);
            let zones = zones_of(zones, &row.built_up);
            dissolver.push_row(&row.labels, row.predicted(), Some(&zones), row.pixel_area_m2, &mut pass)?;
        }
        let dissolved = dissolver.finish(&mut pass)?;
        let drawn = generalizer.finish(sink)?;
        Ok(CoverageCounts { dissolved, drawn })
    }
}

/// The zone of each pixel: 1 where something is near or known to be built up, else 0.
fn zones_of(near: Option<&[u8]>, known: &[bool]) -> Vec<u8> {
    let mut zones = near.map_or_else(|| vec![0; known.len()], <[u8]>::to_vec);
    for (zone, _) in zones.iter_mut().zip(known).filter(|(_, is_known)| **is_known) {
        *zone = 1;
    }
    zones
}

fn generalize(
    generalizer: &mut Generalizer,
    row: &DissolvedRow,
    sink: &mut impl FnMut(Region),
) -> Result<(), VectorError> {
    generalizer.push_row(row.labels, row.confidence, row.pixel_area_m2, sink)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coverage_says_how_it_was_drawn() {
        let rules = CoverageRules::new(MappingUnits::new(4.0).unwrap(), None, 1.0).unwrap();
        assert!(rules.clone().smooth(-1.0, 0.1).is_err());
        let square = std::array::from_fn(|id| id == 1);
        let made = |rules: &CoverageRules| {
            let (mut found, mut pixels) = (Vec::new(), [0u64; 256]);
            let mut count = |row: &DissolvedRow<'_>| {
                row.labels.iter().for_each(|label| pixels[usize::from(*label)] += 1);
            };
            let mut coverage = Coverage::new(Window::new(5, 5, 80, 60), rules).unwrap();
            for row in 0..60i32 {
                // A building turned by half a right angle in the north, a bent border in the south, and a speck.
                let label = |col: i32| match (col, row) {
                    (70, 10) => 3,
                    _ if (col - 30).abs() + (row - 20).abs() < 12 => 1,
                    _ => u8::from(20 * row > 900 + (col - 40) * (col - 40) / 4) * 2,
                };
                let labels: Vec<u8> = (0..80).map(label).collect();
                coverage
                    .push_row(&labels, (&labels, &[9; 80]), None, 1.0, &mut count, &mut |r| found.push(r))
                    .unwrap();
            }
            let counts = coverage.finish(&mut count, &mut |r| found.push(r)).unwrap();
            // The rows are what the regions are made of; the speck is none of it.
            for class_id in 0..=3u8 {
                let of_class = found.iter().filter(|r| r.class_id == class_id).map(|r| r.pixels).sum::<u64>();
                assert_eq!(pixels[usize::from(class_id)], of_class, "{class_id}");
            }
            assert_eq!(pixels[3], 0);
            (found, counts)
        };
        let (plain, counts) = made(&rules);
        assert_eq!((counts.dissolved.dissolved, counts.drawn), (1, DrawnCounts::default()));
        assert!(plain.iter().all(|r| r.drawn.is_none()));
        let (drawn, counts) = made(&rules.smooth(2.0, 0.1).unwrap().square(square));
        assert_eq!((counts.drawn.regions, counts.drawn.squared), (3, 1));
        assert!(counts.drawn.cut_corners > 0 && counts.drawn.moved_px > 0.0);
        let building = drawn.iter().find(|r| r.class_id == 1).unwrap();
        assert_eq!(building.drawn.as_ref().unwrap()[0].len(), 4);
        let undrawn = |regions: Vec<Region>| -> Vec<Region> {
            regions.into_iter().map(|r| Region { drawn: None, ..r }).collect()
        };
        assert_eq!(undrawn(drawn), plain);
    }
}
