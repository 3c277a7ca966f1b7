//! Errors of comparisons.

use std::path::Path;

use arpent_base::Diagnostic;
use arpent_base::config::Key;
use thiserror::Error;

use crate::error::JobError;

/// Maps or images of two dates that cannot be compared.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ChangeJobError {
    /// Pictures of scenes, and a comparison of maps alone.
    #[error("`publish.imagery` asks for pictures of the images of both dates, and none are named")]
    ImageryOfMaps,
    /// Nothing is known of a date.
    #[error("nothing is named for the {date} date")]
    NoInput {
        /// `earlier` or `later`.
        date: &'static str,
    },
    /// No place for the results.
    #[error("no output is named")]
    NoOutput,
    /// A map of one date, only images of the other.
    #[error(
        "the {map} date has a map, the {images} one only images: two maps, or images of both dates, can be compared"
    )]
    MapAndImages {
        /// The date with the map.
        map: &'static str,
        /// The other.
        images: &'static str,
    },
    /// The output is one of the inputs.
    #[error("the output {output} is an input")]
    OutputIsInput {
        /// The output.
        output: String,
    },
    /// A raster names no classes.
    #[error("{map} does not name its classes")]
    NoClasses {
        /// The map.
        map: String,
    },
    /// Maps with other classes.
    #[error("the maps have different classes: {before}; and {after}")]
    ClassesDiffer {
        /// Classes of the earlier map.
        before: String,
        /// Classes of the later map.
        after: String,
    },
    /// A class that the comparison does not have.
    #[error("`{key}` names `{class}`, which is not one of the classes: {available}")]
    UnknownClass {
        /// The key of the configuration.
        key: &'static str,
        /// The name.
        class: String,
        /// The classes.
        available: String,
    },
    /// A value of a table that is neither a class of the map nor a number.
    #[error("{map} has no class `{value}`, and it is not a value from 0 to 255; its classes: {available}")]
    UnknownValue {
        /// The map.
        map: String,
        /// The text.
        value: String,
        /// Names of its classes.
        available: String,
    },
    /// A pixel whose value stands for no class.
    #[error("{map} has the value {value} at column {col}, row {row}, which stands for no class")]
    ValueWithoutClass {
        /// The map.
        map: String,
        /// The value.
        value: u8,
        /// Column in the file, from 0.
        col: i64,
        /// Row in the file, from 0.
        row: i64,
    },
    /// Pixels that do not coincide.
    #[error("the pixels of {before} and {after} do not coincide: {before_grid} and {after_grid}")]
    GridsDiffer {
        /// The earlier input.
        before: String,
        /// The later input.
        after: String,
        /// Grid of the earlier one.
        before_grid: String,
        /// Grid of the later one.
        after_grid: String,
    },
    /// Inputs that have no pixel in common.
    #[error("{before} and {after} have no pixel in common")]
    Apart {
        /// The earlier input.
        before: String,
        /// The later input.
        after: String,
    },
    /// No pixel was observed at both dates.
    #[error("no pixel of the common area was observed at both dates")]
    NothingObserved,
    /// Dates in the wrong order.
    #[error("the earlier date, {before}, is not before the later one, {after}")]
    DatesSwapped {
        /// Date of the earlier input.
        before: String,
        /// Date of the later input.
        after: String,
    },
    /// A date that is not known.
    #[error("the {date} date is not known")]
    NoDate {
        /// `earlier` or `later`.
        date: &'static str,
    },
    /// Images without a common band.
    #[error("the images have no band in common: {before}; and {after}")]
    NoCommonBand {
        /// Bands of the earlier images.
        before: String,
        /// Bands of the later images.
        after: String,
    },
    /// A band number that an image does not have.
    #[error(
        "`images.bands` names band {number} as `{name}`, but {image} has {bands} bands ({files} of the images have no band {number})"
    )]
    NoSuchBand {
        /// The name.
        name: String,
        /// The number.
        number: usize,
        /// The first of the images.
        image: String,
        /// Number of its bands.
        bands: usize,
        /// Number of images without it.
        files: usize,
    },
    /// Images of the configuration that a map on the command line would replace.
    #[error(
        "{option} names a map, {map}, in place of {scenes} of [{table}] in the configuration (`scenes`): these images would have no vote"
    )]
    ScenesReplaced {
        /// The option.
        option: &'static str,
        /// The map.
        map: String,
        /// The images.
        scenes: String,
        /// The table of the date.
        table: &'static str,
    },
    /// A shift beyond the limit.
    #[error(
        "the images are shifted by {shift_px:.2} pixels against each other (median of {cells} cells, spread {spread_px:.2}); the limit is {limit_px}"
    )]
    Shifted {
        /// Length of the median shift, pixels.
        shift_px: f64,
        /// Number of good cells.
        cells: usize,
        /// Spread of the cells, pixels.
        spread_px: f64,
        /// The limit, pixels.
        limit_px: f64,
    },
    /// A scene that could not be mapped.
    #[error("{uri} cannot be mapped: {reason}")]
    SceneFailed {
        /// The scene.
        uri: String,
        /// Why.
        reason: String,
    },
    /// Scenes of one date that make several maps.
    #[error("the scenes of one date make several maps, expected one")]
    SeveralMaps,
    /// A plan of maps that are not made.
    #[error("a plan with shards compares maps that are there; {run} would make them first")]
    MapsInShards {
        /// The configuration of the run.
        run: String,
    },
    /// A shift that is to be corrected, but not known.
    #[error(
        "the shift between the images cannot be corrected: {good} cells show it, at least {least} are needed"
    )]
    NotCorrectable {
        /// Number of good cells.
        good: usize,
        /// Fewest cells.
        least: usize,
    },
    /// A previous comparison that does not lead to this one.
    #[error("{previous} does not end with the earlier map of this comparison: {problem}")]
    OtherSeries {
        /// The previous comparison.
        previous: String,
        /// What differs.
        problem: String,
    },
    /// The table of objects of a previous comparison is damaged.
    #[error("the table of objects of the previous comparison cannot be used: {problem}")]
    BadObjects {
        /// What is wrong.
        problem: String,
    },
    /// A layer of zones without a usable feature.
    #[error("{zones} has no polygon over the common area")]
    NoZones {
        /// The layer.
        zones: String,
    },
    /// A layer without the configured column.
    #[error("{layer} has no column `{column}` (`{key}`); its columns: {available}")]
    NoColumn {
        /// The key of the configuration.
        key: &'static str,
        /// The layer.
        layer: String,
        /// The column.
        column: String,
        /// Its columns.
        available: String,
    },
    /// A layer without a column of classes that is known.
    #[error(
        "no column of {layer} is known to have its class (`code_cs`, `cs_avant` and `cs_apres`, or `CS_YEAR`); its columns: {available}"
    )]
    NoClassColumn {
        /// The layer.
        layer: String,
        /// Its name in the file.
        name: String,
        /// Its columns.
        available: String,
    },
    /// A column for a map that is no vector layer.
    #[error("`{key}` names a column, but {map} is no vector layer")]
    ColumnOfRaster {
        /// The key of the configuration.
        key: &'static str,
        /// The map.
        map: String,
    },
    /// Confidences for what is no label raster.
    #[error("`{key}` names a raster of confidences, but {map} is no label raster")]
    ConfidenceOfOther {
        /// The key of the configuration.
        key: &'static str,
        /// The map or image.
        map: String,
    },
    /// Confidences on other pixels than those of the map.
    #[error("{confidence} does not have the pixels of {map}, whose confidences it should hold")]
    ConfidenceElsewhere {
        /// The raster.
        confidence: String,
        /// The map.
        map: String,
    },
    /// A raster whose values cannot be confidences.
    #[error("{confidence} declares no scale of 0.004 and nodata value of 255, as confidences have")]
    NotConfidences {
        /// The raster.
        confidence: String,
    },
    /// A value that is no confidence.
    #[error("{confidence} has the value {value}: confidences are 0 to 250 (certain), and 255 for none")]
    ConfidenceValue {
        /// The raster.
        confidence: String,
        /// The value.
        value: u8,
    },
    /// A threshold for confidences that are not there.
    #[error("`events.confidence` is set, but the map of the {date} date has no confidences")]
    NoConfidence {
        /// `earlier` or `later`.
        date: &'static str,
    },
    /// A use code of a table that OCS GE does not have.
    #[error("`use_values` names `{code}`, which is no use code of OCS GE: {available}")]
    UnknownUse {
        /// The code.
        code: String,
        /// All of them.
        available: String,
    },
    /// A layer without polygons.
    #[error("{layer} has no polygon")]
    EmptyLayer {
        /// The layer.
        layer: String,
    },
    /// A layer of which no value is a class.
    #[error("no value of the column `{column}` of {layer} is a class of the comparison: {values}")]
    NoKnownValue {
        /// The layer.
        layer: String,
        /// The column.
        column: String,
        /// Some of its values, with numbers of polygons.
        values: String,
    },
    /// A layer with more vintages than are told apart.
    #[error("{layer} has {found} years in the column `{column}`, expected 254 at most")]
    TooManyVintages {
        /// The layer.
        layer: String,
        /// The column.
        column: String,
        /// Number of years.
        found: usize,
    },
    /// Two layers, and no grid.
    #[error("both dates are vector layers, which have no pixels, and no grid is named")]
    NoGrid,
    /// A grid with more pixels than can be compared.
    #[error(
        "`grid.pixel_size` {pixel_size} makes {size} pixels of what both dates have; at most {most} can be compared"
    )]
    GridTooFine {
        /// As configured.
        pixel_size: f64,
        /// Columns and rows.
        size: String,
        /// Most pixels, in words.
        most: String,
        /// The smallest size that is possible.
        least: String,
    },
    /// A grid beside a map that has one.
    #[error("`grid` is set, but the pixels are those of {map}")]
    GridOfMap {
        /// The map.
        map: String,
    },
    /// A differential for both dates.
    #[error(
        "{layer} has only what changed between the dates: outside of its polygons the land cover is not known"
    )]
    DifferentialAlone {
        /// The layer.
        layer: String,
    },
    /// A file that is no result of a comparison.
    #[error("{what} is not the output of a comparison")]
    NotAChange {
        /// What was named.
        what: String,
    },
}

/// A table that cannot be written.
pub(crate) fn table_error(path: &Path, source: csv::Error) -> JobError {
    JobError::WriteTable { path: path.to_owned(), source }
}

impl Diagnostic for ChangeJobError {
    fn key(&self) -> Option<Key> {
        match self {
            Self::UnknownClass { key, .. }
            | Self::NoColumn { key, .. }
            | Self::ConfidenceOfOther { key, .. }
            | Self::ColumnOfRaster { key, .. } => Some(Key::from(*key)),
            Self::NoConfidence { .. } => Some(Key::from("events.confidence")),
            Self::GridOfMap { .. } => Some(Key::from("grid")),
            Self::GridTooFine { .. } => Some(Key::from("grid.pixel_size")),
            Self::NoSuchBand { .. } => Some(Key::from("images.bands")),
            Self::ScenesReplaced { table, .. } => Some(Key::from(*table).then("scenes")),
            _ => None,
        }
    }

    fn hint(&self) -> Option<String> {
        self.hint_with_values().or_else(|| self.plain_hint().map(str::to_owned))
    }
}

impl ChangeJobError {
    /// Hints with values.
    fn hint_with_values(&self) -> Option<String> {
        match self {
            Self::ScenesReplaced { table, .. } => Some(format!(
                "name the map as `map` under [{table}], beside its `scenes`; or remove these `scenes`"
            )),
            Self::GridTooFine { least, .. } => {
                Some(format!("set `pixel_size` under [grid] to {least} or more (units of the CRS)"))
            }
            _ => None,
        }
    }

    #[allow(clippy::too_many_lines, reason = "one line for each error")]
    fn plain_hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::ImageryOfMaps => {
                "name the images of both dates (`scenes` under [before] and [after]), or remove `imagery = true`"
            }
            Self::NoInput { date: "earlier" } => {
                "name a map or images with --before, or under [before] in the configuration"
            }
            Self::NoInput { .. } => {
                "name a map or images with --after, or under [after] in the configuration"
            }
            Self::NoOutput => {
                "name a folder or an s3 URL with --output, or under `output` in the configuration"
            }
            Self::MapAndImages { .. } => {
                "make the missing map first, or name images of both dates and no map"
            }
            Self::OutputIsInput { .. } => "choose another --output",
            Self::NoClasses { .. } => {
                "describe the classes of the comparison as [[classes]] with id, name and color (and the code of OCS GE, if they have one) in the configuration"
            }
            Self::ClassesDiffer { .. } => {
                "describe the classes of the comparison as [[classes]], and what the classes of each map are under [before.values] and [after.values], for example `\"conifer\" = \"forest\"`"
            }
            Self::UnknownClass { .. } | Self::UnknownUse { .. } => "use one of these names",
            Self::UnknownValue { .. } => "use one of these names, or the number of a value",
            Self::ValueWithoutClass { .. } => {
                "name its class under [before.values] or [after.values], for example `\"17\" = \"water\"`, or \"nodata\" if it was not observed"
            }
            Self::GridsDiffer { .. } => {
                "make both maps on one grid: `pixel_size` under [input] of their runs; other rasters are resampled by the nearest pixel"
            }
            Self::Apart { .. } => "check that both inputs show the same place: `arpent inspect INPUT`",
            Self::NothingObserved => "check nodata and masks of both inputs: `arpent inspect INPUT`",
            Self::DatesSwapped { .. } => {
                "swap --before and --after, or correct `date` under [before] and [after]"
            }
            Self::NoDate { date: "earlier" } => "set `date` under [before], for example `date = \"2018-07\"`",
            Self::NoDate { .. } => "set `date` under [after], for example `date = \"2021-07\"`",
            Self::NoCommonBand { .. } => {
                "name the bands under [images], for example `bands = { red = 1, green = 2, blue = 3 }`"
            }
            Self::NoSuchBand { .. } => {
                "count bands from 1 (`arpent inspect IMAGE` lists them), or name those that all images have as `compare` under [images]"
            }
            Self::Shifted { .. } => {
                "register the images with each other first, or set a larger `limit` under [registration]: changes that are not wider than twice the shift are left out"
            }
            Self::SceneFailed { .. } => {
                "leave the scene out, or make the map by `arpent run` and name it as `map` under that date"
            }
            Self::SeveralMaps => "name scenes of one CRS and GSD for each date",
            Self::MapsInShards { .. } => {
                "make both maps first, then name each as `map` beside its `scenes` under [before] and [after]"
            }
            Self::NotCorrectable { .. } => {
                "compare a larger area, name other bands as `compare` under [images], or register the images first and set `mode = \"check\"` under [registration]"
            }
            Self::OtherSeries { .. } => {
                "name the comparison whose later map is the earlier one of this, with --previous"
            }
            Self::BadObjects { .. } => "check it with `arpent check OUTPUT`, or make it again",
            Self::NoZones { .. } => {
                "check the CRS of the layer (`ogrinfo -so -al FILE`), and that it covers the common area"
            }
            Self::NoColumn { .. } => "use one of these columns",
            Self::NoClassColumn { name, available, .. }
                if name.to_lowercase().contains("construit")
                    || available.to_lowercase().contains("construit") =>
            {
                "a zone construite has no land cover and cannot be a date: name the layer of the occupation, and the zone construite under [[zones]] if its balance is wanted"
            }
            Self::NoClassColumn { .. } => {
                "name the column with the class as `column` under [before] or [after]"
            }
            Self::ColumnOfRaster { .. } => {
                "remove the key, or name a layer (GeoPackage, shapefile, FlatGeobuf, GeoParquet)"
            }
            Self::ConfidenceOfOther { .. } => {
                "remove the key: the output of a run has its own confidences, layers and images have none"
            }
            Self::ConfidenceElsewhere { .. } => "name a raster on the grid of the map, and of its size",
            Self::NotConfidences { .. } | Self::ConfidenceValue { .. } => {
                "write them as a run does: bytes of 0 to 250, where 250 is certain, with the scale 0.004 and 255 for none"
            }
            Self::NoConfidence { .. } => {
                "name the output of a run with `confidence.tif`, or the raster as `confidence` under [before] and [after]; or remove the key"
            }
            Self::EmptyLayer { .. } => "check the layer: `ogrinfo -so -al FILE`",
            Self::NoKnownValue { .. } => {
                "name the classes of the values under [before.values] or [after.values], or set `code` of [[classes]]"
            }
            Self::TooManyVintages { .. } => "check the column: it should have a year for each delivery",
            Self::NoGrid => {
                "set `pixel_size` under [grid] in the configuration, for example 1.0 (units of the CRS), or name images of both dates"
            }
            Self::GridOfMap { .. } => "remove [grid]",
            Self::DifferentialAlone { .. } => {
                "name the occupation of one date for the other date, for example --before OCCUPATION_2018.gpkg --after DIFFERENTIEL.gpkg"
            }
            Self::NotAChange { .. } => "name the folder or URL that `arpent change` wrote",
            Self::ScenesReplaced { .. } | Self::GridTooFine { .. } => return None,
        })
    }
}
