//! RGB pictures.

use std::path::Path;

use crate::DatasetError;

/// An 8-bit RGB picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Red, green, blue; row by row.
    pub pixels: Vec<[u8; 3]>,
}

impl Picture {
    /// The columns from `start` up to `end`, or to the last one.
    #[must_use]
    pub fn columns(&self, start: usize, end: usize) -> Self {
        let (start, end) = (start.min(self.width), end.min(self.width));
        let rows = self.pixels.chunks_exact(self.width.max(1));
        let pixels = rows.flat_map(|row| row[start..end].iter().copied()).collect();
        Self { width: end - start, height: self.height, pixels }
    }

    /// Reads a PNG, JPEG or TIFF file; an alpha channel is dropped, and an EXIF orientation applied.
    ///
    /// # Errors
    /// [`DatasetError::Missing`] or [`DatasetError::Decode`].
    pub fn read(dataset: &str, path: &Path) -> Result<Self, DatasetError> {
        if !path.exists() {
            return Err(DatasetError::Missing { dataset: dataset.to_owned(), path: path.to_owned() });
        }
        let (image, _) = crate::pixels::shown(dataset, path)?;
        let rgb = image.into_rgb8();
        let size = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        let (width, height) = (size(rgb.width()), size(rgb.height()));
        Ok(Self { width, height, pixels: rgb.pixels().map(|p| p.0).collect() })
    }
}
