//! Losses of boxes: a heat map per class, then planes of log width and log height.

use burn::tensor::Tensor;
use burn::tensor::activation::log_sigmoid;

use super::super::batch::BoxTruth;

/// Exponent by which places near a center are spared.
const SPARE: f64 = 4.0;

/// Penalty-reduced focal loss of the heat map (Law, Deng: *CornerNet*, 2018; Zhou, Wang, Krähenbühl: *Objects as points*,
/// 2019), divided by the number of objects. Unknown pixels say nothing.
pub(super) fn heat(scores: Tensor<4>, truth: &BoxTruth, gamma: f64) -> Tensor<1> {
    let [batch, outputs, height, width] = scores.dims();
    let scores = scores.slice([0..batch, 0..outputs - 2, 0..height, 0..width]);
    let (hit, miss) = (log_sigmoid(scores.clone()), log_sigmoid(scores.neg()));
    // As in the focal loss of labels, a floor keeps gradients of powers finite.
    let power = |logs: &Tensor<4>| logs.clone().exp().clamp_min(1e-7).powf_scalar(gamma);
    let far = truth.heat.clone().neg().add_scalar(1.0).powf_scalar(SPARE) * truth.known.clone();
    let at_centers = hit.clone() * power(&miss) * truth.peaks.clone();
    let elsewhere = miss * power(&hit) * far * truth.peaks.clone().neg().add_scalar(1.0);
    (at_centers + elsewhere).sum().neg().div_scalar(truth.objects.max(1.0))
}

/// Mean distance of log width and log height at the centers (L1), summed over the two.
pub(super) fn size(scores: Tensor<4>, truth: &BoxTruth) -> Tensor<1> {
    let [batch, outputs, height, width] = scores.dims();
    let sizes = scores.slice([0..batch, outputs - 2..outputs, 0..height, 0..width]);
    let apart = (sizes - truth.sizes.clone()).abs() * truth.centers.clone();
    apart.sum().div_scalar(truth.objects.max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    fn tensor(data: Vec<f32>, planes: usize) -> Tensor<4> {
        Tensor::from_data(TensorData::new(data, [1, planes, 1, 2]), &Device::flex())
    }

    fn value(loss: Tensor<1>) -> f64 {
        f64::from(loss.into_data().try_into_vec::<f32>().unwrap()[0])
    }

    #[test]
    fn both_terms_by_hand() {
        // One class, two pixels: a center, and a neighbour with heat 0.5.
        let truth = BoxTruth {
            heat: tensor(vec![1.0, 0.5], 1),
            peaks: tensor(vec![1.0, 0.0], 1),
            known: tensor(vec![1.0, 1.0], 1),
            centers: tensor(vec![1.0, 0.0], 1),
            sizes: tensor(vec![2.0, 0.0, 1.0, 0.0], 2),
            objects: 1.0,
        };
        let scores = tensor(vec![0.0, 1.0, 1.5, 9.0, 3.0, 9.0], 3);
        let p = 1.0 / (1.0 + (-1.0f64).exp());
        let expected = 0.25 * 2f64.ln() - 0.5f64.powi(4) * p * p * (1.0 - p).ln();
        let heat = value(heat(scores.clone(), &truth, 2.0));
        assert!((heat - expected).abs() < 1e-5, "{heat} {expected}");
        assert!((value(size(scores, &truth)) - 2.5).abs() < 1e-5);
    }
}
