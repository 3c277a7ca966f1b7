//! Errors of a job.

use std::path::PathBuf;

use arpent_base::Failure;
use arpent_base::config::Key;
use arpent_raster::Nomenclature;
use arpent_vector::VectorError;
use thiserror::Error;

use crate::wanted::WantedValues;

/// A job that cannot be started, or cannot be finished.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JobError {
    /// The configuration file cannot be read.
    #[error("cannot read the configuration {}: {source}", path.display())]
    ConfigRead {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The configuration is not valid.
    #[error("{}, line {line}{}: {message}\n  {line} | {text}", path.display(), in_table(table.as_deref()))]
    ConfigParse {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Header of the table that contains the line.
        table: Option<Box<str>>,
        /// Text of the line.
        text: String,
        /// The problem.
        message: String,
        /// A valid form.
        hint: Option<String>,
    },
    /// Neither a configuration nor a model was named.
    #[error("the job has neither a configuration nor a model")]
    NoConfig,
    /// Several configurations among the words after `--scene` or `--before`.
    #[error("no configuration precedes the scenes, and several follow --scene or --before: {}", named.join(", "))]
    SeveralConfigs {
        /// Words that may be configurations.
        named: Vec<String>,
    },
    /// Pictures of scenes, and a GDAL without WebP.
    #[error("the pictures of the scenes cannot be written: this GDAL has no WEBP driver")]
    NoWebp,
    /// No scene was named.
    #[error("the job has no scene")]
    NoScenes,
    /// Scenes of an earlier date for a model that does not compare.
    #[error("the model {model} takes scenes of one date, and the job names scenes of an earlier one")]
    BeforeUnwanted {
        /// The model.
        model: String,
    },
    /// A model that compares, and only one date.
    #[error("the model {model} compares two dates, and the job has no scene of the earlier one")]
    BeforeMissing {
        /// The model.
        model: String,
    },
    /// The scenes of the two dates lie on different grids.
    #[error("the scenes of the two dates lie on different grids:\n  before: {before}\n  after: {after}")]
    DatesDiffer {
        /// Grid of the earlier date.
        before: String,
        /// Grid of the later date.
        after: String,
    },
    /// The two dates share no pixel.
    #[error("the scenes of the two dates do not overlap")]
    DatesApart,
    /// A scene without a counterpart of the other date.
    #[error("no scene of the other date lies on the grid {grid}")]
    NoOtherDate {
        /// The scene's grid.
        grid: String,
    },
    /// No output was named.
    #[error("the job has no output")]
    NoOutput,
    /// Every scene failed.
    #[error("{}", reasons.join("\n"))]
    NoUsableScene {
        /// The problem of each scene.
        reasons: Vec<String>,
        /// Hint for the first.
        hint: Option<String>,
        /// The key of the configuration that causes all problems, if it is one.
        key: Option<Key>,
    },
    /// A scene lacks a band that the model needs.
    #[error("{scene} has no band `{band}`, which the model needs; it has {available}")]
    BandMissing {
        /// The scene.
        scene: String,
        /// The band.
        band: String,
        /// The scene's bands, printed.
        available: String,
        /// The key of `[input.bands]` that names its number, if there is one.
        key: Option<String>,
    },
    /// A band that cannot be alpha.
    #[error(
        "{scene}: band {band} (`alpha` under [input]) cannot be alpha: it does not exist, or the model reads it; there are {available}"
    )]
    AlphaBand {
        /// The scene.
        scene: String,
        /// The band's number.
        band: usize,
        /// The scene's bands, printed.
        available: String,
    },
    /// Nodata values for another number of bands.
    #[error("{scene}: `nodata` under [input] has {given} values, expected one for each of its {available}")]
    NodataBands {
        /// The scene.
        scene: String,
        /// Number of values given.
        given: usize,
        /// The scene's bands, printed.
        available: String,
    },
    /// The samples of a scene are not of the type that the model was trained on.
    #[error("{scene}, band {band}: samples are {got}, the model expects {expected}")]
    SampleType {
        /// The scene.
        scene: String,
        /// The band's number.
        band: usize,
        /// The scene's sample type.
        got: String,
        /// The types that the model takes.
        expected: String,
        /// The values that the model expects.
        wanted: Box<WantedValues>,
    },
    /// Stored values with a declared scale or offset, and a model that declares neither raw nor physical values.
    #[error(
        "{scene}, band {band}: {by} declares that physical values are stored x {scale} + {offset}, and the model {model} does not declare whether it was trained on stored or on physical values"
    )]
    UnclearValues {
        /// The scene.
        scene: String,
        /// The band's number.
        band: usize,
        /// Source of the declaration.
        by: String,
        /// The scale.
        scale: f64,
        /// The offset.
        offset: f64,
        /// The model.
        model: String,
    },
    /// Stored values with a declared scale or offset that is to be applied, and a model that dequantizes stored values.
    #[error(
        "{scene}, band {band}: {by} declares {declared}, which `values` under [input] applies, and the model {model} dequantizes stored values itself: they would be converted twice"
    )]
    DequantizedTwice {
        /// The scene.
        scene: String,
        /// The band's number.
        band: usize,
        /// Source of the declaration.
        by: String,
        /// Scale and offset, printed.
        declared: String,
        /// The model.
        model: String,
    },
    /// Values outside of the range of the model.
    #[error(
        "{scene}: {problem}; in a sample of {pixels} pixels, {measured}; the model {model} was trained on values from {low} to {high}"
    )]
    OutsideValues {
        /// The scene.
        scene: String,
        /// The problem.
        problem: &'static str,
        /// Valid pixels of the sample.
        pixels: usize,
        /// 1st percentile, median and 99th percentile of each band, printed.
        measured: String,
        /// The model.
        model: String,
        /// Lowest value of the model.
        low: f32,
        /// Highest value of the model.
        high: f32,
        /// Whether the scene declares a scale or an offset that was not applied.
        declared: bool,
        /// The values that the model expects.
        wanted: Box<WantedValues>,
    },
    /// The GSD of a scene is not one for which the model is valid.
    #[error("{scene} has a GSD of {gsd_m:.4} m; the model is valid from {min} to {max} m")]
    GsdOutOfRange {
        /// The scene.
        scene: String,
        /// Its GSD, meters.
        gsd_m: f64,
        /// Smallest GSD of the model, meters.
        min: f64,
        /// Largest GSD of the model, meters.
        max: f64,
        /// Factor by which pixels would have to become coarser or finer.
        factor: f64,
        /// Whether pixels would become coarser.
        coarser: bool,
        /// The largest factor allowed.
        most: f64,
    },
    /// A scene would have to be resampled by more than is allowed.
    #[error("{scene} has a GSD of {gsd_m:.4} m; resampled to {target_m} m, pixels would become {factor:.2} times as {}{along}, and the limit is {most}", if *coarser { "coarse" } else { "fine" })]
    ResampleFactor {
        /// The scene.
        scene: String,
        /// Its GSD, meters.
        gsd_m: f64,
        /// The GSD after resampling, meters.
        target_m: f64,
        /// Whether pixels would become coarser.
        coarser: bool,
        /// Axis, if the axes differ.
        along: &'static str,
        /// The factor.
        factor: f64,
        /// The largest factor allowed.
        most: f64,
    },
    /// A scene is smaller than a resampled pixel.
    #[error("{scene} is too small: it contains the center of no pixel of {gsd_m:.4} m")]
    NoPixelCenter {
        /// The scene.
        scene: String,
        /// Size of the pixels, meters.
        gsd_m: f64,
    },
    /// The model is not valid for the configured pixel size.
    #[error("input.pixel_size gives {scene} a GSD of {gsd_m:.4} m; the model is valid from {min} to {max} m")]
    PixelSize {
        /// The scene.
        scene: String,
        /// Its GSD with these pixels, meters.
        gsd_m: f64,
        /// Smallest GSD of the model, meters.
        min: f64,
        /// Largest GSD of the model, meters.
        max: f64,
    },
    /// The scenes do not share one grid.
    #[error("the scenes lie on {} different grids:\n{}", groups.len(), groups.join("\n"))]
    MixedGrids {
        /// Each grid with its scenes, printed.
        groups: Vec<String>,
    },
    /// Scenes of different dates cover the same pixels, and no order is configured.
    #[error("scenes of different dates cover the same pixels: {example}{}", more_pairs(*pairs))]
    OrderMissing {
        /// The pair with the largest share, with their dates.
        example: String,
        /// Pairs of scenes that cover the same pixels.
        pairs: u64,
    },
    /// `order = "newest"`, and the date of a scene is unknown.
    #[error("`order = \"newest\"` needs the dates of overlapping scenes: {example}")]
    OrderUnknown {
        /// The pair with the largest share, with their dates.
        example: String,
    },
    /// The AOI touches no scene.
    #[error("the AOI {aoi} lies outside of every scene")]
    AoiOutside {
        /// The AOI.
        aoi: String,
    },
    /// The AOI overlaps scenes, and contains no center of a pixel.
    #[error("the AOI {aoi} contains the center of no pixel of a scene (pixels are {gsd_m:.3} m)")]
    AoiNoPixel {
        /// The AOI.
        aoi: String,
        /// Side of a pixel, meters.
        gsd_m: f64,
    },
    /// Two values of one rule with the same text.
    #[error(
        "{key}: the values `{value}` and `{other}` are the same text, and have different classes, `{class}` and `{other_class}`"
    )]
    SameValue {
        /// Key of the configuration.
        key: Key,
        /// The first value.
        value: String,
        /// The second value.
        other: String,
        /// Class of the first.
        class: String,
        /// Class of the second.
        other_class: String,
    },
    /// A number for a band that the model does not have.
    #[error("input.bands: the model has no band `{band}`; it has {available}")]
    UnknownBand {
        /// The band.
        band: String,
        /// The model's bands.
        available: String,
        /// A hint with the band that was probably meant.
        meant: String,
    },
    /// A class that the model does not have.
    #[error("{key}: the model has no class `{class}`; it has {available}")]
    UnknownClass {
        /// Key of the configuration that names it.
        key: Key,
        /// The class.
        class: String,
        /// The model's classes.
        available: String,
    },
    /// Margins are measured by labels.
    #[error("margins are measured of networks that label pixels; `{model}` finds boxes")]
    MarginsOfBoxes {
        /// Id of the model.
        model: String,
    },
    /// The sampled cores have no valid pixel.
    #[error("the sampled cores of the scenes have no valid pixel: nothing was measured")]
    NothingToProbe,
    /// All margins change more labels than accepted.
    #[error("with every margin of `{model}`, more than {share} of the labels differ")]
    NoMarginFits {
        /// Id of the model.
        model: String,
        /// Accepted share.
        share: f64,
    },
    /// A coverage of a model that finds boxes, which overlap and leave gaps.
    #[error("[coverage]: the model `{model}` finds boxes, which cannot form a coverage")]
    CoverageOfBoxes {
        /// The model.
        model: String,
    },
    /// A mapping unit for built-up areas without a definition of these.
    #[error("coverage.classes.{class}.built_up_mmu_m2: there is no table [coverage.built_up]")]
    BuiltUpMissing {
        /// The class.
        class: String,
    },
    /// A mapping unit for built-up areas whose definition is empty.
    #[error("coverage.built_up: neither `classes` nor `areas` defines where its unit of {mmu_m2} m2 applies")]
    NothingBuiltUp {
        /// The mapping unit, square meters.
        mmu_m2: f64,
    },
    /// A distance without classes, or classes without a distance.
    #[error("coverage.built_up: `classes` and `distance_m` must be set together")]
    BuiltUpDistance,
    /// Distances to built-up classes in a CRS whose scale varies.
    #[error("coverage.built_up: the scale of {crs} varies, and distances in it are not valid")]
    BuiltUpCrs {
        /// The CRS of the map.
        crs: String,
    },
    /// A name that is not valid for a column, or is already in use.
    #[error("{key}: `{column}` is not a valid name of a column, or is already in use")]
    ReferenceName {
        /// Key of the configuration.
        key: Key,
        /// The name.
        column: String,
    },
    /// A number of the configuration out of range.
    #[error("{key} is {value}, expected {expected}")]
    Number {
        /// Key of the configuration.
        key: Key,
        /// The number.
        value: f64,
        /// The valid range.
        expected: &'static str,
    },
    /// A layer without reference features.
    #[error("{key}: {layer} has no feature with a geometry")]
    ReferenceEmpty {
        /// Key of the configuration.
        key: Key,
        /// The layer's file.
        layer: String,
    },
    /// Distances to reference features in a CRS whose scale varies.
    #[error("{key}: the scale of {crs} varies, and distances in it are not valid")]
    ReferenceCrs {
        /// Key of the configuration.
        key: Key,
        /// The CRS of the map.
        crs: String,
    },
    /// Boxes merged by distance in a CRS whose scale varies.
    #[error("[objects]: the scale of {crs} varies, and distances in it are not valid")]
    ObjectsCrs {
        /// The CRS of the map.
        crs: String,
    },
    /// `[objects]` with a model that labels pixels.
    #[error("[objects]: the model `{model}` labels pixels, and [objects] needs a model that finds boxes")]
    ObjectsOfLabels {
        /// The model.
        model: String,
    },
    /// `[[reference.override]]` with a model that finds boxes.
    #[error("reference.override: the model `{model}` finds boxes, whose class cannot be overridden by area")]
    OverrideOnBoxes {
        /// The model.
        model: String,
    },
    /// A class without a code.
    #[error("ocs_ge: the class `{class}` has no code{}", table.as_ref().map_or_else(|| " in the model package".to_owned(), |t| format!(" in {t}")))]
    NoCode {
        /// The class.
        class: String,
        /// The table of codes, where there is one.
        table: Option<String>,
    },
    /// The job needs more memory than allowed.
    #[error("the job needs about {needed_mb} MB of memory, and compute.memory_limit_mb is {limit_mb}")]
    MemoryLimit {
        /// Memory needed, MB.
        needed_mb: u64,
        /// The limit, MB.
        limit_mb: u64,
    },
    /// The output folder already contains a model package.
    #[error("{} already contains a model package", path.display())]
    PackageExists {
        /// The folder.
        path: std::path::PathBuf,
    },
    /// An empty license.
    #[error("--license is empty")]
    EmptyLicense,
    /// The output already contains a published map.
    #[error("{output} already contains a published map")]
    OutputExists {
        /// The output.
        output: String,
    },
    /// No pixel of the job is valid.
    #[error("no valid pixel: every pixel of {scenes} is nodata{}", if *aoi { " inside the AOI" } else { "" })]
    AllNodata {
        /// The scenes.
        scenes: String,
        /// Whether there was an AOI.
        aoi: bool,
    },
    /// The scratch folder cannot be used.
    #[error("cannot use the scratch folder {}: {source}", path.display())]
    Scratch {
        /// The folder.
        path: PathBuf,
        /// The configuration key that names it; `None` for that of the system.
        key: Option<&'static str>,
        /// Why.
        source: std::io::Error,
    },
    /// A scratch file cannot be written or read.
    #[error("cannot {doing} the scratch file {}: {source}", path.display())]
    ScratchFile {
        /// The operation.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A table of results cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    WriteTable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: csv::Error,
    },
    /// A file of the scratch folder could not be written or read, and the disk is full.
    #[error("not enough space in the scratch folder {}: {free_mb} MB are free: {source:#}", folder.display())]
    NoRoom {
        /// The folder.
        folder: PathBuf,
        /// Free space, MB.
        free_mb: u64,
        /// The error.
        source: Failure,
    },
    /// A file of the scratch folder could not be written or read, though space is free.
    #[error("cannot read or write a file in the scratch folder {}: {source:#}", folder.display())]
    Temporary {
        /// The folder.
        folder: PathBuf,
        /// The error.
        source: Failure,
    },
    /// An output that has no report.
    #[error("{output} holds zonal statistics, which have no report")]
    NoReport {
        /// The output.
        output: String,
    },
    /// A feature that an output does not have.
    #[error("{output} has no feature with the id {id}")]
    NoSuchFeature {
        /// The output.
        output: String,
        /// The id that was asked for.
        id: String,
        /// File of its features, if it can be searched by a person.
        file: String,
    },
    /// An output whose features cannot be looked up.
    #[error("{output} has no GeoParquet file of its features")]
    NoTable {
        /// The output.
        output: String,
    },
    /// A target that `arpent inspect` does not support.
    #[error("{target} is neither a model package nor a scene nor the output of a run")]
    NotInspectable {
        /// The target.
        target: String,
    },
    /// A layer that is not of a run.
    #[error("{target} does not contain the features of a run")]
    NotFeatures {
        /// The file.
        target: String,
    },
    /// `arpent-train` is not installed.
    #[error("cannot run arpent-train: {source}")]
    TrainMissing {
        /// Why.
        source: std::io::Error,
    },
    /// A thread ended before its work was complete.
    #[error("the {stage} thread stopped unexpectedly")]
    Stopped {
        /// Its stage.
        stage: &'static str,
    },
}

impl JobError {
    /// The error of a number of the configuration out of range; `key` is the full key.
    pub(crate) fn of_option(key: Key, error: VectorError) -> Failure {
        match error {
            VectorError::BadOption { value, expected, .. } => Self::Number { key, value, expected }.into(),
            other => other.into(),
        }
    }
}

/// Id of a class of the model by its name; `key` is the key of the configuration that names it.
///
/// # Errors
/// [`JobError::UnknownClass`].
pub(crate) fn class_id(key: &Key, name: &str, classes: &Nomenclature) -> Result<u8, JobError> {
    let known = classes.classes();
    let text = arpent_gdal::same_text(name);
    let exact = known.iter().find(|class| class.name == name);
    let found = exact.or_else(|| known.iter().find(|class| arpent_gdal::same_text(&class.name) == text));
    let found = found.map(|class| class.id);
    found.ok_or_else(|| JobError::UnknownClass {
        key: key.clone(),
        class: name.to_owned(),
        available: known.iter().map(|class| class.name.as_str()).collect::<Vec<_>>().join(", "),
    })
}

/// `, in [features]`
fn in_table(table: Option<&str>) -> String {
    table.map(|table| format!(", in {table}")).unwrap_or_default()
}

fn more_pairs(pairs: u64) -> String {
    if pairs > 1 { format!("; {pairs} pairs of scenes overlap") } else { String::new() }
}
