//! Computes rows of a node with the kernel of its kind.

use std::cell::RefCell;

use crate::extent::Resampling;
use crate::kernels::{self, Aligned, BufferShape, Epilogue, Finish, Isa, Patch, Rows, Squares, TILE_ROWS};
use crate::lower::{Node, NodeKind};
use crate::numbers::{signed, size, wide};
use crate::schedule::{Frame, Schedule, Span};
use crate::tasks::{Cost, Group, each};

/// Source of the picture's values.
pub trait PixelSource: Sync {
    /// Writes channels `start..start + count` of the pixels `cols` of row `y` to `to`, pixel by pixel.
    fn row(&self, channels: (usize, usize), y: usize, cols: (usize, usize), to: &mut [f32]);
}

thread_local! {
    /// Scratch memory of a thread's kernels.
    static SCRATCH: RefCell<Aligned> = RefCell::new(Aligned::default());
}

/// The computation of a picture.
pub(crate) struct Pass<'a> {
    pub(crate) nodes: &'a [Node],
    /// The memory of every node.
    pub(crate) rows: &'a [Rows],
    pub(crate) schedule: &'a Schedule,
    pub(crate) source: &'a dyn PixelSource,
    pub(crate) isa: Isa,
}

impl Pass<'_> {
    /// Computes rows of a node.
    pub(crate) fn compute(&self, index: usize, span: Span) {
        let node = &self.nodes[index];
        let cols = self.schedule.buffers[index].columns;
        let output = self.rows[index];
        let work = |patch: &Patch| {
            if self.convolve(node, output, patch) || self.combine(node, output, patch) {
                // The kernel has limited the values, or has none of those limits.
                if node.activation.is_smooth() && !node.kind.is_smooth() {
                    kernels::activate(self.isa, node.activation, output, patch);
                }
            } else {
                self.gather(node, output, patch);
                if node.scale.is_none() {
                    kernels::activate(self.isa, node.activation, output, patch);
                }
            }
        };
        each(span, cols, cost(self.nodes, index, &self.schedule.buffers), self.group(node), work);
    }

    /// First row on the grid of a node.
    fn origin(&self, node: &Node) -> i64 {
        self.schedule.frame.origin >> node.extent.halvings().unwrap_or(0)
    }

    /// Rows that a task should not part.
    fn group(&self, node: &Node) -> Group {
        match &node.kind {
            NodeKind::Winograd(_) => {
                Group { rows: TILE_ROWS, first: (-self.origin(node)).rem_euclid(TILE_ROWS) }
            }
            NodeKind::Attention { heads, .. } => {
                let rows =
                    |squares: &Squares| Group { rows: signed(squares.side), first: signed(squares.shift) };
                heads.squares.as_ref().map_or(Group { rows: 1, first: 0 }, rows)
            }
            _ => Group { rows: 1, first: 0 },
        }
    }

    /// Memory of an input.
    fn input(&self, node: &Node, number: usize) -> Rows {
        self.rows[node.from[number]]
    }

    /// Computes convolutions; false if it is another kind.
    fn convolve(&self, node: &Node, output: Rows, patch: &Patch) -> bool {
        let rows = self.rows;
        let epilogue = Epilogue { residual: node.residual.map(|r| rows[r]), activation: node.activation };
        let finish = Finish {
            residual: node.residual.map(|r| (rows[r], self.nodes[r].scale)),
            activation: node.activation,
            scale: node.scale,
        };
        let pair = || [self.input(node, 0), output];
        match &node.kind {
            NodeKind::Direct(weights, geometry) => {
                SCRATCH.with_borrow_mut(|scratch| {
                    kernels::direct((weights, None), *geometry, pair(), epilogue, patch, scratch);
                });
            }
            NodeKind::Rescaled(weights, geometry) => SCRATCH.with_borrow_mut(|scratch| {
                let weights = (&**weights, Some(self.input(node, 1)));
                kernels::direct(weights, *geometry, pair(), epilogue, patch, scratch);
            }),
            NodeKind::Phases(weights) => kernels::phases(weights, pair(), epilogue, patch),
            NodeKind::Int8(weights, geometry) => {
                kernels::int8_direct(weights, *geometry, pair(), finish, patch);
            }
            NodeKind::Int8Phases(weights) => kernels::int8_phases(weights, pair(), finish, patch),
            NodeKind::Depthwise(weights, geometry) => {
                kernels::depthwise(weights, *geometry, pair(), epilogue, patch);
            }
            NodeKind::Winograd(weights) => SCRATCH.with_borrow_mut(|scratch| {
                let mut first = kernels::first_of_four(patch.rows.start, self.origin(node));
                while first < patch.rows.end {
                    kernels::winograd(weights, first, pair(), epilogue, patch, scratch);
                    first += TILE_ROWS;
                }
            }),
            _ => return false,
        }
        true
    }

    /// Computes what is done pixel by pixel, with the limits of the activation; false if it is another kind.
    fn combine(&self, node: &Node, output: Rows, patch: &Patch) -> bool {
        let (isa, activation) = (self.isa, node.activation);
        let three = || [self.input(node, 0), self.input(node, 1), output];
        match &node.kind {
            NodeKind::Add => kernels::sum(isa, three(), activation, patch),
            NodeKind::Difference => kernels::absolute_difference(isa, three(), activation, patch),
            NodeKind::Scale => kernels::scale(isa, three(), activation, patch),
            NodeKind::Normalize(bias) => kernels::normalize_pixels(isa, bias, three(), activation, patch),
            NodeKind::LayerNorm(weights) => {
                kernels::normalize_layers(isa, weights, [self.input(node, 0), output], activation, patch);
            }
            _ => return false,
        }
        true
    }

    /// Computes all other kinds, without activation.
    fn gather(&self, node: &Node, output: Rows, patch: &Patch) {
        let isa = self.isa;
        let pair = || [self.input(node, 0), output];
        match &node.kind {
            NodeKind::Input { start, count } => read(self.source, (*start, *count), output, patch),
            NodeKind::Quantize => {
                let inverse = node.scale.unwrap_or(1.0).recip();
                kernels::quantize(isa, pair(), node.channels, inverse, patch);
            }
            NodeKind::MaxPool { kernel } if node.scale.is_some() => {
                kernels::max_pool_bytes(isa, *kernel, pair(), patch);
            }
            NodeKind::MaxPool { kernel } => kernels::max_pool(isa, *kernel, pair(), patch),
            NodeKind::MeanPool { levels } => kernels::mean_pool(isa, *levels, pair(), patch),
            NodeKind::Upsample { levels } => kernels::upsample(isa, *levels, pair(), 0, patch),
            NodeKind::Concat => {
                let mut to = 0;
                for from in node.from.iter().map(|from| self.rows[*from]) {
                    kernels::copy(isa, [from, output], to, patch);
                    to += from.channels();
                }
            }
            NodeKind::RowMeans { parts, .. } => kernels::row_means(isa, *parts, pair(), patch),
            NodeKind::MeansOfRows { parts, .. } => kernels::means_of_rows(isa, *parts, pair(), patch),
            NodeKind::RowMoments { groups, .. } => kernels::row_moments(isa, *groups, pair(), patch),
            NodeKind::RowSquares { .. } => kernels::row_squares(isa, pair(), patch),
            NodeKind::Moments { weights, .. } => kernels::moments(weights, pair()),
            NodeKind::Norms { weights, .. } => kernels::norms(weights, pair()),
            NodeKind::Rescale { weights, first } => kernels::rescale(weights, *first, pair(), patch),
            NodeKind::Bilinear { from, align_corners } => {
                let Frame { height, width, .. } = self.schedule.frame;
                let to = node.extent;
                let down = Resampling::new([from.rows, to.rows], height, *align_corners);
                let across = Resampling::new([from.cols, to.cols], width, *align_corners);
                let residual = node.residual.map(|residual| self.rows[residual]);
                kernels::bilinear(isa, [down, across], pair(), residual, patch);
            }
            NodeKind::Attention { heads, keys } => SCRATCH.with_borrow_mut(|scratch| {
                let [queries, seen, values] = [0, 1, 2].map(|number| self.input(node, number));
                let width = keys.cols.of(self.schedule.frame.width);
                kernels::attention(heads, [queries, seen, values, output], width, patch, scratch);
            }),
            _ => unreachable!("computed by `convolve` or `combine`"),
        }
    }
}

/// Cost of a pixel of a node; `buffers` of all nodes, if they are known.
pub(crate) fn cost(nodes: &[Node], index: usize, buffers: &[BufferShape]) -> Cost {
    let node = &nodes[index];
    let inputs: usize = node.from.iter().map(|from| nodes[*from].channels).sum();
    let bytes: usize = node.from.iter().map(|from| nodes[*from].values()).sum();
    let input = node.from.first().and_then(|from| buffers.get(*from)).copied().unwrap_or_default();
    let (values, products) = match &node.kind {
        NodeKind::Direct(_, g) => {
            (inputs * g.stride * g.stride, inputs * g.kernel * g.kernel * node.channels)
        }
        NodeKind::Rescaled(..) => {
            let inputs = nodes[node.from[0]].channels;
            (inputs, inputs * node.channels)
        }
        NodeKind::Int8(_, g) => (bytes * g.stride * g.stride, inputs * g.kernel * g.kernel * node.channels),
        NodeKind::Int8Phases(_) => (bytes / 4, inputs * node.channels * 4),
        NodeKind::Depthwise(_, g) => (inputs * g.stride * g.stride, inputs * g.kernel * g.kernel),
        NodeKind::Winograd(_) => (2 * inputs, inputs * node.channels * 9 / 2),
        NodeKind::Phases(_) => (inputs / 4, inputs * node.channels * 4),
        NodeKind::MaxPool { .. } => (4 * inputs, 4 * inputs),
        NodeKind::RowMeans { parts, .. } => {
            let each = inputs * size(input.columns.1 - input.columns.0) / size(*parts);
            (each, each)
        }
        NodeKind::RowMoments { .. } | NodeKind::RowSquares { .. } => {
            let each = inputs * size(input.columns.1 - input.columns.0);
            (each, 2 * each)
        }
        NodeKind::MeansOfRows { parts, .. } => {
            let each = inputs * size(input.height) / size(*parts);
            (each, each)
        }
        NodeKind::Moments { .. } | NodeKind::Norms { .. } => {
            let each = inputs * size(input.height);
            (each, each)
        }
        NodeKind::Attention { heads, .. } => {
            let seen = heads.seen(keys(node, buffers));
            (nodes[node.from[0]].channels, seen * (nodes[node.from[0]].channels + node.channels))
        }
        NodeKind::Rescale { .. } | NodeKind::Scale | NodeKind::Normalize(_) => (node.channels, node.channels),
        NodeKind::LayerNorm(_) => (node.channels, 4 * node.channels),
        NodeKind::Bilinear { .. } => (node.channels, 6 * node.channels),
        _ => (inputs, inputs),
    };
    Cost { values: values + node.values(), products: wide(products.max(node.channels)) }
}

/// Keys of an attention: all pixels of its second input.
fn keys(node: &Node, buffers: &[BufferShape]) -> usize {
    let keys = node.from.get(1).and_then(|from| buffers.get(*from)).copied().unwrap_or_default();
    size((keys.columns.1 - keys.columns.0) * keys.height)
}

/// Values of scratch memory of a thread; `buffers` of all nodes.
pub(crate) fn scratch(nodes: &[Node], buffers: &[BufferShape]) -> usize {
    let of = |node: &Node| match &node.kind {
        NodeKind::Attention { heads, .. } => heads.scratch(keys(node, buffers)),
        _ => 0,
    };
    nodes.iter().map(of).max().unwrap_or(0)
}

fn read(source: &dyn PixelSource, channels: (usize, usize), output: Rows, patch: &Patch) {
    let cols = (size(patch.cols.start), size(patch.cols.end));
    for y in patch.rows.clone() {
        output.fill(y, patch.cols.start, cols.1 - cols.0, |to| source.row(channels, size(y), cols, to));
    }
}
