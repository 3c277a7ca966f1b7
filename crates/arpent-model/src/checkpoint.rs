//! Reads checkpoints of other programs, safetensors and PyTorch files, as named arrays. A PyTorch file is a pickle,
//! which is a program; it is parsed and never executed.

use std::path::Path;

use arpent_base::number::narrow;
use pytorch_reader::{DType, PytorchReader};
use safetensors::{Dtype, SafeTensors};

use crate::{ModelError, Weights};

/// Reads the floating-point tensors of a checkpoint in single precision: `.safetensors`, or any file that
/// `torch.save` writes (`.pt`, `.pth`, `.ckpt`, `.bin`) with a state dict, a dictionary that contains one, or a whole
/// module. Names are the paths through the dictionaries: `state_dict.model.encoder.conv1.weight`.
///
/// # Errors
/// [`ModelError::Read`] and [`ModelError::Checkpoint`]: another file format, a damaged file, a file without tensors.
pub fn read_checkpoint(path: &Path) -> Result<Weights, ModelError> {
    let bad = |reason: String| ModelError::Checkpoint { path: path.to_owned(), reason };
    let read = |source| ModelError::Read { path: path.to_owned(), source };
    if !std::fs::metadata(path).map_err(read)?.is_file() {
        return Err(bad("not a file".into()));
    }
    let is_safetensors = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("safetensors"));
    let weights = if is_safetensors { safetensors(path) } else { pytorch(path) };
    let weights = weights.map_err(bad)?;
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

/// Storage types, little-endian (both readers return little-endian values on all supported machines).
#[derive(Debug, Clone, Copy)]
enum NumberType {
    F64,
    F32,
    F16,
    Bf16,
}

impl NumberType {
    fn values(self, bytes: &[u8]) -> Vec<f32> {
        let pairs = || bytes.as_chunks::<2>().0.iter();
        match self {
            Self::F64 => bytes.as_chunks::<8>().0.iter().map(|b| narrow(f64::from_le_bytes(*b))).collect(),
            Self::F32 => bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            Self::F16 => pairs().map(|b| half::f16::from_le_bytes(*b).to_f32()).collect(),
            Self::Bf16 => pairs().map(|b| half::bf16::from_le_bytes(*b).to_f32()).collect(),
        }
    }
}
