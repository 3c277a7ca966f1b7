//! Which rows and columns each node computes, and when: determined beforehand from what the requested pixels depend
//! on.
//!
//! The requested rows are computed in bands. Where a node reads all rows of its input, a *stage* comes before: the
//! input, and what it depends on, in bands of its own, so that of layers between two such nodes only some rows are
//! kept, too.

use crate::extent::{Resampling, UNBOUNDED, part};
use crate::kernels::{BufferShape, Squares, TILE_ROWS, first_of_four};
use crate::lower::{Node, NodeKind};
use crate::memory::slots;
use crate::numbers::{signed, size};

/// Pixels `start..end` along one axis.
pub(crate) type Span = (i64, i64);

/// The axis, and the picture's start on the grid along it (used for rows only).
#[derive(Debug, Clone, Copy)]
pub(crate) enum Axis {
    Rows { origin: i64 },
    Cols,
}

/// An axis of a picture of `size` pixels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Along {
    pub(crate) axis: Axis,
    pub(crate) size: i64,
}

impl Along {
    /// Size of a node's output.
    fn length(self, node: &Node) -> i64 {
        match self.axis {
            Axis::Rows { .. } => node.extent.rows.of(self.size),
            Axis::Cols => node.extent.cols.of(self.size),
        }
    }
}

impl Node {
    /// Rows or columns that are computed if `span` is requested.
    pub(crate) fn computed(&self, axis: Axis, (start, end): Span) -> Span {
        match (&self.kind, axis) {
            (NodeKind::Winograd(_), Axis::Rows { origin }) => {
                let origin = origin >> self.extent.halvings().unwrap_or(0);
                (first_of_four(start, origin), first_of_four(end + TILE_ROWS - 1, origin))
            }
            _ => (start, end),
        }
    }

    /// The span that a computed span reads of the node's input `number` (of its residual, it reads the span itself).
    fn reads(&self, number: usize, along: Along, span: Span) -> Span {
        let (a, b) = self.computed(along.axis, span);
        match (&self.kind, along.axis) {
            (NodeKind::Rescaled(weights, _), Axis::Rows { .. }) if number == 1 => {
                (0, signed(weights.blocks().0))
            }
            (NodeKind::Rescale { .. }, _) => (0, 1),
            (NodeKind::Scale | NodeKind::Normalize(_) | NodeKind::Rescaled(..), _) if number == 1 => (0, 1),
            (
                NodeKind::Direct(_, geometry)
                | NodeKind::Rescaled(_, geometry)
                | NodeKind::Int8(_, geometry)
                | NodeKind::Depthwise(_, geometry),
                _,
            ) => (geometry.first(a), geometry.first(a) + signed(geometry.seen(size(b - a)))),
            (NodeKind::Winograd(_), _) => (a - 1, b + 1),
            (NodeKind::Phases(_) | NodeKind::Int8Phases(_), _) => {
                ((a + 1).div_euclid(2) - 1, b.div_euclid(2) + 1)
            }
            (NodeKind::MaxPool { kernel }, _) => (2 * a - i64::from(*kernel == 3), 2 * b),
            (NodeKind::MeanPool { levels }, _) => (a << levels, b << levels),
            (NodeKind::Upsample { levels }, _) => (a >> levels, ((b - 1) >> levels) + 1),
            (NodeKind::MeansOfRows { parts, length }, Axis::Rows { .. }) => {
                let length = length.of(along.size);
                (part(a, *parts, length).0, part(b - 1, *parts, length).1)
            }
            // Parts are those of the whole row, whichever of them are needed.
            (
                NodeKind::RowMeans { length, .. }
                | NodeKind::RowMoments { length, .. }
                | NodeKind::RowSquares { length },
                Axis::Cols,
            )
            | (NodeKind::Moments { length, .. } | NodeKind::Norms { length, .. }, Axis::Rows { .. }) => {
                (0, length.of(along.size))
            }
            (NodeKind::Bilinear { from, align_corners }, axis) => {
                let lengths = match axis {
                    Axis::Rows { .. } => [from.rows, self.extent.rows],
                    Axis::Cols => [from.cols, self.extent.cols],
                };
                Resampling::new(lengths, along.size, *align_corners).reads((a, b))
            }
            (NodeKind::Attention { heads, keys }, axis) if number > 0 => {
                let length = match axis {
                    Axis::Rows { .. } => keys.rows.of(along.size),
                    Axis::Cols => keys.cols.of(along.size),
                };
                match &heads.squares {
                    Some(Squares { side, shift: 0, .. }) => {
                        let side = signed(*side);
                        (a.div_euclid(side) * side, ((b + side - 1).div_euclid(side) * side).min(length))
                    }
                    _ => (0, length),
                }
            }
            (
                NodeKind::Input { .. }
                | NodeKind::Quantize
                | NodeKind::Concat
                | NodeKind::Add
                | NodeKind::Difference
                | NodeKind::RowMeans { .. }
                | NodeKind::MeansOfRows { .. }
                | NodeKind::Scale
                | NodeKind::LayerNorm(_)
                | NodeKind::RowMoments { .. }
                | NodeKind::Moments { .. }
                | NodeKind::RowSquares { .. }
                | NodeKind::Norms { .. }
                | NodeKind::Normalize(_)
                | NodeKind::Attention { .. },
                _,
            ) => (a, b),
        }
    }

    /// Every node that it reads, and the span of it.
    fn inputs(&self, along: Along, span: Span) -> impl Iterator<Item = (usize, Span)> {
        let residual = self.residual.map(|node| (node, self.computed(along.axis, span)));
        let from = self.from.iter().enumerate();
        from.map(move |(number, node)| (*node, self.reads(number, along, span))).chain(residual)
    }

    /// Inputs that are read whole, before any row can be computed.
    fn whole(&self) -> &[usize] {
        match &self.kind {
            NodeKind::Attention { heads, .. } => match &heads.squares {
                Some(Squares { shift: 0, .. }) => &[],
                _ => &self.from[1..],
            },
            NodeKind::MeansOfRows { .. } | NodeKind::Moments { .. } | NodeKind::Norms { .. } => &self.from,
            _ => &[],
        }
    }
}

/// The span that each node computes so that the last one can compute `wanted`, regardless of the picture's size;
/// `None` for nodes that are not needed.
pub(crate) fn spans(nodes: &[Node], axis: Axis, wanted: Span) -> Vec<Option<Span>> {
    let last = nodes.len().saturating_sub(1);
    within(nodes, Along { axis, size: UNBOUNDED }, &[(last, wanted)], |_| false)
}

/// The span that each node computes for the spans of some nodes that are wanted; of nodes that are `complete`,
/// nothing is.
fn within(
    nodes: &[Node],
    along: Along,
    wanted: &[(usize, Span)],
    complete: impl Fn(usize) -> bool,
) -> Vec<Option<Span>> {
    let mut spans: Vec<Option<Span>> = vec![None; nodes.len()];
    let widen = |span: &mut Option<Span>, (a, b): Span| {
        let known = span.unwrap_or((a, b));
        *span = Some((known.0.min(a), known.1.max(b)));
    };
    for (node, span) in wanted {
        widen(&mut spans[*node], *span);
    }
    for (index, node) in nodes.iter().enumerate().rev() {
        let Some(span) = spans[index] else { continue };
        if complete(index) {
            spans[index] = None;
            continue;
        }
        let (start, end) = node.computed(along.axis, span);
        let length = along.length(node);
        let span = if along.size == UNBOUNDED { (start, end) } else { (start.max(0), end.min(length)) };
        spans[index] = Some(span);
        node.inputs(along, span).for_each(|(from, read)| widen(&mut spans[from], read));
    }
    spans
}

/// The part of the picture that is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) width: i64,
    pub(crate) height: i64,
    /// First row on the grid.
    pub(crate) origin: i64,
    /// Requested columns and rows.
    pub(crate) cols: Span,
    pub(crate) rows: Span,
    /// Output rows that are computed at a time.
    pub(crate) band: i64,
}

/// Rows of a node that are computed together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    pub(crate) node: usize,
    pub(crate) rows: Span,
    /// Whether the node's memory may have been another's before.
    pub(crate) takes_over: bool,
}

/// The order of computation.
#[derive(Debug)]
pub(crate) struct Schedule {
    pub(crate) frame: Frame,
    /// For every band, what is computed in it.
    pub(crate) bands: Vec<Vec<Work>>,
    /// For every node.
    pub(crate) buffers: Vec<BufferShape>,
    /// The memory of every node, and the largest shape of each.
    pub(crate) slot_of: Vec<usize>,
    pub(crate) slots: Vec<BufferShape>,
}

/// Pixels of a layer that a stage computes at a time, roughly, and least rows: of a few hundred channels, they fill a
/// few megabytes.
const STAGE_PIXELS: i64 = 2048;
const STAGE_ROWS: i64 = 8;

/// Pixels of a layer that are computed at once: with fewer, weights are read more often than values, and threads wait
/// for each other.
const COARSE_PIXELS: i64 = 4096;

impl Schedule {
    /// Layers share memory if `share`.
    pub(crate) fn new(nodes: &[Node], frame: Frame, share: bool) -> Self {
        let mut progress = Progress::new(nodes, &frame);
        for (index, node) in nodes.iter().enumerate() {
            progress.stage(index, node, &frame);
            if share {
                progress.coarse(index, &frame);
            }
        }
        let last = nodes.len().saturating_sub(1);
        let mut end = frame.rows.0;
        while end < frame.rows.1 {
            // Bands end on the lattice, as groups of four rows do.
            let next = (end + frame.origin).div_euclid(frame.band) * frame.band + frame.band - frame.origin;
            end = next.min(frame.rows.1);
            progress.band(&[(last, (frame.rows.0, end))]);
        }
        progress.finish(frame, share)
    }
}

/// What was computed so far.
struct Progress<'a> {
    nodes: &'a [Node],
    along: Along,
    /// Nodes that read each node.
    readers: Vec<Vec<usize>>,
    /// Rows of each node that are computed in all, and the first that is not yet.
    rows: Vec<Span>,
    done: Vec<i64>,
    /// Most rows of each node that are kept.
    capacity: Vec<i64>,
    /// First and last moment in which each node is written or read; the moment is a number of works.
    lives: Vec<Option<(usize, usize)>>,
    now: usize,
    bands: Vec<Vec<Work>>,
}

impl<'a> Progress<'a> {
    fn new(nodes: &'a [Node], frame: &Frame) -> Self {
        let along = Along { axis: Axis::Rows { origin: frame.origin }, size: frame.height };
        let mut readers = vec![Vec::new(); nodes.len()];
        for (index, node) in nodes.iter().enumerate() {
            node.from.iter().chain(&node.residual).for_each(|from| readers[*from].push(index));
        }
        let last = nodes.len().saturating_sub(1);
        let rows = within(nodes, along, &[(last, frame.rows)], |_| false);
        let rows: Vec<Span> = rows.into_iter().map(Option::unwrap_or_default).collect();
        Self {
            nodes,
            along,
            readers,
            done: rows.iter().map(|span| span.0).collect(),
            rows,
            capacity: vec![0; nodes.len()],
            lives: vec![None; nodes.len()],
            now: 0,
            bands: Vec::new(),
        }
    }

    /// Computes what a node reads whole.
    fn stage(&mut self, index: usize, node: &Node, frame: &Frame) {
        let inputs = node.whole();
        let missing = |input: &usize| self.done[*input] < self.rows[*input].1;
        if self.rows[index].0 == self.rows[index].1 || !inputs.iter().any(missing) {
            return;
        }
        let most = inputs.iter().map(|input| self.rows[*input].1).max().unwrap_or(0);
        let widest = inputs.iter().map(|input| self.nodes[*input].extent.cols.of(frame.width)).max();
        // Means of rows are narrow, what they are made of is not.
        let width = widest.unwrap_or(1).max(frame.width * most / frame.height.max(1));
        let step = (STAGE_PIXELS / width.max(1)).max(STAGE_ROWS);
        let step = 1 << step.ilog2();
        let mut end = 0;
        while end < most {
            end = (end + step).min(most);
            let part = |input: &usize| {
                let all = self.rows[*input].1;
                (*input, (0, (all * end + most - 1) / most))
            };
            let wanted: Vec<(usize, Span)> = inputs.iter().map(part).collect();
            self.band(&wanted);
        }
    }

    /// Computes a node as a whole if that, and what is missing of all that it depends on, has few pixels.
    fn coarse(&mut self, index: usize, frame: &Frame) {
        let wanted = [(index, self.rows[index])];
        let complete = |index: usize| self.done[index] >= self.rows[index].1;
        let few = |(index, span): (usize, &Option<Span>)| {
            let rows = span.map_or(0, |span| span.1 - self.done[index]);
            rows * self.nodes[index].extent.cols.of(frame.width) <= COARSE_PIXELS
        };
        if within(self.nodes, self.along, &wanted, complete).iter().enumerate().all(few) {
            self.band(&wanted);
        }
    }

    /// Computes the rows of all nodes that those of some nodes need.
    fn band(&mut self, wanted: &[(usize, Span)]) {
        let complete = |index: usize| self.done[index] >= self.rows[index].1;
        let wanted = within(self.nodes, self.along, wanted, complete);
        let mut band = Vec::new();
        for (index, span) in wanted.iter().enumerate() {
            let (done, to) = (self.done[index], span.map_or(0, |span| span.1));
            if to <= done {
                continue;
            }
            let kept = self.kept_from(index).min(done).max(self.rows[index].0);
            self.capacity[index] = self.capacity[index].max(to - kept);
            band.push(Work { node: index, rows: (done, to), takes_over: false });
            self.done[index] = to;
            let node = &self.nodes[index];
            for used in node.from.iter().chain(&node.residual).copied().chain([index]) {
                let first = self.lives[used].map_or(self.now, |life| life.0);
                self.lives[used] = Some((first, self.now));
            }
            self.now += 1;
        }
        self.bands.push(band);
    }

    /// The first row of a node that other nodes still have to read.
    fn kept_from(&self, index: usize) -> i64 {
        let unfinished =
            self.readers[index].iter().filter(|reader| self.done[**reader] < self.rows[**reader].1);
        let reads = unfinished.flat_map(|reader| {
            let next = (self.done[*reader], self.done[*reader] + 1);
            self.nodes[*reader].inputs(self.along, next).filter(|(from, _)| *from == index)
        });
        reads.map(|(_, span)| span.0).min().unwrap_or(i64::MAX)
    }

    fn finish(mut self, frame: Frame, share: bool) -> Schedule {
        let buffers = self.buffers(&frame);
        let last = self.nodes.len().saturating_sub(1);
        let values: Vec<usize> = buffers.iter().map(BufferShape::values).collect();
        let slot_of: Vec<usize> = if share {
            // The answers are read between bands.
            let end = |index: usize, life: usize| if index == last { self.now } else { life };
            let lives = self.lives.iter().enumerate();
            let lives = lives.map(|(i, life)| life.map_or((0, 0), |(first, to)| (first, end(i, to))));
            slots(&lives.collect::<Vec<_>>(), &values)
        } else {
            (0..self.nodes.len()).collect()
        };
        let mut slots = vec![BufferShape::default(); slot_of.iter().map(|slot| slot + 1).max().unwrap_or(0)];
        for (slot, shape) in slot_of.iter().zip(&buffers) {
            if shape.values() > slots[*slot].values() {
                slots[*slot] = *shape;
            }
        }
        let mut begun = vec![false; self.nodes.len()];
        for work in self.bands.iter_mut().flatten() {
            work.takes_over = share && !begun[work.node];
            begun[work.node] = true;
        }
        Schedule { frame, bands: self.bands, buffers, slot_of, slots }
    }

    /// The shape of every node's memory.
    fn buffers(&self, frame: &Frame) -> Vec<BufferShape> {
        let along = Along { axis: Axis::Cols, size: frame.width };
        let last = self.nodes.len().saturating_sub(1);
        let cols = within(self.nodes, along, &[(last, frame.cols)], |_| false);
        // How far readers extend beyond the picture.
        let mut seen: Vec<Span> = cols.iter().map(|cols| cols.unwrap_or_default()).collect();
        for (node, cols) in self.nodes.iter().zip(&cols) {
            let Some(cols) = cols else { continue };
            for (from, (a, b)) in node.inputs(along, *cols) {
                seen[from] = (seen[from].0.min(a), seen[from].1.max(b));
            }
        }
        let shape = |(index, node): (usize, &Node)| {
            let columns = cols[index].unwrap_or_default();
            BufferShape {
                capacity: size(self.capacity[index]),
                columns,
                border: (size(columns.0 - seen[index].0), size(seen[index].1 - columns.1)),
                channels: node.values(),
                height: self.along.length(node),
            }
        };
        self.nodes.iter().enumerate().map(shape).collect()
    }
}
