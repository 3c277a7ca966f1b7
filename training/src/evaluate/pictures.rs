//! Whole pictures of a split against their labels.

use std::collections::BTreeMap;

use arpent_base::{Result, bail};
use arpent_datasets::{IGNORE, Split, ellipse_pixels};
use arpent_metrics::{Confusion, Grouped};
use arpent_model::Predictor;
use arpent_raster::{CONFIDENCE_NODATA, CONFIDENCE_SCALE, Class};
use serde::Serialize;

use super::answers::Answers;
use super::figures::{Reliability, ReliabilityBin};
use super::parts::Parts;
use super::thin::Thin;
use super::unit::{Unit, majority};
use super::whole;
use crate::config::{Evaluate, TOLERANCE_F1};
use crate::data::{Item, ItemId, ItemTruth, Sets};
use crate::error::TrainError;

/// The pictures of a split.
#[derive(Debug)]
pub(crate) struct Pictures<'a> {
    pub(crate) sets: &'a Sets,
    pub(crate) split: Split,
    pub(crate) classes: &'a [Class],
    /// What counts once.
    pub(crate) unit: Unit,
    pub(crate) evaluate: &'a Evaluate,
    /// Side of the cells that are ranked, pixels.
    pub(crate) cell_px: usize,
    /// By the position of a class, the corrected confidence of each stored one: what a run without a territory gives.
    pub(crate) corrected: Vec<Option<[u8; 256]>>,
}

/// A score of everything that was counted.
type Measure = fn(&Confusion) -> Option<f64>;

/// The scores of labels, with their names.
pub(super) const MEASURES: [(&str, Measure); 4] = [
    ("mean_iou", Confusion::mean_iou_with_truth),
    ("mean_f1", Confusion::mean_f1_with_truth),
    ("overall_accuracy", Confusion::overall_accuracy),
    ("balanced_accuracy", Confusion::balanced_accuracy),
];

/// What was counted.
#[derive(Debug, Clone)]
pub(super) struct Counted {
    pub(super) all: Confusion,
    pub(super) parts: Parts<Confusion>,
    /// With the tolerance in pixels, where one is set.
    pub(super) thin: Option<(f64, Parts<Thin>)>,
    /// Each item.
    pub(super) items: Vec<CountedItem>,
    pub(super) bins: arpent_metrics::Reliability,
    /// The same for the predictions of each class.
    pub(super) class_bins: Vec<arpent_metrics::Reliability>,
    /// Answers of each group by class and confidence.
    pub(super) answers: Grouped<Answers>,
    /// What counted once.
    pub(super) unit: Unit,
    /// By set, where objects count.
    pub(super) found: BTreeMap<String, Found>,
}

/// Objects of any class, known or not, and how many of them were mapped as a class that becomes features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(super) struct Found {
    pub(super) objects: u64,
    pub(super) found: u64,
}

impl Found {
    #[allow(clippy::cast_precision_loss, reason = "counts of objects")]
    pub(super) fn share(self) -> f64 {
        self.found as f64 / self.objects.max(1) as f64
    }
}

/// What was counted on one item.
#[derive(Debug, Clone)]
pub(super) struct CountedItem {
    pub(super) id: ItemId,
    pub(super) name: String,
    pub(super) group: String,
    pub(super) confusion: Confusion,
}

impl Pictures<'_> {
    /// Predicts all pictures, one after the other.
    pub(super) fn count(&self, predictor: &Predictor) -> Result<Counted> {
        let empty = Confusion::new(self.classes.len())?;
        let thin = self
            .evaluate
            .tolerance_px
            .map(|px| Ok::<_, arpent_base::Failure>((px, Thin::new(self.classes, px)?)));
        let thin = thin.transpose()?;
        let mut counted = Counted {
            all: empty.clone(),
            parts: Parts::new(&empty),
            thin: thin.as_ref().map(|(px, thin)| (*px, Parts::new(thin))),
            items: Vec::new(),
            bins: arpent_metrics::Reliability::default(),
            class_bins: vec![arpent_metrics::Reliability::default(); self.classes.len()],
            answers: Grouped::new(Answers::new(self.classes.len())),
            unit: self.unit,
            found: BTreeMap::new(),
        };
        for id in self.sets.items(self.split) {
            let item = self.sets.read(id)?;
            let (truth, labels, mut confidence) = self.answers(predictor, &item)?;
            self.correct(&labels, &mut confidence);
            for ((truth, seen), confidence) in truth.iter().zip(&labels).zip(&confidence) {
                if *truth != IGNORE && *confidence != CONFIDENCE_NODATA {
                    let confidence = f64::from(*confidence) * CONFIDENCE_SCALE;
                    counted.bins.add(confidence, truth == seen)?;
                    if let Some(bins) = counted.class_bins.get_mut(usize::from(*seen)) {
                        bins.add(confidence, truth == seen)?;
                    }
                }
            }
            let (name, group) = (self.sets.name(id), self.sets.group(id));
            let of_known =
                truth.iter().zip(&labels).zip(&confidence).filter(|((truth, _), _)| **truth != IGNORE);
            let of_known = of_known.map(|((truth, seen), confidence)| (*seen, *confidence, truth == seen));
            counted.answers.group(&group).add_picture(of_known);
            if matches!(self.unit, Unit::Object(_)) {
                let found = counted.found.entry(self.sets.card(id).name.clone()).or_default();
                found.objects += labels.len() as u64;
                found.found += labels.iter().filter(|l| self.is_feature(**l)).count() as u64;
                if truth.iter().all(|t| *t == IGNORE) {
                    continue;
                }
            }
            let mut one = empty.clone();
            one.add_slices(&truth, &labels, Some(IGNORE))?;
            counted.parts.add(&group, &name, &one)?;
            if let (Some((_, parts)), Some((_, empty))) = (&mut counted.thin, &thin) {
                let mut thin = empty.clone();
                thin.add(item.chip.window, &truth, &labels)?;
                parts.add(&group, &name, &thin)?;
            }
            counted.items.push(CountedItem { id, name, group, confusion: one });
        }
        if matches!(self.unit, Unit::Object(_)) && counted.items.is_empty() {
            let problem =
                format!("no item of the split `{}` has an object of a class of the model", self.split.name());
            let hint = "evaluate.vote counts the objects of the layouts class-folders (with `ellipse`) and boxes-to-labels";
            return Err(TrainError::refused(problem, hint).into());
        }
        counted.all = counted.parts.pooled()?;
        Ok(counted)
    }
}

/// Truth, prediction and confidence, by pixel or once.
type Answered = (Vec<u8>, Vec<u8>, Vec<u8>);

impl Pictures<'_> {
    /// Calibration of the confidences.
    pub(crate) fn reliability(&self, predictor: &Predictor) -> Result<Reliability> {
        Ok(self.count(predictor)?.reliability())
    }

    fn answers(&self, predictor: &Predictor, item: &Item) -> Result<Answered> {
        let ItemTruth::Labels(truth) = &item.truth else { bail!("labels were expected") };
        if self.unit == Unit::Picture {
            let known = truth.iter().copied().find(|label| *label != IGNORE).unwrap_or(IGNORE);
            let (class, confidence) = whole::class_of(predictor, &item.chip, self.classes.len())?;
            return Ok((vec![known], vec![class], vec![confidence]));
        }
        let (labels, confidence) = whole::labels_of(predictor, &item.chip)?;
        let position = self.positions();
        let labels: Vec<u8> = labels.iter().map(|l| position[usize::from(*l)]).collect();
        let Unit::Object(part) = self.unit else { return Ok((truth.clone(), labels, confidence)) };
        let size = [item.chip.window.width, item.chip.window.height];
        let votes = item.objects.iter().map(|object| {
            let pixels = ellipse_pixels(object.sides, part, size);
            let (class, sure) = majority(pixels.map(|i| (labels[i], confidence[i])), self.classes);
            (object.class, class, sure)
        });
        Ok(votes.collect())
    }

    /// Answers of each territory, as the predictor gives them.
    pub(crate) fn by_territory(&self, predictor: &Predictor) -> Result<Grouped<Answers>> {
        Ok(self.count(predictor)?.answers)
    }

    fn correct(&self, labels: &[u8], confidence: &mut [u8]) {
        if self.corrected.iter().all(Option::is_none) {
            return;
        }
        for (class, value) in labels.iter().zip(confidence) {
            if let Some(Some(table)) = self.corrected.get(usize::from(*class)) {
                *value = table[usize::from(*value)];
            }
        }
    }

    fn is_feature(&self, position: u8) -> bool {
        self.classes.get(usize::from(position)).is_some_and(|class| class.features)
    }

    /// Position of each class id among the classes.
    fn positions(&self) -> [u8; 256] {
        let mut position = [IGNORE; 256];
        for (i, class) in (0u8..).zip(self.classes) {
            position[usize::from(class.id)] = i;
        }
        position
    }
}

impl Counted {
    /// Calibration of the confidences.
    pub(super) fn reliability(&self) -> Reliability {
        let bin = |b: arpent_metrics::ReliabilityBin| {
            Some(ReliabilityBin {
                range: [b.low, b.high],
                confidence: b.confidence?,
                accuracy: b.accuracy?,
                count: b.count,
            })
        };
        Reliability {
            bins: self.bins.bins().into_iter().filter_map(bin).collect(),
            ece: self.bins.expected_calibration_error(),
            brier: self.bins.brier(),
        }
    }

    /// The scores of an epoch.
    pub(super) fn headline(&self) -> Result<BTreeMap<String, f64>> {
        let mut scores: Vec<_> = MEASURES.iter().map(|(name, measure)| (*name, measure(&self.all))).collect();
        if let Some((_, parts)) = &self.thin {
            scores.push((TOLERANCE_F1, parts.pooled()?.mean_f1()));
        }
        Ok(scores.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
    }
}
