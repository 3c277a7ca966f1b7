//! Edges between two rows.

use super::chains::{Chains, Corner, TOUCH};
use super::row::Row;
use super::vertices::Vertices;

/// Two adjacent rows, and the edges up to them.
#[derive(Debug)]
pub(super) struct Edges {
    /// Rows processed.
    pub(super) rows: u32,
    pub(super) above: Row,
    pub(super) below: Row,
    pub(super) chains: Chains,
    /// Marked vertices between the two rows.
    pub(super) vertices: Vertices,
}

impl Edges {
    pub(super) fn new(width: usize) -> Self {
        Self {
            rows: 0,
            above: Row::new(width),
            below: Row::new(width),
            chains: Chains::default(),
            vertices: Vertices::default(),
        }
    }

    /// Opens a chain between two columns; returns its first and its last edge.
    pub(super) fn open(&mut self, class_id: u8, from: u32, to: u32) -> (u32, u32) {
        let node = self.vertices.next_node(from, to);
        let first = self.chains.open(self.edge(class_id, from, node));
        (first, if node == to { first } else { self.append(class_id, first, (node, to)) })
    }

    /// Extends the end of a chain from one column to another; returns its last edge.
    pub(super) fn append(&mut self, class_id: u8, mut last: u32, (mut from, to): (u32, u32)) -> u32 {
        loop {
            let node = self.vertices.next_node(from, to);
            last = self.chains.append(last, self.edge(class_id, from, node));
            if node == to {
                return last;
            }
            from = node;
        }
    }

    /// Extends the start of a chain back to one column from another; returns its first edge.
    pub(super) fn prepend(&mut self, class_id: u8, mut first: u32, (from, mut to): (u32, u32)) -> u32 {
        loop {
            let node = self.vertices.next_node(to, from);
            first = self.chains.prepend(first, self.edge(class_id, node, to));
            if node == from {
                return first;
            }
            to = node;
        }
    }

    /// Joins the end of one chain to the start of another between two columns, as [`Chains::join`] does.
    pub(super) fn join(
        &mut self,
        class_id: u8,
        mut last: u32,
        first: u32,
        (mut from, to): (u32, u32),
    ) -> Option<u32> {
        loop {
            let node = self.vertices.next_node(from, to);
            let edge = self.edge(class_id, from, node);
            if node == to {
                return self.chains.join(last, first, edge);
            }
            last = self.chains.append(last, edge);
            from = node;
        }
    }

    /// An edge of a region of a class, between the two current rows.
    fn edge(&self, class_id: u8, from: u32, to: u32) -> Corner {
        let mark = |col| {
            if !self.vertices.is_marked(col) {
                return 0;
            }
            let touch = if self.touches(class_id, col) { TOUCH } else { 0 };
            touch | self.vertices.marks(col)
        };
        Corner { col: from | mark(from), row: self.rows | mark(to) }
    }

    /// Whether, of the four pixels around a vertex, two diagonal ones are of the class and the others are not.
    fn touches(&self, class_id: u8, col: u32) -> bool {
        if !self.vertices.is_crossing(col) {
            return false;
        }
        let col = col as usize;
        let [nw, ne] = [self.above.labels[col] == class_id, self.above.labels[col + 1] == class_id];
        let [sw, se] = [self.below.labels[col] == class_id, self.below.labels[col + 1] == class_id];
        nw == se && ne == sw && nw != ne
    }
}
