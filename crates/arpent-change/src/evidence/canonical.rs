//! Canonical correlation of two sets of bands (Hotelling, 1936).

use nalgebra::{DMatrix, DVector};

use super::{EvidenceError, PairDate};

/// Below this share of a band's variance that the bands before it leave unexplained, it depends on them: of single
/// precision values no more is certain.
const LEAST_INDEPENDENT: f64 = 1e-10;
/// A standard deviation below this share of the mean is rounding.
const LEAST_DEVIATION: f64 = 1e-9;
/// A correlation nearer than this to 1 leaves no variance to measure change by.
const LEAST_DISTANCE: f64 = 1e-9;

/// Canonical correlations from the largest down, with the coefficients of the bands: column k of `before` and `after`
/// gives the pair of variates k, each of variance 1, which correlate positively.
pub(super) struct Canonical {
    pub(super) correlations: Vec<f64>,
    pub(super) before: DMatrix<f64>,
    pub(super) after: DMatrix<f64>,
}

/// Solves it from the covariances of `bands` bands of each date, (2 bands) x (2 bands), and their means, which only
/// measure what is constant.
///
/// The generalized eigenproblem S12 S22^-1 S21 a = rho^2 S11 a is solved as the singular values of L1^-1 R12 L2^-T, with
/// Cholesky factors of the correlation matrices: they are rho, not rho^2, and the unit of a band does not matter.
pub(super) fn canonical(
    bands: usize,
    means: &[f64],
    covariances: &[f64],
    iteration: usize,
) -> Result<Canonical, EvidenceError> {
    let covariances = DMatrix::from_row_slice(2 * bands, 2 * bands, covariances);
    let deviations: Vec<f64> = covariances.diagonal().iter().map(|v| v.max(0.0).sqrt()).collect();
    for (channel, (deviation, mean)) in deviations.iter().zip(means).enumerate() {
        if !(*deviation > LEAST_DEVIATION * mean.abs() && *deviation > 0.0) {
            return Err(EvidenceError::ConstantBand {
                date: date(channel / bands),
                band: channel % bands + 1,
            });
        }
    }
    let correlation = covariances.map_with_location(|i, j, v| v / (deviations[i] * deviations[j]));
    let factor = |set: usize| {
        let block = correlation.view((set * bands, set * bands), (bands, bands)).into_owned();
        cholesky(&block).map_err(|band| EvidenceError::DependentBand { date: date(set), band })
    };
    let (l1, l2) = (factor(0)?, factor(1)?);
    let singular = "factors have a positive diagonal";
    let between = correlation.view((0, bands), (bands, bands)).into_owned();
    let half = l1.solve_lower_triangular(&between).expect(singular);
    let whole = l2.solve_lower_triangular(&half.transpose()).expect(singular).transpose();
    let svd = whole.svd(true, true);
    let (Some(u), Some(v_t)) = (svd.u, svd.v_t) else { unreachable!("both were asked for") };
    // Sorted downwards by nalgebra.
    let correlations: Vec<f64> = svd.singular_values.iter().copied().collect();
    let back =
        |l: &DMatrix<f64>, vectors: &DMatrix<f64>| l.tr_solve_lower_triangular(vectors).expect(singular);
    let (standardized, other) = (back(&l1, &u), back(&l2, &v_t.transpose()));
    if let Some(k) = correlations.iter().position(|rho| *rho > 1.0 - LEAST_DISTANCE) {
        return Err(EvidenceError::EqualDates { band: standardized.column(k).iamax() + 1, iteration });
    }
    let unit = |vectors: DMatrix<f64>, set: usize| {
        let inverse =
            DVector::from_iterator(bands, deviations[set * bands..][..bands].iter().map(|d| 1.0 / d));
        DMatrix::from_diagonal(&inverse) * vectors
    };
    Ok(Canonical { correlations, before: unit(standardized, 0), after: unit(other, 1) })
}

fn date(set: usize) -> PairDate {
    if set == 0 { PairDate::Before } else { PairDate::After }
}

/// The factor of a correlation matrix; the first band that depends on those before it otherwise, from 1.
fn cholesky(matrix: &DMatrix<f64>) -> Result<DMatrix<f64>, usize> {
    let size = matrix.nrows();
    let factor = |n: usize| nalgebra::Cholesky::new(matrix.view((0, 0), (n, n)).into_owned()).map(|c| c.l());
    let is_independent =
        |n: &usize| factor(*n).is_some_and(|l| l[(n - 1, n - 1)].powi(2) > LEAST_INDEPENDENT);
    if let Some(band) = (1..=size).find(|n| !is_independent(n)) {
        return Err(band);
    }
    factor(size).ok_or(size)
}
