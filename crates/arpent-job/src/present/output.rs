//! An output of which something is shown: what every file for persons is made of.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use arpent_base::{Column, Failure, Language, Result};
use arpent_gdal::{Mosaic, SharedBlocks};
use arpent_publish::{About, Manifest};
use arpent_raster::{Grid, Nomenclature, Window};
use arpent_viewer::{Date, Kind, ZoneMap};
use serde_json::Value;

use crate::config::PublishOptions;
use crate::report::Material;

/// A table with a row for each zone.
pub(crate) struct ZoneTable {
    /// Name of its CSV file; it is left out if the output does not have it.
    pub(crate) file: &'static str,
    /// Its titles, English and French.
    pub(crate) title: [&'static str; 2],
    /// Its columns.
    pub(crate) columns: Vec<Column>,
}

/// A table that a Table Schema describes.
pub(crate) struct Table {
    /// Its name: the schema is `NAME.schema.json`.
    pub(super) name: &'static str,
    /// A file that holds it; it is left out if the output does not have it.
    pub(super) file: &'static str,
    /// Its titles, English and French.
    pub(super) title: [&'static str; 2],
    /// Its fields and keys.
    pub(super) schema: Value,
}

impl Table {
    /// A table in `file`, with a Table Schema of its fields and keys.
    pub(crate) const fn new(
        name: &'static str,
        file: &'static str,
        title: [&'static str; 2],
        schema: Value,
    ) -> Self {
        Self { name, file, title, schema }
    }
}

/// The scenes of a date.
#[derive(Debug)]
pub(crate) struct Imagery<'a> {
    /// The date, if there are two.
    pub(crate) date: Option<Date>,
    pub(crate) mosaic: &'a Mosaic,
    /// Numbers of red, green and blue, or of one band, of each scene.
    pub(crate) bands: Vec<Vec<usize>>,
}

/// The scenes of all dates of an output, and what pictures of them are made with.
#[derive(Debug)]
pub(crate) struct Scenes<'a> {
    pub(crate) dates: Vec<Imagery<'a>>,
    pub(crate) threads: usize,
    /// Blocks that readers share, where scenes are remote or costly to decode.
    pub(crate) shared: Option<&'a SharedBlocks>,
    /// Set to stop, and the error of that.
    pub(crate) interrupt: &'a AtomicBool,
    pub(crate) interrupted: fn() -> Failure,
}

/// Makes a report.
pub(crate) type MakeReport = fn(&Material<'_>) -> Result<String>;

/// An output whose data are complete, before it is published.
pub(crate) struct Output<'a> {
    /// What it is.
    pub(crate) kind: Kind,
    /// Its title, terms, and who answers for it.
    pub(crate) about: &'a About,
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
    /// Its tables beside features or events.
    pub(crate) tables: Vec<Table>,
    /// Its tables of zones, as the page shows them.
    pub(crate) zones: Vec<ZoneTable>,
    /// Its zones on the map.
    pub(crate) zone_map: Option<ZoneMap>,
    /// Its scenes, for pictures under the map.
    pub(crate) imagery: Option<Scenes<'a>>,
    /// Addresses of its scenes, by id, for pictures of features.
    pub(crate) scenes: BTreeMap<String, String>,
    /// Makes its report, if there is one of its kind.
    pub(crate) report: Option<MakeReport>,
}
