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
    /// Side of the kernel.
    pub(crate) kernel: usize,
    /// A power of two.
    pub(crate) stride: usize,
    /// Depthwise: each channel is convolved separately.
    pub(crate) depthwise: bool,
    /// Padding.
    pub(crate) padding: Padding,
    /// Distance between the taps of the kernel, pixels; 1 without dilation.
    pub(crate) dilation: usize,
    /// Whether it has a bias where no normalization follows. In a prediction network every layer has one.
    pub(crate) biased: bool,
}

/// Padding of a convolution, along either axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Padding {
    /// `kernel / 2` (times the dilation) on either side, as in PyTorch: with a stride of 2, centered on the first of two pixels.
    Even,
    /// With a stride of 2 over an even number of pixels, as few zeros as are needed, the odd one at the end, as
    /// TensorFlow's `SAME`: centered between two pixels. With a stride of 1 as [`Padding::Even`].
    Same,
    /// This many zeros before the first and after the last pixel. With both, the output is the input divided by the
    /// stride.
    Given(usize, usize),
}

/// A batch normalization.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Norm {
    /// Name of its tensors: `<name>.weight`, `.bias`, `.running_mean`, `.running_var`.
    pub(crate) name: String,
    /// Epsilon, added to the variance.
    pub(crate) epsilon: f64,
}

/// A normalization of the values themselves, which no convolution can take over: a weight and a bias for each channel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Affine {
    /// Name of its tensors: `<name>.weight`, `<name>.bias`.
    pub(crate) name: String,
    pub(crate) channels: usize,
    /// Added to the variance, or to the mean of the norms.
    pub(crate) epsilon: f64,
}

/// The squares of pixels of a Swin transformer's attention (Liu et al., 2021).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Squares {
    /// Name of the tensor of what is added to a product, for each relative position of two pixels and each head.
    pub(crate) table: String,
    pub(crate) heads: usize,
    /// Side of the squares, pixels.
    pub(crate) side: usize,
    /// Pixels by which the picture is rolled to the north-west before it is cut.
    pub(crate) shift: usize,
    /// The layer whose outputs are queries, keys and values, in this order, and the name of its bias. Pixels beyond the
    /// picture are zeros before it, so that the bias is seen there.
    pub(crate) projection: usize,
    pub(crate) bias_name: String,
}

impl Squares {
    /// Shape of the table: relative positions, row by row, and heads.
    pub(crate) fn shape(&self) -> [usize; 2] {
        [(2 * self.side - 1).pow(2), self.heads]
    }

    /// Row of the table for each query pixel and key pixel of a square: by their relative position.
    pub(crate) fn positions(side: usize) -> Vec<usize> {
        let pixels = 0..side * side;
        let place = |query: usize, key: usize| {
            let rows = query / side + side - 1 - key / side;
            let columns = query % side + side - 1 - key % side;
            rows * (2 * side - 1) + columns
        };
        pixels.clone().flat_map(|query| pixels.clone().map(move |key| place(query, key))).collect()
    }

    /// For each head, query pixel and key pixel of a square: the values of the table.
    pub(crate) fn bias(&self, table: &[f32]) -> Vec<f32> {
        let positions = Self::positions(self.side);
        let of = |head: usize| positions.iter().map(move |row| table[row * self.heads + head]);
        (0..self.heads).flat_map(of).collect()
    }

    /// For each square of a picture of `down` x `across` squares, query pixel and key pixel: -100 where they were not
    /// neighbors before the picture was rolled.
    #[cfg(feature = "tensors")]
    pub(crate) fn mask([down, across]: [usize; 2], side: usize, shift: usize) -> Vec<f32> {
        // Along one axis: before the last square, in it, or in the part of it that came from the other end.
        let part = |place: usize, squares: usize| {
            let end = squares * side;
            usize::from(place + side >= end) + usize::from(place + shift >= end)
        };
        let group = |square: usize, pixel: usize| {
            let row = square / across * side + pixel / side;
            let column = square % across * side + pixel % side;
            (part(row, down), part(column, across))
        };
        let mut mask = Vec::with_capacity(down * across * side.pow(4));
        for square in 0..down * across {
            let groups: Vec<_> = (0..side * side).map(|pixel| group(square, pixel)).collect();
            for query in &groups {
                mask.extend(groups.iter().map(|key| if key == query { 0.0 } else { -100.0 }));
            }
        }
        mask
    }
}

/// The activation after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    None,
    Relu,
    Relu6,
    /// `x / (1 + exp(-x))`, also known as swish.
    Silu,
    /// `x * (1 + erf(x / sqrt(2))) / 2`, the exact form.
    Gelu,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
}

/// The operation of a step on its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    /// Input channels `start..start + count`.
    Input { start: usize, count: usize },
    /// The layer with this number.
    Conv(usize),
    /// The outputs `start..start + count` of a layer: several steps may share one.
    Part { layer: usize, start: usize, count: usize },
    /// The layer with this number, transposed: 4 x 4 taps with a stride of 2 and one pixel of padding, to twice the size.
    Transposed(usize),
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
    /// Means over `side` x `side` parts of the whole input, as PyTorch's `adaptive_avg_pool2d`. Not local.
    AdaptiveMean { side: usize },
    /// The first input times the second, which has one pixel: a factor for each channel.
    Scale,
    /// Bilinear interpolation to the picture halved `level` times, from any size, as PyTorch's `interpolate`. With
    /// aligned corners, it is not local.
    Bilinear { level: u32, align_corners: bool },
    /// Each pixel's channels minus their mean, divided by their standard deviation, by the affine normalization of this
    /// number.
    LayerNorm(usize),
    /// Each pixel's channels minus the mean of all pixels of its group of channels, divided by their standard deviation, by
    /// the affine normalization of this number. Not local.
    GroupNorm { groups: usize, norm: usize },
    /// Global response normalization of ConvNeXt V2 (Woo et al., 2023), by the affine normalization of this number. Not
    /// local.
    ResponseNorm(usize),
    /// Attention with several heads of the first input's pixels (queries) to the second's (keys), whose values are the
    /// third. Not local.
    Attention { heads: usize },
    /// Attention within squares of pixels, by these squares. Not local: the picture is cut from its corner on.
    SquareAttention(usize),
    /// Of every square of 2 x 2 pixels, the one in this row and column.
    Pick { row: usize, column: usize },
}

impl Op {
    /// Whether each output pixel depends on a bounded neighborhood of input pixels, in a picture of any size.
    pub(crate) const fn is_local(self) -> bool {
        !matches!(
            self,
            Self::AdaptiveMean { .. }
                | Self::Bilinear { align_corners: true, .. }
                | Self::ResponseNorm(_)
                | Self::GroupNorm { .. }
                | Self::Attention { .. }
                | Self::SquareAttention(_)
        )
    }
}

/// Size of a step's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// The picture halved this number of times.
    Level(u32),
    /// This number of rows and columns, whatever the size of the picture.
    Grid(usize),
}

impl Extent {
    /// Number of halvings; `None` for a grid.
    pub(crate) const fn level(self) -> Option<u32> {
        match self {
            Self::Level(level) => Some(level),
            Self::Grid(_) => None,
        }
    }

    /// The extent after reducing the size to 1 / 2^`levels`. Grids are only convolved with a stride of 1.
    const fn reduced(self, levels: u32) -> Self {
        match self {
            Self::Level(level) => Self::Level(level + levels),
            Self::Grid(side) => Self::Grid(side),
        }
    }

    /// The extent after enlarging the size by 2^`levels`.
    const fn enlarged(self, levels: u32) -> Self {
        match self {
            Self::Level(level) => Self::Level(level - levels),
            Self::Grid(side) => Self::Grid(side),
        }
    }
}

/// A step: an operation on earlier steps, by their numbers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    pub(crate) op: Op,
    pub(crate) from: Vec<usize>,
    pub(crate) activation: Activation,
    /// Output channels.
    pub(crate) channels: usize,
    /// Size of the output.
    pub(crate) extent: Extent,
}

/// A network: the output of the last step are the scores, of the picture's size; the last layer is the head, which maps
/// features to scores.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Graph {
    pub(crate) layers: Vec<Layer>,
    pub(crate) norms: Vec<Affine>,
    pub(crate) squares: Vec<Squares>,
    pub(crate) steps: Vec<Step>,
    /// Steps whose outputs a training compares with the truth, where these are not the scores of the picture's pixels.
    pub(crate) maps: Vec<usize>,
}

impl Graph {
    /// Input channels `start..start + count`.
    pub(crate) fn input(&mut self, start: usize, count: usize) -> usize {
        self.step(Op::Input { start, count }, vec![], Activation::None, count, Extent::Level(0))
    }

    /// Adds a layer that convolution steps can use; several may share one.
    pub(crate) fn layer(&mut self, layer: Layer) -> usize {
        self.layers.push(layer);
        self.layers.len() - 1
    }

    /// Adds a convolution of a step by a layer.
    pub(crate) fn conv(&mut self, from: usize, layer: usize, activation: Activation) -> usize {
        let Layer { outputs, stride, .. } = self.layers[layer];
        let extent = self.steps[from].extent.reduced(stride.ilog2());
        self.step(Op::Conv(layer), vec![from], activation, outputs, extent)
    }

    /// Adds a transposed convolution of a step by a layer of a 4 x 4 kernel and a stride of 2: twice the size.
    pub(crate) fn transposed(&mut self, from: usize, layer: usize, activation: Activation) -> usize {
        let extent = self.steps[from].extent.enlarged(1);
        self.step(Op::Transposed(layer), vec![from], activation, self.layers[layer].outputs, extent)
    }

    /// Adds a convolution by outputs `start..start + count` of a layer.
    pub(crate) fn part(&mut self, from: usize, layer: usize, [start, count]: [usize; 2]) -> usize {
        let extent = self.steps[from].extent.reduced(self.layers[layer].stride.ilog2());
        self.step(Op::Part { layer, start, count }, vec![from], Activation::None, count, extent)
    }

    /// Attention of queries to keys with their values.
    pub(crate) fn attention(&mut self, [queries, keys, values]: [usize; 3], heads: usize) -> usize {
        let Step { channels, extent, .. } = self.steps[queries];
        let from = vec![queries, keys, values];
        self.step(Op::Attention { heads }, from, Activation::None, channels, extent)
    }

    /// Attention within squares of pixels; queries, keys and values are parts of `squares.projection`.
    pub(crate) fn square_attention(&mut self, from: usize, squares: Squares) -> usize {
        let width = self.layers[squares.projection].outputs / 3;
        let parts = [0, 1, 2].map(|part| self.part(from, squares.projection, [part * width, width]));
        self.squares.push(squares);
        let extent = self.steps[from].extent;
        let op = Op::SquareAttention(self.squares.len() - 1);
        self.step(op, parts.to_vec(), Activation::None, width, extent)
    }

    /// One pixel of every square of 2 x 2.
    pub(crate) fn pick(&mut self, from: usize, row: usize, column: usize) -> usize {
        let Step { channels, extent, .. } = self.steps[from];
        self.step(Op::Pick { row, column }, vec![from], Activation::None, channels, extent.reduced(1))
    }

    /// Adds the head: a convolution with a bias that maps the features of a step to `outputs` scores.
    pub(crate) fn head(&mut self, from: usize, name: &str, outputs: usize, kernel: usize) -> usize {
        let layer = self.layer(Layer::biased(name, [self.channels(from), outputs], kernel));
        self.conv(from, layer, Activation::None)
    }

    /// Halves the size.
    pub(crate) fn max_pool(&mut self, from: usize, kernel: usize) -> usize {
        let Step { channels, extent, .. } = self.steps[from];
        self.step(Op::MaxPool { kernel }, vec![from], Activation::None, channels, extent.reduced(1))
    }

    /// Reduces the size to 1 / 2^`levels`.
    pub(crate) fn mean_pool(&mut self, from: usize, levels: u32) -> usize {
        let Step { channels, extent, .. } = self.steps[from];
        self.step(Op::MeanPool { levels }, vec![from], Activation::None, channels, extent.reduced(levels))
    }

    /// Enlarges the size by 2^`levels`.
    pub(crate) fn upsample(&mut self, from: usize, levels: u32) -> usize {
        let Step { channels, extent, .. } = self.steps[from];
        self.step(Op::Upsample { levels }, vec![from], Activation::None, channels, extent.enlarged(levels))
    }

    /// Means of `side` x `side` parts of the whole input.
    pub(crate) fn adaptive_mean(&mut self, from: usize, side: usize) -> usize {
        let channels = self.channels(from);
        self.step(Op::AdaptiveMean { side }, vec![from], Activation::None, channels, Extent::Grid(side))
    }

    /// Interpolates bilinearly to the picture halved `level` times, unless it has that size.
    pub(crate) fn bilinear(&mut self, from: usize, level: u32, align_corners: bool) -> usize {
        let Step { channels, extent, .. } = self.steps[from];
        if extent == Extent::Level(level) {
            return from;
        }
        let op = Op::Bilinear { level, align_corners };
        self.step(op, vec![from], Activation::None, channels, Extent::Level(level))
    }

    /// Normalizes each pixel's channels.
    pub(crate) fn layer_norm(&mut self, from: usize, name: impl Into<String>, epsilon: f64) -> usize {
        let norm = self.affine(from, name.into(), epsilon);
        self.same(from, Op::LayerNorm(norm))
    }

    /// Normalizes groups of channels over all pixels.
    pub(crate) fn group_norm(
        &mut self,
        from: usize,
        name: impl Into<String>,
        (groups, epsilon): (usize, f64),
        activation: Activation,
    ) -> usize {
        let norm = self.affine(from, name.into(), epsilon);
        let Step { channels, extent, .. } = self.steps[from];
        self.step(Op::GroupNorm { groups, norm }, vec![from], activation, channels, extent)
    }

    /// Normalizes by the response of all pixels.
    pub(crate) fn response_norm(&mut self, from: usize, name: impl Into<String>, epsilon: f64) -> usize {
        let norm = self.affine(from, name.into(), epsilon);
        self.same(from, Op::ResponseNorm(norm))
    }

    fn affine(&mut self, from: usize, name: String, epsilon: f64) -> usize {
        self.norms.push(Affine { name, channels: self.channels(from), epsilon });
        self.norms.len() - 1
    }

    /// A step of the same shape as another.
    fn same(&mut self, from: usize, op: Op) -> usize {
        let Step { channels, extent, .. } = self.steps[from];
        self.step(op, vec![from], Activation::None, channels, extent)
    }

    /// Concatenates the channels of both.
    pub(crate) fn concat(&mut self, first: usize, second: usize) -> usize {
        let channels = self.steps[first].channels + self.steps[second].channels;
        self.step(Op::Concat, vec![first, second], Activation::None, channels, self.steps[first].extent)
    }

    /// Sum or difference of two steps of the same shape, or a step scaled by another of one pixel.
    pub(crate) fn combine(&mut self, op: Op, pair: [usize; 2], activation: Activation) -> usize {
        let Step { channels, extent, .. } = self.steps[pair[0]];
        self.step(op, pair.to_vec(), activation, channels, extent)
    }

    fn step(
        &mut self,
        op: Op,
        from: Vec<usize>,
        activation: Activation,
        channels: usize,
        extent: Extent,
    ) -> usize {
        self.steps.push(Step { op, from, activation, channels, extent });
        self.steps.len() - 1
    }

    /// Channels of a step.
    pub(crate) fn channels(&self, step: usize) -> usize {
        self.steps[step].channels
    }

    /// Largest number of halvings of the picture.
    pub(crate) fn depth(&self) -> u32 {
        self.steps.iter().filter_map(|s| s.extent.level()).max().unwrap_or(0)
    }

    /// Whether every step is local ([`Op::is_local`]): only then there is a receptive field that is smaller than the
    /// picture.
    pub(crate) fn is_local(&self) -> bool {
        self.steps.iter().all(|s| s.op.is_local())
    }

    /// Whether a step's output is the picture halved `level` times.
    pub(crate) fn is_at(&self, step: usize, level: u32) -> bool {
        self.steps[step].extent == Extent::Level(level)
    }

    /// Number of steps from the first on that a training computes.
    pub(crate) fn trained_steps(&self) -> usize {
        self.maps.iter().max().map_or(self.steps.len(), |last| last + 1)
    }

    /// The same without steps that the last one does not depend on, and without layers that no step uses. For graphs of
    /// convolutions only: other weights stay.
    pub(crate) fn pruned(mut self) -> Self {
        let mut is_used = vec![false; self.steps.len()];
        is_used.last_mut().into_iter().for_each(|last| *last = true);
        for index in (0..self.steps.len()).rev() {
            if is_used[index] {
                self.steps[index].from.iter().for_each(|from| is_used[*from] = true);
            }
        }
        let place = |used: &[bool]| {
            let before = used.iter().scan(0, |count, used| {
                let before = *count;
                *count += usize::from(*used);
                Some(before)
            });
            before.collect::<Vec<usize>>()
        };
        let mut has_use = vec![false; self.layers.len()];
        for (step, _) in self.steps.iter().zip(&is_used).filter(|(_, used)| **used) {
            if let Op::Conv(layer) | Op::Transposed(layer) | Op::Part { layer, .. } = step.op {
                has_use[layer] = true;
            }
        }
        let (steps, layers) = (place(&is_used), place(&has_use));
        for step in &mut self.steps {
            if let Op::Conv(layer) | Op::Transposed(layer) | Op::Part { layer, .. } = &mut step.op {
                *layer = layers[*layer];
            }
            step.from.iter_mut().for_each(|from| *from = steps[*from]);
        }
        self.maps.iter_mut().for_each(|map| *map = steps[*map]);
        let (mut is_used, mut has_use) = (is_used.into_iter(), has_use.into_iter());
        self.steps.retain(|_| is_used.next() == Some(true));
        self.layers.retain(|_| has_use.next() == Some(true));
        self
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
            biased: true,
            dilation: 1,
        }
    }

    /// A convolution with a bias and without a normalization.
    pub(crate) fn biased(name: impl Into<String>, channels: [usize; 2], kernel: usize) -> Self {
        Self { norm: None, kernel, ..Self::new(name, "", channels) }
    }

    /// The same with another kernel and stride.
    pub(crate) fn sized(self, kernel: usize, stride: usize) -> Self {
        Self { kernel, stride, ..self }
    }

    /// The same with this distance between the taps of the kernel.
    pub(crate) fn dilated(self, dilation: usize) -> Self {
        Self { dilation, ..self }
    }

    /// Zeros before the first and after the last pixel, along either axis.
    pub(crate) fn pads(&self) -> (usize, usize) {
        match self.padding {
            Padding::Same if self.stride == 2 => {
                let all = self.kernel.saturating_sub(2);
                (all / 2, all - all / 2)
            }
            Padding::Given(before, after) => (before, after),
            _ => (self.kernel / 2 * self.dilation, self.kernel / 2 * self.dilation),
        }
    }

    /// Shape of the kernel: outputs, inputs of each, rows, columns.
    pub(crate) fn shape(&self) -> [usize; 4] {
        let inputs = if self.depthwise { 1 } else { self.inputs };
        [self.outputs, inputs, self.kernel, self.kernel]
    }
}
