//! One suite for every kind of store, through the public interface alone, against real servers where they are
//! installed; and the same servers behind a proxy that makes them fail.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::missing_panics_doc,
    reason = "helpers of tests panic and say what they do"
)]

mod common;
mod conformance;
mod failing;
