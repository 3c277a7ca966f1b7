//! Whether two pictures are the same, or nearly so.

use std::collections::HashMap;

use arpent_base::number::{exact_f32, fitted, narrow};
use arpent_raster::Chip;
use sha2::{Digest, Sha256};

/// Rows of the thumbnail, and differences to a row.
const SIDE: usize = 8;

/// Bits in which the hashes of near duplicates may differ, of 64.
pub(super) const NEAR: u32 = 3;

/// Share of the brightest value by which thumbnails of near duplicates may differ on average, and within which a
/// picture is flat: its hash is random.
const TOLERANCE: f32 = 0.02;

/// The fingerprints by which a picture is recognized.
#[derive(Debug, Clone)]
pub(super) struct Print {
    /// Half of the SHA-256 over size and values.
    exact: [u8; 16],
    /// The difference hash (Krawetz, "Kind of like that", 2013): whether each of 8 x 8 cells is darker than its right
    /// neighbor, in a picture shrunk to 9 x 8 cells.
    pub(super) hash: u64,
    thumbnail: Vec<f32>,
}

impl Print {
    /// The print of an item's pictures; of two dates the hash and the thumbnail are the first's.
    pub(super) fn new(chips: &[Chip]) -> Self {
        let mut hasher = Sha256::new();
        for chip in chips {
            let size = [chip.window.width, chip.window.height, chip.bands];
            for number in size {
                hasher.update(number.to_le_bytes());
            }
            for value in &chip.data {
                hasher.update(value.to_le_bytes());
            }
        }
        let mut exact = [0; 16];
        exact.copy_from_slice(&hasher.finalize()[..16]);
        let thumbnail = chips.first().map(thumbnail).unwrap_or_default();
        let cells = thumbnail.chunks_exact(SIDE + 1).flat_map(|row| row.windows(2));
        let hash = cells.fold(0u64, |hash, pair| hash << 1 | u64::from(pair[0] < pair[1]));
        Self { exact, hash, thumbnail }
    }

    fn is_flat(&self) -> bool {
        let (low, high) = self
            .thumbnail
            .iter()
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)));
        high - low <= TOLERANCE * high.abs().max(low.abs())
    }

    /// Bits that differ; `None` when the pictures are too different to be near duplicates.
    fn distance(&self, other: &Self) -> Option<u32> {
        let bits = (self.hash ^ other.hash).count_ones();
        let pairs = || self.thumbnail.iter().zip(&other.thumbnail);
        let brightest = pairs().fold(0.0f32, |all, (a, b)| all.max(a.abs()).max(b.abs()));
        let mean = pairs().map(|(a, b)| (a - b).abs()).sum::<f32>() / exact_f32(self.thumbnail.len().max(1));
        (bits <= NEAR && mean <= TOLERANCE * brightest).then_some(bits)
    }
}

/// Means over 9 x 8 cells of the mean of all bands, row by row.
fn thumbnail(chip: &Chip) -> Vec<f32> {
    let (width, height) = (chip.window.width, chip.window.height);
    let edge = |i: usize, cells: usize, size: usize| (i * size / cells).min(size.saturating_sub(1));
    let cell = |(row, col): (usize, usize)| {
        let (x0, y0) = (edge(col, SIDE + 1, width), edge(row, SIDE, height));
        let x1 = edge(col + 1, SIDE + 1, width).max(x0 + 1).min(width);
        let y1 = edge(row + 1, SIDE, height).max(y0 + 1).min(height);
        let (mut sum, mut count) = (0.0f64, 0u32);
        for band in 0..chip.bands {
            for line in chip.band(band).chunks_exact(width.max(1)).take(y1).skip(y0) {
                sum += line[x0..x1].iter().map(|v| f64::from(*v)).sum::<f64>();
                count += fitted::<u32>(x1 - x0);
            }
        }
        narrow(sum / f64::from(count.max(1)))
    };
    (0..SIDE).flat_map(|row| (0..=SIDE).map(move |col| (row, col))).map(cell).collect()
}

/// An index of pictures. Two hashes that differ in up to three bits agree in one of four quarters, so only
/// those are compared.
#[derive(Debug, Default)]
pub(super) struct Lookup {
    exact: HashMap<[u8; 16], usize>,
    quarters: HashMap<(u8, u16), Vec<usize>>,
    prints: Vec<(usize, Print)>,
}

fn quarters(hash: u64) -> impl Iterator<Item = (u8, u16)> {
    (0u8..4).map(move |i| {
        let quarter = hash >> (16 * u32::from(i)) & 0xffff;
        (i, fitted(quarter))
    })
}

impl Lookup {
    pub(super) fn insert(&mut self, item: usize, print: Print) {
        let place = self.prints.len();
        self.exact.entry(print.exact).or_insert(item);
        if !print.is_flat() {
            quarters(print.hash).for_each(|key| self.quarters.entry(key).or_default().push(place));
            self.prints.push((item, print));
        }
    }

    /// The picture most like this one with the number of bits in which they differ; `None` for equal pixels. Flat
    /// pictures are only compared pixel by pixel.
    pub(super) fn find(&self, print: &Print) -> Option<(usize, Option<u32>)> {
        if let Some(item) = self.exact.get(&print.exact) {
            return Some((*item, None));
        }
        if print.is_flat() {
            return None;
        }
        let places = quarters(print.hash).filter_map(|key| self.quarters.get(&key)).flatten();
        let near = places.filter_map(|place| {
            let (item, other) = &self.prints[*place];
            Some((print.distance(other)?, *item))
        });
        near.min().map(|(bits, item)| (item, Some(bits)))
    }
}
