//! Open regions: their sums, and which of them have turned out to be the same region.

use arpent_base::number::fitted;

use super::span::Span;
use super::sums::Scored;
use super::totals::Totals;

/// Open regions, in reused slots.
#[derive(Debug, Default)]
pub(super) struct Components {
    slots: Vec<Component>,
    free: Vec<u32>,
    /// Slots that were merged into another during the current row; runs may still refer to them.
    merged: Vec<u32>,
}

/// A region so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Component {
    parent: u32,
    pub(super) totals: Totals,
    pub(super) span: Span,
    /// 4-connected parts of it whose exterior is not closed yet; different parts may meet at a corner.
    pub(super) parts: u32,
    /// Closed rings, each by one of its edges: those of its holes and, if regions are 8-connected, the exteriors of parts.
    pub(super) rings: Vec<u32>,
}

impl Component {
    /// Adds another component.
    fn absorb(&mut self, other: Self) {
        self.totals.add(&other.totals);
        self.span.include(&other.span);
        self.parts += other.parts;
        let (mut long, short) = (std::mem::take(&mut self.rings), other.rings);
        // The longer list is kept, so that n rings are moved n log n times at most; they are sorted later.
        self.rings = if long.len() >= short.len() {
            long.extend(short);
            long
        } else {
            let mut other = short;
            other.extend(long);
            other
        };
    }

    /// Adds one run of pixels, which counts as `runs`.
    pub(super) fn add_run(&mut self, runs: u64, pixels: u32, scored: Scored, area_q64: u128, span: &Span) {
        let (pixels, confidence_sum, scored) = (u64::from(pixels), scored.sum, scored.pixels);
        self.totals.add(&Totals { runs, pixels, confidence_sum, scored, area_q64 });
        self.span.include(span);
    }
}

impl Components {
    /// Number of open regions.
    pub(super) fn live(&self) -> usize {
        self.slots.len() - self.free.len() - self.merged.len()
    }

    /// Number of slots, used and free.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// Opens a region of one part.
    pub(super) fn open(&mut self) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            // There are never more than runs in two rows.
            let slot = fitted(self.slots.len());
            self.slots.push(Component::default());
            slot
        });
        self.slots[slot as usize].parent = slot;
        self.slots[slot as usize].parts = 1;
        slot
    }

    /// The region that a slot stands for by now.
    pub(super) fn find(&mut self, slot: u32) -> u32 {
        let mut root = slot;
        while self.slots[root as usize].parent != root {
            let parent = self.slots[root as usize].parent;
            self.slots[root as usize].parent = self.slots[parent as usize].parent;
            root = parent;
        }
        root
    }

    /// Makes one region of two and returns it.
    pub(super) fn unite(&mut self, a: u32, b: u32) -> u32 {
        let (a, b) = (self.find(a), self.find(b));
        if a == b {
            return a;
        }
        let absorbed = std::mem::take(&mut self.slots[b as usize]);
        self.slots[a as usize].absorb(absorbed);
        self.slots[b as usize].parent = a;
        self.merged.push(b);
        a
    }

    /// The region of a slot that [`find`](Self::find) returned.
    pub(super) fn get_mut(&mut self, root: u32) -> &mut Component {
        &mut self.slots[root as usize]
    }

    /// Closes a region and hands it out; its slot holds an empty one.
    pub(super) fn take(&mut self, root: u32) -> Component {
        self.free.push(root);
        std::mem::replace(&mut self.slots[root as usize], Component { parent: root, ..Component::default() })
    }

    /// Frees the slots that were merged into other ones; no run may name them any more.
    pub(super) fn recycle_merged(&mut self) {
        self.free.append(&mut self.merged);
    }
}
