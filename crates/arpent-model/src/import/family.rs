//! Architectures by name, and what the names of a checkpoint's tensors look like.

use std::path::Path;

use crate::adopt::{is_linear, prefix_of};
use crate::encoders::{Encoder, MitSize, PyramidEncoder};
use crate::{Architecture, ModelError, TensorShape, Weights, onnx};

/// The architectures that can be imported, by their name in [`crate::ImportOptions::architecture`].
pub fn architecture_names() -> Vec<String> {
    let unets = Encoder::ALL.iter().map(|e| format!("unet-{}", e.name()));
    let upernets = PyramidEncoder::ALL.iter().map(|e| format!("upernet-{}", e.name()));
    let segformers = MitSize::ALL.iter().map(|s| format!("segformer-{}", s.name()));
    let fpns = Encoder::ALL.iter().map(|e| format!("fpn-{}", e.name()));
    let dilatable = Encoder::ALL.iter().filter(|e| e.is_dilatable());
    let deeplabs = dilatable.map(|e| format!("deeplabv3plus-{}", e.name()));
    let later = PyramidEncoder::ALL.iter().map(|e| format!("upernet5-{}", e.name()));
    let retinanet = std::iter::once("retinanet-resnet50".to_owned());
    unets
        .chain(upernets)
        .chain(later)
        .chain(segformers)
        .chain(fpns)
        .chain(deeplabs)
        .chain(retinanet)
        .collect()
}

/// The architecture with a name.
///
/// # Errors
/// [`ModelError::UnknownName`].
pub(super) fn architecture(
    name: &str,
    [in_channels, out_channels]: [usize; 2],
    decoder: &[usize],
) -> Result<Architecture, ModelError> {
    let unet = |encoder| Architecture::EncoderUnet {
        encoder,
        in_channels,
        out_channels,
        decoder: decoder.into(),
        dates: 1,
    };
    let segformer = |size| Architecture::Segformer { size, in_channels, out_channels };
    let upernet = |encoder| Architecture::Upernet { encoder, in_channels, out_channels };
    let later = |encoder| Architecture::Upernet5 { encoder, in_channels, out_channels };
    let fpn = |encoder| Architecture::Fpn { encoder, in_channels, out_channels };
    let deeplab = |encoder| Architecture::DeeplabV3Plus { encoder, in_channels, out_channels };
    let found = match name.split_once('-') {
        Some(("retinanet", "resnet50")) => {
            Some(Architecture::Retinanet { in_channels, classes: out_channels })
        }
        Some(("fpn", rest)) => Encoder::ALL.into_iter().find(|e| e.name() == rest).map(fpn),
        Some(("deeplabv3plus", rest)) => {
            Encoder::ALL.into_iter().find(|e| e.name() == rest && e.is_dilatable()).map(deeplab)
        }
        Some(("unet", rest)) => Encoder::ALL.into_iter().find(|e| e.name() == rest).map(unet),
        Some(("upernet", rest)) => PyramidEncoder::ALL.into_iter().find(|e| e.name() == rest).map(upernet),
        Some(("upernet5", rest)) => PyramidEncoder::ALL.into_iter().find(|e| e.name() == rest).map(later),
        Some(("segformer", rest)) => MitSize::ALL.into_iter().find(|s| s.name() == rest).map(segformer),
        _ => None,
    };
    found.ok_or_else(|| ModelError::UnknownName {
        what: "architecture",
        name: name.to_owned(),
        known: architecture_names().join(", "),
    })
}

/// Networks that cannot be imported, by a part of their tensors' names.
const FOREIGN: [(&str, &str); 5] = [
    ("roi_heads.", "a Faster R-CNN or Mask R-CNN"),
    (".dfl.conv.", "YOLO"),
    // Swin transformers have no table of places.
    ("pos_embed", "a Vision Transformer"),
    ("unetplusplus", "U-Net++"),
    ("decoder.blocks.x_0_0", "U-Net++"),
];

/// What the names and shapes of a checkpoint look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Family {
    /// An architecture that can be imported.
    Known(String),
    /// A network that cannot.
    Foreign(&'static str),
}

/// The family of a checkpoint, if its names are like those of one.
pub(super) fn family_of(checkpoint: &Weights) -> Option<Family> {
    let known = || {
        let scored =
            architecture_names().into_iter().filter_map(|name| Some((likeness(&name, checkpoint)?, name)));
        scored.max_by_key(|((matched, missing), _)| (*matched, std::cmp::Reverse(*missing)))
    };
    let foreign = FOREIGN.iter().find(|(part, _)| checkpoint.iter().any(|(name, _)| name.contains(part)));
    match (known(), foreign) {
        // A network that can be imported is complete, whatever else the file has.
        (Some(((_, 0), name)), _) | (Some((_, name)), None) => Some(Family::Known(name)),
        (_, Some((_, what))) => Some(Family::Foreign(what)),
        (None, None) => None,
    }
}

/// The architecture that an ONNX file has all tensors of, under their names.
pub(super) fn complete_family(path: &Path) -> Option<String> {
    let checkpoint = onnx::read(path).ok()?;
    let all = architecture_names().into_iter().filter_map(|name| Some((likeness(&name, &checkpoint)?, name)));
    let best = all.max_by_key(|((matched, missing), _)| (*matched, std::cmp::Reverse(*missing)));
    best.filter(|((_, missing), _)| *missing == 0).map(|(_, name)| name)
}

/// Number of an architecture's tensors that a checkpoint has with the same shape, and of those that it lacks; `None` if
/// it lacks half of them or more. The first convolution and the head do not count: they have as many channels as there are bands and
/// classes.
fn likeness(name: &str, checkpoint: &Weights) -> Option<(usize, usize)> {
    let architecture = architecture(name, [3, 1], &[256, 128, 64, 32, 16]).ok()?;
    let head = architecture.head();
    let all = architecture.training_tensors().into_iter().skip(1);
    let wanted: Vec<TensorShape> = all.filter(|t| !t.name.starts_with(&head)).collect();
    let prefix = prefix_of(&wanted, checkpoint)?;
    let has = |t: &&TensorShape| {
        let found = checkpoint.get(&format!("{prefix}{}", t.name));
        found.is_ok_and(|found| found.shape == t.shape || is_linear(&found.shape, &t.shape))
    };
    let matched = wanted.iter().filter(has).count();
    (2 * matched > wanted.len()).then(|| (matched, wanted.len() - matched))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, prefix: &str) -> Weights {
        let mut weights = Weights::default();
        for tensor in architecture(name, [5, 7], &[256, 128, 64, 32, 16]).unwrap().training_tensors() {
            let values = vec![0.0; tensor.shape.iter().product()];
            weights.insert(format!("{prefix}{}", tensor.name), &tensor.shape, values);
        }
        weights
    }

    #[test]
    fn a_file_is_recognized_by_its_names_and_shapes() {
        for name in [
            "unet-resnet18",
            "unet-resnet34",
            "unet-mobilenet-v2",
            "unet-efficientnet-b0",
            "unet-efficientnet-b1",
            "unet-mit-b0",
            "segformer-b0",
            "upernet-swin-tiny",
            "upernet5-swin-tiny",
            "fpn-resnet18",
            "deeplabv3plus-resnet18",
            "retinanet-resnet50",
        ] {
            assert_eq!(family_of(&file(name, "net.")), Some(Family::Known(name.into())));
        }
        let mut other = Weights::default();
        other.insert("fc.weight", &[1], vec![0.0]);
        assert_eq!(family_of(&other), None);
        other.insert("model.22.dfl.conv.weight", &[1], vec![0.0]);
        assert_eq!(family_of(&other), Some(Family::Foreign("YOLO")));
    }

    #[test]
    fn unknown_architectures_name_the_known_ones() {
        let error = architecture("unet-resnet35", [3, 2], &[]).unwrap_err().to_string();
        assert!(error.contains("unet-resnet34") && error.contains("unet-efficientnet-b4"), "{error}");
    }
}
