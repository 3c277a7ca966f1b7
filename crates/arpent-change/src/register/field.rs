//! The field of shifts: outliers, summary, choice of a band.

use arpent_base::number;
use serde::{Deserialize, Serialize};

use super::{Cell, CellState, MIN_GOOD_CELLS, RegisterError};

/// A cell is an outlier when it is farther from the median than this number of deviations (Iglewicz and Hoaglin, 1993).
const OUTLIER_DEVIATIONS: f64 = 3.5;
/// The standard deviation of a normal distribution by its median absolute deviation.
const DEVIATION_BY_MAD: f64 = 1.482_602_218_505_602;
/// Smallest deviation that the rule counts with, in pixels: the error of a single shift. Without it, fields that are
/// equal but for rounding would have outliers.
const LEAST_DEVIATION: f64 = 0.05;

/// The shifts of all cells of one band, sorted by row and column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShiftField {
    cells: Vec<Cell>,
}

/// Number, center and spread of the good shifts of a field; lengths in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FieldSummary {
    /// Cells measured.
    pub cells: usize,
    /// Cells that are good.
    pub good: usize,
    /// Median of the shifts eastward.
    pub median_dx: f64,
    /// Median of the shifts southward.
    pub median_dy: f64,
    /// Length of (`median_dx`, `median_dy`).
    pub median_length: f64,
    /// Median of the residuals: of the distances of the shifts from (`median_dx`, `median_dy`).
    pub residual_mad: f64,
    /// 90 % quantile of the residuals (type 7 of Hyndman and Fan, 1996).
    pub residual_q90: f64,
}

impl ShiftField {
    /// The field of cells that are given in any order.
    ///
    /// Good cells become outliers where dx or dy is more than 3.5 deviations from its median, with a deviation of
    /// 1.4826 times the median absolute deviation, at least 0.05 px. Median and deviation are computed again from the
    /// cells that are left until no cell is an outlier; a cell that was removed does not come back.
    ///
    /// # Errors
    /// [`RegisterError::DuplicateCell`].
    pub fn new(mut cells: Vec<Cell>) -> Result<Self, RegisterError> {
        cells.sort_by_key(|cell| (cell.row, cell.col));
        if let Some(pair) =
            cells.windows(2).find(|pair| (pair[0].row, pair[0].col) == (pair[1].row, pair[1].col))
        {
            return Err(RegisterError::DuplicateCell { col: pair[0].col, row: pair[0].row });
        }
        let mut field = Self { cells };
        while field.mark_outliers() {}
        Ok(field)
    }

    /// One round of the rule. Whether it marked a cell.
    fn mark_outliers(&mut self) -> bool {
        let shifts = self.good_shifts();
        let limits = [0, 1].map(|axis| {
            let median = median(shifts.iter().map(|shift| shift[axis]).collect())?;
            let mad = self::median(shifts.iter().map(|shift| (shift[axis] - median).abs()).collect())?;
            Some((median, OUTLIER_DEVIATIONS * (DEVIATION_BY_MAD * mad).max(LEAST_DEVIATION)))
        });
        let [Some(x), Some(y)] = limits else { return false };
        let mut is_changed = false;
        for cell in self.cells.iter_mut().filter(|cell| cell.state == CellState::Good) {
            let is_far = cell.shift.is_some_and(|[dx, dy]| (dx - x.0).abs() > x.1 || (dy - y.0).abs() > y.1);
            if is_far {
                cell.state = CellState::Outlier;
                is_changed = true;
            }
        }
        is_changed
    }

    /// All cells, by row and column.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// Number of good cells.
    pub fn good(&self) -> usize {
        self.good_shifts().len()
    }

    fn good_shifts(&self) -> Vec<[f64; 2]> {
        let good = self.cells.iter().filter(|cell| cell.state == CellState::Good);
        good.filter_map(|cell| cell.shift).collect()
    }

    /// Number, center and spread of the good shifts.
    ///
    /// # Errors
    /// [`RegisterError::TooFewGoodCells`] with fewer than [`MIN_GOOD_CELLS`].
    pub fn summary(&self) -> Result<FieldSummary, RegisterError> {
        let shifts = self.good_shifts();
        let too_few = RegisterError::TooFewGoodCells { cells: self.cells.len(), good: shifts.len() };
        if shifts.len() < MIN_GOOD_CELLS {
            return Err(too_few);
        }
        let center = [0, 1].map(|axis| median(shifts.iter().map(|shift| shift[axis]).collect()));
        let [Some(median_dx), Some(median_dy)] = center else { return Err(too_few) };
        let mut residuals: Vec<f64> =
            shifts.iter().map(|[dx, dy]| (dx - median_dx).hypot(dy - median_dy)).collect();
        residuals.sort_by(f64::total_cmp);
        Ok(FieldSummary {
            cells: self.cells.len(),
            good: shifts.len(),
            median_dx,
            median_dy,
            median_length: median_dx.hypot(median_dy),
            residual_mad: quantile(&residuals, 0.5),
            residual_q90: quantile(&residuals, 0.9),
        })
    }
}

/// Position of the band that registers best: the one with most good cells, of equal ones the one with the smallest
/// [`FieldSummary::residual_mad`], of equal ones the first. `None` when no band has [`MIN_GOOD_CELLS`].
pub fn best_band(fields: &[ShiftField]) -> Option<usize> {
    let summaries = fields.iter().enumerate().filter_map(|(band, field)| Some((band, field.summary().ok()?)));
    let best = summaries
        .min_by(|(_, a), (_, b)| b.good.cmp(&a.good).then(a.residual_mad.total_cmp(&b.residual_mad)));
    best.map(|(band, _)| band)
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    (!values.is_empty()).then(|| quantile(&values, 0.5))
}

/// Quantile of sorted values by linear interpolation. At least one value.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = share * number::exact(sorted.len() - 1);
    let below: usize = number::floor(at);
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (at - number::exact(below)) * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(col: i64, shift: [f64; 2]) -> Cell {
        Cell {
            col,
            row: 0,
            shift: Some(shift),
            error: Some(0.01),
            reliability: 0.9,
            coherence: 0.9,
            valid: 1.0,
            state: CellState::Good,
        }
    }

    #[test]
    fn quantiles_are_those_of_numpy() {
        let values = [1.0, 2.0, 4.0, 8.0];
        assert!((quantile(&values, 0.5) - 3.0).abs() < 1e-15 && (quantile(&values, 0.9) - 6.8).abs() < 1e-12);
        assert!((quantile(&[7.0], 0.9) - 7.0).abs() < 1e-15);
    }

    #[test]
    fn outliers_go_until_none_is_left_whatever_the_order() {
        let mut cells: Vec<Cell> =
            (0..30).map(|i| cell(i, [0.01 * f64::from(i32::try_from(i % 7).unwrap()), 2.0])).collect();
        cells.push(cell(100, [4.0, 2.0]));
        cells.push(cell(101, [0.03, -3.0]));
        let forward = ShiftField::new(cells.clone()).unwrap();
        cells.reverse();
        assert_eq!(forward, ShiftField::new(cells).unwrap());
        let outliers: Vec<i64> =
            forward.cells().iter().filter(|c| c.state == CellState::Outlier).map(|c| c.col).collect();
        assert_eq!(outliers, [100, 101]);
        let summary = forward.summary().unwrap();
        assert_eq!((summary.cells, summary.good), (32, 30));
        assert!((summary.median_dx - 0.03).abs() < 1e-12 && (summary.median_dy - 2.0).abs() < 1e-12);
        assert!(summary.residual_q90 <= 0.031 && summary.residual_mad <= summary.residual_q90);
    }

    #[test]
    fn equal_shifts_have_no_outliers() {
        let field =
            ShiftField::new((0..25).map(|i| cell(i, [1.0 + if i == 3 { 1e-9 } else { 0.0 }, 0.0])).collect());
        assert_eq!(field.unwrap().good(), 25);
    }

    #[test]
    fn nineteen_good_cells_are_too_few() {
        let field = ShiftField::new((0..19).map(|i| cell(i, [1.0, 0.0])).collect()).unwrap();
        assert_eq!(field.summary(), Err(RegisterError::TooFewGoodCells { cells: 19, good: 19 }));
        let field = ShiftField::new((0..20).map(|i| cell(i, [1.0, 0.0])).collect()).unwrap();
        assert!(field.summary().is_ok());
    }

    #[test]
    fn a_cell_given_twice_is_refused() {
        let twice = ShiftField::new(vec![cell(4, [1.0, 0.0]), cell(5, [1.0, 0.0]), cell(4, [1.0, 0.0])]);
        assert_eq!(twice, Err(RegisterError::DuplicateCell { col: 4, row: 0 }));
    }

    #[test]
    fn the_best_band_has_most_good_cells_then_the_smallest_spread_then_comes_first() {
        let field = |count: i64, spread: f64| {
            let shift = |i: i64| [1.0, if i % 2 == 0 { spread } else { -spread }];
            ShiftField::new((0..count).map(|i| cell(i, shift(i))).collect()).unwrap()
        };
        let [few, wide, narrow, small] = [field(30, 0.01), field(40, 0.05), field(40, 0.02), field(19, 0.0)];
        assert_eq!(best_band(&[few.clone(), wide.clone(), narrow.clone(), narrow.clone()]), Some(2));
        assert_eq!(best_band(&[few, wide]), Some(1));
        assert_eq!(best_band(&[small]), None);
    }
}
