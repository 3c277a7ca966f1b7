//! How checkpoints store numbers.

use arpent_base::number::narrow;

/// Floating-point types in files, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberType {
    F64,
    F32,
    F16,
    Bf16,
}

impl NumberType {
    /// Bytes of a value.
    pub(crate) const fn size(self) -> usize {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    /// The values, rounded to this type, little-endian.
    pub(crate) fn bytes(self, values: &[f32]) -> Vec<u8> {
        let values = values.iter();
        match self {
            Self::F64 => values.flat_map(|v| f64::from(*v).to_le_bytes()).collect(),
            Self::F32 => values.flat_map(|v| v.to_le_bytes()).collect(),
            Self::F16 => values.flat_map(|v| half::f16::from_f32(*v).to_le_bytes()).collect(),
            Self::Bf16 => values.flat_map(|v| half::bf16::from_f32(*v).to_le_bytes()).collect(),
        }
    }

    /// The values in single precision; bytes after the last whole value are left out.
    pub(crate) fn values(self, bytes: &[u8]) -> Vec<f32> {
        let pairs = || bytes.as_chunks::<2>().0.iter();
        match self {
            Self::F64 => bytes.as_chunks::<8>().0.iter().map(|b| narrow(f64::from_le_bytes(*b))).collect(),
            Self::F32 => bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            Self::F16 => pairs().map(|b| half::f16::from_le_bytes(*b).to_f32()).collect(),
            Self::Bf16 => pairs().map(|b| half::bf16::from_le_bytes(*b).to_f32()).collect(),
        }
    }
}
