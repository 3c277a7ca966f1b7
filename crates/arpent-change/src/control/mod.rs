//! The control of a pair of dates: what it shows where nothing changed.

use serde::{Deserialize, Serialize};

use crate::balance::{Amount, BalanceError, FlowMatrix};

/// What pairs of rows show where nothing changed: a date against itself shifted by the measured error of
/// registration, or both dates in zones that are known to be stable. All of it is false change.
///
/// Counts are integers; parts of any cut [merge](Self::merge) to the same bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FalseChange {
    flows: FlowMatrix,
}

/// The false change of a pair of classes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FalsePair {
    /// Class id in the first row.
    pub before: u8,
    /// Class id in the second row.
    pub after: u8,
    /// Share of the valid area, 0 to 1.
    pub share: f64,
    /// Ground area per km2 of valid area, square meters: the share times a million.
    pub m2_per_km2: f64,
    /// Pixels per km2 of valid area.
    pub pixels_per_km2: f64,
}

/// Figures of a control.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ControlFigures {
    /// Share of the area that both rows observed, 0 to 1.
    pub valid_share: f64,
    /// Ground area that both rows observed, square meters.
    pub valid_m2: f64,
    /// Share of the valid area that changed its class, 0 to 1.
    pub changed_share: f64,
    /// Pairs of different classes that occur, by ascending (before, after).
    pub pairs: Vec<FalsePair>,
}

impl FalseChange {
    /// Adds a pair of rows (255: no observation) with the ground area of a pixel, square meters. `row` is for messages.
    ///
    /// # Errors
    /// As [`FlowMatrix::add_row`].
    pub fn add_row(
        &mut self,
        row: u64,
        one: &[u8],
        other: &[u8],
        pixel_area_m2: f64,
    ) -> Result<(), BalanceError> {
        self.flows.add_row(row, one, other, pixel_area_m2)
    }

    /// Adds a pair of rows of a stable zone, each pixel by its part inside (0 to 1).
    ///
    /// # Errors
    /// As [`FlowMatrix::add_zone_row`].
    pub fn add_zone_row(
        &mut self,
        row: u64,
        rows: (&[u8], &[u8]),
        parts: &[f64],
        pixel_area_m2: f64,
    ) -> Result<(), BalanceError> {
        self.flows.add_zone_row(row, rows, parts, pixel_area_m2)
    }

    /// Adds the counts of other rows.
    pub fn merge(&mut self, other: &Self) {
        self.flows.merge(&other.flows);
    }

    /// The figures; `None` where no pixel was observed twice.
    pub fn figures(&self) -> Option<ControlFigures> {
        let coverage = self.flows.coverage();
        let valid = coverage.both;
        let per_km2 = 1e6 / valid.area_m2();
        let pair = |flow: crate::balance::Flow| {
            let share = flow.amount.share_of(&valid)?;
            let (m2_per_km2, pixels_per_km2) = (1e6 * share, flow.amount.pixels() * per_km2);
            Some(FalsePair { before: flow.before, after: flow.after, share, m2_per_km2, pixels_per_km2 })
        };
        let changed: Amount = self.flows.changed();
        Some(ControlFigures {
            valid_share: valid.share_of(&coverage.total())?,
            valid_m2: valid.area_m2(),
            changed_share: changed.share_of(&valid)?,
            pairs: self.flows.flows().filter(|flow| flow.before != flow.after).filter_map(pair).collect(),
        })
    }
}

/// A row shifted by whole columns, 255 where nothing moved in: the second row of a control of registration. Rows are
/// shifted by choosing another row.
pub fn shifted(row: &[u8], columns: isize) -> Vec<u8> {
    let at =
        |col: usize| col.checked_add_signed(columns.checked_neg()?).and_then(|from| row.get(from).copied());
    (0..row.len()).map(|col| at(col).unwrap_or(arpent_raster::LABEL_NODATA)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stripe of 4 columns in 10, shifted by 1: a column of each side changes, 2 of 9 valid.
    #[test]
    fn a_shifted_stripe_changes_at_its_sides() {
        let row = [0, 0, 0, 1, 1, 1, 1, 0, 0, 0];
        let other = shifted(&row, 1);
        assert_eq!(other, [255, 0, 0, 0, 1, 1, 1, 1, 0, 0]);
        assert_eq!(shifted(&row, -2), [0, 1, 1, 1, 1, 0, 0, 0, 255, 255]);
        let mut control = FalseChange::default();
        (0..5).for_each(|y| control.add_row(y, &row, &other, 4.0).unwrap());
        let figures = control.figures().unwrap();
        assert_eq!((figures.valid_share, figures.valid_m2), (0.9, 180.0));
        assert!((figures.changed_share - 2.0 / 9.0).abs() < 1e-12);
        let pairs: Vec<_> = figures.pairs.iter().map(|p| (p.before, p.after)).collect();
        assert_eq!(pairs, [(0, 1), (1, 0)]);
        for pair in &figures.pairs {
            assert!((pair.share - 1.0 / 9.0).abs() < 1e-12);
            assert!((pair.m2_per_km2 - 1e6 / 9.0).abs() < 1e-6);
            // 5 pixels in 180 m2.
            assert!((pair.pixels_per_km2 - 5e6 / 180.0).abs() < 1e-6);
        }
    }

    /// Two halves of the rows give the figures of all, in either order; a whole zone those of its rows.
    #[test]
    fn parts_merge_to_the_whole() {
        let rows: Vec<[u8; 6]> = (0u8..8).map(|y| [y % 3, 1, y % 2, 2, 255, 0]).collect();
        let control = |rows: &[[u8; 6]]| {
            let mut control = FalseChange::default();
            for row in rows {
                control.add_row(0, row, &shifted(row, 1), 0.04).unwrap();
            }
            control
        };
        let (whole, north, south) = (control(&rows), control(&rows[..3]), control(&rows[3..]));
        let [mut one, mut other] = [north.clone(), south.clone()];
        one.merge(&south);
        other.merge(&north);
        assert_eq!((&one, &other), (&whole, &whole));
        let mut zone = FalseChange::default();
        for row in &rows {
            zone.add_zone_row(0, (row, &shifted(row, 1)), &[1.0; 6], 0.04).unwrap();
        }
        assert_eq!(zone, whole);
        assert_eq!(FalseChange::default().figures(), None);
    }
}
