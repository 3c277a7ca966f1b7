//! All zooms, from the deepest up: a tile is made of the four below it, as soon as they are there.
//!
//! Parts of features come sorted along the Hilbert curve, on which the tiles of one parent follow each other. So the four
//! tiles of a parent come together, and memory holds a path through the pyramid, not a zoom. A block is a tile with all
//! those below it; threads build blocks, whose results are taken in order: bytes do not depend on threads.

use std::collections::BTreeMap;
use std::sync::Arc;

use arpent_base::number::wide;
use serde::{Deserialize, Serialize};

use crate::archive::Archive;
use crate::draw::{Legend, draw};
use crate::error::Result;
use crate::grid::TileId;
use crate::mesh::Pt;
use crate::ordered::in_order;
use crate::scale::Scales;
use crate::spool::{Merged, decode};
use crate::tile::{Feat, Piece, Tile, generalize, join, leaf};

/// Tolerances of a tile that is too large grow by this factor of area at a time, at most so often.
const COARSER: (f64, u32) = (2.0, 24);

/// A part of a feature in a scratch file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) tile: [u32; 2],
    pub(crate) feat: Feat,
    /// Differences of coordinates, x and y in turn.
    pub(crate) rings: Vec<Vec<i32>>,
    pub(crate) dot: Option<[i32; 2]>,
}

/// Places as differences.
pub(crate) fn deltas(ring: &[Pt]) -> Vec<i32> {
    let mut last = Pt::new(0, 0);
    let step = |p: &Pt| {
        let by = [p.x - last.x, p.y - last.y];
        last = *p;
        by
    };
    ring.iter().flat_map(step).collect()
}

fn places(deltas: &[i32]) -> Vec<Pt> {
    let mut last = Pt::new(0, 0);
    let step = |by: &[i32]| {
        last = Pt::new(last.x + by[0], last.y + by[1]);
        last
    };
    deltas.chunks_exact(2).map(step).collect()
}

/// How a pyramid is built.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) scales: Scales,
    pub(crate) legend: Legend,
    /// Whether features are a coverage.
    pub(crate) coverage: bool,
    /// Zoom of the tiles that features are cut into, of blocks, and the deepest of the archive.
    pub(crate) leaf: u8,
    pub(crate) block: u8,
    pub(crate) deepest: u8,
    /// Bytes of a tile at most.
    pub(crate) largest: usize,
    pub(crate) threads: usize,
}

/// What came of a pyramid.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Built {
    /// Tiles that were made with a larger tolerance, to keep their size.
    pub(crate) coarser: u64,
    /// Bytes of the largest tile.
    pub(crate) largest: u64,
}

/// The parts of one tile, as bytes.
type Leaf = (TileId, Vec<Vec<u8>>);

/// A built block: drawn tiles, and the block itself.
struct Block {
    drawn: Vec<(TileId, Vec<u8>)>,
    top: Option<Tile>,
    coarser: u64,
}

/// Builds all tiles from sorted parts.
///
/// # Errors
/// When scratch files fail, or features overlap or cross themselves.
pub(crate) fn build(plan: &Plan, mut parts: Merged, archive: &mut Archive) -> Result<Built> {
    let mut upper = Upper { plan, archive, pending: BTreeMap::new(), built: Built::default() };
    let mut blocks = Blocks { plan, next: None };
    in_order(
        plan.threads,
        &|| Ok(|(id, leaves)| block(plan, id, leaves)),
        &mut || blocks.next(&mut parts),
        &mut |block| upper.take(block),
    )?;
    upper.finish()
}

/// Groups parts by block.
struct Blocks<'p> {
    plan: &'p Plan,
    next: Option<(TileId, Vec<u8>)>,
}

impl Blocks<'_> {
    fn read(&self, parts: &mut Merged) -> Result<Option<(TileId, Vec<u8>)>> {
        let Some((_, bytes)) = parts.next()? else { return Ok(None) };
        let [x, y] = decode::<[u32; 2]>(&bytes, std::path::Path::new("parts"))?;
        Ok(Some((TileId { z: self.plan.leaf, x, y }, bytes)))
    }

    fn next(&mut self, parts: &mut Merged) -> Result<Option<(TileId, Vec<Leaf>)>> {
        let first = match self.next.take() {
            Some(first) => first,
            None => match self.read(parts)? {
                Some(first) => first,
                None => return Ok(None),
            },
        };
        let id = first.0.above(self.plan.block);
        let mut leaves: Vec<Leaf> = vec![(first.0, vec![first.1])];
        while let Some((tile, bytes)) = self.read(parts)? {
            if tile.above(self.plan.block) != id {
                self.next = Some((tile, bytes));
                break;
            }
            match leaves.last_mut().filter(|last| last.0 == tile) {
                Some(last) => last.1.push(bytes),
                None => leaves.push((tile, vec![bytes])),
            }
        }
        Ok(Some((id, leaves)))
    }
}

fn block(plan: &Plan, id: TileId, leaves: Vec<Leaf>) -> Result<Block> {
    let mut block = Block { drawn: Vec::new(), top: None, coarser: 0 };
    block.top = Some(below(plan, id, &mut leaves.into_iter().peekable(), &mut block)?);
    Ok(block)
}

/// A tile with all below it.
fn below(
    plan: &Plan,
    id: TileId,
    leaves: &mut std::iter::Peekable<std::vec::IntoIter<Leaf>>,
    block: &mut Block,
) -> Result<Tile> {
    let tile = if id.z == plan.leaf {
        let parts = leaves.next().map(|leaf| leaf.1).unwrap_or_default();
        let pieces = parts.iter().map(|bytes| piece(bytes)).collect::<Result<Vec<_>>>()?;
        let coverage = plan.coverage.then_some(plan.legend.classes.len());
        leaf(id, pieces, 1 << plan.scales.bits(id.z), coverage)?
    } else {
        let mut children = Vec::new();
        while let Some(child) = leaves.peek().map(|leaf| leaf.0.above(id.z + 1)).filter(|c| c.parent() == id)
        {
            children.push(below(plan, child, leaves, block)?);
        }
        join(id, children, 1 << plan.scales.bits(id.z + 1))
    };
    finished(plan, tile, &mut block.drawn, &mut block.coarser)
}

fn piece(bytes: &[u8]) -> Result<Piece> {
    let part: Part = decode(bytes, std::path::Path::new("parts"))?;
    Ok(Piece {
        feat: Arc::new(part.feat),
        rings: part.rings.iter().map(|ring| places(ring)).collect(),
        dot: part.dot.map(|[x, y]| Pt::new(x, y)),
    })
}

/// A tile generalized for its zoom, and drawn; with a larger tolerance as long as it has too many bytes.
fn finished(plan: &Plan, tile: Tile, drawn: &mut Vec<(TileId, Vec<u8>)>, coarser: &mut u64) -> Result<Tile> {
    let z = tile.id.z;
    let mut factor = 1.0;
    if z <= plan.deepest {
        for _ in 0..COARSER.1 {
            let scale = plan.scales.at(z, factor);
            let own = generalize(tile.clone(), &scale);
            let bytes = draw(&own, &scale, &plan.legend)?;
            if bytes.len() <= plan.largest {
                if !bytes.is_empty() {
                    drawn.push((tile.id, bytes));
                }
                *coarser += u64::from(factor > 1.0);
                return Ok(own);
            }
            factor *= COARSER.0;
        }
    }
    let scale = plan.scales.at(z, factor);
    let own = generalize(tile, &scale);
    if z <= plan.deepest {
        // Nothing is left out: the smallest that there is.
        drawn.push((own.id, draw(&own, &scale, &plan.legend)?));
        *coarser += 1;
    }
    Ok(own)
}

/// The zooms above blocks.
struct Upper<'p> {
    plan: &'p Plan,
    archive: &'p mut Archive,
    /// Tiles whose parent is not complete yet, by zoom.
    pending: BTreeMap<u8, Vec<Tile>>,
    built: Built,
}

impl Upper<'_> {
    fn take(&mut self, block: Block) -> Result<()> {
        self.write(&block.drawn)?;
        self.built.coarser += block.coarser;
        block.top.map_or(Ok(()), |top| self.place(top))
    }

    fn write(&mut self, drawn: &[(TileId, Vec<u8>)]) -> Result<()> {
        for (id, bytes) in drawn {
            self.built.largest = self.built.largest.max(wide(bytes.len()));
            self.archive.add(*id, bytes)?;
        }
        Ok(())
    }

    /// A tile waits for those beside it; tiles of another parent mean that theirs is complete.
    fn place(&mut self, tile: Tile) -> Result<()> {
        let z = tile.id.z;
        if z == 0 {
            return Ok(());
        }
        let waiting = self.pending.get(&z).and_then(|tiles| tiles.first()).map(|first| first.id.parent());
        if waiting.is_some_and(|parent| parent != tile.id.parent()) {
            self.complete(z)?;
        }
        self.pending.entry(z).or_default().push(tile);
        Ok(())
    }

    /// Makes the parent of the tiles that wait at a zoom.
    fn complete(&mut self, z: u8) -> Result<()> {
        let children = self.pending.remove(&z).unwrap_or_default();
        let Some(parent) = children.first().map(|child| child.id.parent()) else { return Ok(()) };
        let tile = join(parent, children, 1 << self.plan.scales.bits(z));
        let (mut drawn, mut coarser) = (Vec::new(), 0);
        let tile = finished(self.plan, tile, &mut drawn, &mut coarser)?;
        self.built.coarser += coarser;
        self.write(&drawn)?;
        self.place(tile)
    }

    fn finish(mut self) -> Result<Built> {
        for z in (1..=self.plan.block).rev() {
            self.complete(z)?;
        }
        Ok(self.built)
    }
}
