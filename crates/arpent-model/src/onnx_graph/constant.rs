//! Values that a graph holds in place of nodes.

use arpent_base::number::wide;

use crate::protobuf::{put_bytes, put_number};
use crate::storage::NumberType;

use super::tensor::{SINGLE, field};

/// A value that follows from what a file holds: its sizes, and its numbers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Constant {
    Floats(Vec<usize>, Vec<f32>),
    Integers(Vec<usize>, Vec<i64>),
}

/// `TensorProto.DataType` of whole numbers.
const INTEGERS: u64 = 7;

impl Constant {
    pub(super) fn written(&self, name: &str) -> Vec<u8> {
        let (sizes, kind, raw) = match self {
            Self::Floats(sizes, values) => (sizes, SINGLE, NumberType::F32.bytes(values)),
            Self::Integers(sizes, values) => {
                (sizes, INTEGERS, values.iter().flat_map(|value| value.to_le_bytes()).collect())
            }
        };
        let mut written = Vec::with_capacity(raw.len() + name.len() + 64);
        for size in sizes {
            put_number(&mut written, field::tensor::DIMENSIONS, wide(*size));
        }
        put_number(&mut written, field::tensor::TYPE, kind);
        put_bytes(&mut written, field::tensor::NAME, name.as_bytes());
        put_bytes(&mut written, field::tensor::RAW, &raw);
        written
    }
}
