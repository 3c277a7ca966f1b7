//! Converts the rows of a label raster to a coverage that meets the mapping rules.

use std::collections::VecDeque;

use arpent_raster::Window;

use crate::drawing::Smoothing;
use crate::eliminate::Near;
use crate::generalize::check_tolerance;
use crate::{
    DrawnCounts, EliminatedRow, EliminationCounts, Eliminator, Generalizer, MappingUnits, Region, VectorError,
};

/// Rules of a coverage.
#[derive(Debug, Clone)]
pub struct CoverageRules {
    units: MappingUnits,
    built_up: Option<BuiltUp>,
    tolerance_px: f64,
    /// Largest distance from a vertex at which its corner is cut, pixels, and the largest share of its area that a
    /// region may lose by cuts.
    smooth: Option<(f64, f64)>,
    square: [bool; 256],
}

impl CoverageRules {
    /// Minimum mapping units of stratum 0, and of stratum 1 (built-up areas) if units depend on it; and the tolerance by
    /// which borders may move, pixels.
    ///
    /// # Errors
    /// [`VectorError::BadOption`] if the tolerance is negative or not finite.
    pub fn new(
        units: MappingUnits,
        built_up: Option<BuiltUp>,
        tolerance_px: f64,
    ) -> Result<Self, VectorError> {
        check_tolerance(tolerance_px)?;
        Ok(Self { units, built_up, tolerance_px, smooth: None, square: [false; 256] })
    }

    /// The same rules, with borders smoothed as with [`Generalizer::smooth`].
    ///
    /// # Errors
    /// As [`Generalizer::smooth`].
    pub fn smooth(self, smooth_px: f64, share: f64) -> Result<Self, VectorError> {
        Smoothing::new(smooth_px, share)?;
        Ok(Self { smooth: Some((smooth_px, share)), ..self })
    }

    /// The same rules, with outlines of these classes made square as with [`Generalizer::square`].
    #[must_use]
    pub fn square(self, classes: [bool; 256]) -> Self {
        Self { square: classes, ..self }
    }
}

/// Built-up areas, derived from the predicted map itself.
#[derive(Debug, Clone, Copy)]
pub struct BuiltUp {
    /// Ids of the built-up classes.
    pub classes: [bool; 256],
    /// Pixels at most this many columns and rows away from one of these classes are built up.
    pub reach_px: [usize; 2],
}

/// Statistics of a coverage.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CoverageCounts {
    /// Regions below the minimum mapping unit.
    pub eliminated: EliminationCounts,
    /// How regions were drawn.
    pub drawn: DrawnCounts,
}

/// Makes a coverage with an [`Eliminator`] and then a [`Generalizer`].
///
/// Memory grows with the width of the extent, with the distance of built-up areas and with the height of regions that
/// are too small, not with the extent's height.
///
/// ```
/// use arpent_raster::Window;
/// use arpent_vector::{Coverage, CoverageRules, MappingUnits};
///
/// // Nothing below 3 m2; borders may move by a pixel.
/// let rules = CoverageRules::new(MappingUnits::new(3.0)?, None, 1.0)?;
/// let mut coverage = Coverage::new(Window::new(0, 0, 4, 3), &rules)?;
/// let (mut rows, mut regions) = (Vec::new(), Vec::new());
/// for labels in [[1, 1, 1, 1], [1, 2, 1, 1], [1, 1, 1, 1]] {
///     let predicted = (&labels[..], &[250; 4][..]);
///     coverage.push_row(
///         &labels,
///         predicted,
///         None,
///         1.0,
///         &mut |row| rows.extend_from_slice(row.labels),
///         &mut |region| regions.push(region),
///     )?;
/// }
/// let counts =
///     coverage.finish(&mut |row| rows.extend_from_slice(row.labels), &mut |region| regions.push(region))?;
///
/// assert_eq!(counts.eliminated.eliminated, 1);
/// assert_eq!(rows, [1; 12]);
/// assert_eq!((regions.len(), regions[0].pixels), (1, 12));
/// # Ok::<(), arpent_vector::VectorError>(())
/// ```
#[derive(Debug)]
pub struct Coverage {
    near: Option<Near>,
    /// Rows whose strata are not determined yet.
    waiting: VecDeque<Waiting>,
    eliminator: Eliminator,
    generalizer: Generalizer,
}

#[derive(Debug)]
struct Waiting {
    labels: Vec<u8>,
    /// Predicted classes and confidences.
    predicted: (Vec<u8>, Vec<u8>),
    /// Pixels that are built up regardless of their surroundings.
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
            eliminator: Eliminator::new(extent, rules.units.clone())?,
            generalizer,
        })
    }

    /// Processes the next row: for each column a label and the prediction (`predicted`: predicted class and
    /// confidence); optionally which pixels are known to be built up; and the ground area of a pixel of this row.
    /// `rows` receives the rows of the map from north to south, each as soon as its classes are final. The regions
    /// that `sink` receives are those of these rows.
    ///
    /// # Errors
    /// As [`Eliminator::push_row`] and [`Generalizer::push_row`].
    pub fn push_row(
        &mut self,
        labels: &[u8],
        predicted: (&[u8], &[u8]),
        built_up: Option<&[bool]>,
        pixel_area_m2: f64,
        rows: &mut impl FnMut(&EliminatedRow<'_>),
        sink: &mut impl FnMut(Region),
    ) -> Result<(), VectorError> {
        let Self { near, waiting, eliminator, generalizer } = self;
        let mut pass = |row: EliminatedRow| {
            rows(&row);
            generalize(generalizer, &row, sink)
        };
        let Some(near) = near else {
            let strata = built_up.map(|known| strata_of(None, known));
            return eliminator.push_row(labels, predicted, strata.as_deref(), pixel_area_m2, &mut pass);
        };
        let strata = near.push(labels);
        let built_up = built_up.map(<[bool]>::to_vec).unwrap_or_default();
        let predicted = (predicted.0.to_vec(), predicted.1.to_vec());
        waiting.push_back(Waiting { labels: labels.to_vec(), predicted, built_up, pixel_area_m2 });
        let Some(strata) = strata else { return Ok(()) };
        let Some(row) = waiting.pop_front() else { return Ok(()) };
        let strata = strata_of(Some(strata), &row.built_up);
        eliminator.push_row(&row.labels, row.predicted(), Some(&strata), row.pixel_area_m2, &mut pass)
    }

    /// Emits the remaining rows and regions to `rows` and `sink`, and returns the statistics.
    ///
    /// # Errors
    /// As [`Coverage::push_row`].
    pub fn finish(
        self,
        rows: &mut impl FnMut(&EliminatedRow<'_>),
        sink: &mut impl FnMut(Region),
    ) -> Result<CoverageCounts, VectorError> {
        let Self { mut near, waiting, mut eliminator, mut generalizer } = self;
        let mut pass = |row: EliminatedRow| {
            rows(&row);
            generalize(&mut generalizer, &row, sink)
        };
        for row in waiting {
            let strata = near.as_mut().and_then(Near::flush);
            let strata = strata_of(strata, &row.built_up);
            eliminator.push_row(&row.labels, row.predicted(), Some(&strata), row.pixel_area_m2, &mut pass)?;
        }
        let eliminated = eliminator.finish(&mut pass)?;
        let drawn = generalizer.finish(sink)?;
        Ok(CoverageCounts { eliminated, drawn })
    }
}

/// The stratum of each pixel: 1 if it is near a built-up class or known to be built up, else 0.
fn strata_of(near: Option<&[u8]>, known: &[bool]) -> Vec<u8> {
    let mut strata = near.map_or_else(|| vec![0; known.len()], <[u8]>::to_vec);
    for (stratum, _) in strata.iter_mut().zip(known).filter(|(_, is_known)| **is_known) {
        *stratum = 1;
    }
    strata
}

fn generalize(
    generalizer: &mut Generalizer,
    row: &EliminatedRow,
    sink: &mut impl FnMut(Region),
) -> Result<(), VectorError> {
    generalizer.push_row(row.labels, row.confidence, row.pixel_area_m2, sink)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shapes::assert_valid;
    use arpent_raster::LABEL_NODATA;
    use arpent_testing::shapes::label_maps;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(150))]

        /// No pixel is lost or duplicated, and rows and regions are the same map, whatever the shapes.
        #[test]
        fn hard_shapes_make_a_coverage(map in label_maps(40), unit in 0.0f64..30.0, tolerance in 0.0f64..4.0, reach in 0usize..4) {
            let built = BuiltUp { classes: std::array::from_fn(|id| id == 7), reach_px: [reach; 2] };
            let mut units = MappingUnits::new(unit).unwrap();
            units.set(1, 0, unit / 2.0).unwrap();
            let rules = CoverageRules::new(units, Some(built), tolerance).unwrap();
            let mut coverage = Coverage::new(map.window, &rules).unwrap();
            let (mut labels, mut regions) = (Vec::new(), Vec::new());
            let mut rows = |row: &EliminatedRow<'_>| labels.extend_from_slice(row.labels);
            for row in map.rows() {
                coverage.push_row(row, (row, &vec![9; row.len()]), None, 1.0, &mut rows, &mut |r| regions.push(r)).unwrap();
            }
            coverage.finish(&mut rows, &mut |r| regions.push(r)).unwrap();
            prop_assert_eq!(labels.len(), map.labels.len());
            let is_nodata = |labels: &[u8]| labels.iter().map(|l| *l == LABEL_NODATA).collect::<Vec<_>>();
            prop_assert_eq!(is_nodata(&labels), is_nodata(&map.labels));
            regions.iter().for_each(assert_valid);
            for class_id in 0..LABEL_NODATA {
                let of_rows = labels.iter().map(|l| u64::from(*l == class_id)).sum::<u64>();
                let of_regions: u64 = regions.iter().filter(|r| r.class_id == class_id).map(|r| r.pixels).sum();
                prop_assert_eq!(of_rows, of_regions, "class {}", class_id);
            }
        }
    }

    #[test]
    fn a_coverage_records_how_it_was_drawn() {
        let rules = CoverageRules::new(MappingUnits::new(4.0).unwrap(), None, 1.0).unwrap();
        assert!(rules.clone().smooth(-1.0, 0.1).is_err());
        let square = std::array::from_fn(|id| id == 1);
        let made = |rules: &CoverageRules| {
            let (mut found, mut pixels) = (Vec::new(), [0u64; 256]);
            let mut count = |row: &EliminatedRow<'_>| {
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
            // Regions are made from the rows; the speck is in neither.
            for class_id in 0..=3u8 {
                let of_class = found.iter().filter(|r| r.class_id == class_id).map(|r| r.pixels).sum::<u64>();
                assert_eq!(pixels[usize::from(class_id)], of_class, "{class_id}");
            }
            assert_eq!(pixels[3], 0);
            (found, counts)
        };
        let (plain, counts) = made(&rules);
        assert_eq!((counts.eliminated.eliminated, counts.drawn), (1, DrawnCounts::default()));
        assert!(plain.iter().all(|r| r.drawn.is_none()));
        let (drawn, counts) = made(&rules.smooth(2.0, 0.1).unwrap().square(square));
        assert_eq!((counts.drawn.regions, counts.drawn.squared), (3, 1));
        assert!(counts.drawn.cut_corners > 0 && counts.drawn.moved_px() > 0.0);
        let building = drawn.iter().find(|r| r.class_id == 1).unwrap();
        assert_eq!(building.drawn.as_ref().unwrap()[0].len(), 4);
        let undrawn = |regions: Vec<Region>| -> Vec<Region> {
            regions.into_iter().map(|r| Region { drawn: None, ..r }).collect()
        };
        assert_eq!(undrawn(drawn), plain);
    }
}
