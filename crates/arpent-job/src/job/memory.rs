//! An upper bound of the memory of a job, computed before it starts.

use arpent_gdal::MosaicReader;
use arpent_raster::FILL_REACH_PX;
use arpent_tiling::WindowPlan;

/// Bytes of features that the spool sorts at a time.
pub(crate) const SPOOL_RUN_BYTES: usize = 16 << 20;

/// Cache of tiles with the scenes of pixels, bytes.
pub(crate) const TILES_BYTES: usize = 16 << 20;

/// Parameters of a job's memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MemoryNeeds {
    /// Bands read.
    pub bands: usize,
    /// Bytes of a band's value as it is read, before it is part of a chip.
    pub value_bytes: u64,
    /// Whether scenes are resampled while they are read.
    pub resampled: bool,
    /// Threads that read.
    pub readers: usize,
    /// GDAL's block cache, bytes.
    pub cache: u64,
    /// Windows that are predicted side by side.
    pub predictors: usize,
    /// Rows that a coverage holds.
    pub coverage_rows: usize,
    /// Bytes of each pixel of a strip that references and masks take.
    pub references: u64,
    /// Bytes of each pixel of a window that masks take while a reader looks them up.
    pub masks: u64,
    /// Memory for overlapping scenes, bytes.
    pub origins: u64,
    /// Bytes of a pixel's prediction: two for a label and its confidence.
    pub answer_bytes: u64,
    /// Pixels of the largest piece, whose predictions are stored together.
    pub piece_px: u64,
    /// Memory of the network for as many of the largest windows, bytes.
    pub network: u64,
}

/// The program, its libraries and the writers of formats, bytes. Measured; see `benches/runs/`.
const BASE: u64 = 140 << 20;

/// Twice the size of the spool's sort buffer: features in memory and as written, bytes.
const SPOOL: u64 = 2 * SPOOL_RUN_BYTES as u64;

/// Bytes of each pixel of a strip: labels and confidence of two that are being filled, since windows come out of order, of one that
/// is being written and traced, and of rows that wait to complete a row of output blocks; with what the allocator keeps of
/// them. Measured at up to 73,568 columns; see `benches/runs/`.
const STRIP_BYTES_PER_PIXEL: u64 = 9;

/// Bytes of each pixel of a piece: labels and confidence of two that are being filled, of one that is being stored, with its packed
/// bytes, and of one that is being collected, and of one that was stored before and waits for its turn.
const PIECE_BYTES_PER_PIXEL: u64 = 11;

/// Bytes of each pixel of the rows that a coverage holds: label, confidence, stratum, and runs of two pixels and more; where every
/// pixel is a region of its own, its regions take some ten times as much.
const COVERAGE_BYTES_PER_PIXEL: u64 = 12;

/// An upper bound of the job's resident memory, bytes. It grows with the width of the extent and the size of a
/// window; never with the extent's height, the number of classes or of features.
pub(crate) fn memory_bound(plan: &WindowPlan, needs: MemoryNeeds) -> u64 {
    // If pixels are invalid, a chip also holds the values that fill them; the search for these takes two bytes for each
    // pixel, and one more meanwhile.
    let largest = plan.largest_read();
    let read = if largest.is_empty() { 0 } else { largest.grow(FILL_REACH_PX).pixels() };
    // A chip holds a float for each band and a byte of validity; raw samples, or the chips of two dates that are being
    // joined, exist at the same time while it is read.
    let chip = read * (needs.bands as u64 * (4 + needs.value_bytes) + 2);
    // Each reader holds a chip until it is taken, and each predictor the one it predicts.
    let chips = chip * (needs.readers + needs.predictors) as u64 + read * needs.masks * needs.readers as u64;
    // Of resampled scenes, each reader holds a strip before resampling.
    let strips = if needs.resampled {
        MosaicReader::BYTES_OF_A_STRIP * (needs.bands as u64 + 1) * needs.readers as u64
    } else {
        0
    };
    let strip = plan.extent().width as u64 * plan.strip_height().max(512) as u64;
    let coverage = plan.extent().width as u64 * needs.coverage_rows as u64;
    // Measured values take as many times as much as they are larger; the labels that are made of them lie beside them.
    let answer = |bytes: u64| (bytes * needs.answer_bytes).div_ceil(2);
    let labels = if needs.answer_bytes > 2 { STRIP_BYTES_PER_PIXEL } else { 0 };
    let rows = strip * (answer(STRIP_BYTES_PER_PIXEL) + labels + needs.references)
        + coverage * COVERAGE_BYTES_PER_PIXEL;
    // If a piece is one window or two, the predictions of each predictor wait in another piece.
    let pieces =
        needs.piece_px * answer(PIECE_BYTES_PER_PIXEL) + needs.predictors as u64 * read * needs.answer_bytes;
    let fills = needs.predictors as u64 * read * 3;
    BASE + SPOOL + needs.cache + chips + strips + needs.network + rows + pieces + fills + needs.origins
}
