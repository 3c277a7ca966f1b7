//! A network on a graphics card: Burn runs it, and what leaves the card are labels, not scores.

use burn::tensor::{Device, Tensor, TensorData};

use crate::{Architecture, ModelError, Network, Weights};

/// A network on a device of Burn's.
#[derive(Debug)]
pub(crate) struct Card {
    network: Network,
    device: Device,
}

/// What of a chip is wanted: columns and rows, from where on and how many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) col: usize,
    pub(crate) row: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// Normalized bands, plane by plane.
#[derive(Debug)]
pub(crate) struct Planes {
    pub(crate) data: Vec<f32>,
    pub(crate) bands: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl Card {
    pub(crate) fn new(
        architecture: &Architecture,
        weights: &Weights,
        device: Device,
    ) -> Result<Self, ModelError> {
        let network = Network::for_prediction(architecture, weights, &device)?;
        Ok(Self { network, device })
    }

    /// Scores before the softmax, plane by plane.
    pub(crate) fn scores(&self, planes: Planes, part: Part) -> Result<Vec<f32>, String> {
        values(self.forward(planes, part))
    }

    /// For each pixel the number of its best class and 250 times its share after a softmax at a temperature.
    pub(crate) fn labels(
        &self,
        planes: Planes,
        part: Part,
        temperature: f32,
    ) -> Result<Vec<(u8, u8)>, String> {
        let scores = self.forward(planes, part).div_scalar(temperature);
        let (highest, best) = scores.clone().max_dim_with_indices(1);
        let share = (scores - highest).exp().sum_dim(1).recip();
        // Two small numbers in one: four bytes a pixel leave the card.
        let both = best.float().mul_scalar(256.0) + share.mul_scalar(250.0).round();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "two numbers below 256")]
        let split = |v: f32| ((v as u32 / 256) as u8, (v as u32 % 256) as u8);
        Ok(values(both)?.into_iter().map(split).collect())
    }

    fn forward(&self, planes: Planes, part: Part) -> Tensor<4> {
        let Planes { data, bands, width, height } = planes;
        let input = Tensor::from_data(TensorData::new(data, [1, bands, height, width]), &self.device);
        let Part { col, row, width, height } = part;
        let scores = self.network.forward(input);
        let classes = scores.dims()[1];
        scores.slice([0..1, 0..classes, row..row + height, col..col + width])
    }
}

fn values(tensor: Tensor<4>) -> Result<Vec<f32>, String> {
    let data = tensor.try_into_data().map_err(|e| e.to_string())?;
    data.try_into_vec().map_err(|e| format!("{e:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exactness::random_weights;

    /// On the CPU's device, where every build has Burn: the card's code gives what its scores say.
    #[test]
    fn labels_are_those_of_the_scores() {
        let architecture = Architecture::Unet {
            in_channels: 2,
            out_channels: 3,
            widths: vec![8, 8],
            encoder_convs: vec![1, 1],
            dates: 1,
        };
        let weights = random_weights(&architecture, 3);
        let card = Card::new(&architecture, &weights, Device::flex()).unwrap();
        let planes = || {
            let data = (0u16..2 * 16 * 16).map(|i| f32::from(i * 61 % 1013) / 500.0 - 1.0).collect();
            Planes { data, bands: 2, width: 16, height: 16 }
        };
        let part = Part { col: 3, row: 5, width: 7, height: 6 };
        let scores = card.scores(planes(), part).unwrap();
        let labels = card.labels(planes(), part, 1.0).unwrap();
        assert_eq!((scores.len(), labels.len()), (3 * 42, 42));
        for (i, (best, share)) in labels.into_iter().enumerate() {
            let at = |class: usize| scores[class * 42 + i];
            let expected = (0..3).max_by(|a, b| at(*a).total_cmp(&at(*b))).unwrap();
            assert_eq!(usize::from(best), expected);
            let sum: f32 = (0..3).map(|class| (at(class) - at(expected)).exp()).sum();
            assert!((250.0 / sum - f32::from(share)).abs() < 0.51, "{share}");
        }
    }
}
