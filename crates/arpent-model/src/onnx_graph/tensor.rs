//! Tensors of an ONNX file, and the limits of what is read (<https://onnx.ai/onnx/repo-docs/IR.html>).

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use arpent_base::number::wide;

use crate::error::OnnxError;
use crate::protobuf::{Message, Wire};
use crate::storage::NumberType;

/// Limits. Protocol Buffers allow no message above 2 GiB; no published network has as many values, tensors or nodes.
pub(crate) const MOST_BYTES: u64 = 2 << 30;
pub(crate) const MOST_VALUES: usize = 1 << 30;
pub(crate) const MOST_TENSORS: usize = 1 << 16;
pub(crate) const MOST_NODES: usize = 1 << 20;
const MOST_NAME_BYTES: usize = 1024;
const MOST_DIMENSIONS: usize = 8;

/// Fields of the messages that are read (`onnx.proto`).
pub(crate) mod field {
    pub(crate) mod model {
        pub(crate) const VERSION: u64 = 1;
        pub(crate) const GRAPH: u64 = 7;
        pub(crate) const OPERATOR_SET: u64 = 8;
        pub(crate) const METADATA: u64 = 14;
    }
    pub(crate) mod graph {
        pub(crate) const NODE: u64 = 1;
        pub(crate) const NAME: u64 = 2;
        pub(crate) const INITIALIZER: u64 = 5;
        pub(crate) const INPUT: u64 = 11;
        pub(crate) const OUTPUT: u64 = 12;
        pub(crate) const SPARSE_INITIALIZER: u64 = 15;
    }
    pub(crate) mod node {
        pub(crate) const INPUT: u64 = 1;
        pub(crate) const OUTPUT: u64 = 2;
        pub(crate) const NAME: u64 = 3;
        pub(crate) const OPERATOR: u64 = 4;
        pub(crate) const ATTRIBUTE: u64 = 5;
        pub(crate) const DOMAIN: u64 = 7;
    }
    pub(crate) mod attribute {
        pub(crate) const NAME: u64 = 1;
        pub(crate) const INTEGER: u64 = 3;
        pub(crate) const TENSOR: u64 = 5;
        pub(crate) const GRAPH: u64 = 6;
        pub(crate) const INTEGERS: u64 = 8;
        pub(crate) const TENSORS: u64 = 10;
        pub(crate) const TYPE: u64 = 20;
        pub(crate) const GRAPHS: u64 = 11;
        pub(crate) const SPARSE_TENSOR: u64 = 22;
        pub(crate) const SPARSE_TENSORS: u64 = 23;
    }
    pub(crate) mod value {
        pub(crate) const NAME: u64 = 1;
        pub(crate) const TYPE: u64 = 2;
        /// Of the type: a tensor. Of the tensor: its numbers and its sizes. Of a size: a number, or a name.
        pub(crate) const TENSOR: u64 = 1;
        pub(crate) const NUMBERS: u64 = 1;
        pub(crate) const SHAPE: u64 = 2;
        pub(crate) const DIMENSION: u64 = 1;
        pub(crate) const SIZE: u64 = 1;
    }
    pub(crate) mod tensor {
        pub(crate) const DIMENSIONS: u64 = 1;
        pub(crate) const TYPE: u64 = 2;
        pub(crate) const SEGMENT: u64 = 3;
        pub(crate) const FLOATS: u64 = 4;
        pub(crate) const INTEGERS: u64 = 5;
        pub(crate) const NAME: u64 = 8;
        pub(crate) const RAW: u64 = 9;
        pub(crate) const DOUBLES: u64 = 10;
        pub(crate) const EXTERNAL: u64 = 13;
        pub(crate) const PLACE: u64 = 14;
    }
    pub(crate) mod entry {
        pub(crate) const KEY: u64 = 1;
        pub(crate) const VALUE: u64 = 2;
    }
}

/// `TensorProto.DataType` of numbers in single precision, and of other numbers that become such.
pub(crate) const SINGLE: u64 = 1;
pub(crate) const OTHER_FLOATS: [u64; 3] = [10, 11, 16];

/// The value of `data_location` for data in another file.
const EXTERNAL: u64 = 1;

/// The length of a file, and its bytes if these are not too many.
pub(crate) fn load(path: &Path) -> std::io::Result<(u64, Vec<u8>)> {
    let (file, mut bytes) = (File::open(path)?, Vec::new());
    let length = file.metadata()?.len();
    if length <= MOST_BYTES {
        file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    }
    Ok((length, bytes))
}

/// The limit of a number of things.
pub(crate) fn within(what: &'static str, found: usize, most: usize) -> Result<usize, OnnxError> {
    if found > most { Err(OnnxError::TooMuch { what, most: wide(most) }) } else { Ok(found) }
}

pub(crate) fn damaged(reason: impl Into<String>) -> OnnxError {
    OnnxError::Damaged { reason: reason.into() }
}

impl From<String> for OnnxError {
    fn from(reason: String) -> Self {
        Self::Damaged { reason }
    }
}

/// All submessages of one field.
pub(crate) fn inside<'a>(
    mut message: Message<'a>,
    wanted: u64,
    what: &'static str,
    most: usize,
) -> Result<Vec<Message<'a>>, OnnxError> {
    let mut found = Vec::new();
    while let Some((number, wire)) = message.next()? {
        if let (true, Wire::Bytes(inside)) = (number == wanted, wire) {
            found.push(inside);
            within(what, found.len(), most)?;
        }
    }
    Ok(found)
}

/// The header of an initializer.
#[derive(Debug, Default)]
pub(crate) struct Tensor<'a> {
    pub(crate) name: &'a str,
    pub(crate) shape: Vec<usize>,
    /// Absent if the values are no weights: counters, shapes, masks.
    pub(crate) kind: Option<NumberType>,
    raw: Option<Message<'a>>,
    /// The file that holds the values, if it is another one; it may have no name.
    elsewhere: Option<&'a str>,
}

impl<'a> Tensor<'a> {
    /// Reads an initializer, whose name is that of a weight.
    pub(crate) fn read(message: Message<'a>) -> Result<Self, OnnxError> {
        let tensor = Self::read_any(message)?;
        check_name(tensor.name)?;
        // Counters and shapes in other files are not needed.
        if tensor.kind.is_some() {
            tensor.check_here()?;
        }
        Ok(tensor)
    }

    /// Reads the header of a tensor that need not have a name.
    pub(crate) fn read_any(message: Message<'a>) -> Result<Self, OnnxError> {
        let (mut tensor, mut rest) = (Self::default(), message);
        let (mut is_external, mut location) = (false, None);
        while let Some((number, wire)) = rest.next()? {
            match (number, wire) {
                (field::tensor::NAME, Wire::Bytes(name)) => tensor.name = name.text()?,
                (field::tensor::TYPE, Wire::Varint(code)) => tensor.kind = kind(code),
                (field::tensor::RAW, Wire::Bytes(raw)) => tensor.raw = Some(raw),
                (field::tensor::DIMENSIONS, Wire::Varint(size)) => tensor.add_dimension(size)?,
                (field::tensor::DIMENSIONS, Wire::Bytes(mut sizes)) => {
                    while !sizes.bytes.is_empty() {
                        tensor.add_dimension(sizes.varint()?)?;
                    }
                }
                (field::tensor::SEGMENT, _) => {
                    return Err(damaged(format!("`{}` is stored in segments", shown(tensor.name))));
                }
                (field::tensor::PLACE, Wire::Varint(place)) => is_external = place == EXTERNAL,
                (field::tensor::EXTERNAL, Wire::Bytes(entry)) => location = location_in(entry)?.or(location),
                _ => {}
            }
        }
        tensor.elsewhere = location.or(is_external.then_some(""));
        Ok(tensor)
    }

    /// Refuses values in another file.
    pub(crate) fn check_here(&self) -> Result<(), OnnxError> {
        match self.elsewhere {
            Some(location) => {
                let (tensor, location) = (shown(self.name), shown(location));
                Err(OnnxError::External { tensor, location })
            }
            None => Ok(()),
        }
    }

    fn add_dimension(&mut self, size: u64) -> Result<(), OnnxError> {
        // Also sizes below 0, which are 2^63 and more here.
        let size = usize::try_from(size).ok().filter(|size| *size <= MOST_VALUES);
        self.shape.push(size.ok_or(OnnxError::TooMuch { what: "values", most: wide(MOST_VALUES) })?);
        within("dimensions", self.shape.len(), MOST_DIMENSIONS).map(drop)
    }

    /// Number of values. Empty tensors have limits, too: their sizes are multiplied elsewhere.
    pub(crate) fn values(&self) -> Result<usize, OnnxError> {
        let product = self.shape.iter().try_fold(1usize, |all, size| all.checked_mul((*size).max(1)));
        let product = within("values", product.unwrap_or(usize::MAX), MOST_VALUES)?;
        Ok(if self.shape.contains(&0) { 0 } else { product })
    }

    pub(crate) fn data(&self, kind: NumberType, message: Message<'a>) -> Result<Vec<f32>, OnnxError> {
        let wanted = self.values()?;
        let wrong = |found: String| {
            damaged(format!("`{}` has {found}, its shape {:?} has {wanted}", self.name, self.shape))
        };
        if let Some(raw) = self.raw {
            let length = raw.bytes.len();
            if wanted.checked_mul(kind.size()) != Some(length) {
                return Err(wrong(format!("{length} bytes of {kind:?}")));
            }
            return Ok(kind.values(raw.bytes));
        }
        // Each value takes a byte at least.
        let mut values = Vec::with_capacity(wanted.min(message.bytes.len()));
        let mut rest = message;
        while let Some((number, wire)) = rest.next()? {
            push(kind, number, wire, &mut values, wanted)?;
            if values.len() > wanted {
                return Err(wrong("more values".into()));
            }
        }
        if values.len() < wanted {
            return Err(wrong(format!("{} values", values.len())));
        }
        Ok(values)
    }
}

/// Adds the values of a field, no more of them than one beyond `most`.
fn push(
    kind: NumberType,
    number: u64,
    wire: Wire<'_>,
    values: &mut Vec<f32>,
    most: usize,
) -> Result<(), OnnxError> {
    let few = |bytes: &[u8], left: usize| bytes.len().min((left + 1).saturating_mul(kind.size()));
    let left = most - values.len();
    match (kind, number, wire) {
        (NumberType::F32, field::tensor::FLOATS, Wire::Four(bytes)) => values.extend(kind.values(&bytes)),
        (NumberType::F64, field::tensor::DOUBLES, Wire::Eight(bytes)) => values.extend(kind.values(&bytes)),
        (NumberType::F32, field::tensor::FLOATS, Wire::Bytes(packed))
        | (NumberType::F64, field::tensor::DOUBLES, Wire::Bytes(packed)) => {
            if packed.bytes.len() % kind.size() != 0 {
                return Err(damaged(format!("{} bytes of packed {kind:?}", packed.bytes.len())));
            }
            values.extend(kind.values(&packed.bytes[..few(packed.bytes, left)]));
        }
        (NumberType::F16 | NumberType::Bf16, field::tensor::INTEGERS, Wire::Varint(bits)) => {
            values.extend(half(kind, bits)?);
        }
        (NumberType::F16 | NumberType::Bf16, field::tensor::INTEGERS, Wire::Bytes(mut packed)) => {
            while !packed.bytes.is_empty() && values.len() <= most {
                values.extend(half(kind, packed.varint()?)?);
            }
        }
        _ => {}
    }
    Ok(())
}

/// A value of two bytes that is stored as a whole number.
fn half(kind: NumberType, bits: u64) -> Result<Vec<f32>, OnnxError> {
    let bits = u16::try_from(bits).map_err(|_| damaged(format!("{bits} is no value of {kind:?}")))?;
    Ok(kind.values(&bits.to_le_bytes()))
}

/// `TensorProto.DataType`.
const fn kind(code: u64) -> Option<NumberType> {
    match code {
        1 => Some(NumberType::F32),
        10 => Some(NumberType::F16),
        11 => Some(NumberType::F64),
        16 => Some(NumberType::Bf16),
        _ => None,
    }
}

/// The value of an entry `location`.
fn location_in(entry: Message<'_>) -> Result<Option<&str>, OnnxError> {
    let (key, value) = key_and_value(entry)?;
    Ok((key == "location").then_some(value))
}

/// An entry of a table of texts.
pub(super) fn key_and_value(mut entry: Message<'_>) -> Result<(&str, &str), OnnxError> {
    let (mut key, mut value) = ("", "");
    while let Some((number, wire)) = entry.next()? {
        match (number, wire) {
            (field::entry::KEY, Wire::Bytes(text)) => key = text.text()?,
            (field::entry::VALUE, Wire::Bytes(text)) => value = text.text()?,
            _ => {}
        }
    }
    Ok((key, value))
}

pub(crate) fn check_name(name: &str) -> Result<(), OnnxError> {
    within("bytes of a name", name.len(), MOST_NAME_BYTES)?;
    if name.is_empty() {
        return Err(damaged("a tensor has no name"));
    }
    if name.chars().any(char::is_control) {
        return Err(damaged(format!("a name with control characters: {name:?}")));
    }
    Ok(())
}

/// The start of a text from a file, without control characters.
pub(crate) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
