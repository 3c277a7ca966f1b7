//! Benchmarks of every stage and of the whole job: whole processes, measured from outside.
//!
//! `cargo run --release -p arpent-benches -- --help` lists them. Each benchmark prints a Markdown table; published
//! results are in `benches/runs/`.

pub mod blocks;
pub mod measure;
pub mod models;
pub mod network;
pub mod published;
pub mod scenes;
pub mod step;
pub mod suites;
pub mod vectors;
