//! The loss: a sum of terms, each averaged over the known pixels.

mod detection;
mod segmentation;

use burn::tensor::Tensor;

use super::batch::Truth;
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
    /// The configuration's terms, or those of its task: cross-entropy; heat and size.
    pub(crate) fn new(config: &Config, weights: Vec<f32>) -> Self {
        let term = |kind, weight| Term { kind, weight, gamma: 2.0 };
        let terms = match (config.loss.terms.is_empty(), config.is_detection()) {
            (false, _) => config.loss.terms.clone(),
            (true, false) => vec![term(TermKind::CrossEntropy, 1.0)],
            (true, true) => vec![term(TermKind::Heat, 1.0), term(TermKind::Size, 0.1)],
        };
        Self { terms, weights, smoothing: config.loss.label_smoothing }
    }

    /// The loss of scores `[batch, outputs, height, width]`, and its terms by name before their weights.
    pub(crate) fn loss(
        &self,
        scores: &Tensor<4>,
        truth: &Truth,
    ) -> (Tensor<1>, Vec<(&'static str, Tensor<1>)>) {
        let values = self.terms.iter().map(|term| (term.kind.name(), self.term(term, scores, truth)));
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
