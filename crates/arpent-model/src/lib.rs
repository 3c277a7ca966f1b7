//! Networks, model packages and prediction; the only library that uses tensors.
//!
//! A [`ModelPackage`] is a directory: `model.json` (the inputs and outputs of the network), its weights as
//! safetensors, and a model card. [`Predictor`] runs the network on one [`Chip`](arpent_raster::Chip) and returns
//! predictions for the chip's core only. Tensors stay inside this crate, except for the trainer.
//!
//! The contract is *same pixel, same answer*: a pixel whose receptive field lies inside two chips gets the same bits
//! from both, whatever their shapes and the number of threads (see [`Predictor::predict`]).
//!
//! ```
//! use arpent_model::{DeviceChoice, HandSet, ModelPackage, Prediction, Predictor, hand_set_linear};
//! use arpent_raster::{Chip, Window};
//!
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! // A package with hand-set weights: class 1 where red is above 100.
//! hand_set_linear(&HandSet::segmentation(&["red"], 2), &[vec![0.0], vec![1.0]], &[0.0, -100.0], folder)?;
//!
//! let (package, weights) = ModelPackage::load(folder)?;
//! let predictor = Predictor::load(&package, &weights, DeviceChoice::Cpu)?;
//! let core = Window::new(40, 7, 3, 1);
//! let mut chip = Chip::empty(predictor.chip_of(&core), package.bands.len());
//! chip.data.copy_from_slice(&[90.0, 100.0, 120.0]);
//! chip.valid.fill(true);
//! let Prediction::Labels { labels, .. } = predictor.predict(&chip, &core)? else { unreachable!() };
//! assert_eq!(labels.data(), [0, 0, 1]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

/// Version of Burn, which trains networks and runs them on GPUs, in builds with the feature `tensors`; pinned in the
/// workspace's `Cargo.toml`.
pub const BURN_VERSION: &str = "0.22.1";

/// Version of rten, which runs the graphs of ONNX packages; pinned in the workspace's `Cargo.toml`.
pub const RTEN_VERSION: &str = "0.27.0";

mod adopt;
mod anchors;
mod applicability;
mod architecture;
mod band;
mod checkpoint;
mod dense_boxes;
mod detectors;
mod device;
mod encoders;
mod error;
#[cfg(test)]
mod exactness;
mod field;
mod fold;
#[cfg(feature = "tensors")]
mod gpu;
#[cfg(not(feature = "tensors"))]
#[path = "no_gpu.rs"]
mod gpu;
mod graph;
mod hand_set;
mod import;
mod locations;
mod lowered;
#[cfg(feature = "training")]
mod native;
#[cfg(feature = "tensors")]
mod network;
mod onnx;
mod onnx_engine;
mod onnx_graph;
mod onnx_output;
mod package;
mod peaks;
mod planes;
mod predictor;
mod protobuf;
mod pt2;
mod pyramids;
mod storage;
mod stored;
#[cfg(feature = "tensors")]
mod tensor_device;
mod unets;
mod weights;

pub use adopt::{Adopted, adopt, adopt_encoder};
pub use applicability::{BLOCK_PX, TrainingSample, TrainingSamples, predictor_names, predictors_of};
pub use architecture::{Architecture, MIN_WIDTH, TensorShape};
pub use band::{Band, Dequantize};
pub use checkpoint::read_checkpoint;
pub use device::{DeviceChoice, Precision, is_short_of_memory, panic_message};
pub use encoders::{Encoder, MitSize, PyramidEncoder};
pub use error::{ModelError, OnnxError};
pub use field::{
    flop_per_pixel, is_local, overlap, receptive_field_radius, stride, training_values_per_pixel,
};
pub use fold::{fold, initial, unfold};
pub use gpu::check_device;
pub use hand_set::{HandSet, hand_set_linear};
pub use import::{
    ImportOptions, Imported, Preset, PresetSource, PublishedScore, architecture_names, import, import_file,
    preset_names,
};
pub use lowered::{engine, instruction_set};
#[cfg(feature = "tensors")]
pub use network::{Affine, Block, Network};
pub use onnx_graph::OnnxGraph;
pub use onnx_output::OnnxOutput;
pub use package::{
    AnswerLevel, AnswerTables, Area, Calibration, ClassAnswers, Detection, Energy, FORMAT, GateResult,
    GateScore, GsdRange, KeptAnswers, MOST_MEASURED, MeasuredValue, ModelPackage, ModelWindow, NOT_FINITE,
    Outline, Place, Quantization, SamplesFile, Score, Task, Territory, TerritoryIndex, TrainingSource,
    WeightsFile,
};
pub use peaks::{LARGEST_BOX_PX, PixelDetection};
pub use predictor::{Overlap, Prediction, Predictor};
pub use stored::{GraphStep, StepActivation};
pub use weights::{WeightTensor, Weights};
