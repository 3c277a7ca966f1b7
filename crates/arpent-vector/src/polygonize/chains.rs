//! Open boundaries.
//!
//! A boundary is traversed with its region on the left: down western sides, east along southern sides, up eastern
//! sides, west along northern sides. It alternates between horizontal and vertical edges, so its horizontal edges
//! alone describe it: an edge ends in the column in which the next one starts. While rows are added, a boundary is a
//! set of open chains of horizontal edges; each chain grows downward at both of its ends, the last edge being
//! followed by a western side of a run of pixels and the first being preceded by an eastern side.

use arpent_base::number::fitted;

/// Set on a column or row if the region touches itself diagonally there, so the ring may pass the vertex twice.
pub(super) const TOUCH: u32 = 1 << 31;

/// Set on a column or row if the vertex is removed from rings.
pub(super) const GONE: u32 = 1 << 30;

/// Set on a column or row if the corner of the vertex is cut.
pub(super) const CUT: u32 = 1 << 29;

/// Set on a column or row if the vertex is the first one of a ring that is drawn square.
pub(super) const SQUARE: u32 = 1 << 28;

/// The column or row without its marks.
pub(super) fn place(marked: u32) -> u32 {
    marked & !(TOUCH | GONE | CUT | SQUARE)
}

/// The start of a horizontal edge, with its marks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Corner {
    /// Column of its start, counted from the extent's, with the marks of the start.
    pub(super) col: u32,
    /// Row, counted from the extent's, with the marks of the end.
    pub(super) row: u32,
}

#[derive(Debug, Clone, Copy)]
struct Edge {
    at: Corner,
    /// The edge that follows, in the chain, the closed ring or the list of free slots.
    next: u32,
    /// At either end of an open chain: the edge at its other end.
    peer: u32,
}

/// All edges of open regions, in reused slots.
#[derive(Debug, Default)]
pub(super) struct Chains {
    edges: Vec<Edge>,
    free: Option<u32>,
    live: usize,
}

impl Chains {
    /// Number of edges held.
    pub(super) fn live(&self) -> usize {
        self.live
    }

    /// Number of slots, used and free.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.edges.len()
    }

    /// Opens a chain of one edge, which is both its first and its last.
    pub(super) fn open(&mut self, at: Corner) -> u32 {
        self.live += 1;
        if let Some(slot) = self.free {
            let next = self.edges[slot as usize].next;
            self.free = (next != slot).then_some(next);
            self.edges[slot as usize] = Edge { at, next: slot, peer: slot };
            return slot;
        }
        // `Polygonizer::push_row` refuses rows that could bring the count beyond u32.
        let slot = fitted(self.edges.len());
        self.edges.push(Edge { at, next: slot, peer: slot });
        slot
    }

    /// Adds an edge behind the last one of a chain and returns it.
    pub(super) fn append(&mut self, last: u32, at: Corner) -> u32 {
        let added = self.open(at);
        let first = self.edges[last as usize].peer;
        self.edges[last as usize].next = added;
        self.edges[first as usize].peer = added;
        self.edges[added as usize].peer = first;
        added
    }

    /// Adds an edge before the first one of a chain and returns it.
    pub(super) fn prepend(&mut self, first: u32, at: Corner) -> u32 {
        let added = self.open(at);
        let last = self.edges[first as usize].peer;
        self.edges[last as usize].peer = added;
        self.edges[added as usize] = Edge { at, next: first, peer: last };
        added
    }

    /// Joins the end of one chain to the start of another by an edge. Returns that edge when both were the two
    /// ends of one chain, which is a closed ring from then on.
    pub(super) fn join(&mut self, last: u32, first: u32, at: Corner) -> Option<u32> {
        let added = self.append(last, at);
        let other_first = self.edges[added as usize].peer;
        self.edges[added as usize].next = first;
        if other_first == first {
            return Some(added);
        }
        let other_last = self.edges[first as usize].peer;
        self.edges[other_first as usize].peer = other_last;
        self.edges[other_last as usize].peer = other_first;
        None
    }

    /// Visits the corners of a closed ring in order and frees its slots.
    pub(super) fn take_ring(&mut self, ring: u32, mut visit: impl FnMut(Corner)) {
        let mut slot = ring;
        loop {
            let edge = self.edges[slot as usize];
            visit(edge.at);
            self.live -= 1;
            if edge.next == ring {
                break;
            }
            slot = edge.next;
        }
        // The ring becomes the head of the list of free slots, whose last slot points at itself.
        self.edges[slot as usize].next = self.free.unwrap_or(slot);
        self.free = Some(ring);
    }
}
