//! The last layer, in plain code: one row of answers at a time, so that the memory does not grow with the
//! number of classes.

use crate::{ModelError, WeightTensor, Weights};

/// Planes of values, one per channel, row-major, all of one size.
#[derive(Debug)]
pub(crate) struct Planes {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// `channels * height * width` values.
    pub(crate) data: Vec<f32>,
}

impl Planes {
    /// The row `y` of a channel, `None` above and below the plane.
    fn row(&self, channel: usize, y: Option<usize>) -> Option<&[f32]> {
        let y = y.filter(|y| *y < self.height)?;
        let start = (channel * self.height + y) * self.width;
        Some(&self.data[start..start + self.width])
    }
}

/// A convolution with a kernel of 1 or 3, borders taken as 0.
#[derive(Debug)]
pub(crate) struct Head {
    out: usize,
    inputs: usize,
    kernel: usize,
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Head {
    /// The layer with a name.
    pub(crate) fn new(weights: &Weights, name: &str) -> Result<Self, ModelError> {
        let WeightTensor { shape, data } = weights.get(&format!("{name}.weight"))?;
        let &[out, inputs, kernel, _] = shape.as_slice() else {
            let what = format!("`{name}.weight` has shape {shape:?}, want 4 dimensions");
            return Err(ModelError::WeightsMismatch { what });
        };
        let bias = weights.get(&format!("{name}.bias"))?.data.clone();
        Ok(Self { out, inputs, kernel, weight: data.clone(), bias })
    }

    /// Number of output channels.
    pub(crate) fn outputs(&self) -> usize {
        self.out
    }

    /// Answers for the pixels `cols` of row `y`: `scores[channel * cols.len() + i]`.
    ///
    /// The terms of every sum are added in one fixed order, channel by channel, kernel row by kernel row, so
    /// an answer does not depend on where in a chip its pixel lies. Terms outside the planes are left out.
    pub(crate) fn row(&self, planes: &Planes, y: usize, cols: std::ops::Range<usize>, scores: &mut [f32]) {
        let reach = self.kernel / 2;
        for (out, sums) in scores.chunks_exact_mut(cols.len()).enumerate() {
            sums.fill(self.bias[out]);
            for input in 0..self.inputs {
                for ky in 0..self.kernel {
                    let Some(row) = planes.row(input, (y + ky).checked_sub(reach)) else { continue };
                    for kx in 0..self.kernel {
                        let index = ((out * self.inputs + input) * self.kernel + ky) * self.kernel + kx;
                        add_shifted(sums, row, cols.start + kx, reach, self.weight[index]);
                    }
                }
            }
        }
    }
}

/// `sums[i] += weight * row[start + i - reach]` wherever the row has such a value.
fn add_shifted(sums: &mut [f32], row: &[f32], start: usize, reach: usize, weight: f32) {
    let skip = reach.saturating_sub(start);
    let from = (start + skip - reach).min(row.len());
    let Some(sums) = sums.get_mut(skip..) else { return };
    for (sum, value) in sums.iter_mut().zip(&row[from..]) {
        *sum += weight * value;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp, reason = "small whole numbers are exact")]

    use super::*;

    #[test]
    fn a_shift_kernel_shifts() {
        let mut weights = Weights::default();
        let mut kernel = vec![0.0; 9];
        kernel[5] = 2.0; // the pixel on the right
        weights.insert("head.weight", &[1, 1, 3, 3], kernel);
        weights.insert("head.bias", &[1], vec![1.0]);
        let head = Head::new(&weights, "head").unwrap();
        let planes = Planes { width: 4, height: 2, data: (0..8u8).map(f32::from).collect() };
        let mut scores = [0.0; 4];
        head.row(&planes, 1, 0..4, &mut scores);
        assert_eq!(scores, [11.0, 13.0, 15.0, 1.0]);
        let mut part = [0.0; 2];
        head.row(&planes, 1, 1..3, &mut part);
        assert_eq!(part, scores[1..3]);
    }

    #[test]
    fn a_box_kernel_stops_at_the_border() {
        let mut weights = Weights::default();
        weights.insert("head.weight", &[1, 1, 3, 3], vec![1.0; 9]);
        weights.insert("head.bias", &[1], vec![0.0]);
        let head = Head::new(&weights, "head").unwrap();
        let planes = Planes { width: 3, height: 3, data: vec![1.0; 9] };
        let mut scores = [0.0; 3];
        for (y, expected) in [(0, [4.0, 6.0, 4.0]), (1, [6.0, 9.0, 6.0]), (2, [4.0, 6.0, 4.0])] {
            head.row(&planes, y, 0..3, &mut scores);
            assert_eq!(scores, expected);
        }
    }
}
