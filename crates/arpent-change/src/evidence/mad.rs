//! IR-MAD: iteratively reweighted multivariate alteration detection (Nielsen: The regularized iteratively reweighted MAD
//! method for change detection in multi- and hyperspectral data, IEEE Transactions on Image Processing 16, 2007).

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ChiSquared, ContinuousCDF as _};

use super::canonical::canonical;
use super::moments::{Moments, Order};
use super::row::Pixels;
use super::{EvidenceError, PairRow};

/// Weights must sum to this number of pixels per channel: a covariance of fewer is noise.
const PIXELS_PER_CHANNEL: f64 = 10.0;

/// When the iterations end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MadOptions {
    /// The iterations end when no canonical correlation changed by this much, above 0.
    pub tolerance: f64,
    /// They end after this number in any case, at least 1.
    pub max_iterations: usize,
}

impl Default for MadOptions {
    fn default() -> Self {
        Self { tolerance: 1e-3, max_iterations: 50 }
    }
}

/// Why the iterations ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MadStop {
    /// No correlation changed by [`MadOptions::tolerance`].
    Converged,
    /// [`MadOptions::max_iterations`] were done; the correlations were still changing.
    MaxIterations,
    /// The weights shrank to pixels that cannot be compared, too few or all alike: the transform of the iteration before is
    /// kept.
    Collapsed,
}

/// What comes after a pass.
#[derive(Debug, Clone, PartialEq)]
pub enum MadStep {
    /// All rows are to be fed once more.
    Again,
    /// The transform to score pixels with.
    Done(Mad),
}

/// The iterations, as a state machine: feed all rows ([`IrMad::add`]), [`IrMad::advance`], and again until it is done.
///
/// The first pass gives means; each further one gives the covariances about the means of the pass before, weighted by
/// the no-change probability of the transform of the pass before (1 in the first iteration). So there are one more passes
/// than iterations. Sums about means that are nearly right are as stable as a second pass for the exact ones.
pub struct IrMad {
    bands: usize,
    options: MadOptions,
    /// What is taken from the values before sums are formed, one per channel.
    centers: Vec<f64>,
    transform: Option<Mad>,
    /// The same of values from which nothing was taken.
    last: Option<Mad>,
    moments: Moments,
    order: Order,
}

/// A transform of both dates' bands into the MAD variates, which are uncorrelated, and from which the score is computed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mad {
    /// Iterations that were done.
    pub iterations: usize,
    /// Why they ended.
    pub stop: MadStop,
    /// Largest change of a correlation in the last iteration.
    pub last_change: f64,
    /// Canonical correlations, from the largest down.
    pub correlations: Vec<f64>,
    /// Sum of the weights of the last iteration, pixels.
    pub weight: f64,
    /// Weighted means: bands of the first date, then of the second.
    pub means: Vec<f64>,
    /// Of every band: variance at the first date, at the second, and covariance of the two, weighted.
    pub spreads: Vec<[f64; 3]>,
    /// Coefficients of the variates, each divided by its deviation sqrt(2 (1 - rho)): variates x (bands of the first
    /// date, then, negative, of the second), row by row.
    pub coefficients: Vec<f64>,
}

/// The score of a pixel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PixelScore {
    /// Sum of the squares of the MAD variates, each divided by its variance; chi-square with as many degrees of freedom as
    /// there are bands where nothing changed.
    pub statistic: f64,
    /// 1 - chi2cdf(statistic, bands), 0 to 1: how often an unchanged pixel differs this much.
    pub no_change: f64,
}

impl IrMad {
    /// Begins with pairs of `bands` bands.
    ///
    /// # Errors
    /// [`EvidenceError::BadOption`].
    pub fn new(bands: usize, options: MadOptions) -> Result<Self, EvidenceError> {
        let bad = |option, value, expected| Err(EvidenceError::BadOption { option, value, expected });
        if bands == 0 {
            return bad("bands", 0.0, "at least 1");
        }
        if !(options.tolerance > 0.0 && options.tolerance.is_finite()) {
            return bad("tolerance", options.tolerance, "above 0");
        }
        if options.max_iterations == 0 {
            return bad("max_iterations", 0.0, "at least 1");
        }
        let moments = Moments::new(2 * bands, Order::First);
        Ok(Self {
            bands,
            options,
            centers: vec![0.0; 2 * bands],
            transform: None,
            last: None,
            moments,
            order: Order::First,
        })
    }

    /// Feeds rows of the current pass, in any order and in groups of any number. They are computed in parallel.
    ///
    /// # Errors
    /// [`EvidenceError::Shape`]; nothing was fed then.
    pub fn add(&mut self, rows: &[PairRow<'_>]) -> Result<(), EvidenceError> {
        let sums = |row: &PairRow<'_>| {
            let Pixels { channels, .. } = row.pixels(self.bands, &self.centers)?;
            let weights = self.transform.as_ref().map(|mad| mad.weights(&channels));
            Ok(Moments::of_row(self.order, &channels, weights.as_deref()))
        };
        let rows: Vec<Vec<f64>> = rows.par_iter().map(sums).collect::<Result<_, EvidenceError>>()?;
        for row in &rows {
            self.moments.add(row);
        }
        Ok(())
    }

    /// Ends a pass. What cannot be computed after the first iteration ends the iterations ([`MadStop::Collapsed`]).
    ///
    /// # Errors
    /// In the first iteration [`EvidenceError::TooFewPixels`]; [`EvidenceError::ConstantBand`],
    /// [`EvidenceError::DependentBand`] or [`EvidenceError::EqualDates`] where a covariance is singular, with the band.
    pub fn advance(&mut self) -> Result<MadStep, EvidenceError> {
        let step = self.next();
        match (step, &self.last) {
            (Err(_), Some(last)) => Ok(MadStep::Done(Mad { stop: MadStop::Collapsed, ..last.clone() })),
            (step, _) => step,
        }
    }

    fn next(&mut self) -> Result<MadStep, EvidenceError> {
        let channels = 2 * self.bands;
        let expected = PIXELS_PER_CHANNEL * arpent_base::number::exact(channels);
        let found = self.moments.statistics();
        let weight = found.as_ref().map_or(0.0, |found| found.weight);
        let Some(found) = found.filter(|found| found.weight >= expected) else {
            return Err(EvidenceError::TooFewPixels { weight, expected });
        };
        let means: Vec<f64> =
            self.centers.iter().zip(&found.means).map(|(center, mean)| center + mean).collect();
        let order = std::mem::replace(&mut self.order, Order::Second);
        if order == Order::Second {
            let mad = self.iterate(found.weight, means.clone(), &found.covariances)?;
            let is_last =
                mad.last_change < self.options.tolerance || mad.iterations == self.options.max_iterations;
            if is_last {
                return Ok(MadStep::Done(mad));
            }
            self.transform = Some(mad.about(&means));
            self.last = Some(mad);
        }
        self.centers = means;
        self.moments = Moments::new(channels, Order::Second);
        Ok(MadStep::Again)
    }

    fn iterate(&self, weight: f64, means: Vec<f64>, covariances: &[f64]) -> Result<Mad, EvidenceError> {
        let before = self.transform.as_ref();
        let iterations = before.map_or(0, |mad| mad.iterations) + 1;
        let found = canonical(self.bands, &means, covariances, iterations)?;
        let former = |k: usize| before.map_or(0.0, |mad| mad.correlations[k]);
        let changes = found.correlations.iter().enumerate().map(|(k, rho)| (rho - former(k)).abs());
        let last_change = changes.fold(0.0, f64::max);
        let is_converged = last_change < self.options.tolerance;
        let mut coefficients = Vec::with_capacity(2 * self.bands * self.bands);
        for (k, rho) in found.correlations.iter().enumerate() {
            let deviation = (2.0 * (1.0 - rho)).sqrt();
            coefficients.extend(found.before.column(k).iter().map(|a| a / deviation));
            coefficients.extend(found.after.column(k).iter().map(|b| -b / deviation));
        }
        let (n, bands) = (2 * self.bands, self.bands);
        let at = |i: usize, j: usize| covariances[i * n + j];
        let spreads = (0..bands).map(|b| [at(b, b), at(bands + b, bands + b), at(b, bands + b)]).collect();
        Ok(Mad {
            iterations,
            stop: if is_converged { MadStop::Converged } else { MadStop::MaxIterations },
            last_change,
            correlations: found.correlations,
            weight,
            means,
            spreads,
            coefficients,
        })
    }
}

impl Mad {
    /// Number of bands.
    pub fn bands(&self) -> usize {
        self.correlations.len()
    }

    /// The scores of a row, one per column; `None` where a pixel is invalid.
    ///
    /// # Errors
    /// [`EvidenceError::Shape`].
    pub fn score(&self, row: PairRow<'_>) -> Result<Vec<Option<PixelScore>>, EvidenceError> {
        let Pixels { columns, channels } = row.pixels(self.bands(), &self.means)?;
        let statistics = self.about(&self.means).statistics(&channels);
        let distribution = self.distribution();
        let mut scores = vec![None; row.valid.len()];
        for (col, statistic) in columns.into_iter().zip(statistics) {
            scores[col] = Some(PixelScore { statistic, no_change: distribution.sf(statistic) });
        }
        Ok(scores)
    }

    /// The transform of values from which `centers` were taken.
    fn about(&self, centers: &[f64]) -> Self {
        let means = self.means.iter().zip(centers).map(|(mean, center)| mean - center).collect();
        Self { means, ..self.clone() }
    }

    fn distribution(&self) -> ChiSquared {
        ChiSquared::new(arpent_base::number::exact(self.bands())).expect("at least one band")
    }

    fn weights(&self, channels: &[Vec<f64>]) -> Vec<f64> {
        let distribution = self.distribution();
        self.statistics(channels).into_iter().map(|statistic| distribution.sf(statistic)).collect()
    }

    /// The statistics of pixels, channels x pixels.
    fn statistics(&self, channels: &[Vec<f64>]) -> Vec<f64> {
        let count = channels.first().map_or(0, Vec::len);
        let (mut total, mut variate) = (vec![0.0; count], vec![0.0; count]);
        for coefficients in self.coefficients.chunks_exact(channels.len().max(1)) {
            variate.fill(0.0);
            for ((factor, mean), line) in coefficients.iter().zip(&self.means).zip(channels) {
                for (sum, value) in variate.iter_mut().zip(line) {
                    *sum += factor * (value - mean);
                }
            }
            for (total, variate) in total.iter_mut().zip(&variate) {
                *total += variate * variate;
            }
        }
        total
    }
}
