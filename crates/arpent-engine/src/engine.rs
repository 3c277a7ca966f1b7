//! Runs a network over a picture.

use std::cell::RefCell;
use std::sync::{Mutex, PoisonError};

use crate::kernels::{self, Buffer, Epilogue, Finish, Isa, Patch, Rows, TILE_ROWS};
use crate::lower::{Lowered, Node, NodeKind, Options, lower};
use crate::numbers::{as_f64, signed, size, wide};
use crate::ranges::Seen;
use crate::schedule::{Axis, Frame, Schedule, Span, spans};
use crate::spec::{EngineError, Step};
use crate::tasks::{Cost, each};

/// Smallest number of output rows that are computed at a time.
const BAND: i64 = 32;

/// A network ready to run; can be shared by threads.
#[derive(Debug)]
pub struct Engine {
    nodes: Vec<Node>,
    /// Nodes with the values of each step.
    made: Vec<Vec<usize>>,
    options: Options,
    stride: i64,
    /// Buffers of former runs, for reuse.
    spare: Mutex<Vec<Workspace>>,
}

/// Rows of every node.
#[derive(Debug, Default)]
struct Workspace {
    buffers: Vec<Buffer>,
    schedule: Option<Schedule>,
}

/// The picture and the part of it to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture {
    /// Columns. All layers are padded with zeros.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// First row on the grid, a multiple of the network's stride.
    pub first_row: i64,
    /// Requested columns: start and end.
    pub cols: (usize, usize),
    /// Requested rows.
    pub rows: (usize, usize),
}

/// Source of the picture's values.
pub trait PixelSource: Sync {
    /// Writes channels `start..start + count` of the pixels `cols` of row `y` to `to`, pixel by pixel.
    fn row(&self, channels: (usize, usize), y: usize, cols: (usize, usize), to: &mut [f32]);
}

/// Output rows.
#[derive(Debug, Clone, Copy)]
pub struct Answers {
    rows: Rows,
    span: Span,
    cols: Span,
}

impl Answers {
    /// First row, and the one after the last.
    pub fn span(&self) -> (usize, usize) {
        (size(self.span.0), size(self.span.1))
    }

    /// The output for the requested columns of a row, pixel by pixel.
    pub fn row(&self, y: usize) -> &[f32] {
        let y = signed(y);
        assert!((self.span.0..self.span.1).contains(&y), "row {y} is not of this band");
        self.rows.complete(y, self.cols.0, size(self.cols.1 - self.cols.0))
    }
}

thread_local! {
    /// Scratch memory of a thread's kernels.
    static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

impl Engine {
    /// Lowers a network.
    ///
    /// # Errors
    /// [`EngineError::Step`] if its steps are inconsistent.
    pub fn new(steps: &[Step], options: Options) -> Result<Self, EngineError> {
        lower(steps, options, None).map(|lowered| Self::of(lowered, options))
    }

    /// Lowers a network to 8 bits where possible: convolutions (except depthwise ones) whose input follows a
    /// [`crate::Activation::Relu`] or [`crate::Activation::Relu6`]. Values up to `ranges[step]` are quantized to 7
    /// bits; greater ones are clipped. A step whose range is not positive, or is missing, stays f32. Ranges come from
    /// [`Engine::ranges`] on representative pictures.
    ///
    /// Rows are not computed in fours ([`Options::winograd`]), and [`Isa::Fused`] is used instead of
    /// [`Isa::Portable`]: results are the same bits on every instruction set.
    ///
    /// # Errors
    /// As [`Engine::new`].
    pub fn new_int8(steps: &[Step], options: Options, ranges: &[f32]) -> Result<Self, EngineError> {
        let isa = if options.isa == Isa::Portable { Isa::Fused } else { options.isa };
        let options = Options { isa, winograd: -1 };
        lower(steps, options, Some(ranges)).map(|lowered| Self::of(lowered, options))
    }

    fn of(Lowered { nodes, made }: Lowered, options: Options) -> Self {
        let depth = nodes.iter().map(|node| node.level).max().unwrap_or(0);
        Self { nodes, made, options, stride: 1 << depth, spare: Mutex::default() }
    }

    /// Share of the products that are computed in 8 bits, 0 to 1.
    pub fn int8_share(&self) -> f64 {
        let int8 = |node: &Node| matches!(node.kind, NodeKind::Int8(..) | NodeKind::Int8Phases(_));
        self.products_of(int8) / self.products_per_pixel()
    }

    /// Output channels.
    pub fn channels(&self) -> usize {
        self.nodes.last().map_or(0, |node| node.channels)
    }

    /// Options of the run.
    pub fn options(&self) -> Options {
        self.options
    }

    /// Distance in columns and rows within which pixels can change the bits of an output pixel, for the worst place.
    pub fn reach(&self) -> (usize, usize) {
        let period = self.stride * TILE_ROWS;
        let reach = |axis: Axis| {
            let of = |place: i64| {
                let inputs = self.nodes.iter().zip(spans(&self.nodes, axis, (place, place + 1)));
                let seen = inputs.filter(|(node, _)| matches!(node.kind, NodeKind::Input { .. }));
                let far = |(a, b): Span| (place - a).max(b - 1 - place);
                seen.filter_map(|(_, span)| span.map(far)).max().unwrap_or(0)
            };
            size((0..period).map(of).max().unwrap_or(0))
        };
        (reach(Axis::Cols), reach(Axis::Rows { origin: 0 }))
    }

    /// Bytes of weights, packed.
    pub fn weight_bytes(&self) -> usize {
        self.nodes.iter().map(Node::bytes).sum()
    }

    /// Memory that [`Engine::run`] uses for a picture, bytes.
    ///
    /// # Errors
    /// As [`Engine::run`].
    pub fn bytes(&self, picture: &Picture) -> Result<usize, EngineError> {
        let schedule = Schedule::new(&self.nodes, self.frame(picture)?);
        Ok(4 * schedule.buffers.iter().map(kernels::BufferShape::values).sum::<usize>())
    }

    /// Multiplications that [`Engine::run`] does for a picture.
    ///
    /// # Errors
    /// As [`Engine::run`].
    pub fn products(&self, picture: &Picture) -> Result<u64, EngineError> {
        let schedule = Schedule::new(&self.nodes, self.frame(picture)?);
        let of = |(index, node): (usize, &Node)| {
            let rows: i64 = schedule.bands.iter().map(|band| band[index].1 - band[index].0).sum();
            let cols = schedule.buffers[index].columns;
            self.cost(node).products * wide(size(rows * (cols.1 - cols.0)))
        };
        Ok(self.nodes.iter().enumerate().map(of).sum())
    }

    /// Multiplications for each pixel of an infinite picture, where nothing is computed twice.
    pub fn products_per_pixel(&self) -> f64 {
        self.products_of(|_| true)
    }

    fn products_of(&self, counted: impl Fn(&Node) -> bool) -> f64 {
        let of = |node: &Node| as_f64(self.cost(node).products) / f64::from(1u32 << (2 * node.level));
        self.nodes.iter().filter(|node| counted(node)).map(of).sum()
    }

    fn frame(&self, picture: &Picture) -> Result<Frame, EngineError> {
        let Picture { width, height, first_row, cols, rows } = *picture;
        let fits = |n: i64| n.rem_euclid(self.stride) == 0;
        let inside = cols.0 < cols.1 && cols.1 <= width && rows.0 < rows.1 && rows.1 <= height;
        if !inside || !fits(signed(width)) || !fits(signed(height)) || !fits(first_row) {
            return Err(EngineError::Picture { width, height, row: first_row, stride: size(self.stride) });
        }
        Ok(Frame {
            width: signed(width),
            height: signed(height),
            origin: first_row,
            cols: (signed(cols.0), signed(cols.1)),
            rows: (signed(rows.0), signed(rows.1)),
            band: BAND.max(self.stride),
        })
    }

    /// Computes the requested pixels on the threads of the calling rayon pool, and returns the output band by band
    /// from north to south.
    ///
    /// # Errors
    /// [`EngineError::Picture`] if the picture is not a multiple of the network's stride, or no pixel of it is
    /// requested.
    pub fn run(
        &self,
        picture: &Picture,
        source: &dyn PixelSource,
        sink: impl FnMut(&Answers),
    ) -> Result<(), EngineError> {
        self.watched(picture, source, sink, |_, _| ())
    }

    /// The greatest value of every step's output on a picture, for the network before lowering; with `share` below 1,
    /// the smallest value that at least this share of its positive values do not exceed, with a precision of 1 %. 0
    /// if no value is positive. Steps that were fused into another have the value of that step (a convolution whose
    /// output is added to something: that of the sum); steps that are never stored (upsampled, concatenated): that of
    /// their inputs.
    ///
    /// # Errors
    /// As [`Engine::run`].
    pub fn ranges(
        &self,
        picture: &Picture,
        source: &dyn PixelSource,
        share: f64,
    ) -> Result<Vec<f32>, EngineError> {
        let mut seen: Vec<Seen> = self.nodes.iter().map(|_| Seen::default()).collect();
        let watch = |index: usize, rows: &[f32]| seen[index].note(rows);
        self.watched(picture, source, |_| (), watch)?;
        let each: Vec<f32> = seen.iter().map(|seen| seen.range(share)).collect();
        let of = |nodes: &Vec<usize>| nodes.iter().map(|node| each[*node]).fold(0.0, f32::max);
        Ok(self.made.iter().map(of).collect())
    }

    /// [`Engine::run`] with a callback for every row of every node that is stored as f32.
    fn watched(
        &self,
        picture: &Picture,
        source: &dyn PixelSource,
        mut sink: impl FnMut(&Answers),
        mut watch: impl FnMut(usize, &[f32]),
    ) -> Result<(), EngineError> {
        let frame = self.frame(picture)?;
        let mut space = self.workspace(frame);
        let Workspace { buffers, schedule } = &mut space;
        let rows: Vec<Rows> = buffers.iter_mut().map(Buffer::rows).collect();
        if let (Some(schedule), Some(last)) = (schedule.as_ref(), rows.last()) {
            for band in &schedule.bands {
                for (index, span) in band.iter().enumerate() {
                    self.compute(index, *span, &rows, schedule, source);
                    if self.nodes[index].scale.is_none() {
                        let (first, end) = schedule.buffers[index].columns;
                        (span.0..span.1)
                            .for_each(|y| watch(index, rows[index].complete(y, first, size(end - first))));
                    }
                }
                let span = band.last().copied().unwrap_or_default();
                // Rows of a group of four beyond the requested ones are ignored.
                let span = (span.0.max(frame.rows.0), span.1.min(frame.rows.1));
                if span.0 < span.1 {
                    sink(&Answers { rows: *last, span, cols: frame.cols });
                }
            }
        }
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).push(space);
        Ok(())
    }

    /// Memory for a picture: that of a former run if available.
    fn workspace(&self, frame: Frame) -> Workspace {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut space = spare.unwrap_or_default();
        if space.schedule.as_ref().is_none_or(|s| s.frame != frame) {
            let schedule = Schedule::new(&self.nodes, frame);
            space.buffers.resize_with(self.nodes.len(), Buffer::default);
            space.buffers.iter_mut().zip(&schedule.buffers).for_each(|(buffer, shape)| buffer.fit(*shape));
            space.schedule = Some(schedule);
        }
        space
    }

    /// Computes rows of a node.
    fn compute(
        &self,
        index: usize,
        span: Span,
        rows: &[Rows],
        schedule: &Schedule,
        source: &dyn PixelSource,
    ) {
        let node = &self.nodes[index];
        let (output, cols) = (rows[index], schedule.buffers[index].columns);
        let epilogue = Epilogue { residual: node.residual.map(|r| rows[r]), activation: node.activation };
        let finish = Finish {
            residual: node.residual.map(|r| (rows[r], self.nodes[r].scale)),
            activation: node.activation,
            scale: node.scale,
        };
        let isa = self.options.isa;
        let input = || node.from.first().map_or(output, |from| rows[*from]);
        let pair = [input(), output];
        let origin = schedule.frame.origin >> node.level;
        let fours = matches!(node.kind, NodeKind::Winograd(_)).then(|| (-origin).rem_euclid(TILE_ROWS));
        let work = |patch: &Patch| match &node.kind {
            NodeKind::Input { start, count } => read(source, (*start, *count), output, patch),
            NodeKind::Direct(weights, geometry) => kernels::direct(weights, *geometry, pair, epilogue, patch),
            NodeKind::Phases(weights) => kernels::phases(weights, pair, epilogue, patch),
            NodeKind::Int8(weights, geometry) => {
                kernels::int8_direct(weights, *geometry, pair, finish, patch);
            }
            NodeKind::Int8Phases(weights) => kernels::int8_phases(weights, pair, finish, patch),
            NodeKind::Quantize => {
                let inverse = node.scale.unwrap_or(1.0).recip();
                kernels::quantize(isa, pair, node.channels, inverse, patch);
            }
            NodeKind::Depthwise(weights, geometry) => {
                kernels::depthwise(weights, *geometry, pair, epilogue, patch);
            }
            NodeKind::Winograd(weights) => SCRATCH.with_borrow_mut(|scratch| {
                let mut first = kernels::first_of_four(patch.rows.start, origin);
                while first < patch.rows.end {
                    kernels::winograd(weights, first, pair, epilogue, patch, scratch);
                    first += TILE_ROWS;
                }
            }),
            NodeKind::MaxPool { kernel } if node.scale.is_some() => {
                kernels::max_pool_bytes(isa, *kernel, pair, patch);
            }
            NodeKind::MaxPool { kernel } => kernels::max_pool(isa, *kernel, pair, patch),
            NodeKind::MeanPool { levels } => kernels::mean_pool(isa, *levels, pair, patch),
            NodeKind::Upsample { levels } => kernels::upsample(isa, *levels, pair, 0, patch),
            NodeKind::Concat => {
                let mut to = 0;
                for from in node.from.iter().map(|from| rows[*from]) {
                    kernels::copy(isa, [from, output], to, patch);
                    to += from.channels();
                }
            }
            NodeKind::Add => kernels::sum(isa, [pair[0], rows[node.from[1]], output], node.activation, patch),
            NodeKind::Difference => {
                let three = [pair[0], rows[node.from[1]], output];
                kernels::absolute_difference(isa, three, node.activation, patch);
            }
        };
        each(span, cols, self.cost(node), fours, work);
    }

    fn cost(&self, node: &Node) -> Cost {
        let inputs: usize = node.from.iter().map(|from| self.nodes[*from].channels).sum();
        let bytes: usize = node.from.iter().map(|from| self.nodes[*from].values()).sum();
        let (values, products) = match &node.kind {
            NodeKind::Direct(_, g) => {
                (inputs * g.stride * g.stride, inputs * g.kernel * g.kernel * node.channels)
            }
            NodeKind::Int8(_, g) => {
                (bytes * g.stride * g.stride, inputs * g.kernel * g.kernel * node.channels)
            }
            NodeKind::Int8Phases(_) => (bytes / 4, inputs * node.channels * 4),
            NodeKind::Depthwise(_, g) => (inputs * g.stride * g.stride, inputs * g.kernel * g.kernel),
            NodeKind::Winograd(_) => (2 * inputs, inputs * node.channels * 9 / 2),
            NodeKind::Phases(_) => (inputs / 4, inputs * node.channels * 4),
            NodeKind::MaxPool { .. } => (4 * inputs, 4 * inputs),
            _ => (inputs, inputs),
        };
        Cost { values: values + node.values(), products: wide(products.max(node.channels)) }
    }
}

fn read(source: &dyn PixelSource, channels: (usize, usize), output: Rows, patch: &Patch) {
    let cols = (size(patch.cols.start), size(patch.cols.end));
    for y in patch.rows.clone() {
        output.fill(y, patch.cols.start, cols.1 - cols.0, |to| source.row(channels, size(y), cols, to));
    }
}
