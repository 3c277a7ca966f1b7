//! Whole runs of the `arpent` binary on small scenes with known answers.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub,
    reason = "helpers of tests, not an interface; a test that is skipped says so"
)]

mod abstain;
mod applicability;
mod bad_input;
mod catalog;
mod change;
mod change_guide;
mod change_shards;
mod cloud_masks;
mod common;
mod cost;
mod coverage;
mod dates;
mod decided;
mod detection;
mod doctor;
mod doubtful;
mod embeddings;
mod exact;
mod exits;
mod explain;
mod graphs;
mod hints;
mod imagery;
mod import;
mod inputs;
mod installed;
mod invariance;
mod layers;
mod machines;
mod mask;
mod measured;
mod order;
mod outputs;
mod published;
mod qgis;
mod real;
mod reference;
mod report;
mod resample;
mod review;
mod review_aigle;
mod review_gpkg;
mod review_serve;
mod schema;
mod shards;
mod slurm;
mod submit;
mod tiles;
mod trust;
mod validity;
mod values;
mod vectors;
mod view;
mod windows;
mod zonal;
mod zonal_values;
