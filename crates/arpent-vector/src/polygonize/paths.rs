//! Pieces of boundaries, packed.

use crate::bytes::{Numbers, put, zigzag};

/// Directions of the sides of pixels; to the left is one less, modulo four.
pub(crate) const NORTH: u8 = 0;
pub(crate) const EAST: u8 = 1;
pub(crate) const SOUTH: u8 = 2;
pub(crate) const WEST: u8 = 3;

/// A vertex that a boundary passes: columns and rows are counted from the corner of a tile or of the extent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Passed {
    pub(super) at: [u32; 2],
    /// The marks of chains.
    pub(super) marks: u32,
}

/// What a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A piece of boundary, from one vertex of a line of the lattice to another.
    Open,
    /// The same, but it is one only if the region is cut: it runs along a line where both sides are of one region.
    Cut,
    /// A boundary that ends where it began; its first vertex is not repeated.
    Closed,
}

/// A path, and the directions of the first and the last side of pixels along it; of a closed one they mean nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PathHead {
    pub(super) kind: Kind,
    pub(super) leaves: u8,
    pub(super) arrives: u8,
}

/// Bits of marks: the highest four of a column or row.
const MARKS: u32 = 4;
const MARKS_SHIFT: u32 = u32::BITS - MARKS;

/// Paths, one after another. Of each: a byte of its head, the number of its vertices, and for each of them the
/// columns and rows from the one before (from the corner of the extent for the first), the former with the marks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Paths {
    bytes: Vec<u8>,
}

impl Paths {
    pub(super) fn push(&mut self, head: PathHead, vertices: &[Passed]) {
        let bytes = &mut self.bytes;
        bytes.push(head.kind as u8 | head.leaves << 2 | head.arrives << 4);
        put(bytes, vertices.len() as u64);
        let mut last = [0; 2];
        for Passed { at, marks } in vertices {
            let at = at.map(i64::from);
            put(bytes, zigzag(at[0] - last[0]) << MARKS | u64::from(marks >> MARKS_SHIFT));
            put(bytes, zigzag(at[1] - last[1]));
            last = at;
        }
    }

    /// Adds all paths of another list. The longer one is kept, so that n paths are moved n log n times at most.
    pub(super) fn append(&mut self, mut other: Self) {
        if other.bytes.len() > self.bytes.len() {
            std::mem::swap(self, &mut other);
        }
        self.bytes.extend(other.bytes);
    }

    /// The packed paths.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Packed paths of an extent of so many columns and rows; `None` if these bytes are none.
    pub(super) fn of_bytes(bytes: &[u8], size: [u32; 2]) -> Option<Self> {
        let paths = Self { bytes: bytes.to_vec() };
        let mut are_inside = true;
        let is_inside = |passed: &Passed| passed.at[0] <= size[0] && passed.at[1] <= size[1];
        let is_read = paths.read(&mut |_, vertices| are_inside &= vertices.iter().all(is_inside));
        (is_read && are_inside).then_some(paths)
    }

    /// Reads all paths; `false` if the bytes are malformed.
    pub(super) fn read(&self, each: &mut impl FnMut(PathHead, &[Passed])) -> bool {
        let mut numbers = Numbers::new(&self.bytes);
        let mut vertices = Vec::new();
        while !numbers.is_empty() {
            let Some(head) = read_path(&mut numbers, &mut vertices) else { return false };
            each(head, &vertices);
        }
        true
    }
}

fn read_path(numbers: &mut Numbers<'_>, vertices: &mut Vec<Passed>) -> Option<PathHead> {
    let head = numbers.byte()?;
    let kind = match head & 3 {
        0 => Kind::Open,
        1 => Kind::Cut,
        2 => Kind::Closed,
        _ => return None,
    };
    if head >> 6 != 0 {
        return None;
    }
    let count = numbers.count().filter(|count| *count >= 2)?;
    vertices.clear();
    let mut at = [0i64; 2];
    for _ in 0..count {
        let across: u64 = numbers.next()?;
        let marks = u32::try_from(across & 0xF).ok()? << MARKS_SHIFT;
        let steps = [crate::bytes::from_zigzag(across >> MARKS), numbers.next_signed()?];
        at = [at[0].checked_add(steps[0])?, at[1].checked_add(steps[1])?];
        let place = [u32::try_from(at[0]).ok()?, u32::try_from(at[1]).ok()?];
        if place.iter().any(|place| place >> MARKS_SHIFT != 0) {
            return None;
        }
        vertices.push(Passed { at: place, marks });
    }
    Some(PathHead { kind, leaves: head >> 2 & 3, arrives: head >> 4 & 3 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn paths() -> impl Strategy<Value = Vec<(PathHead, Vec<Passed>)>> {
        let vertex = (prop::array::uniform2(0u32..1 << 28), 0u32..16)
            .prop_map(|(at, marks)| Passed { at, marks: marks << MARKS_SHIFT });
        let kind = prop::sample::select(vec![Kind::Open, Kind::Cut, Kind::Closed]);
        let head =
            (kind, 0u8..4, 0u8..4).prop_map(|(kind, leaves, arrives)| PathHead { kind, leaves, arrives });
        prop::collection::vec((head, prop::collection::vec(vertex, 2..9)), 0..5)
    }

    proptest! {
        #[test]
        fn paths_are_read_as_written(first in paths(), second in paths()) {
            let packed = |paths: &[(PathHead, Vec<Passed>)]| {
                let mut packed = Paths::default();
                for (head, vertices) in paths {
                    packed.push(*head, vertices);
                }
                packed
            };
            let mut all = packed(&first);
            all.append(packed(&second));
            let all = Paths::of_bytes(all.bytes(), [1 << 28; 2]).unwrap();
            let mut read = Vec::new();
            assert!(all.read(&mut |head, vertices| read.push((head, vertices.to_vec()))));
            let count = first.len();
            let is_first = |read: &[(PathHead, Vec<Passed>)]| read == first;
            let (one, other) = read.split_at(count);
            let is_in_order = is_first(one) && other == second;
            let (one, other) = read.split_at(second.len());
            prop_assert!(is_in_order || one == second && is_first(other));
        }

        #[test]
        fn other_bytes_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = Paths::of_bytes(&bytes, [9; 2]);
        }
    }
}
