//! How borders of a coverage are drawn other than along their vertices.

use crate::VectorError;
use crate::region::Vertex;

/// How borders are drawn: corners cut, outlines of some classes made square, or as they are.
#[derive(Debug, Clone)]
pub(crate) struct Drawing {
    /// How far vertices that go were from the border, pixels.
    pub(crate) tolerance_px: f64,
    pub(crate) smoothing: Option<Smoothing>,
    /// Classes whose outlines are made square.
    pub(crate) square: Option<[bool; 256]>,
}

impl Drawing {
    pub(crate) fn is_on(&self) -> bool {
        self.smoothing.is_some() || self.square.is_some()
    }

    /// Smaller steps in a wall than this, pixels, are left out where outlines are made square.
    pub(crate) fn min_step_px(&self) -> f64 {
        self.tolerance_px + 1.0
    }

    /// How far a border may be from its pixels where outlines are made square, pixels.
    pub(crate) fn reach_px(&self) -> f64 {
        self.tolerance_px + 1.0
    }
}

/// How corners are cut: the first step of Chaikin's scheme (*Computer Graphics and Image Processing* 3, 1974), limited in
/// length and in area.
///
/// A vertex `b` between `a` and `c` becomes two, one on either side of it, at the part `t` of the way to the neighbor:
/// `t = min(sqrt(share) / 2, smooth / |x - b|)` for the neighbor `x`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Smoothing {
    length_px: f64,
    part: f64,
}

impl Smoothing {
    /// Cuts corners `smooth_px` from the vertex at most, none if it is 0, such that no region loses more than `share` of its
    /// area.
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
        // Less would make vertices that are hardly two.
        if !(smooth_px.is_finite() && smooth_px >= 1.0 / 64.0) {
            return bad("cut_px", smooth_px, "0, or a number of 0.015625 or more");
        }
        Ok(Some(Self { length_px: smooth_px, part: share.sqrt() / 2.0 }))
    }

    /// The point at which the border leaves the side from `b` to its neighbor `x`, or comes to it: it depends on these two
    /// alone, so both sides of the border find it.
    #[allow(clippy::cast_precision_loss, reason = "columns and rows stay far below 2^52")]
    pub(crate) fn point(&self, b: Vertex, x: Vertex) -> [f64; 2] {
        let [along, down] = [(x[0] - b[0]) as f64, (x[1] - b[1]) as f64];
        let part = self.part.min(self.length_px / (along * along + down * down).sqrt());
        [b[0] as f64 + along * part, b[1] as f64 + down * part]
    }
}
