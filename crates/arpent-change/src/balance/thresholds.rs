//! The thresholds after the matrix, and the exemptions.

use arpent_raster::LABEL_NODATA;
use arpent_vector::fixed_point;
use serde::{Deserialize, Serialize};

use super::BalanceError;
use super::amount::Amount;
use super::cell::{ARTIFICIAL, Cell, DROPPED, FILLED, KEPT, UNDECIDED};
use super::enclaves::{Enclaves, Row, Step, Tally};
use super::error::{check_area, check_length};

/// Areas of the thresholds, square meters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// A non-artificial region below it, enclosed in artificial, becomes artificial, and an artificial region below
    /// it, enclosed in non-artificial, becomes non-artificial. A region of exactly this area stays.
    pub surface_m2: f64,
    /// A building above it, enclosed in non-artificial, stays artificial. One of exactly this area does not.
    pub built_m2: f64,
}

impl Default for Thresholds {
    /// The reference thresholds of the annex of article R. 101-1: 2,500 m2 and 50 m2.
    fn default() -> Self {
        Self { surface_m2: 2500.0, built_m2: 50.0 }
    }
}

/// Why a pixel has its answer; the numbers are those of rasters (`crit_seuil`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u8)]
pub enum Criterion {
    /// The matrix, no threshold.
    Matrix = 0,
    /// Non-artificial below the threshold, enclosed in artificial: now artificial.
    SmallNonArtificial = 1,
    /// Artificial below the threshold, enclosed in non-artificial: now non-artificial.
    SmallArtificial = 2,
    /// A building above its threshold, enclosed in non-artificial: stays artificial.
    Built = 3,
    /// Artificial after the thresholds, and exempt: non-artificial.
    Exempt = 4,
    /// Part of a region below the threshold that meets the edge of the extent, pixels that are not observed, or another
    /// undecided region: unchanged, because it is not known to be enclosed.
    Undecided = 5,
    /// Not observed.
    NotObserved = 255,
}

/// Regions that a rule changed or left undecided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionCount {
    /// Number of 4-connected regions; of exemptions, 0, since they are of pixels.
    pub regions: u64,
    /// Pixels and ground area.
    pub amount: Amount,
}

/// What the thresholds did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThresholdCounts {
    /// Regions that became artificial.
    pub filled: RegionCount,
    /// Regions that became non-artificial, buildings that are kept included.
    pub dropped: RegionCount,
    /// Buildings that stay artificial although the region was dropped.
    pub kept: RegionCount,
    /// Non-artificial regions below the threshold that are not known to be enclosed.
    pub undecided_non_artificial: RegionCount,
    /// Artificial regions below the threshold that are not known to be enclosed.
    pub undecided_artificial: RegionCount,
    /// Artificial pixels that the exemptions made non-artificial.
    pub exempt: RegionCount,
}

/// A row of pixels before the thresholds.
#[derive(Debug, Clone, Copy)]
pub struct MatrixRow<'a> {
    /// 0: non-artificial; 1: artificial; 255: not observed.
    pub artificial: &'a [u8],
    /// Not 0: building. Buildings that are not artificial do not count.
    pub built: Option<&'a [u8]>,
    /// Not 0: exempt.
    pub exempt: Option<&'a [u8]>,
    /// Ground area of a pixel, square meters.
    pub pixel_area_m2: f64,
}

/// A row of pixels after the thresholds.
#[derive(Debug, Clone, Copy)]
pub struct ThresholdRow<'a> {
    /// Its number, from 0.
    pub row: u64,
    /// 0: non-artificial; 1: artificial; 255: not observed.
    pub artificial: &'a [u8],
    /// Numbers of [`Criterion`].
    pub criterion: &'a [u8],
    /// Ground area of a pixel, square meters.
    pub pixel_area_m2: f64,
}

/// Applies the thresholds to the rows of an extent, from north to south, in this order:
///
/// 1. a non-artificial region below [`Thresholds::surface_m2`] that is enclosed in artificial becomes artificial;
/// 2. then, an artificial region below it that is enclosed in non-artificial becomes non-artificial;
/// 3. of those, buildings above [`Thresholds::built_m2`] stay artificial;
/// 4. at last, what is artificial and exempt becomes non-artificial. So the figures without the exemptions are those
///    with them and the exempt area.
///
/// Regions are 4-connected. A region is enclosed if every side of its pixels is the other kind. A region that meets
/// the edge of the extent or pixels that are not observed is larger than what is seen of it: below the threshold it
/// is undecided, and so is a region beside an undecided one. **So a decided pixel has the same answer in every extent
/// that contains it**, and the rows may come from any cut of the work.
///
/// Memory: rows as runs wait until the regions in them have ended or have reached the threshold. It grows with the
/// width and the height of regions below the threshold, not with the number of rows.
#[derive(Debug)]
pub struct ThresholdFilter {
    width: usize,
    height: u64,
    taken: u64,
    given: u64,
    steps: [Enclaves; 3],
    exempt: Amount,
    /// Rows between steps, and the rows that are handed out.
    moved: [Vec<Row>; 4],
    artificial: Vec<u8>,
    criterion: Vec<u8>,
}

impl ThresholdFilter {
    /// For an extent of so many columns and rows.
    ///
    /// # Errors
    /// [`BalanceError::Extent`], [`BalanceError::Threshold`].
    pub fn new(width: usize, height: u64, thresholds: Thresholds) -> Result<Self, BalanceError> {
        if width == 0 || height == 0 || width >= u32::MAX as usize {
            return Err(BalanceError::Extent { width, height });
        }
        let area = |name, value: f64| {
            if value.is_finite() && value >= 0.0 {
                Ok(fixed_point(value))
            } else {
                Err(BalanceError::Threshold { name, value })
            }
        };
        let surface = area("surface_m2", thresholds.surface_m2)?;
        let built = area("built_m2", thresholds.built_m2)?;
        let steps = [(Step::Fill, surface), (Step::Drop, surface), (Step::Keep, built)];
        Ok(Self {
            width,
            height,
            taken: 0,
            given: 0,
            steps: steps.map(|(step, threshold)| Enclaves::new(step, threshold)),
            exempt: Amount::default(),
            moved: Default::default(),
            artificial: Vec::new(),
            criterion: Vec::new(),
        })
    }

    /// Processes the next row. Rows that are final go to `sink`, from north to south.
    ///
    /// # Errors
    /// [`BalanceError`] if the row does not have the extent's width, lies below it or has other values than the three,
    /// or if the area is not a positive number; and errors of `sink`.
    pub fn push_row<E: From<BalanceError>>(
        &mut self,
        row: &MatrixRow<'_>,
        sink: &mut impl FnMut(ThresholdRow<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let row = self.read(row)?;
        self.taken += 1;
        self.moved[0].push(row);
        for (step, at) in self.steps.iter_mut().zip(0..) {
            let [from, to] = neighbors(&mut self.moved, at);
            from.drain(..).for_each(|row| step.push(row, to));
        }
        self.give(sink)
    }

    /// Emits the remaining rows.
    ///
    /// # Errors
    /// [`BalanceError::Rows`] if rows are missing, and errors of `sink`.
    pub fn finish<E: From<BalanceError>>(
        mut self,
        sink: &mut impl FnMut(ThresholdRow<'_>) -> Result<(), E>,
    ) -> Result<ThresholdCounts, E> {
        if self.taken != self.height {
            return Err(BalanceError::Rows { found: self.taken, expected: self.height }.into());
        }
        for (step, at) in self.steps.iter_mut().zip(0..) {
            let [from, to] = neighbors(&mut self.moved, at);
            from.drain(..).for_each(|row| step.push(row, to));
            step.finish(to);
        }
        self.give(sink)?;
        let [fill, dropping, keep] = &self.steps;
        Ok(ThresholdCounts {
            filled: count(&fill.flipped),
            dropped: count(&dropping.flipped),
            kept: count(&keep.flipped),
            undecided_non_artificial: count(&fill.undecided),
            undecided_artificial: count(&dropping.undecided),
            exempt: RegionCount { regions: 0, amount: self.exempt },
        })
    }

    /// Rows held, in all steps together.
    pub fn waiting(&self) -> usize {
        self.steps.iter().map(Enclaves::waiting).sum()
    }

    /// Regions held, in all steps together.
    #[cfg(test)]
    pub(super) fn regions_held(&self) -> usize {
        self.steps.iter().map(Enclaves::held).sum()
    }

    fn read(&self, given: &MatrixRow<'_>) -> Result<Row, BalanceError> {
        let (row, width) = (self.taken, self.width);
        if row >= self.height {
            return Err(BalanceError::Rows { found: row + 1, expected: self.height });
        }
        check_length(row, "artificial", given.artificial.len(), width)?;
        check_length(row, "built", given.built.map_or(width, <[u8]>::len), width)?;
        check_length(row, "exempt", given.exempt.map_or(width, <[u8]>::len), width)?;
        check_area(row, given.pixel_area_m2)?;
        let pixel_area_m2 = given.pixel_area_m2;
        let mut read = Row { runs: Vec::new(), pixel_area_m2, pixel_area_q64: fixed_point(pixel_area_m2) };
        for ((col, value), end) in given.artificial.iter().enumerate().zip(1..) {
            let is = |mask: Option<&[u8]>| mask.is_some_and(|mask| mask[col] != 0);
            let cell = Cell::new(*value, is(given.built), is(given.exempt));
            let cell = cell.ok_or(BalanceError::NotBinary { row, col, value: *value })?;
            read.extend(end, cell);
        }
        Ok(read)
    }

    fn give<E>(&mut self, sink: &mut impl FnMut(ThresholdRow<'_>) -> Result<(), E>) -> Result<(), E> {
        for Row { runs, pixel_area_m2, .. } in std::mem::take(&mut self.moved[3]) {
            self.artificial.clear();
            self.criterion.clear();
            for run in &runs {
                let (artificial, criterion) = answer(run.cell);
                let (end, start) = (run.end as usize, self.artificial.len());
                if criterion == Criterion::Exempt {
                    self.exempt.add(Amount::of_pixels((end - start) as u64, pixel_area_m2));
                }
                self.artificial.resize(end, artificial);
                self.criterion.resize(end, criterion as u8);
            }
            let (artificial, criterion) = (&self.artificial, &self.criterion);
            sink(ThresholdRow { row: self.given, artificial, criterion, pixel_area_m2 })?;
            self.given += 1;
        }
        Ok(())
    }
}

/// The rows before and after a step.
fn neighbors(moved: &mut [Vec<Row>; 4], step: usize) -> [&mut Vec<Row>; 2] {
    let (from, to) = moved.split_at_mut(step + 1);
    [&mut from[step], &mut to[0]]
}

fn count(tally: &Tally) -> RegionCount {
    RegionCount { regions: tally.regions, amount: Amount::of_sums(tally.pixels, tally.area_q64) }
}

/// The value and the criterion of a pixel after all steps.
fn answer(cell: Cell) -> (u8, Criterion) {
    if !cell.is_observed() {
        return (LABEL_NODATA, Criterion::NotObserved);
    }
    let artificial = cell.has(ARTIFICIAL);
    if artificial && cell.is_exempt() {
        return (0, Criterion::Exempt);
    }
    let criterion = if cell.has(UNDECIDED) {
        Criterion::Undecided
    } else if cell.has(KEPT) {
        Criterion::Built
    } else if cell.has(DROPPED) {
        Criterion::SmallArtificial
    } else if cell.has(FILLED) {
        Criterion::SmallNonArtificial
    } else {
        Criterion::Matrix
    };
    (u8::from(artificial), criterion)
}
