//! From the classes of two dates to events: what became what, and which objects are the same.

mod check;
mod displaced;
mod error;
mod event;
mod identity;
mod measure;
mod objects;
mod rules;
mod runs;
mod settle;
mod sieve;
mod slab;
#[cfg(test)]
mod tests;

pub use displaced::Displaced;
pub use error::EventError;
pub use event::{Event, EventKind, EventObject, Flow, Link, ObjectKey, Outcome, PixelRun};
pub use identity::{Lineage, ObjectIds, identify, object_id};
pub use objects::Objects;
pub use rules::{Doubt, Evidence, ImageVote, Rules};
pub use sieve::{Sieve, SieveCount, SieveCounts, SievedRow};
