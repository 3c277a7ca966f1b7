//! Change vectors (Malila: Change vector analysis: an approach for detecting forest changes with Landsat, 1980).

use serde::{Deserialize, Serialize};

use super::{BandRelation, EvidenceError, PairDate, PairRow};

/// Measures the length of the difference of normalized bands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangeVectors {
    /// What is taken from each channel (bands of the first date, then of the second).
    centers: Vec<f64>,
    /// What the rest is multiplied by.
    factors: Vec<f64>,
}

impl ChangeVectors {
    /// Differences of standardized values: of each channel, its mean and deviation ([`RobustScales`](super::RobustScales)).
    ///
    /// # Errors
    /// [`EvidenceError::Shape`] for an odd number of channels; [`EvidenceError::ConstantBand`] for a deviation of 0.
    pub fn standardized(scales: &[[f64; 2]]) -> Result<Self, EvidenceError> {
        let bands = scales.len() / 2;
        if scales.is_empty() || scales.len() % 2 == 1 {
            return Err(EvidenceError::Shape {
                what: "channels of scales",
                got: scales.len(),
                expected: 2 * bands.max(1),
            });
        }
        if let Some(channel) =
            scales.iter().position(|[_, deviation]| deviation.is_nan() || *deviation <= 0.0)
        {
            let date = if channel < bands { PairDate::Before } else { PairDate::After };
            return Err(EvidenceError::ConstantBand { date, band: channel % bands + 1 });
        }
        let centers = scales.iter().map(|[mean, _]| *mean).collect();
        Ok(Self { centers, factors: scales.iter().map(|[_, deviation]| 1.0 / deviation).collect() })
    }

    /// Differences from the relation of unchanged pixels, each divided by the deviation of unchanged pixels from it
    /// ([`Mad::relations`](super::Mad::relations)).
    ///
    /// # Errors
    /// [`EvidenceError::NoRelation`] for a slope or a deviation of 0.
    pub fn related(relations: &[BandRelation]) -> Result<Self, EvidenceError> {
        if let Some(band) = relations.iter().position(|r| !(r.slope > 0.0 && r.deviation > 0.0)) {
            return Err(EvidenceError::NoRelation { band: band + 1 });
        }
        let centers = relations.iter().map(|_| 0.0).chain(relations.iter().map(|r| r.intercept)).collect();
        let after = relations.iter().map(|r| 1.0 / (r.slope * r.deviation));
        let factors = relations.iter().map(|r| 1.0 / r.deviation).chain(after).collect();
        Ok(Self { centers, factors })
    }

    /// Number of bands.
    pub fn bands(&self) -> usize {
        self.centers.len() / 2
    }

    /// The lengths of a row, one per column, in deviations; `None` where a pixel is invalid.
    ///
    /// # Errors
    /// [`EvidenceError::Shape`].
    pub fn lengths(&self, row: PairRow<'_>) -> Result<Vec<Option<f64>>, EvidenceError> {
        let bands = self.bands();
        let pixels = row.pixels(bands, &self.centers)?;
        let (before, after) = pixels.channels.split_at(bands);
        let (factors_before, factors_after) = self.factors.split_at(bands);
        let mut squares = vec![0.0; pixels.columns.len()];
        for ((x, y), (fx, fy)) in before.iter().zip(after).zip(factors_before.iter().zip(factors_after)) {
            for (square, (x, y)) in squares.iter_mut().zip(x.iter().zip(y)) {
                *square += (y * fy - x * fx).powi(2);
            }
        }
        let mut lengths = vec![None; row.valid.len()];
        for (col, square) in pixels.columns.into_iter().zip(squares) {
            lengths[col] = Some(f64::sqrt(square));
        }
        Ok(lengths)
    }
}
