//! Input of a network on a GPU.

/// Initial number of chips that are computed together.
pub(crate) const AT_ONCE: usize = 8;

/// The required part of a chip: first column and row, and numbers of columns and rows.
#[cfg_attr(not(feature = "tensors"), allow(dead_code, reason = "unused in a build without GPUs"))]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) col: usize,
    pub(crate) row: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// Normalized bands, plane by plane.
#[cfg_attr(not(feature = "tensors"), allow(dead_code, reason = "unused in a build without GPUs"))]
#[derive(Debug)]
pub(crate) struct Planes {
    pub(crate) data: Vec<f32>,
    pub(crate) bands: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}
