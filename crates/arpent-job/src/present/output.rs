//! An output, as it is presented.

use arpent_base::{Column, Language};
use arpent_publish::Manifest;
use arpent_raster::{Grid, Nomenclature, Window};
use arpent_viewer::{Kind, ZoneMap};

use super::imagery::Scenes;
use crate::config::PublishOptions;

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
    /// Its zones on the map.
    pub(crate) zone_map: Option<ZoneMap>,
    /// Its scenes.
    pub(crate) scenes: Option<Scenes<'a>>,
}

impl Output<'_> {
    /// The title.
    pub(super) fn title(&self) -> &str {
        self.options.title.as_deref().unwrap_or(&self.title)
    }
}
