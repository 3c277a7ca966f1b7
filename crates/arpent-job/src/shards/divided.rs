//! What the stored state of a job depends on: its pieces and its shards.

use std::ops::Range;

/// A piece of a plan, by its map and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PieceId {
    /// Number of the map.
    pub map: usize,
    /// Number of the piece.
    pub index: usize,
}

/// One of the results of a plan: a map, or a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<'a> {
    /// Its id: pieces are stored below it, and its manifest has it.
    pub id: &'a str,
    /// Pixels of each of its pieces, from the north.
    pub pieces: &'a [u64],
    /// Where it is published, if the plan says.
    pub output: Option<String>,
}

/// A job divided into pieces, which shards compute.
pub trait Divided {
    /// The id of the plan: the name of the job's folder.
    fn id(&self) -> &str;

    /// Number of shards.
    fn shards(&self) -> usize;

    /// The results.
    fn parts(&self) -> Vec<Part<'_>>;

    /// Every piece, with its pixels, part by part.
    fn pieces(&self) -> Vec<(PieceId, u64)> {
        let of_part = |(map, part): (usize, Part<'_>)| {
            let sizes = part.pieces.iter().enumerate();
            sizes.map(|(index, pixels)| (PieceId { map, index }, *pixels)).collect::<Vec<_>>()
        };
        self.parts().into_iter().enumerate().flat_map(of_part).collect()
    }

    /// The pieces of each shard: neighbors, of about as many pixels in each. Some have none where there are more shards than
    /// pieces.
    fn shares(&self) -> Vec<Range<usize>> {
        let sizes: Vec<u64> = self.pieces().into_iter().map(|(_, pixels)| pixels).collect();
        let all: u128 = sizes.iter().map(|pixels| u128::from(*pixels)).sum();
        let (mut shares, mut begin, mut done) = (Vec::with_capacity(self.shards()), 0, 0u128);
        for shard in 0..self.shards() {
            let wanted = all * (shard as u128 + 1) / self.shards() as u128;
            let mut end = begin;
            // A piece belongs to the shard in whose share its middle lies.
            while end < sizes.len() && done + u128::from(sizes[end] / 2) < wanted {
                done += u128::from(sizes[end]);
                end += 1;
            }
            if shard + 1 == self.shards() {
                end = sizes.len();
            }
            shares.push(begin..end);
            begin = end;
        }
        shares
    }
}
