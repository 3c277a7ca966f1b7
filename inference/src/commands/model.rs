//! `arpent model`: makes packages of networks trained elsewhere.

use std::path::Path;

use arpent_base::{DoingWhat as _, Result};
use arpent_job::JobError;
use arpent_model::{Adopted, ImportOptions, ModelPackage};
use arpent_shell::lines::{Lines, count};
use arpent_shell::print::{Format, print};
use serde::Serialize;

use crate::cli::ImportArgs;

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
    let checkpoint = arpent_model::read_checkpoint(&args.checkpoint)?;
    let (mut package, weights, adopted) = arpent_model::import(&checkpoint, &options(args))?;
    package.save(&weights, &args.output)?;
    let card = args.output.join("card.md");
    std::fs::write(&card, card_of(&package, args)).context(format!("cannot write {}", card.display()))?;
    let Adopted { prefix, unused, first_conv, .. } = adopted;
    let report = ImportReport {
        output: args.output.display().to_string(),
        sha256: package.sha256(),
        prefix,
        unused,
        first_conv_spread_from: first_conv,
        parameters: weights.parameters(),
        overlap_px: package.overlap_px,
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
    if !report.unused.is_empty() {
        lines.add("unused", report.unused.join(", "));
    }
    lines
}
