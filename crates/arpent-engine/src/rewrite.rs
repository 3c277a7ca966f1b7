//! Rewrites networks that look at the whole picture: the same sums with fewer products and copies.
//!
//! - A convolution of a concatenation is the sum of convolutions of its parts: nothing is copied.
//! - A 1 x 1 convolution of an interpolated picture is the interpolation of the convolution of the smaller picture: the
//!   shares of interpolated pixels add up to 1, so that both are the same linear map.
//! - Two 1 x 1 convolutions in a row are one, if that has fewer products.
//!
//! Sums are added in another order, in one for every picture. Local networks are left as they are: what was computed
//! with them stays comparable bit by bit.

use crate::fusions::Fusions;
use crate::numbers::narrow;
use crate::shapes::Shape;
use crate::spec::{Activation, Conv, Op, Step};

/// Steps with weights of their own.
pub(crate) struct Rewritten<'a> {
    steps: Vec<Step<'a>>,
    /// Kernel and bias of the convolutions that are not those of the network.
    weights: Vec<Option<(Vec<f32>, Vec<f32>)>>,
    /// The new step with the values of each old one, if there is one.
    pub(crate) map: Vec<Option<usize>>,
}

/// A term of the sum that a convolution is replaced by.
struct Part<'a> {
    /// The step that is convolved, with a kernel of `weight`.
    from: usize,
    inputs: usize,
    weight: Vec<f32>,
    /// What is added to the bias.
    bias: Vec<f64>,
    /// The interpolation that comes after it.
    bilinear: Option<Op<'a>>,
}

/// Rewrites steps of the given shapes.
pub(crate) fn rewrite<'a>(steps: &'a [Step<'a>], shapes: &[Shape]) -> Rewritten<'a> {
    let fusions = Fusions::new(steps);
    let mut absorbed = vec![false; steps.len()];
    let mut sums: Vec<Option<Vec<Part>>> = steps.iter().map(|_| None).collect();
    // Readers first: what they absorb is not looked at.
    for index in (0..steps.len()).rev().filter(|index| fusions.upsampled(*index).is_none()) {
        let Op::Conv(conv) = steps[index].op else { continue };
        if !absorbed[index] && !conv.depthwise {
            sums[index] = Finder { steps, shapes, fusions: &fusions }.sum(index, &conv, &mut absorbed);
        }
    }
    let mut new = Rewritten { steps: Vec::new(), weights: Vec::new(), map: vec![None; steps.len()] };
    for (index, (step, sum)) in steps.iter().zip(sums).enumerate() {
        if absorbed[index] {
            continue;
        }
        if let (Some(parts), Op::Conv(conv)) = (sum, step.op) {
            new.push_sum(&conv, parts, step.activation);
        } else {
            let from = step.from.iter().map(|from| new.at(*from)).collect();
            new.push(Step { from, ..step.clone() }, None);
        }
        new.map[index] = new.steps.len().checked_sub(1);
    }
    new
}

impl Rewritten<'_> {
    /// The new steps.
    pub(crate) fn steps(&self) -> Vec<Step<'_>> {
        let mut steps = Vec::with_capacity(self.steps.len());
        for (step, weights) in self.steps.iter().zip(&self.weights) {
            let mut step: Step<'_> = step.clone();
            if let (Op::Conv(conv), Some((weight, bias))) = (&mut step.op, weights) {
                (conv.weight, conv.bias) = (weight, bias);
            }
            steps.push(step);
        }
        steps
    }

    /// The new number of a step that is read.
    fn at(&self, old: usize) -> usize {
        self.map[old].expect("a step that is read comes before its reader, and only its reader absorbs it")
    }
}

impl<'a> Rewritten<'a> {
    fn push(&mut self, step: Step<'a>, weights: Option<(Vec<f32>, Vec<f32>)>) -> usize {
        self.steps.push(step);
        self.weights.push(weights);
        self.steps.len() - 1
    }

    /// Convolutions of all parts, and their sum.
    fn push_sum(&mut self, conv: &Conv<'a>, mut parts: Vec<Part<'a>>, activation: Activation) {
        let mut bias: Vec<f64> = conv.bias.iter().map(|bias| f64::from(*bias)).collect();
        for part in &parts {
            bias.iter_mut().zip(&part.bias).for_each(|(bias, more)| *bias += more);
        }
        // What is not interpolated comes first: the others are added to it while they are.
        parts.sort_by_key(|part| part.bilinear.is_some());
        let (count, mut sum) = (parts.len(), None);
        for (number, part) in parts.into_iter().enumerate() {
            let own = if number == 0 {
                bias.iter().map(|bias| narrow(*bias)).collect()
            } else {
                vec![0.0; bias.len()]
            };
            let of = |last: bool| if last { activation } else { Activation::None };
            let last = number + 1 == count;
            let op = Op::Conv(Conv { inputs: part.inputs, weight: &[], bias: &[], ..*conv });
            let from = vec![self.at(part.from)];
            let alone = last && sum.is_none();
            let step = Step { op, from, activation: of(alone && part.bilinear.is_none()) };
            let mut term = self.push(step, Some((part.weight, own)));
            if let Some(op) = part.bilinear {
                term = self.push(Step { op, from: vec![term], activation: of(alone) }, None);
            }
            sum = Some(match sum {
                Some(sum) => {
                    self.push(Step { op: Op::Add, from: vec![term, sum], activation: of(last) }, None)
                }
                None => term,
            });
        }
    }
}

/// Finds the sums that convolutions can be replaced by.
struct Finder<'a, 'f> {
    steps: &'a [Step<'a>],
    shapes: &'f [Shape],
    fusions: &'f Fusions<'a>,
}

impl<'a> Finder<'a, '_> {
    /// The terms of a convolution, if it is replaced; what only it reads is absorbed.
    fn sum(&self, index: usize, conv: &Conv, absorbed: &mut [bool]) -> Option<Vec<Part<'a>>> {
        let (mut leaves, mut inner) = (Vec::new(), Vec::new());
        self.leaves(self.steps[index].from[0], &mut leaves, &mut inner);
        let (mut parts, mut first) = (Vec::new(), 0);
        for leaf in &leaves {
            let inputs = self.shapes[*leaf].channels;
            parts.push(self.part(*leaf, conv, first, &mut inner));
            first += inputs;
        }
        let changed = parts.iter().zip(&leaves).any(|(part, leaf)| part.from != *leaf);
        // Every part but the first reads and writes the sum, a copy reads and writes every part.
        let split = parts.len() > 1 && (parts.len() - 1) * conv.outputs <= conv.inputs;
        if !changed && !split {
            return None;
        }
        for step in inner {
            absorbed[step] = true;
        }
        Some(parts)
    }

    /// Whether a step is read by one other, and has no activation.
    fn is_inner(&self, step: usize) -> bool {
        self.fusions.uses(step) == 1 && self.steps[step].activation == Activation::None
    }

    /// What is concatenated, in order.
    fn leaves(&self, step: usize, leaves: &mut Vec<usize>, inner: &mut Vec<usize>) {
        if matches!(self.steps[step].op, Op::Concat) && self.is_inner(step) {
            inner.push(step);
            for from in &self.steps[step].from {
                self.leaves(*from, leaves, inner);
            }
        } else {
            leaves.push(step);
        }
    }

    /// The convolution of a leaf, whose channels come from `first` on.
    fn part(&self, leaf: usize, conv: &Conv, first: usize, inner: &mut Vec<usize>) -> Part<'a> {
        let (inputs, taps) = (self.shapes[leaf].channels, conv.kernel * conv.kernel);
        let kernels = conv.weight.chunks_exact(conv.inputs * taps);
        let weight =
            kernels.flat_map(|kernel| kernel[first * taps..][..inputs * taps].iter().copied()).collect();
        let mut part = Part { from: leaf, inputs, weight, bias: Vec::new(), bilinear: None };
        if taps > 1 || conv.stride > 1 {
            return part;
        }
        let step = &self.steps[leaf];
        if matches!(step.op, Op::Bilinear { .. }) && self.is_inner(leaf) && self.grows(leaf) {
            inner.push(leaf);
            (part.from, part.bilinear) = (step.from[0], Some(step.op));
        }
        self.fold(&mut part, conv.outputs, inner);
        part
    }

    /// Whether a step has more pixels than its input, of a picture of any size.
    fn grows(&self, step: usize) -> bool {
        let halvings = |step: usize| self.shapes[step].extent.halvings();
        halvings(step).zip(halvings(self.steps[step].from[0])).is_some_and(|(to, from)| to < from)
    }

    /// Makes the part's convolution and that before it one.
    fn fold(&self, part: &mut Part, outputs: usize, inner: &mut Vec<usize>) {
        let step = &self.steps[part.from];
        let Op::Conv(Conv {
            kernel: 1,
            stride: 1,
            depthwise: false,
            inputs,
            outputs: middle,
            weight,
            bias,
            ..
        }) = step.op
        else {
            return;
        };
        if !self.is_inner(part.from) || inputs * outputs > (inputs + outputs) * middle {
            return;
        }
        inner.push(part.from);
        let mut folded = Vec::with_capacity(outputs * inputs);
        for outer in part.weight.chunks_exact(middle) {
            let mut sums = vec![0.0f64; inputs];
            for (outer, inner) in outer.iter().zip(weight.chunks_exact(inputs)) {
                sums.iter_mut().zip(inner).for_each(|(sum, w)| *sum += f64::from(*outer) * f64::from(*w));
            }
            folded.extend(sums.into_iter().map(narrow));
            let products = outer.iter().zip(bias).map(|(w, bias)| f64::from(*w) * f64::from(*bias));
            part.bias.push(products.sum());
        }
        (part.from, part.inputs, part.weight) = (step.from[0], inputs, folded);
    }
}
