//! What persons open of an output: files that are made of its manifest and of its other files.

mod output;
mod page;
mod qgis;

use std::path::Path;

use arpent_base::Result;
use arpent_publish::StagedArtifact;

pub(crate) use output::{Output, ZoneTable};
pub(crate) use page::title_of_dates;
pub(crate) use qgis::{
    OwnProject, areas_style, events_style, features_style, names_for_qgis, table_style, zones_style,
};

/// Writes what the options of an output ask for to a folder, beside the files that `staged` has, and appends it to them.
///
/// # Errors
/// When places of the output cannot be transformed to WGS 84, or a file cannot be written.
pub(crate) fn present(output: &Output<'_>, staged: &mut Vec<StagedArtifact>, folder: &Path) -> Result<()> {
    if output.options.qgis {
        staged.extend(qgis::write(output, staged, folder)?);
    }
    // Last: the page lists the files.
    if output.options.viewer {
        staged.push(page::write(output, staged, folder)?);
    }
    Ok(())
}
