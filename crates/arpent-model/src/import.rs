//! Imports networks of other programs: what a checkpoint does not contain comes from a preset or from options.

use std::collections::BTreeMap;

use arpent_raster::{Class, Color, Nomenclature, SampleType};
use serde::Deserialize;

use crate::adopt::{Adopted, adopt};
use crate::encoders::Encoder;
use crate::package::{FORMAT, GsdRange, TrainingSource, WeightsFile};
use crate::{Architecture, Band, ModelError, ModelPackage, Task, Weights, field, fold};

/// A family of published weights: all properties that its checkpoints do not contain.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Preset {
    title: String,
    license: String,
    training_data: Vec<TrainingSource>,
    bands: Vec<Band>,
    value_range: [f32; 2],
    sample_types: Vec<SampleType>,
    gsd_m: GsdRange,
    decoder: Vec<usize>,
    classes: Vec<Class>,
    /// For a smaller number of classes, the ids that a network of the family lacks then.
    left_out: BTreeMap<String, Vec<u8>>,
}

/// Names of the presets.
pub const PRESETS: [&str; 1] = ["flair-inc"];

/// Options of an import.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportOptions {
    /// Id of the package.
    pub id: String,
    /// `unet-resnet34` and the like: see [`architecture_names`].
    pub architecture: String,
    /// Number of classes.
    pub classes: usize,
    /// Common names of the bands; by default the first of the preset's, as many as the checkpoint's first convolution
    /// has input channels.
    pub bands: Option<Vec<String>>,
    /// A preset ([`PRESETS`]); without one, raw values from 0 to 255 are scaled by ImageNet's statistics and classes
    /// are numbered from 0.
    pub like: Option<String>,
    /// License of the weights; that of the preset by default.
    pub license: Option<String>,
    /// Overlap to read around a window's core, pixels, and why that is enough; by default the overlap that exact
    /// predictions need.
    pub overlap: Option<(usize, String)>,
}

/// The architectures that can be imported, by their name in [`ImportOptions::architecture`].
pub fn architecture_names() -> Vec<String> {
    Encoder::ALL.map(|e| format!("unet-{}", e.name())).to_vec()
}

/// Makes a package of a checkpoint's tensors ([`crate::read_checkpoint`]).
///
/// # Errors
/// [`ModelError::UnknownName`] for an unknown architecture, preset, band or number of classes, and the errors of
/// [`adopt`], [`fold`] and [`ModelPackage::check`].
pub fn import(
    checkpoint: &Weights,
    options: &ImportOptions,
) -> Result<(ModelPackage, Weights, Adopted), ModelError> {
    let preset = options.like.as_deref().map_or_else(|| Ok(Preset::plain()), Preset::named)?;
    let encoder = encoder(&options.architecture)?;
    let of_bands = |in_channels| Architecture::EncoderUnet {
        encoder,
        in_channels,
        out_channels: options.classes,
        decoder: preset.decoder.clone(),
        dates: 1,
    };
    let bands = preset.bands(options, &of_bands(preset.bands.len()), checkpoint)?;
    let architecture = of_bands(bands.len());
    architecture.check(&options.id)?;
    let adopted = adopt(&architecture, checkpoint)?;
    let weights = fold(&architecture, &adopted.state)?;
    let package = preset.package(options, bands, architecture)?;
    package.check()?;
    Ok((package, weights, adopted))
}

fn encoder(name: &str) -> Result<Encoder, ModelError> {
    let wanted = name.strip_prefix("unet-");
    Encoder::ALL.into_iter().find(|e| Some(e.name()) == wanted).ok_or_else(|| ModelError::UnknownName {
        what: "architecture",
        name: name.to_owned(),
        known: architecture_names().join(", "),
    })
}

impl Preset {
    /// The preset with a name.
    ///
    /// # Errors
    /// [`ModelError::UnknownName`].
    fn named(name: &str) -> Result<Self, ModelError> {
        let unknown =
            || ModelError::UnknownName { what: "preset", name: name.to_owned(), known: PRESETS.join(", ") };
        match name {
            "flair-inc" => {
                serde_json::from_str(include_str!("../presets/flair-inc.json")).map_err(|_| unknown())
            }
            _ => Err(unknown()),
        }
    }

    /// The usual settings: ImageNet's means and standard deviations (torchvision, 0.485 x 255 and so on) over 8-bit
    /// colors.
    fn plain() -> Self {
        let band = |(name, mean, std): (&str, f32, f32)| Band {
            name: name.into(),
            mean: mean * 255.0,
            std: std * 255.0,
            unit: Some("digital number".into()),
            number: None,
            dequantize: None,
        };
        let rgb = [("red", 0.485, 0.229), ("green", 0.456, 0.224), ("blue", 0.406, 0.225)];
        let grey = [("nir", 0.45, 0.225), ("elevation", 0.45, 0.225)];
        Self {
            title: "Imported network".into(),
            license: String::new(),
            training_data: Vec::new(),
            bands: rgb.into_iter().chain(grey).map(band).collect(),
            value_range: [0.0, 255.0],
            sample_types: vec![SampleType::Uint8],
            gsd_m: GsdRange { nominal: 0.2, min: 0.01, max: 100.0 },
            decoder: vec![256, 128, 64, 32, 16],
            classes: Vec::new(),
            left_out: BTreeMap::new(),
        }
    }

    /// The bands of the options, or the first of the preset's, as many as the checkpoint's first convolution has
    /// input channels.
    fn bands(
        &self,
        options: &ImportOptions,
        architecture: &Architecture,
        checkpoint: &Weights,
    ) -> Result<Vec<Band>, ModelError> {
        let Some(names) = &options.bands else {
            let tensors = architecture.training_tensors();
            let is_first = |key: &str| tensors.first().is_some_and(|t| key.ends_with(&t.name));
            let found = checkpoint.iter().find(|(key, _)| is_first(key));
            let count = found.and_then(|(_, t)| t.shape.get(1).copied()).unwrap_or(self.bands.len());
            return Ok(self.bands.iter().take(count).cloned().collect());
        };
        let known = || self.bands.iter().map(|b| b.name.as_str()).collect::<Vec<_>>().join(", ");
        let find = |name: &String| {
            let unknown = || ModelError::UnknownName { what: "band", name: name.clone(), known: known() };
            self.bands.iter().find(|b| b.name == *name).cloned().ok_or_else(unknown)
        };
        names.iter().map(find).collect()
    }

    fn classes(&self, count: usize) -> Result<Nomenclature, ModelError> {
        let unknown = || ModelError::UnknownName {
            what: "number of classes",
            name: count.to_string(),
            known: format!(
                "{}, {}",
                self.classes.len(),
                self.left_out.keys().cloned().collect::<Vec<_>>().join(", ")
            ),
        };
        let classes = if self.classes.is_empty() {
            (0..u8::try_from(count).map_err(|_| unknown())?).map(numbered).collect()
        } else if count == self.classes.len() {
            self.classes.clone()
        } else {
            let left_out = self.left_out.get(&count.to_string()).ok_or_else(unknown)?;
            self.classes.iter().filter(|c| !left_out.contains(&c.id)).cloned().collect()
        };
        Nomenclature::new(classes).map_err(|_| unknown())
    }

    fn package(
        &self,
        options: &ImportOptions,
        bands: Vec<Band>,
        architecture: Architecture,
    ) -> Result<ModelPackage, ModelError> {
        let exact = field::overlap(&architecture, false);
        let (overlap_px, overlap_tolerance) = match &options.overlap {
            Some((pixels, why)) if *pixels < exact => (*pixels, Some(why.clone())),
            Some((pixels, _)) => (*pixels, None),
            None => (exact, None),
        };
        Ok(ModelPackage {
            format: FORMAT.into(),
            id: options.id.clone(),
            version: "1.0.0".into(),
            task: Task::SemanticSegmentation,
            title: self.title.clone(),
            bands,
            value_range: self.value_range,
            sample_types: self.sample_types.clone(),
            gsd_m: self.gsd_m,
            classes: self.classes(options.classes)?,
            receptive_field_px: field::receptive_field_radius(&architecture),
            overlap_px,
            overlap_tolerance,
            stride_px: field::stride(&architecture),
            weights: WeightsFile { file: "weights.safetensors".into(), sha256: String::new() },
            license: options.license.clone().unwrap_or_else(|| self.license.clone()),
            training_data: self.training_data.clone(),
            scores: BTreeMap::new(),
            territories: Vec::new(),
            tried_on: Vec::new(),
            failed_on: Vec::new(),
            energy: None,
            detection: None,
            calibration: None,
            quantization: None,
            restriction: None,
            architecture,
        })
    }
}

/// A class without a name, with a color of its own.
fn numbered(id: u8) -> Class {
    let color = Color([id.wrapping_mul(97), id.wrapping_mul(57).wrapping_add(60), 255 - id]);
    Class { id, name: format!("class {id}"), name_fr: None, code: None, color, features: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_read_and_have_the_classes_that_they_promise() {
        for name in PRESETS {
            let preset = Preset::named(name).unwrap();
            assert_eq!(preset.classes(19).unwrap().classes().len(), 19);
            assert_eq!(preset.classes(15).unwrap().classes()[14].name, "greenhouse");
            assert!(preset.classes(7).unwrap_err().to_string().contains("19"));
        }
        assert!(Preset::named("flair").unwrap_err().to_string().contains("flair-inc"));
    }

    #[test]
    fn unknown_architectures_name_the_known_ones() {
        let error = encoder("unet-resnet35").unwrap_err().to_string();
        assert!(error.contains("unet-resnet34"), "{error}");
        assert_eq!(encoder("unet-resnet34").unwrap(), Encoder::Resnet34);
    }
}
