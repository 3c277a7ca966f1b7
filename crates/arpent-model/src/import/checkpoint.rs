//! Imports the tensors of a checkpoint.

use std::collections::BTreeMap;

use arpent_raster::Nomenclature;

use crate::adopt::{Adopted, adopt};
use crate::detectors::ANCHORS;
use crate::package::{Detection, FORMAT, WeightsFile};
use crate::{
    Architecture, Band, MeasuredValue, ModelError, ModelPackage, ModelWindow, Task, Weights, field, fold,
};

use super::family::{self, Family, architecture_names, family_of};
use super::preset::Preset;
use super::{item, prepared};

/// Options of an import.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ImportOptions {
    /// Id of the package.
    pub id: String,
    /// `unet-resnet34` and the like: see [`architecture_names`]; that of the preset by default.
    pub architecture: Option<String>,
    /// Number of classes; by default as many as the checkpoint's head has output channels.
    pub classes: Option<usize>,
    /// Common names of the bands; by default the first of the preset's, as many as the checkpoint's first convolution
    /// has input channels.
    pub bands: Option<Vec<String>>,
    /// A preset ([`crate::preset_names`]), or a file with a STAC item of the model (`.json`); without one, raw values from 0 to 255 are scaled by ImageNet's statistics and
    /// classes are numbered from 0.
    pub like: Option<String>,
    /// License of the weights; that of the preset by default.
    pub license: Option<String>,
    /// Overlap to read around a window's core, pixels, and why that is enough; by default the overlap that exact
    /// predictions need.
    pub overlap: Option<(usize, String)>,
    /// Window of a network that is not local; that of the preset by default.
    pub window: Option<ModelWindow>,
    /// For scenes that do not declare their scale: what brings their stored values to those of the preset (0.0001 for
    /// stored values of 10,000 times the reflectance).
    pub stored_scale: Option<f32>,
    /// Of a network that gives measured values: what its outputs are, in their order.
    pub values: Option<Vec<MeasuredValue>>,
}

/// Makes a package of a checkpoint's tensors ([`crate::read_checkpoint`]). A head with one output, which is used with a
/// sigmoid and a threshold of 0.5, becomes one of two classes, the first of which is the background: the softmax of 0
/// and `z` is the sigmoid of `z`.
///
/// # Errors
/// [`ModelError::UnknownName`] for an unknown architecture, preset, band or number of classes,
/// [`ModelError::AnotherNetwork`] for a checkpoint of another architecture, [`ModelError::Option`] for options that are
/// missing or do not apply, and the errors of [`adopt`], [`fold`] and [`ModelPackage::check`].
pub fn import(
    checkpoint: &Weights,
    options: &ImportOptions,
) -> Result<(ModelPackage, Weights, Adopted), ModelError> {
    let preset = options.like.as_deref().map_or_else(|| Ok(Preset::plain()), item::preset)?;
    let name = match (&options.architecture, &options.like) {
        (Some(name), _) => name,
        (None, Some(_)) => &preset.architecture,
        (None, None) => return Err(architecture_needed(checkpoint)),
    };
    let of = |channels| family::architecture(name, channels, &preset.decoder);
    let any = of([preset.bands.len(), 1])?;
    let renamed = prepared::of_flair_hub(checkpoint, name)?
        .or_else(|| prepared::of_transformers(checkpoint))
        .or_else(|| prepared::of_torchvision(checkpoint));
    let checkpoint = renamed.as_ref().unwrap_or(checkpoint);
    let outputs = Found::new(&any, checkpoint).classes;
    check_license(&preset, options)?;
    let single = options.values.is_none()
        && any.anchored_classes().is_none()
        && outputs == Some(1)
        && options.classes.is_none_or(|classes| classes <= 2);
    let ignores = options.values.is_none() && preset.ignored_outputs > 0;
    let cut = if single {
        Some(prepared::with_background(checkpoint, &any))
    } else if outputs == Some(preset.classes.len() + preset.ignored_outputs) && ignores {
        Some(prepared::with_outputs(checkpoint, &any, preset.classes.len()))
    } else {
        None
    };
    let checkpoint = cut.as_ref().unwrap_or(checkpoint);
    let found = Found::new(&any, checkpoint);
    let given = options.classes.filter(|_| !single);
    let classes = given.or(found.classes).unwrap_or(preset.classes.len().max(1));
    let bands = bands(&preset, options, found.bands)?;
    let architecture = of([bands.len(), classes])?;
    architecture.check(&options.id)?;
    let window = window(&preset, options, &architecture, name)?;
    let adopted = adopt(&architecture, checkpoint)
        .map_err(|error| explained(error, checkpoint, name, found.classes))?;
    let weights = fold(&architecture, &adopted.state)?;
    let (preset, bands) = scaled(preset, options, bands)?;
    let package = package(&preset, options, bands, (architecture, classes), window)?;
    package.check()?;
    Ok((package, weights, adopted))
}

/// The preset and its bands, for stored values if a scale of them is given.
pub(super) fn scaled(
    preset: Preset,
    options: &ImportOptions,
    bands: Vec<Band>,
) -> Result<(Preset, Vec<Band>), ModelError> {
    let preset = match options.stored_scale {
        Some(scale) => preset.of_stored(checked_scale(scale)?),
        None => preset,
    };
    let bands = preset.bands_named(&bands.into_iter().map(|b| b.name).collect::<Vec<_>>())?;
    Ok((preset, bands))
}

/// What torchvision's RetinaNet keeps by default.
const TORCHVISION: Detection = Detection { threshold: 0.05, iou: 0.5 };

/// Refuses published weights whose license forbids commercial use, unless the license is given: that accepts it.
pub(super) fn check_license(preset: &Preset, options: &ImportOptions) -> Result<(), ModelError> {
    let forbids = preset.license.split('-').any(|part| part == "NC");
    if !forbids || options.license.is_some() {
        return Ok(());
    }
    Err(ModelError::Option {
        option: "--license",
        problem: format!(
            "is missing: the license of these weights, {}, forbids commercial use",
            preset.license
        ),
        hint: format!(
            "give --license {0} to accept it; the package and all its maps then state {0}",
            preset.license
        ),
    })
}

/// Channels of a checkpoint's first convolution and of its head, if it has layers of these names.
struct Found {
    bands: Option<usize>,
    classes: Option<usize>,
}

impl Found {
    fn new(architecture: &Architecture, checkpoint: &Weights) -> Self {
        let tensors = architecture.training_tensors();
        let channels = |name: &str, axis: usize| {
            let is_it = |key: &str| key.strip_suffix(name).is_some_and(|p| p.is_empty() || p.ends_with('.'));
            let found = checkpoint.iter().find(|(key, _)| is_it(key));
            found.and_then(|(_, tensor)| tensor.shape.get(axis).copied())
        };
        Self {
            bands: tensors.first().and_then(|first| channels(&first.name, 1)),
            // A detector scores the classes of each anchor.
            classes: channels(&format!("{}.weight", architecture.head()), 0)
                .map(|outputs| outputs / architecture.anchored_classes().map_or(1, |_| ANCHORS)),
        }
    }
}

/// The bands of the options, or the first of the preset's.
pub(super) fn bands(
    preset: &Preset,
    options: &ImportOptions,
    found: Option<usize>,
) -> Result<Vec<Band>, ModelError> {
    match (&options.bands, found) {
        (Some(names), _) => preset.bands_named(names),
        (None, Some(count)) if !preset.has_bands(count) => Err(ModelError::UnknownName {
            what: "number of bands",
            name: count.to_string(),
            known: match preset.band_counts.as_slice() {
                [] => preset.bands.len().to_string(),
                counts => counts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            },
        }),
        (None, found) => Ok(preset.bands.iter().take(found.unwrap_or(preset.bands.len())).cloned().collect()),
    }
}

/// The window of a network that is not local.
pub(super) fn window(
    preset: &Preset,
    options: &ImportOptions,
    architecture: &Architecture,
    name: &str,
) -> Result<Option<ModelWindow>, ModelError> {
    let bad = |option, problem: String, hint: &str| ModelError::Option { option, problem, hint: hint.into() };
    match (field::is_local(architecture), options.window) {
        (true, Some(_)) => Err(bad(
            "--window",
            format!("does not apply to {name}, which has a receptive field"),
            "leave out --window and --margin: windows of any size give the same map",
        )),
        (true, None) => Ok(None),
        (false, _) if options.overlap.is_some() => Err(bad(
            "--overlap",
            format!("does not apply to {name}, which looks at the whole window"),
            "give --window and --margin instead",
        )),
        (false, given) => given.or(preset.window).map(Some).ok_or_else(|| {
            bad(
                "--window",
                format!("is missing: {name} looks at the whole window, which is part of the model"),
                "give the side of the pictures that it was trained on with --window, and with --margin the pixels \
                 at its edges that are not kept: 512 and 64, for example",
            )
        }),
    }
}

fn checked_scale(scale: f32) -> Result<f32, ModelError> {
    if scale.is_finite() && scale > 0.0 {
        return Ok(scale);
    }
    Err(ModelError::Option {
        option: "--stored-scale",
        problem: format!("is {scale}, expected a finite number above 0"),
        hint: "give what a stored value is multiplied by: 0.0001 where 10000 is a reflectance of 1".into(),
    })
}

fn architecture_needed(checkpoint: &Weights) -> ModelError {
    let hint = match family_of(checkpoint) {
        Some(Family::Known(name)) => {
            format!("its tensors look like those of {name}: give --architecture {name}")
        }
        _ => format!("give one of {}", architecture_names().join(", ")),
    };
    let problem = "is missing: neither it nor a preset (--like) is given".into();
    ModelError::Option { option: "--architecture", problem, hint }
}

/// An error of [`adopt`] with what the checkpoint looks like.
fn explained(error: ModelError, checkpoint: &Weights, name: &str, classes: Option<usize>) -> ModelError {
    let ModelError::WeightsMismatch { what } = error else { return error };
    let hint = match family_of(checkpoint) {
        Some(Family::Known(known)) if known != name => {
            format!("its tensors look like those of {known}: give --architecture {known}")
        }
        Some(Family::Foreign(what)) => {
            format!(
                "its tensors look like those of {what}, which cannot be imported; expected one of {}",
                architecture_names().join(", ")
            )
        }
        Some(Family::Known(_)) => match classes {
            Some(classes) => {
                format!("the file has {classes} classes: leave out --classes, or give {classes}")
            }
            None => "the file may lack its head: take the one that its authors publish for prediction".into(),
        },
        None => format!(
            "expected a state dict with the names of segmentation_models_pytorch, of one of {}",
            architecture_names().join(", ")
        ),
    };
    ModelError::AnotherNetwork { architecture: name.to_owned(), what, hint }
}

pub(super) fn package(
    preset: &Preset,
    options: &ImportOptions,
    bands: Vec<Band>,
    (architecture, classes): (Architecture, usize),
    window: Option<ModelWindow>,
) -> Result<ModelPackage, ModelError> {
    let exact = field::overlap(&architecture, false).unwrap_or_default();
    let (overlap_px, overlap_tolerance) = match &options.overlap {
        Some((pixels, why)) if *pixels < exact => (*pixels, Some(why.clone())),
        Some((pixels, _)) => (*pixels, None),
        None => (exact, None),
    };
    let boxed = architecture.window_box_classes();
    let measured = options.values.as_deref();
    let (task, classes) = match (measured, boxed) {
        (Some(_), _) => (Task::Regression, Nomenclature::default()),
        (None, Some(_)) => (Task::ObjectDetection, preset.nomenclature(classes)?),
        (None, None) => (Task::SemanticSegmentation, preset.nomenclature(classes)?),
    };
    let package = ModelPackage {
        format: FORMAT.into(),
        id: options.id.clone(),
        version: "1.0.0".into(),
        task,
        title: preset.title.clone(),
        bands,
        value_range: preset.value_range,
        sample_types: preset.sample_types.clone(),
        gsd_m: preset.gsd_m,
        classes,
        values: measured.unwrap_or_default().to_vec(),
        receptive_field_px: field::receptive_field_radius(&architecture).unwrap_or_default(),
        overlap_px,
        overlap_tolerance,
        stride_px: field::stride(&architecture),
        window: None,
        weights: WeightsFile { file: "weights.safetensors".into(), sha256: String::new() },
        license: options.license.clone().unwrap_or_else(|| preset.license.clone()),
        training_data: preset.training_data.clone(),
        scores: BTreeMap::new(),
        territories: Vec::new(),
        tried_on: Vec::new(),
        failed_on: Vec::new(),
        energy: None,
        detection: boxed.map(|_| preset.detection.unwrap_or(TORCHVISION)),
        calibration: None,
        applicability: None,
        quantization: None,
        gate: None,
        threshold: None,
        restriction: None,
        architecture,
    };
    Ok(match window {
        Some(window) => package.with_window(window),
        None => package,
    })
}
