//! Weights: named arrays, read and written as safetensors.

use std::collections::BTreeMap;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

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
pub struct Weights(BTreeMap<String, WeightTensor>);

impl Weights {
    /// Adds an array.
    pub fn insert(&mut self, name: impl Into<String>, shape: &[usize], data: Vec<f32>) {
        self.0.insert(name.into(), WeightTensor { shape: shape.to_vec(), data });
    }

    /// The array with this name.
    ///
    /// # Errors
    /// [`ModelError::WeightsMismatch`] if there is none.
    pub fn get(&self, name: &str) -> Result<&WeightTensor, ModelError> {
        self.0.get(name).ok_or_else(|| ModelError::WeightsMismatch { what: format!("no tensor `{name}`") })
    }

    /// All arrays, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &WeightTensor)> {
        self.0.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Number of values.
    pub fn parameters(&self) -> usize {
        self.0.values().map(|t| t.data.len()).sum()
    }

    /// The safetensors file: names sorted, little-endian f32; equal weights give equal bytes.
    ///
    /// # Errors
    /// [`ModelError::WeightsFormat`] if a shape does not match its number of values.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ModelError> {
        let bad = |e: safetensors::SafeTensorError| ModelError::WeightsFormat { reason: e.to_string() };
        let raw: Vec<(&str, &[usize], Vec<u8>)> = self
            .iter()
            .map(|(name, t)| {
                (name, t.shape.as_slice(), t.data.iter().flat_map(|v| v.to_le_bytes()).collect())
            })
            .collect();
        let mut views = Vec::with_capacity(raw.len());
        for (name, shape, bytes) in &raw {
            views.push((*name, TensorView::new(Dtype::F32, shape.to_vec(), bytes).map_err(bad)?));
        }
        safetensors::serialize(views, None).map_err(bad)
    }

    /// Reads a safetensors file.
    ///
    /// # Errors
    /// [`ModelError::WeightsFormat`] if the file is damaged or contains a type other than f32.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        let bad = |reason: String| ModelError::WeightsFormat { reason };
        let file = SafeTensors::deserialize(bytes).map_err(|e| bad(e.to_string()))?;
        let mut weights = Self::default();
        for (name, view) in file.tensors() {
            if view.dtype() != Dtype::F32 {
                return Err(bad(format!("tensor `{name}` is {:?}, expected F32", view.dtype())));
            }
            let values = view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
            weights.insert(name, view.shape(), values);
        }
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
        if self.0.len() != wanted.len() {
            let extra = self.0.keys().find(|name| !wanted.iter().any(|w| w.name == **name));
            let what = format!(
                "{} tensors, the architecture has {}; unexpected `{}`",
                self.0.len(),
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
}
