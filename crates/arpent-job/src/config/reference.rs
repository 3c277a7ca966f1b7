//! Layers that a map is crossed with, as written in a configuration.

use std::collections::BTreeMap;

use arpent_gdal::InvalidGeometries;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Layers that somebody keeps already - buildings, roads, parcels, stands - and what each is to the map.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReferenceOptions {
    /// Layers that are cut into the features: where they lie, the class is theirs. Later ones cut earlier ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub impose: Vec<ImposeOptions>,
    /// Layers that give features attributes: those of the object that covers most of a feature.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inform: Vec<InformOptions>,
    /// Layers that say of features where they agree with them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub compare: Vec<CompareOptions>,
    /// Lines that features are brought to: the nearest one, and the measure along it.
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
    /// Name of the layer; the only one that has geometries of the kind wanted by default.
    #[serde(default)]
    pub name: Option<String>,
    /// Encoding of its text, such as `CP1252`, where the file does not say it, or says it wrongly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Field with the ids of its objects.
    pub id: String,
    /// What to do with geometries that are not valid.
    #[serde(default)]
    pub invalid: InvalidGeometries,
}

/// Which class of the map the objects of a layer are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected the name of a class, or a table { field = NAME, values = { VALUE = CLASS } }"
)]
pub enum ClassOf {
    /// All of one class, by its name.
    One(String),
    /// By the value of a field.
    ByField(ClassByField),
}

/// The class of an object by the value of a field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassByField {
    /// The field.
    pub field: String,
    /// Name of the class for a value, numbers as text; accents may be composed or not. Objects with other values are left aside
    /// and counted.
    pub values: BTreeMap<String, String>,
}

/// A layer that is cut into the features. Pixels whose center lies in an object are of its class; those without data stay so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImposeOptions {
    /// Name, with which its columns begin: `NAME_id`, the object that is the most of a feature; `NAME_share`, the share that its
    /// objects of the feature's class make together; `NAME_count`, how many they are; `NAME_ids`, the first of them, those with
    /// the largest shares first.
    pub name: String,
    /// The layer.
    pub layer: LayerOptions,
    /// Class of its objects.
    pub class: ClassOf,
    /// Width of its objects where they are lines, such as roads, meters; with `width_field`, of those whose field is empty.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub width_m: Option<f64>,
    /// Field with the width of each, meters.
    #[serde(default)]
    pub width_field: Option<String>,
    /// Whether its objects are of the framework (ossature) of OCS GE.
    #[serde(default)]
    pub ossature: bool,
    /// Share of a feature that its objects have to cover together to be told with it.
    #[serde(default = "half")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub min_share: f64,
}

/// A layer that gives features attributes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InformOptions {
    /// Name, with which its columns begin: `NAME_id`, `NAME_share`, `NAME_FIELD`.
    pub name: String,
    /// The layer.
    pub layer: LayerOptions,
    /// Fields to take over.
    #[serde(default)]
    pub fields: Vec<String>,
    /// Names of the classes whose features are told; all by default.
    #[serde(default)]
    pub of: Option<Vec<String>>,
    /// Share of a feature that an object has to cover.
    #[serde(default = "half")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub min_share: f64,
}

/// A layer that says of features where they agree with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompareOptions {
    /// Name, with which its columns begin: `NAME_class`, the class that covers most of a feature; `NAME_agreement`, the share that
    /// is of the feature's class; `NAME_disagreement`, the share that is of others.
    pub name: String,
    /// The layer.
    pub layer: LayerOptions,
    /// Class of its objects.
    pub class: ClassOf,
    /// Names of the classes whose features are compared; all by default.
    #[serde(default)]
    pub of: Option<Vec<String>>,
}

/// Lines that features are brought to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SnapOptions {
    /// Name, with which its columns begin: `NAME_id`, `NAME_distance_m`, `NAME_measure_m`, the measure along the line from its start,
    /// and `NAME_FIELD`.
    pub name: String,
    /// The layer.
    pub layer: LayerOptions,
    /// Fields to take over.
    #[serde(default)]
    pub fields: Vec<String>,
    /// Names of the classes whose features are brought to lines; all by default.
    #[serde(default)]
    pub of: Option<Vec<String>>,
    /// Lines that are further away are left aside.
    #[schemars(range(min = 0.0))]
    pub max_distance_m: f64,
}

fn half() -> f64 {
    0.5
}

impl ReferenceOptions {
    /// Every layer, in the order of the rules.
    pub fn layers_mut(&mut self) -> impl Iterator<Item = &mut LayerOptions> {
        let Self { impose, inform, compare, snap } = self;
        let impose = impose.iter_mut().map(|rule| &mut rule.layer);
        let inform = inform.iter_mut().map(|rule| &mut rule.layer);
        let compare = compare.iter_mut().map(|rule| &mut rule.layer);
        impose.chain(inform).chain(compare).chain(snap.iter_mut().map(|rule| &mut rule.layer))
    }
}
