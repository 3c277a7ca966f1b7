//! The configuration of a comparison of two dates, as written in TOML.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arpent_base::config::Key;
use arpent_base::{
    BandNumber, CellSide, Failure, Language, Meters, Pictured, Pixels, Share, SquareMeters, redacted,
};
use arpent_publish::About;
use arpent_raster::Nomenclature;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dates::normalized as normalized_date;
use super::declared::{AlphaOption, NodataOption};
use super::mask::MaskClass;
use super::publish::PublishOptions;
use super::run::FeatureFormat;
use super::toml::{ConfigFile, relative_to};
use crate::error::JobError;

/// Configuration of a comparison of two dates. Paths are relative to the configuration file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeConfig {
    /// The earlier date.
    #[serde(default)]
    pub before: DateInputs,
    /// The later date.
    #[serde(default)]
    pub after: DateInputs,
    /// The configuration of a run (TOML) that makes the maps of both dates from their `scenes` first, below
    /// `OUTPUT/maps`. Its own scenes and output are not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The comparison whose later date is the earlier one of this: objects keep their ids, and what changes back is
    /// marked. `--previous` replaces it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// Where to publish: a folder or an s3 URL. `--output` replaces it.
    #[serde(default)]
    pub output: Option<String>,
    /// The classes of the comparison, if the maps do not name them, or not with codes: those of label rasters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<Nomenclature>,
    /// How the images are read.
    #[serde(default)]
    pub input: ChangeInput,
    /// The grid of two vector layers; maps and images bring their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grid: Option<GridOptions>,
    /// How the shift between the images of both dates is treated.
    #[serde(default)]
    pub registration: RegistrationOptions,
    /// What the images of both dates say.
    #[serde(default)]
    pub images: ImageOptions,
    /// Which changes are events.
    #[serde(default)]
    pub events: EventOptions,
    /// Polygons of ground that is known not to have changed: what is found there is false change, and is reported as such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable: Option<String>,
    /// Zones of the balance, each a layer with polygons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<BalanceZones>,
    /// The balance after the law's rules, for maps with the codes of OCS GE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artificialisation: Option<ArtificialisationOptions>,
    /// Formats of the events.
    #[serde(default = "all_formats")]
    pub formats: Vec<FeatureFormat>,
    /// What is published beside the data, and what it says of them.
    #[serde(default, skip_serializing_if = "PublishOptions::is_default")]
    pub publish: PublishOptions,
    /// Language of column titles, which a GeoPackage stores as aliases: `en` or `fr`. Column names are the same in both,
    /// and the report is in both languages.
    #[serde(default)]
    pub titles: Language,
    /// Number of events with pictures before and after, 0 to 200: the largest for one half, the least certain of the
    /// others for the rest. Both dates need images.
    #[serde(default = "default_chips")]
    pub chips: Pictured,
    /// Whom a reader writes to who contests an event, as the report shows it, such as a mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// Folder for temporary files; the system's by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scratch: Option<PathBuf>,
    /// The file of the configuration.
    #[serde(skip)]
    pub file: Option<ConfigFile>,
    /// The `scenes` of both dates that places of a command line replaced.
    #[serde(skip)]
    pub replaced_scenes: [Vec<String>; 2],
}

/// What is known of one date.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DateInputs {
    /// A map: the output of a run, a label raster (one band of bytes, GeoTIFF or any format of GDAL), or a vector layer of
    /// land cover (GeoPackage, shapefile, FlatGeobuf, GeoParquet, GeoJSON), which may be followed by `|layername=NAME`
    /// and `|crs=EPSG:CODE`. `--before` and `--after` replace it and `scenes`; a map that would replace `scenes` is refused.
    pub map: Option<String>,
    /// Images of this date: files, globs, folders, VRTs, URLs or STAC items, on one grid.
    pub scenes: Vec<String>,
    /// Date: a year, a month, a day, or two with a slash between. By default that of the map or of its scenes.
    pub date: Option<String>,
    /// Class of the comparison, by name, for a class of the map (by name), for a value of the raster or of the layer's
    /// column; `"nodata"` for one that was not observed. All classes and values of a raster that occur must be named if one
    /// is; values of a layer that are the code or the name of a class need no line.
    pub values: BTreeMap<String, String>,
    /// Raster of the confidence of a label raster, on its pixels: bytes with a declared scale of 0.004 and 255 for none, as
    /// `confidence.tif` of a run. The output of a run has its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<String>,
    /// Column of a vector layer with its class, in any case; by default that of OCS GE (`code_cs`, or `cs_avant` and
    /// `cs_apres`, or `CS_YEAR`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Column of a vector layer with its land use, in any case; by default that of OCS GE (`code_us`, or `us_avant` and
    /// `us_apres`, or `US_YEAR`), if the layer has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_column: Option<String>,
    /// Use code of OCS GE for a value of the column of the land use that is none, for example `"housing" = "US5"`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub use_values: BTreeMap<String, String>,
    /// What was not observed at this date, such as clouds and their shadows: polygons, a raster of classes, or a map (the
    /// output of a run). `--mask-before` and `--mask-after` replace it.
    pub not_observed: Option<String>,
    /// Classes of a raster or map of `not_observed`, by name or value, as `classes` under `[mask]` of a run.
    /// `--mask-classes` replaces them, at the dates whose mask is named with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_observed_classes: Vec<MaskClass>,
    /// Whether the images are true orthoimages, in which buildings do not lean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub true_ortho: Option<bool>,
}

/// How the images of both dates are read.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChangeInput {
    /// What an alpha band is: `"mask"` defines validity, `"data"` is a band like any other, a number (from 1) names the
    /// band that is alpha.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpha: Option<AlphaOption>,
    /// Nodata value of all bands, or one for each; `"none"` for no value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodata: Option<NodataOption>,
}

/// A grid, whose pixels are counted from the origin of its CRS.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GridOptions {
    /// The CRS, such as `EPSG:2154`; by default that of the earlier layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crs: Option<String>,
    /// Side of a pixel, units of the CRS.
    pub pixel_size: f64,
}

/// How the shift between the images of both dates is treated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RegistrationOptions {
    /// Measured and compared with the limit, corrected, or neither.
    pub mode: RegistrationMode,
    /// Largest median shift that is accepted, pixels of the comparison.
    pub limit: Pixels,
    /// Side of the cells in which the shift is measured, pixels.
    pub cell: CellSide,
    /// Shift that is assumed where none is measured, pixels: changes that are not wider than twice as much are left
    /// out.
    pub assumed: Pixels,
}

/// Treatment of the shift between two dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RegistrationMode {
    /// It is measured; above the limit the comparison is refused.
    #[default]
    Check,
    /// It is measured first, and the later date is moved by its median: images by parts of a pixel (bilinear), a map and the
    /// areas that were not observed by whole pixels. What is left is measured, and refused above the limit.
    Shift,
    /// It is not measured.
    Off,
}

impl Default for RegistrationOptions {
    fn default() -> Self {
        let pixels = |px: f64| Pixels::new(px).expect("a number of 0 or more");
        Self {
            mode: RegistrationMode::Check,
            limit: pixels(1.5),
            cell: CellSide::DEFAULT,
            assumed: pixels(1.0),
        }
    }
}

/// What the images of both dates say.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ImageOptions {
    /// Band number (from 1) for a band name, if the files do not name their bands.
    pub bands: BTreeMap<String, BandNumber>,
    /// Names of the bands to compare; by default all that both dates have.
    pub compare: Vec<String>,
    /// How the images are compared.
    pub method: ImageMethod,
    /// Score of a pixel, 0 to 1, from which the images differ; by default the threshold of Otsu.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<Share>,
    /// Share of an area's pixels that must differ.
    pub share: ImageShare,
}

/// Share of an area's pixels whose images must differ.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ImageShare(pub Share);

impl Default for ImageShare {
    fn default() -> Self {
        Self(Share::new(0.5).expect("a share"))
    }
}

/// How images are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ImageMethod {
    /// Iteratively reweighted multivariate alteration detection (IR-MAD, Nielsen 2007).
    #[default]
    Irmad,
    /// Change-vector analysis: the length of the difference of normalized bands.
    Cva,
}

/// Which changes are events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EventOptions {
    /// Smallest area of a change, square meters.
    pub min_area_m2: SquareMeters,
    /// Objects of two dates are the same if they share more than this of the smaller one.
    pub min_overlap: Share,
    /// Mean confidence of the map of either date, 0 to 1, below which a change is left out; by default none is. Both maps
    /// need confidences.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Share>,
    /// Largest distance by which a roof or tree may lean from one image to the other, meters: an object that
    /// disappeared and one that appeared so near, of one class and shape, are one that moved.
    pub lean_m: Meters,
    /// Groups of classes whose objects may be the same, by names; each class that makes features is a group of its own by
    /// default.
    pub groups: Vec<Vec<String>>,
    /// Classes that are ground, of which no objects are made, by names; by default those that make no features.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ground: Option<Vec<String>>,
}

impl Default for EventOptions {
    fn default() -> Self {
        Self {
            min_area_m2: SquareMeters::new(0.0).expect("a number of 0 or more"),
            min_overlap: Share::new(arpent_change::events::Rules::MIN_OVERLAP).expect("a share"),
            confidence: None,
            lean_m: Meters::new(0.0).expect("a number of 0 or more"),
            groups: Vec::new(),
            ground: None,
        }
    }
}

/// A layer of zones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BalanceZones {
    /// Name of the level, such as `commune`; the column `level` of the balance.
    pub level: String,
    /// File or URL with polygons, in any CRS; may be followed by `|layername=NAME` and `|crs=EPSG:CODE`.
    pub source: String,
    /// Field with the id of a zone; the number of the feature, from 1, by default.
    #[serde(default)]
    pub id: Option<String>,
    /// Field with its name.
    #[serde(default)]
    pub name: Option<String>,
}

/// The balance of artificial soils by the annex to article R. 101-1 of the French code of urban planning: from land cover
/// and land use where the maps of both dates have a use, else from the land cover alone.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ArtificialisationOptions {
    /// Polygons that are exempt, such as ground photovoltaics under conditions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exempt: Option<String>,
    /// Further layers of `ocsge.gpkg`, with a polygon for each area of one kind; the layer `differentiel` is always there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<OcsGeLayer>,
}

/// A further layer of `ocsge.gpkg`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OcsGeLayer {
    /// Land cover and use of the later date, in the layer `occupation`.
    Occupation,
    /// Artificial soils of both dates, in the layers `artificialisation_avant` and `artificialisation_apres`.
    Artificialisation,
}

impl ArtificialisationOptions {
    /// The layers of each date (0 or 1), each once.
    pub(crate) fn layers(&self) -> impl Iterator<Item = (OcsGeLayer, usize)> + use<> {
        let all: std::collections::BTreeSet<OcsGeLayer> = self.layers.iter().copied().collect();
        all.into_iter().flat_map(|layer| match layer {
            OcsGeLayer::Occupation => vec![(layer, 1)],
            OcsGeLayer::Artificialisation => vec![(layer, 0), (layer, 1)],
        })
    }
}

/// Places that replace those of a configuration.
#[derive(Debug, Clone, Default)]
pub struct ChangePlaces {
    /// Map or scenes of the earlier date.
    pub before: Vec<String>,
    /// Map or scenes of the later date.
    pub after: Vec<String>,
    /// What was not observed at the earlier and at the later date.
    pub masks: [Option<String>; 2],
    /// Classes of these.
    pub mask_classes: Vec<MaskClass>,
    /// The previous comparison.
    pub previous: Option<String>,
    /// Where to publish.
    pub output: Option<String>,
}

fn all_formats() -> Vec<FeatureFormat> {
    FeatureFormat::ALL.to_vec()
}

const fn default_chips() -> Pictured {
    Pictured::DEFAULT
}

impl ChangeConfig {
    /// Reads a configuration file, makes its paths absolute or relative to the working directory, and applies `given`.
    ///
    /// # Errors
    /// [`JobError::ConfigRead`], [`JobError::ConfigParse`].
    pub fn load(path: &Path, given: ChangePlaces) -> Result<Self, JobError> {
        let file = ConfigFile::read(path)?;
        let mut config: Self = file.parse()?;
        config.check(&file)?;
        config.resolve_paths(path.parent().unwrap_or(Path::new(".")));
        let dates = [(&mut config.before, given.before), (&mut config.after, given.after)];
        for ((date, given), replaced) in dates.into_iter().zip(&mut config.replaced_scenes) {
            if !given.is_empty() {
                date.map = None;
                *replaced = std::mem::replace(&mut date.scenes, given);
            }
        }
        for (date, mask) in [&mut config.before, &mut config.after].into_iter().zip(given.masks) {
            if let Some(mask) = mask {
                (date.not_observed, date.not_observed_classes) = (Some(mask), given.mask_classes.clone());
            }
        }
        config.previous = given.previous.or(config.previous);
        config.output = given.output.or(config.output);
        config.file = Some(file);
        Ok(config)
    }

    /// What is said of the comparison, with its title if `[publish]` has none.
    pub(crate) fn about(&self, title: &str) -> About {
        let about = self.publish.about(title);
        let contact = about.contact.or_else(|| self.contact.clone());
        About { contact, ..about }
    }

    /// An error with its place in the file, if it is about a key.
    pub(crate) fn located(&self, error: Failure) -> Failure {
        match &self.file {
            Some(file) => file.located(error),
            None => error,
        }
    }

    /// Makes all paths absolute: workers may run in another folder.
    ///
    /// # Errors
    /// When the working directory is unknown.
    pub fn make_absolute(&mut self) -> std::io::Result<()> {
        self.resolve_paths(&std::env::current_dir()?);
        Ok(())
    }

    fn resolve_paths(&mut self, folder: &Path) {
        self.before.locate(folder);
        self.after.locate(folder);
        let located = |location: &Option<String>| location.as_deref().map(|l| relative_to(folder, l));
        self.run = located(&self.run);
        self.stable = located(&self.stable);
        self.previous = located(&self.previous);
        self.output = located(&self.output);
        for zones in &mut self.zones {
            zones.source = relative_to(folder, &zones.source);
        }
        if let Some(rules) = &mut self.artificialisation {
            rules.exempt = located(&rules.exempt);
        }
        self.scratch = self.scratch.as_ref().map(|path| folder.join(path));
    }

    /// The configuration without secrets in addresses, to be stored and shown.
    pub(crate) fn redacted(&self) -> Self {
        let mut shown = self.clone();
        let hide = |location: &mut String| *location = redacted(location);
        for date in [&mut shown.before, &mut shown.after] {
            date.map.iter_mut().for_each(hide);
            date.scenes.iter_mut().for_each(hide);
            date.not_observed.iter_mut().for_each(hide);
            date.confidence.iter_mut().for_each(hide);
        }
        shown.previous.iter_mut().for_each(hide);
        shown.stable.iter_mut().for_each(hide);
        shown.output.iter_mut().for_each(hide);
        shown.zones.iter_mut().for_each(|zones| hide(&mut zones.source));
        shown.artificialisation.iter_mut().flat_map(|rules| &mut rules.exempt).for_each(hide);
        shown
    }

    fn check(&self, file: &ConfigFile) -> Result<(), JobError> {
        let bad = |key: &str, message: &str| Err(file.value_error(&Key::from(key), message));
        if self.formats.is_empty() {
            return bad("formats", "must name at least one format");
        }
        self.publish.check(file)?;
        let is_size = |size: f64| size.is_finite() && size > 0.0;
        if self.grid.as_ref().is_some_and(|grid| !is_size(grid.pixel_size)) {
            return bad("grid.pixel_size", "must be above 0, in units of the CRS");
        }
        for (name, date) in [("before", &self.before), ("after", &self.after)] {
            if date.date.as_deref().is_some_and(|date| normalized_date(date).is_none()) {
                return bad(
                    &format!("{name}.date"),
                    "must be a year, a month, a day or a time, or two with a slash between",
                );
            }
        }
        Ok(())
    }
}

impl DateInputs {
    fn locate(&mut self, folder: &Path) {
        let located = |location: &mut String| *location = relative_to(folder, location);
        self.map.iter_mut().for_each(located);
        self.scenes.iter_mut().for_each(located);
        self.not_observed.iter_mut().for_each(located);
        self.confidence.iter_mut().for_each(located);
    }
}
