//! The state of a plan with shards: objects below the output that are written once.
//!
//! All state is kept there ([`JobPlace`]): the plan ([`Plan`] of maps, [`ChangePlan`] of a comparison of two dates), the
//! results of workers by pieces, and the list of shards done. The content of a piece depends on its pixels only, so the
//! results are the same for any workers and any number of shards.

mod any;
mod comparison;
mod compute;
mod divided;
mod document;
mod error;
mod journal;
mod packed;
mod piece;
mod place;
mod record;
mod understood;

pub use any::AnyPlan;
pub use comparison::{CHANGE_PLAN_FORMAT, ChangePlan, Correction, Scorer, Scoring};
pub(crate) use compute::JobContext;
pub use divided::{Divided, Part, PieceId};
pub use document::{MOST_SHARDS, PLAN_FORMAT, Plan, PlannedMap, PlannedScene, Sharing};
pub(crate) use document::{PLAN_NAME, number_of_shards};
pub use error::ShardError;
pub use journal::reopen_failed;
pub(crate) use journal::{Journal, last_of, now};
pub(crate) use packed::{Rest, pack, unpack};
#[doc(hidden)]
pub use piece::reads_answers;
pub use place::JobPlace;
pub(crate) use place::{StoredPiece, jobs_of};
pub(crate) use record::{Record, State, engines_of};
pub(crate) use understood::understood;
