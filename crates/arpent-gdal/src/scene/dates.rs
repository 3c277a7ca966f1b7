//! Reading windows of several dates at once.

use arpent_raster::{Chip, Window};

use super::mosaic::Mosaic;
use super::raster::BandSelection;
use super::reader::MosaicReader;
use super::shared_blocks::SharedBlocks;
use crate::GdalError;

/// Reads windows at several dates: the bands of the dates one after the other, valid where every date
/// is valid. With one date it is a [`MosaicReader`]. It belongs to one thread; each thread has its own.
#[derive(Debug)]
pub struct DatesReader(Vec<MosaicReader>);

impl DatesReader {
    /// A reader of mosaics on one grid, the earliest date first, each with its bands as for [`MosaicReader::new`].
    /// Nothing is opened yet.
    ///
    /// # Errors
    /// As [`MosaicReader::new`].
    pub fn new<'a>(
        dates: impl IntoIterator<Item = (&'a Mosaic, Vec<BandSelection>)>,
    ) -> Result<Self, GdalError> {
        let readers = dates.into_iter().map(|(mosaic, bands)| MosaicReader::new(mosaic, &bands));
        Ok(Self(readers.collect::<Result<_, _>>()?))
    }

    /// The same reader with shared blocks, as [`MosaicReader::sharing`].
    #[must_use]
    pub fn sharing(self, blocks: &SharedBlocks) -> Self {
        Self(self.0.into_iter().map(|reader| reader.sharing(blocks)).collect())
    }

    /// Reads a window of every date, also beyond the scenes, where pixels are invalid.
    ///
    /// # Errors
    /// As [`MosaicReader::read`].
    pub fn read(&mut self, window: Window) -> Result<Chip, GdalError> {
        let mut chip: Option<Chip> = None;
        for reader in &mut self.0 {
            let date = reader.read(window)?;
            // Every date is read in the same window, so they can be joined.
            chip = match chip {
                None => Some(date),
                Some(earlier) => earlier.joined(&date),
            };
        }
        Ok(chip.unwrap_or_else(|| Chip::empty(window, 0)))
    }
}
