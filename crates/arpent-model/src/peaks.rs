//! Converts the planes of a detection network to boxes.

use arpent_base::number::exact;
use arpent_raster::{OrientedBox, Window};

/// One detection, in pixels of the grid.
#[derive(Debug, Clone, PartialEq)]
pub struct PixelDetection {
    /// Class id.
    pub class_id: u8,
    /// Score, 0 to 1.
    pub score: f32,
    /// West, north, east and south side, global pixel coordinates (columns, rows, columns, rows).
    pub bbox: [f64; 4],
    /// The rectangle, of a network whose boxes have a direction; [`PixelDetection::bbox`] is the box around it.
    pub oriented: Option<OrientedBox>,
}

/// Scores before the sigmoid, with one pixel around the core.
pub(crate) struct Heat<'a> {
    /// The core, grown by 1.
    pub(crate) window: Window,
    /// Planes of `window`: one per class, then log width and log height.
    pub(crate) planes: &'a [f32],
    /// Validity of the pixels of `window`.
    pub(crate) valid: &'a [bool],
}

/// Largest side of a box, pixels; larger boxes are clipped to this around their center.
pub const LARGEST_BOX_PX: u16 = 4096;

impl Heat<'_> {
    /// Local maxima of class `class` whose score reaches `threshold`, in row-major order.
    ///
    /// A peak is at least as high as its later neighbors (row-major order) and higher than the earlier ones, so that
    /// of adjacent equal pixels only the first is a peak, wherever windows are cut.
    pub(crate) fn peaks(&self, class: usize, class_id: u8, threshold: f32) -> Vec<PixelDetection> {
        let mut found = Vec::new();
        for y in 1..self.window.height - 1 {
            for x in 1..self.window.width - 1 {
                let index = y * self.window.width + x;
                let score = sigmoid(self.at(class, index));
                if self.valid[index] && score >= threshold && self.is_peak(class, index) {
                    found.push(PixelDetection { class_id, score, bbox: self.bbox(x, y), oriented: None });
                }
            }
        }
        found
    }

    fn at(&self, plane: usize, index: usize) -> f32 {
        self.planes[plane * self.valid.len() + index]
    }

    fn is_peak(&self, class: usize, index: usize) -> bool {
        let (here, width) = (self.at(class, index), self.window.width);
        let lower =
            |i: usize, beaten: fn(f32, f32) -> bool| !self.valid[i] || beaten(self.at(class, i), here);
        let earlier = [index - width - 1, index - width, index - width + 1, index - 1];
        let later = [index + 1, index + width - 1, index + width, index + width + 1];
        earlier.iter().all(|i| lower(*i, |a, b| a < b)) && later.iter().all(|i| lower(*i, |a, b| a <= b))
    }

    fn bbox(&self, x: usize, y: usize) -> [f64; 4] {
        let index = y * self.window.width + x;
        let sizes = self.planes.len() / self.valid.len() - 2;
        let half = |plane: usize| f64::from(self.at(plane, index).exp().min(f32::from(LARGEST_BOX_PX))) / 2.0;
        let (half_width, half_height) = (half(sizes), half(sizes + 1));
        let (col, row) = (center(self.window.col, x), center(self.window.row, y));
        [col - half_width, row - half_height, col + half_width, row + half_height]
    }
}

fn center(start: i64, offset: usize) -> f64 {
    exact(start.saturating_add_unsigned(offset as u64)) + 0.5
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heat(heat: &[f32], width: usize) -> (Window, Vec<f32>, Vec<bool>) {
        let sizes =
            std::iter::repeat_n(2f32.ln(), heat.len()).chain(std::iter::repeat_n(4f32.ln(), heat.len()));
        let planes = heat.iter().copied().chain(sizes).collect();
        (Window::new(-10, 20, width, heat.len() / width), planes, vec![true; heat.len()])
    }

    #[test]
    fn of_equal_neighbors_the_first_wins() {
        let mut values = vec![-9.0; 20];
        values[6] = 2.0;
        values[7] = 2.0;
        values[13] = 2.0;
        let (window, planes, valid) = heat(&values, 5);
        let found = Heat { window, planes: &planes, valid: &valid }.peaks(0, 7, 0.5);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].class_id, 7);
        assert!((found[0].score - 0.880_797).abs() < 1e-6);
        let expected = [-9.0 + 0.5 - 1.0, 21.0 + 0.5 - 2.0, -9.0 + 0.5 + 1.0, 21.0 + 0.5 + 2.0];
        assert!(found[0].bbox.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
    }

    #[test]
    fn invalid_pixels_neither_win_nor_shade() {
        let mut values = vec![-9.0; 20];
        values[6] = 3.0;
        values[7] = 2.0;
        let (window, planes, mut valid) = heat(&values, 5);
        valid[6] = false;
        let found = Heat { window, planes: &planes, valid: &valid }.peaks(0, 0, 0.5);
        assert_eq!(found.len(), 1);
        assert!(found[0].score < 0.9);
    }
}
