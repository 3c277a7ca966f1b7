//! What a network sees of a chip.

use arpent_engine::PixelSource;
use arpent_raster::{Chip, Fill, Window};

use crate::Band;

/// The input of the network: a chip's bands, normalized by their mean and standard deviation. Invalid pixels are
/// filled; those that cannot be filled, and those beyond the chip, are 0.
pub(super) struct Seen<'a> {
    pub(super) chip: &'a Chip,
    pub(super) bands: &'a [Band],
    /// The part of the chip that is computed; it may extend beyond the chip.
    pub(super) view: Window,
    /// `None` if the view is completely valid.
    pub(super) fill: Option<Fill>,
}

impl Seen<'_> {
    /// Columns and rows from the chip's corner to the view's corner.
    pub(super) fn offset(&self) -> (usize, usize) {
        self.chip.window.offset_of(&self.view).expect("a view lies in its chip")
    }
}

/// Validity of a chip's pixels within a window, row by row.
pub(super) fn valid<'a>(chip: &'a Chip, window: &Window) -> impl Iterator<Item = bool> + use<'a> {
    let (col, row) = chip.window.offset_of(window).expect("a core lies in its chip");
    let (width, height) = (window.width, window.height);
    (row..row + height).flat_map(move |y| &chip.valid[y * chip.window.width + col..][..width]).copied()
}

impl PixelSource for Seen<'_> {
    fn row(&self, (start, count): (usize, usize), y: usize, cols: (usize, usize), to: &mut [f32]) {
        let Window { width, height, .. } = self.chip.window;
        let (left, above) = self.offset();
        let (first, y) = (cols.0 + left, y + above);
        let inside = (cols.1 + left).min(width).saturating_sub(first);
        let there = if y < height { inside } else { 0 };
        let (to, beyond) = to.split_at_mut(there * count);
        beyond.fill(0.0);
        if there == 0 {
            return;
        }
        let at = y * width + first;
        let valid = &self.chip.valid[at..at + there];
        let bands = || self.bands.iter().enumerate().skip(start).take(count);
        for (index, band) in bands() {
            let values = &self.chip.band(index)[at..at + there];
            let pixels = to.chunks_exact_mut(count).zip(values).zip(valid);
            for ((to, value), valid) in pixels {
                to[index - start] = if *valid { band.normalized(*value) } else { 0.0 };
            }
        }
        let Some(fill) = &self.fill else { return };
        let place = |origin: i64, at: usize| origin.saturating_add_unsigned(at as u64);
        let (row, col) = (place(self.chip.window.row, y), place(self.chip.window.col, first));
        for (filled, source) in fill.row(row, col..place(col, there)) {
            let x = arpent_base::number::offset(filled - col);
            for (index, band) in bands() {
                to[x * count + index - start] = band.normalized(self.chip.band(index)[source]);
            }
        }
    }
}
