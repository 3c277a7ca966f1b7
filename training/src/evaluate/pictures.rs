//! Whole pictures of a split against their labels.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use arpent_datasets::{IGNORE, Split};
use arpent_model::Predictor;
use arpent_raster::{CONFIDENCE_NODATA, CONFIDENCE_SCALE, Class};

use super::confusion::Confusion;
use super::{Bins, Judge, Published, summary, whole};
use crate::data::{ItemTruth, Sets};

/// The pictures of a split.
#[derive(Debug)]
pub(crate) struct Pictures<'a> {
    pub(crate) sets: &'a Sets,
    pub(crate) split: Split,
    pub(crate) classes: &'a [Class],
}

/// What was counted.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Counted {
    pub(super) all: Confusion,
    pub(super) groups: BTreeMap<String, Confusion>,
    /// Each item's name and pixels.
    pub(super) items: Vec<(String, Confusion)>,
    pub(super) bins: Bins,
}

impl Pictures<'_> {
    /// Predicts all pictures, one after the other.
    pub(super) fn count(&self, predictor: &Predictor) -> Result<Counted> {
        let empty = Confusion::new(self.classes.len());
        let mut counted =
            Counted { all: empty.clone(), groups: BTreeMap::new(), items: Vec::new(), bins: Bins::default() };
        let mut position = [IGNORE; 256];
        for (i, class) in (0u8..).zip(self.classes) {
            position[usize::from(class.id)] = i;
        }
        for id in self.sets.items(self.split) {
            let item = self.sets.read(id)?;
            let ItemTruth::Labels(truth) = &item.truth else { bail!("labels were expected") };
            let (labels, confidence) = whole::labels_of(predictor, &item.chip)?;
            let labels: Vec<u8> = labels.iter().map(|l| position[usize::from(*l)]).collect();
            for ((truth, seen), confidence) in truth.iter().zip(&labels).zip(&confidence) {
                if *truth != IGNORE && *confidence != CONFIDENCE_NODATA {
                    counted.bins.add(f64::from(*confidence) * CONFIDENCE_SCALE, truth == seen);
                }
            }
            let mut one = empty.clone();
            one.add(truth, &labels);
            counted.all.merge(&one);
            counted.groups.entry(self.sets.group(id)).or_insert_with(|| empty.clone()).merge(&one);
            counted.items.push((self.sets.name(id), one));
        }
        Ok(counted)
    }
}

/// The scores that an epoch is judged by.
pub(super) fn headline(all: &Confusion) -> BTreeMap<String, f64> {
    let scores =
        [("mean_iou", all.mean_iou()), ("mean_f1", all.mean_f1()), ("overall_accuracy", all.accuracy())];
    scores.into_iter().map(|(name, value)| (name.to_owned(), value.unwrap_or(0.0))).collect()
}

impl Judge for Pictures<'_> {
    fn names(&self) -> &'static [&'static str] {
        &["mean_iou", "mean_f1", "overall_accuracy"]
    }

    fn scores(&self, predictor: &Predictor) -> Result<BTreeMap<String, f64>> {
        Ok(headline(&self.count(predictor)?.all))
    }

    fn publish(&self, predictor: &Predictor) -> Result<Published> {
        let counted = self.count(predictor)?;
        Ok(summary::publish(&counted, self.classes, self.split.name())?)
    }
}
