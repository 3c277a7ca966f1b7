//! Blocks shared by several readers: remote ones, and those that are slow to decode.
//!
//! GDAL caches the blocks of each open dataset separately, and each reader has its own datasets: two readers of
//! neighboring windows would both fetch and decode the blocks that both windows touch. Measured: four readers fetched
//! 2.5 times the bytes of one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use arpent_raster::{Chip, Coding, SceneInfo, Window};

use super::block::Block;
use crate::GdalError;
use crate::uri::is_remote_uri;

/// Candidates for the minimum side of a cell, the unit of fetching and caching, pixels; the first whose cells are small
/// enough is used. A window mostly lacks a column of blocks: single ones need a request each, adjacent ones of a
/// GeoTIFF come in one.
const LEAST_SIDES: [usize; 3] = [1024, 256, 1];

/// Bytes of a cell at most, unless it is a single block.
const CELL_BYTES: usize = 8 << 20;

/// Bytes fetched at a time, as decoded: each reader holds twice as much in addition to its window.
const PIECE_BYTES: usize = 16 << 20;

/// Memory for decoding a block of JPEG 2000, bytes per value: coefficients and buffers of the transform. Measured: 6
/// for tiles of 2048 px, more for smaller ones.
pub(crate) const DECODER_BYTES: usize = 16;

/// Cache of decoded blocks, each fetched once by the reader that needs it first; the others wait for it. Clones share
/// the same blocks. The least recently used blocks are evicted. Local blocks that are fast to decode are left to GDAL's
/// cache.
#[derive(Debug, Clone)]
pub struct SharedBlocks(Arc<Store>);

#[derive(Debug)]
struct Store {
    limit_bytes: usize,
    kept: Mutex<CachedBlocks>,
    changed: Condvar,
}

/// Name of a scene with its bands to read, and column and row of a cell.
type Key = (Arc<str>, usize, usize);

#[derive(Debug, Default)]
struct CachedBlocks {
    slots: HashMap<Key, Slot>,
    /// Keys by the time of their last use.
    by_use: BTreeMap<u64, Key>,
    time: u64,
    bytes: usize,
    fetched: u64,
}

#[derive(Debug)]
enum Slot {
    /// A reader fetches it.
    Coming,
    Here {
        block: Arc<Block>,
        used: u64,
    },
}

impl SharedBlocks {
    /// Whether readers share the blocks of a scene: if its file has single blocks that are either remote or slow to
    /// decode. Blocks too large for the cache are shared only if they are slow to decode.
    pub fn takes(scene: &SceneInfo) -> bool {
        match scene.coding {
            Coding::Other => false,
            Coding::Blocks => is_remote_uri(&scene.uri),
            Coding::CostlyBlocks => true,
        }
    }

    /// GDAL cache needed for each reader of a scene, bytes: all bands of the costly blocks that it decodes at a time,
    /// which GDAL would otherwise decode again for each band.
    pub fn cache_of_a_reader(scene: &SceneInfo) -> u64 {
        let pixel: usize = scene.bands.iter().map(|band| band.sample_type.bytes()).sum();
        costly_pixels(scene).0.saturating_mul(pixel) as u64
    }

    /// Memory of each reader of a scene in addition to its window, this cache, and GDAL's cache, bytes: the fetched
    /// piece, its copy for the cache, and the buffers of a decoder.
    pub(crate) fn bytes_of_a_reader(scene: &SceneInfo) -> u64 {
        let bands = scene.bands.len();
        let (_, block) = costly_pixels(scene);
        // A value is kept in four bytes at most; cells larger than a block have few bytes.
        let cell = block.saturating_mul(4 * bands + 1).max(PIECE_BYTES);
        let decoder = block.saturating_mul(DECODER_BYTES * bands);
        cell.saturating_mul(2).saturating_add(decoder) as u64
    }

    /// A cache of so many MiB.
    pub fn new(limit_mb: u32) -> Self {
        let limit_bytes = (limit_mb as usize) << 20;
        Self(Arc::new(Store { limit_bytes, kept: Mutex::default(), changed: Condvar::new() }))
    }

    /// Number of cells fetched and decoded.
    pub fn fetched(&self) -> u64 {
        self.0.lock().fetched
    }

    /// A window of a scene, from cached cells and cells read by `fetch`.
    pub(crate) fn read(
        &self,
        cells: &Cells,
        window: Window,
        mut fetch: impl FnMut(Window) -> Result<Block, GdalError>,
    ) -> Result<Chip, GdalError> {
        let mut chip = Chip::empty(window, cells.bands);
        let mut wanted = cells.touching(&window);
        while !wanted.is_empty() {
            let (here, claim) = self.claim(cells, &mut wanted);
            for block in here {
                block.paste(&mut chip);
            }
            for piece in cells.pieces(&claim.cells) {
                let part = fetch(cells.window_of(&piece))?;
                part.paste(&mut chip);
                claim.deliver(cells, &piece, part);
            }
        }
        Ok(chip)
    }

    /// Splits the wanted cells into cached ones and those that no reader fetches yet, which the caller must now fetch
    /// (only one if it is costly, so that other readers can fetch the next); the rest stay in `wanted`. Waits while
    /// other readers fetch all of them.
    fn claim(&self, cells: &Cells, wanted: &mut Vec<(usize, usize)>) -> (Vec<Arc<Block>>, Claim<'_>) {
        let mut kept = self.0.lock();
        let coming = |kept: &CachedBlocks, cell: &(usize, usize)| {
            matches!(kept.slots.get(&cells.key(*cell)), Some(Slot::Coming))
        };
        while wanted.iter().all(|cell| coming(&kept, cell)) {
            kept = self.0.changed.wait(kept).unwrap_or_else(PoisonError::into_inner);
        }
        let (mut here, mut mine) = (Vec::new(), Vec::new());
        wanted.retain(|cell| {
            let others = coming(&kept, cell);
            if let Some(block) = kept.take(&cells.key(*cell)) {
                here.push(block);
            } else if others || mine.len() == cells.at_once {
                return true;
            } else {
                kept.slots.insert(cells.key(*cell), Slot::Coming);
                mine.push(*cell);
            }
            false
        });
        (here, Claim { store: &self.0, scene: Arc::clone(&cells.scene), cells: mine })
    }
}

impl Store {
    fn lock(&self) -> MutexGuard<'_, CachedBlocks> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CachedBlocks {
    /// A cached block, marked as used.
    fn take(&mut self, key: &Key) -> Option<Arc<Block>> {
        let Some(Slot::Here { block, used }) = self.slots.get_mut(key) else { return None };
        self.time += 1;
        self.by_use.remove(used);
        self.by_use.insert(self.time, key.clone());
        *used = self.time;
        Some(Arc::clone(block))
    }

    fn put(&mut self, key: Key, block: Block, limit_bytes: usize) {
        self.time += 1;
        self.fetched += 1;
        self.bytes += block.bytes();
        self.by_use.insert(self.time, key.clone());
        self.slots.insert(key, Slot::Here { block: Arc::new(block), used: self.time });
        while self.bytes > limit_bytes {
            let Some((_, oldest)) = self.by_use.pop_first() else { break };
            if let Some(Slot::Here { block, .. }) = self.slots.remove(&oldest) {
                self.bytes -= block.bytes();
            }
        }
    }
}

/// Cells that a reader fetches. On drop, those not delivered are released for other readers.
struct Claim<'a> {
    store: &'a Store,
    scene: Arc<str>,
    cells: Vec<(usize, usize)>,
}

impl Claim<'_> {
    /// Puts the cells of a piece into the cache.
    fn deliver(&self, cells: &Cells, piece: &[(usize, usize)], part: Block) {
        let put = |cell: (usize, usize), block| {
            self.store.lock().put(cells.key(cell), block, self.store.limit_bytes);
        };
        if let [cell] = piece {
            put(*cell, part);
        } else {
            for cell in piece {
                part.cut(cells.window_of(&[*cell])).into_iter().for_each(|block| put(*cell, block));
            }
        }
        self.store.changed.notify_all();
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut kept = self.store.lock();
        for (col, row) in &self.cells {
            let key = (Arc::clone(&self.scene), *col, *row);
            if matches!(kept.slots.get(&key), Some(Slot::Coming)) {
                kept.slots.remove(&key);
            }
        }
        drop(kept);
        self.store.changed.notify_all();
    }
}

/// The cells of a scene: storage blocks, small ones combined.
#[derive(Debug)]
pub(crate) struct Cells {
    scene: Arc<str>,
    window: Window,
    side: (usize, usize),
    bands: usize,
    /// Bytes of a value of one band.
    sample_bytes: usize,
    /// Cells that a reader claims at a time.
    at_once: usize,
}

impl Cells {
    /// The cells of a scene that fills a window; `None` if a cell is too large for the cache. Costly cells of any size
    /// are cached, since otherwise each reader would hold them.
    pub(crate) fn new(
        uri: &str,
        bands: &[usize],
        sample_bytes: usize,
        window: Window,
        block: (usize, usize),
        coding: Coding,
    ) -> Option<Self> {
        let is_costly = coding == Coding::CostlyBlocks;
        let (most, at_once) = if is_costly { (usize::MAX, 1) } else { (PIECE_BYTES, usize::MAX) };
        let side = side_of_cells(window, block, sample_bytes * bands.len() + 1);
        let scene = format!("{bands:?} {uri}").into();
        let cells = Self { scene, window, side, bands: bands.len(), sample_bytes, at_once };
        Some(cells).filter(|cells| cells.bytes() <= most && !window.is_empty())
    }

    /// Bytes of one cell.
    fn bytes(&self) -> usize {
        self.side.0.saturating_mul(self.side.1).saturating_mul(self.sample_bytes * self.bands + 1)
    }

    fn key(&self, cell: (usize, usize)) -> Key {
        (Arc::clone(&self.scene), cell.0, cell.1)
    }

    /// The cells that a window touches, row by row.
    fn touching(&self, window: &Window) -> Vec<(usize, usize)> {
        let Some(common) = self.window.intersect(window) else { return Vec::new() };
        let Some((col, row)) = self.window.offset_of(&common) else { return Vec::new() };
        let cols = col / self.side.0..(col + common.width).div_ceil(self.side.0);
        let rows = row / self.side.1..(row + common.height).div_ceil(self.side.1);
        rows.flat_map(|r| cols.clone().map(move |c| (c, r))).collect()
    }

    /// The smallest window that contains these cells.
    fn window_of(&self, cells: &[(usize, usize)]) -> Window {
        let one = |(col, row): &(usize, usize)| {
            let (x, y) = (col * self.side.0, row * self.side.1);
            Window {
                col: self.window.col.saturating_add_unsigned(x as u64),
                row: self.window.row.saturating_add_unsigned(y as u64),
                width: self.side.0.min(self.window.width.saturating_sub(x)),
                height: self.side.1.min(self.window.height.saturating_sub(y)),
            }
        };
        cells.iter().map(one).fold(Window::new(0, 0, 0, 0), |all, w| all.union(&w))
    }

    /// Divides cells into rectangles, none larger than the bytes fetched at a time.
    fn pieces(&self, cells: &[(usize, usize)]) -> Vec<Vec<(usize, usize)>> {
        let most = (PIECE_BYTES / self.bytes().max(1)).max(1);
        let mut left: BTreeSet<(usize, usize)> = cells.iter().map(|(col, row)| (*row, *col)).collect();
        let mut pieces = Vec::new();
        while let Some((row, col)) = left.first().copied() {
            let width = (1..=most).take_while(|w| left.contains(&(row, col + w - 1))).count();
            let whole = |r: usize| (col..col + width).all(|c| left.contains(&(r, c)));
            let height = (1..=most / width).take_while(|h| whole(row + h - 1)).count();
            let piece: Vec<_> =
                (row..row + height).flat_map(|r| (col..col + width).map(move |c| (c, r))).collect();
            left.retain(|(r, c)| !piece.contains(&(*c, *r)));
            pieces.push(piece);
        }
        pieces
    }
}

/// Columns and rows of the cells of a scene that fills a window, of so many bytes a pixel: storage blocks, small ones
/// combined.
fn side_of_cells(window: Window, block: (usize, usize), pixel_bytes: usize) -> (usize, usize) {
    let sides = |least: usize| {
        let side = |block: usize, whole: usize| (block.max(1) * least.div_ceil(block.max(1))).min(whole);
        (side(block.0, window.width), side(block.1, window.height))
    };
    let is_small =
        |side: &(usize, usize)| side.0.saturating_mul(side.1).saturating_mul(pixel_bytes) <= CELL_BYTES;
    LEAST_SIDES.iter().map(|least| sides(*least)).find(is_small).unwrap_or_else(|| sides(1))
}

/// Pixels of a cell and of a block, if blocks are costly, else 0.
fn costly_pixels(scene: &SceneInfo) -> (usize, usize) {
    if scene.coding != Coding::CostlyBlocks {
        return (0, 0);
    }
    let window = scene.native.as_ref().map_or(scene.window, |native| native.window);
    // Cells of a single band of bytes, with their validity, are the largest.
    let cell = side_of_cells(window, scene.block, 2);
    (cell.0.saturating_mul(cell.1), scene.block.0.saturating_mul(scene.block.1))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::scene::block::Values;

    const WHOLE: Window = Window::new(-100, 50, 3000, 2500);

    fn cells() -> Cells {
        Cells::new("a.tif", &[1], 1, WHOLE, (512, 512), Coding::Blocks).unwrap()
    }

    fn block(window: Window) -> Block {
        let byte = |col: i64, row: i64| u8::try_from((col * 3 + row * 7).rem_euclid(251)).unwrap();
        let values = (window.row..window.row_end())
            .flat_map(|row| (window.col..window.col_end()).map(move |col| byte(col, row)))
            .collect();
        Block { window, bands: 1, values: Values::Bytes(values), valid: None }
    }

    fn failure() -> GdalError {
        GdalError::Call { doing: "fetch", message: String::new() }
    }

    #[test]
    fn each_cell_is_fetched_once() {
        let (shared, cells) = (SharedBlocks::new(64), cells());
        let mut fetched = Vec::new();
        for (col, row) in [(0, 0), (700, 0), (700, 900), (2200, 1800), (0, 0)] {
            let window = Window::new(WHOLE.col + col, WHOLE.row + row, 800, 700);
            let chip = shared.read(&cells, window, |piece| {
                fetched.push(piece);
                Ok(block(piece))
            });
            assert_eq!(chip.unwrap(), block(window).into_chip());
        }
        for (i, one) in fetched.iter().enumerate() {
            assert!(fetched[i + 1..].iter().all(|other| one.intersect(other).is_none()), "{fetched:?}");
        }
    }

    #[test]
    fn what_was_not_used_for_longest_makes_room() {
        let (shared, cells) = (SharedBlocks::new(2), cells());
        let mut count = 0;
        // Each cell takes a MiB and a little: there is room for one.
        for col in [0, 0, 1024, 1024, 0] {
            let window = Window::new(WHOLE.col + col, WHOLE.row, 10, 10);
            shared
                .read(&cells, window, |piece| {
                    count += 1;
                    Ok(block(piece))
                })
                .unwrap();
            assert!(shared.0.lock().bytes <= 2 << 20);
        }
        let kept = shared.0.lock();
        assert_eq!((count, kept.slots.len(), kept.by_use.len()), (3, 1, 1));
    }

    #[test]
    fn readers_wait_for_pending_blocks_and_retry_failed_ones() {
        let (shared, cells) = (&SharedBlocks::new(64), &cells());
        let window = Window::new(WHOLE.col, WHOLE.row, 10, 10);
        let ((begun, has_begun), (go, gone)) = (mpsc::channel(), mpsc::channel::<bool>());
        std::thread::scope(|scope| {
            let first = scope.spawn(move || {
                shared.read(cells, window, |piece| {
                    begun.send(()).unwrap();
                    if gone.recv().unwrap() { Ok(block(piece)) } else { Err(failure()) }
                })
            });
            has_begun.recv().unwrap();
            let second = scope.spawn(|| shared.read(cells, window, |piece| Ok(block(piece))));
            go.send(false).unwrap();
            assert!(first.join().unwrap().is_err());
            assert_eq!(second.join().unwrap().unwrap(), block(window).into_chip());
        });
        assert!(shared.read(cells, window, |_| Err(failure())).is_ok(), "it is here by now");
    }

    #[test]
    fn cells_are_whole_blocks_of_a_bounded_size() {
        let side = |bands: &[usize], sample_bytes, window, block| {
            Cells::new("a", bands, sample_bytes, window, block, Coding::Blocks).map(|cells| cells.side)
        };
        let large = Window::new(0, 0, 100_000, 100_000);
        assert_eq!(side(&[1, 2, 3], 1, large, (512, 512)), Some((1024, 1024)));
        assert_eq!(side(&[1, 2, 3], 1, large, (400, 300)), Some((1200, 1200)));
        assert_eq!(side(&[1, 2, 3, 4], 4, large, (512, 512)), Some((512, 512)));
        assert_eq!(side(&[1], 1, Window::new(0, 0, 700, 90), (512, 512)), Some((700, 90)));
        // Rows of a raster that is not tiled.
        assert_eq!(side(&[1, 2, 3], 1, large, (100_000, 1)), Some((100_000, 1)));
        assert_eq!(side(&[1, 2, 3], 1, large, (100_000, 100_000)), None);
        assert_eq!(side(&[1], 1, Window::new(0, 0, 0, 0), (512, 512)), None);
    }

    #[test]
    fn costly_cells_are_kept_whatever_their_size_and_taken_one_by_one() {
        let large = Window::new(0, 0, 100_000, 100_000);
        let cells = |block| Cells::new("a", &[1, 2, 3, 4], 1, large, block, Coding::CostlyBlocks).unwrap();
        assert_eq!(cells((4096, 4096)).side, (4096, 4096));
        assert_eq!(cells((256, 256)).side, (1024, 1024));
        let (shared, cells) = (SharedBlocks::new(64), cells((1024, 1024)));
        let mut wanted = cells.touching(&Window::new(0, 0, 3000, 1500));
        assert_eq!(wanted.len(), 6);
        let (_, first) = shared.claim(&cells, &mut wanted);
        let (_, second) = shared.claim(&cells, &mut wanted);
        // Two readers of one window decode one each, and neither waits for the other yet.
        assert_eq!((&first.cells[..], &second.cells[..]), (&[(0, 0)][..], &[(1, 0)][..]));
        assert_eq!(wanted.len(), 4, "the others are still wanted");
    }

    #[test]
    fn pieces_hold_each_cell_once() {
        let (whole, coding) = (Window::new(0, 0, 100_000, 100_000), Coding::Blocks);
        let cells = Cells::new("a", &[1, 2, 3], 1, whole, (512, 512), coding).unwrap();
        let wanted = [
            (0, 0),
            (1, 0),
            (2, 0),
            (5, 0),
            (0, 1),
            (1, 1),
            (2, 1),
            (0, 2),
            (0, 9),
            (0, 10),
            (0, 11),
            (0, 12),
            (0, 13),
        ];
        let pieces = cells.pieces(&wanted);
        let mut all: Vec<_> = pieces.iter().flatten().copied().collect();
        all.sort_unstable();
        let mut sorted = wanted.to_vec();
        sorted.sort_unstable();
        assert_eq!(all, sorted);
        for piece in &pieces {
            let window = cells.window_of(piece);
            assert_eq!(window.pixels(), piece.len() as u64 * 1024 * 1024, "{piece:?} is no rectangle");
            assert!(piece.len() * cells.bytes() <= PIECE_BYTES, "{piece:?} is too large");
        }
    }
}
