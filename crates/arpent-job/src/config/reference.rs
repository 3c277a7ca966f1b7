//! Configuration of reference layers.

use std::collections::BTreeMap;

use arpent_base::{Meters, PositiveShare, Width};
use arpent_gdal::InvalidGeometries;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Reference layers - buildings, roads, parcels, stands - and their use.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReferenceOptions {
    /// Layers that override the class of the pixels that they cover. Later ones override earlier ones.
    #[serde(rename = "override", alias = "impose", skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<OverrideOptions>,
    /// Layers that add attributes to features: those of the reference feature that covers most of a feature.
    #[serde(alias = "inform", skip_serializing_if = "Vec::is_empty")]
    pub enrich: Vec<EnrichOptions>,
    /// Layers that are compared with the map: each feature gets the share that agrees.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub compare: Vec<CompareOptions>,
    /// Lines that features are snapped to: each gets the nearest line and the measure along it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub snap: Vec<SnapOptions>,
}

/// A layer of a vector file (GeoPackage, GeoJSON, shapefile, File Geodatabase, SpatiaLite, GeoParquet, FlatGeobuf, KML, GML, MapInfo,
/// CSV with WKT), in any CRS.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LayerOptions {
    /// File or URL; may be followed by `|layername=NAME`, `|option:ENCODING=NAME` and `|crs=EPSG:CODE`.
    pub source: String,
    /// Name of the layer; by default the only one with geometries of the required kind.
    #[serde(default)]
    pub name: Option<String>,
    /// Encoding of its text, such as `CP1252`, if the file declares none, or a wrong one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Field with the ids of its reference features.
    pub id: String,
    /// Treatment of geometries that are not valid.
    #[serde(default)]
    pub invalid: InvalidGeometries,
}

/// Class of the reference features of a layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected the name of a class, or a table { field = NAME, values = { VALUE = CLASS } }"
)]
pub enum ClassOf {
    /// One class for all, by its name.
    One(String),
    /// By the value of a field.
    ByField(ClassByField),
}

/// The class of a reference feature by the value of a field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassByField {
    /// The field.
    pub field: String,
    /// Name of the class for a value, numbers as text; accents may be composed or not. Reference features with other values are
    /// skipped and counted.
    pub values: BTreeMap<String, String>,
}

/// A layer that overrides the class of pixels whose center lies in a reference feature. Pixels without data stay so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OverrideOptions {
    /// Name, the prefix of its columns: `NAME_id`, the reference feature with the largest share of a feature; `NAME_share`, the
    /// share that its reference features of the feature's class have together; `NAME_count`, their number; `NAME_ids`, the first
    /// of their ids, those with the largest shares first.
    pub name: String,
    /// The layer.
    pub layer: LayerOptions,
    /// Class of its reference features.
    pub class: ClassOf,
    /// Width of lines, such as roads, meters; with `width_field`, of those whose field is empty.
    #[serde(default)]
    pub width_m: Option<Width>,
    /// Field with the width of each line, meters.
    #[serde(default)]
    pub width_field: Option<String>,
    /// Whether its reference features belong to the framework (ossature) of OCS GE.
    #[serde(default)]
    pub ossature: bool,
    /// Share of a feature that its reference features must cover together to be listed.
    #[serde(default = "half")]
    pub min_share: PositiveShare,
}

/// A layer that adds attributes to features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrichOptions {
    /// Name, the prefix of its columns: `NAME_id`, `NAME_share`, `NAME_FIELD`.
    pub name: String,
    /// The layer.
    pub layer: LayerOptions,
    /// Fields to copy.
    #[serde(default)]
    pub fields: Vec<String>,
    /// Names of the classes whose features get attributes; all by default.
    #[serde(default)]
    pub of: Option<Vec<String>>,
    /// Share of a feature that a reference feature must cover.
    #[serde(default = "half")]
    pub min_share: PositiveShare,
}

/// A layer that the map is compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompareOptions {
    /// Name, the prefix of its columns: `NAME_class`, the class that covers most of a feature; `NAME_agreement`, the
    /// share that has the feature's class; `NAME_disagreement`, the share that has another.
    pub name: String,
    /// The layer.
    pub layer: LayerOptions,
    /// Class of its reference features.
    pub class: ClassOf,
    /// Names of the classes whose features are compared; all by default.
    #[serde(default)]
    pub of: Option<Vec<String>>,
}

/// Lines that features are snapped to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SnapOptions {
    /// Name, the prefix of its columns: `NAME_id`, `NAME_distance_m`, `NAME_measure_m`, the measure along the line from
    /// its start, and `NAME_FIELD`.
    pub name: String,
    /// The layer.
    pub layer: LayerOptions,
    /// Fields to copy.
    #[serde(default)]
    pub fields: Vec<String>,
    /// Names of the classes whose features are snapped; all by default.
    #[serde(default)]
    pub of: Option<Vec<String>>,
    /// Lines that are further away are ignored, meters.
    pub max_distance_m: Meters,
}

fn half() -> PositiveShare {
    PositiveShare::HALF
}

impl ReferenceOptions {
    /// Every layer, in the order of the rules.
    pub(crate) fn layers_mut(&mut self) -> impl Iterator<Item = &mut LayerOptions> {
        let Self { overrides, enrich, compare, snap } = self;
        let overrides = overrides.iter_mut().map(|rule| &mut rule.layer);
        let enrich = enrich.iter_mut().map(|rule| &mut rule.layer);
        let compare = compare.iter_mut().map(|rule| &mut rule.layer);
        overrides.chain(enrich).chain(compare).chain(snap.iter_mut().map(|rule| &mut rule.layer))
    }
}
