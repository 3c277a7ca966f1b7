//! Families of published weights: what their checkpoints do not contain.

use std::collections::BTreeMap;

use arpent_base::number::narrow;
use arpent_raster::{Class, Nomenclature, SampleType};
use serde::{Deserialize, Serialize};

use super::deepness::color;
use crate::package::{Detection, GsdRange, TrainingSource};
use crate::{Architecture, Band, ModelError, ModelWindow};

/// Names of the presets and their descriptions.
const FILES: [(&str, &str); 21] = [
    ("deadtrees-v1", include_str!("../../presets/deadtrees-v1.json")),
    ("deepforest-tree", include_str!("../../presets/deepforest-tree.json")),
    ("flair-hub-lc-a-convnextv2-base", include_str!("../../presets/flair-hub-lc-a-convnextv2-base.json")),
    ("flair-hub-lc-a-convnextv2-tiny", include_str!("../../presets/flair-hub-lc-a-convnextv2-tiny.json")),
    ("flair-hub-lc-a-swin-base", include_str!("../../presets/flair-hub-lc-a-swin-base.json")),
    ("flair-hub-lc-a-swin-base-rgb", include_str!("../../presets/flair-hub-lc-a-swin-base-rgb.json")),
    ("flair-inc", include_str!("../../presets/flair-inc.json")),
    ("ftw-prue-b3", include_str!("../../presets/ftw-prue-b3.json")),
    ("ftw-prue-b5", include_str!("../../presets/ftw-prue-b5.json")),
    ("ftw-prue-b7", include_str!("../../presets/ftw-prue-b7.json")),
    ("ftw-v1", include_str!("../../presets/ftw-v1.json")),
    ("restor-tcd-b0", include_str!("../../presets/restor-tcd-b0.json")),
    ("restor-tcd-b1", include_str!("../../presets/restor-tcd-b1.json")),
    ("restor-tcd-b2", include_str!("../../presets/restor-tcd-b2.json")),
    ("restor-tcd-b3", include_str!("../../presets/restor-tcd-b3.json")),
    ("restor-tcd-b4", include_str!("../../presets/restor-tcd-b4.json")),
    ("restor-tcd-b5", include_str!("../../presets/restor-tcd-b5.json")),
    ("ukis-csmask-l1c-4", include_str!("../../presets/ukis-csmask-l1c-4.json")),
    ("ukis-csmask-l1c-6", include_str!("../../presets/ukis-csmask-l1c-6.json")),
    ("ukis-csmask-l2a-4", include_str!("../../presets/ukis-csmask-l2a-4.json")),
    ("ukis-csmask-l2a-6", include_str!("../../presets/ukis-csmask-l2a-6.json")),
];

/// A family of published weights: all properties that its checkpoints do not contain.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// Display title.
    pub title: String,
    /// License of the weights, SPDX where it has an identifier.
    pub license: String,
    /// Where the file is published.
    pub source: PresetSource,
    /// Training data.
    pub training_data: Vec<TrainingSource>,
    /// Bands in the order of the network's input channels.
    pub bands: Vec<Band>,
    /// Numbers of bands with which networks of the family were published: the first ones of `bands`. All, if empty.
    #[serde(default)]
    pub band_counts: Vec<usize>,
    /// Lowest and highest valid value.
    pub value_range: [f32; 2],
    /// Sample types that are accepted without rescaling.
    pub sample_types: Vec<SampleType>,
    /// Accepted GSD.
    pub gsd_m: GsdRange,
    /// Name of the architecture.
    pub architecture: String,
    /// Channels of the stages of a U-Net's decoder, coarsest first.
    #[serde(default)]
    pub decoder: Vec<usize>,
    /// The window that is part of the model, if the network is not local (ADR 0022).
    #[serde(default)]
    pub window: Option<ModelWindow>,
    /// Which boxes a detector keeps.
    #[serde(default)]
    pub detection: Option<Detection>,
    /// Classes in the order of the network's output channels.
    pub classes: Vec<Class>,
    /// Output channels of the files after those of the classes, which were not trained and are left out.
    #[serde(default)]
    pub ignored_outputs: usize,
    /// For a smaller number of classes, the ids that a network of the family lacks then.
    #[serde(default)]
    pub left_out: BTreeMap<String, Vec<u8>>,
    /// Scores that the authors published.
    #[serde(default)]
    pub scores: Vec<PublishedScore>,
    /// What a user has to know, a sentence each.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// Where a file of weights is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PresetSource {
    /// Address, or a command of a package registry's client.
    pub address: String,
    /// Name of the file there.
    pub file: String,
    /// Size of the file, bytes, if published.
    #[serde(default)]
    pub bytes: Option<u64>,
}

/// A score as its authors published it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedScore {
    /// What was measured.
    pub name: String,
    /// The value.
    pub value: f64,
    /// The data that it was measured on, and the network.
    pub on: String,
}

/// Names of the presets.
pub fn preset_names() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(name, _)| *name)
}

impl Preset {
    /// The preset with a name.
    ///
    /// # Errors
    /// [`ModelError::UnknownName`].
    pub fn named(name: &str) -> Result<Self, ModelError> {
        let file = FILES.iter().find(|(known, _)| *known == name);
        let (_, text) = file.ok_or_else(|| ModelError::UnknownName {
            what: "preset",
            name: name.to_owned(),
            known: preset_names().collect::<Vec<_>>().join(", "),
        })?;
        Ok(serde_json::from_str(text).expect("a test reads every preset"))
    }

    /// The network with all bands and classes of the preset.
    pub fn network(&self) -> Architecture {
        let channels = [self.bands.len(), self.classes.len()];
        super::family::architecture(&self.architecture, channels, &self.decoder)
            .expect("a test builds the network of every preset")
    }

    /// The usual settings: ImageNet's means and standard deviations (torchvision, 0.485 x 255 and so on) over 8-bit
    /// colors.
    pub(super) fn plain() -> Self {
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
            source: PresetSource { address: String::new(), file: String::new(), bytes: None },
            training_data: Vec::new(),
            bands: rgb.into_iter().chain(grey).map(band).collect(),
            band_counts: (1..=5).collect(),
            value_range: [0.0, 255.0],
            sample_types: vec![SampleType::Uint8],
            gsd_m: GsdRange { nominal: 0.2, min: 0.01, max: 100.0 },
            architecture: String::new(),
            decoder: vec![256, 128, 64, 32, 16],
            window: None,
            detection: None,
            classes: Vec::new(),
            ignored_outputs: 0,
            left_out: BTreeMap::new(),
            scores: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The same for stored values, which `scale` brings to the values of the preset: for scenes that do not declare
    /// their scale.
    pub(super) fn of_stored(self, scale: f32) -> Self {
        let stored = |value: f32| narrow(f64::from(value) / f64::from(scale));
        let band = |band: Band| Band {
            mean: stored(band.mean),
            std: stored(band.std),
            unit: Some("digital number".into()),
            ..band
        };
        Self {
            bands: self.bands.into_iter().map(band).collect(),
            value_range: self.value_range.map(stored),
            ..self
        }
    }

    /// Whether a network of the family has this number of bands.
    pub(super) fn has_bands(&self, count: usize) -> bool {
        if self.band_counts.is_empty() {
            count == self.bands.len()
        } else {
            self.band_counts.contains(&count)
        }
    }

    /// The bands with these names, in their order.
    pub(super) fn bands_named(&self, names: &[String]) -> Result<Vec<Band>, ModelError> {
        let known = || self.bands.iter().map(|b| b.name.as_str()).collect::<Vec<_>>().join(", ");
        let find = |name: &String| {
            let unknown = || ModelError::UnknownName { what: "band", name: name.clone(), known: known() };
            self.bands.iter().find(|b| b.name == *name).cloned().ok_or_else(unknown)
        };
        names.iter().map(find).collect()
    }

    /// The classes of a network of the family that has this number.
    pub(super) fn nomenclature(&self, count: usize) -> Result<Nomenclature, ModelError> {
        let unknown = || ModelError::UnknownName {
            what: "number of classes",
            name: count.to_string(),
            known: match self.classes.len() {
                0 => "1 to 254".to_owned(),
                all => {
                    let fewer = self.left_out.keys().map(|count| format!(", {count}"));
                    std::iter::once(all.to_string()).chain(fewer).collect()
                }
            },
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
}

/// A class without a name, with a color of its own.
fn numbered(id: u8) -> Class {
    Class { id, name: format!("class {id}"), name_fr: None, code: None, color: color(id), features: true }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp, reason = "presets are read as they are written")]

    use super::*;
    use crate::field;

    #[test]
    fn every_preset_is_complete() {
        for (name, text) in FILES {
            let preset: Preset = serde_json::from_str(text).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(Preset::named(name).unwrap(), preset);
            assert_eq!(
                preset.nomenclature(preset.classes.len()).unwrap().classes(),
                preset.classes,
                "{name}"
            );
            for (count, left_out) in &preset.left_out {
                let count: usize = count.parse().unwrap();
                assert_eq!(count + left_out.len(), preset.classes.len(), "{name}");
                assert_eq!(preset.nomenclature(count).unwrap().classes().len(), count, "{name}");
            }
            assert!(preset.classes.iter().all(|c| c.name_fr.is_some()), "{name}");
            assert!(!preset.license.is_empty() && !preset.source.address.is_empty(), "{name}");
            assert!(preset.bands.iter().all(|b| b.unit.is_some() && b.std > 0.0), "{name}");
            assert!(preset.has_bands(preset.bands.len()) && !preset.has_bands(99), "{name}");
            assert!(!preset.training_data.is_empty(), "{name}");
            let network = preset.network();
            network.check(name).unwrap();
            // The window is stated exactly where the network needs it.
            assert_eq!(preset.window.is_none(), field::is_local(&network), "{name}");
            let stride = field::stride(&network);
            let fits = |w: ModelWindow| {
                w.side_px.is_multiple_of(stride) && (w.side_px - 2 * w.margin_px).is_multiple_of(stride)
            };
            assert!(preset.window.is_none_or(fits), "{name}");
        }
        let flair = Preset::named("flair-inc").unwrap();
        assert_eq!(flair.nomenclature(15).unwrap().classes()[14].name, "greenhouse");
        assert!(flair.nomenclature(7).unwrap_err().to_string().contains("19, 12, 15"));
        assert!(Preset::named("flair").unwrap_err().to_string().contains("flair-inc"));
    }

    #[test]
    fn stored_values_are_those_of_the_preset_before_the_scale() {
        let preset = Preset::named("ukis-csmask-l1c-4").unwrap();
        let stored = preset.clone().of_stored(1e-4);
        assert_eq!(stored.value_range, [0.0, 10_000.0]);
        for (a, b) in preset.bands.iter().zip(&stored.bands) {
            let (physical, digital) = (a.normalized(0.25), b.normalized(2500.0));
            assert!((physical - digital).abs() < 1e-6, "{physical} {digital}");
            assert_eq!((a.unit.as_deref(), b.unit.as_deref()), (Some("reflectance"), Some("digital number")));
        }
    }

    /// Fields of The World divides by 3000 what is 10,000 times the reflectance.
    #[test]
    fn two_dates_are_divided_by_3000() {
        let preset = Preset::named("ftw-prue-b5").unwrap();
        assert_eq!(preset.bands.len(), 8);
        for band in &preset.bands {
            assert!((band.normalized(0.15) - 1500.0 / 3000.0).abs() < 1e-6);
        }
    }
}
