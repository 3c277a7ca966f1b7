//! The tables of `train.toml`.

use std::path::PathBuf;

use arpent_base::{ChipSide, Count, PositiveShare, Share, Threads};
use arpent_model::{Architecture, Dequantize, Detection, DeviceChoice, GsdRange, Precision};
use arpent_raster::{ReadAs, SampleType};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

/// Metadata of the package, and the shape of the network.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    /// Short id: lower-case letters, digits and hyphens.
    pub(crate) id: String,
    /// Version of the weights.
    pub(crate) version: String,
    /// Display title.
    pub(crate) title: String,
    /// License of the weights, SPDX.
    #[serde(alias = "licence")]
    pub(crate) license: String,
    /// How the package stores its weights. `f16` halves the file; the scores are those of the rounded weights.
    #[serde(default)]
    pub(crate) weights: StoredWeights,
    /// What the model is suited for and not suited for, in Markdown: a section of the card.
    #[serde(default)]
    pub(crate) limits: String,
    /// Other imagery on which it was tried, a line each.
    #[serde(default)]
    pub(crate) tried_on: Vec<String>,
    /// Imagery on which it was tried and failed, a line each.
    #[serde(default)]
    pub(crate) failed_on: Vec<String>,
    /// GSD of the training data, and the range of GSD that is accepted.
    pub(crate) gsd_m: GsdRange,
    /// Lowest and highest raw value.
    pub(crate) value_range: [f32; 2],
    /// Sample types accepted without rescaling.
    pub(crate) sample_types: Vec<SampleType>,
    /// Bands to use, of those of the sets; all by default.
    #[serde(default)]
    pub(crate) bands: Option<Vec<String>>,
    /// Unit of the values: `digital number` (by default) for those that are stored, `reflectance`, `kelvin`, ... for those with
    /// the scale and offset that files declare.
    #[serde(default)]
    pub(crate) unit: Option<String>,
    /// How stored values were quantized, as in `model.json`: the network takes `sign(x) |x|^power` with
    /// `x = stored * scale + offset`, of every band. `value_range` stays that of stored values.
    #[serde(default)]
    pub(crate) dequantize: Option<Dequantize>,
    /// As in `model.json`; `in_channels`, `out_channels` and `classes` follow from bands and classes.
    #[schemars(schema_with = "architecture")]
    pub(crate) architecture: toml::Table,
    /// Settings of a detection network.
    #[serde(default)]
    pub(crate) detection: Option<Detection>,
}

/// How a package stores its weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StoredWeights {
    /// Single precision.
    #[default]
    F32,
    /// Half precision.
    F16,
}

/// The schema of the network's shape: that of `model.json` without what follows from bands and classes.
fn architecture(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = Architecture::json_schema(generator);
    let mut variants = schema.get_mut("oneOf").and_then(|list| list.as_array_mut());
    // Detectors of anchors and graphs of other programs are imported, not trained.
    if let Some(variants) = &mut variants {
        variants.retain(|variant| {
            let kind = &variant["properties"]["kind"]["const"];
            kind != "retinanet" && kind != "onnx"
        });
    }
    for variant in variants.into_iter().flatten() {
        for key in DERIVED {
            if let Some(properties) = variant["properties"].as_object_mut() {
                properties.remove(key);
            }
            if let Some(required) = variant["required"].as_array_mut() {
                required.retain(|name| name != key);
            }
        }
    }
    schema
}

/// Keys of a network's shape that follow from bands and classes.
pub(crate) const DERIVED: [&str; 3] = ["in_channels", "out_channels", "classes"];

/// Unit of values as they are stored.
const STORED: &str = "digital number";

impl Model {
    /// Unit of the bands of the package.
    pub(crate) fn unit(&self) -> &str {
        self.unit.as_deref().unwrap_or(STORED)
    }

    /// Interpretation of stored values: the same as in runs of the package.
    pub(crate) fn values(&self) -> ReadAs {
        ReadAs::of_unit(self.unit())
    }
}

/// The optimization.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fit {
    /// Seed of all random numbers. `--seed` replaces it.
    pub(crate) seed: u64,
    /// Epochs. `--epochs` replaces it.
    pub(crate) epochs: Count,
    /// Steps of an epoch.
    pub(crate) steps_per_epoch: Count,
    /// Chips per step.
    pub(crate) batch: Count,
    /// Side of a chip, pixels; a multiple of the network's stride.
    pub(crate) chip_px: ChipSide,
    /// Highest learning rate; a cosine takes it to 0.
    pub(crate) learning_rate: f64,
    /// Decay of the weights, 0 to below 1.
    #[serde(default)]
    pub(crate) weight_decay: f32,
    /// Of all steps, those in which the rate rises.
    #[serde(default = "warmup_share")]
    pub(crate) warmup_share: Share,
    /// Epochs without a better score after which to stop; 0 never stops.
    #[serde(default)]
    pub(crate) early_stopping: usize,
    /// Which weights are packaged.
    #[serde(default)]
    pub(crate) keep: Keep,
    /// The score that chooses the best epoch; the task's first by default.
    #[serde(default)]
    pub(crate) score: Option<String>,
    /// Epochs from one validation to the next.
    #[serde(default = "one")]
    pub(crate) validate_every: Count,
    /// Threads; 0 for one per core. The same number gives the same bytes.
    #[serde(default = "all_threads")]
    pub(crate) threads: Threads,
    /// Device of the training steps; results are reproducible to the byte on the CPU only.
    #[serde(default)]
    pub(crate) device: DeviceChoice,
    /// Numeric precision of convolutions.
    #[serde(default)]
    pub(crate) precision: Precision,
}

/// Which weights are packaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Keep {
    /// Those of the epoch with the best score.
    #[default]
    Best,
    /// Those of the last epoch.
    Last,
}

/// How chips are drawn from data sets.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Sampling {
    /// Share of the chips that are cut around a pixel (or box) of a class that is drawn evenly, 0 to 1.
    pub(crate) class_aware: Share,
    /// Memory for pictures that were read, MB.
    pub(crate) cache_mb: usize,
    /// Pieces that are pasted into chips.
    pub(crate) paste: Option<Paste>,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { class_aware: Share::HALF, cache_mb: 1024, paste: None }
    }
}

/// What is minimized.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Loss {
    /// Terms of the sum; those of the task by default.
    pub(crate) terms: Vec<Term>,
    /// Weights of the classes.
    pub(crate) class_weights: Option<ClassWeights>,
    /// Share of the truth that is spread evenly over all classes, 0 to below 1 (cross-entropy only).
    pub(crate) label_smoothing: f64,
}

/// One term of the loss.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Term {
    /// What it measures.
    pub(crate) kind: TermKind,
    /// Factor in the sum, above 0.
    #[serde(default = "unit")]
    pub(crate) weight: f64,
    /// Exponent of the focal loss.
    #[serde(default = "two")]
    pub(crate) gamma: f64,
}

/// Kinds of terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TermKind {
    /// Cross-entropy (segmentation, change).
    CrossEntropy,
    /// Focal loss (segmentation, change; detection with `fcos`).
    Focal,
    /// Soft Dice loss (segmentation, change).
    Dice,
    /// Quality focal loss of the heat map (detection without `fcos`).
    Heat,
    /// Distance of the logarithms of width and height (detection without `fcos`).
    Size,
    /// Generalized intersection over union of boxes (detection with `fcos`).
    Giou,
    /// Distance of the Gaussians of oriented boxes (detection with `fcos` and `oriented = true`, in place of `giou`).
    Probiou,
    /// Cross-entropy of the nearness of an object's center (detection with `fcos`).
    Centerness,
}

impl TermKind {
    /// Its name, as in the configuration.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::CrossEntropy => "cross-entropy",
            Self::Focal => "focal",
            Self::Dice => "dice",
            Self::Heat => "heat",
            Self::Size => "size",
            Self::Giou => "giou",
            Self::Probiou => "probiou",
            Self::Centerness => "centerness",
        }
    }
}

/// Weights of the classes in the loss.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a list of numbers, one per class, or \"balanced\"")]
pub(crate) enum ClassWeights {
    /// One per class.
    List(Vec<f32>),
    /// Inverse to the classes' pixels in the training split.
    Balanced(Balanced),
}

/// The word `balanced`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) enum Balanced {
    #[serde(rename = "balanced")]
    Balanced,
}

/// How chips are varied. 0 leaves them as they are.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Augment {
    /// One of the eight turns and flips.
    pub(crate) d4: bool,
    /// Values times e^-b to e^b.
    pub(crate) brightness: Share,
    /// Distances to the chip's mean times e^-c to e^c.
    pub(crate) contrast: Share,
    /// Values in the value range to the power of e^-g to e^g.
    pub(crate) gamma: Share,
    /// Standard deviation of noise on every value, as a share of the value range.
    pub(crate) noise: Share,
    /// Chips show e^-s to e^s times their side.
    pub(crate) scale: Share,
}

impl Default for Augment {
    fn default() -> Self {
        let none = Share::ZERO;
        Self { d4: true, brightness: none, contrast: none, gamma: none, noise: none, scale: none }
    }
}

/// Initial weights.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Init {
    /// A model package, or a safetensors file.
    pub(crate) path: PathBuf,
}

/// Pieces that are pasted into chips of scenes (labels of pixels only). Shares are 0 to 1.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Paste {
    /// Names of the data sets (of their cards) whose pictures are pasted: one object each. They are not drawn as chips.
    pub(crate) sets: Vec<String>,
    /// Share of the chips that pieces are pasted into.
    pub(crate) share: Share,
    /// Pieces in such a chip, at most; at least one.
    pub(crate) most: Count,
    /// Share of the pieces that are cut from scenes instead.
    #[serde(default)]
    pub(crate) decoys: Share,
}

/// Measures besides the scores of every training. They change no weights.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Evaluate {
    /// Tolerance of precision and recall of thin objects, pixels; not measured without it.
    pub(crate) tolerance_px: Option<f64>,
    /// Numbers of best candidates for precision at k; ascending.
    pub(crate) precision_at_k: Vec<Count>,
    /// Share of real objects among the candidates in the area of use, between 0 and 1.
    pub(crate) prevalence: Option<f64>,
    /// Side of the candidates of a label model, pixels; `fit.chip_px` by default.
    pub(crate) cell_px: Option<Count>,
    /// Objects that labels were made of count once each, by the majority class in the ellipse of this share of the half-sizes
    /// of their boxes.
    pub(crate) vote: Option<PositiveShare>,
}

impl Evaluate {
    /// Numbers of best candidates for precision at k.
    pub(crate) fn precision_at_k(&self) -> Vec<u64> {
        self.precision_at_k.iter().map(|count| count.get() as u64).collect()
    }
}

/// How the energy is estimated where the machine does not measure it.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnergyOptions {
    /// Power of one busy core, watts.
    pub(crate) core_w: f64,
}

impl Default for EnergyOptions {
    fn default() -> Self {
        Self { core_w: arpent_shell::energy::WATTS_PER_CORE }
    }
}

fn warmup_share() -> Share {
    Share::new(0.03).expect("it is one")
}

fn one() -> Count {
    Count::ONE
}

fn all_threads() -> Threads {
    Threads::ALL
}

fn unit() -> f64 {
    1.0
}

fn two() -> f64 {
    2.0
}
