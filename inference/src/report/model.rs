//! Text report of a model package.

use arpent_base::listed_of;
use arpent_model::{Architecture, ModelPackage};
use arpent_shell::lines::{Lines, count};
use serde::Serialize;

/// Cost of a network.
#[derive(Debug, Serialize)]
pub(crate) struct Speed {
    pub(crate) parameters: usize,
    /// Of the convolutions as defined, without savings of the engine; not known of a graph.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) gflop_per_mpx: Option<f64>,
    /// Measured in a probe on this machine.
    pub(crate) mpx_per_s: f64,
    pub(crate) threads: usize,
    pub(crate) engine: String,
}

/// A package and the cost of its network.
pub(crate) fn of_model(model: &ModelPackage, speed: &Speed) -> Lines {
    let mut lines = Lines::default();
    lines.add("model", format!("{} {}: {}", model.id, model.version, model.title));
    lines.add("sha256", model.sha256());
    lines.add("license", &model.license);
    let Speed { gflop_per_mpx, mpx_per_s, threads, engine, .. } = speed;
    let parameters = count(speed.parameters as u64);
    let cost = match gflop_per_mpx {
        Some(gflop) => format!(", {gflop:.1} GFLOP per Mpx"),
        None => String::new(),
    };
    lines.add("network", format!("{}, {parameters} parameters{cost}", model.architecture.name()));
    lines.add(
        "engine",
        format!("{engine}, {threads} threads: {mpx_per_s:.2} Mpx/s in a probe on this machine"),
    );
    let names: Vec<&str> = model.bands.iter().map(|b| b.name.as_str()).collect();
    lines.add("bands", listed_of(&names, "bands"));
    if let Some(quantized) = model.bands.iter().find_map(|b| b.dequantize) {
        lines.add("dequantizes", quantized.describe());
    }
    let gsd = &model.gsd_m;
    lines.add("GSD", format!("{} m, valid from {} to {} m", gsd.nominal, gsd.min, gsd.max));
    let (reach, overlap) = (model.receptive_field_px, model.overlap_px);
    match model.window {
        Some(window) => lines.add(
            "window",
            format!(
                "{} px with a margin of {} px, part of the model (stride {} px)",
                window.side_px, window.margin_px, model.stride_px
            ),
        ),
        None => lines.add(
            "overlap",
            format!("{overlap} px (receptive field {reach} px, stride {} px)", model.stride_px),
        ),
    };
    for class in model.classes.classes() {
        let feature = if class.features { "" } else { ", no features" };
        lines.add("class", format!("{} {} {}{feature}", class.id, class.color, class.name));
    }
    for value in &model.values {
        let unit = value.unit.as_ref().map_or_else(String::new, |unit| format!(", {unit}"));
        lines.add("value", format!("{}{unit}", value.name));
    }
    for (name, score) in &model.scores {
        lines.add("score", format!("{name}: {:.3} ({}, {})", score.value, score.measure, score.split));
    }
    for data in &model.training_data {
        lines.add("trained on", format!("{} ({}), {}", data.name, data.license, data.source));
    }
    lines.add(
        "validated on",
        if model.territories.is_empty() {
            "not stated".to_owned()
        } else {
            model.territories.iter().map(arpent_model::Territory::name).collect::<Vec<_>>().join(", ")
        },
    );
    // A training states its data.
    if matches!(model.architecture, Architecture::Linear { .. }) && model.training_data.is_empty() {
        lines.add("note", "one convolution set by hand: for tests");
    }
    lines
}
