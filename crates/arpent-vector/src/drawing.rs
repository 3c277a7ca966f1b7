//! How borders of a coverage are drawn if not along their vertices.

use arpent_base::number::exact;

use crate::VectorError;
use crate::region::Vertex;

/// How borders are drawn: with cut corners, with square outlines for some classes, or unchanged.
#[derive(Debug, Clone)]
pub(crate) struct Drawing {
    /// Tolerance of the generalization, pixels.
    pub(crate) tolerance_px: f64,
    pub(crate) smoothing: Option<Smoothing>,
    /// Classes whose outlines are made square.
    pub(crate) square: Option<[bool; 256]>,
}

impl Drawing {
    pub(crate) fn is_on(&self) -> bool {
        self.smoothing.is_some() || self.square.is_some()
    }

    /// Steps in a wall that are smaller than this, pixels, are removed from square outlines.
    pub(crate) fn min_step_px(&self) -> f64 {
        self.tolerance_px + 1.0
    }

    /// Largest distance of a square outline from its pixels, pixels.
    pub(crate) fn reach_px(&self) -> f64 {
        self.tolerance_px + 1.0
    }
}

/// Corner cutting: the first step of Chaikin's scheme (*Computer Graphics and Image Processing* 3, 1974), limited in
/// length and in area.
///
/// A vertex `b` between `a` and `c` is replaced by two, one on either side of it, at the fraction `t` of the way to
/// the neighbor: `t = min(sqrt(share) / 2, smooth / |x - b|)` for the neighbor `x`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Smoothing {
    length_px: f64,
    part: f64,
}

impl Smoothing {
    /// Cuts corners at most `smooth_px` from the vertex, none if it is 0, such that no region loses more than `share`
    /// of its area.
    ///
    /// # Errors
    /// [`VectorError::BadOption`].
    pub(crate) fn new(smooth_px: f64, share: f64) -> Result<Option<Self>, VectorError> {
        let bad = |option, value, expected| Err(VectorError::BadOption { option, value, expected });
        if !(1e-4..=0.25).contains(&share) {
            return bad("max_share", share, "a number from 0.0001 to 0.25");
        }
        if smooth_px.abs() < f64::MIN_POSITIVE {
            return Ok(None);
        }
        // Smaller cuts would give two nearly equal vertices.
        if !(smooth_px.is_finite() && smooth_px >= 1.0 / 64.0) {
            return bad("cut_px", smooth_px, "0, or a number of 0.015625 or more");
        }
        Ok(Some(Self { length_px: smooth_px, part: share.sqrt() / 2.0 }))
    }

    /// Numbers that are equal if corners are cut in the same way; not all of them are 0.
    pub(crate) fn numbers(&self) -> [u64; 2] {
        [self.length_px.to_bits(), self.part.to_bits()]
    }

    /// The point at which the border leaves or reaches the side from `b` to its neighbor `x`. It depends on these two
    /// alone, so both sides of the border get the same point.
    pub(crate) fn point(&self, b: Vertex, x: Vertex) -> [f64; 2] {
        let [along, down] = [exact(x[0] - b[0]), exact(x[1] - b[1])];
        let part = self.part.min(self.length_px / (along * along + down * down).sqrt());
        [exact(b[0]) + along * part, exact(b[1]) + down * part]
    }
}
