//! What persons open of an output: files that are made of its manifest and of its other files.

mod page;
mod qgis;

use std::path::Path;

use arpent_base::{Column, Language, Result};
use arpent_publish::{Manifest, StagedArtifact};
use arpent_raster::{Grid, Nomenclature, Window};
use arpent_viewer::Kind;

use crate::config::PublishOptions;

pub(crate) use page::title_of_dates;
pub(crate) use qgis::{
    OwnProject, areas_style, events_style, features_style, names_for_qgis, table_style, zones_style,
};

/// A table with a row for each zone.
pub(crate) struct ZoneTable {
    /// Name of its CSV file; it is left out if the output does not have it.
    pub(crate) file: &'static str,
    /// Its titles, English and French.
    pub(crate) title: [&'static str; 2],
    /// Its columns.
    pub(crate) columns: Vec<Column>,
}

/// An output whose data are complete, before it is published.
pub(crate) struct Output<'a> {
    /// What it is.
    pub(crate) kind: Kind,
    /// Its title, if the options have none.
    pub(crate) title: String,
    /// The language that texts begin with.
    pub(crate) language: Language,
    /// The classes of its features, or of its events.
    pub(crate) classes: &'a Nomenclature,
    /// Its pixels.
    pub(crate) grid: &'a Grid,
    /// Their extent.
    pub(crate) window: Window,
    /// Its manifest, as it will be published.
    pub(crate) manifest: &'a Manifest,
    /// What is written, and what is said of it.
    pub(crate) options: &'a PublishOptions,
    /// Its tables of zones.
    pub(crate) zones: Vec<ZoneTable>,
}

impl Output<'_> {
    /// Writes what the options ask for to a folder, beside the files that `staged` has, and appends it to them.
    ///
    /// # Errors
    /// When places of the output cannot be transformed to WGS 84, or a file cannot be written.
    pub(crate) fn present(&self, staged: &mut Vec<StagedArtifact>, folder: &Path) -> Result<()> {
        if self.options.qgis {
            staged.extend(qgis::write(self, staged, folder)?);
        }
        // Last: the page lists the files.
        if self.options.viewer {
            staged.push(page::write(self, staged, folder)?);
        }
        Ok(())
    }

    /// The title.
    fn title(&self) -> &str {
        self.options.title.as_deref().unwrap_or(&self.title)
    }
}
