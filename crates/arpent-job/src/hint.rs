//! What the errors of a job tell beside their message: what to do, the key that they are about, whether to try again.

use arpent_base::Diagnostic;

use crate::error::JobError;
use crate::wanted::WantedValues;

/// The largest factor that is offered: what is coarser or finer than that shows other things.
const MOST_OFFERED: f64 = 8.0;

/// What to do where resampling needs a factor of more than is allowed; `before` is what has to be set besides.
fn hint_of_factor(factor: f64, coarser: bool, before: &str) -> String {
    let (way, how, what) = if coarser {
        ("coarser", "coarse", "what is smaller than a new pixel is lost")
    } else {
        ("finer", "fine", "finer pixels show nothing that the scene does not hold")
    };
    if factor > MOST_OFFERED {
        return format!(
            "use a model made for this GSD: this one does not fit, since pixels would have to become {factor:.0} times as {how}"
        );
    }
    format!(
        "use a model made for this GSD; or, if you accept what so much resampling does to the map ({what}), set {before}`resample_max_factor = {{ {way} = {} }}` under [input]",
        factor.ceil()
    )
}

impl Diagnostic for JobError {
    #[allow(clippy::too_many_lines, reason = "a text for each error")]
    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::AlphaBand { .. } => "name another band, or alpha = \"data\" where none is alpha",
            Self::NodataBands { .. } => {
                "give one value for all bands, or as many as there are, \"none\" where a band has none"
            }
            Self::ConfigRead { .. } => {
                "pass the path of a TOML file, for example configs/tree-health/run.toml"
            }
            Self::NoConfig => {
                "name a configuration (TOML), or give `--model DIR --scene SCENE --output OUTPUT` and take the defaults"
            }
            Self::SeveralConfigs { .. } => {
                "name one configuration (TOML), before --scene; what follows --scene and --before are scenes"
            }
            Self::NoScenes => "name one with --scene, or under `scenes` in the configuration",
            Self::BeforeUnwanted { .. } => {
                "leave --before (`before` in the configuration) out, or use a model that compares two dates"
            }
            Self::BeforeMissing { .. } => {
                "name it with --before, or under `before` in the configuration; --scene is the later date"
            }
            Self::DatesDiffer { .. } => {
                "bring both to one CRS, GSD and lattice, for example: gdalwarp -t_srs EPSG:2154 -tr 0.2 0.2 -tap -dstalpha IN.tif OUT.tif; where only GSD or lattice differ, set `resample = true` under [input]"
            }
            Self::DatesApart => {
                "check the places of the scenes; `arpent inspect SCENE` prints a scene's bbox"
            }
            Self::NoOtherDate { .. } => "name scenes of both dates on each grid",
            Self::NoOutput => {
                "name a folder or an s3 URL with --output, or under `output` in the configuration"
            }
            Self::BandMissing { .. } => {
                "say which band it is in the configuration, for example: [input] bands = { red = 1, green = 2, blue = 3 }"
            }
            Self::SampleType { wanted, .. } => {
                let command = rescaled(wanted);
                return Some(format!(
                    "convert all scenes alike to the model's values, for example: {command}; or use a model made for these samples"
                ));
            }
            Self::UnclearValues { .. } => {
                "say it under [input]: values = \"raw\", values = \"physical\", or values = \"harmonized\" (the offset taken out, the stored step kept)"
            }
            Self::OutsideValues { declared, wanted, .. } => {
                let command = rescaled(wanted);
                let scaling = if *declared {
                    "apply the scale and offset that the scene declares (values = \"physical\" under [input]), "
                } else {
                    ""
                };
                return Some(format!(
                    "{scaling}bring the scene to the model's values (for example: {command}), declare nodata that is none (nodata = VALUE under [input]), use a model made for such values, or set outside_values = \"tell\" under [input] to map it all the same"
                ));
            }
            Self::GsdOutOfRange { factor, coarser, most, .. } if factor > most => {
                return Some(hint_of_factor(*factor, *coarser, "`resample = true` and "));
            }
            Self::GsdOutOfRange { .. } => {
                "set `resample = true` under [input] to resample to the model's GSD, or use a model made for this GSD"
            }
            Self::OrderMissing { .. } => {
                "set `order = \"newest\"` or `order = \"given\"` (as they are named) under [input], or name scenes of one date"
            }
            Self::OrderUnknown { .. } => {
                "say the dates with `acquired_from` under [input], a pattern over file names such as \"*_{yyyy}{mm}{dd}_*\", or set `order = \"given\"`"
            }
            Self::ResampleFactor { factor, coarser, .. } => {
                return Some(hint_of_factor(*factor, *coarser, ""));
            }
            Self::NoPixelCenter { .. } => "name the scenes around it, too, or one that is larger",
            Self::PixelSize { .. } => "leave `pixel_size` out: pixels then have the model's nominal GSD",
            Self::MixedGrids { .. } => {
                "run them apart, pass --group-by-crs for one map per grid, or, where they have one CRS, set `gsd = \"nominal\"` under [input]"
            }
            Self::AoiOutside { .. } => {
                "check the AOI's CRS and its place; `arpent inspect SCENE` prints the scene's bbox"
            }
            Self::AoiNoPixel { .. } => {
                "a pixel is inside when its center is: draw the AOI wider, by half a pixel on each side at least"
            }
            Self::SameValue { .. } => "leave one of them out: accents are compared as they are read",
            Self::CoverageOfBoxes { .. } => "leave [coverage] out, or choose a model that labels every pixel",
            Self::BuiltUpMissing { .. } => "add [coverage.built_up] with its classes, distance_m and mmu_m2",
            Self::BuiltUpDistance => "say how far around which classes it is built up, or leave both out",
            Self::NothingBuiltUp { .. } => {
                "name `classes` around which it is built up, `areas` that are, or both"
            }
            Self::BuiltUpCrs { .. } => {
                "use scenes in a projected CRS other than Mercator (UTM, Lambert-93), or leave `built_up` out"
            }
            Self::ReferenceName { .. } => {
                "give each layer under [reference] a `name` of its own (lower-case letters, digits and _), and leave out of `fields` what has a column anyway"
            }
            Self::ReferenceEmpty { .. } => {
                "leave the layer out, or check that it is the one you mean: ogrinfo -so -al FILE"
            }
            Self::ReferenceCrs { .. } => {
                "use scenes in a projected CRS other than Mercator (UTM, Lambert-93), or leave snap and widths out"
            }
            Self::ObjectsCrs { .. } => {
                "use scenes in a projected CRS other than Mercator (UTM, Lambert-93), or leave [objects] out"
            }
            Self::ObjectsOfLabels { .. } => "leave [objects] out, or choose a model that finds boxes",
            Self::ImposeOnBoxes { .. } => {
                "let the layer inform, or snap to it; or choose a model that labels every pixel"
            }
            Self::NoCode { .. } => {
                "add a [[class]] with its name, code_cs and reason to a table, and name it under ocs_ge.nomenclature; see configs/ocs-ge-flair.toml"
            }
            Self::UnknownBand { meant, .. } => return Some(meant.clone()),
            Self::UnknownClass { .. } => "use the names that `arpent inspect MODEL` prints",
            Self::MemoryLimit { .. } => {
                "choose a smaller --window, split the job with --aoi, or raise the limit"
            }
            Self::OutputExists { .. } => {
                "pass --overwrite to replace it once the new map is complete, or choose another --output"
            }
            Self::EmptyLicence => {
                "name the licence of the weights by its SPDX id, for example etalab-2.0 or CC-BY-4.0; `LicenseRef-unknown` where it is not known"
            }
            Self::PackageExists { .. } => "choose another --output, or remove the folder",
            Self::AllNodata { .. } => {
                "check the nodata value and the mask: `arpent inspect SCENE`, or `gdalinfo -stats FILE`"
            }
            Self::Scratch { .. } => "set compute.scratch or TMPDIR to a folder with room",
            Self::NoRoom { .. } => {
                "free some space, or set compute.scratch or TMPDIR to a folder with more room (for `arpent zonal`: scratch); what was computed is kept, and the same command goes on from there"
            }
            Self::Temporary { .. } => {
                "check the disk and its file system, or set compute.scratch or TMPDIR to another; what was computed is kept, and the same command goes on from there"
            }
            Self::NotInspectable { .. } => {
                "give a raster, a folder with model.json, a folder or URL with manifest.json, or a file of features of a run"
            }
            Self::NotFeatures { .. } => "`ogrinfo -so -al FILE` tells of layers of others",
            Self::TrainMissing { .. } => {
                "build the program of trainings and keep it beside arpent or on PATH; docs/train-your-own.md says how"
            }
            Self::ConfigParse { hint, .. } | Self::NoUsableScene { hint, .. } => return hint.clone(),
            Self::Number { expected, .. } => return Some(format!("set it to {expected}")),
            Self::Stopped { .. } => return None,
        };
        Some(text.to_owned())
    }

    /// The key of the configuration that it is about, named from the top: what its place in the file is found by. As near as it is
    /// known: what is not written there is looked for in its table.
    fn key(&self) -> Option<String> {
        Some(match self {
            Self::UnknownClass { key, class, .. } => format!("{key}.{class}"),
            Self::Number { key, .. }
            | Self::SameValue { key, .. }
            | Self::ReferenceName { key, .. }
            | Self::ReferenceEmpty { key, .. }
            | Self::ReferenceCrs { key, .. } => key.clone(),
            Self::CoverageOfBoxes { .. } => "coverage".to_owned(),
            Self::BuiltUpMissing { class } => format!("coverage.classes.{class}.built_up_mmu_m2"),
            Self::NothingBuiltUp { .. } | Self::BuiltUpDistance => "coverage.built_up".to_owned(),
            Self::BuiltUpCrs { .. } => "coverage.built_up.distance_m".to_owned(),
            Self::ObjectsOfLabels { .. } | Self::ObjectsCrs { .. } => "objects".to_owned(),
            Self::ImposeOnBoxes { .. } => "reference.impose".to_owned(),
            Self::NoCode { .. } => "ocs_ge.nomenclature".to_owned(),
            Self::MemoryLimit { .. } => "compute.memory_limit_mb".to_owned(),
            Self::NoUsableScene { key, .. } => return key.clone(),
            Self::BandMissing { key, .. } => format!("input.bands.{}", key.as_ref()?),
            Self::AlphaBand { .. } => "input.alpha".to_owned(),
            Self::NodataBands { .. } => "input.nodata".to_owned(),
            Self::PixelSize { .. } => "input.pixel_size".to_owned(),
            _ => return None,
        })
    }

    /// Whether trying again may help; `None` where what is below it knows.
    fn is_transient(&self) -> Option<bool> {
        match self {
            Self::NoRoom { .. } => Some(true),
            // A file of this machine that its owner has to mend.
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

/// How to bring a scene to a model's values.
fn rescaled(wanted: &WantedValues) -> String {
    let WantedValues { written_as, low, high } = wanted;
    format!(
        "gdal_translate -ot {written_as} -scale LOW HIGH {low} {high} IN.tif OUT.tif, where LOW and HIGH are the scene's values for what the model knows as {low} and {high}"
    )
}
