//! `[publish]`: what stands beside the data of an output, and what persons are told of it. None of it changes the result.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is published beside the data, and what it says of them. It does not change the result or the run id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PublishOptions {
    /// Whether `index.html` is written, which shows the output in a browser.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub viewer: bool,
    /// Whether files for QGIS are written: a style beside every raster and layer, a project that opens them, and a project inside
    /// the GeoPackage. The style inside the GeoPackage is always there.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub qgis: bool,
    /// Title of the output, instead of the model's or the dates'.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Terms under which the output is published, such as `Licence Ouverte 2.0`, an SPDX name or a URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Whom to name as the source of the imagery, such as `Imagery: IGN, BD ORTHO 2024`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribution: Option<String>,
}

impl PublishOptions {
    /// Whether all options have their defaults.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for PublishOptions {
    fn default() -> Self {
        Self { viewer: true, qgis: true, title: None, license: None, attribution: None }
    }
}

/// The default of an option that is switched off.
const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
const fn is_true(yes: &bool) -> bool {
    *yes
}
