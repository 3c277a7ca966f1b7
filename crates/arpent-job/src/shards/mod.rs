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

pub(crate) use compute::JobContext;
pub(crate) use document::PLAN_NAME;
pub use document::{MOST_SHARDS, PLAN_FORMAT, PieceId, Plan, PlannedMap, PlannedScene, Sharing};
pub use error::ShardError;
pub use journal::reopen_failed;
pub(crate) use journal::{Journal, last_of, now};
#[doc(hidden)]
pub use piece::reads_answers;
pub use place::JobPlace;
pub(crate) use place::jobs_of;
pub(crate) use record::{Record, State, engines_of};
