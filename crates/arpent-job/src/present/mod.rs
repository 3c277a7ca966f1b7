//! What persons open of an output: files that are made of its manifest and of its other files.

mod entry;
mod imagery;
mod output;
mod page;
mod qgis;
mod report;
mod schemas;
mod sheet;
mod zone_tiles;

use std::path::Path;

use arpent_base::Result;
use arpent_publish::StagedArtifact;
use arpent_viewer::PAGE_NAME;

use crate::config::PublishOptions;
use crate::report::REPORT_NAME;

pub(crate) use entry::write_entry;
pub(crate) use imagery::{QUALITY as IMAGERY_QUALITY, bands_of, dates_of, name_of as imagery_name};
pub(crate) use output::{Imagery, Output, Scenes, Table, ZoneTable};
pub(crate) use page::title_of_dates;
pub(crate) use qgis::{
    OwnProject, areas_style, columns_of, decided_style, events_style, features_style, names_for_qgis,
    roads_style, table_style, zones_style,
};
pub(crate) use zone_tiles::{ZoneSpec, ZoneTiles};

/// Names of the files that are made of a map, in their order, for its plan.
pub(crate) fn names_of_map(options: &PublishOptions, dates: usize, has_features: bool) -> Vec<&'static str> {
    let mut names = Vec::new();
    if options.imagery {
        names.extend(imagery::dates_of(dates).iter().map(|date| imagery::name_of(*date)));
    }
    if options.report {
        names.push(REPORT_NAME);
    }
    if options.metadata {
        if has_features {
            names.push("features.schema.json");
        }
        names.extend(sheet::NAMES);
    }
    if options.viewer {
        names.push(PAGE_NAME);
    }
    names
}

/// Writes what the options of an output ask for to a folder, beside the files that `staged` has, and appends it to them.
///
/// # Errors
/// When places of the output cannot be transformed to WGS 84, a scene or a file of it cannot be read, or one cannot be written.
pub(crate) fn present(output: &Output<'_>, staged: &mut Vec<StagedArtifact>, folder: &Path) -> Result<()> {
    if let Some(scenes) = output.imagery.as_ref().filter(|_| output.options.imagery) {
        staged.extend(imagery::write(output, scenes, folder)?);
    }
    if output.options.qgis {
        staged.extend(qgis::write(output, staged, folder)?);
    }
    if let Some(make) = output.report.filter(|_| output.options.report) {
        staged.push(report::write(output, make, staged, folder)?);
    }
    if output.options.metadata {
        staged.extend(schemas::write(output, staged, folder)?);
        staged.extend(sheet::write(output, staged, folder)?);
    }
    // Last: the page lists the files.
    if output.options.viewer {
        staged.push(page::write(output, staged, folder)?);
    }
    Ok(())
}
