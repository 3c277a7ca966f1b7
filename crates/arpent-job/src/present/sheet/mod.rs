//! Sheets that describe an output for French catalogs: ISO 19115 as XML for geocatalogs, and a text for the form of
//! data.gouv.fr.
//!
//! Of the time of the run they have the day, in the XML alone: equal maps have equal texts, and `metadata.xml` is, like the
//! STAC item, a file of its own run.

mod facts;
mod iso;
mod text;
mod xml;

use std::path::Path;

use arpent_base::{DoingWhat as _, Result};
use arpent_publish::{ROLE_SHEET, StagedArtifact};

use super::output::Output;
use facts::Sheet;

/// Names of the metadata by ISO 19115, in the XML of ISO 19139, and of the text for data.gouv.fr.
pub(super) const NAMES: [&str; 2] = ["metadata.xml", "data-gouv.fr.md"];

/// Writes the sheets of an output with these files to a folder.
///
/// # Errors
/// When the extent cannot be transformed to WGS 84, or a file cannot be written.
pub(super) fn write(
    output: &Output<'_>,
    staged: &[StagedArtifact],
    folder: &Path,
) -> Result<Vec<StagedArtifact>> {
    let sheet = Sheet::of(output, staged)?;
    let write = |name: &str, bytes: &[u8]| -> Result<StagedArtifact> {
        let path = folder.join(name);
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(StagedArtifact::new(&path, ROLE_SHEET)?)
    };
    let iso = xml::document(&iso::metadata(&sheet)).context("cannot write the metadata")?;
    let [iso_name, text_name] = NAMES;
    Ok(vec![write(iso_name, &iso)?, write(text_name, text::text(&sheet).as_bytes())?])
}
