//! Data sets through their layouts: on fixtures in the exact layout of the published sets, on broken ones, and on the
//! real data where they are at hand.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::naive_bytecount,
    reason = "test helpers; numbers are small"
)]

mod audit;
mod boxes_to_labels;
mod cards;
mod errors;
mod fixtures;
mod layouts;
mod real_data;
mod splits;
mod taken;
