//! What a report is made of: a manifest, the files that it lists, and the scenes if they can be read.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use arpent_base::{Language, Result};
use arpent_gdal::PublishedRaster;
use arpent_publish::{
    FeatureTable, Manifest, ROLE_EVENTS, ROLE_FEATURES, ROLE_LABELS, ROLE_MAP, ROLE_SUPERSEDED, ROLE_VALUES,
    StagedArtifact,
};
use arpent_raster::{Grid, Nomenclature, Window};
use serde::Deserialize;
use serde_json::Value;

use crate::address::is_changed;

/// What the configuration says of the output to its readers. Unknown keys are those of another version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Imprint {
    /// Title.
    pub(crate) title: Option<String>,
    /// License of the output.
    pub(crate) license: Option<String>,
    /// Whom to name.
    pub(crate) attribution: Option<String>,
    /// Whom to write to.
    pub(crate) contact: Option<String>,
}

impl Imprint {
    /// What a manifest says: `[publish]` of its configuration, and the contact of a comparison.
    pub(crate) fn of(manifest: &Manifest) -> Self {
        let publish = &manifest.config["publish"];
        let mut imprint = Self::deserialize(publish).unwrap_or_default();
        imprint.contact = imprint.contact.or_else(|| manifest.config["contact"].as_str().map(str::to_owned));
        imprint
    }
}

/// A file of an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlacedFile {
    /// Its role.
    pub(crate) role: String,
    /// Where it can be read: a local path, or of a raster an address.
    pub(crate) place: String,
}

/// The files of an output, by name.
pub(crate) type Files = BTreeMap<String, PlacedFile>;

/// What a report is made of.
#[derive(Debug)]
pub(crate) struct Material<'a> {
    pub(crate) manifest: &'a Manifest,
    /// Title of the output.
    pub(crate) title: String,
    /// The language that comes first.
    pub(crate) language: Language,
    /// The classes of the features, or of both dates of a comparison; none if the output does not say.
    pub(crate) classes: Option<Cow<'a, Nomenclature>>,
    pub(crate) imprint: Imprint,
    pub(crate) files: Files,
    /// Its pixels and their extent; where there is a raster of the published classes, that has them.
    pub(crate) place: Option<(Grid, Window)>,
    /// Addresses of the scenes, by id.
    pub(crate) scenes: BTreeMap<String, String>,
    /// Whether time and energy are shown: they differ from one computation of the same map to the next.
    pub(crate) with_computation: bool,
}

impl Material<'_> {
    /// The files of an output that is not published yet.
    pub(crate) fn staged(staged: &[StagedArtifact]) -> Files {
        let file = |artifact: &StagedArtifact| {
            let place = artifact.path.to_string_lossy().into_owned();
            (artifact.name.clone(), PlacedFile { role: artifact.role.clone(), place })
        };
        staged.iter().map(file).collect()
    }

    /// The local path of a file, if the output has it.
    pub(crate) fn path(&self, name: &str) -> Option<&Path> {
        self.files.get(name).map(|file| Path::new(&file.place))
    }

    /// The table of the features, or of the events; `None` without a `GeoParquet` file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn table(&self) -> Result<Option<FeatureTable>> {
        self.table_of(&[ROLE_FEATURES, ROLE_EVENTS])
    }

    /// The table of the proposals that a decided map has another version of, or none; `None` without a `GeoParquet` file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn superseded(&self) -> Result<Option<FeatureTable>> {
        self.table_of(&[ROLE_SUPERSEDED])
    }

    fn table_of(&self, roles: &[&str]) -> Result<Option<FeatureTable>> {
        let is_table = |(name, file): &(&String, &PlacedFile)| {
            roles.contains(&&*file.role) && name.ends_with(".parquet")
        };
        let found = self.files.iter().find(is_table);
        Ok(found.map(|(_, file)| FeatureTable::open(Path::new(&file.place))).transpose()?)
    }

    /// The raster of the published classes; `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn raster(&self) -> Result<Option<PublishedRaster>> {
        // Where the published classes are not those of the prediction, the raster of labels is not the map.
        let role = if is_changed(self.manifest) { ROLE_MAP } else { ROLE_LABELS };
        let found = self.files.values().find(|file| file.role == role);
        Ok(found.map(|file| PublishedRaster::open(&file.place)).transpose()?)
    }

    /// Place of the raster of measured values, if there is one.
    pub(crate) fn values_raster(&self) -> Option<&str> {
        self.files.values().find(|file| file.role == ROLE_VALUES).map(|file| file.place.as_str())
    }

    /// A value of the configuration, by its keys from the top.
    pub(crate) fn configured(&self, keys: &[&str]) -> Option<&Value> {
        let found = keys.iter().try_fold(&self.manifest.config, |value, key| value.get(key));
        found.filter(|value| !value.is_null())
    }
}
