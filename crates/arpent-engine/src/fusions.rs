//! Fuses steps.

use crate::spec::{Activation, Conv, Op, Step};

/// Which steps are fused into which.
#[derive(Debug)]
pub(crate) struct Fusions<'a> {
    pub(crate) steps: &'a [Step<'a>],
    /// Number of steps that read each step.
    uses: Vec<usize>,
}

impl<'a> Fusions<'a> {
    pub(crate) fn new(steps: &'a [Step<'a>]) -> Self {
        let mut uses = vec![0; steps.len()];
        steps.iter().flat_map(|s| &s.from).for_each(|from| uses[*from] += 1);
        Self { steps, uses }
    }

    /// Steps that are fused into a later one.
    pub(crate) fn absorbed(&self) -> Vec<bool> {
        let mut absorbed = vec![false; self.steps.len()];
        for index in 0..self.steps.len() {
            match self.steps[index].op {
                Op::Conv(_) => {
                    if let Some((up, skip)) = self.upsampled(index) {
                        absorbed[up] = true;
                        // The concatenation, if there is one.
                        absorbed[self.steps[index].from[0]] |= skip.is_some();
                    }
                }
                Op::Add => {
                    if let Some((other, _)) = self.summed(index).or_else(|| self.interpolated(index)) {
                        absorbed[other] = true;
                    }
                }
                _ => {}
            }
        }
        absorbed
    }

    /// For a 3 x 3 convolution whose input is another step upsampled to twice its size: the upsampled step, and the
    /// skip connection concatenated with it.
    pub(crate) fn upsampled(&self, index: usize) -> Option<(usize, Option<usize>)> {
        let Op::Conv(Conv { kernel: 3, stride: 1, dilation: 1, before: 1, depthwise: false, .. }) =
            self.steps[index].op
        else {
            return None;
        };
        let from = self.steps[index].from[0];
        let is_up = |step: usize| {
            matches!(self.steps[step].op, Op::Upsample { levels: 1 })
                && self.uses[step] == 1
                && self.steps[step].activation == Activation::None
        };
        let Step { op, from: parts, activation } = &self.steps[from];
        match op {
            Op::Concat if self.uses[from] == 1 && *activation == Activation::None && is_up(parts[0]) => {
                Some((parts[0], Some(parts[1])))
            }
            _ if is_up(from) => Some((from, None)),
            _ => None,
        }
    }

    /// For a sum, the convolution that can compute it, and the other addend.
    pub(crate) fn summed(&self, index: usize) -> Option<(usize, usize)> {
        let [first, second] = self.steps[index].from[..] else { return None };
        let can = |step: usize| {
            matches!(self.steps[step].op, Op::Conv(_))
                && self.uses[step] == 1
                && self.steps[step].activation == Activation::None
                && self.upsampled(step).is_none()
        };
        [(first, second), (second, first)].into_iter().find(|(conv, other)| can(*conv) && conv != other)
    }

    /// For a sum that no convolution computes, the interpolation that can, and the other addend.
    pub(crate) fn interpolated(&self, index: usize) -> Option<(usize, usize)> {
        let [first, second] = self.steps[index].from[..] else { return None };
        let can = |step: usize| {
            matches!(self.steps[step].op, Op::Bilinear { .. })
                && self.uses[step] == 1
                && self.steps[step].activation == Activation::None
        };
        let pairs = [(first, second), (second, first)];
        let found = pairs.into_iter().find(|(bilinear, other)| can(*bilinear) && bilinear != other);
        found.filter(|_| self.summed(index).is_none())
    }

    /// For a 1 x 1 convolution, the step before it that multiplies each channel by a factor, if nothing else reads that:
    /// the convolution's weights can be multiplied instead.
    pub(crate) fn rescaled(&self, index: usize) -> Option<usize> {
        let Op::Conv(Conv { kernel: 1, stride: 1, depthwise: false, .. }) = self.steps[index].op else {
            return None;
        };
        let from = self.steps[index].from[0];
        let Step { op, activation, .. } = &self.steps[from];
        let can = matches!(op, Op::Scale | Op::ResponseNorm(_)) && *activation == Activation::None;
        (can && self.uses[from] == 1).then_some(from)
    }

    /// Number of steps that read a step.
    pub(crate) fn uses(&self, step: usize) -> usize {
        self.uses[step]
    }
}
