//! Errors of image evidence.

use arpent_base::Diagnostic;
use thiserror::Error;

/// One of the two dates of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairDate {
    /// The first date.
    Before,
    /// The second date.
    After,
}

impl std::fmt::Display for PairDate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Before => "the first date",
            Self::After => "the second date",
        })
    }
}

/// Pixels from which no evidence of change can be computed. Bands are numbered from 1.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum EvidenceError {
    /// A row has the wrong number of bands or columns.
    #[error("{what} of a row of a pair: {got}, expected {expected}")]
    Shape {
        /// What differs.
        what: &'static str,
        /// Given.
        got: usize,
        /// Expected.
        expected: usize,
    },
    /// An option has an invalid value.
    #[error("change evidence: `{option}` is {value}, expected {expected}")]
    BadOption {
        /// Name of the option.
        option: &'static str,
        /// Its value.
        value: f64,
        /// The valid values.
        expected: &'static str,
    },
    /// Nothing separates changed from unchanged pixels.
    #[error(
        "all {pixels} pixels of the pair differ by the same amount, so that no threshold separates changed from unchanged ones"
    )]
    OneScore {
        /// Number of pixels.
        pixels: f64,
    },
    /// Fewer valid pixels, or a smaller sum of weights, than the statistics need.
    #[error("{weight} pixels of the pair count, expected at least {expected}")]
    TooFewPixels {
        /// Sum of the weights of the valid pixels.
        weight: f64,
        /// Smallest sum.
        expected: f64,
    },
    /// All pixels of a band have one value.
    #[error("band {band} of {date} has the same value everywhere that counts, expected values that vary")]
    ConstantBand {
        /// The date.
        date: PairDate,
        /// The band.
        band: usize,
    },
    /// A band is a linear function of those before it.
    #[error("band {band} of {date} is a linear function of bands before it, expected independent bands")]
    DependentBand {
        /// The date.
        date: PairDate,
        /// The band.
        band: usize,
    },
    /// Where pixels count, bands of both dates are linear functions of each other: there is no difference to measure
    /// change by.
    #[error("band {band} is the same at both dates but for a linear function, in iteration {iteration}")]
    EqualDates {
        /// The band with the largest coefficient.
        band: usize,
        /// The iteration, from 1.
        iteration: usize,
    },
    /// A relation of a band between the dates has no slope.
    #[error("band {band} of the unchanged pixels does not rise with itself at the other date")]
    NoRelation {
        /// The band.
        band: usize,
    },
    /// A method was called in the wrong pass.
    #[error("change evidence: {what}")]
    Order {
        /// What is wrong.
        what: &'static str,
    },
}

impl Diagnostic for EvidenceError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::BadOption { option, expected, .. } => Some(format!("set `{option}` to {expected}")),
            Self::TooFewPixels { .. } => {
                Some("use a larger area, or check the nodata values of both dates".to_owned())
            }
            Self::ConstantBand { band, .. } | Self::DependentBand { band, .. } => {
                Some(format!("leave band {band} out at both dates"))
            }
            Self::OneScore { .. } => Some(
                "check that the two dates are different files: they are equal, or equal but for their brightness"
                    .to_owned(),
            ),
            Self::EqualDates { .. } => {
                Some("check that the two dates are different files; or use change vectors".to_owned())
            }
            Self::NoRelation { .. } => Some("compare the bands' order at both dates".to_owned()),
            Self::Shape { .. } | Self::Order { .. } => None,
        }
    }
}
