//! Accuracy of predictions against truth.
//!
//! Every measure is an accumulator: it processes pixels, chips or pictures one after another, and keeps counts, not
//! pixels. Its memory is bounded by the number of classes, of bins or of detections. Accumulators [`Merge`], so that
//! a measure can be computed in parts and by group ([`Grouped`]), and the parts be summed.
//!
//! | what | with | keeps |
//! |---|---|---|
//! | label rasters | [`Confusion`] | classes x classes counts |
//! | two dates | [`ChangeScores`] of a [`Confusion`] | nothing of its own |
//! | thin objects | [`ToleranceScore`] | four counts |
//! | boxes | [`DetectionScores`] | one score and one bit set for each detection |
//! | ranked candidates | [`Ranking`], [`Roc`] | one score for each candidate |
//! | confidence | [`Reliability`], [`Calibration`] | one line for each bin |
//! | confidence, corrected by verdicts | [`Isotonic`] | its levels |
//! | answers left out by confidence | [`RiskCoverage`] | one line for each confidence |
//! | places unlike the training | [`Applicability`] | the samples of the training |
//!
//! A value that is not defined (the recall of a class without truth) is `None`, never 0 or NaN; a mean is over the
//! defined values. Each public measure cites the source of its formula, and `tests/oracle` compares it with other
//! software.

mod applicability;
mod calibration;
mod change;
mod confusion;
mod count;
mod detection;
mod error;
mod grouped;
mod isotonic;
mod ranking;
mod risk;
mod roc;
mod scores;
mod tolerance;

pub use applicability::{Applicability, upper_whisker};
pub use calibration::{Calibration, CalibrationScores, Reliability, ReliabilityBin};
pub use change::ChangeScores;
pub use confusion::Confusion;
pub use detection::{
    AtIou, ClassDetections, DetectionOptions, DetectionScores, DetectionSummary, Interpolation, ScoredBox,
    TruthBox,
};
pub use error::MetricsError;
pub use grouped::{Grouped, Interval, Merge};
pub use isotonic::{Isotonic, IsotonicLevel};
pub use ranking::Ranking;
pub use risk::{AtCoverage, AtRisk, RiskCoverage, RiskPoint, RiskScores};
pub use roc::{BudgetPoint, OperatingPoint, Population, Roc, precision_at_prevalence};
pub use scores::{ClassScores, Scores};
pub use tolerance::{ToleranceScore, ToleranceScores};
