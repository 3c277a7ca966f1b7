//! Networks, model packages and prediction; the only library that knows tensors.
//!
//! A [`ModelPackage`] is a folder: `model.json` (what the network wants to see and what it answers), its
//! weights as safetensors, and a card for people. [`Predictor`] runs it on one [`Chip`](arpent_raster::Chip)
//! and answers for the chip's core only. No tensor leaves this crate, except towards the trainer.
//!
//! The promise is *same pixel, same answer*: a pixel whose receptive field lies inside two chips gets the same
//! bits from both, whatever their shapes and the number of threads (see [`Predictor::predict`]).

/// Version of Burn, which trains the networks and runs them on GPUs, in builds that have it (feature `tensors`); pinned in the workspace's `Cargo.toml`.
pub const BURN_VERSION: &str = "0.22.1";

mod adopt;
mod architecture;
#[cfg(feature = "tensors")]
mod card;
#[cfg(not(feature = "tensors"))]
#[path = "no_card.rs"]
mod card;
mod checkpoint;
mod device;
mod encoders;
mod error;
#[cfg(test)]
mod exactness;
mod field;
mod fold;
mod graph;
mod hand_set;
mod import;
mod lowered;
#[cfg(feature = "training")]
mod native;
#[cfg(feature = "tensors")]
mod network;
mod package;
mod peaks;
mod planes;
mod predictor;
#[cfg(feature = "tensors")]
mod tensor_device;
mod unets;
mod weights;

pub use adopt::{Adopted, adopt, adopt_encoder};
pub use architecture::{Architecture, MIN_WIDTH, TensorShape};
pub use checkpoint::read_checkpoint;
pub use device::{DeviceChoice, Precision, is_short_of_memory, said};
pub use encoders::Encoder;
pub use error::ModelError;
pub use field::{flop_per_pixel, overlap, receptive_field_radius, stride, training_values_per_pixel};
pub use fold::{fold, initial, unfold};
pub use hand_set::{HandSet, hand_set_linear};
pub use import::{ImportOptions, PRESETS, architecture_names, import};
pub use lowered::engine;
#[cfg(feature = "tensors")]
pub use network::{Block, Network};
pub use package::{
    Band, Calibration, Detection, Energy, FORMAT, GsdRange, ModelPackage, Place, Quantization, Score, Task,
    Territory, TrainingSource, WeightsFile,
};
pub use peaks::{LARGEST_BOX_PX, PixelDetection};
pub use predictor::{Overlap, Prediction, Predictor};
pub use weights::{WeightTensor, Weights};
