//! Jobs that are shared out: a plan, workers that each do a shard of it, a merge that publishes.
//!
//! All state is kept below the output ([`JobPlace`]), in objects that are written once: the plan ([`Plan`]), the answers of the network
//! by pieces, and which shards are done. What a piece holds depends on its windows alone, so the map that a merge makes of all pieces is
//! the same whoever computed them, and in how many shards. `arpent run` is a plan of one shard, its worker and its merge in one process.

mod compute;
mod document;
mod error;
mod journal;
pub mod merge;
mod piece;
mod place;
mod record;
mod resolved;
pub mod status;
pub mod worker;
mod write;

pub use document::{MOST_SHARDS, PLAN_FORMAT, PLAN_NAME, PieceId, Plan, PlannedMap, PlannedScene, Sharing};
pub use error::{EXIT_INTERRUPTED, EXIT_TRY_AGAIN, ShardError, is_transient};
#[doc(hidden)]
pub use piece::reads_answers;
pub use place::{JobPlace, jobs_of};
pub use record::{Done, RECORD_FORMAT, Record, State, engines_of};
pub use write::write_plan;

pub(crate) use compute::Work;
pub(crate) use document::{all_ranges, largest_piece_px};
pub(crate) use journal::{Journal, reopen_failed};
pub(crate) use record::host;
