//! Values of the right type that are out of range or contradict each other.

use arpent_raster::ReadAs;

use super::parse::value_error;
use super::tables::{ClassWeights, Paste, Term, TermKind};
use super::training::{Config, TaskKind};
use crate::error::TrainError;

/// Checks the configuration alone; what depends on data is checked when they are opened.
pub(super) fn check(config: &Config) -> Result<(), TrainError> {
    sources(config)?;
    values(config)?;
    fit(config)?;
    loss(config)?;
    paste(config)?;
    evaluate(config)
}

fn sources(config: &Config) -> Result<(), TrainError> {
    if config.sets.is_empty() {
        return Err(value_error(config, "sets", "is missing: name at least one data set"));
    }
    if let Some(number) = config.sets.iter().position(|s| !s.weight.is_finite() || s.weight <= 0.0) {
        return Err(value_error(config, &format!("sets.{number}.weight"), "must be above 0"));
    }
    if config.classes.is_empty() {
        return Err(value_error(config, "classes", "is empty"));
    }
    match (config.is_detection(), config.model.detection) {
        (true, None) => Err(value_error(config, "model.detection", "is missing (threshold, iou)")),
        (false, Some(_)) => Err(value_error(config, "model.detection", "is for object-detection only")),
        (false, None) if config.is_located() => {
            Err(value_error(config, "model.architecture.kind", "is fcos, which is for object-detection only"))
        }
        _ => Ok(()),
    }
}

/// The mapping of stored values; it is part of every band of the package, which is checked with other words.
fn values(config: &Config) -> Result<(), TrainError> {
    let Some(quantized) = &config.model.dequantize else { return Ok(()) };
    let bad = |message: &str| Err(value_error(config, "model.dequantize", message));
    if let Some(problem) = quantized.problem() {
        return bad(problem);
    }
    if config.model.values() != ReadAs::Raw {
        let unit = config.model.unit();
        return bad(&format!("is for stored values, and model.unit is `{unit}`: leave out one of both"));
    }
    if config.model.sample_types.iter().any(|sample| !sample.is_whole()) {
        return bad("is for whole numbers, and model.sample_types lists floats");
    }
    Ok(())
}

fn fit(config: &Config) -> Result<(), TrainError> {
    let fit = &config.fit;
    if !(fit.learning_rate > 0.0 && fit.learning_rate < f64::INFINITY) {
        return Err(value_error(config, "fit.learning_rate", "must be a number above 0"));
    }
    if !(fit.weight_decay >= 0.0 && fit.weight_decay < 1.0) {
        return Err(value_error(config, "fit.weight_decay", "must be 0 or more and below 1"));
    }
    Ok(())
}

fn loss(config: &Config) -> Result<(), TrainError> {
    let fits = |term: &Term| match term.kind {
        TermKind::Heat | TermKind::Size => config.is_detection() && !config.is_located(),
        TermKind::Giou => config.is_located() && !config.is_oriented(),
        TermKind::Probiou => config.is_located() && config.is_oriented(),
        TermKind::Centerness => config.is_located(),
        TermKind::Focal => config.is_located() || !config.is_detection(),
        TermKind::CrossEntropy | TermKind::Dice => !config.is_detection(),
    };
    if let Some(term) = config.loss.terms.iter().find(|t| !fits(t)) {
        let message = format!("contains `{}`, which this task does not support", term.kind.name());
        return Err(value_error(config, "loss.terms", &message));
    }
    if config.loss.terms.iter().any(|t| !(t.weight > 0.0 && t.weight.is_finite() && t.gamma >= 0.0)) {
        return Err(value_error(config, "loss.terms", "needs weights above 0 and gammas of 0 or more"));
    }
    if !(0.0..1.0).contains(&config.loss.label_smoothing) {
        return Err(value_error(config, "loss.label_smoothing", "must be 0 or more and below 1"));
    }
    if let Some(ClassWeights::List(list)) = &config.loss.class_weights
        && (list.len() != config.classes.len() || list.iter().any(|w| !w.is_finite() || *w <= 0.0))
    {
        let message = format!("needs {} numbers above 0, one per class", config.classes.len());
        return Err(value_error(config, "loss.class_weights", &message));
    }
    Ok(())
}

fn evaluate(config: &Config) -> Result<(), TrainError> {
    let evaluate = &config.evaluate;
    let bad = |key: &str, message: &str| Err(value_error(config, &format!("evaluate.{key}"), message));
    if evaluate.vote.is_some() {
        if config.task != TaskKind::SemanticSegmentation {
            return bad("vote", "is for semantic-segmentation only");
        }
        if evaluate.tolerance_px.is_some() || !evaluate.precision_at_k.is_empty() {
            return bad("vote", "counts objects: tolerance_px and precision_at_k count pixels");
        }
    }
    if let Some(tolerance) = evaluate.tolerance_px {
        if config.is_detection() {
            return bad("tolerance_px", "is for pixel labels, not for boxes");
        }
        if !(0.0..=100.0).contains(&tolerance) {
            return bad("tolerance_px", "must lie between 0 and 100");
        }
    }
    let wants_features = evaluate.tolerance_px.is_some() || !evaluate.precision_at_k.is_empty();
    if wants_features && !config.classes.iter().any(|class| class.features) {
        return Err(value_error(config, "evaluate", "needs a class with `features = true`"));
    }
    if !evaluate.precision_at_k.is_sorted_by(|a, b| a < b) {
        return bad("precision_at_k", "must be ascending");
    }
    if let Some(prevalence) = evaluate.prevalence {
        if config.is_detection() {
            return bad("prevalence", "is for pixel labels only: boxes have no negatives to count");
        }
        if !(prevalence > 0.0 && prevalence < 1.0) {
            return bad("prevalence", "must lie between 0 and 1");
        }
    }
    if evaluate.cell_px.is_some() && config.is_detection() {
        return bad("cell_px", "is for pixel labels only");
    }
    if evaluate.precision_at_k.is_empty() && (evaluate.prevalence.is_some() || evaluate.cell_px.is_some()) {
        return bad("precision_at_k", "is missing: prevalence and cell_px have no effect without it");
    }
    Ok(())
}

fn paste(config: &Config) -> Result<(), TrainError> {
    let Some(Paste { sets, .. }) = &config.sampling.paste else { return Ok(()) };
    if config.task != TaskKind::SemanticSegmentation {
        return Err(value_error(config, "sampling.paste", "is for semantic-segmentation only"));
    }
    if sets.is_empty() {
        return Err(value_error(config, "sampling.paste", "needs the names of data sets in `sets`"));
    }
    Ok(())
}
