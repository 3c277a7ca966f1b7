//! A vector layer that was burnt, and what was read of it.

use std::path::PathBuf;

use arpent_base::redacted;
use arpent_gdal::{Fingerprint, PublishedRaster};
use arpent_publish::Warning;
use arpent_shell::lines::count;
use serde::Serialize;

use super::cover::{Content, Unknown};
use crate::config::normalized_date;
use crate::warnings::doubts;

/// A layer that was burnt.
pub(crate) struct BurntLayer {
    pub(crate) uri: String,
    pub(crate) raster: PublishedRaster,
    pub(crate) fingerprint: Fingerprint,
    /// The uses, if all of the date has one.
    pub(crate) uses: Option<PublishedRaster>,
    /// A raster with the number of the vintage of each pixel, if the layer has several.
    pub(crate) vintages: Option<PathBuf>,
    /// What can change the result beside the file, for the run id.
    pub(crate) read: serde_json::Value,
    pub(crate) record: CoverRecord,
}

/// What was read of a layer, in the manifest.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct CoverRecord {
    /// Name of the layer.
    pub(crate) layer: String,
    pub(crate) content: Content,
    /// All its columns.
    pub(crate) columns: Vec<String>,
    /// The columns that were read.
    pub(crate) class_column: String,
    pub(crate) use_column: Option<String>,
    pub(crate) year_column: Option<String>,
    /// Years of its polygons, else those of its columns or of its name.
    pub(crate) years: Vec<i32>,
    /// Polygons of the layer, and those near the area that is compared.
    pub(crate) polygons: u64,
    pub(crate) near: u64,
    /// Of those near: with a value that is no class, and without a value. They are not observed.
    pub(crate) unknown: Unknown,
    pub(crate) without_class: u64,
    /// With a use that is no code, and without one.
    pub(crate) unknown_uses: Unknown,
    pub(crate) without_use: u64,
    /// Ground in two polygons or more, and the part of it where they have different classes.
    pub(crate) overlap_m2: f64,
    pub(crate) overlap_of_classes_m2: f64,
    /// Of a differential: ground whose class at the other date is not that of the other date's map.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) disagrees_m2: Option<f64>,
}

impl BurntLayer {
    /// Its date: its years, RFC 3339.
    pub(crate) fn acquired(&self) -> Option<String> {
        match *self.record.years {
            [] => None,
            [year] => normalized_date(&year.to_string()),
            [first, .., last] => normalized_date(&format!("{first}/{last}")),
        }
    }

    /// Doubts about what was read. `subject` is the date.
    pub(crate) fn warnings(&self, subject: &str) -> Vec<Warning> {
        let record = &self.record;
        let counted = [
            ("without-class", record.without_class, "have no value of the class: they are not observed"),
            (
                "without-use",
                record.without_use,
                "have no land use: their soils are judged by the cover alone",
            ),
        ];
        let mut warnings: Vec<Warning> =
            doubts(subject, &self.uri, "polygons", record.near, counted).collect();
        let layer = redacted(&self.uri);
        let mut warn = |code: &str, message: String, hint: &str| {
            warnings.push(Warning::new(code, subject, message).with_hint(hint));
        };
        if record.unknown.polygons > 0 {
            warn(
                "unknown-values",
                format!(
                    "{} of {} polygons of {layer} have values of `{}` that are no class, and are not observed: {}",
                    count(record.unknown.polygons),
                    count(record.near),
                    record.class_column,
                    record.unknown.listed()
                ),
                "name their classes under [before.values] or [after.values], or \"nodata\"",
            );
        }
        if let Some(column) = record.use_column.as_deref().filter(|_| record.unknown_uses.polygons > 0) {
            warn(
                "unknown-uses",
                format!(
                    "{} of {} polygons of {layer} have values of `{column}` that are no land use of OCS GE, and no answer in the balance: {}",
                    count(record.unknown_uses.polygons),
                    count(record.near),
                    record.unknown_uses.listed()
                ),
                "name their codes under [before.use_values] or [after.use_values], for example \"housing\" = \"US5\"",
            );
        }
        if record.overlap_m2 > 0.0 {
            warn(
                "polygons-overlap",
                format!(
                    "{:.0} m2 of {layer} lie in two polygons or more, {:.0} m2 of it in polygons of different classes: the lowest class id counts",
                    record.overlap_m2, record.overlap_of_classes_m2
                ),
                "remove the overlaps, for example with `Check geometries` in QGIS",
            );
        }
        if let [first, .., last] = *record.years {
            warn(
                "several-vintages",
                format!("{layer} has {} vintages from {first} to {last}", record.years.len()),
                "the column `years` of the balance has those of each zone",
            );
        }
        if let Some(disagrees) = record.disagrees_m2.filter(|m2| *m2 > 0.0) {
            warn(
                "differential-disagrees",
                format!(
                    "on {disagrees:.0} m2 of {layer}, its class of the other date is not that of the map of the other date"
                ),
                "check that both are of one delivery and of the same years",
            );
        }
        warnings
    }
}
