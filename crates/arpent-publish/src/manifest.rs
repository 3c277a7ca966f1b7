//! `manifest.json`: the record of a run.

use std::collections::BTreeMap;

use arpent_base::json_document;
use chrono::{SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::applicability::ApplicabilityCounts;
use crate::error::{PublishError, Result};
use crate::ledger::Ledger;
use crate::measured::MeasuredCounts;
use crate::names::{MANIFEST_FORMAT, is_plain};
use crate::undecided::UndecidedCounts;

/// The record of a complete run. It is written last: an output with a manifest is complete.
///
/// Unknown fields are ignored when reading.
///
/// ```
/// use arpent_publish::{Manifest, PublishError};
///
/// let text = br#"{"format": "arpent-run/1", "run_id": "run-1", "created": "2026-03-01T09:30:00Z", "attempt": "a1",
///     "software": {"arpent": "0.1.0"}, "inputs": [], "failed_inputs": [],
///     "model": {"id": "roofs", "version": "1.0.0", "sha256": "ab12", "license": "CC0-1.0"}, "config": {},
///     "counts": {"features": 2}, "timings_s": {}, "artifacts": []}"#;
/// let manifest = Manifest::from_json(text, "s3://maps/town")?;
/// assert_eq!((manifest.run_id.as_str(), manifest.counts.features), ("run-1", 2));
/// assert_eq!(Manifest::from_json(&manifest.to_json()?, "s3://maps/town")?, manifest);
///
/// // Another format is refused by its name.
/// let other = Manifest::from_json(br#"{"format": "arpent-run/99"}"#, "s3://maps/town");
/// assert!(matches!(other, Err(PublishError::ManifestFormat { .. })));
/// # Ok::<(), PublishError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`MANIFEST_FORMAT`].
    pub format: String,
    /// Id of the run.
    pub run_id: String,
    /// Time of creation, UTC, RFC 3339 with whole seconds.
    pub created: String,
    /// Folder of the artifacts under the output; set by [`Target::publish`](crate::Target::publish).
    pub attempt: String,
    /// Id of the plan of this map: a job that finds its own id here has already been published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Versions of the program and its libraries, by name.
    pub software: Software,
    /// Devices and instruction sets of the prediction, each once; empty if nothing was predicted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub engines: Vec<String>,
    /// Scenes that were read.
    pub inputs: Vec<Input>,
    /// Scenes that failed and are missing in the result.
    pub failed_inputs: Vec<FailedInput>,
    /// Warnings about the result.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// The model.
    pub model: ModelRecord,
    /// Description of the model: the package's `model.json` without what only the network needs. `None` without a model, and
    /// in manifests of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<Value>,
    /// The effective configuration, with defaults.
    pub config: Value,
    /// Counts.
    pub counts: Counts,
    /// Wall time of each stage, seconds.
    pub timings_s: BTreeMap<String, f64>,
    /// Energy of the run, and whether it was measured or estimated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy: Option<Value>,
    /// What the computation took, by stage; of maps only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<Ledger>,
    /// Columns of the features or zones, as a Table Schema (<https://specs.frictionlessdata.io/table-schema/>).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Value>,
    /// Columns of further tables, each as a Table Schema, by the name of the table.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<String, Value>,
    /// The files of the run; set by [`Target::publish`](crate::Target::publish).
    pub artifacts: Vec<Artifact>,
}

/// Versions by name, such as `arpent`, `gdal`, `proj`.
pub type Software = BTreeMap<String, String>;

/// A scene that was read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// Scene id, as in features.
    pub id: String,
    /// File or URL.
    pub uri: String,
    /// Size, bytes, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// SHA-256, hexadecimal, of a local file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// ETag of a remote object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Acquisition date or time, RFC 3339, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acquired: Option<String>,
    /// `before` or `after`, in a map that compares two dates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// Sources of validity of its pixels, and the origin of each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid: Option<String>,
    /// Statistics of a sample of its values, compared with the training of the model; `None` if it was not sampled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<InputValues>,
    /// Grid and window of its pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grid: Option<InputGrid>,
}

/// A sample of an input's values, as read for the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputValues {
    /// `raw` (as stored), `physical` (scale and offset applied) or `harmonized` (offset removed).
    pub read_as: String,
    /// Valid pixels in the sample.
    pub pixels: u64,
    /// `as in training`, `unlike training`, `outside of the model's range`, or `not compared`.
    pub verdict: String,
    /// The bands that the model reads, in its order.
    pub bands: Vec<BandValues>,
}

/// A sample of the values of one band.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BandValues {
    /// Name of the model's band.
    pub name: String,
    /// Number (from 1) of the file's band.
    pub band: usize,
    /// 1st percentile.
    pub p1: f64,
    /// Median.
    pub p50: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub std: f64,
    /// Scale and offset declared for its stored values, and their origin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<DeclaredScaling>,
}

/// Declared meaning of stored values: `stored * scale + offset`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeclaredScaling {
    /// Physical units per stored unit.
    pub scale: f64,
    /// Physical value of a stored 0.
    pub offset: f64,
    /// Origin of the declaration.
    pub by: String,
}

/// Position of the pixels of an input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputGrid {
    /// CRS, CRS units per pixel and phase, as text: equal for inputs of one grid.
    pub key: String,
    /// First column, counted from the origin of the CRS.
    pub col: i64,
    /// First row, counted from the origin of the CRS.
    pub row: i64,
    /// Columns.
    pub width: u64,
    /// Rows.
    pub height: u64,
}

/// A scene that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedInput {
    /// File or URL.
    pub uri: String,
    /// Why it failed.
    pub reason: String,
}

/// A warning about a result.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Warning {
    /// Kind of warning: a short, stable name in kebab case, such as `nothing-matched`.
    pub code: String,
    /// Subject: the id of a scene, the name of a layer or a rule, a key of the configuration.
    pub subject: String,
    /// The message, with its numbers, in one sentence.
    pub message: String,
    /// The hint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Warning {
    /// A warning without a hint.
    pub fn new(code: &str, subject: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), subject: subject.to_owned(), message: message.into(), hint: None }
    }

    /// The same with a hint.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// The model of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelRecord {
    /// Id of the model package.
    pub id: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the package, hexadecimal.
    pub sha256: String,
    /// License of the weights, SPDX.
    pub license: String,
}

/// Counts of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Windows of the plan.
    pub windows_planned: u64,
    /// Windows with a valid pixel: they went through the network, unless masks hide all of their core.
    pub windows_run: u64,
    /// Windows without a valid pixel, skipped.
    pub windows_skipped: u64,
    /// Pixels that went through the network, overlaps counted each time.
    pub pixels_computed: u64,
    /// Pixels of the requested area (the scenes, inside the AOI if there is one): the same for every size of windows.
    pub pixels_wanted: u64,
    /// Pixels with a prediction, without those that are masked.
    pub pixels_valid: u64,
    /// Features in total.
    pub features: u64,
    /// Features by class name.
    pub features_per_class: BTreeMap<String, u64>,
    /// Regions below the minimum mapping unit, for a coverage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<CoverageCounts>,
    /// Results of the reference layers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<ReferenceCounts>,
    /// Measured values, of a regression model: in the order of the bands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<MeasuredCounts>,
    /// What masks took out of the map, where there are masks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masked: Option<MaskedCounts>,
    /// Answers that are left undecided, where some may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undecided: Option<UndecidedCounts>,
    /// How much of the map is unlike the training of the model, if its package has samples of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applicability: Option<ApplicabilityCounts>,
    /// Features outside of all territories of the model, if it has polygons of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside_territory: Option<u64>,
    /// Zones, for zonal statistics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zones: Option<ZoneCounts>,
    /// Facts of a comparison of two dates: registration, images, events, control, balance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<serde_json::Value>,
    /// What persons decided, in a decided version of a map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Decided>,
}

impl Counts {
    /// Whether reference layers give classes to pixels of the map.
    pub fn overrides(&self) -> bool {
        self.references.iter().any(|layer| matches!(&*layer.rule, "override" | "impose"))
    }
}

/// What a decided version of a map was made of, and what persons decided.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Decided {
    /// Run id of the map that was proposed.
    pub map: String,
    /// SHA-256 of its manifest, hexadecimal.
    pub manifest_sha256: String,
    /// Address of it, relative to this output if both are folders; none if only one of them is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Name of the review.
    pub review: String,
    /// SHA-256 of its `review.json`.
    pub review_id: String,
    /// Digest of all its decisions and seals.
    pub root: String,
    /// Its newest seals: a later verification of the review finds the removal of everything that they hold.
    pub seals: Vec<String>,
    /// Its decisions.
    pub decisions: u64,
    /// How persons are named in columns: `name`, `function` or `none`.
    pub names: String,
    /// Features of the proposed map by their state, the invalidated ones included.
    pub states: BTreeMap<String, u64>,
    /// Features whose class a decision changed.
    pub classes_corrected: u64,
    /// Features whose outline a decision changed.
    pub outlines_corrected: u64,
    /// Rows of the table of superseded proposals.
    pub superseded: u64,
    /// Classes that the map did not have: decisions gave them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classes_added: Vec<String>,
}

/// Results of a reference layer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReferenceCounts {
    /// Its name.
    pub name: String,
    /// Its role: `override`, `enrich`, `compare` or `snap`.
    pub rule: String,
    /// File or URL.
    pub source: String,
    /// SHA-256 of its bytes, hexadecimal, of a local file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Reference features in it.
    #[serde(rename = "objects")]
    pub features: u64,
    /// Reference features whose geometry was made valid.
    pub repaired: u64,
    /// Reference features without a geometry.
    pub empty: u64,
    /// Reference features from which points or lines in addition to polygons were removed.
    #[serde(skip_serializing_if = "is_zero")]
    pub parts_left_out: u64,
    /// Reference features whose bounding box touches the map.
    pub near: u64,
    /// Results of each value that a rule names, in the order of the values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<ValueCounts>,
    /// Reference features that were ignored because the rule does not name their value, or they have none.
    #[serde(rename = "objects_unnamed", skip_serializing_if = "is_zero")]
    pub features_unnamed: u64,
    /// Their values, the first 20 in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values_unnamed: Vec<String>,
    /// Valid pixels in a reference feature.
    pub pixels_covered: u64,
    /// Pixels whose class was changed.
    #[serde(alias = "pixels_imposed")]
    pub pixels_overridden: u64,
    /// Features of the map that match a reference feature.
    #[serde(alias = "features_told")]
    pub features_matched: u64,
    /// Area of features for which map and layer agree, square meters.
    pub agreement_m2: f64,
    /// Area of features for which they disagree, square meters.
    pub disagreement_m2: f64,
}

/// What masks of clouds and shadows took out of a map: places that were not observed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MaskedCounts {
    /// Pixels that would have an answer without masks. For a model that finds boxes: pixels of its scenes.
    pub pixels: u64,
    /// Those of them that are masked.
    pub pixels_masked: u64,
    /// Their area, square meters.
    pub masked_m2: f64,
    /// Their area as a share of that of `pixels`, 0 to 1.
    pub masked_share: f64,
    /// Boxes that were left out because their center is masked.
    #[serde(skip_serializing_if = "is_zero")]
    pub boxes_masked: u64,
    /// The same by reason; a pixel has the first of its reasons.
    pub reasons: Vec<ReasonCounts>,
    /// Each mask.
    pub layers: Vec<MaskCounts>,
}

/// What is masked for one reason, such as `cloud`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReasonCounts {
    /// The reason: a class or a value of the mask, or its name.
    pub reason: String,
    /// Its value in `mask.tif`.
    pub value: u8,
    /// Pixels.
    pub pixels: u64,
    /// Their area, square meters.
    pub area_m2: f64,
    /// Their area as a share of that of all pixels, 0 to 1.
    pub share: f64,
    /// Boxes.
    #[serde(skip_serializing_if = "is_zero")]
    pub boxes: u64,
}

/// A mask.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MaskCounts {
    /// File, URL or output of a run.
    pub source: String,
    /// `areas`, `raster` or `map`.
    pub kind: String,
    /// Its reasons, by the values or classes that it masks.
    pub reasons: Vec<String>,
    /// SHA-256 of its bytes, hexadecimal, of a local file or a published map.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Run of a published map.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// Model of a published map.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelRecord>,
    /// Of areas: features that are masked, by their value.
    #[serde(skip_serializing_if = "is_zero")]
    pub features: u64,
    /// Those of them whose bounding box touches the map.
    #[serde(skip_serializing_if = "is_zero")]
    pub near: u64,
    /// Features with another value, which mask nothing.
    #[serde(skip_serializing_if = "is_zero")]
    pub features_unnamed: u64,
    /// Features whose geometry was made valid.
    #[serde(skip_serializing_if = "is_zero")]
    pub repaired: u64,
    /// Features without a geometry.
    #[serde(skip_serializing_if = "is_zero")]
    pub empty: u64,
    /// Pixels of the map that it masks, also those that a mask before it masks.
    pub pixels_masked: u64,
    /// Pixels of the map that a raster does not cover, or where it holds nodata: taken as observed.
    #[serde(skip_serializing_if = "is_zero")]
    pub pixels_unknown: u64,
}

/// A value of a field that a rule names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ValueCounts {
    /// The value.
    pub value: String,
    /// Corresponding class of the map.
    pub class: String,
    /// Features of the layer with this value.
    #[serde(rename = "objects")]
    pub features: u64,
    /// Those of them whose bounding box touches the map.
    pub near: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "signature required by serde")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Zones of zonal statistics. All of them are in the result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneCounts {
    /// Zones in total.
    pub zones: u64,
    /// Those whose geometry was made valid.
    pub repaired: u64,
    /// Those without geometry.
    pub empty: u64,
    /// Those from which points or lines in addition to polygons were removed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub parts_left_out: u64,
    /// Those entirely outside of the map.
    pub outside: u64,
    /// Those partly outside of the map.
    pub partly_outside: u64,
    /// Those at least partly inside the map, but without a valid pixel.
    pub without_data: u64,
    /// Those with the id of an earlier zone.
    pub repeated_ids: u64,
    /// Those with an empty id field.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub without_id: u64,
}

/// Regions below the minimum mapping unit, and generalization of borders.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CoverageCounts {
    /// Regions merged into a neighbor.
    #[serde(alias = "regions_dissolved")]
    pub regions_eliminated: u64,
    /// Pixels whose class in the features differs from the label raster.
    #[serde(alias = "pixels_dissolved")]
    pub pixels_eliminated: u64,
    /// Features below the unit without a neighbor: whole islands.
    pub islands: u64,
    /// Corners removed by smoothing.
    pub corners_cut: u64,
    /// Outlines squared to right angles.
    pub outlines_squared: u64,
    /// Area that smoothing and squaring moved from one feature to another, counted on both sides, as a share of the
    /// valid area.
    pub drawn_share: f64,
    /// Largest change of a feature's area by them, as a share of that area.
    pub max_drawn_share: f64,
}

/// A file of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Path relative to the manifest.
    pub href: String,
    /// Role: `labels`, `confidence`, `features`, `metadata`, ...
    pub role: String,
    /// Media type.
    pub media_type: String,
    /// Size, bytes.
    pub size: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

/// The common field of all formats.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Head {
    format: Option<Value>,
}

impl Manifest {
    /// The manifest as stored bytes, without credentials in any of its addresses.
    ///
    /// # Errors
    /// [`PublishError::Json`] when JSON cannot represent the configuration.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        json_document(self).map_err(|source| PublishError::Json { what: "the manifest", source })
    }

    /// Reads a manifest; `url` is for messages.
    ///
    /// # Errors
    /// [`PublishError::ManifestFormat`] when it names another format, [`PublishError::BadManifest`] when it is
    /// not a manifest, [`PublishError::ManifestPath`] when it names a file outside of its attempt's folder.
    pub fn from_json(bytes: &[u8], url: &str) -> Result<Self> {
        let bad = |source| PublishError::BadManifest { url: url.to_owned(), source };
        // The format is checked first: another one may have other fields.
        let found = serde_json::from_slice::<Head>(bytes).map_err(bad)?.format;
        let found = found.as_ref().and_then(Value::as_str).unwrap_or_default();
        if found != MANIFEST_FORMAT {
            return Err(PublishError::ManifestFormat { url: url.to_owned(), found: found.to_owned() });
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(bad)?;
        manifest.check_paths(url)?;
        Ok(manifest)
    }

    /// Refuses paths outside the folder of the attempt: every reader of a manifest opens the files that it names.
    fn check_paths(&self, url: &str) -> Result<()> {
        let attempt = self.attempt.as_str();
        let refused = |href: &str| PublishError::ManifestPath {
            url: url.to_owned(),
            href: href.to_owned(),
            attempt: attempt.to_owned(),
        };
        if !attempt.is_empty() && !is_plain(attempt) {
            return Err(refused(attempt));
        }
        let inside =
            |href: &str| href.split_once('/').is_some_and(|(first, name)| first == attempt && is_plain(name));
        self.artifacts.iter().find(|a| !inside(&a.href)).map_or(Ok(()), |a| Err(refused(&a.href)))
    }
}

/// The current time, UTC, RFC 3339 with whole seconds, as in [`Manifest::created`].
pub fn utc_now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arpent_base::Diagnostic as _;

    #[test]
    fn unknown_fields_are_read_over_and_unknown_formats_refused() {
        let manifest = crate::publish::tests::manifest("r1");
        let mut value: Value = serde_json::from_slice(&manifest.to_json().unwrap()).unwrap();
        value["from_the_future"] = Value::Bool(true);
        value["counts"]["windows_dreamt"] = 3.into();
        assert_eq!(Manifest::from_json(value.to_string().as_bytes(), "x").unwrap(), manifest);

        value["format"] = "arpent-run/2".into();
        let error = Manifest::from_json(value.to_string().as_bytes(), "s3://b/p").unwrap_err();
        assert!(matches!(&error, PublishError::ManifestFormat { found, .. } if found == "arpent-run/2"));
        assert!(error.to_string().contains("arpent-run/1") && error.hint().is_some());
        assert!(matches!(Manifest::from_json(b"{", "x"), Err(PublishError::BadManifest { .. })));
        assert!(matches!(Manifest::from_json(b"[]", "x"), Err(PublishError::ManifestFormat { .. })));
    }

    #[test]
    fn places_outside_of_the_attempt_are_refused() {
        let mut manifest = crate::publish::tests::manifest("r1");
        manifest.attempt = "20260102T030405Z-0123456789abcdef".into();
        let read = |manifest: &Manifest, href: &str| {
            let artifact = Artifact {
                href: href.into(),
                role: "labels".into(),
                media_type: "image/tiff".into(),
                size: 1,
                sha256: String::new(),
            };
            let manifest = Manifest { artifacts: vec![artifact], ..manifest.clone() };
            Manifest::from_json(&manifest.to_json().unwrap(), "s3://b/p")
        };
        let attempt = manifest.attempt.clone();
        assert!(read(&manifest, &format!("{attempt}/labels.tif")).is_ok());
        for href in [
            "../other/labels.tif".to_owned(),
            "labels.tif".to_owned(),
            "/etc/passwd".to_owned(),
            format!("{attempt}/../../labels.tif"),
            format!("{attempt}/..\\..\\labels.tif"),
            format!("{attempt}//labels.tif"),
            format!("{attempt}/deep/labels.tif"),
            format!("{attempt}/.hidden"),
            format!("{attempt}/a\0.tif"),
            format!("{attempt}/labels.tif?x=1"),
            "https://elsewhere/labels.tif".to_owned(),
            "/vsicurl/https://elsewhere/labels.tif".to_owned(),
            "20250102T030405Z-0123456789abcdef/labels.tif".to_owned(),
            String::new(),
        ] {
            let error = read(&manifest, &href).unwrap_err();
            assert!(matches!(error, PublishError::ManifestPath { .. }), "{href}: {error}");
            assert!(error.hint().is_some());
        }
        for attempt in ["..", "a/b", "/", "a b", ".x"] {
            manifest.attempt = attempt.into();
            let error = read(&manifest, &format!("{attempt}/labels.tif")).unwrap_err();
            assert!(matches!(error, PublishError::ManifestPath { .. }), "{attempt}: {error}");
        }
    }

    #[test]
    fn now_is_rfc_3339() {
        let now = utc_now();
        assert!(now.ends_with('Z') && now.len() == 20, "{now}");
    }
}
