//! Selects the layers that are stored in bytes.

use crate::fusions::Fusions;
use crate::kernels::MOST;
use crate::spec::{Activation, Conv, Op, Step};

/// Most products in a sum of 8 bits: 2^17 of 127 x 127 fit 32 bits.
const MOST_TERMS: usize = 1 << 17;

/// How a step's values are stored and read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Form {
    /// Scale of its values in bytes, if that is possible.
    scale: Option<f32>,
    /// Some step reads bytes; some step needs f32.
    bytes: bool,
    floats: bool,
    /// Its kernel can write bytes.
    can: bool,
}

impl Form {
    /// The scale with which a convolution reads the step; `None`: it reads f32.
    pub(crate) fn seen_by(self, conv: &Conv) -> Option<f32> {
        let terms = conv.inputs * conv.kernel * conv.kernel;
        self.scale.filter(|_| !conv.depthwise && conv.dilation == 1 && terms <= MOST_TERMS)
    }

    /// The scale with which its own node stores it; `None`: as f32, and possibly as bytes in another node.
    pub(crate) fn kept(self) -> Option<f32> {
        self.scale.filter(|_| self.can && self.bytes && !self.floats)
    }
}

/// The storage of each step, for the greatest value of each in `ranges`.
pub(crate) fn forms(fusions: &Fusions, ranges: &[f32]) -> Vec<Form> {
    let steps = fusions.steps;
    let mut forms: Vec<Form> = vec![Form::default(); steps.len()];
    for (index, step) in steps.iter().enumerate() {
        let range = ranges.get(index).copied().filter(|range| range.is_finite() && *range > 0.0);
        forms[index].scale = match step.op {
            Op::MaxPool { .. } if step.activation == Activation::None => forms[step.from[0]].scale,
            // Bytes hold no negative values.
            _ if !step.activation.limits() => None,
            _ => range.map(|range| range / MOST).filter(|scale| scale.is_normal()),
        };
    }
    let absorbed = fusions.absorbed();
    if let Some(last) = forms.last_mut() {
        last.floats = true;
    }
    for index in (0..steps.len()).rev().filter(|index| !absorbed[*index]) {
        read(fusions, &mut forms, index);
    }
    forms
}

/// Records what a step reads, and in which form.
fn read(fusions: &Fusions, forms: &mut [Form], index: usize) {
    let step = &fusions.steps[index];
    let from = &step.from;
    match step.op {
        Op::Conv(conv) => {
            forms[index].can = match fusions.upsampled(index) {
                Some((up, skip)) => {
                    let up = convolved(forms, &conv, fusions.steps[up].from[0]);
                    skip.map_or(up, |skip| convolved(forms, &conv, skip))
                }
                None => convolved(forms, &conv, from[0]),
            };
        }
        Op::Add => {
            if let Some((step, other)) = fusions.summed(index) {
                let Step { op: Op::Conv(conv), from, .. } = &fusions.steps[step] else { return };
                forms[index].can = convolved(forms, conv, from[0]);
                // Kernels of f32 add f32 only.
                forms[other].floats |= !forms[index].can;
                return;
            }
            for from in from {
                forms[*from].floats = true;
            }
            if let Some((bilinear, _)) = fusions.interpolated(index) {
                forms[fusions.steps[bilinear].from[0]].floats = true;
            }
        }
        Op::MaxPool { .. } => {
            forms[index].can = step.activation == Activation::None;
            let bytes = forms[index].kept().is_some();
            forms[from[0]].bytes |= bytes;
            forms[from[0]].floats |= !bytes;
        }
        _ => from.iter().for_each(|from| forms[*from].floats = true),
    }
}

/// Records that a convolution reads a step; true if it reads bytes.
fn convolved(forms: &mut [Form], conv: &Conv, from: usize) -> bool {
    let bytes = forms[from].seen_by(conv).is_some();
    forms[from].bytes |= bytes;
    forms[from].floats |= !bytes;
    bytes
}
