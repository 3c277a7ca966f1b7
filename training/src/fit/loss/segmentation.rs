//! Losses of labels. `known` is 1 at the class of each known pixel and 0 elsewhere: `[batch, classes, height, width]`.

use arpent_base::number::exact;
use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{Tensor, TensorData};

/// Keeps quotients finite where nothing is known.
const EPSILON: f64 = 1e-6;

/// Weights of the classes as planes of one pixel.
fn planes(weights: &[f32], like: &Tensor<4>) -> Tensor<4> {
    let data = TensorData::new(weights.to_vec(), [1, weights.len(), 1, 1]);
    Tensor::from_data(data, &like.device())
}

/// Cross-entropy, averaged over the known pixels by the weights of their classes; with a part `smoothing` of the truth
/// spread evenly over all classes (Szegedy et al.: *Rethinking the Inception architecture*, 2016). The same as PyTorch's
/// `cross_entropy` with `weight`, `label_smoothing` and `ignore_index`.
pub(super) fn cross_entropy(
    scores: Tensor<4>,
    known: &Tensor<4>,
    weights: &[f32],
    smoothing: f64,
) -> Tensor<1> {
    let weights = planes(weights, known);
    let logs = log_softmax(scores, 1).neg() * weights.clone();
    let total = (known.clone() * weights).sum().add_scalar(EPSILON);
    let sharp = (logs.clone() * known.clone()).sum();
    if smoothing == 0.0 {
        return sharp / total;
    }
    let [_, classes, _, _] = known.dims();
    let even = smoothing / exact(classes);
    let anywhere = known.clone().sum_dim(1);
    let smooth = (logs * anywhere).sum();
    (sharp.mul_scalar(1.0 - smoothing) + smooth.mul_scalar(even)) / total
}

/// Focal loss (Lin et al.: *Focal loss for dense object detection*, 2017): cross-entropy times `(1 - p)^gamma`, averaged
/// as [`cross_entropy`] is.
pub(super) fn focal(scores: Tensor<4>, known: &Tensor<4>, weights: &[f32], gamma: f64) -> Tensor<1> {
    let weighted = known.clone() * planes(weights, known);
    let total = weighted.clone().sum().add_scalar(EPSILON);
    let logs = log_softmax(scores, 1);
    // The floor keeps the gradient of the power finite at p = 1.
    let missed = logs.clone().exp().neg().add_scalar(1.0).clamp_min(1e-7).powf_scalar(gamma);
    (logs.neg() * missed * weighted).sum() / total
}

/// Soft Dice loss (Milletari, Navab, Ahmadi: *V-Net*, 2016): 1 - 2 sum(p t) / (sum p + sum t) over the known pixels of the
/// whole batch, averaged over the classes that the batch holds.
pub(super) fn dice(scores: Tensor<4>, known: &Tensor<4>) -> Tensor<1> {
    let anywhere = known.clone().sum_dim(1);
    let shares = softmax(scores, 1) * anywhere;
    let per_class = |t: Tensor<4>| t.sum_dim(0).sum_dim(2).sum_dim(3);
    let both = per_class(shares.clone() * known.clone());
    let truth = per_class(known.clone());
    let all = per_class(shares) + truth.clone();
    // Counts of pixels: 1 where there is any.
    let present = truth.clamp_max(1.0);
    let loss = (both.mul_scalar(2.0) / all.add_scalar(EPSILON)).neg().add_scalar(1.0);
    (loss * present.clone()).sum() / present.sum().add_scalar(EPSILON)
}

#[cfg(test)]
mod tests {
    use arpent_base::number::{narrow, truncate};

    use super::*;
    use burn::tensor::Device;

    fn tensor(data: Vec<f32>) -> Tensor<4> {
        Tensor::from_data(TensorData::new(data, [1, 3, 1, 2]), &Device::flex())
    }

    fn value(loss: Tensor<1>) -> f64 {
        f64::from(loss.into_data().try_into_vec::<f32>().unwrap()[0])
    }

    /// Two pixels with scores (2, 0, 0) and (1, 3, 0); classes 0 and 1.
    fn case() -> (Tensor<4>, Tensor<4>) {
        (tensor(vec![2.0, 1.0, 0.0, 3.0, 0.0, 0.0]), tensor(vec![1.0, 0.0, 0.0, 1.0, 0.0, 0.0]))
    }

    /// Shares of the two pixels.
    fn shares() -> ([f64; 3], [f64; 3]) {
        let softmax = |s: [f64; 3]| s.map(|v| v.exp() / s.iter().map(|v| v.exp()).sum::<f64>());
        (softmax([2.0, 0.0, 0.0]), softmax([1.0, 3.0, 0.0]))
    }

    #[test]
    fn cross_entropy_is_weighted_and_smoothed() {
        let (scores, known) = case();
        let (a, b) = shares();
        let plain = value(cross_entropy(scores.clone(), &known, &[1.0; 3], 0.0));
        assert!((plain + f64::midpoint(a[0].ln(), b[1].ln())).abs() < 1e-5, "{plain}");
        let weighted = value(cross_entropy(scores.clone(), &known, &[3.0, 1.0, 1.0], 0.0));
        assert!((weighted + (3.0 * a[0].ln() + b[1].ln()) / 4.0).abs() < 1e-5, "{weighted}");
        let smooth = value(cross_entropy(scores, &known, &[1.0; 3], 0.3));
        let even = a.iter().chain(&b).map(|p| -p.ln()).sum::<f64>() / 2.0;
        assert!((smooth - (0.7 * plain + 0.1 * even)).abs() < 1e-5, "{smooth}");
    }

    #[test]
    fn unknown_pixels_are_ignored() {
        let (scores, _) = case();
        let known = tensor(vec![1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        let (a, _) = shares();
        let expected = -a[0].ln();
        assert!((value(cross_entropy(scores.clone(), &known, &[1.0; 3], 0.0)) - expected).abs() < 1e-5);
        let focal = value(focal(scores.clone(), &known, &[1.0; 3], 2.0));
        assert!((focal - (1.0 - a[0]).powi(2) * expected).abs() < 1e-5, "{focal}");
        let dice = value(dice(scores.clone(), &known));
        assert!((dice - (1.0 - 2.0 * a[0] / (a[0] + 1.0))).abs() < 1e-5, "{dice}");
        let nothing = tensor(vec![0.0; 6]);
        assert!(value(cross_entropy(scores, &nothing, &[1.0; 3], 0.1)).abs() < 1e-9);
    }

    #[test]
    fn dice_is_averaged_over_the_classes_at_hand() {
        let (scores, known) = case();
        let (a, b) = shares();
        let of = |c: usize, both: f64| 1.0 - 2.0 * both / (a[c] + b[c] + 1.0);
        let expected = f64::midpoint(of(0, a[0]), of(1, b[1]));
        assert!((value(dice(scores, &known)) - expected).abs() < 1e-5);
    }

    #[test]
    fn focal_without_focus_is_cross_entropy() {
        let (scores, known) = case();
        let weights = [1.0, 2.0, 1.0];
        let both =
            [focal(scores.clone(), &known, &weights, 0.0), cross_entropy(scores, &known, &weights, 0.0)];
        let [a, b] = both.map(value);
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }

    /// PyTorch's values and gradients (`benches/peers/make_parity.py`).
    #[test]
    fn values_and_gradients_are_those_of_pytorch() {
        let fixture: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/parity/losses.json")).unwrap();
        let numbers = |v: &serde_json::Value| -> Vec<f64> {
            v.as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect()
        };
        let narrow = |v: Vec<f64>| -> Vec<f32> { v.into_iter().map(narrow).collect() };
        let shape: [usize; 4] = [2, 5, 6, 7];
        assert_eq!(fixture["shape"], serde_json::json!(shape));
        let device = Device::flex().autodiff();
        let ones = vec![1.0; 5];
        let weights = narrow(numbers(&fixture["class_weights"]));
        let mut seen = 0;
        for case in fixture["cases"].as_array().unwrap() {
            let data = TensorData::new(narrow(numbers(&fixture["logits"])), shape);
            let scores = Tensor::<4>::from_data(data, &device).require_grad();
            let known = planes_of(&numbers(&fixture[case["labels"].as_str().unwrap()]), shape, &device);
            let loss = match case["name"].as_str().unwrap() {
                "cross_entropy" => cross_entropy(scores.clone(), &known, &ones, 0.0),
                "cross_entropy_weighted" => cross_entropy(scores.clone(), &known, &weights, 0.0),
                "cross_entropy_smoothed" => cross_entropy(scores.clone(), &known, &ones, 0.1),
                "cross_entropy_weighted_smoothed" => cross_entropy(scores.clone(), &known, &weights, 0.1),
                "focal" => focal(scores.clone(), &known, &ones, 2.0),
                "focal_weighted" => focal(scores.clone(), &known, &weights, 2.0),
                "dice_present" => dice(scores.clone(), &known),
                // Other common definitions, which differ from these.
                _ => continue,
            };
            seen += 1;
            let gradients = loss.backward();
            let ours: Vec<f32> = scores.grad(&gradients).unwrap().into_data().try_into_vec().unwrap();
            assert!((value(loss) - case["value"].as_f64().unwrap()).abs() < 1e-5, "{}", case["name"]);
            for (ours, theirs) in ours.iter().zip(numbers(&case["gradient"])) {
                assert!((f64::from(*ours) - theirs).abs() < 1e-6, "{}: {ours} {theirs}", case["name"]);
            }
        }
        assert_eq!(seen, 8);
    }

    /// 1 at the class of each pixel that is not 255.
    fn planes_of(labels: &[f64], shape: [usize; 4], device: &Device) -> Tensor<4> {
        let [batch, classes, height, width] = shape;
        let mut planes = vec![0f32; batch * classes * height * width];
        for (i, label) in labels.iter().enumerate().filter(|(_, l)| **l < 255.0) {
            let (item, pixel) = (i / (height * width), i % (height * width));
            let class = truncate::<usize>(*label);
            planes[(item * classes + class) * height * width + pixel] = 1.0;
        }
        Tensor::from_data(TensorData::new(planes, shape), device)
    }
}
