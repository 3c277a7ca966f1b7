//! Confidences of runs.

use arpent_raster::CONFIDENCE_NODATA;

/// Sums of the confidences of a row, from its start to each column.
#[derive(Debug, Default)]
pub(super) struct Sums {
    /// Modulo 2^32; empty where no pixel of the row has a confidence.
    sums: Vec<u32>,
}

impl Sums {
    /// Looks at the next row.
    pub(super) fn fill(&mut self, confidence: &[u8]) {
        self.sums.clear();
        // Many at once, which is faster than one after another.
        let is_any = |some: &[u8]| some.iter().fold(0, |other, c| other | (c ^ CONFIDENCE_NODATA)) != 0;
        if !confidence.chunks(64).any(is_any) {
            return;
        }
        let mut sum = 0u32;
        self.sums.push(sum);
        self.sums.extend(confidence.iter().map(|c| {
            sum = sum.wrapping_add(u32::from(known(*c)));
            sum
        }));
    }

    /// The sum of some columns of the row, whose confidences are given again.
    pub(super) fn between(&self, start: usize, end: usize, confidence: &[u8]) -> u64 {
        if self.sums.is_empty() {
            return 0;
        }
        // Fewer than 2^24 of 8 bits stay below 2^32.
        if end - start < 1 << 24 {
            return u64::from(self.sums[end].wrapping_sub(self.sums[start]));
        }
        confidence[start..end].iter().map(|c| u64::from(known(*c))).sum()
    }
}

/// A confidence, 0 if there is none.
fn known(confidence: u8) -> u8 {
    if confidence == CONFIDENCE_NODATA { 0 } else { confidence }
}
