//! `[publish]`: what stands beside the data of an output, and what persons are told of it. None of it changes the result.

use arpent_gdal::writes_webp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::toml::ConfigFile;
use crate::error::JobError;

/// What is published beside the data, and what it says of them. It does not change the result or the run id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PublishOptions {
    /// Whether `index.html` is written, which shows the output in a browser.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub viewer: bool,
    /// Title of the output, instead of the model's or the dates'.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Terms under which the output is published, such as `Licence Ouverte 2.0`, an SPDX name or a URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Whom to name as the source of the imagery, such as `Imagery: IGN, BD ORTHO 2024`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribution: Option<String>,
    /// Whether pictures of the scenes are published under the map (`imagery.pmtiles`, for two dates one file each). That
    /// their terms allow it is your statement: `license` and `attribution` are required.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub imagery: bool,
}

impl PublishOptions {
    /// Whether all options have their defaults.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Refuses pictures of scenes without terms.
    pub(super) fn check(&self, file: &ConfigFile) -> Result<(), JobError> {
        let is_there = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.trim().is_empty());
        let missing = match (is_there(&self.license), is_there(&self.attribution)) {
            (false, _) => "license",
            (_, false) => "attribution",
            _ => return Ok(()),
        };
        let message = format!(
            "publishes the pixels of the scenes: if their terms allow that, set `{missing}` under [publish] too (such as license = \"Licence Ouverte 2.0\", attribution = \"Imagery: IGN, BD ORTHO 2024\")"
        );
        if self.imagery { Err(file.value_error(&"publish.imagery".into(), &message)) } else { Ok(()) }
    }

    /// Refuses pictures that this GDAL cannot write.
    pub(crate) fn check_drivers(&self) -> Result<(), JobError> {
        if self.imagery && !writes_webp() { Err(JobError::NoWebp) } else { Ok(()) }
    }
}

impl Default for PublishOptions {
    fn default() -> Self {
        Self { viewer: true, title: None, license: None, attribution: None, imagery: false }
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
