//! The optimization: chips in, weights out; interrupted at any moment, it goes on to the same weights.

mod batch;
mod checkpoint;
mod log;
mod loss;
mod memory;
mod place;
mod rate;
mod trainer;

pub(crate) use checkpoint::{Checkpoint, write_at_once};
pub(crate) use log::{Epoch, Log};
pub(crate) use place::Place;
pub(crate) use trainer::{Plan, Start, Trained, train};
