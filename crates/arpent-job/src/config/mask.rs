//! Configuration of masks: places that the scenes do not show.

use std::convert::Infallible;
use std::str::FromStr;

use arpent_base::config::Key;
use arpent_gdal::InvalidGeometries;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::toml::ConfigFile;
use crate::error::JobError;

/// Masks of clouds, shadows and the like: what is below them was not observed. It has no class and no feature, and is
/// counted by reason. What the network sees stays unchanged.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MaskOptions {
    /// The masks: vector layers, rasters of classes, maps (the output of a run), or models that make such a map of the
    /// scenes first (the folder of a package, or the configuration of a run). `--mask` replaces them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<MaskLayer>,
    /// Classes that are masked, by name or value, of rasters, maps and models that name none of their own. By default, of
    /// classes with names, those that are clouds and shadows by their name; of values without names, all but 0 and nodata.
    /// `--mask-classes` replaces them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<MaskClass>,
}

/// A mask: its address, or a table with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected a file, a folder or a URL, or a table { source = ADDRESS, ... } with `classes`, or `field` and `values`, `reason`, `invalid`"
)]
pub enum MaskLayer {
    /// Its address.
    Source(String),
    /// With options.
    Options(MaskLayerOptions),
}

/// A mask with options.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MaskLayerOptions {
    /// A file or URL with polygons, in any CRS, which may be followed by `|layername=NAME`, `|option:ENCODING=NAME` and
    /// `|crs=EPSG:CODE`; a raster of one band of bytes in the CRS of the scenes; the output of a run; the folder of a model
    /// package; or the configuration of a run (TOML), whose own scenes and output are not used.
    pub source: String,
    /// Classes of a raster, a map or a model that are masked, by name or value; by default those of `[mask]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<MaskClass>,
    /// Field of a vector layer whose values say which features mask; by default all do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Values of the field that mask, numbers as text; each is a reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// Why it masks, such as `cloud`; by default the name of the class, the value of the field, or the name of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Treatment of geometries that are not valid.
    #[serde(default)]
    pub invalid: InvalidGeometries,
}

/// A class of a mask.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected the name of a class, or a value from 0 to 255")]
pub enum MaskClass {
    /// By the value of its pixels.
    Value(u8),
    /// By its name.
    Name(String),
}

impl FromStr for MaskClass {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        Ok(text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Value))
    }
}

impl std::fmt::Display for MaskClass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Value(value) => write!(f, "{value}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl MaskLayer {
    /// Its address.
    pub fn source(&self) -> &str {
        match self {
            Self::Source(source) => source,
            Self::Options(options) => &options.source,
        }
    }

    pub(crate) fn source_mut(&mut self) -> &mut String {
        match self {
            Self::Source(source) => source,
            Self::Options(options) => &mut options.source,
        }
    }

    /// All its options.
    pub(crate) fn options(&self) -> MaskLayerOptions {
        match self {
            Self::Options(options) => options.clone(),
            Self::Source(source) => MaskLayerOptions {
                source: source.clone(),
                classes: Vec::new(),
                field: None,
                values: Vec::new(),
                reason: None,
                invalid: InvalidGeometries::default(),
            },
        }
    }
}

impl MaskOptions {
    /// Whether there is no mask.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty() && self.classes.is_empty()
    }

    /// Rejects options that do not fit together.
    pub(super) fn check(&self, file: &ConfigFile) -> Result<(), JobError> {
        let bad = |message: &str| Err(file.value_error(&Key::from("mask.layers"), message));
        for layer in &self.layers {
            let options = layer.options();
            let source = &options.source;
            if source.trim().is_empty() {
                return bad("must name a file, a folder or a URL");
            }
            if options.field.is_some() == options.values.is_empty() {
                return bad(&format!("needs both `field` and `values`, or neither ({source})"));
            }
            if options.field.is_some() && !options.classes.is_empty() {
                return bad(&format!(
                    "has `classes`, of a raster, and `field`, of a vector layer: name one ({source})"
                ));
            }
            if options.reason.as_deref().is_some_and(|reason| reason.trim().is_empty()) {
                return bad(&format!("has an empty `reason`: remove it, or write one ({source})"));
            }
        }
        Ok(())
    }
}
