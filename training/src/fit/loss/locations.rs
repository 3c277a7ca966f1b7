//! Losses of a detector without anchors, as torchvision's `FCOS`.

use burn::tensor::Tensor;
use burn::tensor::activation::{log_sigmoid, sigmoid};

use super::super::locations::LocationTruth;

/// Weight of objects against the background in the focal loss (Lin et al.: *Focal loss for dense object detection*, 2017).
const OBJECTS: f64 = 0.25;

/// Greatest logarithm of a distance, strides: beyond it lies no chip.
const MOST: f64 = 8.0;

/// Keeps quotients of areas finite.
const EPSILON: f64 = 1e-7;

/// The values of all maps side by side: `[batch, values, pixels]`, finest map first.
fn all(maps: &[Tensor<4>]) -> Tensor<3> {
    let flat = |map: &Tensor<4>| {
        let [batch, values, height, width] = map.dims();
        map.clone().reshape([batch, values, height * width])
    };
    Tensor::cat(maps.iter().map(flat).collect(), 2)
}

/// Values `start..start + count` of all maps.
fn part(maps: &[Tensor<4>], start: usize, count: usize) -> Tensor<3> {
    all(maps).narrow(1, start, count)
}

fn classes(truth: &LocationTruth) -> usize {
    truth.classes.dims()[1]
}

/// Focal loss of the scores, each class on its own; summed over the known pixels, by the number of pixels that answer for
/// an object (at least 1).
pub(super) fn focal(maps: &[Tensor<4>], truth: &LocationTruth, gamma: f64) -> Tensor<1> {
    let scores = part(maps, 0, classes(truth));
    let is = truth.classes.clone();
    let not = is.clone().neg().add_scalar(1.0);
    let p = sigmoid(scores.clone());
    let missed = is.clone() * p.clone().neg().add_scalar(1.0) + not.clone() * p;
    let crossed = is.clone() * log_sigmoid(scores.clone()) + not.clone() * log_sigmoid(scores.neg());
    let weights = is.mul_scalar(OBJECTS) + not.mul_scalar(1.0 - OBJECTS);
    // A floor keeps gradients of powers finite.
    let loss = crossed.neg() * missed.clamp_min(1e-7).powf_scalar(gamma) * weights * truth.known.clone();
    loss.sum().div_scalar(truth.count.max(1.0))
}

/// Generalized intersection over union of the boxes (Rezatofighi et al., 2019): the mean of 1 - GIoU over the pixels that
/// answer for an object.
pub(super) fn giou(maps: &[Tensor<4>], truth: &LocationTruth) -> Tensor<1> {
    let found = part(maps, classes(truth) + 1, 4).clamp_max(MOST).exp();
    let right = truth.boxes.clone();
    // Both boxes hold the pixel: what they share, and what holds both, follows side by side.
    let area = |sides: Tensor<3>| {
        let [width, height] =
            [0, 1].map(|axis| sides.clone().narrow(1, axis, 1) + sides.clone().narrow(1, axis + 2, 1));
        width * height
    };
    let common = area(found.clone().min_pair(right.clone()));
    let hull = area(found.clone().max_pair(right.clone()));
    let union = area(found) + area(right) - common.clone();
    let apart = (hull.clone() - union.clone()) / hull.add_scalar(EPSILON);
    let loss = (common / union.add_scalar(EPSILON) - apart).neg().add_scalar(1.0);
    (loss * truth.inside.clone()).sum().div_scalar(truth.count.max(1.0))
}

/// Greatest logarithm of how many times the longer side is the shorter one, along either axis.
const MOST_ELONGATED: f64 = 6.0;

/// Least part of a distance whose root is taken: the gradient of the root of 0 is not finite.
const LEAST: f64 = 1e-6;

/// Distance of Hellinger between the Gaussians of the boxes, those with the mean and the covariance of their areas (Llerena et
/// al., *Gaussian bounding boxes and probabilistic intersection-over-union for object detection*, 2021: 1 - `ProbIoU`): the
/// mean over the pixels that answer for an object.
pub(super) fn probiou(maps: &[Tensor<4>], truth: &LocationTruth) -> Tensor<1> {
    let found = part(maps, classes(truth) + 1, 5);
    let plane = |of: &Tensor<3>, i: usize| of.clone().narrow(1, i, 1);
    let (x, y) = (plane(&found, 0), plane(&found, 1));
    let size = plane(&found, 2).clamp(-MOST, MOST);
    let [p, q] = [3, 4].map(|i| plane(&found, i).clamp(-MOST_ELONGATED, MOST_ELONGATED));
    // The exponential of the matrix (size + p / 2, q / 2; q / 2, size - p / 2), squared: that of the halves of the sides.
    let d = (p.clone() * p.clone() + q.clone() * q.clone()).add_scalar(LEAST * LEAST).sqrt();
    let (up, down) = (d.clone().exp(), d.clone().neg().exp());
    let scale = size.clone().mul_scalar(2.0).exp().div_scalar(3.0);
    let even = (up.clone() + down.clone()).mul_scalar(0.5) * scale.clone();
    let odd = (up - down).mul_scalar(0.5) / d * scale.clone();
    let (p, q) = (p * odd.clone(), q * odd);
    let right = |i: usize| plane(&truth.boxes, i);
    let [columns, rows, both] = [even.clone() + p.clone() + right(2), even - p + right(3), q + right(4)];
    let determinant = (columns.clone() * rows.clone() - both.clone() * both.clone()).clamp_min(LEAST * LEAST);
    let (dx, dy) = (x - right(0), y - right(1));
    let apart =
        rows * dx.clone() * dx.clone() + columns * dy.clone() * dy.clone() - both.mul_scalar(2.0) * dx * dy;
    // The determinant of the found one is that of its scale.
    let logs = determinant.clone().log() - scale.log() - right(5);
    let bhattacharyya = (apart / determinant).mul_scalar(0.25) + logs.sub_scalar(4f64.ln()).mul_scalar(0.5);
    let overlap = bhattacharyya.clamp_min(0.0).neg().exp();
    let loss = overlap.neg().add_scalar(1.0 + LEAST).sqrt();
    (loss * truth.inside.clone()).sum().div_scalar(truth.count.max(1.0))
}

/// Cross-entropy of the nearness of centers: the mean over the pixels that answer for an object.
pub(super) fn nearness(maps: &[Tensor<4>], truth: &LocationTruth) -> Tensor<1> {
    let scores = part(maps, classes(truth), 1);
    let near = truth.nearness.clone();
    let far = near.clone().neg().add_scalar(1.0);
    let loss = near * log_sigmoid(scores.clone()) + far * log_sigmoid(scores.neg());
    (loss.neg() * truth.inside.clone()).sum().div_scalar(truth.count.max(1.0))
}
