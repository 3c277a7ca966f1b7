//! Pieces of a comparison: strips whose pixels a worker reads and scores.
//!
//! Layout ([`pack`]ed): length of the head (u32, little-endian), the head (JSON: [`Head`]), then a byte for each pixel of
//! the piece: the class at the earlier date, at the later one (if maps are compared), the confidence of each map that has
//! any, and the score of the images (of the window that both dates have).

use arpent_base::Result;
use arpent_base::number::{fitted, wide};
use arpent_change::register::Cell;
use arpent_raster::{Raster, Window};
use serde::{Deserialize, Serialize};

use super::evidence::ScoreCount;
use super::inputs::MapPixels;
use crate::shards::{Rest, ShardError, pack, unpack};

const MAGIC: &[u8] = b"ARPENT-CHANGE-PIECE/2\n";
/// Pixels of a piece, if its rows are not the fewest.
const PIECE_PX: u64 = 1 << 25;
/// Fewest rows of a piece.
const FEWEST_ROWS: u64 = 16;
/// Pieces of each shard at least, where there are enough rows: what a killed worker loses is one.
const PIECES_OF_A_SHARD: u64 = 4;
/// Bytes of a pixel at most.
const MOST_PLANES: u64 = 5;
/// Size of the head at most, bytes: a cell is some 200 bytes.
const MOST_HEAD: u64 = 256 << 20;

/// Pixels of a strip.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Piece {
    pub(super) window: Window,
    /// Cells of registration, by band.
    pub(super) cells: Vec<Vec<Cell>>,
    /// What both maps say, where maps are compared.
    pub(super) maps: Option<MapPixels>,
    /// Scores of the part that the images of both dates have.
    pub(super) scores: Option<Raster<u8>>,
    pub(super) count: ScoreCount,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    comparison: String,
    index: usize,
    window: Window,
    has_classes: bool,
    has_confidences: [bool; 2],
    scored: Option<Window>,
    count: ScoreCount,
    cells: Vec<Vec<Cell>>,
}

/// Rows of the pieces of a comparison, a power of two.
pub(super) fn rows_of_pieces(extent: Window, shards: usize) -> u32 {
    let by_size = PIECE_PX / wide(extent.width).max(1);
    let by_shards = wide(extent.height) / (wide(shards).max(1) * PIECES_OF_A_SHARD);
    let rows = by_size.min(by_shards).max(FEWEST_ROWS);
    1 << rows.ilog2()
}

/// The windows of the pieces, from north to south; they begin at multiples of `rows`, counted from the origin of the CRS.
pub(super) fn windows_of_pieces(extent: Window, rows: u32) -> Vec<Window> {
    extent.split_rows(i64::from(rows.max(1))).collect()
}

impl Piece {
    /// The bytes that are stored.
    pub(super) fn encode(&self, comparison: &str, index: usize) -> Result<Vec<u8>> {
        let head = serde_json::to_vec(&Head {
            comparison: comparison.to_owned(),
            index,
            window: self.window,
            has_classes: self.maps.is_some(),
            has_confidences: match &self.maps {
                Some(maps) => maps.confidences.each_ref().map(Option::is_some),
                None => [false; 2],
            },
            scored: self.scores.as_ref().map(Raster::window),
            count: self.count,
            cells: self.cells.clone(),
        })?;
        let mut body = fitted::<u32>(head.len()).to_le_bytes().to_vec();
        body.extend(head);
        let planes = self.maps.iter().flat_map(MapPixels::planes).chain(&self.scores);
        planes.for_each(|plane| body.extend(plane.data()));
        Ok(pack(MAGIC, &body).map_err(|source| ShardError::Pack { source })?)
    }

    /// Reads what [`Piece::encode`] wrote for this window.
    ///
    /// # Errors
    /// [`ShardError::BadPiece`] for anything else.
    pub(super) fn decode(
        bytes: &[u8],
        place: &str,
        comparison: &str,
        index: usize,
        window: Window,
    ) -> Result<Self, ShardError> {
        let bad = |reason| ShardError::BadPiece { place: place.to_owned(), reason };
        let body = unpack(MAGIC, bytes, MOST_HEAD + MOST_PLANES * window.pixels(), place)?;
        let mut rest = Rest(&body);
        let head = rest.number().and_then(|bytes| rest.take(usize::try_from(bytes).ok()?));
        let head = head.ok_or_else(|| bad("its head is truncated"))?;
        let head: Head = serde_json::from_slice(head).map_err(|_| bad("its head cannot be read"))?;
        if (&*head.comparison, head.index, head.window) != (comparison, index, window) {
            return Err(bad("it belongs to another comparison, or is another piece"));
        }
        let mut plane = |of: Window| {
            let pixels = rest.take(of.width.checked_mul(of.height)?)?;
            Raster::new(of, pixels.to_vec()).ok()
        };
        let short = || bad("its pixels do not fit its window");
        let maps = if head.has_classes {
            let classes = [plane(window).ok_or_else(short)?, plane(window).ok_or_else(short)?];
            let [before, after] =
                head.has_confidences.map(|has| has.then(|| plane(window).ok_or_else(short)).transpose());
            Some(MapPixels { classes, confidences: [before?, after?] })
        } else {
            None
        };
        let scored = head.scored.map(|of| plane(of).filter(|_| window.contains(&of)).ok_or_else(short));
        let scores = scored.transpose()?;
        if !rest.0.is_empty() {
            return Err(bad("it contains more than its pixels"));
        }
        Ok(Self { window, cells: head.cells, maps, scores, count: head.count })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COMPARISON: &str = "0123456789abcdef";

    fn piece(window: Window, has_classes: bool, has_confidences: [bool; 2], has_scores: bool) -> Piece {
        let fill = |n: u8| Raster::filled(window, n);
        let confidences = has_confidences.map(|has| has.then(|| fill(7)));
        Piece {
            window,
            cells: vec![Vec::new(); 2],
            maps: has_classes.then(|| MapPixels { classes: [fill(1), fill(2)], confidences }),
            scores: has_scores.then(|| fill(200)),
            count: ScoreCount { pixels: 12, above: 3 },
        }
    }

    proptest! {
        #[test]
        fn pieces_cover_an_extent_once_and_begin_on_the_lattice(col in -500i64..500, row in -500i64..500, width in 1usize..200, height in 1usize..900, shards in 1usize..9) {
            let extent = Window::new(col, row, width, height);
            let rows = rows_of_pieces(extent, shards);
            let windows = windows_of_pieces(extent, rows);
            let mut next = extent.row;
            for window in &windows {
                prop_assert_eq!((window.col, window.width, window.row), (extent.col, extent.width, next));
                prop_assert!(window.row == extent.row || window.row.rem_euclid(i64::from(rows)) == 0);
                prop_assert!(window.height <= rows as usize);
                next = window.row_end();
            }
            prop_assert_eq!(next, extent.row_end());
        }

        #[test]
        fn a_piece_comes_back_and_whatever_happened_to_it_is_seen(maps: bool, sure: [bool; 2], images: bool, at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let window = Window::new(-3, 64, 40, 16);
            let made = piece(window, maps, sure, images);
            let bytes = made.encode(COMPARISON, 4).unwrap();
            let decode = |bytes: &[u8], index, window| Piece::decode(bytes, "x", COMPARISON, index, window);
            prop_assert_eq!(&decode(&bytes, 4, window).unwrap(), &made);
            prop_assert!(decode(&bytes, 5, window).is_err());
            prop_assert!(decode(&bytes, 4, Window::new(-3, 80, 40, 16)).is_err());
            prop_assert!(Piece::decode(&bytes, "x", "fedcba9876543210", 4, window).is_err());
            let mut flipped = bytes.clone();
            flipped[at.index(bytes.len())] ^= 1 << bit;
            prop_assert!(decode(&flipped, 4, window).is_err());
        }
    }

    #[test]
    fn pieces_are_of_some_seconds_and_a_shard_has_several() {
        let rows = |width, height, shards| rows_of_pieces(Window::new(0, 0, width, height), shards);
        assert_eq!(rows(100_000, 100_000, 10), 256);
        assert_eq!(rows(1_000_000, 1_000_000, 10), 32);
        assert_eq!(rows(200, 160, 3), 16);
        assert_eq!(rows(2_000, 8_000, 1), 1024);
    }
}
