//! Maps the tensors of a checkpoint to the weights of an architecture: names, prefixes, first convolutions.

use std::collections::BTreeMap;

use arpent_base::number::exact_f32;

use crate::encoders::Encoder;
use crate::{Architecture, ModelError, TensorShape, WeightTensor, Weights};

/// Weights taken from a checkpoint.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Adopted {
    /// Weights for training ([`Architecture::training_tensors`]).
    pub state: Weights,
    /// Common prefix of the names in the checkpoint (`state_dict.model.`).
    pub prefix: String,
    /// Tensors of the checkpoint that the architecture does not have.
    pub unused: Vec<String>,
    /// Channels of the checkpoint's first convolution, if it was adapted to another number of channels.
    pub first_conv: Option<usize>,
}

/// Reads a whole network: the checkpoint must contain every tensor of the architecture, under its own name after one
/// common prefix. A first convolution with another number of channels is adapted as in segmentation_models_pytorch:
/// the checkpoint's channels are repeated in turn and scaled. Weights of a linear layer are those of a convolution of one
/// pixel.
///
/// # Errors
/// [`ModelError::WeightsMismatch`] with the tensors that are missing, have another shape (and the shape in the
/// checkpoint) or are left over, the first ones of each; [`ModelError::NotFinite`].
pub fn adopt(architecture: &Architecture, checkpoint: &Weights) -> Result<Adopted, ModelError> {
    let wanted = architecture.training_tensors();
    take(&wanted, &wanted, checkpoint, Weights::default())
}

/// Reads an encoder and leaves the other tensors of `state` unchanged. Names may be those of
/// segmentation_models_pytorch (`encoder.conv1.weight`), of torchvision or timm (`conv1.weight`), or of
/// EfficientNet-PyTorch (`_conv_stem.weight`).
///
/// # Errors
/// As [`adopt`]; also when the architecture has no encoder with published weights.
pub fn adopt_encoder(
    architecture: &Architecture,
    checkpoint: &Weights,
    state: Weights,
) -> Result<Adopted, ModelError> {
    let (Architecture::EncoderUnet { encoder, .. } | Architecture::Fcos { encoder, .. }) = architecture
    else {
        let what = format!("{} has no encoder with published weights", architecture.name());
        return Err(ModelError::WeightsMismatch { what });
    };
    let wanted: Vec<TensorShape> =
        architecture.training_tensors().into_iter().filter(|t| t.name.starts_with("encoder.")).collect();
    let renamed = |t: &TensorShape| TensorShape { name: bare(&t.name).to_owned(), shape: t.shape.clone() };
    let named: Vec<TensorShape> = wanted.iter().map(renamed).collect();
    let checkpoint =
        if *encoder == Encoder::EfficientnetLite0 { &timm_names(checkpoint) } else { checkpoint };
    take(&wanted, &named, checkpoint, state)
}

/// The name inside the encoder.
fn bare(name: &str) -> &str {
    let inside = name.strip_prefix("encoder.").unwrap_or(name);
    inside.strip_prefix("model.").unwrap_or(inside)
}

/// Copies `wanted` into `state`. Each tensor is looked up in the checkpoint by the prefix and its name in `named`.
fn take(
    wanted: &[TensorShape],
    named: &[TensorShape],
    checkpoint: &Weights,
    mut state: Weights,
) -> Result<Adopted, ModelError> {
    let prefix = prefix_of(named, checkpoint).ok_or_else(|| nothing_in_common(named, checkpoint))?;
    let is_used = |key: &str| key.strip_prefix(&prefix).is_some_and(|k| named.iter().any(|t| t.name == k));
    let unused: Vec<String> =
        checkpoint.iter().map(|(key, _)| key).filter(|key| !is_used(key)).map(Into::into).collect();
    check_all(wanted, named, (checkpoint, &prefix), &unused)?;
    let mut first_conv = None;
    for (index, (tensor, TensorShape { name, .. })) in wanted.iter().zip(named).enumerate() {
        let found = checkpoint.get(&format!("{prefix}{name}"))?;
        let spread_over = (index == 0).then(|| spread(found, &tensor.shape)).flatten();
        if spread_over.is_some() {
            first_conv = found.shape.get(1).copied();
        }
        let taken = spread_over.as_ref().unwrap_or(found);
        if let Some(index) = taken.data.iter().position(|v| !v.is_finite()) {
            return Err(ModelError::NotFinite { tensor: format!("{prefix}{name}"), index });
        }
        state.insert(&tensor.name, &tensor.shape, taken.data.clone());
    }
    Ok(Adopted { state, prefix, unused, first_conv })
}

/// Most names of a list in a message.
const NAMED: usize = 4;

/// The first names of a list, and the number of the others.
fn some_of(names: &[String]) -> String {
    let shown = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Compares all tensors, so that one error lists what differs.
fn check_all(
    wanted: &[TensorShape],
    named: &[TensorShape],
    (checkpoint, prefix): (&Weights, &str),
    unused: &[String],
) -> Result<(), ModelError> {
    let (mut missing, mut shapes) = (Vec::new(), Vec::new());
    for (index, (tensor, TensorShape { name, .. })) in wanted.iter().zip(named).enumerate() {
        let Ok(found) = checkpoint.get(&format!("{prefix}{name}")) else {
            missing.push(format!("`{prefix}{name}`"));
            continue;
        };
        let fits = found.shape == tensor.shape
            || is_linear(&found.shape, &tensor.shape)
            || index == 0 && spread(found, &tensor.shape).is_some();
        if !fits {
            shapes.push(format!("`{prefix}{name}` has shape {:?}, expected {:?}", found.shape, tensor.shape));
        }
    }
    if missing.is_empty() && shapes.is_empty() {
        return Ok(());
    }
    let mut what = Vec::new();
    if !missing.is_empty() {
        what.push(format!(
            "{} of {} tensors are missing: {}",
            missing.len(),
            wanted.len(),
            some_of(&missing)
        ));
    }
    if !shapes.is_empty() {
        what.push(some_of(&shapes));
    }
    if !missing.is_empty() && !unused.is_empty() {
        let unused: Vec<String> = unused.iter().map(|name| format!("`{name}`")).collect();
        what.push(format!("the checkpoint has {} others: {}", unused.len(), some_of(&unused)));
    }
    Err(ModelError::WeightsMismatch { what: what.join("; ") })
}

/// Whether a shape is that of a linear layer, which a convolution of one pixel is.
pub(crate) fn is_linear(found: &[usize], wanted: &[usize]) -> bool {
    matches!((found, wanted), ([o, i], [outputs, inputs, 1, 1]) if (o, i) == (outputs, inputs))
}

fn nothing_in_common(named: &[TensorShape], checkpoint: &Weights) -> ModelError {
    let name = named.first().map_or("", |t| t.name.as_str());
    let has = checkpoint.iter().next().map_or("", |(key, _)| key);
    let what = format!("the checkpoint has no tensor `{name}`; its first tensor is `{has}`");
    ModelError::WeightsMismatch { what }
}

/// The shortest prefix under which the checkpoint contains the most of the names; `None` if it contains none.
pub(crate) fn prefix_of(named: &[TensorShape], checkpoint: &Weights) -> Option<String> {
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    // Names end differently where they differ most: by their last parts, few need to be compared.
    let mut by_end: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for TensorShape { name, .. } in named {
        by_end.entry(last_parts(name)).or_default().push(name);
    }
    for (key, _) in checkpoint.iter() {
        for name in by_end.get(last_parts(key)).into_iter().flatten() {
            if let Some(prefix) = key.strip_suffix(*name).filter(|p| p.is_empty() || p.ends_with('.')) {
                *found.entry(prefix).or_default() += 1;
            }
        }
    }
    let best = found.iter().max_by_key(|(prefix, count)| (**count, std::cmp::Reverse(prefix.len())));
    best.map(|(prefix, _)| (*prefix).to_owned())
}

/// The last two parts of a name, between dots.
fn last_parts(name: &str) -> &str {
    let parts = name.rmatch_indices('.').nth(1);
    parts.map_or(name, |(dot, _)| &name[dot + 1..])
}

/// A first convolution for another number of channels: its channels are repeated in turn and scaled so that equal
/// channels give the same sum, as in segmentation_models_pytorch. `None` if the shapes are equal or differ otherwise.
fn spread(kernel: &WeightTensor, wanted: &[usize]) -> Option<WeightTensor> {
    let (&[outputs, have, height, width], &[o, want, h, w]) = (kernel.shape.as_slice(), wanted) else {
        return None;
    };
    if (outputs, height, width) != (o, h, w) || have == want || have == 0 {
        return None;
    }
    let area = height * width;
    let scale = exact_f32(have) / exact_f32(want);
    let mut data = Vec::with_capacity(outputs * want * area);
    for out in kernel.data.chunks_exact(have * area) {
        for channel in 0..want {
            let from = (channel % have) * area;
            data.extend(out[from..from + area].iter().map(|v| v * scale));
        }
    }
    Some(WeightTensor { shape: wanted.to_vec(), data })
}

/// First block of each stage of EfficientNet-B0.
const STAGE_STARTS: [usize; 7] = [0, 1, 3, 5, 8, 11, 15];

/// Renames EfficientNet-PyTorch names (`_blocks.4._bn1.weight`) to timm names (`blocks.2.1.bn2.weight`); other names
/// are unchanged.
fn timm_names(checkpoint: &Weights) -> Weights {
    let mut renamed = Weights::default();
    for (key, tensor) in checkpoint.iter() {
        renamed.insert(timm_name(key).unwrap_or_else(|| key.to_owned()), &tensor.shape, tensor.data.clone());
    }
    renamed
}

fn timm_name(key: &str) -> Option<String> {
    let stem = [("_conv_stem.", "conv_stem."), ("_bn0.", "bn1.")];
    for (theirs, ours) in stem {
        if let Some(rest) = key.strip_prefix(theirs) {
            return Some(format!("{ours}{rest}"));
        }
    }
    let mut parts = key.strip_prefix("_blocks.")?.splitn(3, '.');
    let block: usize = parts.next()?.parse().ok()?;
    let (layer, rest) = (parts.next()?, parts.next()?);
    let stage = STAGE_STARTS.iter().rposition(|start| *start <= block)?;
    // The first block has no expansion: it has two convolutions, the others three.
    let layer = match (layer, block) {
        ("_depthwise_conv", _) => "conv_dw",
        ("_expand_conv", _) | ("_project_conv", 0) => "conv_pw",
        ("_project_conv", _) => "conv_pwl",
        ("_bn0", _) | ("_bn1", 0) => "bn1",
        ("_bn1", _) | ("_bn2", 0) => "bn2",
        ("_bn2", _) => "bn3",
        _ => return None,
    };
    Some(format!("blocks.{stage}.{}.{layer}.{rest}", block - STAGE_STARTS[stage]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp, reason = "small whole numbers are exact")]

    use super::*;

    #[test]
    fn a_first_convolution_is_spread_over_more_channels() {
        let rgb = WeightTensor { shape: vec![1, 3, 1, 1], data: vec![5.0, 10.0, 15.0] };
        let wide = spread(&rgb, &[1, 5, 1, 1]).unwrap();
        assert_eq!(wide.data, [3.0, 6.0, 9.0, 3.0, 6.0]);
        assert_eq!(spread(&rgb, &[1, 3, 1, 1]), None);
        assert_eq!(spread(&rgb, &[2, 5, 1, 1]), None);
        let one = spread(&rgb, &[1, 1, 1, 1]).unwrap();
        assert_eq!(one.data, [15.0]);
    }
}
