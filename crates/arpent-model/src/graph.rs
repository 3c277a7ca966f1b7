//! A network as a list of steps, independent of the engine that computes it.
//!
//! All properties of a network are derived from its graph: names and shapes of its tensors, its stride, receptive
//! field, cost and memory (`field.rs`), and its forward pass (`network.rs`).

/// A convolution with its normalization. Borders are padded with zeros ([`Layer::pads`]).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layer {
    /// Name of its tensors: `<name>.weight`, and `<name>.bias` if it has one.
    pub(crate) name: String,
    /// Batch normalization after it, for training; folded into the convolution for prediction.
    pub(crate) norm: Option<Norm>,
    /// Channels in and out.
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// Side of the kernel, odd.
    pub(crate) kernel: usize,
    /// 1 or 2.
    pub(crate) stride: usize,
    /// Depthwise: each channel is convolved separately.
    pub(crate) depthwise: bool,
    /// Padding with a stride of 2.
    pub(crate) padding: Padding,
}

/// Padding of a convolution of stride 2 over an even number of pixels; with stride 1 both variants are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Padding {
    /// `kernel / 2` on either side, as in PyTorch: centered on the first of two pixels.
    Even,
    /// As few zeros as are needed, the odd one at the end, as TensorFlow's `SAME`: centered between two pixels.
    Same,
}

/// A batch normalization.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Norm {
    /// Name of its tensors: `<name>.weight`, `.bias`, `.running_mean`, `.running_var`.
    pub(crate) name: String,
    /// Epsilon, added to the variance.
    pub(crate) epsilon: f64,
}

/// The activation after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    None,
    Relu,
    Relu6,
}

/// The operation of a step on its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    /// Input channels `start..start + count`.
    Input { start: usize, count: usize },
    /// The layer with this number.
    Conv(usize),
    /// Maximum of `kernel` x `kernel` pixels with stride 2; kernel 2 without padding, kernel 3 with one pixel of
    /// padding.
    MaxPool { kernel: usize },
    /// Mean of squares of 2^`levels` pixels.
    MeanPool { levels: u32 },
    /// 2^`levels` times the size, nearest neighbor.
    Upsample { levels: u32 },
    /// Concatenation of channels.
    Concat,
    /// Sum of two.
    Add,
    /// Absolute difference of two.
    Difference,
}

/// A step: an operation on earlier steps, by their numbers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    pub(crate) op: Op,
    pub(crate) from: Vec<usize>,
    pub(crate) activation: Activation,
    /// Output channels.
    pub(crate) channels: usize,
    /// Number of halvings of the picture.
    pub(crate) level: u32,
}

/// A network: the last step is the input of the head, the last layer is the head.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Graph {
    pub(crate) layers: Vec<Layer>,
    pub(crate) steps: Vec<Step>,
}

impl Graph {
    /// Input channels `start..start + count`.
    pub(crate) fn input(&mut self, start: usize, count: usize) -> usize {
        self.step(Op::Input { start, count }, vec![], Activation::None, count, 0)
    }

    /// Adds a layer that convolution steps can use; several may share one.
    pub(crate) fn layer(&mut self, layer: Layer) -> usize {
        self.layers.push(layer);
        self.layers.len() - 1
    }

    /// Adds a convolution of a step by a layer.
    pub(crate) fn conv(&mut self, from: usize, layer: usize, activation: Activation) -> usize {
        let Layer { outputs, stride, .. } = self.layers[layer];
        let level = self.steps[from].level + u32::from(stride == 2);
        self.step(Op::Conv(layer), vec![from], activation, outputs, level)
    }

    /// Halves the size.
    pub(crate) fn max_pool(&mut self, from: usize, kernel: usize) -> usize {
        let Step { channels, level, .. } = self.steps[from];
        self.step(Op::MaxPool { kernel }, vec![from], Activation::None, channels, level + 1)
    }

    /// Reduces the size to 1 / 2^`levels`.
    pub(crate) fn mean_pool(&mut self, from: usize, levels: u32) -> usize {
        let Step { channels, level, .. } = self.steps[from];
        self.step(Op::MeanPool { levels }, vec![from], Activation::None, channels, level + levels)
    }

    /// Enlarges the size by 2^`levels`.
    pub(crate) fn upsample(&mut self, from: usize, levels: u32) -> usize {
        let Step { channels, level, .. } = self.steps[from];
        self.step(Op::Upsample { levels }, vec![from], Activation::None, channels, level - levels)
    }

    /// Concatenates the channels of both.
    pub(crate) fn concat(&mut self, first: usize, second: usize) -> usize {
        let channels = self.steps[first].channels + self.steps[second].channels;
        self.step(Op::Concat, vec![first, second], Activation::None, channels, self.steps[first].level)
    }

    /// Sum or difference of two steps of the same shape.
    pub(crate) fn combine(&mut self, op: Op, pair: [usize; 2], activation: Activation) -> usize {
        let Step { channels, level, .. } = self.steps[pair[0]];
        self.step(op, pair.to_vec(), activation, channels, level)
    }

    fn step(
        &mut self,
        op: Op,
        from: Vec<usize>,
        activation: Activation,
        channels: usize,
        level: u32,
    ) -> usize {
        self.steps.push(Step { op, from, activation, channels, level });
        self.steps.len() - 1
    }

    /// Channels of a step.
    pub(crate) fn channels(&self, step: usize) -> usize {
        self.steps[step].channels
    }

    /// Largest number of halvings of the picture.
    pub(crate) fn depth(&self) -> u32 {
        self.steps.iter().map(|s| s.level).max().unwrap_or(0)
    }

    /// For each step, the last step that uses it (itself for the last one).
    #[cfg(feature = "tensors")]
    pub(crate) fn last_uses(&self) -> Vec<usize> {
        let mut last: Vec<usize> = (0..self.steps.len()).collect();
        for (index, step) in self.steps.iter().enumerate() {
            step.from.iter().for_each(|from| last[*from] = index);
        }
        if let Some(end) = last.last_mut() {
            *end = self.steps.len();
        }
        last
    }
}

impl Layer {
    /// A convolution with a normalization.
    pub(crate) fn new(name: impl Into<String>, norm: impl Into<String>, channels: [usize; 2]) -> Self {
        let norm = Some(Norm { name: norm.into(), epsilon: 1e-5 });
        let [inputs, outputs] = channels;
        Self {
            name: name.into(),
            norm,
            inputs,
            outputs,
            kernel: 3,
            stride: 1,
            depthwise: false,
            padding: Padding::Even,
        }
    }

    /// A convolution with a bias: the head of a network.
    pub(crate) fn head(name: &str, channels: [usize; 2], kernel: usize) -> Self {
        Self { norm: None, kernel, ..Self::new(name, "", channels) }
    }

    /// The same with another kernel and stride.
    pub(crate) fn sized(self, kernel: usize, stride: usize) -> Self {
        Self { kernel, stride, ..self }
    }

    /// Zeros before the first and after the last pixel, along either axis.
    pub(crate) fn pads(&self) -> (usize, usize) {
        match self.padding {
            Padding::Same if self.stride == 2 => {
                let all = self.kernel.saturating_sub(2);
                (all / 2, all - all / 2)
            }
            _ => (self.kernel / 2, self.kernel / 2),
        }
    }

    /// Shape of the kernel: outputs, inputs of each, rows, columns.
    pub(crate) fn shape(&self) -> [usize; 4] {
        let inputs = if self.depthwise { 1 } else { self.inputs };
        [self.outputs, inputs, self.kernel, self.kernel]
    }
}
