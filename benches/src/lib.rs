//! Benchmarks of every stage and of the whole job: whole processes, timed and measured from outside.
//!
//! `cargo run --release -p arpent-benches -- --help` tells what there is. Each benchmark prints a Markdown
//! table; what is quoted anywhere is kept under `benches/runs/`.

pub mod measure;
pub mod models;
pub mod network;
pub mod scenes;
pub mod step;
pub mod suites;
pub mod vectors;
