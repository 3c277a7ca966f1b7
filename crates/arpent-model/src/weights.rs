//! Weights: named arrays, read and written as safetensors.

use std::collections::BTreeMap;
use std::sync::Arc;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::onnx_graph::OnnxGraph;
use crate::storage::NumberType;
use crate::{ModelError, TensorShape};

/// One array of weights, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightTensor {
    /// Size of each dimension.
    pub shape: Vec<usize>,
    /// The values.
    pub data: Vec<f32>,
}

/// All weights of a network, by name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Weights {
    tensors: BTreeMap<String, WeightTensor>,
    /// All values are numbers of half precision, and files store them as such.
    half: bool,
    /// The graph of an ONNX package, which holds its own weights.
    graph: Option<Arc<OnnxGraph>>,
}

impl Weights {
    /// A graph, in place of arrays.
    pub(crate) fn of_graph(graph: OnnxGraph) -> Self {
        Self { graph: Some(Arc::new(graph)), ..Self::default() }
    }

    /// The graph of an ONNX package.
    pub(crate) fn graph(&self) -> Option<&OnnxGraph> {
        self.graph.as_deref()
    }

    /// Adds an array. Files store all of them in single precision from then on.
    pub fn insert(&mut self, name: impl Into<String>, shape: &[usize], data: Vec<f32>) {
        self.half = false;
        self.tensors.insert(name.into(), WeightTensor { shape: shape.to_vec(), data });
    }

    /// The weights rounded to half precision (IEEE 754 binary16, to nearest), which files then store in 2 bytes each.
    ///
    /// # Errors
    /// [`ModelError::NotFinite`] with the tensor that has a value beyond the largest of half precision, 65,504;
    /// [`ModelError::WeightsFormat`] for a graph.
    pub fn in_half(&self) -> Result<Self, ModelError> {
        if self.graph.is_some() {
            let reason = "the graph of an ONNX file is not rounded to half precision".into();
            return Err(ModelError::WeightsFormat { reason });
        }
        let mut rounded = Self::default();
        for (name, WeightTensor { shape, data }) in self.iter() {
            let data: Vec<f32> = data.iter().map(|v| half::f16::from_f32(*v).to_f32()).collect();
            if let Some(index) = data.iter().position(|v| !v.is_finite()) {
                return Err(ModelError::NotFinite { tensor: name.to_owned(), index });
            }
            rounded.insert(name, shape, data);
        }
        rounded.half = true;
        Ok(rounded)
    }

    /// The array with this name.
    ///
    /// # Errors
    /// [`ModelError::WeightsMismatch`] if there is none.
    pub fn get(&self, name: &str) -> Result<&WeightTensor, ModelError> {
        self.tensors
            .get(name)
            .ok_or_else(|| ModelError::WeightsMismatch { what: format!("no tensor `{name}`") })
    }

    /// All arrays, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &WeightTensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Number of values.
    pub fn parameters(&self) -> usize {
        let of_graph = self.graph.as_ref().map_or(0, |graph| graph.parameters());
        self.tensors.values().map(|t| t.data.len()).sum::<usize>() + of_graph
    }

    /// The safetensors file: names sorted, little-endian, in single precision, or in half ([`Weights::in_half`]); equal
    /// weights give equal bytes. Of an ONNX package, its graph.
    ///
    /// # Errors
    /// [`ModelError::WeightsFormat`] if a shape does not match its number of values.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ModelError> {
        if let Some(graph) = &self.graph {
            return Ok(graph.bytes().to_vec());
        }
        let bad = |e: safetensors::SafeTensorError| ModelError::WeightsFormat { reason: e.to_string() };
        let (number, dtype) =
            if self.half { (NumberType::F16, Dtype::F16) } else { (NumberType::F32, Dtype::F32) };
        let raw: Vec<(&str, &[usize], Vec<u8>)> =
            self.iter().map(|(name, t)| (name, t.shape.as_slice(), number.bytes(&t.data))).collect();
        let mut views = Vec::with_capacity(raw.len());
        for (name, shape, bytes) in &raw {
            views.push((*name, TensorView::new(dtype, shape.to_vec(), bytes).map_err(bad)?));
        }
        safetensors::serialize(views, None).map_err(bad)
    }

    /// Reads a safetensors file.
    ///
    /// # Errors
    /// [`ModelError::WeightsFormat`] if the file is damaged, or contains a type other than f32, or than f16 in all tensors.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        let bad = |reason: String| ModelError::WeightsFormat { reason };
        let file = SafeTensors::deserialize(bytes).map_err(|e| bad(e.to_string()))?;
        let mut weights = Self::default();
        let half = file.iter().next().is_some_and(|(_, view)| view.dtype() == Dtype::F16);
        let (number, expected) =
            if half { (NumberType::F16, Dtype::F16) } else { (NumberType::F32, Dtype::F32) };
        for (name, view) in file.tensors() {
            if view.dtype() != expected {
                let found = view.dtype();
                return Err(bad(format!(
                    "tensor `{name}` is {found:?}, expected F32 or F16, the same for all tensors"
                )));
            }
            weights.insert(name, view.shape(), number.values(view.data()));
        }
        weights.half = half;
        Ok(weights)
    }

    /// Checks that these are exactly the expected tensors, all finite.
    ///
    /// # Errors
    /// [`ModelError::WeightsMismatch`] and [`ModelError::NotFinite`] with the tensor.
    pub fn check(&self, wanted: &[TensorShape]) -> Result<(), ModelError> {
        for TensorShape { name, shape } in wanted {
            self.check_one(name, shape)?;
        }
        if self.tensors.len() != wanted.len() {
            let extra = self.tensors.keys().find(|name| !wanted.iter().any(|w| w.name == **name));
            let what = format!(
                "{} tensors, the architecture has {}; unexpected `{}`",
                self.tensors.len(),
                wanted.len(),
                extra.map_or("", String::as_str)
            );
            return Err(ModelError::WeightsMismatch { what });
        }
        Ok(())
    }

    fn check_one(&self, name: &str, shape: &[usize]) -> Result<(), ModelError> {
        let tensor = self.get(name)?;
        if tensor.shape != shape || tensor.data.len() != shape.iter().product::<usize>() {
            let what = format!("`{name}` has shape {:?}, expected {shape:?}", tensor.shape);
            return Err(ModelError::WeightsMismatch { what });
        }
        match tensor.data.iter().position(|v| !v.is_finite()) {
            Some(index) => Err(ModelError::NotFinite { tensor: name.to_owned(), index }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_come_back_bit_for_bit() {
        let mut weights = Weights::default();
        weights.insert("b", &[2], vec![f32::MIN_POSITIVE, -0.0]);
        weights.insert("a", &[1, 2], vec![1.5e-42, f32::MAX]);
        let bytes = weights.to_bytes().unwrap();
        assert_eq!(Weights::from_bytes(&bytes).unwrap(), weights);
        assert!(Weights::from_bytes(&bytes[..bytes.len() - 1]).is_err());
    }

    #[test]
    fn rounded_weights_take_two_bytes_each_and_come_back() {
        let mut weights = Weights::default();
        weights.insert("a", &[3], vec![1.0 / 3.0, -0.0, 6.1e-5]);
        let half = weights.in_half().unwrap();
        assert_ne!(half, weights);
        for (rounded, exact) in half.get("a").unwrap().data.iter().zip(&weights.get("a").unwrap().data) {
            assert!((rounded - exact).abs() <= exact.abs() / 2048.0, "{rounded} {exact}");
        }
        let bytes = half.to_bytes().unwrap();
        assert!(bytes.len() < weights.to_bytes().unwrap().len());
        let back = Weights::from_bytes(&bytes).unwrap();
        assert_eq!(back, half);
        assert_eq!(back.to_bytes().unwrap(), bytes, "what was read in half is written in half");
        weights.insert("b", &[1], vec![65_520.0]);
        assert!(
            matches!(weights.in_half(), Err(ModelError::NotFinite { tensor, index: 0 }) if tensor == "b")
        );
    }
}
