//! The state of a plan with shards: objects below the output that are written once.
//!
//! All state is kept there ([`JobPlace`]): the plan ([`Plan`]), the predictions of the network by pieces, and the list
//! of shards done. The content of a piece depends on its windows only, so the map is the same for any workers and any
//! number of shards.

mod compute;
mod document;
mod error;
mod journal;
mod piece;
mod place;
mod record;
mod understood;

pub(crate) use compute::Work;
pub use document::{MOST_SHARDS, PLAN_FORMAT, PLAN_NAME, PieceId, Plan, PlannedMap, PlannedScene, Sharing};
pub use error::ShardError;
pub use journal::reopen_failed;
pub(crate) use journal::{Journal, last_of, now};
#[doc(hidden)]
pub use piece::reads_answers;
pub use place::{JobPlace, jobs_of};
pub use record::{Done, RECORD_FORMAT, Record, State, engines_of};
