//! What a network on a GPU is given.

/// Chips that are computed together at first.
pub(crate) const AT_ONCE: usize = 8;

/// What of a chip is wanted: columns and rows, from where on and how many.
#[cfg_attr(not(feature = "tensors"), allow(dead_code, reason = "a build without GPUs hands them to nobody"))]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) col: usize,
    pub(crate) row: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// Normalized bands, plane by plane.
#[cfg_attr(not(feature = "tensors"), allow(dead_code, reason = "a build without GPUs hands them to nobody"))]
#[derive(Debug)]
pub(crate) struct Planes {
    pub(crate) data: Vec<f32>,
    pub(crate) bands: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}
