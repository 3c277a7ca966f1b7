//! Losses of boxes: a heat map per class, then planes of log width and log height.

use burn::tensor::Tensor;
use burn::tensor::activation::{log_sigmoid, sigmoid};

use super::super::batch::BoxTruth;

/// Quality focal loss of the heat map (Li et al.: *Generalized focal loss*, 2020): the cross-entropy of heat h and answer
/// q, times |h - q|^gamma; summed, and divided by the sum of heat (at least 1). Unknown pixels are ignored.
pub(super) fn heat(scores: Tensor<4>, truth: &BoxTruth, gamma: f64) -> Tensor<1> {
    let [batch, outputs, height, width] = scores.dims();
    let scores = scores.slice([0..batch, 0..outputs - 2, 0..height, 0..width]);
    let heat = truth.heat.clone();
    // As in the focal loss of labels, a floor keeps gradients of powers finite.
    let apart = (heat.clone() - sigmoid(scores.clone())).abs().clamp_min(1e-7).powf_scalar(gamma);
    let hit = heat.clone() * log_sigmoid(scores.clone());
    let miss = heat.clone().neg().add_scalar(1.0) * log_sigmoid(scores.neg());
    let mass = (heat * truth.known.clone()).sum().clamp_min(1.0);
    (apart * (hit + miss) * truth.known.clone()).sum().neg() / mass
}

/// Distance of log width and log height (L1), summed over the two: the mean over objects of the mean over the pixels
/// around their centers by their shares (after Liu et al.: *Training-time-friendly network*, 2019, who take the
/// overlap of boxes for the distance).
pub(super) fn size(scores: Tensor<4>, truth: &BoxTruth) -> Tensor<1> {
    let [batch, outputs, height, width] = scores.dims();
    let sizes = scores.slice([0..batch, outputs - 2..outputs, 0..height, 0..width]);
    let apart = (sizes - truth.sizes.clone()).abs() * truth.shares.clone();
    apart.sum().div_scalar(truth.objects.max(1.0))
}

#[cfg(test)]
mod tests {
    use arpent_base::number::{narrow, truncate};

    use super::super::parity::{numbers, object, uniform};
    use super::*;
    use crate::data::{Sample, Target};
    use crate::fit::batch::{Truth, boxes};
    use burn::tensor::{Device, TensorData};

    fn tensor(data: Vec<f32>, planes: usize) -> Tensor<4> {
        Tensor::from_data(TensorData::new(data, [1, planes, 1, 2]), &Device::flex())
    }

    fn value(loss: Tensor<1>) -> f64 {
        f64::from(loss.into_data().try_into_vec::<f32>().unwrap()[0])
    }

    #[test]
    fn both_terms_by_hand() {
        // One class, two known pixels: a center, and a neighbor with heat 0.5.
        let truth = BoxTruth {
            heat: tensor(vec![1.0, 0.5], 1),
            known: tensor(vec![1.0, 1.0], 1),
            shares: tensor(vec![0.75, 0.25], 1),
            sizes: tensor(vec![2.0, 2.0, 1.0, 1.0], 2),
            objects: 1.0,
        };
        let scores = tensor(vec![0.0, 1.0, 1.5, 4.0, 3.0, 1.0], 3);
        let p = 1.0 / (1.0 + (-1.0f64).exp());
        let neighbor = (p - 0.5).powi(2) * -0.5 * (p.ln() + (1.0 - p).ln());
        let expected = (0.25 * 2f64.ln() + neighbor) / 1.5;
        let heat = value(heat(scores.clone(), &truth, 2.0));
        assert!((heat - expected).abs() < 1e-5, "{heat} {expected}");
        // 0.75 (0.5 + 2) + 0.25 (2 + 0)
        assert!((value(size(scores, &truth)) - 2.375).abs() < 1e-5);
    }

    /// The chips of the fixture: what is unknown in the second are its columns 20 to 23.
    fn chips(fixture: &serde_json::Value, side: usize) -> Vec<Sample> {
        let chip = |(i, chip): (usize, &serde_json::Value)| Sample {
            side,
            data: vec![],
            valid: (0..side * side).map(|at| i == 0 || at % side < 20).collect(),
            target: Target::Boxes(chip["boxes"].as_array().unwrap().iter().map(object).collect()),
        };
        fixture["boxes"].as_array().unwrap().iter().enumerate().map(chip).collect()
    }

    fn fixture() -> serde_json::Value {
        serde_json::from_str(include_str!("../../../tests/parity/detection-losses.json")).unwrap()
    }

    /// Heat maps and shares that NumPy computed (`benches/peers/make_parity.py`).
    #[test]
    fn heat_maps_are_those_of_the_peers() {
        let fixture = fixture();
        let Truth::Boxes(truth) = boxes(&chips(&fixture, 24), 2, &Device::flex()) else { panic!() };
        for (key, tensor) in [("heat", truth.heat), ("shares", truth.shares)] {
            let ours = tensor.into_data().try_into_vec::<f32>().unwrap();
            let mut expected = vec![0.0; ours.len()];
            for entry in fixture[key].as_array().unwrap() {
                let n = numbers(entry);
                expected[truncate::<usize>(n[0])] = n[1];
            }
            for (at, (ours, theirs)) in ours.iter().zip(expected).enumerate() {
                assert!((f64::from(*ours) - theirs).abs() < 1e-6, "{key} at {at}: {ours} {theirs}");
            }
        }
    }

    /// PyTorch's values and gradients (`benches/peers/make_parity.py`).
    #[test]
    fn values_and_gradients_are_those_of_pytorch() {
        let fixture = fixture();
        let shape: [usize; 4] = [2, 4, 24, 24];
        assert_eq!(fixture["shape"], serde_json::json!(shape));
        let data: Vec<f32> =
            uniform("scores", shape.iter().product()).into_iter().map(|u| narrow(6.0 * u - 3.0)).collect();
        for (ours, theirs) in data.iter().zip(numbers(&fixture["first_scores"])) {
            assert!((f64::from(*ours) - theirs).abs() < 1e-6, "{ours} {theirs}");
        }
        let device = Device::flex().autodiff();
        let Truth::Boxes(truth) = boxes(&chips(&fixture, 24), 2, &device) else { panic!() };
        let mut compared = 0;
        for case in fixture["cases"].as_array().unwrap() {
            let scores = Tensor::<4>::from_data(TensorData::new(data.clone(), shape), &device).require_grad();
            let (name, of) = (case["name"].as_str().unwrap(), scores.clone());
            let loss = match name {
                "heat" => heat(of, &truth, 2.0),
                "size" => size(of, &truth),
                "sum" => heat(of.clone(), &truth, 2.0) + size(of, &truth).mul_scalar(0.1),
                other => panic!("no loss `{other}`"),
            };
            let gradients = loss.backward();
            let ours: Vec<f32> = scores.grad(&gradients).unwrap().into_data().try_into_vec().unwrap();
            let expected = case["value"].as_f64().unwrap();
            assert!((value(loss) - expected).abs() < 1e-5 * expected, "{name}");
            for entry in case["gradient"].as_array().unwrap() {
                let n = numbers(entry);
                let apart = (f64::from(ours[truncate::<usize>(n[0])]) - n[1]).abs();
                assert!(apart < 1e-6 + 1e-5 * n[1].abs(), "{name} at {}: off by {apart}", n[0]);
                compared += 1;
            }
        }
        assert_eq!(compared, 183 + 79 + 183);
    }
}
