//! What makes the bands of two dates comparable: robust scales of each, or the relation of unchanged pixels.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::moments::{Moments, Order, Statistics};
use super::{EvidenceError, Mad, PairDate, PairRow};

/// Values farther than this number of deviations from the mean are clipped.
const CLIP: f64 = 3.0;
/// Rounds of clipping.
const ROUNDS: usize = 1;
/// Fewest pixels.
const LEAST_PIXELS: f64 = 20.0;
/// A deviation below this share of the mean is rounding.
const LEAST_DEVIATION: f64 = 1e-9;

/// Mean and standard deviation of every channel (bands of the first date, then of the second), without values farther
/// than 3 deviations from the mean: a state machine. Feed all rows ([`RobustScales::add`]), [`RobustScales::advance`],
/// and again until it is done: three passes.
pub struct RobustScales {
    bands: usize,
    pass: usize,
    centers: Vec<f64>,
    deviations: Vec<f64>,
    moments: Vec<Moments>,
}

/// What comes after a pass.
#[derive(Debug, Clone, PartialEq)]
pub enum ScaleStep {
    /// All rows are to be fed once more.
    Again,
    /// Mean and deviation of every channel.
    Done(Vec<[f64; 2]>),
}

impl RobustScales {
    /// Begins with pairs of `bands` bands.
    ///
    /// # Errors
    /// [`EvidenceError::BadOption`].
    pub fn new(bands: usize) -> Result<Self, EvidenceError> {
        if bands == 0 {
            return Err(EvidenceError::BadOption { option: "bands", value: 0.0, expected: "at least 1" });
        }
        let channels = 2 * bands;
        let moments = (0..channels).map(|_| Moments::new(1, Order::First)).collect();
        Ok(Self { bands, pass: 0, centers: vec![0.0; channels], deviations: Vec::new(), moments })
    }

    fn order(&self) -> Order {
        if self.pass == 0 { Order::First } else { Order::Second }
    }

    /// Feeds rows of the current pass, in any order and in groups of any number.
    ///
    /// # Errors
    /// [`EvidenceError::Shape`]; nothing was fed then.
    pub fn add(&mut self, rows: &[PairRow<'_>]) -> Result<(), EvidenceError> {
        let order = self.order();
        let sums = |row: &PairRow<'_>| {
            let channels = row.pixels(self.bands, &self.centers)?.channels.into_iter().enumerate();
            let of_channel = |(channel, values): (usize, Vec<f64>)| {
                let weights = self.deviations.get(channel).map(|deviation| {
                    let weight = |v: &f64| if v.abs() <= CLIP * deviation { 1.0 } else { 0.0 };
                    values.iter().map(weight).collect::<Vec<f64>>()
                });
                Moments::of_row(order, &[values], weights.as_deref())
            };
            Ok(channels.map(of_channel).collect::<Vec<_>>())
        };
        let rows = rows.par_iter().map(sums).collect::<Result<Vec<_>, EvidenceError>>()?;
        for row in rows {
            self.moments.iter_mut().zip(&row).for_each(|(moments, sums)| moments.add(sums));
        }
        Ok(())
    }

    /// Ends a pass.
    ///
    /// # Errors
    /// [`EvidenceError::TooFewPixels`], [`EvidenceError::ConstantBand`].
    pub fn advance(&mut self) -> Result<ScaleStep, EvidenceError> {
        let order = self.order();
        let mut deviations = Vec::new();
        for (channel, moments) in self.moments.iter_mut().enumerate() {
            let found = moments.statistics();
            let weight = found.as_ref().map_or(0.0, |found| found.weight);
            let found = found.filter(|found| found.weight >= LEAST_PIXELS);
            let Some(Statistics { means, covariances, .. }) = found else {
                return Err(EvidenceError::TooFewPixels { weight, expected: LEAST_PIXELS });
            };
            self.centers[channel] += means[0];
            if order == Order::Second {
                let deviation = covariances[0].max(0.0).sqrt();
                if !(deviation > LEAST_DEVIATION * self.centers[channel].abs() && deviation > 0.0) {
                    let date = if channel < self.bands { PairDate::Before } else { PairDate::After };
                    return Err(EvidenceError::ConstantBand { date, band: channel % self.bands + 1 });
                }
                deviations.push(deviation);
            }
        }
        self.pass += 1;
        if self.pass == 2 + ROUNDS {
            let scales = self.centers.iter().zip(&deviations).map(|(mean, deviation)| [*mean, *deviation]);
            return Ok(ScaleStep::Done(scales.collect()));
        }
        self.deviations = deviations;
        self.moments = (0..2 * self.bands).map(|_| Moments::new(1, Order::Second)).collect();
        Ok(ScaleStep::Again)
    }
}

/// The relation of one band of unchanged pixels between the dates: after = intercept + slope * before, in the units of the
/// values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BandRelation {
    /// Slope, above 0.
    pub slope: f64,
    /// Intercept, in the unit of the second date.
    pub intercept: f64,
    /// Standard deviation of (after - intercept) / slope - before, in the unit of the first date.
    pub deviation: f64,
}

impl Mad {
    /// The relation of every band, by orthogonal regression on all pixels, each weighted by its no-change probability
    /// (Canty, Nielsen and Schmidt: Automatic radiometric normalization of multitemporal satellite imagery, Remote
    /// Sensing of Environment 91, 2004). From the sums of the last iteration, without another pass.
    ///
    /// # Errors
    /// [`EvidenceError::NoRelation`] where a band does not rise with itself.
    pub fn relations(&self) -> Result<Vec<BandRelation>, EvidenceError> {
        let bands = self.bands();
        let relation = |band: usize| {
            let [xx, yy, xy] = self.spreads[band];
            if xy <= 0.0 {
                return Err(EvidenceError::NoRelation { band: band + 1 });
            }
            let slope = ((yy - xx) + (yy - xx).hypot(2.0 * xy)) / (2.0 * xy);
            let intercept = self.means[bands + band] - slope * self.means[band];
            let deviation = (yy / (slope * slope) - 2.0 * xy / slope + xx).max(0.0).sqrt();
            Ok(BandRelation { slope, intercept, deviation })
        };
        (0..bands).map(relation).collect()
    }
}
