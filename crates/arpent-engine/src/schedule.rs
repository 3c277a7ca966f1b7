//! Which rows and columns each node computes, and when: determined beforehand from what the requested pixels depend
//! on.

use crate::kernels::{BufferShape, Geometry, TILE_ROWS, first_of_four};
use crate::lower::{Node, NodeKind};
use crate::numbers::{signed, size};

/// Pixels `start..end` along one axis.
pub(crate) type Span = (i64, i64);

/// The axis, and the picture's start on the grid along it (used for rows only).
#[derive(Debug, Clone, Copy)]
pub(crate) enum Axis {
    Rows { origin: i64 },
    Cols,
}

impl Node {
    /// Rows or columns that are computed if `span` is requested.
    pub(crate) fn computed(&self, axis: Axis, (start, end): Span) -> Span {
        match (&self.kind, axis) {
            (NodeKind::Winograd(_), Axis::Rows { origin }) => {
                let origin = origin >> self.level;
                (first_of_four(start, origin), first_of_four(end + TILE_ROWS - 1, origin))
            }
            _ => (start, end),
        }
    }

    /// The span that a computed span reads of the node's inputs (of its residual, it reads the span itself).
    pub(crate) fn reads(&self, axis: Axis, span: Span) -> Span {
        let (a, b) = self.computed(axis, span);
        match &self.kind {
            NodeKind::Direct(_, geometry)
            | NodeKind::Int8(_, geometry)
            | NodeKind::Depthwise(_, geometry) => {
                let Geometry { kernel, stride, before } = *geometry;
                let [kernel, stride, before] = [kernel, stride, before].map(signed);
                (a * stride - before, (b - 1) * stride - before + kernel)
            }
            NodeKind::Winograd(_) => (a - 1, b + 1),
            NodeKind::Phases(_) | NodeKind::Int8Phases(_) => ((a + 1).div_euclid(2) - 1, b.div_euclid(2) + 1),
            NodeKind::MaxPool { kernel } => (2 * a - i64::from(*kernel == 3), 2 * b),
            NodeKind::MeanPool { levels } => (a << levels, b << levels),
            NodeKind::Upsample { levels } => (a >> levels, ((b - 1) >> levels) + 1),
            NodeKind::Input { .. }
            | NodeKind::Quantize
            | NodeKind::Concat
            | NodeKind::Add
            | NodeKind::Difference => (a, b),
        }
    }

    /// Every node that it reads, and the span of it.
    fn inputs(&self, axis: Axis, span: Span) -> impl Iterator<Item = (usize, Span)> {
        let reads = self.reads(axis, span);
        let residual = self.residual.map(|node| (node, self.computed(axis, span)));
        self.from.iter().map(move |node| (*node, reads)).chain(residual)
    }
}

/// The span that each node computes so that the last one can compute `wanted`, regardless of the picture's size;
/// `None` for nodes that are not needed.
pub(crate) fn spans(nodes: &[Node], axis: Axis, wanted: Span) -> Vec<Option<Span>> {
    within(nodes, axis, wanted, i64::MAX)
}

/// The same, limited to a picture of `size` pixels.
fn within(nodes: &[Node], axis: Axis, wanted: Span, size: i64) -> Vec<Option<Span>> {
    let mut spans: Vec<Option<Span>> = vec![None; nodes.len()];
    if let Some(last) = spans.last_mut() {
        *last = Some(wanted);
    }
    for (index, node) in nodes.iter().enumerate().rev() {
        let Some(span) = spans[index] else { continue };
        let (start, end) = node.computed(axis, span);
        let span = if size == i64::MAX { (start, end) } else { (start.max(0), end.min(size >> node.level)) };
        spans[index] = Some(span);
        for (from, (a, b)) in node.inputs(axis, span) {
            let known = spans[from].unwrap_or((a, b));
            spans[from] = Some((known.0.min(a), known.1.max(b)));
        }
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

/// The order of computation.
#[derive(Debug)]
pub(crate) struct Schedule {
    pub(crate) frame: Frame,
    /// For every band, the rows that each node computes in it.
    pub(crate) bands: Vec<Vec<Span>>,
    /// For every node.
    pub(crate) buffers: Vec<BufferShape>,
}

impl Schedule {
    pub(crate) fn new(nodes: &[Node], frame: Frame) -> Self {
        let axis = Axis::Rows { origin: frame.origin };
        let rows = within(nodes, axis, frame.rows, frame.height);
        let cols = within(nodes, Axis::Cols, frame.cols, frame.width);
        let start = |node: usize| rows[node].map_or(0, |span: Span| span.0);
        let mut done: Vec<i64> = (0..nodes.len()).map(start).collect();
        let mut capacity = vec![0; nodes.len()];
        let mut bands = Vec::new();
        let mut end = frame.rows.0;
        while end < frame.rows.1 {
            // Bands end on the lattice, as groups of four rows do.
            let next = (end + frame.origin).div_euclid(frame.band) * frame.band + frame.band - frame.origin;
            end = next.min(frame.rows.1);
            let wanted = within(nodes, axis, (frame.rows.0, end), frame.height);
            let mut band = Vec::with_capacity(nodes.len());
            for index in 0..nodes.len() {
                let to = wanted[index].map_or(done[index], |span| span.1.max(done[index]));
                let kept = kept_from(nodes, axis, index, &done).min(done[index]).max(start(index));
                capacity[index] = capacity[index].max(to - kept);
                band.push((done[index], to));
                done[index] = to;
            }
            bands.push(band);
        }
        let buffers = (0..nodes.len()).map(|i| shape(nodes, i, &frame, &cols, capacity[i])).collect();
        Self { frame, bands, buffers }
    }
}

/// The first row of a node that other nodes still have to read.
fn kept_from(nodes: &[Node], axis: Axis, index: usize, done: &[i64]) -> i64 {
    let readers = nodes.iter().zip(done).flat_map(|(node, done)| node.inputs(axis, (*done, *done + 1)));
    readers.filter(|(from, _)| *from == index).map(|(_, span)| span.0).min().unwrap_or(i64::MAX)
}

fn shape(nodes: &[Node], index: usize, frame: &Frame, cols: &[Option<Span>], capacity: i64) -> BufferShape {
    let node = &nodes[index];
    let columns = cols[index].unwrap_or((0, 0));
    // How far readers extend beyond the picture.
    let reads = nodes.iter().zip(cols).filter_map(|(node, cols)| Some(node.inputs(Axis::Cols, (*cols)?)));
    let (mut first, mut last) = columns;
    for (_, (a, b)) in reads.flatten().filter(|(from, _)| *from == index) {
        (first, last) = (first.min(a), last.max(b));
    }
    BufferShape {
        capacity: size(capacity),
        columns,
        border: (size(columns.0 - first), size(last - columns.1)),
        channels: node.values(),
        height: frame.height >> node.level,
    }
}
