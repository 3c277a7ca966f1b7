//! Synthetic pictures computed from pixel numbers.

use arpent_base::SplitMix64;
use arpent_raster::Window;

/// A small deterministic generator (SplitMix64, Steele et al. 2014).
#[derive(Debug, Clone)]
pub struct SplitMix(SplitMix64);

impl SplitMix {
    /// From a seed.
    pub const fn new(seed: u64) -> Self {
        Self(SplitMix64::new(seed))
    }

    /// The next 64 bits.
    pub const fn draw(&mut self) -> u64 {
        self.0.draw()
    }

    /// A number below `end`.
    pub const fn below(&mut self, end: u64) -> u64 {
        self.draw() % end
    }
}

/// An infinite picture in three 8-bit bands: blobs of several colors with texture.
#[derive(Debug, Clone, Copy)]
pub struct Picture {
    seed: u64,
    blob: i64,
}

impl Picture {
    /// Blobs about `blob` pixels wide.
    pub const fn new(seed: u64, blob: i64) -> Self {
        Self { seed, blob }
    }

    /// Red, green and blue of a pixel.
    pub fn color(&self, col: i64, row: i64) -> [u8; 3] {
        let [r, g, b] = PALETTE[usize::from(self.kind(col, row))];
        let noise = self.hash(col, row).to_le_bytes();
        [r + noise[0] % 32, g + noise[1] % 32, b + noise[2] % 32]
    }

    /// Kind (0 to 3) of the blob at a pixel: that of the nearest blob center.
    pub fn kind(&self, col: i64, row: i64) -> u8 {
        let (cell_col, cell_row) = (col.div_euclid(self.blob), row.div_euclid(self.blob));
        let mut nearest = (i64::MAX, 0);
        for (c, r) in (-1..=1).flat_map(|r| (-1..=1).map(move |c| (cell_col + c, cell_row + r))) {
            let bits = self.hash(c.wrapping_mul(7919), r.wrapping_mul(104_729));
            let bytes = bits.to_le_bytes();
            let (dc, dr) = (i64::from(bytes[0]) * self.blob / 256, i64::from(bytes[1]) * self.blob / 256);
            let (x, y) = (c * self.blob + dc - col, r * self.blob + dr - row);
            nearest = nearest.min((x * x + y * y, bytes[2] % 4));
        }
        nearest.1
    }

    /// The three bands of a window, band by band.
    pub fn bands(&self, window: Window) -> Vec<u8> {
        let mut data = vec![0; window.width * window.height * 3];
        let pixels = window.width * window.height;
        let places =
            (window.row..window.row_end()).flat_map(|r| (window.col..window.col_end()).map(move |c| (c, r)));
        for (i, (col, row)) in places.enumerate() {
            for (band, value) in self.color(col, row).into_iter().enumerate() {
                data[band * pixels + i] = value;
            }
        }
        data
    }

    fn hash(&self, a: i64, b: i64) -> u64 {
        SplitMix::new(self.seed ^ a.cast_unsigned().rotate_left(32) ^ b.cast_unsigned()).draw()
    }
}

/// Mean colors, each at most 223 to leave room for texture.
const PALETTE: [[u8; 3]; 4] = [[40, 90, 40], [200, 190, 180], [120, 150, 60], [20, 30, 70]];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_agree_where_they_overlap() {
        let p = Picture::new(1, 20);
        let (a, b) = (Window::new(-30, -10, 50, 40), Window::new(-5, 7, 10, 10));
        let (whole, part) = (p.bands(a), p.bands(b));
        for band in 0..3 {
            for r in 0..10 {
                for c in 0..10 {
                    assert_eq!(whole[band * 2000 + (r + 17) * 50 + c + 25], part[band * 100 + r * 10 + c]);
                }
            }
        }
    }

    #[test]
    fn every_kind_appears() {
        let p = Picture::new(3, 8);
        let mut seen = [false; 4];
        for i in 0..4000 {
            seen[usize::from(p.kind(i % 200, i / 20))] = true;
        }
        assert_eq!(seen, [true; 4]);
    }
}
