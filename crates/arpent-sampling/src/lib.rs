//! Samples that persons check: sizes, draws that do not depend on the order of the population, and estimates of areas,
//! shares and accuracies with their intervals. Draws are of changes (`arpent-change`) and of reviews (`arpent-review`).

mod draw;
mod error;
mod estimate;
mod plan;
mod share;
#[cfg(test)]
mod tests;

pub use draw::{Draw, DrawnStratum};
pub use error::AreaError;
pub use estimate::{ClassEstimate, Correction, Estimate, MapEstimate, Samples, Stratum, Z95};
pub use plan::{allocate, allocate_by, sample_size};
pub use share::{ShareEstimate, clopper_pearson, least_share, share_of, share_of_effective, student_t};
