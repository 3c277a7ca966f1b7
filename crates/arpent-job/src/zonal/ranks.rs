//! Zones by their share of some classes.

use arpent_vector::ZoneResult;

use super::columns::ranked_share;
use crate::error::JobError;
use crate::sorted::Sorted;

/// Shares of all zones, for ranks.
pub(crate) struct Ranks {
    pub(super) classes: Vec<u8>,
    /// As bits, which sort as positive numbers do.
    pub(super) shares: Sorted<8>,
}

impl Ranks {
    /// 1 for the zones with the largest share; equal shares have the same rank, and the following ranks are skipped.
    /// `None` for a zone without share.
    pub(crate) fn of(&self, result: &ZoneResult) -> Result<Option<u64>, JobError> {
        let share = ranked_share(result, &self.classes);
        share.map(|share| Ok(self.shares.count_above(&bits(share))? + 1)).transpose()
    }
}

/// A share of 0 or more as bits that are ordered as shares are.
pub(super) fn bits(share: f64) -> [u8; 8] {
    // Minus zero is zero.
    (share + 0.0).to_bits().to_be_bytes()
}
