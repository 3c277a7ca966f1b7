//! `arpent model`: makes packages of networks trained elsewhere.

use std::path::Path;

use arpent_base::{DoingWhat as _, Result};
use arpent_job::{JobError, mlm};
use arpent_model::{Adopted, ImportOptions, Imported, ModelPackage, ModelWindow, Preset, preset_names};
use arpent_shell::print::{Format, print};

use arpent_cli::{ImportArgs, ItemArgs, ListArgs};

use crate::report::{self, ImportReport, ListReport, PresetReport};

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
    print(&report, report::of_import(&report).text(), format)?;
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
    let blocks: Vec<String> = report.presets.iter().map(|p| report::of_preset(p).text().to_owned()).collect();
    print(&report, &blocks.join("\n"), format)?;
    Ok(0)
}
