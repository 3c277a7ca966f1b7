//! Stratified estimators of areas and accuracies.

use std::collections::BTreeMap;

use arpent_base::number::{approximate, exact};
use serde::{Deserialize, Serialize};

use crate::AreaError;
use crate::share::{ShareEstimate, clopper_pearson};

/// The quantile of 95 % intervals: 97.5 % of a standard normal distribution.
pub const Z95: f64 = 1.959_964;

/// A stratum of the population.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stratum {
    /// Its name, for messages.
    pub name: String,
    /// Number of its units (pixels, cells) in the population, or their area.
    pub units: f64,
    /// Number of its units where `units` is an area: what [`Correction::FinitePopulation`] needs.
    pub population: Option<u64>,
}

/// Whether variances account for the part of the population that was sampled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Correction {
    /// No: the sample is a small part of the population (Olofsson et al. 2014).
    #[default]
    None,
    /// By 1 - n/N of each stratum (Stehman 2014), with N = `population`, or `units` without it. A stratum whose units are
    /// all in the sample has no variance.
    FinitePopulation,
}

/// Samples: the stratum, the mapped class and the reference class of each unit.
///
/// Where the strata are the classes of the map, the estimates are those of Olofsson et al. 2014 (*Good practices for
/// estimating area and assessing accuracy of land change*, Remote Sensing of Environment 148), equations 9 to 11 and 5
/// to 7. In general they are those of Stehman 2014 (*Estimating area and map accuracy for stratified random sampling
/// when the strata are different from the map classes*, International Journal of Remote Sensing 35(13)), equations 3,
/// 25 and 26 for areas and overall accuracy, 27 to 29 for ratios, of which the former are a special case.
///
/// Units may differ in size, and a unit may be of several reference classes, each with a share of it
/// ([`Samples::add_unit`]). The estimates are then those of the separate ratio estimator with the size as auxiliary
/// variable (Cochran 1977, *Sampling Techniques*, section 6.10), which for units of one size are the same.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Samples {
    strata: Vec<Vec<Sampled>>,
}

/// Equal units of a sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Sampled {
    mapped: u8,
    /// Reference classes with their shares, which add up to 1.
    references: Vec<(u8, f64)>,
    size: f64,
    count: u64,
}

impl Sampled {
    /// The share of a unit for which a variable is 1.
    fn value(&self, variable: Variable<'_>) -> f64 {
        let hits = self.references.iter().filter(|(reference, _)| variable(self.mapped, *reference));
        hits.map(|(_, share)| share).sum()
    }
}

/// An estimate with its standard error.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// The 95 % interval, value -+ [`Z95`] standard errors, cut to possible values. `None` where the samples do not
    /// vary: the interval would have no width, which is not what is known.
    pub interval: Option<[f64; 2]>,
}

/// Estimates of a class.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClassEstimate {
    /// Class id.
    pub class_id: u8,
    /// Samples that the map gives to the class.
    pub mapped_samples: u64,
    /// Samples that the reference gives to the class. If there are none, the area is estimated as 0 without an
    /// interval: the sample has not found the class, which does not mean that it does not occur.
    pub reference_samples: u64,
    /// Area by the reference, in the unit of the total.
    pub area: Estimate,
    /// User's accuracy: share of what is mapped as the class that is the class; `None` if no sample is mapped so.
    pub users: Option<Estimate>,
    /// Producer's accuracy: share of the class that is mapped as such; `None` if no sample is of the class.
    pub producers: Option<Estimate>,
}

/// Estimates of a map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MapEstimate {
    /// Overall accuracy.
    pub overall: Estimate,
    /// Classes that the map or the reference gives to a sample, by ascending id.
    pub classes: Vec<ClassEstimate>,
}

impl Estimate {
    /// Half the width of the 95 % interval before it is cut: [`Z95`] standard errors.
    pub fn margin(&self) -> f64 {
        Z95 * self.standard_error
    }

    fn new(value: f64, variance: f64, highest: f64) -> Self {
        let standard_error = variance.max(0.0).sqrt();
        let margin = Z95 * standard_error;
        let interval = (margin > 0.0).then(|| [(value - margin).max(0.0), (value + margin).min(highest)]);
        Self { value, standard_error, interval }
    }
}

/// A variable of a sample: of its mapped and its reference class.
type Variable<'a> = &'a dyn Fn(u8, u8) -> bool;

/// A stratum and its samples.
struct Drawn<'a> {
    units: f64,
    samples: f64,
    /// Sum of the sizes of the samples.
    size: f64,
    /// 1 - n/N, or 1.
    correction: f64,
    sampled: &'a [Sampled],
}

impl Drawn<'_> {
    fn mean(&self, variable: Variable<'_>) -> f64 {
        let of = |sampled: &Sampled| exact(sampled.count) * sampled.size * sampled.value(variable);
        self.sampled.iter().map(of).sum::<f64>() / self.size
    }

    /// Sample covariance of two variables from 0 to 1 (equations 26 and 29 of Stehman 2014), of the residuals if the units
    /// differ in size.
    fn covariance(&self, y: Variable<'_>, x: Variable<'_>) -> f64 {
        if self.correction <= 0.0 {
            return 0.0;
        }
        let (mean_y, mean_x, mean_size) = (self.mean(y), self.mean(x), self.size / self.samples);
        let of = |sampled: &Sampled| {
            let size = sampled.size / mean_size;
            exact(sampled.count) * size * size * (sampled.value(y) - mean_y) * (sampled.value(x) - mean_x)
        };
        self.sampled.iter().map(of).sum::<f64>() / (self.samples - 1.0)
    }

    /// Mean square of the sizes of the samples, in units of their mean.
    fn mean_square_size(&self) -> f64 {
        let mean = self.size / self.samples;
        self.sampled.iter().map(|s| exact(s.count) * (s.size / mean).powi(2)).sum::<f64>() / self.samples
    }

    /// Factor of a variance in the variance of a total over all strata.
    fn weight(&self) -> f64 {
        self.units * self.units * self.correction / self.samples
    }
}

impl Samples {
    /// Of so many strata, without samples.
    pub fn new(strata: usize) -> Self {
        Self { strata: vec![Vec::new(); strata] }
    }

    /// Adds samples of a stratum (its position in the list of strata) with a mapped and a reference class.
    ///
    /// # Errors
    /// [`AreaError::UnknownStratum`].
    pub fn add(&mut self, stratum: usize, mapped: u8, reference: u8, count: u64) -> Result<(), AreaError> {
        self.push(stratum, Sampled { mapped, references: vec![(reference, 1.0)], size: 1.0, count })
    }

    /// Adds one unit with its size, and the shares of it that are of each reference class. All units of a stratum need
    /// sizes in the unit of the strata, or all none ([`Samples::add`]).
    ///
    /// # Errors
    /// [`AreaError::UnknownStratum`]; [`AreaError::OutOfRange`] for a size that is not positive, or shares that do not add
    /// up to 1.
    pub fn add_unit(
        &mut self,
        stratum: usize,
        mapped: u8,
        references: &[(u8, f64)],
        size: f64,
    ) -> Result<(), AreaError> {
        if !(size.is_finite() && size > 0.0) {
            return Err(AreaError::OutOfRange { name: "size", value: size, expected: "a positive number" });
        }
        let sum: f64 = references.iter().map(|(_, share)| share).sum();
        let all_valid = references.iter().all(|(_, share)| (0.0..=1.0).contains(share));
        if !all_valid || (sum - 1.0).abs() > 1e-9 {
            let expected = "shares from 0 to 1 that add up to 1";
            return Err(AreaError::OutOfRange { name: "references", value: sum, expected });
        }
        let references = references.iter().copied().filter(|(_, share)| *share > 0.0).collect();
        self.push(stratum, Sampled { mapped, references, size, count: 1 })
    }

    fn push(&mut self, stratum: usize, new: Sampled) -> Result<(), AreaError> {
        let last = self.strata.len().saturating_sub(1);
        let sampled = self.strata.get_mut(stratum).ok_or(AreaError::UnknownStratum { stratum, last })?;
        let is_same = |old: &&mut Sampled| {
            old.mapped == new.mapped
                && old.references == new.references
                && old.size.to_bits() == new.size.to_bits()
        };
        if let Some(old) = sampled.iter_mut().find(is_same) {
            old.count += new.count;
        } else if new.count > 0 {
            sampled.push(new);
        }
        Ok(())
    }

    /// From a confusion matrix whose rows are the strata and the mapped classes at once, and whose columns are the
    /// reference classes, with the ids of the classes.
    ///
    /// # Errors
    /// [`AreaError::Length`] if the matrix is not square with a row for each class.
    pub fn of_matrix(classes: &[u8], matrix: &[&[u64]]) -> Result<Self, AreaError> {
        let check = |name, found| {
            let expected = classes.len();
            if found == expected { Ok(()) } else { Err(AreaError::Length { name, found, expected }) }
        };
        check("matrix", matrix.len())?;
        let mut samples = Self::new(classes.len());
        for (stratum, (mapped, row)) in classes.iter().zip(matrix).enumerate() {
            check("row of the matrix", row.len())?;
            for (reference, count) in classes.iter().zip(*row) {
                samples.add(stratum, *mapped, *reference, *count)?;
            }
        }
        Ok(samples)
    }

    /// Number of samples of a stratum.
    pub fn of_stratum(&self, stratum: usize) -> u64 {
        self.strata.get(stratum).map_or(0, |sampled| sampled.iter().map(|s| s.count).sum())
    }

    /// Estimates from a sample of `strata`, for a population of `total` (area, in any unit).
    ///
    /// # Errors
    /// [`AreaError`] if a stratum has fewer than 2 samples (and, with [`Correction::FinitePopulation`], more units) or no
    /// size, or, with that correction, more samples than units.
    pub fn estimate(
        &self,
        strata: &[Stratum],
        total: f64,
        correction: Correction,
    ) -> Result<MapEstimate, AreaError> {
        let drawn = self.drawn(strata, correction)?;
        let units: f64 = drawn.iter().map(|stratum| stratum.units).sum();
        if !(total.is_finite() && total > 0.0) {
            return Err(AreaError::OutOfRange { name: "total", value: total, expected: "a positive area" });
        }
        let share = |variable: Variable<'_>| {
            let sum: f64 = drawn.iter().map(|d| d.units * d.mean(variable)).sum();
            let variance: f64 = drawn.iter().map(|d| d.weight() * d.covariance(variable, variable)).sum();
            (sum / units, variance / (units * units))
        };
        let ratio = |y: Variable<'_>, x: Variable<'_>| {
            let above: f64 = drawn.iter().map(|d| d.units * d.mean(y)).sum();
            let below: f64 = drawn.iter().map(|d| d.units * d.mean(x)).sum();
            let r = above / below;
            let of_stratum = |d: &Drawn<'_>| {
                d.weight() * (d.covariance(y, y) + r * r * d.covariance(x, x) - 2.0 * r * d.covariance(y, x))
            };
            let variance: f64 = drawn.iter().map(of_stratum).sum();
            Estimate::new(r, positive(variance / (below * below)), 1.0)
        };
        let (right, variance) = share(&|map, reference| map == reference);
        let overall = Estimate::new(right, positive(variance), 1.0);
        let classes = self.classes().into_iter().map(|(class_id, [mapped_samples, reference_samples])| {
            let is_mapped = |map: u8, _: u8| map == class_id;
            let is_true = |_: u8, reference: u8| reference == class_id;
            let is_both = |map: u8, reference: u8| map == class_id && reference == class_id;
            let (part, variance) = share(&is_true);
            ClassEstimate {
                class_id,
                mapped_samples,
                reference_samples,
                area: Estimate::new(total * part, total * total * positive(variance), total),
                users: (mapped_samples > 0).then(|| ratio(&is_both, &is_mapped)),
                producers: (reference_samples > 0).then(|| ratio(&is_both, &is_true)),
            }
        });
        Ok(MapEstimate { overall, classes: classes.collect() })
    }

    /// The share of the population that is of a reference class, with an interval that holds also where the class is rare:
    /// that of Clopper and Pearson for the effective sample size (Korn and Graubard 1998, *Confidence intervals for
    /// proportions with small expected number of positive counts estimated from survey data*, Survey Methodology 24).
    ///
    /// A stratum without (or full of) hits has no variance in the sample, which does not mean that it has none: its
    /// variance is at least that of one hit among n + 2 samples of mean square size.
    ///
    /// # Errors
    /// As [`Samples::estimate`].
    pub fn share_of_class(
        &self,
        strata: &[Stratum],
        class_id: u8,
        correction: Correction,
    ) -> Result<ShareEstimate, AreaError> {
        let drawn = self.drawn(strata, correction)?;
        let units: f64 = drawn.iter().map(|stratum| stratum.units).sum();
        let is_true = |_: u8, reference: u8| reference == class_id;
        let (mut value, mut variance, mut least) = (0.0, 0.0, 0.0);
        for stratum in &drawn {
            let part = stratum.units / units;
            let one = 1.0 / (stratum.samples + 2.0);
            let floor = stratum.mean_square_size() * one * (1.0 - one);
            value += part * stratum.mean(&is_true);
            let spread = if stratum.correction > 0.0 {
                stratum.covariance(&is_true, &is_true).max(floor)
            } else {
                0.0
            };
            variance += part * part * stratum.correction * spread / stratum.samples;
            least += part * one;
        }
        let value = value.clamp(0.0, 1.0);
        if variance <= 0.0 {
            let effective_samples = drawn.iter().map(|stratum| stratum.samples).sum();
            return Ok(ShareEstimate { value, low: value, high: value, effective_samples });
        }
        let least = least.min(0.5);
        let within = value.clamp(least, 1.0 - least);
        let certain = value <= 0.0 || value >= 1.0;
        let p = if certain { within } else { value };
        let effective_samples = p * (1.0 - p) / variance;
        let [low, high] = clopper_pearson(value * effective_samples, effective_samples);
        Ok(ShareEstimate { value, low, high, effective_samples })
    }

    /// Samples that map and reference give to each class.
    fn classes(&self) -> BTreeMap<u8, [u64; 2]> {
        let mut classes: BTreeMap<u8, [u64; 2]> = BTreeMap::new();
        for sampled in self.strata.iter().flatten() {
            classes.entry(sampled.mapped).or_default()[0] += sampled.count;
            for (reference, _) in &sampled.references {
                classes.entry(*reference).or_default()[1] += sampled.count;
            }
        }
        classes
    }

    fn drawn(&self, strata: &[Stratum], correction: Correction) -> Result<Vec<Drawn<'_>>, AreaError> {
        if strata.is_empty() {
            return Err(AreaError::NoStrata);
        }
        if strata.len() != self.strata.len() {
            let (found, expected) = (self.strata.len(), strata.len());
            return Err(AreaError::Length { name: "samples", found, expected });
        }
        let mut drawn = Vec::with_capacity(strata.len());
        for (i, (stratum, sampled)) in strata.iter().zip(&self.strata).enumerate() {
            let Stratum { name, units, population } = stratum;
            let samples = self.of_stratum(i);
            if !(units.is_finite() && *units > 0.0) {
                return Err(AreaError::StratumSize { stratum: name.clone(), units: *units });
            }
            let all = population.map_or(*units, approximate);
            let part = exact(samples) / all;
            let correction = match correction {
                Correction::None => 1.0,
                Correction::FinitePopulation if part > 1.0 => {
                    return Err(AreaError::TooManySamples { stratum: name.clone(), samples, units: all });
                }
                Correction::FinitePopulation => 1.0 - part,
            };
            if samples == 0 || (samples == 1 && correction > 0.0) {
                return Err(AreaError::TooFewSamples { stratum: name.clone(), samples });
            }
            let size = sampled.iter().map(|s| exact(s.count) * s.size).sum();
            drawn.push(Drawn { units: *units, samples: exact(samples), size, correction, sampled });
        }
        Ok(drawn)
    }
}

/// A variance without the rounding errors of differences: where samples do not vary, it is 0.
fn positive(variance: f64) -> f64 {
    /// Variances of shares of real samples are far larger: n would have to exceed 10^14.
    const ROUNDING: f64 = 1e-18;
    if variance > ROUNDING { variance } else { 0.0 }
}
