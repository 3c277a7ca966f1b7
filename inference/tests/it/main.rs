//! Whole runs of the `arpent` binary on small scenes with known answers.

mod bad_input;
mod common;
mod detection;
mod exact;
mod inputs;
mod invariance;
mod outputs;
mod real;
