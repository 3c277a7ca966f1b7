//! Scenes as annual embeddings of satellite imagery are published: 64 signed bytes a pixel, a vector of length 1 whose
//! numbers are stored as `sign(v) sqrt(|v|) 127.5`.

use std::fmt::Write as _;
use std::path::Path;

use arpent_base::SplitMix64;
use arpent_base::number::{exact, fitted, round};
use arpent_raster::Window;
use tiff::TiffResult;

use crate::geotiff::{EMBEDDING_BANDS, GeoTiff, Samples};

/// Greatest distance of a number of a vector from its class's, before the vector is made one of length 1.
const NOISE: f64 = 0.12;

/// A chessboard of fields of three covers, each with a vector of its own, with noise.
#[derive(Debug, Clone, Copy)]
pub struct Embedding {
    /// Seed of the vectors and of the noise.
    pub seed: u64,
    /// Fields in each direction.
    pub fields: usize,
    /// Side of a field, pixels.
    pub field_px: usize,
}

impl Embedding {
    /// Names of the covers.
    pub const COVERS: [&'static str; 3] = ["forest", "meadow", "water"];
    /// EPSG code of the CRS, a zone of UTM.
    pub const EPSG: u16 = 32631;
    /// Pixel size, meters.
    pub const GSD: f64 = 10.0;
    /// Value of pixels without an embedding.
    pub const NODATA: i8 = -128;
    /// North-west corner, pixels from the origin of the CRS.
    const CORNER: (i64, i64) = (45_000, -520_000);

    /// The window of the scene.
    pub fn window(&self) -> Window {
        let side = self.fields * self.field_px;
        Window::new(Self::CORNER.0, Self::CORNER.1, side, side)
    }

    /// The cover of a pixel, by its place in [`Embedding::COVERS`].
    pub fn cover(&self, col: usize, row: usize) -> usize {
        (col / self.field_px + 2 * (row / self.field_px)) % Self::COVERS.len()
    }

    /// Writes the scene. The pixel in the north-west corner has no embedding.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> TiffResult<()> {
        let tiff = GeoTiff {
            epsg: Some(Self::EPSG),
            gsd: Self::GSD,
            window: self.window(),
            nodata: Some(f64::from(Self::NODATA)),
            samples: Samples::Embedding(self.samples()),
        };
        tiff.write(path)
    }

    /// The vector of each cover, of length 1.
    pub fn vectors(&self) -> [[f64; EMBEDDING_BANDS]; Self::COVERS.len()] {
        let mut random = SplitMix64::new(self.seed);
        Self::COVERS.map(|_| unit(&drawn(&mut random, 1.0)))
    }

    /// Stored values, pixel by pixel.
    pub fn samples(&self) -> Vec<i8> {
        let mut random = SplitMix64::new(!self.seed);
        let classes = self.vectors();
        let side = self.fields * self.field_px;
        let mut samples = Vec::with_capacity(side * side * EMBEDDING_BANDS);
        for (row, col) in (0..side).flat_map(|row| (0..side).map(move |col| (row, col))) {
            let mut noisy = classes[self.cover(col, row)];
            noisy.iter_mut().zip(drawn(&mut random, 2.0 * NOISE)).for_each(|(value, noise)| *value += noise);
            samples.extend(unit(&noisy).map(stored));
        }
        samples[..EMBEDDING_BANDS].fill(Self::NODATA);
        samples
    }

    /// A polygon within each field with its cover (field `cover`), GeoJSON in the scene's CRS.
    pub fn polygons(&self) -> String {
        let mut text = format!(
            "{{\"type\":\"FeatureCollection\",\"crs\":{{\"type\":\"name\",\"properties\":{{\"name\":\"urn:ogc:def:crs:EPSG::{}\"}}}},\
             \"features\":[",
            Self::EPSG
        );
        for field in 0..self.fields * self.fields {
            let (col, row) = (field % self.fields * self.field_px, field / self.fields * self.field_px);
            let margin = self.field_px / 6;
            let ends = |start: usize| [start + margin, start + self.field_px - margin];
            let ([west, east], [north, south]) = (ends(col), ends(row));
            let ring = [(west, north), (west, south), (east, south), (east, north), (west, north)];
            let place = |(col, row): (usize, usize)| {
                let (x, y) = (exact(Self::CORNER.0) + exact(col), exact(Self::CORNER.1) + exact(row));
                format!("[{},{}]", x * Self::GSD, -y * Self::GSD)
            };
            let cover = Self::COVERS[self.cover(col, row)];
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "{}{{\"type\":\"Feature\",\"properties\":{{\"cover\":\"{cover}\"}},\"geometry\":{{\"type\":\"Polygon\",\"coordinates\":[[{}]]}}}}",
                if field == 0 { "" } else { "," },
                ring.map(place).join(",")
            );
        }
        text + "]}"
    }
}

/// A vector of numbers around 0 of a spread.
fn drawn(random: &mut SplitMix64, spread: f64) -> [f64; EMBEDDING_BANDS] {
    [(); EMBEDDING_BANDS].map(|()| spread * (random.unit() - 0.5))
}

/// The vector of length 1 in its direction.
fn unit(vector: &[f64; EMBEDDING_BANDS]) -> [f64; EMBEDDING_BANDS] {
    let length = vector.iter().map(|v| v * v).sum::<f64>().sqrt();
    vector.map(|v| v / length)
}

/// A number of a vector as it is stored.
fn stored(value: f64) -> i8 {
    let size = (value.abs().sqrt() * 127.5).min(127.0);
    fitted(round::<i64>(size.copysign(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_have_length_one_and_are_near_their_class() {
        let scene = Embedding { seed: 3, fields: 3, field_px: 2 };
        let samples = scene.samples();
        let vector = |col: usize, row: usize| {
            let at = (row * 6 + col) * EMBEDDING_BANDS;
            let value = |v: &i8| (f64::from(*v) / 127.5).powi(2).copysign(f64::from(*v));
            samples[at..at + EMBEDDING_BANDS].iter().map(value).collect::<Vec<f64>>()
        };
        let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let (a, same, other) = (vector(1, 0), vector(1, 1), vector(2, 0));
        assert!((product(&a, &a) - 1.0).abs() < 0.02, "{}", product(&a, &a));
        assert!(product(&a, &same) > 0.5 && product(&a, &other) < 0.5);
        assert_eq!(samples[..EMBEDDING_BANDS], [Embedding::NODATA; EMBEDDING_BANDS]);
        assert_eq!((stored(1.0), stored(-1.0), stored(0.25), stored(-0.0)), (127, -127, 64, 0));
    }
}
