//! The optimization: chips in, weights out; a resumed training ends in the same weights.

mod batch;
mod checkpoint;
mod locations;
mod log;
mod loss;
mod memory;
mod place;
mod rate;
mod trainer;

pub(crate) use checkpoint::{Checkpoint, write_at_once};
pub(crate) use log::{Epoch, Log};
pub(crate) use place::Place;
pub(crate) use trainer::{Start, Trained, TrainingSetup, train};
