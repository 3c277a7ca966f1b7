//! A plan that is shared out: what is kept of it below the output, in objects that are written once.
//!
//! All state is kept there ([`JobPlace`]): the plan ([`Plan`]), the answers of the network by pieces, and which shards are done. What a
//! piece holds depends on its windows alone, so the map that is made of all pieces is the same whoever computed them, and in how many
//! shards.

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
