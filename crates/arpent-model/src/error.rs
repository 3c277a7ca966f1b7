//! Errors of models.

use std::path::PathBuf;

use arpent_raster::{RasterError, Window};
use thiserror::Error;

/// A model package that cannot be used, or a chip that a model cannot be applied to.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A file of the package is missing.
    #[error("model package {}: {file} is missing", dir.display())]
    MissingFile {
        /// Directory of the package.
        dir: PathBuf,
        /// Name of the file.
        file: String,
    },
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// `model.json` is not valid.
    #[error("{}: {source}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Location and cause.
        source: serde_json::Error,
    },
    /// The package has a format that this version cannot read.
    #[error("{}: format is `{found}`, this version reads `{expected}`", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// Format in the file.
        found: String,
        /// Format that this version reads.
        expected: &'static str,
    },
    /// The hash of the weights differs from that in `model.json`.
    #[error("{}: sha256 is {found}, model.json has {expected}", path.display())]
    WrongHash {
        /// The weights file.
        path: PathBuf,
        /// Hash in `model.json`.
        expected: String,
        /// Hash of the file.
        found: String,
    },
    /// The weights file is not a safetensors file of f32 tensors.
    #[error("cannot read weights: {reason}")]
    WeightsFormat {
        /// The cause.
        reason: String,
    },
    /// A checkpoint that cannot be read.
    #[error("{}: {reason}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// The cause.
        reason: String,
    },
    /// A PT2 archive whose graph is not lowered.
    #[error("{}: {problem}", path.display())]
    Exported {
        /// The archive.
        path: PathBuf,
        /// What of it is not run.
        problem: String,
    },
    /// An ONNX file that is no checkpoint.
    #[error("{}: {problem}", path.display())]
    Onnx {
        /// The file.
        path: PathBuf,
        /// Why not.
        problem: Box<OnnxError>,
    },
    /// An unknown name.
    #[error("unknown {what} `{name}`; expected one of: {known}")]
    UnknownName {
        /// Kind of name.
        what: &'static str,
        /// The name.
        name: String,
        /// The valid names.
        known: String,
    },
    /// A device that does not exist or is not supported by this build.
    #[error("device `{device}` cannot be used: {reason}")]
    Device {
        /// Name of the device.
        device: &'static str,
        /// The cause.
        reason: String,
    },
    /// A tensor is missing from the weights, or is not in the architecture.
    #[error("weights and architecture differ: {what}")]
    WeightsMismatch {
        /// The tensor and the difference.
        what: String,
    },
    /// A checkpoint that is not of the architecture.
    #[error("the checkpoint is not of the architecture {architecture}: {what}")]
    AnotherNetwork {
        /// Name of the architecture.
        architecture: String,
        /// The tensors that differ.
        what: String,
        /// What the checkpoint looks like.
        hint: String,
    },
    /// An option of an import that is missing or does not apply.
    #[error("{option} {problem}")]
    Option {
        /// The option on the command line.
        option: &'static str,
        /// The problem, as the end of the message.
        problem: String,
        /// What to do.
        hint: String,
    },
    /// A weight is NaN or infinite.
    #[error("weight tensor `{tensor}` holds a value that is not finite (index {index})")]
    NotFinite {
        /// The tensor.
        tensor: String,
        /// Index of the first such value.
        index: usize,
    },
    /// Two statements of `model.json` contradict each other.
    #[error("model `{id}`: {field} {problem}")]
    Inconsistent {
        /// Id of the model.
        id: String,
        /// The key in `model.json`.
        field: &'static str,
        /// The problem, as the end of the message.
        problem: String,
    },
    /// The chip and the model have different numbers of bands.
    #[error("the chip of {window} has {got} band(s), the model needs {expected}")]
    BandCount {
        /// The chip's window.
        window: Window,
        /// Bands of the model.
        expected: usize,
        /// Bands of the chip.
        got: usize,
    },
    /// The chip's corner is not on the lattice of the network's stride.
    #[error("the chip of {window} does not start on a multiple of the network's stride ({stride} px)")]
    Misaligned {
        /// The chip's window.
        window: Window,
        /// The stride.
        stride: usize,
    },
    /// The chip does not surround the core by the overlap that an exact answer needs.
    #[error("the chip of {window} does not surround the core of {core} by {cols} columns and {rows} rows")]
    OverlapMissing {
        /// The chip's window.
        window: Window,
        /// The core.
        core: Window,
        /// Pixels needed in the west and in the east.
        cols: usize,
        /// Pixels needed in the north and in the south.
        rows: usize,
    },
    /// The chip does not hold the window that a core belongs to, or the core lies in several.
    #[error(
        "the chip of {window} does not hold the one window of {side_px} px that the core of {core} lies in"
    )]
    WindowMissing {
        /// The chip's window.
        window: Window,
        /// The core.
        core: Window,
        /// Side of the model's windows, pixels.
        side_px: usize,
    },
    /// A network that the CPU engine does not support, or a chip of an invalid size.
    #[error(transparent)]
    Plan(#[from] arpent_engine::EngineError),
    /// The length of an array does not match its window.
    #[error(transparent)]
    Size(#[from] RasterError),
    /// The network's engine failed.
    #[error("prediction failed for the chip of {window}: {reason}")]
    Engine {
        /// The chip's window.
        window: Window,
        /// The cause.
        reason: String,
    },
}

/// Why the weights of an ONNX file cannot be taken.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnnxError {
    /// Not an ONNX file, or a damaged one.
    #[error("not an ONNX file, or a damaged one: {reason}")]
    Damaged {
        /// The cause, with the byte of the file where one is wrong.
        reason: String,
    },
    /// More of something than is read.
    #[error("more than {most} {what}")]
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        most: u64,
    },
    /// A constant that is computed, and is too large.
    #[error("{operator} computes more than {most} {what}")]
    Computed {
        /// The operator.
        operator: String,
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        most: u64,
    },
    /// Weights in other files.
    #[error("the weights are in another file: those of `{tensor}` in `{location}`")]
    External {
        /// The first such tensor.
        tensor: String,
        /// The file that it names.
        location: String,
    },
    /// Sparse weights.
    #[error("it has sparse initializers")]
    Sparse,
    /// Weights in 8 bits.
    #[error("its weights are quantized ({operator})")]
    Quantized {
        /// The first operation on them.
        operator: String,
    },
    /// Weights without the names of a state dict.
    #[error(
        "{lost} of {all} weights do not have the names of the network; the first is `{weight}` of {operator}: {why}"
    )]
    Renamed {
        /// Weights without a name of their own.
        lost: usize,
        /// Weights of convolutions, matrix products and normalizations.
        all: usize,
        /// The first of them.
        weight: String,
        /// The operation that it belongs to.
        operator: String,
        /// What became of its name.
        why: String,
    },
    /// Operators that the engine does not run.
    #[error("it has operators that are not run: {listed}")]
    Operators {
        /// Their names, each with its number of nodes.
        listed: String,
    },
    /// Inputs or outputs of another form.
    #[error("{problem}")]
    Interface {
        /// What is found and what was expected.
        problem: String,
    },
    /// A value of the network that is no number.
    #[error("`{tensor}` holds a value that is not a number (index {index})")]
    NotANumber {
        /// The tensor.
        tensor: String,
        /// Index of the first such value.
        index: usize,
    },
    /// A graph that the engine cannot run.
    #[error("the network cannot be run: {reason}")]
    Unrunnable {
        /// The cause.
        reason: String,
    },
    /// Metadata that contradict the network or are not understood.
    #[error("its metadata `{key}` {problem}")]
    Metadata {
        /// The key.
        key: String,
        /// The problem, as the end of the message.
        problem: String,
    },
}

impl OnnxError {
    fn hint(&self) -> &'static str {
        match self {
            Self::Damaged { .. } => {
                "download or export the file again; a state dict (.safetensors, .pt) is read, too"
            }
            Self::TooMuch { .. } | Self::Computed { .. } => {
                "no published network has as much: check where the file comes from, or give the state dict (.safetensors, .pt)"
            }
            Self::External { .. } => {
                "export with `external_data=False` (torch.onnx.export), so that one file holds the weights, or give the state dict \
                 (.safetensors, .pt)"
            }
            Self::Sparse | Self::Quantized { .. } => {
                "give the file before it was quantized or pruned, or the state dict (.safetensors, .pt)"
            }
            Self::Operators { .. } => {
                "export the network alone, without what comes after it (suppression of boxes, loops); a state dict (.safetensors, .pt) \
                 of a known network is imported with --architecture"
            }
            Self::Interface { .. } => {
                "export the network with one picture as input and its scores as first output: batch, band, row, column"
            }
            Self::NotANumber { .. } => "training diverged, or the file is damaged; use another checkpoint",
            Self::Unrunnable { .. } => {
                "export it again for one size of pictures, with a newer exporter (torch.onnx.export(..., dynamo=True)), or give the state \
                 dict (.safetensors, .pt) of a known network with --architecture"
            }
            Self::Metadata { .. } => {
                "write the metadata as the Deepness plugin documents them, or remove them and give --bands, --window and --margin"
            }
            Self::Renamed { .. } => {
                "give the state dict (.safetensors, .pt), or export without folding: `torch.onnx.export(..., dynamo=True, optimize=False, \
                 external_data=False)`"
            }
        }
    }
}

impl arpent_base::Diagnostic for ModelError {
    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::MissingFile { file, .. } if file == "model.json" => {
                "a model package is a folder that holds model.json and its weights; give that folder".to_owned()
            }
            Self::MissingFile { .. } | Self::WrongHash { .. } => {
                "copy the whole package again from where it was published".to_owned()
            }
            Self::UnknownFormat { .. } => {
                "use the version of Arpent that the package was made for, or make the package again".to_owned()
            }
            Self::AnotherNetwork { hint, .. } | Self::Option { hint, .. } => hint.clone(),
            Self::NotFinite { .. } => {
                "training diverged, or the file is damaged; use another checkpoint, or train again with a lower \
                 learning rate"
                    .to_owned()
            }
            Self::Inconsistent { field: "overlap_px", .. } => {
                "raise overlap_px, or state in overlap_tolerance how much a smaller overlap changes the answers"
                    .to_owned()
            }
            Self::Inconsistent { field: "window", .. } => {
                "import the network again, with the window that its authors state".to_owned()
            }
            Self::WindowMissing { .. } => {
                "cut cores at multiples of the model's core, window.side_px - 2 x window.margin_px".to_owned()
            }
            Self::OverlapMissing { cols, rows, .. } => {
                format!("plan windows with an overlap of at least {cols} columns and {rows} rows")
            }
            Self::Read { path, source } if source.kind() == std::io::ErrorKind::NotFound => {
                format!("check the path: there is no `{}`", path.display())
            }
            Self::Checkpoint { .. } => {
                "give a .safetensors or .onnx file, one that torch.export.save (.pt2) or torch.save wrote (.pt, .pth, .ckpt, .bin)".to_owned()
            }
            Self::Exported { .. } => {
                "export the network alone after eval(), with one picture of a fixed size whose sides its stride divides; as an ONNX file, its \
                 graph is run by another engine that has more operators; the weights of a known network are imported with --architecture"
                    .to_owned()
            }
            Self::Onnx { problem, .. } => problem.hint().to_owned(),
            Self::Device { .. } => {
                "use the device `cpu`, or a build with the feature `vulkan` or `cuda` on a machine with a driver".to_owned()
            }
            Self::Misaligned { stride, .. } => format!("align windows to multiples of {stride} px"),
            _ => return None,
        };
        Some(text)
    }
}
