//! Laws that hold for any input, and what other people's software says of a few.
#![allow(clippy::unwrap_used, reason = "helpers of tests panic")]

mod grouped;
mod laws;
mod oracle;
mod refusals;
