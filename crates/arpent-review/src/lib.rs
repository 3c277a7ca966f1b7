//! Reviews: what named persons decide about the features of a published map.
//!
//! A [`Review`] belongs to one map. Its [`Decision`]s are immutable objects, each named by the SHA-256 of its canonical
//! bytes; [`Chain`] writes them, numbered and sealed ([`Seal`]) for each writing process. [`Log`] reads them in any order:
//! it gives the state of each feature ([`FeatureState`]) and finds every edit, removal and exchange ([`Log::verify`]).
//!
//! [`sample`] says who looks at what, [`agreement`] how well persons agree and what the verdicts say about the map.
//! This crate opens no file and reads no clock.

pub mod agreement;
mod canonical;
mod decision;
mod error;
mod finding;
mod geometry;
mod header;
mod history;
mod intern;
mod known;
mod live;
mod log;
pub mod sample;
mod seal;
mod signature;
mod state;
pub mod table;
#[cfg(test)]
mod tests;
mod time;
mod verdict;
mod verify;

pub use canonical::{OBJECT_BYTES, ObjectId, canonical, read_canonical};
pub use decision::{DECISION_FORMAT, Decision, Statement, TaskRef, Writer};
pub use error::ReviewError;
pub use finding::{Finding, FindingKind};
pub use geometry::{Geometry, MOST_POSITIONS};
pub use header::{MOST_M2, MapRef, Person, REVIEW_FORMAT, Reason, Review, Reviewer};
pub use history::{Earlier, HISTORY_FORMAT, HISTORY_NAME, History};
pub use known::Known;
pub use live::{Live, Mention};
pub use log::{Log, Opinion};
pub use seal::{Chain, Object, SEAL_FORMAT, Seal};
pub use signature::Key;
pub use state::{FeatureState, Status};
pub use time::Time;
pub use verdict::{Kind, Verdict};
