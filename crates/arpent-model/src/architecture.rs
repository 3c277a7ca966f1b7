//! Network architectures, as written in `model.json`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::detectors::{self, LEVELS};
use crate::encoders::{Encoder, MitSize, PyramidEncoder};
use crate::graph::{Affine, Graph, Layer, Op, Squares, Step};
use crate::onnx_output::OnnxOutput;
use crate::stored::{self, GraphStep};
use crate::{ModelError, pyramids, unets};

/// Smallest width of a level of a U-Net.
pub const MIN_WIDTH: usize = 4;

/// Stages of an encoder's decoder: one for each halving of the picture in the encoder.
const DECODER_STAGES: usize = 5;

/// Most dates that a network compares.
const MOST_DATES: usize = 2;

/// The architecture of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Architecture {
    /// An encoder-decoder of 3 x 3 convolutions with skip connections and a 1 x 1 head.
    Unet {
        /// Input bands of each date.
        in_channels: usize,
        /// Output channels.
        out_channels: usize,
        /// Channels of each level, finest first; from each level to the next the picture is halved.
        widths: Vec<usize>,
        /// 3 x 3 convolutions of each level of the encoder.
        encoder_convs: Vec<usize>,
        /// Number of dates that are compared: 1, or 2 for change detection.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        dates: usize,
    },
    /// A published encoder with the decoder and the tensor names of segmentation_models_pytorch's `Unet`, and a 3 x 3
    /// head.
    EncoderUnet {
        /// The encoder.
        encoder: Encoder,
        /// Input bands of each date.
        in_channels: usize,
        /// Output channels.
        out_channels: usize,
        /// Channels of the decoder's stages, coarsest first.
        decoder: Vec<usize>,
        /// Number of dates that are compared: 1, or 2 for change detection.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        dates: usize,
    },
    /// A published encoder of feature maps at a quarter to a 32nd of the picture's size, with the decoder and the tensor
    /// names of segmentation_models_pytorch 0.4's `UPerNet` (Xiao et al., *Unified perceptual parsing for scene
    /// understanding*, 2018), and a 1 x 1 head whose scores are enlarged four times. Not local.
    Upernet {
        /// The encoder.
        encoder: PyramidEncoder,
        /// Input bands.
        in_channels: usize,
        /// Output channels.
        out_channels: usize,
    },
    /// The same with the decoder of segmentation_models_pytorch 0.5 and later, which is another network. Not local.
    Upernet5 {
        /// The encoder.
        encoder: PyramidEncoder,
        /// Input bands.
        in_channels: usize,
        /// Output channels.
        out_channels: usize,
    },
    /// SegFormer (Xie et al., *SegFormer: simple and efficient design for semantic segmentation with transformers*, 2021)
    /// with the tensor names of Hugging Face's transformers 4; scores are enlarged four times. Not local.
    Segformer {
        /// The size of the encoder and of the decoder.
        size: MitSize,
        /// Input bands.
        in_channels: usize,
        /// Output channels.
        out_channels: usize,
    },
    /// A published encoder with the decoder and the tensor names of segmentation_models_pytorch's `FPN` (Kirillov et al.,
    /// *Panoptic feature pyramid networks*, 2019), and a 1 x 1 head whose scores are enlarged four times. Not local.
    Fpn {
        /// The encoder.
        encoder: Encoder,
        /// Input bands.
        in_channels: usize,
        /// Output channels.
        out_channels: usize,
    },
    /// A residual network whose last stage is dilated, with the decoder and the tensor names of
    /// segmentation_models_pytorch's `DeepLabV3Plus` (Chen et al., *Encoder-decoder with atrous separable convolution for
    /// semantic image segmentation*, 2018), and a 1 x 1 head whose scores are enlarged four times. Not local.
    DeeplabV3Plus {
        /// The encoder: a residual network.
        encoder: Encoder,
        /// Input bands.
        in_channels: usize,
        /// Output channels.
        out_channels: usize,
    },
    /// RetinaNet (Lin et al., *Focal loss for dense object detection*, 2017) with a ResNet-50, torchvision's tensor names and its
    /// anchors: boxes with scores. Pictures are doubled before the network sees them. Boxes are chosen among all of a
    /// window: not local.
    Retinanet {
        /// Input bands.
        in_channels: usize,
        /// Number of classes.
        classes: usize,
    },
    /// FCOS (Tian et al., *FCOS: fully convolutional one-stage object detection*, 2019) on a feature pyramid (Lin et al.,
    /// 2017) of a published encoder: every pixel of its maps answers with scores of the classes, the nearness of an object's
    /// center, and the distances to the sides of its box, or the center, the sides and the direction of one that is
    /// oriented. Normalizations are those of batches, and each map has its own head: local.
    Fcos {
        /// The encoder: one that is local.
        encoder: Encoder,
        /// Input bands.
        in_channels: usize,
        /// Number of classes.
        classes: usize,
        /// Pixels of the picture along a pixel of each map, finest first; each is twice the one before. The first is 4, 8,
        /// 16 or 32, the last 128 at most.
        strides: Vec<usize>,
        /// Channels of the pyramid and of the heads.
        width: usize,
        /// 3 x 3 convolutions before the last one of a head.
        convs: usize,
        /// Whether boxes have a direction: rectangles along their objects in place of rectangles along rows and columns.
        #[serde(default, skip_serializing_if = "is_false")]
        oriented: bool,
    },
    /// The encoder of a [`Architecture::Unet`], then the mean over each cell and a 1 x 1 head: one class for all
    /// pixels of a cell. Cells lie on the lattice of the network's stride.
    Classifier {
        /// Input bands.
        in_channels: usize,
        /// Output channels.
        out_channels: usize,
        /// Channels of each level, finest first; from each level to the next the picture is halved.
        widths: Vec<usize>,
        /// 3 x 3 convolutions of each level.
        convs: Vec<usize>,
        /// Side of a cell, pixels: a power of two.
        cell_px: usize,
    },
    /// A graph of an ONNX file, which is stored in place of the weights and run by another engine (ADR 0023). Not local.
    Onnx {
        /// Input bands.
        in_channels: usize,
        /// Number of classes, or of measured values. A network of one output channel has two classes, the first of which is the background.
        classes: usize,
        /// What the output holds.
        output: OnnxOutput,
    },
    /// Steps that stand in the package: the graph of another program (`torch.export`), lowered (ADR 0031).
    Graph {
        /// Input bands.
        in_channels: usize,
        /// Output channels.
        out_channels: usize,
        /// The steps, in their order.
        steps: Vec<GraphStep>,
    },
    /// A single convolution: a weighted sum of the bands of a pixel, or of 3 x 3 pixels, for each class.
    Linear {
        /// Input bands.
        in_channels: usize,
        /// Output channels.
        out_channels: usize,
        /// Side of the kernel: 1 or 3.
        kernel: usize,
    },
}

const fn one() -> usize {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_one(dates: &usize) -> bool {
    *dates == 1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_false(oriented: &bool) -> bool {
    !*oriented
}

/// One tensor of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorShape {
    /// Its name in the weights.
    pub name: String,
    /// Size of each dimension.
    pub shape: Vec<usize>,
}

impl Architecture {
    /// Display name.
    pub fn name(&self) -> String {
        match self {
            Self::Unet { .. } => "U-Net".into(),
            Self::EncoderUnet { encoder, .. } => format!("U-Net, {}", encoder.name()),
            Self::Upernet { encoder, .. } => format!("UPerNet, {}", encoder.name()),
            Self::Upernet5 { encoder, .. } => format!("UPerNet of 0.5, {}", encoder.name()),
            Self::Segformer { size, .. } => format!("SegFormer, {}", size.name()),
            Self::Retinanet { .. } => "RetinaNet, resnet50".into(),
            Self::Fcos { encoder, oriented: false, .. } => format!("FCOS, {}", encoder.name()),
            Self::Fcos { encoder, oriented: true, .. } => {
                format!("FCOS of oriented boxes, {}", encoder.name())
            }
            Self::Fpn { encoder, .. } => format!("FPN, {}", encoder.name()),
            Self::DeeplabV3Plus { encoder, .. } => format!("DeepLabV3+, {}", encoder.name()),
            Self::Classifier { cell_px, .. } => format!("classifier of cells of {cell_px} px"),
            Self::Linear { .. } => "linear".into(),
            Self::Onnx { .. } => "ONNX graph".into(),
            Self::Graph { steps, .. } => format!("exported graph of {} steps", steps.len()),
        }
    }

    /// Input bands of all dates together.
    pub fn in_channels(&self) -> usize {
        match self {
            Self::Unet { in_channels, .. }
            | Self::EncoderUnet { in_channels, .. }
            | Self::Upernet { in_channels, .. }
            | Self::Upernet5 { in_channels, .. }
            | Self::Segformer { in_channels, .. }
            | Self::Fpn { in_channels, .. }
            | Self::DeeplabV3Plus { in_channels, .. }
            | Self::Retinanet { in_channels, .. }
            | Self::Fcos { in_channels, .. }
            | Self::Classifier { in_channels, .. }
            | Self::Onnx { in_channels, .. }
            | Self::Graph { in_channels, .. }
            | Self::Linear { in_channels, .. } => *in_channels * self.dates(),
        }
    }

    /// Number of dates that are compared.
    pub fn dates(&self) -> usize {
        match self {
            Self::Unet { dates, .. } | Self::EncoderUnet { dates, .. } => *dates,
            _ => 1,
        }
    }

    /// Output channels.
    pub fn out_channels(&self) -> usize {
        match self {
            Self::Unet { out_channels, .. }
            | Self::EncoderUnet { out_channels, .. }
            | Self::Upernet { out_channels, .. }
            | Self::Upernet5 { out_channels, .. }
            | Self::Segformer { out_channels, .. }
            | Self::Fpn { out_channels, .. }
            | Self::DeeplabV3Plus { out_channels, .. }
            | Self::Classifier { out_channels, .. }
            | Self::Graph { out_channels, .. }
            | Self::Linear { out_channels, .. } => *out_channels,
            Self::Retinanet { classes, .. } => LEVELS.len() * detectors::values(*classes),
            Self::Onnx { classes, .. } => *classes,
            Self::Fcos { classes, strides, oriented, .. } => {
                strides.len() * detectors::location_values(*classes, *oriented)
            }
        }
    }

    /// Number of classes of a detector that scores anchors.
    pub(crate) fn anchored_classes(&self) -> Option<usize> {
        match self {
            Self::Retinanet { classes, .. } => Some(*classes),
            _ => None,
        }
    }

    /// Number of classes of a detector whose boxes are chosen among all of a window.
    pub(crate) fn window_box_classes(&self) -> Option<usize> {
        match self {
            Self::Onnx { classes, output, .. } if output.is_boxes() => Some(*classes),
            _ => self.anchored_classes(),
        }
    }

    /// Whether the network is a graph of its own, which takes the place of weights.
    pub(crate) const fn is_onnx(&self) -> bool {
        matches!(self, Self::Onnx { .. })
    }

    /// Number of classes of a detector whose outputs are not one for each class.
    pub(crate) fn box_classes(&self) -> Option<usize> {
        match self {
            Self::Fcos { classes, .. } => Some(*classes),
            _ => self.window_box_classes(),
        }
    }

    /// Pixels of the picture along a pixel of each map of a detector without anchors, finest first; `None` for any other
    /// network.
    pub fn strides(&self) -> Option<&[usize]> {
        match self {
            Self::Fcos { strides, .. } => Some(strides),
            _ => None,
        }
    }

    /// Whether the boxes of a detector have a direction.
    pub fn is_oriented(&self) -> bool {
        matches!(self, Self::Fcos { oriented: true, .. })
    }

    /// Of each map of a detector without anchors, finest first, the names of the last layers: of the scores, and of the
    /// nearness of centers and the boxes. None of any other network.
    pub fn last_layers(&self) -> Vec<[String; 2]> {
        let of = |stride: &usize| ["scores", "boxes"].map(|branch| detectors::last_layer(*stride, branch));
        self.strides().unwrap_or_default().iter().map(of).collect()
    }

    /// Times that pictures are enlarged before the network sees them.
    pub(crate) fn enlarged(&self) -> usize {
        if self.anchored_classes().is_some() { 2 } else { 1 }
    }

    /// Name of the last layer: `<name>.weight` and `<name>.bias` map features to scores.
    pub fn head(&self) -> String {
        self.graph().layers.pop().map(|layer| layer.name).unwrap_or_default()
    }

    /// The computation, step by step.
    pub(crate) fn graph(&self) -> Graph {
        match self {
            Self::Unet { in_channels, out_channels, widths, encoder_convs, dates } => {
                unets::Plain { widths, encoder_convs }.graph(*in_channels, *out_channels, *dates)
            }
            Self::EncoderUnet { encoder, in_channels, out_channels, decoder, dates } => {
                unets::Encoded { encoder: *encoder, decoder }.graph(*in_channels, *out_channels, *dates)
            }
            Self::Upernet { encoder, in_channels, out_channels } => {
                pyramids::upernet(*encoder, *in_channels, *out_channels)
            }
            Self::Upernet5 { encoder, in_channels, out_channels } => {
                pyramids::upernet_5(*encoder, *in_channels, *out_channels)
            }
            Self::Segformer { size, in_channels, out_channels } => {
                pyramids::segformer(*size, *in_channels, *out_channels)
            }
            Self::Retinanet { in_channels, classes } => detectors::retinanet(*in_channels, *classes),
            Self::Fcos { encoder, in_channels, classes, strides, width, convs, oriented } => {
                let (encoder, width, convs, oriented) = (*encoder, *width, *convs, *oriented);
                let located = detectors::Located { encoder, strides, width, convs, oriented };
                located.graph(*in_channels, *classes)
            }
            Self::Fpn { encoder, in_channels, out_channels } => {
                pyramids::fpn(*encoder, *in_channels, *out_channels)
            }
            Self::DeeplabV3Plus { encoder, in_channels, out_channels } => {
                pyramids::deeplab(*encoder, *in_channels, *out_channels)
            }
            Self::Classifier { in_channels, out_channels, widths, convs, cell_px } => {
                let plain = unets::Plain { widths, encoder_convs: convs };
                plain.classifier(*in_channels, *out_channels, cell_px.ilog2())
            }
            Self::Linear { in_channels, out_channels, kernel } => {
                unets::linear(*in_channels, *out_channels, *kernel)
            }
            // What it computes stands in its file only: nothing is derived from it.
            Self::Onnx { .. } => Graph::default(),
            // What cannot be computed is refused by `check`.
            Self::Graph { in_channels, out_channels, steps } => {
                stored::graph(*in_channels, *out_channels, steps).unwrap_or_default()
            }
        }
    }

    /// Side of the smallest picture, pixels, that the network is defined for: 0 for most. Where a feature map of a Swin
    /// transformer is no larger than the squares of its attention, timm makes the squares smaller and does not roll them.
    pub(crate) fn least_window_px(&self) -> usize {
        let graph = self.graph();
        let of = |step: &Step| match (step.op, step.extent.level()) {
            (Op::SquareAttention(squares), Some(level)) => (graph.squares[squares].side + 1) << level,
            _ => 0,
        };
        graph.steps.iter().map(of).max().unwrap_or(0)
    }

    /// Number of weights for prediction.
    pub fn parameters(&self) -> usize {
        self.tensors().iter().map(|t| t.shape.iter().product::<usize>()).sum()
    }

    /// Tensors for prediction: for each convolution, in the order in which the network uses them, `<name>.weight` (out,
    /// in, kernel height, kernel width) and `<name>.bias`; then those of normalizations that are not
    /// folded, and of attention's relative positions.
    pub fn tensors(&self) -> Vec<TensorShape> {
        let graph = self.graph();
        let both = |layer: &Layer| {
            let (weight, bias) = (format!("{}.weight", layer.name), format!("{}.bias", layer.name));
            [(weight, layer.shape().to_vec()), (bias, vec![layer.outputs])]
        };
        let layers = graph.layers.iter().flat_map(both).map(|(name, shape)| TensorShape { name, shape });
        layers
            .chain(graph.norms.iter().flat_map(affine_tensors))
            .chain(graph.squares.iter().map(table))
            .collect()
    }

    /// Tensors for training, in the same order: a convolution has a bias, or a normalization with `<norm>.weight`,
    /// `<norm>.bias`, `<norm>.running_mean` and `<norm>.running_var`.
    pub fn training_tensors(&self) -> Vec<TensorShape> {
        let (graph, mut all) = (self.graph(), Vec::new());
        for layer in &graph.layers {
            all.push((format!("{}.weight", layer.name), layer.shape().to_vec()));
            match &layer.norm {
                None if layer.biased => all.push((format!("{}.bias", layer.name), vec![layer.outputs])),
                None => {}
                Some(norm) => {
                    let parts = ["weight", "bias", "running_mean", "running_var"];
                    all.extend(parts.map(|part| (format!("{}.{part}", norm.name), vec![layer.outputs])));
                }
            }
        }
        let layers = all.into_iter().map(|(name, shape)| TensorShape { name, shape });
        layers
            .chain(graph.norms.iter().flat_map(affine_tensors))
            .chain(graph.squares.iter().map(table))
            .collect()
    }

    /// Checks that such a network can be built.
    ///
    /// # Errors
    /// [`ModelError::Inconsistent`] with the invalid number.
    pub fn check(&self, id: &str) -> Result<(), ModelError> {
        let bad =
            |problem: String| ModelError::Inconsistent { id: id.to_owned(), field: "architecture", problem };
        if self.in_channels() == 0 || self.out_channels() == 0 {
            return Err(bad("has no input or no output channel".into()));
        }
        if self.dates() > MOST_DATES {
            return Err(bad(format!("compares {} dates, expected 1 or {MOST_DATES}", self.dates())));
        }
        let problem = match self {
            Self::Linear { kernel: 1 | 3, .. }
            | Self::Upernet { .. }
            | Self::Upernet5 { .. }
            | Self::Segformer { .. }
            | Self::Fpn { .. } => None,
            Self::Retinanet { classes, .. } | Self::Onnx { classes, .. } => {
                (*classes > 254 || *classes == 0).then(|| format!("has {classes} classes, expected 1 to 254"))
            }
            Self::Graph { in_channels, out_channels, steps } => {
                stored::graph(*in_channels, *out_channels, steps).err()
            }
            Self::Fcos { encoder, classes, strides, width, convs, .. } => {
                located_problem(*encoder, *classes, strides, *convs).or_else(|| width_problem(&[*width]))
            }
            Self::DeeplabV3Plus { encoder, .. } => (!encoder.is_dilatable())
                .then(|| format!("has {}, expected a residual network", encoder.name())),
            Self::Linear { kernel, .. } => Some(format!("kernel is {kernel}, expected 1 or 3")),
            Self::Unet { widths, encoder_convs, .. } => plain_problem(widths, encoder_convs),
            Self::Classifier { widths, convs, cell_px, .. } => {
                plain_problem(widths, convs).or_else(|| cell_problem(widths.len(), *cell_px))
            }
            Self::EncoderUnet { decoder, .. } if decoder.len() != DECODER_STAGES => {
                Some(format!("lists {} decoder widths, expected {DECODER_STAGES}", decoder.len()))
            }
            Self::EncoderUnet { encoder, dates: 2, .. } if encoder.transformer().is_some() => {
                Some(format!("compares 2 dates, which {} does not", encoder.name()))
            }
            Self::EncoderUnet { decoder, .. } => width_problem(decoder),
        };
        problem.map_or(Ok(()), |problem| Err(bad(problem)))
    }
}

fn table(squares: &Squares) -> TensorShape {
    TensorShape { name: squares.table.clone(), shape: squares.shape().to_vec() }
}

fn affine_tensors(norm: &Affine) -> [TensorShape; 2] {
    ["weight", "bias"]
        .map(|part| TensorShape { name: format!("{}.{part}", norm.name), shape: vec![norm.channels] })
}

fn plain_problem(widths: &[usize], encoder_convs: &[usize]) -> Option<String> {
    if widths.is_empty() || widths.len() > 7 || widths.len() != encoder_convs.len() {
        return Some("needs 1 to 7 widths and as many encoder_convs".into());
    }
    if encoder_convs.iter().any(|n| !(1..=8).contains(n)) {
        return Some("needs 1 to 8 convolutions per level".into());
    }
    width_problem(widths)
}

/// A cell is no smaller than a pixel of the coarsest level.
fn cell_problem(levels: usize, cell_px: usize) -> Option<String> {
    let least = 1 << levels.saturating_sub(1);
    let fits = cell_px.is_power_of_two() && (least..=1024).contains(&cell_px);
    (!fits).then(|| format!("has cells of {cell_px} px, expected a power of two from {least} to 1024"))
}

/// Coarsest map of a detector, and finest, pixels of the picture along one of its pixels.
const STRIDES: std::ops::RangeInclusive<usize> = 4..=128;

/// Most convolutions of a detector's head.
const MOST_CONVS: usize = 8;

fn located_problem(encoder: Encoder, classes: usize, strides: &[usize], convs: usize) -> Option<String> {
    if !(1..=254).contains(&classes) {
        return Some(format!("has {classes} classes, expected 1 to 254"));
    }
    let starts = matches!(strides.first(), Some(4 | 8 | 16 | 32));
    let doubles = strides.windows(2).all(|pair| pair[1] == 2 * pair[0]);
    if !(starts && doubles && strides.iter().all(|stride| STRIDES.contains(stride))) {
        return Some(format!("has the strides {strides:?}, expected as [8, 16, 32]: doubled from 4 to 128"));
    }
    if !(1..=MOST_CONVS).contains(&convs) {
        return Some(format!("has {convs} convs, expected 1 to {MOST_CONVS}"));
    }
    let mut graph = Graph::default();
    encoder.features(&mut graph, 1);
    (!graph.is_local()).then(|| {
        format!(
            "has {}, whose answers depend on the whole picture; expected one that is local",
            encoder.name()
        )
    })
}

fn width_problem(widths: &[usize]) -> Option<String> {
    let fits = widths.iter().all(|w| (MIN_WIDTH..=1024).contains(w));
    (!fits).then(|| format!("needs widths of {MIN_WIDTH} to 1024"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unet(widths: &[usize], convs: &[usize]) -> Architecture {
        Architecture::Unet {
            in_channels: 3,
            out_channels: 5,
            widths: widths.into(),
            encoder_convs: convs.into(),
            dates: 1,
        }
    }

    #[test]
    fn channels_chain_from_band_to_class() {
        let shapes: Vec<_> = unet(&[8, 12, 16], &[1, 2, 1])
            .tensors()
            .iter()
            .filter(|t| t.name.ends_with(".weight"))
            .map(|t| (t.shape[1], t.shape[0]))
            .collect();
        assert_eq!(shapes, [(3, 8), (8, 12), (12, 12), (12, 16), (28, 8), (16, 8), (8, 5)]);
    }

    #[test]
    fn impossible_shapes_are_refused() {
        for net in [unet(&[], &[]), unet(&[8], &[1, 1]), unet(&[3], &[1]), unet(&[8], &[0])] {
            assert!(net.check("x").is_err(), "{net:?}");
        }
        assert!(Architecture::Linear { in_channels: 1, out_channels: 1, kernel: 2 }.check("x").is_err());
        unet(&[8, 16], &[1, 2]).check("x").unwrap();
    }

    #[test]
    fn detectors_of_other_shapes_are_refused() {
        let fcos = |encoder, classes, strides: &[usize], width, convs| {
            let strides = strides.to_vec();
            let oriented = classes % 2 == 0;
            Architecture::Fcos { encoder, in_channels: 3, classes, strides, width, convs, oriented }
                .check("x")
        };
        let lite0 = Encoder::EfficientnetLite0;
        for strides in [vec![4], vec![8, 16, 32], vec![32, 64, 128]] {
            fcos(lite0, 1, &strides, 16, 2).unwrap();
        }
        for (refused, word) in [
            (fcos(lite0, 0, &[8], 16, 2), "0 classes"),
            (fcos(lite0, 255, &[8], 16, 2), "255 classes"),
            (fcos(lite0, 1, &[], 16, 2), "no output channel"),
            (fcos(lite0, 1, &[2, 4], 16, 2), "strides [2, 4]"),
            (fcos(lite0, 1, &[8, 32], 16, 2), "strides [8, 32]"),
            (fcos(lite0, 1, &[32, 64, 128, 256], 16, 2), "256"),
            (fcos(lite0, 1, &[8], 16, 0), "0 convs"),
            (fcos(lite0, 1, &[8], 2, 1), "widths of 4"),
            (fcos(Encoder::EfficientnetB0, 1, &[8], 16, 1), "local"),
            (fcos(Encoder::MitB0, 1, &[8], 16, 1), "local"),
        ] {
            let told = refused.unwrap_err().to_string();
            assert!(told.contains(word), "{told}");
        }
    }

    #[test]
    fn two_dates_share_their_layers() {
        let mut siamese = unet(&[8, 16], &[1, 2]);
        let single = siamese.clone();
        if let Architecture::Unet { dates, .. } = &mut siamese {
            *dates = 2;
        }
        assert_eq!(siamese.in_channels(), 6);
        assert_eq!(siamese.tensors(), single.tensors());
        let json = serde_json::to_string(&single).unwrap();
        assert!(!json.contains("dates"), "{json}");
        assert_eq!(serde_json::from_str::<Architecture>(&json).unwrap(), single);
    }
}
