//! Sizes of samples.

use arpent_base::number::{approximate, ceil, truncate};

use crate::AreaError;

/// The sample size for a standard error of the overall accuracy: n = (sum of W_i S_i / S(O))^2 with S_i =
/// sqrt(U_i (1 - U_i)) (Olofsson et al. 2014, equation 13, after Cochran 1977, equation 5.25; for a large population).
/// `weights` are the sizes of the strata in any unit, `users` the user's accuracies that are expected.
///
/// # Errors
/// [`AreaError::Length`], [`AreaError::OutOfRange`], [`AreaError::NoStrata`].
pub fn sample_size(weights: &[f64], users: &[f64], standard_error: f64) -> Result<u64, AreaError> {
    let total = total(weights)?;
    if users.len() != weights.len() {
        return Err(AreaError::Length { name: "users", found: users.len(), expected: weights.len() });
    }
    if let Some(value) = users.iter().copied().find(|user| !(0.0..=1.0).contains(user)) {
        return Err(AreaError::OutOfRange { name: "users", value, expected: "accuracies from 0 to 1" });
    }
    if !(standard_error > 0.0 && standard_error < 1.0) {
        let (name, value) = ("standard_error", standard_error);
        return Err(AreaError::OutOfRange { name, value, expected: "a number between 0 and 1" });
    }
    let deviation = |(weight, user): (&f64, &f64)| weight / total * (user * (1.0 - user)).sqrt();
    let sum: f64 = weights.iter().zip(users).map(deviation).sum();
    Ok(ceil((sum / standard_error).powi(2)))
}

/// Distributes samples over strata in proportion to their sizes (`weights`, numbers of units), with a minimum for rare
/// ones (50 to 100: Olofsson et al. 2014, section 5.1.2) and never more than a stratum has units. Rests go to the
/// largest fractions, on ties to the first stratum. The sum is `samples`, or less if the strata have fewer units.
///
/// # Errors
/// [`AreaError::SampleTooSmall`] if the minima of the strata exceed the sample; [`AreaError::OutOfRange`],
/// [`AreaError::NoStrata`].
pub fn allocate(samples: u64, weights: &[f64], minimum: u64) -> Result<Vec<u64>, AreaError> {
    allocate_by(samples, weights, weights, minimum)
}

/// The same in proportion to other weights than the sizes (`units`): for Neyman's allocation (Cochran 1977, section 5.5),
/// the size times the standard deviation that is expected in the stratum.
///
/// # Errors
/// As [`allocate`], and [`AreaError::Length`].
pub fn allocate_by(
    samples: u64,
    units: &[f64],
    weights: &[f64],
    minimum: u64,
) -> Result<Vec<u64>, AreaError> {
    total(units)?;
    total(weights)?;
    if units.len() != weights.len() {
        return Err(AreaError::Length { name: "weights", found: weights.len(), expected: units.len() });
    }
    let units: Vec<u64> = units.iter().map(|units| truncate::<u64>(*units)).collect();
    let minima: u64 = units.iter().map(|units| minimum.min(*units)).sum();
    if minima > samples {
        return Err(AreaError::SampleTooSmall { samples, minima });
    }
    let mut allocated: Vec<Option<u64>> = vec![None; weights.len()];
    // Strata outside of their bounds get the bound, and the others the rest; those below their minimum first, since
    // they leave less to the others.
    loop {
        let free: Vec<usize> = (0..weights.len()).filter(|i| allocated[*i].is_none()).collect();
        let rest = samples.saturating_sub(allocated.iter().flatten().sum());
        let total: f64 = free.iter().map(|i| weights[*i]).sum();
        let wanted = |i: usize| approximate(rest) * weights[i] / total;
        let low = |i: &usize| wanted(*i) < approximate(minimum.min(units[*i]));
        let high = |i: &usize| wanted(*i) > approximate(units[*i]);
        if let Some(i) = free.iter().copied().find(low) {
            allocated[i] = Some(minimum.min(units[i]));
        } else if let Some(i) = free.iter().copied().find(high) {
            allocated[i] = Some(units[i]);
        } else {
            let mut given: Vec<(f64, usize, u64)> = Vec::new();
            for i in &free {
                let whole = truncate::<u64>(wanted(*i));
                given.push((wanted(*i) - approximate(whole), *i, whole));
            }
            let mut left = rest.saturating_sub(given.iter().map(|(_, _, whole)| whole).sum());
            given.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            for (_, i, whole) in given {
                let one = u64::from(left > 0 && whole < units[i]);
                left -= one;
                allocated[i] = Some(whole + one);
            }
            return Ok(allocated.into_iter().map(|n| n.unwrap_or(0)).collect());
        }
    }
}

fn total(weights: &[f64]) -> Result<f64, AreaError> {
    if weights.is_empty() {
        return Err(AreaError::NoStrata);
    }
    if let Some(value) = weights.iter().copied().find(|weight| !(weight.is_finite() && *weight > 0.0)) {
        return Err(AreaError::OutOfRange { name: "weights", value, expected: "positive numbers" });
    }
    Ok(weights.iter().sum())
}
