//! The judges of data sets.

use std::collections::BTreeMap;

use arpent_base::{Count, Result};
use arpent_datasets::Split;
use arpent_model::{AnswerTables, Predictor};
use arpent_raster::Class;

use super::detection::{Detections, headline};
use super::judge::{Judge, Published};
use super::pictures::Pictures;
use super::unit::Unit;
use super::{boxes, cells, gallery, summary};
use crate::config::{Config, TOLERANCE_F1};
use crate::data::Sets;

/// What judges a model on a split of data sets; with the tables of right answers of its package, if it has any.
pub(crate) fn judge_of<'a>(
    config: &'a Config,
    sets: &'a Sets,
    split: Split,
    tables: Option<&AnswerTables>,
) -> Box<dyn Judge + 'a> {
    let (classes, evaluate) = (&config.classes, &config.evaluate);
    if let Some(detection) = config.model.detection.filter(|_| config.is_detection()) {
        return Box::new(Detections { sets, split, classes, iou: detection.iou, evaluate });
    }
    let cell_px = evaluate.cell_px.map_or(config.fit.chip_px.get(), Count::get);
    Box::new(Pictures {
        sets,
        split,
        classes,
        unit: Unit::of(config),
        evaluate,
        cell_px,
        corrected: corrected(tables, classes),
    })
}

/// The corrected confidences of each class.
fn corrected(tables: Option<&AnswerTables>, classes: &[Class]) -> Vec<Option<[u8; 256]>> {
    let tables = tables.map(|tables| tables.of(None)).unwrap_or_default();
    classes.iter().map(|class| tables.get(&class.id).map(|table| table.corrected())).collect()
}

impl Judge for Detections<'_> {
    fn names(&self) -> &'static [&'static str] {
        &["average_precision_50", "mean_f1"]
    }

    fn scores(&self, predictor: &Predictor) -> Result<BTreeMap<String, f64>> {
        Ok(headline(&self.count(predictor)?.parts.pooled()?))
    }

    fn publish(&self, predictor: &Predictor) -> Result<Published> {
        let counted = self.count(predictor)?;
        let mut published = boxes::publish(&counted, self.classes, self.split.name(), self.evaluate)?;
        published.shown.gallery = Some(gallery::of_boxes(self, predictor, &counted.items)?);
        Ok(published)
    }
}

impl Judge for Pictures<'_> {
    fn names(&self) -> &'static [&'static str] {
        let all = &["mean_iou", "mean_f1", "overall_accuracy", "balanced_accuracy", TOLERANCE_F1];
        match (self.unit, self.evaluate.tolerance_px) {
            (Unit::Picture | Unit::Object(_), _) => {
                &["balanced_accuracy", "overall_accuracy", "mean_f1", "mean_iou"]
            }
            (Unit::Pixel, Some(_)) => all,
            (Unit::Pixel, None) => &all[..4],
        }
    }

    fn scores(&self, predictor: &Predictor) -> Result<BTreeMap<String, f64>> {
        self.count(predictor)?.headline()
    }

    fn publish(&self, predictor: &Predictor) -> Result<Published> {
        let counted = self.count(predictor)?;
        let is_ranked = !self.evaluate.precision_at_k.is_empty();
        let rare = is_ranked.then(|| cells::detail(self, predictor)).transpose()?;
        let mut published = summary::publish(&counted, rare, self.classes, self.split.name())?;
        published.shown.gallery = Some(gallery::gallery(self, predictor, &counted)?);
        Ok(published)
    }
}
