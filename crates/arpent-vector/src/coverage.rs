//! Converts the rows of a label raster to a coverage that meets the mapping rules.

use arpent_raster::Window;

use crate::drawing::{Drawing, Smoothing};
use crate::eliminate::{StrataRows, Survey};
use crate::generalize::check_tolerance;
use crate::{
    Borders, BuiltUp, DrawnCounts, EliminatedRow, EliminationCounts, Eliminator, Fragments, Generalizer,
    MappingUnits, Region, RegionJoiner, Settled, Settler, VectorError,
};

/// Rules of a coverage.
#[derive(Debug, Clone)]
pub struct CoverageRules {
    units: MappingUnits,
    built_up: Option<BuiltUp>,
    drawing: Drawing,
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
        let drawing = Drawing { tolerance_px, smoothing: None, square: None };
        Ok(Self { units, built_up, drawing })
    }

    /// The same rules, with borders smoothed as with [`Generalizer::smooth`].
    ///
    /// # Errors
    /// As [`Generalizer::smooth`].
    pub fn smooth(mut self, smooth_px: f64, share: f64) -> Result<Self, VectorError> {
        self.drawing.smoothing = Smoothing::new(smooth_px, share)?;
        Ok(self)
    }

    /// The same rules, with outlines of these classes made square as with [`Generalizer::square`].
    #[must_use]
    pub fn square(mut self, classes: [bool; 256]) -> Self {
        self.drawing.square = Some(classes).filter(|classes| classes.contains(&true));
        self
    }

    /// A settler for the blocks of an extent.
    ///
    /// # Errors
    /// As [`Settler::new`].
    pub fn settler(&self, extent: Window) -> Result<Settler, VectorError> {
        Settler::new(extent, self.units.clone())
    }

    /// A joiner for the blocks of an extent.
    ///
    /// # Errors
    /// As [`RegionJoiner::new`].
    pub fn joiner(&self, extent: Window) -> Result<RegionJoiner, VectorError> {
        RegionJoiner::of_coverage(extent, &self.drawing)
    }
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
/// An extent may be processed in blocks, each alone: a [`BlockSurvey`] of each, a [`Settler`] for all, a coverage of each
/// ([`Coverage::of_block`]), and a [`RegionJoiner`] for all. Rows, regions and the sums of counts are the same for every
/// cut into blocks.
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
    block: Window,
    strata: Option<StrataRows<Waiting>>,
    eliminator: Eliminator,
    generalizer: Generalizer,
}

/// A row whose strata are not determined yet.
#[derive(Debug)]
struct Waiting {
    labels: Vec<u8>,
    /// Predicted classes and confidences.
    predicted: (Vec<u8>, Vec<u8>),
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
        Self::of_block(extent, rules, &Settled::nothing(extent, &rules.units))
    }

    /// A coverage of the block of `extent` that `settled` is of.
    ///
    /// # Errors
    /// As [`Coverage::new`] and [`Eliminator::of_block`].
    pub fn of_block(extent: Window, rules: &CoverageRules, settled: &Settled) -> Result<Self, VectorError> {
        let block = settled.block();
        let strata = rules.built_up.as_ref();
        Ok(Self {
            block,
            strata: strata.map(|built_up| StrataRows::new(&extent, block, Some(built_up))),
            eliminator: Eliminator::of_block(extent, rules.units.clone(), settled)?,
            generalizer: Generalizer::drawn_as(extent, block, &rules.drawing)?,
        })
    }

    /// The window whose labels are needed, as [`BlockSurvey::halo`].
    pub fn halo(&self) -> Window {
        self.strata.as_ref().map_or(self.block, StrataRows::halo)
    }

    /// Processes the next row: for each column a label and the prediction (`predicted`: predicted class and
    /// confidence); optionally which pixels are known to be built up; and the ground area of a pixel of this row.
    /// `rows` receives the rows of the map from north to south, each as soon as its classes are final. The regions
    /// that `sink` receives are those of these rows.
    ///
    /// For built-up areas, the labels of a block's rows are those of all columns of its [halo](Coverage::halo).
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
        let Self { strata, eliminator, generalizer, .. } = self;
        let mut pass = |row: EliminatedRow| {
            rows(&row);
            generalize(generalizer, &row, sink)
        };
        let Some(strata) = strata else {
            let strata: Option<Vec<u8>> =
                built_up.map(|known| known.iter().map(|known| u8::from(*known)).collect());
            return eliminator.push_row(labels, predicted, strata.as_deref(), pixel_area_m2, &mut pass);
        };
        strata.check_row(labels, built_up)?;
        let waiting = Waiting {
            labels: labels[strata.columns()].to_vec(),
            predicted: (predicted.0.to_vec(), predicted.1.to_vec()),
            pixel_area_m2,
        };
        let certain = strata.push(labels, Some((waiting, built_up.unwrap_or_default())));
        eliminate(eliminator, certain, &mut pass)
    }

    /// Adds the labels of a row of the [halo](Coverage::halo) of a block that is not one of the block.
    ///
    /// # Errors
    /// As [`Coverage::push_row`].
    pub fn push_halo_row(
        &mut self,
        labels: &[u8],
        rows: &mut impl FnMut(&EliminatedRow<'_>),
        sink: &mut impl FnMut(Region),
    ) -> Result<(), VectorError> {
        let Self { block, strata, eliminator, generalizer } = self;
        let Some(strata) = strata else {
            return Err(VectorError::HaloRow { row: block.row, block: *block });
        };
        strata.check(labels, false)?;
        let mut pass = |row: EliminatedRow| {
            rows(&row);
            generalize(generalizer, &row, sink)
        };
        eliminate(eliminator, strata.push(labels, None), &mut pass)
    }

    /// Emits the remaining rows and regions to `rows` and `sink`, and returns the statistics.
    ///
    /// # Errors
    /// As [`Coverage::push_row`]; [`VectorError::BlocksMissing`] if the rows are those of a block, of which
    /// [`Coverage::leave`] keeps what continues in other ones.
    pub fn finish(
        self,
        rows: &mut impl FnMut(&EliminatedRow<'_>),
        sink: &mut impl FnMut(Region),
    ) -> Result<CoverageCounts, VectorError> {
        let (generalizer, eliminated) = self.end(rows, sink)?;
        let drawn = generalizer.finish(sink)?;
        Ok(CoverageCounts { eliminated, drawn })
    }

    /// [`Coverage::finish`] of a block, which emits the regions that do not continue in other ones, and returns the parts
    /// of those that may, with the statistics of how regions were drawn in them.
    ///
    /// # Errors
    /// As [`Coverage::finish`]; [`VectorError::DamagedBlock`] if what was settled is not of these rows.
    pub fn leave(
        self,
        rows: &mut impl FnMut(&EliminatedRow<'_>),
        sink: &mut impl FnMut(Region),
    ) -> Result<(EliminationCounts, Fragments), VectorError> {
        let (generalizer, eliminated) = self.end(rows, sink)?;
        Ok((eliminated, generalizer.leave(sink)?))
    }

    /// Passes the remaining rows on.
    fn end(
        self,
        rows: &mut impl FnMut(&EliminatedRow<'_>),
        sink: &mut impl FnMut(Region),
    ) -> Result<(Generalizer, EliminationCounts), VectorError> {
        let Self { mut strata, mut eliminator, mut generalizer, .. } = self;
        let mut pass = |row: EliminatedRow| {
            rows(&row);
            generalize(&mut generalizer, &row, sink)
        };
        while let Some(certain) = strata.as_mut().and_then(StrataRows::flush) {
            eliminate(&mut eliminator, Some(certain), &mut pass)?;
        }
        let eliminated = eliminator.finish(&mut pass)?;
        Ok((generalizer, eliminated))
    }
}

fn eliminate(
    eliminator: &mut Eliminator,
    certain: Option<(Waiting, Vec<u8>)>,
    pass: &mut impl FnMut(EliminatedRow) -> Result<(), VectorError>,
) -> Result<(), VectorError> {
    let Some((row, strata)) = certain else { return Ok(()) };
    eliminator.push_row(&row.labels, row.predicted(), Some(&strata), row.pixel_area_m2, pass)
}

fn generalize(
    generalizer: &mut Generalizer,
    row: &EliminatedRow,
    sink: &mut impl FnMut(Region),
) -> Result<(), VectorError> {
    generalizer.push_row(row.labels, row.confidence, row.pixel_area_m2, sink)
}

/// Finds what a block of a coverage cannot settle alone: the first of two passes over its rows.
#[derive(Debug)]
pub struct BlockSurvey {
    strata: StrataRows<(Vec<u8>, f64)>,
    survey: Survey,
}

impl BlockSurvey {
    /// For a block of `extent`.
    ///
    /// # Errors
    /// [`VectorError::ExtentTooLarge`]; [`VectorError::BadBlock`] if a side of the block lies neither on a column or
    /// row whose number is a multiple of 512 nor on a side of the extent.
    pub fn new(extent: Window, block: Window, rules: &CoverageRules) -> Result<Self, VectorError> {
        let survey = Survey::new(extent, block, rules.units.clone())?;
        Ok(Self { strata: StrataRows::new(&extent, block, rules.built_up.as_ref()), survey })
    }

    /// The window whose labels are needed: the block and, for built-up areas, the pixels around it that are within
    /// their distance. Rows of it above and below the block are pushed with [`BlockSurvey::push_halo_row`].
    pub fn halo(&self) -> Window {
        self.strata.halo()
    }

    /// Processes the next row of the block: a label for each column of the [halo](BlockSurvey::halo); optionally which
    /// pixels of the block are known to be built up; and the ground area of a pixel of this row.
    ///
    /// # Errors
    /// [`VectorError`] if the row does not have the right length or is not one of the block, or if the area is not a
    /// positive number.
    pub fn push_row(
        &mut self,
        labels: &[u8],
        built_up: Option<&[bool]>,
        pixel_area_m2: f64,
    ) -> Result<(), VectorError> {
        let Self { strata, survey } = self;
        strata.check_row(labels, built_up)?;
        let row = (labels[strata.columns()].to_vec(), pixel_area_m2);
        match strata.push(labels, Some((row, built_up.unwrap_or_default()))) {
            Some(((labels, area), strata)) => survey.push_row(&labels, Some(&strata), area),
            None => Ok(()),
        }
    }

    /// Adds the labels of a row of the halo that is not one of the block.
    ///
    /// # Errors
    /// As [`BlockSurvey::push_row`].
    pub fn push_halo_row(&mut self, labels: &[u8]) -> Result<(), VectorError> {
        let Self { strata, survey } = self;
        strata.check(labels, false)?;
        match strata.push(labels, None) {
            Some(((labels, area), strata)) => survey.push_row(&labels, Some(&strata), area),
            None => Ok(()),
        }
    }

    /// What is not settled.
    ///
    /// # Errors
    /// As [`BlockSurvey::push_row`], for rows whose strata were not certain.
    pub fn finish(self) -> Result<Borders, VectorError> {
        let Self { mut strata, mut survey } = self;
        while let Some(((labels, area), strata)) = strata.flush() {
            survey.push_row(&labels, Some(&strata), area)?;
        }
        Ok(survey.finish())
    }
}

#[cfg(test)]
mod tests {
    mod blocks;

    use super::*;
    use crate::Polygonizer;
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
