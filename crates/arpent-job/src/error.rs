//! What can be wrong with a job, and what to do about it.

use std::path::PathBuf;

use arpent_base::Failure;
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
    /// The configuration is not what a configuration must be.
    #[error("{}, line {line}{}: {message}\n  {line} | {text}", path.display(), in_table(table.as_deref()))]
    ConfigParse {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The table in which it stands, as its header is written.
        table: Option<Box<str>>,
        /// What stands there.
        text: String,
        /// What is wrong with it.
        message: String,
        /// What to write instead.
        hint: Option<String>,
    },
    /// Neither a configuration nor a model was named.
    #[error("the job has neither a configuration nor a model")]
    NoConfig,
    /// Several configurations among what follows `--scene` or `--before`.
    #[error("no configuration stands before the scenes, and several follow --scene or --before: {}", named.join(", "))]
    SeveralConfigs {
        /// What may be one.
        named: Vec<String>,
    },
    /// No scene was named.
    #[error("the job has no scene")]
    NoScenes,
    /// Scenes of an earlier date for a model that does not compare.
    #[error("the model {model} looks at one date, and the job names scenes of an earlier one")]
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
    /// The two dates lie on different grids.
    #[error("the dates lie on different grids:\n  before: {before}\n  after: {after}")]
    DatesDiffer {
        /// Grid of the earlier date.
        before: String,
        /// Grid of the later date.
        after: String,
    },
    /// The two dates share no pixel.
    #[error("the scenes of the two dates have no place in common")]
    DatesApart,
    /// A scene that has nothing to be compared with.
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
        /// What is wrong with each.
        reasons: Vec<String>,
        /// What to do about the first.
        hint: Option<String>,
        /// The key of the configuration that all of it is about, where it is about one.
        key: Option<String>,
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
        /// The key of `[input.bands]` that says which it is, where one does.
        key: Option<String>,
    },
    /// A band that cannot be alpha.
    #[error(
        "{scene}: band {band} cannot be alpha, as `alpha` under [input] says: it is not there, or the model reads it; there are {available}"
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
        /// Values that are given.
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
        /// How to write such values.
        wanted: Box<WantedValues>,
    },
    /// Stored values that are declared to mean others, and no word on which of the two the model was made for.
    #[error(
        "{scene}, band {band}: {by} declares that stored values mean stored x {scale} + {offset}, and the model {model} does not say whether it was made for stored or for physical values"
    )]
    UnclearValues {
        /// The scene.
        scene: String,
        /// The band's number.
        band: usize,
        /// Who declares it.
        by: String,
        /// The scale.
        scale: f64,
        /// The offset.
        offset: f64,
        /// The model.
        model: String,
    },
    /// Values that the model was not made for.
    #[error(
        "{scene}: {problem}; in a sample of {pixels} pixels, {measured}; the model {model} was made for values from {low} to {high}"
    )]
    OutsideValues {
        /// The scene.
        scene: String,
        /// What is wrong, in words.
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
        /// How to write such values.
        wanted: Box<WantedValues>,
    },
    /// The GSD of a scene is not one for which the model is valid.
    #[error("{scene} has a GSD of {gsd_m:.4} m; the model is valid from {min} to {max} m")]
    GsdOutOfRange {
        /// The scene.
        scene: String,
        /// Its GSD, metres.
        gsd_m: f64,
        /// Smallest GSD of the model, metres.
        min: f64,
        /// Largest GSD of the model, metres.
        max: f64,
        /// By how much pixels would have to become coarser or finer.
        factor: f64,
        /// Whether they would become coarser.
        coarser: bool,
        /// The largest factor allowed.
        most: f64,
    },
    /// A scene would have to be resampled by more than is allowed.
    #[error("{scene} has a GSD of {gsd_m:.4} m; to {target_m} m, pixels would become {factor:.2} times as {}{along}, more than the {most} allowed", if *coarser { "coarse" } else { "fine" })]
    ResampleFactor {
        /// The scene.
        scene: String,
        /// Its GSD, metres.
        gsd_m: f64,
        /// The GSD that it would be brought to, metres.
        target_m: f64,
        /// Whether pixels would become coarser.
        coarser: bool,
        /// Along which side, where the sides differ.
        along: &'static str,
        /// The factor.
        factor: f64,
        /// The largest factor allowed.
        most: f64,
    },
    /// A scene is smaller than a resampled pixel.
    #[error("{scene} is too small: no pixel of {gsd_m:.4} m has its center in it")]
    NoPixelCenter {
        /// The scene.
        scene: String,
        /// Size of the pixels, metres.
        gsd_m: f64,
    },
    /// The pixel size that was asked for is not one for which the model is valid.
    #[error("input.pixel_size gives {scene} a GSD of {gsd_m:.4} m; the model is valid from {min} to {max} m")]
    PixelSize {
        /// The scene.
        scene: String,
        /// Its GSD with these pixels, metres.
        gsd_m: f64,
        /// Smallest GSD of the model, metres.
        min: f64,
        /// Largest GSD of the model, metres.
        max: f64,
    },
    /// The scenes do not share one grid.
    #[error("the scenes lie on {} different grids:\n{}", groups.len(), groups.join("\n"))]
    MixedGrids {
        /// Each grid with its scenes, printed.
        groups: Vec<String>,
    },
    /// Scenes of different dates lie over the same pixels, and nobody says which goes first.
    #[error("scenes of different dates lie over the same pixels: {example}{}", more_pairs(*pairs))]
    OrderMissing {
        /// The pair with the largest share, with their dates.
        example: String,
        /// Pairs of scenes that lie over the same pixels.
        pairs: u64,
    },
    /// The newest scene goes first, and the date of one is not known.
    #[error("`order = \"newest\"` cannot tell which scene goes first: {example}")]
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
    /// The AOI lies on scenes, and holds no pixel.
    #[error("the AOI {aoi} holds the center of no pixel of a scene (pixels are {gsd_m:.3} m)")]
    AoiNoPixel {
        /// The AOI.
        aoi: String,
        /// Side of a pixel, meters.
        gsd_m: f64,
    },
    /// Two values of one rule that are the same text.
    #[error(
        "{key}: the values `{value}` and `{other}` are the same text, and are given the classes `{class}` and `{other_class}`"
    )]
    SameValue {
        /// Where in the configuration.
        key: String,
        /// One of them.
        value: String,
        /// The other.
        other: String,
        /// Class of the one.
        class: String,
        /// Class of the other.
        other_class: String,
    },
    /// A number for a band that the model does not have.
    #[error("input.bands: the model has no band `{band}`; it has {available}")]
    UnknownBand {
        /// The band.
        band: String,
        /// The model's bands.
        available: String,
        /// What was probably meant.
        meant: String,
    },
    /// A class that the model does not know.
    #[error("{key}: the model has no class `{class}`; it has {available}")]
    UnknownClass {
        /// Where in the configuration it is named.
        key: String,
        /// The class.
        class: String,
        /// The model's classes.
        available: String,
    },
    /// Boxes overlap and leave gaps.
    #[error("[coverage]: `{model}` finds boxes, which are no coverage")]
    CoverageOfBoxes {
        /// The model.
        model: String,
    },
    /// A unit for built-up areas without a word on what is built up.
    #[error("coverage.classes.{class}.built_up_mmu_m2: there is no table [coverage.built_up]")]
    BuiltUpMissing {
        /// The class.
        class: String,
    },
    /// A unit for built-up areas that are nowhere.
    #[error("coverage.built_up: nothing says where its unit of {mmu_m2} m2 holds")]
    NothingBuiltUp {
        /// The unit, square meters.
        mmu_m2: f64,
    },
    /// A distance without classes, or classes without a distance.
    #[error("coverage.built_up: `classes` and `distance_m` belong together")]
    BuiltUpDistance,
    /// Built-up areas cannot be found in pixels that are not of one size.
    #[error("coverage.built_up: distances are not the same everywhere in {crs}")]
    BuiltUpCrs {
        /// The CRS of the map.
        crs: String,
    },
    /// A name that is no name of a column, or is another's.
    #[error("{key}: `{column}` cannot be the name of a column, or there is another of that name")]
    ReferenceName {
        /// Where in the configuration.
        key: String,
        /// The name.
        column: String,
    },
    /// A number of the configuration that makes no sense.
    #[error("{key} is {value}, expected {expected}")]
    Number {
        /// Where in the configuration.
        key: String,
        /// The number.
        value: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// A layer without an object.
    #[error("{key}: {layer} has no object with a geometry")]
    ReferenceEmpty {
        /// Where in the configuration.
        key: String,
        /// The layer's file.
        layer: String,
    },
    /// Distances in a CRS in which they are not the same everywhere.
    #[error("{key}: distances are not the same everywhere in {crs}")]
    ReferenceCrs {
        /// Where in the configuration.
        key: String,
        /// The CRS of the map.
        crs: String,
    },
    /// Boxes joined in a CRS in which distances are not the same everywhere.
    #[error("[objects]: distances are not the same everywhere in {crs}")]
    ObjectsCrs {
        /// The CRS of the map.
        crs: String,
    },
    /// Objects of a model that finds no boxes.
    #[error("[objects]: `{model}` labels pixels, and finds no boxes")]
    ObjectsOfLabels {
        /// The model.
        model: String,
    },
    /// Something imposed on boxes.
    #[error("reference.impose: `{model}` finds boxes, into which nothing can be cut")]
    ImposeOnBoxes {
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
        /// What is needed.
        needed_mb: u64,
        /// What is allowed.
        limit_mb: u64,
    },
    /// There is a model package already.
    #[error("{} already holds a model package", path.display())]
    PackageExists {
        /// The folder.
        path: std::path::PathBuf,
    },
    /// A licence that says nothing.
    #[error("--licence is empty")]
    EmptyLicence,
    /// There is a published output already.
    #[error("{output} already holds a published map")]
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
        /// Why.
        source: std::io::Error,
    },
    /// A file of the scratch folder could not be written or read, and there is no room left.
    #[error("no room in the scratch folder {}: {free_mb} MB are free: {source:#}", folder.display())]
    NoRoom {
        /// The folder.
        folder: PathBuf,
        /// What is free, MB.
        free_mb: u64,
        /// What failed.
        source: Failure,
    },
    /// A file of the scratch folder could not be written or read, though there is room.
    #[error("a file of the scratch folder {} failed: {source:#}", folder.display())]
    Temporary {
        /// The folder.
        folder: PathBuf,
        /// What failed.
        source: Failure,
    },
    /// Something to inspect that is none of the things that can be inspected.
    #[error("{target} is neither a model package nor a scene nor the output of a run")]
    NotInspectable {
        /// What was given.
        target: String,
    },
    /// A layer that is not of a run.
    #[error("{target} does not hold the features of a run")]
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
    /// A thread ended before its work was done.
    #[error("the {stage} thread stopped unexpectedly")]
    Stopped {
        /// Its stage.
        stage: &'static str,
    },
}

impl JobError {
    /// A number that a key of the configuration must not be; `key` is named from the top.
    pub(crate) fn of_option(key: &str, error: VectorError) -> Failure {
        match error {
            VectorError::BadOption { value, expected, .. } => {
                Self::Number { key: key.to_owned(), value, expected }.into()
            }
            other => other.into(),
        }
    }
}

/// Id of a class of the model by its name; `key` is where in the configuration it is named.
///
/// # Errors
/// [`JobError::UnknownClass`].
pub(crate) fn class_id(key: &str, name: &str, classes: &Nomenclature) -> Result<u8, JobError> {
    let known = classes.classes();
    let text = arpent_gdal::same_text(name);
    let exact = known.iter().find(|class| class.name == name);
    let found = exact.or_else(|| known.iter().find(|class| arpent_gdal::same_text(&class.name) == text));
    let found = found.map(|class| class.id);
    found.ok_or_else(|| JobError::UnknownClass {
        key: key.to_owned(),
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
