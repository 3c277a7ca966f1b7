//! Confidences of runs.

use arpent_raster::CONFIDENCE_NODATA;

/// Prefix sums of the confidences of a row.
#[derive(Debug, Default)]
pub(super) struct Sums {
    /// Modulo 2^32; empty where no pixel of the row has a confidence.
    sums: Vec<u32>,
    /// Number of pixels that have one; empty if all have, or none has.
    counts: Vec<u32>,
}

/// The confidences of a run of pixels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Scored {
    /// Their sum.
    pub(super) sum: u64,
    /// Pixels that have one.
    pub(super) pixels: u64,
}

impl Sums {
    /// Processes the next row.
    pub(super) fn fill(&mut self, confidence: &[u8]) {
        self.sums.clear();
        self.counts.clear();
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
        if confidence.contains(&CONFIDENCE_NODATA) {
            let mut count = 0u32;
            self.counts.push(count);
            self.counts.extend(confidence.iter().map(|c| {
                count += u32::from(*c != CONFIDENCE_NODATA);
                count
            }));
        }
    }

    /// The confidences of some columns of the row, which are passed again.
    pub(super) fn between(&self, start: usize, end: usize, confidence: &[u8]) -> Scored {
        if self.sums.is_empty() {
            return Scored::default();
        }
        let pixels = match (self.counts.get(start), self.counts.get(end)) {
            (Some(before), Some(after)) => u64::from(after - before),
            _ => (end - start) as u64,
        };
        // Fewer than 2^24 of 8 bits stay below 2^32.
        let sum = if end - start < 1 << 24 {
            u64::from(self.sums[end].wrapping_sub(self.sums[start]))
        } else {
            confidence[start..end].iter().map(|c| u64::from(known(*c))).sum()
        };
        Scored { sum, pixels }
    }
}

/// A confidence, 0 if there is none.
fn known(confidence: u8) -> u8 {
    if confidence == CONFIDENCE_NODATA { 0 } else { confidence }
}
