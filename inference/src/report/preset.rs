//! Published models that can be imported.

use arpent_base::Result;
use arpent_base::number::exact;
use arpent_model::{ModelWindow, Preset, PresetSource, PublishedScore, flop_per_pixel};
use arpent_shell::lines::Lines;
use serde::Serialize;

/// A preset, as printed.
#[derive(Debug, Serialize)]
pub(crate) struct PresetReport {
    /// Its name, for `--like`.
    pub name: &'static str,
    /// Display title.
    pub title: String,
    /// Name of the architecture.
    pub architecture: String,
    /// Number of weights.
    pub parameters: usize,
    /// Thousands of floating-point operations for each pixel of a window.
    pub kflop_per_px: f64,
    /// Names of the bands, in the order of the network.
    pub bands: Vec<String>,
    /// Unit of their values.
    pub unit: Option<String>,
    /// Lowest and highest valid value.
    pub value_range: [f32; 2],
    /// GSD of the training data, and the finest and coarsest that are accepted, meters.
    pub gsd_m: [f64; 3],
    /// The window of a network that looks at the whole window.
    pub window: Option<ModelWindow>,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// License of the weights.
    pub license: String,
    /// Where the file is found.
    pub source: PresetSource,
    /// Names of the training data.
    pub training_data: Vec<String>,
    /// Scores that the authors published.
    pub scores: Vec<PublishedScore>,
    /// What a user has to know.
    pub notes: Vec<String>,
    /// The command that imports the file.
    pub import: String,
}

impl PresetReport {
    /// The preset of a name.
    ///
    /// # Errors
    /// An unknown name.
    pub(crate) fn new(name: &'static str) -> Result<Self> {
        let preset = Preset::named(name)?;
        let network = preset.network();
        Ok(Self {
            name,
            parameters: network.parameters(),
            kflop_per_px: (flop_per_pixel(&network) / 100.0).round() / 10.0,
            bands: preset.bands.iter().map(|b| b.name.clone()).collect(),
            unit: preset.bands.first().and_then(|b| b.unit.clone()),
            value_range: preset.value_range,
            gsd_m: [preset.gsd_m.nominal, preset.gsd_m.min, preset.gsd_m.max],
            window: preset.window,
            classes: preset.classes.iter().map(|c| c.name.clone()).collect(),
            license: preset.license,
            import: format!(
                "arpent model import {} --like {name} --output models/{name}",
                preset.source.file
            ),
            source: preset.source,
            training_data: preset.training_data.into_iter().map(|t| t.name).collect(),
            scores: preset.scores,
            notes: preset.notes,
            title: preset.title,
            architecture: preset.architecture,
        })
    }
}

/// The presets, as printed.
#[derive(Debug, Serialize)]
pub(crate) struct ListReport {
    /// Presets in alphabetical order.
    pub presets: Vec<PresetReport>,
}

/// A published model.
pub(crate) fn of_preset(preset: &PresetReport) -> Lines {
    let mut lines = Lines::default();
    lines.add(preset.name, &preset.title);
    let millions =
        format!("{:.1} M parameters, {:.0} kFLOP/px", exact(preset.parameters) / 1e6, preset.kflop_per_px);
    lines.add("network", format!("{}, {millions}", preset.architecture));
    let [low, high] = preset.value_range;
    let unit = preset.unit.as_deref().unwrap_or("no unit");
    lines.add("bands", format!("{} ({unit}, {low} to {high})", preset.bands.join(", ")));
    let [nominal, min, max] = preset.gsd_m;
    lines.add("GSD", format!("{nominal} m ({min} to {max} m)"));
    if let Some(window) = preset.window {
        lines.add(
            "window",
            format!("{} px, of which {} px on each side are not kept", window.side_px, window.margin_px),
        );
    }
    lines.add("classes", preset.classes.join(", "));
    lines.add("license", &preset.license).add("trained on", preset.training_data.join("; "));
    let size =
        preset.source.bytes.map_or_else(String::new, |bytes| format!(", {:.1} MB", exact(bytes) / 1e6));
    lines.add("file", format!("{}{size}", preset.source.file)).more(&preset.source.address);
    for score in &preset.scores {
        lines.add("score", format!("{} {} ({})", score.name, score.value, score.on));
    }
    for note in &preset.notes {
        lines.add("note", note);
    }
    lines.add("import", &preset.import);
    lines
}
