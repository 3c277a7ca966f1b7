//! Invariants for any input, and comparisons with other software for some cases.
#![allow(clippy::unwrap_used, reason = "helpers of tests panic")]

mod applicability;
mod grouped;
mod laws;
mod oracle;
mod refusals;
