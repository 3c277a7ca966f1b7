//! The loss: a sum of terms, each averaged over the known pixels.

mod detection;
mod locations;
#[cfg(test)]
mod parity;
#[cfg(test)]
mod parity_oriented;
mod segmentation;

use burn::tensor::Tensor;

use super::batch::Truth;
use super::locations::LocationTruth;
use crate::config::{Config, Term, TermKind};

/// The loss of a training.
#[derive(Debug, Clone)]
pub(crate) struct Objective {
    terms: Vec<Term>,
    /// One per class.
    weights: Vec<f32>,
    smoothing: f64,
}

impl Objective {
    /// The configuration's terms, or those of its task: cross-entropy; heat and size; of a detector without anchors focal loss,
    /// overlap and nearness.
    pub(crate) fn new(config: &Config, weights: Vec<f32>) -> Self {
        let term = |kind, weight| Term { kind, weight, gamma: 2.0 };
        let boxes = if config.is_oriented() { TermKind::Probiou } else { TermKind::Giou };
        let located = [TermKind::Focal, boxes, TermKind::Centerness];
        let terms = match (config.loss.terms.is_empty(), config.is_detection()) {
            (false, _) => config.loss.terms.clone(),
            (true, false) => vec![term(TermKind::CrossEntropy, 1.0)],
            (true, true) if config.is_located() => located.map(|kind| term(kind, 1.0)).to_vec(),
            (true, true) => vec![term(TermKind::Heat, 1.0), term(TermKind::Size, 0.1)],
        };
        Self { terms, weights, smoothing: config.loss.label_smoothing }
    }

    /// The loss of a network's answers (scores `[batch, outputs, height, width]`, or the maps of a detector), and its terms by
    /// name before their weights.
    pub(crate) fn loss(
        &self,
        answers: &[Tensor<4>],
        truth: &Truth,
    ) -> (Tensor<1>, Vec<(&'static str, Tensor<1>)>) {
        let scores = &answers[0];
        let values = self.terms.iter().map(|term| {
            let value = match truth {
                Truth::Locations(truth) => located(term, answers, truth),
                _ => self.term(term, scores, truth),
            };
            (term.kind.name(), value)
        });
        let values: Vec<(&'static str, Tensor<1>)> = values.collect();
        let weighted = values.iter().zip(&self.terms).map(|((_, v), t)| v.clone().mul_scalar(t.weight));
        let sum = weighted.reduce(|a, b| a + b).unwrap_or_else(|| scores.clone().sum().mul_scalar(0.0));
        (sum, values)
    }

    fn term(&self, term: &Term, scores: &Tensor<4>, truth: &Truth) -> Tensor<1> {
        let scores = scores.clone();
        match (truth, term.kind) {
            (Truth::Labels { known }, TermKind::CrossEntropy) => {
                segmentation::cross_entropy(scores, known, &self.weights, self.smoothing)
            }
            (Truth::Labels { known }, TermKind::Focal) => {
                segmentation::focal(scores, known, &self.weights, term.gamma)
            }
            (Truth::Labels { known }, TermKind::Dice) => segmentation::dice(scores, known),
            (Truth::Boxes(boxes), TermKind::Heat) => detection::heat(scores, boxes, term.gamma),
            (Truth::Boxes(boxes), TermKind::Size) => detection::size(scores, boxes),
            // Refused by the checks of the configuration ([`crate::config`]).
            _ => scores.sum().mul_scalar(0.0),
        }
    }
}

/// A term of the loss of a detector without anchors.
fn located(term: &Term, maps: &[Tensor<4>], truth: &LocationTruth) -> Tensor<1> {
    match term.kind {
        TermKind::Focal => locations::focal(maps, truth, term.gamma),
        TermKind::Giou => locations::giou(maps, truth),
        TermKind::Probiou => locations::probiou(maps, truth),
        TermKind::Centerness => locations::nearness(maps, truth),
        // Refused by the checks of the configuration ([`crate::config`]).
        _ => maps[0].clone().sum().mul_scalar(0.0),
    }
}
