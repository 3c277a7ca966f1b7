//! Checkpoints brought to the form of the architectures: FLAIR-HUB's names, heads with outputs that are not used.

use std::collections::BTreeSet;

use crate::{Architecture, ModelError, WeightTensor, Weights};

/// Where FLAIR-HUB keeps the encoder of a kind of picture and the decoder of a task, each below a name of its own.
const ENCODERS: &str = "encoders.";
const DECODERS: &str = "main_decoders.";
/// Below that name.
const MODEL: &str = ".seg_model.";

/// A checkpoint of FLAIR-HUB (IGN) with the names of segmentation_models_pytorch: `encoders.NAME.seg_model.*` becomes
/// `encoder.*`, `main_decoders.TASK.seg_model.*` loses its prefix. `None` for any other checkpoint.
///
/// # Errors
/// [`ModelError::AnotherNetwork`] for a network of several kinds of pictures or several tasks.
pub(super) fn of_flair_hub(checkpoint: &Weights, architecture: &str) -> Result<Option<Weights>, ModelError> {
    let parts = |key: &str, group: &str| {
        let (before, after) = key.split_once(group)?;
        let (name, rest) = after.split_once(MODEL)?;
        let starts = before.is_empty() || before.ends_with('.');
        (starts && !name.contains('.')).then(|| (name.to_owned(), rest.to_owned()))
    };
    let names = |group: &str| {
        checkpoint
            .iter()
            .filter_map(|(key, _)| parts(key, group))
            .map(|(name, _)| name)
            .collect::<BTreeSet<_>>()
    };
    let (pictures, tasks) = (names(ENCODERS), names(DECODERS));
    if pictures.is_empty() || tasks.is_empty() {
        return Ok(None);
    }
    for (group, found) in [("kinds of pictures", &pictures), ("tasks", &tasks)] {
        if found.len() > 1 {
            let found = found.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            return Err(ModelError::AnotherNetwork {
                architecture: architecture.to_owned(),
                what: format!("it has several {group}: {found}"),
                hint: "take a network of one kind of pictures and one task (FLAIR-HUB_LC-A)".into(),
            });
        }
    }
    let renamed = |key: &str| {
        let encoder = parts(key, ENCODERS).map(|(_, rest)| format!("encoder.{rest}"));
        encoder.or_else(|| parts(key, DECODERS).map(|(_, rest)| rest))
    };
    Ok(Some(with_names(checkpoint, renamed)))
}

/// Parts of a block in transformers 5, and in version 4.
const TRANSFORMERS: [(&str, &str); 10] = [
    ("layernorm_before.", "layer_norm_1."),
    ("layernorm_after.", "layer_norm_2."),
    ("attention.q_proj.", "attention.self.query."),
    ("attention.k_proj.", "attention.self.key."),
    ("attention.v_proj.", "attention.self.value."),
    ("attention.o_proj.", "attention.output.dense."),
    ("attention.sequence_reduction.sequence_reduction.", "attention.self.sr."),
    ("attention.sequence_reduction.layer_norm.", "attention.self.layer_norm."),
    ("mlp.fc1.", "mlp.dense1."),
    ("mlp.fc2.", "mlp.dense2."),
];

/// A checkpoint of SegFormer with the names of transformers 5, with those of version 4. `None` for any other checkpoint.
pub(super) fn of_transformers(checkpoint: &Weights) -> Option<Weights> {
    const STAGES: &str = "segformer.stages.";
    checkpoint
        .iter()
        .any(|(key, _)| key.contains(STAGES))
        .then(|| with_names(checkpoint, |key| in_version_4(key, STAGES)))
}

/// A checkpoint with other names, where there is another.
fn with_names(checkpoint: &Weights, other: impl Fn(&str) -> Option<String>) -> Weights {
    let mut renamed = Weights::default();
    for (key, tensor) in checkpoint.iter() {
        renamed.insert(other(key).unwrap_or_else(|| key.to_owned()), &tensor.shape, tensor.data.clone());
    }
    renamed
}

fn in_version_4(key: &str, stages: &str) -> Option<String> {
    if let Some((before, rest)) = key.split_once("decode_head.linear_projections.") {
        return Some(format!("{before}decode_head.linear_c.{rest}"));
    }
    let (before, rest) = key.split_once(stages)?;
    let (stage, rest) = rest.split_once('.')?;
    let encoder = format!("{before}segformer.encoder");
    if let Some(rest) = rest.strip_prefix("blocks.") {
        let (block, part) = rest.split_once('.')?;
        let renamed =
            TRANSFORMERS.iter().find_map(|(from, to)| Some(format!("{to}{}", part.strip_prefix(from)?)));
        return Some(format!("{encoder}.block.{stage}.{block}.{}", renamed.as_deref().unwrap_or(part)));
    }
    let (group, rest) = rest.split_once('.')?;
    Some(format!("{encoder}.{group}.{stage}.{rest}"))
}

/// A detector of torchvision before version 0.13, whose convolutions of a tower had every second number, and those of the
/// pyramid no number of their own. `None` for any other checkpoint.
pub(super) fn of_torchvision(checkpoint: &Weights) -> Option<Weights> {
    let former = |key: &str| {
        let (before, part) = key.rsplit_once('.')?;
        let (group, number) = before.rsplit_once('.')?;
        let number: usize = number.parse().ok()?;
        if group.ends_with("fpn.inner_blocks") || group.ends_with("fpn.layer_blocks") {
            return Some(format!("{before}.0.{part}"));
        }
        let tower = group.ends_with("classification_head.conv") || group.ends_with("regression_head.conv");
        tower.then(|| format!("{group}.{}.0.{part}", number / 2))
    };
    checkpoint.iter().any(|(key, _)| former(key).is_some()).then(|| with_names(checkpoint, former))
}

/// A checkpoint whose head has `kept` outputs, without the ones that follow.
pub(super) fn with_outputs(checkpoint: &Weights, architecture: &Architecture, kept: usize) -> Weights {
    with_head(checkpoint, architecture, |outputs, data| {
        (outputs > kept).then(|| (kept, data[..data.len() / outputs * kept].to_vec()))
    })
}

/// A checkpoint whose head has one output, with an output of zeros before it: the background.
pub(super) fn with_background(checkpoint: &Weights, architecture: &Architecture) -> Weights {
    with_head(checkpoint, architecture, |outputs, data| {
        let zeros = std::iter::repeat_n(0.0, data.len());
        (outputs == 1).then(|| (2, zeros.chain(data.iter().copied()).collect()))
    })
}

/// A checkpoint with other outputs of its head, by the number of its outputs and the values of a tensor.
fn with_head(
    checkpoint: &Weights,
    architecture: &Architecture,
    change: impl Fn(usize, &[f32]) -> Option<(usize, Vec<f32>)>,
) -> Weights {
    let head = architecture.head();
    let parts = ["weight", "bias"].map(|part| format!("{head}.{part}"));
    let is_head = |key: &str| {
        parts.iter().any(|p| {
            key.strip_suffix(p.as_str()).is_some_and(|before| before.is_empty() || before.ends_with('.'))
        })
    };
    let mut changed = Weights::default();
    for (key, WeightTensor { shape, data }) in checkpoint.iter() {
        let other = shape.split_first().filter(|_| is_head(key)).and_then(|(outputs, rest)| {
            let (outputs, data) = change(*outputs, data)?;
            Some(([&[outputs], rest].concat(), data))
        });
        match other {
            Some((shape, data)) => changed.insert(key, &shape, data),
            None => changed.insert(key, shape, data.clone()),
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp, reason = "small whole numbers are exact")]

    use super::*;
    use crate::PyramidEncoder;

    #[test]
    fn names_of_flair_hub_become_those_of_its_library() {
        let mut file = Weights::default();
        for key in [
            "model.encoders.AERIAL_RGBI.seg_model.model.stem_0.weight",
            "model.main_decoders.AERIAL_LABEL-COSIA.seg_model.decoder.psp.out_conv.0.weight",
            "model.main_decoders.AERIAL_LABEL-COSIA.seg_model.segmentation_head.0.bias",
            "model.fusion_handler.conv_f.0.weight",
        ] {
            file.insert(key, &[1], vec![1.0]);
        }
        let renamed = of_flair_hub(&file, "x").unwrap().unwrap();
        let names: Vec<&str> = renamed.iter().map(|(name, _)| name).collect();
        let head = "segmentation_head.0.bias";
        let all = [
            "decoder.psp.out_conv.0.weight",
            "encoder.model.stem_0.weight",
            "model.fusion_handler.conv_f.0.weight",
            head,
        ];
        assert_eq!(names, all);
        assert_eq!(of_flair_hub(&renamed, "x").unwrap(), None);
        file.insert("model.encoders.SPOT_RGBI.seg_model.model.stem_0.weight", &[1], vec![1.0]);
        let error = of_flair_hub(&file, "x").unwrap_err().to_string();
        assert!(error.contains("AERIAL_RGBI, SPOT_RGBI"), "{error}");
    }

    #[test]
    fn names_of_transformers_5_become_those_of_version_4() {
        for (new, old) in [
            (
                "model.segformer.stages.2.patch_embeddings.layer_norm.bias",
                "model.segformer.encoder.patch_embeddings.2.layer_norm.bias",
            ),
            (
                "segformer.stages.0.blocks.1.layernorm_before.weight",
                "segformer.encoder.block.0.1.layer_norm_1.weight",
            ),
            (
                "segformer.stages.0.blocks.1.attention.sequence_reduction.sequence_reduction.bias",
                "segformer.encoder.block.0.1.attention.self.sr.bias",
            ),
            (
                "segformer.stages.3.blocks.0.mlp.dwconv.dwconv.weight",
                "segformer.encoder.block.3.0.mlp.dwconv.dwconv.weight",
            ),
            ("segformer.stages.3.layer_norm.weight", "segformer.encoder.layer_norm.3.weight"),
            ("decode_head.linear_projections.1.proj.bias", "decode_head.linear_c.1.proj.bias"),
            ("decode_head.linear_fuse.weight", "decode_head.linear_fuse.weight"),
        ] {
            let mut file = Weights::default();
            file.insert("segformer.stages.0.blocks.0.mlp.fc1.bias", &[1], vec![0.0]);
            file.insert(new, &[1], vec![1.0]);
            let renamed = of_transformers(&file).unwrap();
            assert_eq!(renamed.get(old).unwrap().data, [1.0], "{new}");
            assert_eq!(of_transformers(&renamed), None);
        }
    }

    #[test]
    fn former_names_of_torchvision_become_those_of_today() {
        for (former, now) in [
            ("model.backbone.fpn.inner_blocks.1.bias", "model.backbone.fpn.inner_blocks.1.0.bias"),
            ("head.classification_head.conv.6.weight", "head.classification_head.conv.3.0.weight"),
            ("head.regression_head.conv.0.bias", "head.regression_head.conv.0.0.bias"),
            ("backbone.body.layer1.0.conv1.weight", "backbone.body.layer1.0.conv1.weight"),
        ] {
            let mut file = Weights::default();
            file.insert("backbone.fpn.layer_blocks.2.weight", &[1], vec![0.0]);
            file.insert(former, &[1], vec![1.0]);
            let renamed = of_torchvision(&file).unwrap();
            assert_eq!(renamed.get(now).unwrap().data, [1.0], "{former}");
            assert_eq!(of_torchvision(&renamed), None);
        }
    }

    #[test]
    fn outputs_that_are_not_used_are_cut_off() {
        let encoder = PyramidEncoder::Convnextv2Tiny;
        let network = Architecture::Upernet { encoder, in_channels: 3, out_channels: 2 };
        let mut file = Weights::default();
        file.insert("a.segmentation_head.0.weight", &[3, 2, 1, 1], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        file.insert("a.segmentation_head.0.bias", &[3], vec![7.0, 8.0, 9.0]);
        file.insert("a.decoder.weight", &[3], vec![7.0, 8.0, 9.0]);
        let cut = with_outputs(&file, &network, 2);
        assert_eq!(cut.get("a.segmentation_head.0.weight").unwrap().shape, [2, 2, 1, 1]);
        assert_eq!(cut.get("a.segmentation_head.0.weight").unwrap().data, [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(cut.get("a.segmentation_head.0.bias").unwrap().data, [7.0, 8.0]);
        assert_eq!(cut.get("a.decoder.weight").unwrap().shape, [3]);
    }
    #[test]
    fn one_output_becomes_two() {
        let network = Architecture::Segformer { size: crate::MitSize::B0, in_channels: 3, out_channels: 1 };
        let mut file = Weights::default();
        file.insert("model.decode_head.classifier.weight", &[1, 2, 1, 1], vec![1.0, 2.0]);
        file.insert("model.decode_head.classifier.bias", &[1], vec![3.0]);
        file.insert("model.decode_head.batch_norm.bias", &[1], vec![4.0]);
        let two = with_background(&file, &network);
        let head = |part: &str| two.get(&format!("model.decode_head.classifier.{part}")).unwrap();
        assert_eq!(
            (head("weight").shape.as_slice(), head("bias").shape.as_slice()),
            (&[2, 2, 1, 1][..], &[2][..])
        );
        assert_eq!(head("weight").data, [0.0, 0.0, 1.0, 2.0]);
        assert_eq!(head("bias").data, [0.0, 3.0]);
        assert_eq!(two.get("model.decode_head.batch_norm.bias").unwrap().data, [4.0]);
    }
}
