//! The configuration of zonal statistics, as written in TOML.

use std::path::{Path, PathBuf};

use arpent_base::{Language, Share, Width, redacted};
use arpent_gdal::InvalidGeometries;
use arpent_vector::ValueResult;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::publish::PublishOptions;
use super::toml::{ConfigFile, relative_to};
use crate::error::JobError;

/// Configuration of zonal statistics. Paths are relative to the configuration file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ZonalConfig {
    /// The map: the output of a run, a folder or an s3 URL. `--map` replaces it.
    #[serde(default)]
    pub map: Option<String>,
    /// The zones: a file or URL with polygons, or lines with `[roads]`, in any CRS; may be followed by `|layername=NAME`,
    /// `|option:ENCODING=NAME` and `|crs=EPSG:CODE`. `--zones` replaces it.
    #[serde(default)]
    pub zones: Option<String>,
    /// Name of their layer; by default the only one with geometries of the required kind.
    #[serde(default)]
    pub layer: Option<String>,
    /// Encoding of their text, such as `CP1252`, if the file declares none, or a wrong one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Where to publish: a folder or an s3 URL. `--output` replaces it.
    #[serde(default)]
    pub output: Option<String>,
    /// Field with the id of a zone, the column `id` of the results; the number of the feature, from 1, by default.
    #[serde(default)]
    pub id: Option<String>,
    /// Further fields to copy into the results.
    #[serde(default)]
    pub keep: Vec<String>,
    /// Treatment of geometries that are not valid.
    #[serde(default)]
    pub invalid: InvalidGeometries,
    /// Class, or sum of classes, by whose share zones are ranked: 1 has the largest. Those of `damaged` by default
    /// for roads, else no rank.
    #[serde(default)]
    pub rank_by: Option<Names>,
    /// For zones that are lines: width and condition of roads.
    #[serde(default)]
    pub roads: Option<RoadOptions>,
    /// Raster to measure.
    #[serde(default)]
    pub measure: Measure,
    /// Ratios of the areas of classes, each a column.
    #[serde(default)]
    pub ratios: Vec<Ratio>,
    /// Statistics of measured values, of a model that gives them (`values.tif`): each a column of each value, beside the area
    /// with a value. Weights are the parts of pixels inside the zone. An empty list leaves them out.
    #[serde(default = "all_statistics", skip_serializing_if = "are_all_statistics")]
    pub values: Vec<ValueStatistic>,
    /// Formats to write.
    #[serde(default = "all_formats")]
    pub formats: Vec<ZoneFormat>,
    /// Language of column titles, which a GeoPackage stores as aliases: `en` or `fr`. Column names are the same in
    /// both.
    #[serde(default)]
    pub titles: Language,
    /// What is published beside the data, and what it says of them.
    #[serde(default, skip_serializing_if = "PublishOptions::is_default")]
    pub publish: PublishOptions,
    /// Folder for temporary files; the system's by default.
    #[serde(default)]
    pub scratch: Option<PathBuf>,
    /// The file of the configuration.
    #[serde(skip)]
    pub file: Option<ConfigFile>,
}

/// Places that replace those of a configuration.
#[derive(Debug, Clone, Default)]
pub struct ZonalPlaces {
    /// The map.
    pub map: Option<String>,
    /// The zones.
    pub zones: Option<String>,
    /// Where to publish.
    pub output: Option<String>,
}

/// Rasters of a map that can be measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// The published classes: with overrides, and without regions below the minimum
    /// mapping unit.
    #[default]
    Map,
    /// The prediction of the network.
    Prediction,
}

/// A statistic of a measured value in a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ValueStatistic {
    /// Mean, weighted by area.
    Mean,
    /// Standard deviation, weighted by area.
    Std,
    /// Lowest value.
    Min,
    /// Greatest value.
    Max,
}

impl ValueStatistic {
    const ALL: [Self; 4] = [Self::Mean, Self::Std, Self::Min, Self::Max];

    /// The end of its column's name, its titles in English and French, and what it is.
    pub(crate) const fn words(self) -> [&'static str; 4] {
        match self {
            Self::Mean => [
                "mean",
                "mean",
                "moyenne",
                "Mean of the value in the zone; pixels on its border by the part inside.",
            ],
            Self::Std => [
                "std",
                "standard deviation",
                "écart-type",
                "Standard deviation of the value in the zone; pixels on its border by the part inside.",
            ],
            Self::Min => {
                ["min", "minimum", "minimum", "Lowest value of the pixels of which a part is inside."]
            }
            Self::Max => {
                ["max", "maximum", "maximum", "Greatest value of the pixels of which a part is inside."]
            }
        }
    }

    /// Its number in a result.
    pub(crate) const fn of(self, result: &ValueResult) -> f64 {
        match self {
            Self::Mean => result.mean,
            Self::Std => result.std,
            Self::Min => result.min,
            Self::Max => result.max,
        }
    }
}

fn all_statistics() -> Vec<ValueStatistic> {
    ValueStatistic::ALL.to_vec()
}

fn are_all_statistics(values: &[ValueStatistic]) -> bool {
    values == ValueStatistic::ALL
}

/// Ratio of the areas of two sets of classes, such as dead trees to all trees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ratio {
    /// Name of its column.
    pub name: String,
    /// Classes of the numerator.
    pub numerator: Vec<String>,
    /// Classes of the denominator; for a share, they include those of the numerator.
    pub denominator: Vec<String>,
}

/// One name or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a name or a list of names")]
pub enum Names {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl Names {
    /// All of them.
    pub fn all(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
    }
}

/// Sections of road: lines with a width.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoadOptions {
    /// Width of a road, meters; half of it on each side of the line.
    #[serde(default)]
    pub width_m: Option<Width>,
    /// Field with the width, meters; `width_m` is for features where it is empty.
    #[serde(default)]
    pub width_field: Option<String>,
    /// Classes of damage.
    pub damaged: Vec<String>,
    /// Shares of damage up to which the condition is A, B, C and D, ascending, 0 to 1; above the last it is E.
    pub thresholds: [Share; 4],
}

/// Formats of zones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ZoneFormat {
    /// GeoPackage, with geometries, in the map's CRS.
    GeoPackage,
    /// CSV (RFC 4180, UTF-8), without geometries.
    Csv,
}

impl ZoneFormat {
    /// File name in the output.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::GeoPackage => "zones.gpkg",
            Self::Csv => "zones.csv",
        }
    }
}

fn all_formats() -> Vec<ZoneFormat> {
    vec![ZoneFormat::GeoPackage, ZoneFormat::Csv]
}

impl ZonalConfig {
    /// Reads a configuration file, makes its paths absolute or relative to the working directory, and applies `given`.
    ///
    /// # Errors
    /// [`JobError::ConfigRead`], [`JobError::ConfigParse`].
    pub fn load(path: &Path, given: ZonalPlaces) -> Result<Self, JobError> {
        let file = ConfigFile::read(path)?;
        let mut config: Self = file.parse()?;
        config.check(&file)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let located = |location: &Option<String>| location.as_deref().map(|l| relative_to(folder, l));
        config.map = given.map.or_else(|| located(&config.map));
        config.zones = given.zones.or_else(|| located(&config.zones));
        config.output = given.output.or_else(|| located(&config.output));
        config.scratch = config.scratch.as_ref().map(|p| folder.join(p));
        config.file = Some(file);
        Ok(config)
    }

    /// The configuration without secrets in addresses, to be stored and shown.
    pub(crate) fn redacted(&self) -> Self {
        let mut shown = self.clone();
        for location in [&mut shown.map, &mut shown.zones, &mut shown.output].into_iter().flatten() {
            *location = redacted(location);
        }
        shown
    }

    /// Rejects values of the right type that are not valid.
    fn check(&self, file: &ConfigFile) -> Result<(), JobError> {
        let bad = |key: &str, message: &str| Err(file.value_error(&key.into(), message));
        if self.formats.is_empty() {
            return bad("formats", "must name at least one format");
        }
        if (1..self.values.len()).any(|i| self.values[..i].contains(&self.values[i])) {
            return bad("values", "must name each statistic once");
        }
        if self.publish.imagery {
            return bad(
                "publish.imagery",
                "publishes scenes, and zonal statistics have none: set it for the map",
            );
        }
        if self.rank_by.as_ref().is_some_and(|names| names.all().is_empty()) {
            return bad("rank_by", "must name at least one class");
        }
        for (number, ratio) in self.ratios.iter().enumerate() {
            if ratio.name.trim().is_empty() {
                return bad(&format!("ratios.{number}.name"), "must name the column of a ratio");
            }
            if ratio.numerator.is_empty() || ratio.denominator.is_empty() {
                let key = if ratio.numerator.is_empty() { "numerator" } else { "denominator" };
                return bad(&format!("ratios.{number}.{key}"), "must name at least one class");
            }
        }
        let Some(roads) = &self.roads else { return Ok(()) };
        if roads.width_m.is_none() && roads.width_field.is_none() {
            return bad("roads", "needs `width_m`, `width_field` or both");
        }
        if roads.damaged.is_empty() {
            return bad("roads.damaged", "must name at least one class");
        }
        if roads.thresholds.windows(2).any(|t| t[0] >= t[1]) {
            return bad(
                "roads.thresholds",
                "must be four shares, each larger than the one before, from 0 to 1",
            );
        }
        Ok(())
    }
}

impl RoadOptions {
    /// The condition of a road by its share of damage: A to E.
    pub fn condition(&self, damaged_share: f64) -> &'static str {
        let passed = self.thresholds.iter().filter(|limit| damaged_share > limit.get()).count();
        ["A", "B", "C", "D", "E"][passed]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<ZonalConfig, JobError> {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("zonal.toml");
        std::fs::write(&config, text).unwrap();
        let zones = Some("given.gpkg".to_owned());
        ZonalConfig::load(&config, ZonalPlaces { zones, ..ZonalPlaces::default() })
    }

    #[track_caller]
    fn refused(text: &str) -> (usize, String) {
        match load(text) {
            Err(JobError::ConfigParse { line, message, hint, .. }) => {
                (line, format!("{message} {}", hint.unwrap_or_default()))
            }
            other => panic!("{other:?}"),
        }
    }

    const ROADS: &str =
        "[roads]\nwidth_m = 6.0\ndamaged = [\"crack\"]\nthresholds = [0.01, 0.05, 0.1, 0.2]\n";

    #[test]
    fn paths_and_flags_are_resolved() {
        let config =
            load("map = \"m\"\nzones = \"z.gpkg\"\nrank_by = \"crack\"\noutput = \"s3://b/o\"\n").unwrap();
        assert!(config.map.unwrap().ends_with("/m"));
        assert_eq!(
            (config.zones.as_deref(), config.output.as_deref()),
            (Some("given.gpkg"), Some("s3://b/o"))
        );
        assert_eq!(config.rank_by.unwrap().all(), ["crack"]);
        assert_eq!(load("rank_by = [\"a\", \"b\"]\n").unwrap().rank_by.unwrap().all().len(), 2);
    }

    #[test]
    fn values_without_sense_show_their_line() {
        let (line, words) = refused("kep = [\"name\"]\n");
        assert!(line == 1 && words.contains("did you mean `keep`?"), "{words}");
        assert!(refused("invalid = \"repare\"\n").1.contains("did you mean `repair`?"));
        assert_eq!(refused("formats = []\n").0, 1);
        assert_eq!(refused("map = \"m\"\nvalues = [\"min\", \"min\"]\n").0, 2);
        assert!(refused("values = [\"median\"]\n").1.contains("did you mean `mean`?"));
        assert_eq!(refused("map = \"m\"\nrank_by = []\n").0, 2);
        assert!(refused("measure = \"raster\"\n").1.contains("choose one of map, prediction"));
        let ratio = "[[ratios]]\nname = \"dead\"\nnumerator = [\"a\"]\ndenominator = [\"a\", \"b\"]\n";
        assert_eq!(load(ratio).unwrap().ratios[0].denominator.len(), 2);
        assert_eq!(refused(&ratio.replace("[\"a\"]", "[]")).0, 3);
        assert_eq!(refused(&ratio.replace("[\"a\", \"b\"]", "[]")).0, 4);
        assert_eq!(refused(&ratio.replace("\"dead\"", "\" \"")).0, 2);
        for (old, new, line) in [
            ("width_m = 6.0\n", "", 1),
            ("6.0", "0.0", 2),
            ("[\"crack\"]", "[]", 3),
            ("0.1, 0.2", "0.05, 0.2", 4),
            ("0.2]", "1.2]", 4),
            ("0.2]", "nan]", 4),
        ] {
            assert_eq!(refused(&ROADS.replace(old, new)).0, line, "{new}");
        }
    }

    #[test]
    fn conditions_end_at_their_thresholds() {
        let roads = load(ROADS).unwrap().roads.unwrap();
        let of = [0.0, 0.01, 0.011, 0.05, 0.1, 0.15, 0.2, 0.21, 1.0].map(|share| roads.condition(share));
        assert_eq!(of, ["A", "A", "B", "B", "C", "D", "D", "E", "E"]);
    }
}
