//! Change detection between two dates: binary and semantic.

use serde::{Deserialize, Serialize};

use crate::Confusion;
use crate::count::{f1, mean, ratio};

/// Scores of a map of changes, made from a [`Confusion`] whose class 0 is "did not change".
///
/// With two classes it is a binary map, and [`Self::f1`] is its main score. With more, the other classes are the
/// class of a changed pixel at a date; the maps of both dates are added to one matrix, as Yang et al. do.
///
/// Formulas: Yang, Xia, Liu, Du, Yang, Pelillo, Zhang: *Asymmetric siamese networks for semantic change detection in
/// aerial images*, 2021 (the SECOND data set) for [`Self::sek`] and [`Self::score`]; Ding, Guo, Liu, Mou, Zhang,
/// Bruzzone: *Bi-temporal semantic reasoning for the semantic change detection in HR remote sensing images*, 2022
/// for [`Self::semantic_f1`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ChangeScores {
    /// Share of the pixels predicted as changed, to any class, that have changed.
    pub precision: Option<f64>,
    /// Share of the changed pixels that were predicted as changed, to any class.
    pub recall: Option<f64>,
    /// Harmonic mean of both: the F1 of the binary map.
    pub f1: Option<f64>,
    /// IoU of the pixels that did not change, `IoU1`.
    pub unchanged_iou: Option<f64>,
    /// IoU of the pixels that changed, to any class, `IoU2`.
    pub changed_iou: Option<f64>,
    /// Mean of the two.
    pub mean_iou: Option<f64>,
    /// Cohen's kappa of the matrix without the pixels that are correctly predicted as not changed.
    pub separated_kappa: Option<f64>,
    /// Separated kappa coefficient: `exp(IoU2 - 1) x` [`Self::separated_kappa`]. Only meaningful with several kinds
    /// of change: for a binary map, the separated kappa is 0 or below.
    pub sek: Option<f64>,
    /// `0.3 x` [`Self::mean_iou`] `+ 0.7 x` [`Self::sek`].
    pub score: Option<f64>,
    /// F1 of the pixels that changed and were predicted with the right class.
    pub semantic_f1: Option<f64>,
}

impl ChangeScores {
    /// The scores of a matrix whose class 0 is "did not change".
    pub fn of(confusion: &Confusion) -> Self {
        let [[unchanged, invented], [missed, changed]] = halves(confusion);
        let (truth, predicted) = (missed + changed, invented + changed);
        let unchanged_iou = ratio(unchanged, unchanged + invented + missed);
        let changed_iou = ratio(changed, changed + invented + missed);
        let mean_iou = mean([unchanged_iou, changed_iou]);
        let separated_kappa = confusion.without(0, 0).kappa();
        let sek = separated_kappa.zip(changed_iou).map(|(kappa, iou)| kappa * (iou - 1.0).exp());
        let right = (1..confusion.classes()).map(|class| confusion.of(class, class)).sum();
        Self {
            precision: ratio(changed, predicted),
            recall: ratio(changed, truth),
            f1: f1(changed, truth, predicted),
            unchanged_iou,
            changed_iou,
            mean_iou,
            separated_kappa,
            sek,
            score: mean_iou.zip(sek).map(|(iou, sek)| 0.3 * iou + 0.7 * sek),
            semantic_f1: f1(right, truth, predicted),
        }
    }
}

/// Truth by prediction: not changed, changed.
fn halves(confusion: &Confusion) -> [[u64; 2]; 2] {
    let mut halves = [[0; 2]; 2];
    for (position, count) in confusion.counts().iter().enumerate() {
        let (truth, predicted) = (position / confusion.classes(), position % confusion.classes());
        halves[usize::from(truth > 0)][usize::from(predicted > 0)] += count;
    }
    halves
}
