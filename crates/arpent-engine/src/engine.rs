//! Runs a network over a picture.

use std::sync::{Mutex, PoisonError};

use crate::compute::{Pass, PixelSource, cost, scratch};
use crate::kernels::{Buffer, BufferShape, Isa, Rows, TILE_ROWS};
use crate::lower::{Lowered, Node, NodeKind, Options, lower};
use crate::numbers::{as_f64, signed, size, wide};
use crate::ranges::Seen;
use crate::schedule::{Axis, Frame, Schedule, Span, Work, spans};
use crate::spec::{EngineError, Step};

/// Smallest number of output rows that are computed at a time.
const BAND: i64 = 32;

/// A network ready to run; can be shared by threads.
#[derive(Debug)]
pub struct Engine {
    nodes: Vec<Node>,
    /// Nodes with the values of each step.
    made: Vec<Vec<usize>>,
    options: Options,
    local: bool,
    stride: i64,
    /// Buffers of former runs, for reuse.
    spare: Mutex<Vec<Workspace>>,
}

/// Memory for the rows of all nodes, in slots.
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

    fn of(Lowered { nodes, made, local }: Lowered, options: Options) -> Self {
        let depth = nodes.iter().filter_map(|node| node.extent.halvings()).max().unwrap_or(0);
        Self { nodes, made, options, local, stride: 1 << depth, spare: Mutex::default() }
    }

    /// Whether an output pixel depends only on pixels within [`Engine::reach`], and not on the size of the picture.
    /// Otherwise the picture is a part of the network's input (ADR 0022).
    pub fn is_local(&self) -> bool {
        self.local
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
    /// Without limit, `usize::MAX`, for a network that is not local ([`Engine::is_local`]).
    pub fn reach(&self) -> (usize, usize) {
        if !self.local {
            return (usize::MAX, usize::MAX);
        }
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

    /// Memory that [`Engine::run`] uses for a picture, bytes: its layers, and of attention the keys and values of a
    /// head for each thread of the calling rayon pool.
    ///
    /// # Errors
    /// As [`Engine::run`].
    pub fn bytes(&self, picture: &Picture) -> Result<usize, EngineError> {
        let schedule = self.schedule(self.frame(picture)?);
        let scratch = scratch(&self.nodes, &schedule.buffers) * rayon::current_num_threads();
        Ok(4 * (schedule.slots.iter().map(BufferShape::values).sum::<usize>() + scratch))
    }

    /// Multiplications that [`Engine::run`] does for a picture.
    ///
    /// # Errors
    /// As [`Engine::run`].
    pub fn products(&self, picture: &Picture) -> Result<u64, EngineError> {
        let schedule = self.schedule(self.frame(picture)?);
        let of = |work: &Work| {
            let (start, end) = schedule.buffers[work.node].columns;
            let pixels = (work.rows.1 - work.rows.0) * (end - start);
            cost(&self.nodes, work.node, &schedule.buffers).products * wide(size(pixels))
        };
        Ok(schedule.bands.iter().flatten().map(of).sum())
    }

    /// Multiplications for each pixel of an infinite picture, where nothing is computed twice.
    pub fn products_per_pixel(&self) -> f64 {
        self.products_of(|_| true)
    }

    fn products_of(&self, counted: impl Fn(&Node) -> bool) -> f64 {
        // What does not grow with the picture is nothing in an infinite one.
        let share =
            |node: &Node| node.extent.halvings().map_or(0.0, |level| 0.25f64.powi(level.cast_signed()));
        let of = |(index, node)| as_f64(cost(&self.nodes, index, &[]).products) * share(node);
        self.nodes.iter().enumerate().filter(|(_, node)| counted(node)).map(of).sum()
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
        if let (Some(schedule), Some(last)) = (schedule.as_ref(), self.nodes.len().checked_sub(1)) {
            let shapes = schedule.slot_of.iter().zip(&schedule.buffers);
            let rows: Vec<Rows> = shapes.map(|(slot, shape)| buffers[*slot].rows_of(*shape)).collect();
            let pass = Pass { nodes: &self.nodes, rows: &rows, schedule, source, isa: self.options.isa };
            for work in schedule.bands.iter().flatten() {
                let Work { node, rows: span, takes_over } = *work;
                if takes_over {
                    rows[node].clear();
                }
                pass.compute(node, span);
                if self.nodes[node].scale.is_none() {
                    let (first, end) = schedule.buffers[node].columns;
                    (span.0..span.1)
                        .for_each(|y| watch(node, rows[node].complete(y, first, size(end - first))));
                }
                // Rows of a group of four beyond the requested ones are ignored.
                let span = (span.0.max(frame.rows.0), span.1.min(frame.rows.1));
                if node == last && span.0 < span.1 {
                    sink(&Answers { rows: rows[last], span, cols: frame.cols });
                }
            }
        }
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).push(space);
        Ok(())
    }

    /// Layers of networks that look at the whole picture are large, and share memory.
    fn schedule(&self, frame: Frame) -> Schedule {
        Schedule::new(&self.nodes, frame, !self.local)
    }

    /// Memory for a picture: that of a former run if available.
    fn workspace(&self, frame: Frame) -> Workspace {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut space = spare.unwrap_or_default();
        if space.schedule.as_ref().is_none_or(|s| s.frame != frame) {
            let schedule = self.schedule(frame);
            space.buffers.resize_with(schedule.slots.len(), Buffer::default);
            space.buffers.iter_mut().zip(&schedule.slots).for_each(|(buffer, shape)| buffer.fit(*shape));
            space.schedule = Some(schedule);
        }
        space
    }
}
