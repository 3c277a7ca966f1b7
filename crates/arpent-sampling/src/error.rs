//! Errors of estimates and samples.

use thiserror::Error;

/// Why areas cannot be estimated or a sample cannot be drawn.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum AreaError {
    /// A stratum has too few samples for a standard error.
    #[error("stratum `{stratum}` has {samples} samples, expected 2 or more")]
    TooFewSamples {
        /// Its name.
        stratum: String,
        /// Its samples.
        samples: u64,
    },
    /// A stratum has more samples than units.
    #[error("stratum `{stratum}` has {samples} samples, but only {units} units")]
    TooManySamples {
        /// Its name.
        stratum: String,
        /// Its samples.
        samples: u64,
        /// Its units.
        units: f64,
    },
    /// A stratum has no size.
    #[error("stratum `{stratum}` has {units} units, expected a positive number")]
    StratumSize {
        /// Its name.
        stratum: String,
        /// The number given.
        units: f64,
    },
    /// There is no stratum.
    #[error("there is no stratum, expected 1 or more")]
    NoStrata,
    /// A sample is of a stratum that is not listed.
    #[error("a sample is of stratum {stratum}, expected 0 to {last}")]
    UnknownStratum {
        /// Its number.
        stratum: usize,
        /// The last one listed.
        last: usize,
    },
    /// An expected accuracy, a weight or a standard error is out of range.
    #[error("`{name}` is {value}, expected {expected}")]
    OutOfRange {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The valid values.
        expected: &'static str,
    },
    /// Two lists with a value for each stratum differ in length.
    #[error("`{name}` has {found} values, expected one for each of the {expected} strata")]
    Length {
        /// Its name.
        name: &'static str,
        /// Its values.
        found: usize,
        /// Number of strata.
        expected: usize,
    },
    /// Two parts of a draw have other seeds or sizes.
    #[error("two parts of a draw have other seeds or other sizes of their strata, expected the same")]
    OtherDraw,
    /// The sample is too small for the minimum of each stratum.
    #[error("a sample of {samples} is too small: the minima of the strata add up to {minima}")]
    SampleTooSmall {
        /// The sample.
        samples: u64,
        /// The sum of the minima.
        minima: u64,
    },
}

impl arpent_base::Diagnostic for AreaError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::TooFewSamples { .. } => Some(
                "label more samples of the stratum, or join it with a similar one before the draw".into(),
            ),
            Self::SampleTooSmall { minima, .. } => {
                Some(format!("draw {minima} samples or more, or lower the minimum"))
            }
            Self::TooManySamples { .. } => Some("check that no sample is listed twice".into()),
            Self::OtherDraw => Some("draw all parts with one seed and one allocation".into()),
            _ => None,
        }
    }
}
