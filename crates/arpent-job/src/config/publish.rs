//! `[publish]`: what stands beside the data of an output, and what persons are told of it. None of it changes the result.

use arpent_base::redacted_text;
use arpent_gdal::writes_webp;
use arpent_publish::{About, is_plain};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::toml::ConfigFile;
use crate::error::JobError;

/// What is published beside the data, and what it says of them. It does not change the result or the run id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the configuration")]
pub struct PublishOptions {
    /// Whether `index.html` is written, which shows the output in a browser.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub viewer: bool,
    /// Whether the files that describe the output are written: `metadata.xml` (ISO 19115), `data-gouv.fr.md`, and a Table Schema
    /// of each table.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub metadata: bool,
    /// Whether `report.html` is written, the report for readers.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub report: bool,
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
    /// Who publishes the output, such as a local authority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// Whom a reader writes to who contests a feature or has a question, such as a mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// Collection of the catalog that the output belongs to: letters, digits, `.`, `_` and `-`. By default the id of the model, or
    /// `change`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collection: Option<CollectionName>,
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

    /// What is said of an output, with its title if the options have none; addresses without credentials.
    pub(crate) fn about(&self, title: &str) -> About {
        let shown = |text: &Option<String>| text.as_deref().map(redacted_text);
        About {
            title: shown(&self.title).unwrap_or_else(|| title.to_owned()),
            license: shown(&self.license),
            attribution: shown(&self.attribution),
            organization: shown(&self.organization),
            contact: shown(&self.contact),
        }
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
        Self {
            viewer: true,
            metadata: true,
            report: true,
            qgis: true,
            title: None,
            license: None,
            attribution: None,
            organization: None,
            contact: None,
            collection: None,
            imagery: false,
        }
    }
}

/// Name of a collection: letters, digits, `.`, `_` and `-`, not starting with a dot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(extend("pattern" = "^[A-Za-z0-9_-][A-Za-z0-9._-]*$"))]
pub struct CollectionName(String);

impl TryFrom<String> for CollectionName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        if is_plain(&name) {
            Ok(Self(name))
        } else {
            Err(format!(
                "`{name}` cannot name a collection: use letters, digits, `.`, `_` and `-`, and no dot at its start"
            ))
        }
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
