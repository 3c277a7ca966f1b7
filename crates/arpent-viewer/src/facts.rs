//! What the page is made of. The same types are in `viewer/src/facts.ts`.

use arpent_base::{Language, Title};
use arpent_raster::Color;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::FactsError;

/// Facts about a map, a comparison or zonal statistics.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// What it is.
    pub kind: Kind,
    /// Language that the page begins with; a reader may change it.
    pub language: Language,
    /// Title.
    pub title: String,
    /// Id of the run.
    pub run_id: String,
    /// Name and version of the program.
    pub software: String,
    /// The model; none for a comparison.
    pub model: Option<Model>,
    /// Date of the earlier map or images of a comparison, or the earliest acquisition of a map: RFC 3339, or part of it.
    pub before: Option<String>,
    /// Date of the later map or images of a comparison, or the latest acquisition of a map.
    pub after: Option<String>,
    /// Scenes, in the order of the manifest's inputs.
    pub scenes: Vec<Scene>,
    /// Warnings about the result.
    pub warnings: Vec<Warning>,
    /// Attribution of imagery and data.
    pub attribution: Option<String>,
    /// License of the result.
    pub license: Option<String>,
    /// Classes, in the order of the legend.
    pub classes: Vec<ClassFact>,
    /// Kinds of events, of a comparison.
    pub kinds: Vec<KindFact>,
    /// States of review, of a decided map; empty for a proposal.
    pub states: Vec<StateFact>,
    /// Why features may have no score.
    #[serde(default)]
    pub unscored: Unscored,
    /// Columns of the features or events, as fields of a Table Schema.
    pub columns: Vec<Value>,
    /// Number of features or events.
    pub features: u64,
    /// The PMTiles archive, with the layers `features` and `points`.
    pub tiles: Option<File>,
    /// The GeoParquet file of the features.
    pub table: Option<File>,
    /// Raster PMTiles archives of imagery.
    pub imagery: Vec<Imagery>,
    /// CSV files with a row for each zone.
    pub zones: Vec<Zones>,
    /// The zones on the map.
    pub zone_map: Option<ZoneMap>,
    /// Pictures of events.
    pub pictures: Vec<Pictures>,
    /// What a change must have passed to become an event.
    pub rules: Option<Rules>,
    /// All files of the output.
    pub files: Vec<File>,
    /// West, south, east and north of the result, degrees; `west > east` is not possible, an extent across the antimeridian
    /// goes beyond 180.
    pub extent: [f64; 4],
    /// Where places of the files' CRS lie on the globe.
    pub places: Lattice,
}

/// What a page shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A map.
    #[default]
    Map,
    /// A comparison of two dates.
    Change,
    /// Statistics of the zones of a map.
    Zonal,
}

/// A date of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Date {
    /// The earlier one.
    Before,
    /// The later one.
    After,
}

/// The model of a map.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// Id of its package.
    pub id: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the package, hexadecimal.
    pub sha256: String,
    /// License of the weights, SPDX.
    pub license: String,
}

/// A scene.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scene {
    /// Its id, as in `scene_ids` of features.
    pub id: String,
    /// Its acquisition, RFC 3339, where it is known.
    pub acquired: Option<String>,
    /// Its date, in a comparison.
    pub date: Option<Date>,
}

/// A warning about the result, as in the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Its kind, such as `nothing-matched`.
    pub code: String,
    /// What it is about.
    pub subject: String,
    /// The message.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// A text in both languages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Texts {
    /// English.
    pub en: String,
    /// French.
    pub fr: String,
}

impl Texts {
    /// The text in a language.
    pub(crate) fn of(&self, language: Language) -> &str {
        match language {
            Language::En => &self.en,
            Language::Fr => &self.fr,
        }
    }
}

impl From<&Title> for Texts {
    fn from(title: &Title) -> Self {
        Self { en: title.en.clone().into_owned(), fr: title.fr.clone().into_owned() }
    }
}

/// A class of the legend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassFact {
    /// Value in label rasters.
    pub id: u8,
    /// Its names; the English one is that of `class_name` in the files.
    pub name: Texts,
    /// Its code in an official nomenclature.
    pub code: Option<String>,
    /// Its color.
    pub color: Color,
    /// Number of its features; `None` where they are not counted by class.
    pub features: Option<u64>,
    /// Whether it is in the legend; a class without features of its own has a name and a color only.
    pub legend: bool,
}

/// A kind of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindFact {
    /// Its name, as in the column `kind`.
    pub name: String,
    /// Number of its events.
    pub features: u64,
}

/// A state of review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateFact {
    /// Its name, as in the column `state`.
    pub name: String,
    /// Its title.
    pub title: Texts,
    /// The color of outlines of features with it.
    pub color: Color,
    /// Number of its features.
    pub features: u64,
}

/// Why features of a map may have no score.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Unscored {
    /// A reference layer gives classes.
    pub overrides: bool,
    /// Classes are ranges of values that the model estimates.
    pub ranges: bool,
    /// Answers of the model that are too uncertain are no class.
    pub undecided: Option<UndecidedFact>,
}

/// What is left undecided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UndecidedFact {
    /// Its name among the classes, in English.
    pub class: String,
    /// Largest expected share of errors among the answers of a class that are given, 0 to 1.
    pub max_risk: f64,
}

/// A file of the output, beside the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its name.
    pub href: String,
    /// Its role in the manifest.
    pub role: String,
    /// Its media type.
    pub media_type: String,
    /// Its size, bytes: the page refuses a file of another size.
    pub size: u64,
}

/// Imagery under the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imagery {
    /// A PMTiles archive of pictures.
    pub file: File,
    /// Its date, in a comparison.
    pub date: Option<Date>,
}

/// A table of zones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Zones {
    /// The CSV file.
    pub file: File,
    /// Its title.
    pub title: Texts,
    /// Its columns, as fields of a Table Schema.
    pub columns: Vec<Value>,
}

/// Zones with their figures, as tiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ZoneMap {
    /// The PMTiles archive, with the layers `features` and `points`.
    pub file: File,
    /// The columns of the zones, as fields of a Table Schema.
    pub columns: Vec<Value>,
    /// The column with the id of a zone within its level.
    pub id: String,
    /// The column with the level of a zone, if there may be several.
    pub level: Option<String>,
    /// The levels, in the order of their numbers (`class_id` of points that stand for several zones).
    pub levels: Vec<String>,
    /// Columns that zones can be colored by.
    pub figures: Vec<Figure>,
    /// The column that zones are colored by at first.
    pub color: Option<String>,
}

/// A column of numbers, in groups of about as many zones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The column.
    pub column: String,
    /// Where the second group and those after it begin, ascending; at most four.
    pub breaks: Vec<f64>,
}

/// Pictures of an event at both dates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pictures {
    /// Id of the event.
    pub id: String,
    /// Name of the file of the earlier date.
    pub before: String,
    /// Name of the file of the later date.
    pub after: String,
}

/// What a change must have passed to become an event; `None` where it was not asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// It is wider than this, pixels.
    pub width_px: Option<f64>,
    /// It is at least this large, square meters.
    pub min_area_m2: Option<f64>,
    /// The mean confidence of each map is at least this, 0 to 1.
    pub min_confidence: Option<f64>,
}

/// Longitudes and latitudes at the nodes of a regular lattice over the extent in the CRS of the files: the page finds the
/// place of a row of the table in between, without a library of projections.
///
/// Between nodes, places are interpolated in both directions. With 17 nodes a side, a map of 100 km in a conformal
/// projection is off by less than 1 m (the deviation of a straight line of 6 km from the geodesic).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Lattice {
    /// West, south, east, north in units of the CRS.
    pub bbox: [f64; 4],
    /// Nodes from west to east, at least 2.
    pub columns: usize,
    /// Nodes from south to north, at least 2.
    pub rows: usize,
    /// Longitude and latitude of each node, degrees; row by row from the south, each from west to east.
    pub points: Vec<[f64; 2]>,
}

impl Lattice {
    /// The lattice of files in degrees.
    pub fn of_degrees(bbox: [f64; 4]) -> Self {
        let [west, south, east, north] = bbox;
        let points = vec![[west, south], [east, south], [west, north], [east, north]];
        Self { bbox, columns: 2, rows: 2, points }
    }

    fn check(&self) -> Result<(), FactsError> {
        let Self { columns, rows, .. } = *self;
        let points =
            self.points.iter().filter(|point| point.iter().all(|degrees| degrees.is_finite())).count();
        let [west, south, east, north] = self.bbox;
        let fits = columns >= 2 && rows >= 2 && points == columns * rows && points == self.points.len();
        if fits && west < east && south < north {
            Ok(())
        } else {
            Err(FactsError::Lattice { points, columns, rows })
        }
    }
}

/// Whether a name is that of a file beside the page: no address, no folder, nothing to escape.
fn is_beside(href: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    !href.is_empty() && href.bytes().all(plain) && !href.starts_with('.')
}

impl Facts {
    /// Names of files that the page links to or reads.
    fn hrefs(&self) -> impl Iterator<Item = &str> {
        let files = self.files.iter().chain(&self.tiles).chain(&self.table);
        let files = files.chain(self.imagery.iter().map(|image| &image.file));
        let files = files.chain(self.zone_map.iter().map(|zones| &zones.file));
        let files = files.chain(self.zones.iter().map(|zones| &zones.file)).map(|file| &file.href);
        files
            .chain(self.pictures.iter().flat_map(|pictures| [&pictures.before, &pictures.after]))
            .map(String::as_str)
    }

    /// Checks that a page can be made.
    ///
    /// # Errors
    /// [`FactsError`]
    pub(crate) fn check(&self) -> Result<(), FactsError> {
        if let Some(href) = self.hrefs().find(|href| !is_beside(href)) {
            return Err(FactsError::Href { href: href.to_owned() });
        }
        let extent = self.extent;
        let [west, south, east, north] = extent;
        let is_on_globe = west <= east
            && south <= north
            && south >= -90.0
            && north <= 90.0
            && west >= -540.0
            && east <= 540.0;
        if !is_on_globe {
            return Err(FactsError::Extent { extent });
        }
        self.places.check()
    }
}
