//! `arpent model`: makes packages of networks trained elsewhere.

use std::path::Path;

use arpent_base::number::exact;
use arpent_base::{DoingWhat as _, Result};
use arpent_job::{JobError, mlm};
use arpent_model::{
    Adopted, ImportOptions, Imported, ModelPackage, ModelWindow, Preset, PresetSource, PublishedScore,
    flop_per_pixel, preset_names,
};
use arpent_shell::lines::{Lines, count};
use arpent_shell::print::{Format, print};
use serde::Serialize;

use crate::cli::{ImportArgs, ItemArgs, ListArgs};

/// The imported package, as printed.
#[derive(Debug, Serialize)]
pub(crate) struct ImportReport {
    /// Folder of the package.
    pub output: String,
    /// SHA-256 of the package.
    pub sha256: String,
    /// Prefix of each name in the checkpoint.
    pub prefix: String,
    /// Tensors of the checkpoint that the network does not have.
    pub unused: Vec<String>,
    /// Input channels of the checkpoint's first convolution, if they were spread over another number of bands.
    pub first_conv_spread_from: Option<usize>,
    /// Number of weights.
    pub parameters: usize,
    /// Overlap to read around a window's core, pixels.
    pub overlap_px: usize,
    /// What a user has to know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Runs `arpent model import`.
///
/// # Errors
/// A checkpoint that cannot be read or has another architecture, an unknown name, an existing package.
pub(crate) fn import(args: &ImportArgs, format: Format) -> Result<u8> {
    if args.output.join("model.json").exists() {
        return Err(JobError::PackageExists { path: args.output.clone() }.into());
    }
    if args.license.as_ref().is_some_and(|l| l.trim().is_empty()) {
        return Err(JobError::EmptyLicense.into());
    }
    let Imported { mut package, weights, adopted, notes } =
        arpent_model::import_file(&args.checkpoint, &options(args))?;
    package.save(&weights, &args.output)?;
    let card = args.output.join("card.md");
    std::fs::write(&card, card_of(&package, args)).context(format!("cannot write {}", card.display()))?;
    let Adopted { prefix, unused, first_conv, .. } = adopted.unwrap_or_default();
    let report = ImportReport {
        output: args.output.display().to_string(),
        sha256: package.sha256(),
        prefix,
        unused,
        first_conv_spread_from: first_conv,
        parameters: weights.parameters(),
        overlap_px: package.overlap_px,
        notes,
    };
    print(&report, human(&report).text(), format)?;
    Ok(0)
}

fn options(args: &ImportArgs) -> ImportOptions {
    let from_name = |path: &Path| {
        let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
    };
    ImportOptions {
        id: args.id.clone().unwrap_or_else(|| from_name(&args.output)),
        architecture: args.architecture.clone(),
        classes: args.classes,
        bands: args.bands.clone(),
        like: args.like.clone(),
        license: args.license.clone(),
        // The command line requires both or neither.
        overlap: args.overlap.zip(args.overlap_because.clone()),
        window: args.window.zip(args.margin).map(|(side_px, margin_px)| ModelWindow { side_px, margin_px }),
        stored_scale: args.stored_scale,
        values: args.values.clone(),
    }
}

fn card_of(package: &ModelPackage, args: &ImportArgs) -> String {
    let file = args.checkpoint.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    format!(
        "# {} ({})\n\nImported from `{file}` as {}. It was not evaluated at import: scores, if any, are those that \
         its authors published.\n\nLicense of the weights: {}.\n",
        package.title,
        package.id,
        package.architecture.name(),
        if package.license.is_empty() { "not stated" } else { &package.license },
    )
}

fn human(report: &ImportReport) -> Lines {
    let mut lines = Lines::default();
    lines.add("package", &report.output).add("sha256", &report.sha256);
    lines.add("parameters", count(report.parameters as u64));
    lines.add("overlap", format!("{} px", report.overlap_px));
    if !report.prefix.is_empty() {
        lines.add("prefix", format!("`{}` before every name", report.prefix));
    }
    if let Some(channels) = report.first_conv_spread_from {
        lines.add("note", format!("the first convolution had {channels} bands; its weights were spread over those of the package"));
    }
    for note in &report.notes {
        lines.add("note", note);
    }
    if !report.unused.is_empty() {
        let shown =
            report.unused.iter().take(UNUSED_SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = report.unused.len().saturating_sub(UNUSED_SHOWN);
        lines.add("unused", if more > 0 { format!("{shown} and {more} more") } else { shown });
    }
    lines
}

/// Most tensors without use that are printed as text.
const UNUSED_SHOWN: usize = 12;

/// Runs `arpent model item`.
///
/// # Errors
/// A package that cannot be read.
pub(crate) fn item(args: &ItemArgs, format: Format) -> Result<u8> {
    let (package, weights) = ModelPackage::load(&args.package)?;
    let item = mlm::item(&package, &weights);
    print(&item, &format!("{item:#}\n"), format)?;
    Ok(0)
}

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
    fn new(name: &'static str) -> Result<Self> {
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

/// Runs `arpent model list`.
///
/// # Errors
/// An unknown name.
pub(crate) fn list(args: &ListArgs, format: Format) -> Result<u8> {
    // Refuses unknown names.
    args.names.iter().try_for_each(|name| Preset::named(name).map(drop))?;
    let wanted = |name: &&str| args.names.is_empty() || args.names.iter().any(|n| n == name);
    let presets = preset_names().filter(wanted).map(PresetReport::new).collect::<Result<_>>()?;
    let report = ListReport { presets };
    let blocks: Vec<String> = report.presets.iter().map(|p| listed(p).text().to_owned()).collect();
    print(&report, &blocks.join("\n"), format)?;
    Ok(0)
}

fn listed(preset: &PresetReport) -> Lines {
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
