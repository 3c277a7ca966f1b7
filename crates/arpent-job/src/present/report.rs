//! `report.html` of an output.

use std::borrow::Cow;
use std::path::Path;

use arpent_base::{DoingWhat as _, Result};
use arpent_publish::{ROLE_REPORT, StagedArtifact};

use super::output::{MakeReport, Output};
use crate::report::{Imprint, Material, REPORT_NAME};

/// Writes the report of an output with these files to a folder. Time and energy of the computation are not in it: equal maps
/// have equal reports.
///
/// # Errors
/// When a file of the output cannot be read, or the report cannot be written.
pub(super) fn write(
    output: &Output<'_>,
    make: MakeReport,
    staged: &[StagedArtifact],
    folder: &Path,
) -> Result<StagedArtifact> {
    let material = Material {
        manifest: output.manifest,
        title: output.about.title.clone(),
        language: output.language,
        classes: Some(Cow::Borrowed(output.classes)),
        imprint: Imprint::of(output.manifest),
        files: Material::staged(staged),
        place: Some((output.grid.clone(), output.window)),
        scenes: output.scenes.clone(),
        with_computation: false,
    };
    let path = folder.join(REPORT_NAME);
    let html = make(&material).context("cannot make the report")?;
    std::fs::write(&path, html).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(StagedArtifact::new(&path, ROLE_REPORT)?)
}
