//! Reads checkpoints of other programs, safetensors, PyTorch and ONNX files, as named arrays. A PyTorch file is a pickle,
//! which is a program; it is parsed and never executed. Nor is the graph of an ONNX file.

use std::path::Path;

use pytorch_reader::{DType, PytorchReader};
use safetensors::{Dtype, SafeTensors};

use crate::storage::NumberType;
use crate::{ModelError, Weights, onnx, pt2};

/// Reads the floating-point tensors of a checkpoint in single precision: `.safetensors`, the initializers of an `.onnx`
/// file, those of a `.pt2` archive of `torch.export`, or any file that `torch.save` writes (`.pt`, `.pth`, `.ckpt`, `.bin`) with a state dict, a dictionary that
/// contains one, or a whole module. Names are the paths through the dictionaries: `state_dict.model.encoder.conv1.weight`.
///
/// # Errors
/// [`ModelError::Read`], [`ModelError::Checkpoint`] and [`ModelError::Onnx`]: another file format, a damaged file, a file
/// without tensors; weights in other files, in 8 bits or under other names than those of the network (ONNX).
pub fn read_checkpoint(path: &Path) -> Result<Weights, ModelError> {
    let bad = |reason: String| ModelError::Checkpoint { path: path.to_owned(), reason };
    let read = |source| ModelError::Read { path: path.to_owned(), source };
    if !std::fs::metadata(path).map_err(read)?.is_file() {
        return Err(bad("not a file".into()));
    }
    let ends = |end: &str| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(end));
    let weights = if ends("onnx") {
        onnx::read(path)?
    } else if ends("pt2") {
        pt2::read(path).map_err(bad)?
    } else if ends("safetensors") {
        safetensors(path).map_err(bad)?
    } else {
        pytorch(path).map_err(bad)?
    };
    if weights.iter().next().is_none() {
        return Err(bad("contains no floating-point tensor".into()));
    }
    Ok(weights)
}

fn pytorch(path: &Path) -> Result<Weights, String> {
    let reader = PytorchReader::new(path).map_err(|e| e.to_string())?;
    let mut weights = Weights::default();
    for (name, tensor) in reader.tensors() {
        let kind = match tensor.dtype() {
            DType::F64 => NumberType::F64,
            DType::F32 => NumberType::F32,
            DType::F16 => NumberType::F16,
            DType::BF16 => NumberType::Bf16,
            // Counters and masks are no weights.
            _ => continue,
        };
        let bytes = tensor.read().map_err(|e| e.to_string())?;
        weights.insert(name, tensor.shape(), kind.values(&bytes));
    }
    Ok(weights)
}

fn safetensors(path: &Path) -> Result<Weights, String> {
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    let file = SafeTensors::deserialize(&bytes).map_err(|e| e.to_string())?;
    let mut weights = Weights::default();
    for (name, view) in file.tensors() {
        let kind = match view.dtype() {
            Dtype::F64 => NumberType::F64,
            Dtype::F32 => NumberType::F32,
            Dtype::F16 => NumberType::F16,
            Dtype::BF16 => NumberType::Bf16,
            _ => continue,
        };
        weights.insert(name, view.shape(), kind.values(view.data()));
    }
    Ok(weights)
}
