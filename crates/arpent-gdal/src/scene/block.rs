//! Pixels in their stored type.

use std::ops::Range;

use arpent_raster::{Chip, Window};

/// Pixels of a scene as in a [`Chip`], but compact: values in the smallest type that represents those of the bands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Block {
    pub(crate) window: Window,
    pub(crate) bands: usize,
    /// Band by band, each row by row.
    pub(crate) values: Values,
    /// `None` if every pixel is valid.
    pub(crate) valid: Option<Vec<bool>>,
}

/// Values of a type that a float represents exactly.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    Bytes(Vec<u8>),
    Words(Vec<u16>),
    Floats(Vec<f32>),
}

impl Block {
    /// The part that fills `window`; `None` if the block does not contain it.
    pub(crate) fn cut(&self, window: Window) -> Option<Self> {
        let (col, row) = self.window.contains(&window).then(|| self.window.offset_of(&window))??;
        let (stride, pixels) = (self.window.width, self.window.width * self.window.height);
        let rows = move |first: usize| {
            (row..row + window.height)
                .map(move |r| first + r * stride + col)
                .map(move |at| at..at + window.width)
        };
        let all = || (0..self.bands).flat_map(|band| rows(band * pixels));
        let values = match &self.values {
            Values::Bytes(v) => Values::Bytes(gathered(v, all())),
            Values::Words(v) => Values::Words(gathered(v, all())),
            Values::Floats(v) => Values::Floats(gathered(v, all())),
        };
        let valid = self.valid.as_ref().map(|v| gathered(v, rows(0))).filter(|v| v.contains(&false));
        Some(Self { window, bands: self.bands, values, valid })
    }

    /// Copies the pixels that lie in the chip's window.
    pub(crate) fn paste(&self, chip: &mut Chip) {
        let Some(common) = self.window.intersect(&chip.window) else { return };
        let (Some(from), Some(to)) = (self.window.offset_of(&common), chip.window.offset_of(&common)) else {
            return;
        };
        let (own, pixels) = (self.window.width * self.window.height, chip.valid.len());
        for r in 0..common.height {
            let from = (from.1 + r) * self.window.width + from.0;
            let to = (to.1 + r) * chip.window.width + to.0;
            let valid = &mut chip.valid[to..to + common.width];
            match &self.valid {
                Some(own) => valid.copy_from_slice(&own[from..from + common.width]),
                None => valid.fill(true),
            }
            for b in 0..chip.bands {
                let to = b * pixels + to;
                self.values.copy(b * own + from, &mut chip.data[to..to + common.width]);
            }
        }
    }

    /// The same as floats.
    pub(crate) fn into_chip(self) -> Chip {
        let pixels = self.window.width * self.window.height;
        let data = match self.values {
            Values::Bytes(v) => v.into_iter().map(f32::from).collect(),
            Values::Words(v) => v.into_iter().map(f32::from).collect(),
            Values::Floats(v) => v,
        };
        let valid = self.valid.unwrap_or_else(|| vec![true; pixels]);
        Chip { window: self.window, bands: self.bands, data, valid }
    }

    /// Its size in memory, bytes.
    pub(crate) fn bytes(&self) -> usize {
        let values = match &self.values {
            Values::Bytes(v) => v.len(),
            Values::Words(v) => v.len() * 2,
            Values::Floats(v) => v.len() * 4,
        };
        values + self.valid.as_ref().map_or(0, Vec::len) + size_of::<Self>()
    }
}

fn gathered<T: Copy>(values: &[T], runs: impl Iterator<Item = Range<usize>> + Clone) -> Vec<T> {
    let mut out = Vec::with_capacity(runs.clone().map(|run| run.len()).sum());
    runs.for_each(|run| out.extend_from_slice(&values[run]));
    out
}

/// Reverses the order of the rows of each band.
pub(crate) fn turn<T>(values: &mut [T], (width, height): (usize, usize)) {
    for band in values.chunks_exact_mut((width * height).max(1)) {
        let (above, below) = band.split_at_mut(height / 2 * width);
        let from_below = below.chunks_exact_mut(width.max(1)).rev();
        above.chunks_exact_mut(width.max(1)).zip(from_below).for_each(|(a, b)| a.swap_with_slice(b));
    }
}

impl Values {
    /// Reverses the order of the rows of each band.
    pub(crate) fn turn(&mut self, size: (usize, usize)) {
        match self {
            Self::Bytes(v) => turn(v, size),
            Self::Words(v) => turn(v, size),
            Self::Floats(v) => turn(v, size),
        }
    }

    fn copy(&self, from: usize, to: &mut [f32]) {
        match self {
            Self::Bytes(v) => to.iter_mut().zip(&v[from..]).for_each(|(to, v)| *to = f32::from(*v)),
            Self::Words(v) => to.iter_mut().zip(&v[from..]).for_each(|(to, v)| *to = f32::from(*v)),
            Self::Floats(v) => to.copy_from_slice(&v[from..from + to.len()]),
        }
    }
}
