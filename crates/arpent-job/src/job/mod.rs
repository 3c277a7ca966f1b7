//! From a configuration to a resolved job: the only place that rejects bad input.

mod acquired;
mod areas;
mod confidence;
mod dissimilarity;
mod identity;
mod map;
mod memory;
mod overlap;
mod pieces;
mod probe;
mod resolve;
mod scene;
mod scenes;
mod software;
mod territories;
mod validity;
mod values;

pub use acquired::check as check_date;
pub use confidence::{ConfidenceError, UNDECIDED};
pub(crate) use confidence::{Confidences, Tally};
pub use dissimilarity::OutsideSample;
pub(crate) use dissimilarity::{
    Blocks, Level, MOST_OUTSIDE, WindowLevels, levels_in, outside_warning, put_levels,
};
pub(crate) use identity::{Hashing, Input, Unhashed, fingerprints, reading, run_id};
pub(crate) use map::AFTER;
pub(crate) use map::Survey;
pub use map::{BEFORE, MapJob};
pub(crate) use memory::{SPOOL_RUN_BYTES, TILES_BYTES};
pub use overlap::Overlap;
#[cfg(test)]
pub(crate) use pieces::cut;
pub(crate) use pieces::pieces;
pub use probe::mpx_per_s;
pub use resolve::Job;
pub(crate) use resolve::{needs, output_below};
pub use scene::{FailedScene, UsableScene, describe_bands};
pub(crate) use software::{software, versions};
pub(crate) use territories::Territories;
pub use validity::describe_validity;
pub(crate) use validity::{declare, warnings as validity_warnings};
