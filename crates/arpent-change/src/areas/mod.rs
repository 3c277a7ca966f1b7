//! Areas and accuracies with their intervals, from samples that people have labeled; sizes and draws of samples.

mod draw;
mod error;
mod estimate;
mod plan;
#[cfg(test)]
mod tests;

pub use draw::{Draw, DrawnStratum};
pub use error::AreaError;
pub use estimate::{ClassEstimate, Correction, Estimate, MapEstimate, Samples, Stratum, Z95};
pub use plan::{allocate, sample_size};
