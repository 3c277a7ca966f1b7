//! Figures of a model as plain data, measured here and shown in reports.
//!
//! Scores are shares between 0 and 1. A value that does not exist (a precision of nothing) is `None`; a value that is
//! not finite is written as `null` in JSON and comes back as `None`.

mod gallery;
mod scores;

pub(crate) use gallery::*;
pub(crate) use scores::*;
