//! Hints of the errors of a job, their keys in the configuration, and whether they are temporary.

use arpent_base::Diagnostic;
use arpent_base::config::Key;

use crate::error::JobError;
use crate::wanted::WantedValues;

/// The largest factor that a hint suggests: at a larger one, other objects are visible.
const MOST_OFFERED: f64 = 8.0;

/// The hint where a model dequantizes stored values and a scene has others.
const STORED: &str = "the model dequantizes stored values: name the scene as it was published, not converted to floats and not rescaled; declare nodata (nodata = VALUE under [input]) if the file does not; or use a model trained on such values";

/// The hint where resampling needs a factor above the limit; `before` is a further setting that is needed.
fn hint_of_factor(factor: f64, coarser: bool, before: &str) -> String {
    let (way, how, what) = if coarser {
        ("coarser", "coarse", "details smaller than a new pixel are lost")
    } else {
        ("finer", "fine", "finer pixels add no detail")
    };
    if factor > MOST_OFFERED {
        return format!(
            "use a model made for this GSD: with this one, pixels would have to become {factor:.0} times as {how}"
        );
    }
    format!(
        "use a model made for this GSD; or, if you accept the effect of such resampling on the map ({what}), set {before}`resample_max_factor = {{ {way} = {} }}` under [input]",
        factor.ceil()
    )
}

impl Diagnostic for JobError {
    #[allow(clippy::too_many_lines, reason = "a text for each error")]
    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::AlphaBand { .. } => "name another band, or set alpha = \"data\" if no band is alpha",
            Self::NodataBands { .. } => {
                "set one value for all bands, or one for each band, \"none\" for a band without nodata"
            }
            Self::ConfigRead { .. } => {
                "pass the path of a TOML file, for example configs/tree-health/run.toml"
            }
            Self::NoConfig => {
                "name a configuration (TOML), or pass `--model DIR --scene SCENE --output OUTPUT` to use the defaults"
            }
            Self::SeveralConfigs { .. } => {
                "name one configuration (TOML), before --scene; the words after --scene and --before are scenes"
            }
            Self::NoWebp => {
                "install a GDAL with WebP (that of Debian and Ubuntu has it), or remove `imagery = true` from [publish]"
            }
            Self::NoScenes => "name scenes with --scene, or under `scenes` in the configuration",
            Self::BeforeUnwanted { .. } => {
                "remove --before (`before` in the configuration), or use a model that compares two dates"
            }
            Self::BeforeMissing { .. } => {
                "name scenes with --before, or under `before` in the configuration; --scene is the later date"
            }
            Self::DatesDiffer { .. } => {
                "warp both to one CRS, GSD and lattice, for example: gdalwarp -t_srs EPSG:2154 -tr 0.2 0.2 -tap -dstalpha IN.tif OUT.tif; if only GSD or lattice differ, set `resample = true` under [input]"
            }
            Self::DatesApart => "check the positions of the scenes; `arpent inspect SCENE` prints the bbox",
            Self::NoOtherDate { .. } => "name scenes of both dates on each grid",
            Self::NoOutput => {
                "name a folder or an s3 URL with --output, or under `output` in the configuration"
            }
            Self::BandMissing { .. } => {
                "set the number of the band in the configuration, for example: [input] bands = { red = 1, green = 2, blue = 3 }"
            }
            Self::SampleType { wanted, .. } if wanted.dequantized => STORED,
            Self::SampleType { wanted, .. } => {
                let command = rescaled(wanted);
                return Some(format!(
                    "convert all scenes to the values of the model in the same way, for example: {command}; or use a model trained on these values"
                ));
            }
            Self::UnclearValues { .. } => {
                "declare it under [input]: values = \"raw\", values = \"physical\", or values = \"harmonized\" (the offset removed, the stored step kept)"
            }
            Self::DequantizedTwice { .. } => {
                "set values = \"raw\" under [input] if stored values are those of the training scenes, or use a model that takes physical values"
            }
            Self::OutsideValues { wanted, .. } if wanted.dequantized => {
                return Some(format!(
                    "{STORED}, or set outside_values = \"tell\" under [input] to map the scene with a warning"
                ));
            }
            Self::OutsideValues { declared, wanted, .. } => {
                let command = rescaled(wanted);
                let scaling = if *declared {
                    "apply the scale and offset that the scene declares (values = \"physical\" under [input]), "
                } else {
                    ""
                };
                return Some(format!(
                    "{scaling}convert the scene to the values of the model (for example: {command}), declare nodata (nodata = VALUE under [input]), use a model trained on such values, or set outside_values = \"tell\" under [input] to map the scene with a warning"
                ));
            }
            Self::GsdOutOfRange { factor, coarser, most, .. } if factor > most => {
                return Some(hint_of_factor(*factor, *coarser, "`resample = true` and "));
            }
            Self::GsdOutOfRange { .. } => {
                "set `resample = true` under [input] to resample to the model's GSD, or use a model made for this GSD"
            }
            Self::OrderMissing { .. } => {
                "set `order = \"newest\"` or `order = \"given\"` (the order in which they are named) under [input], or name scenes of one date"
            }
            Self::OrderUnknown { .. } => {
                "set the dates with `acquired_from` under [input], a pattern of file names such as \"*_{yyyy}{mm}{dd}_*\", or set `order = \"given\"`"
            }
            Self::ResampleFactor { factor, coarser, .. } => {
                return Some(hint_of_factor(*factor, *coarser, ""));
            }
            Self::NoPixelCenter { .. } => "name the adjacent scenes too, or a larger one",
            Self::PixelSize { .. } => "remove `pixel_size`: pixels then have the nominal GSD of the model",
            Self::MixedGrids { .. } => {
                "run them separately, pass --group-by-crs for one map per grid, or, if they have the same CRS, set `gsd = \"nominal\"` under [input]"
            }
            Self::AoiOutside { .. } => {
                "check the CRS and the position of the AOI; `arpent inspect SCENE` prints the bbox of a scene"
            }
            Self::AoiNoPixel { .. } => {
                "a pixel is inside if its center is: draw the AOI wider, by at least half a pixel on each side"
            }
            Self::SameValue { .. } => "remove one of them: composed and decomposed accents are equal",
            Self::MarginsOfBoxes { .. } => "leave its overlap as it is",
            Self::NothingToProbe => "give scenes with more valid pixels, or a larger --pixels",
            Self::NoMarginFits { .. } => {
                "accept more with --disagreement, or import the model with a larger window"
            }
            Self::CoverageOfBoxes { .. } => "remove [coverage], or choose a model that labels every pixel",
            Self::BuiltUpMissing { .. } => "add [coverage.built_up] with its classes, distance_m and mmu_m2",
            Self::BuiltUpDistance => "set both `classes` and `distance_m`, or neither",
            Self::NothingBuiltUp { .. } => {
                "name `classes` whose surroundings are built up, `areas` that are built up, or both"
            }
            Self::BuiltUpCrs { .. } => {
                "use scenes in a projected CRS other than Mercator (UTM, Lambert-93), or remove `built_up`"
            }
            Self::ReferenceName { .. } => {
                "give each layer under [reference] a `name` of its own (lower-case letters, digits and _), and remove `fields` that already have a column"
            }
            Self::ReferenceEmpty { .. } => {
                "remove the layer, or check that it is the intended one: ogrinfo -so -al FILE"
            }
            Self::ReferenceCrs { .. } => {
                "use scenes in a projected CRS other than Mercator (UTM, Lambert-93), or remove snap and widths"
            }
            Self::ObjectsCrs { .. } => {
                "use scenes in a projected CRS other than Mercator (UTM, Lambert-93), or remove [objects]"
            }
            Self::ObjectsOfLabels { .. } => "remove [objects], or choose a model that finds boxes",
            Self::OverrideOnBoxes { .. } => {
                "use the layer under [[reference.enrich]] or [[reference.snap]], or choose a model that labels every pixel"
            }
            Self::NoCode { .. } => {
                "add a [[class]] with its name, code_cs and reason to a table, and name the table under ocs_ge.nomenclature; see configs/ocs-ge-flair.toml"
            }
            Self::UnknownBand { meant, .. } => return Some(meant.clone()),
            Self::UnknownClass { .. } => "use the names that `arpent inspect MODEL` prints",
            Self::MemoryLimit { .. } => {
                "choose a smaller --window, split the job with --aoi, or raise the limit"
            }
            Self::OutputExists { .. } => {
                "pass --overwrite to replace it once the new map is complete, or choose another --output"
            }
            Self::EmptyLicense => {
                "name the license of the weights by its SPDX id, for example etalab-2.0 or CC-BY-4.0; `LicenseRef-unknown` if it is unknown"
            }
            Self::PackageExists { .. } => "choose another --output, or remove the folder",
            Self::AllNodata { .. } => {
                "check the nodata value and the mask: `arpent inspect SCENE`, or `gdalinfo -stats FILE`"
            }
            Self::Scratch { key, source, .. } => {
                let key = key.unwrap_or("TMPDIR");
                return Some(if source.kind() == std::io::ErrorKind::NotFound {
                    format!("create the folder, or set {key} to one that exists")
                } else {
                    format!("set {key} to a folder with free space where you may write")
                });
            }
            Self::ScratchFile { .. } | Self::WriteTable { .. } => {
                "set `scratch` in the configuration or TMPDIR to a folder with free space"
            }
            Self::NoRoom { .. } => {
                "free some space, or set compute.scratch or TMPDIR to a folder with more space (for `arpent zonal`: scratch); computed results are kept, and the same command resumes from there"
            }
            Self::Temporary { .. } => {
                "check the disk and its file system, or set compute.scratch or TMPDIR to another folder; computed results are kept, and the same command resumes from there"
            }
            Self::NotInspectable { .. } => {
                "name a raster, a folder with model.json, a folder or URL with manifest.json, or a file of features of a run"
            }
            Self::NoReport { .. } => {
                "the report of the map that was measured is that of its own output, which `inputs` of the manifest name"
            }
            Self::NoSuchFeature { file, output, .. } => {
                return Some(format!(
                    "ids are in column `id` of {file}, in the report (`arpent report {output} --output FILE.html`), and on the page that `arpent view {output}` shows, which finds one by its first digits"
                ));
            }
            Self::NoTable { .. } => {
                "publish it again with `geoparquet` in the `formats` of its configuration"
            }
            Self::NotFeatures { .. } => "`ogrinfo -so -al FILE` describes any other layer",
            Self::TrainMissing { .. } => {
                "build arpent-train and install it in the folder of arpent or on PATH; see docs/guides/train-your-own.md"
            }
            Self::ConfigParse { hint, .. } | Self::NoUsableScene { hint, .. } => return hint.clone(),
            Self::Number { expected, .. } => return Some(format!("set it to {expected}")),
            Self::Stopped { .. } => return None,
        };
        Some(text.to_owned())
    }

    /// The full key of the configuration that causes the error, by which its line in the file is found. It may name a
    /// table only: a key that is not written in the file is searched for in its table.
    fn key(&self) -> Option<Key> {
        Some(match self {
            Self::UnknownClass { key, class, .. } => key.then(class),
            Self::Number { key, .. }
            | Self::SameValue { key, .. }
            | Self::ReferenceName { key, .. }
            | Self::ReferenceEmpty { key, .. }
            | Self::ReferenceCrs { key, .. } => key.clone(),
            Self::CoverageOfBoxes { .. } => "coverage".into(),
            Self::BuiltUpMissing { class } => {
                Key::from("coverage.classes").then(class).then("built_up_mmu_m2")
            }
            Self::NothingBuiltUp { .. } | Self::BuiltUpDistance => "coverage.built_up".into(),
            Self::BuiltUpCrs { .. } => "coverage.built_up.distance_m".into(),
            Self::ObjectsOfLabels { .. } | Self::ObjectsCrs { .. } => "objects".into(),
            Self::OverrideOnBoxes { .. } => "reference.override".into(),
            Self::NoCode { .. } => "ocs_ge.nomenclature".into(),
            Self::MemoryLimit { .. } => "compute.memory_limit_mb".into(),
            Self::Scratch { key, .. } => (*key)?.into(),
            Self::NoUsableScene { key, .. } => return key.clone(),
            Self::BandMissing { key, .. } => Key::from("input.bands").then(key.as_ref()?),
            Self::AlphaBand { .. } => "input.alpha".into(),
            Self::NodataBands { .. } => "input.nodata".into(),
            Self::DequantizedTwice { .. } => "input.values".into(),
            Self::PixelSize { .. } => "input.pixel_size".into(),
            _ => return None,
        })
    }

    /// Whether a retry may succeed; `None` if the error below decides.
    fn is_transient(&self) -> Option<bool> {
        match self {
            Self::NoRoom { .. } => Some(true),
            // A local file that the user has to fix.
            Self::ConfigRead { .. } => Some(false),
            _ => None,
        }
    }

    fn below(&self) -> Option<&dyn Diagnostic> {
        match self {
            Self::NoRoom { source, .. } | Self::Temporary { source, .. } => Some(source.diagnostic()),
            _ => None,
        }
    }
}

/// The command that converts a scene to the values of a model.
fn rescaled(wanted: &WantedValues) -> String {
    let WantedValues { written_as, low, high, .. } = wanted;
    format!(
        "gdal_translate -ot {written_as} -scale LOW HIGH {low} {high} IN.tif OUT.tif, where LOW and HIGH are the values of the scene that correspond to {low} and {high} of the model"
    )
}
