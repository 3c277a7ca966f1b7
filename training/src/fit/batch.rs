//! The chips of a step as tensors.

use arpent_base::Result;
use arpent_base::number::{exact, narrow, truncate};
use arpent_datasets::IGNORE;
use arpent_model::Band;
use arpent_raster::{Fill, Window};
use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;

use super::locations::{LocationTruth, locations};
use crate::config::Fit;
use crate::data::{Draw, ObjectBox, Purpose, Rng, Sample, Target};

/// The truth of a batch.
#[derive(Debug, Clone)]
pub(crate) enum Truth {
    /// 1 at the class of each known pixel: `[batch, classes, height, width]`.
    Labels { known: Box<Tensor<4>> },
    /// Heat maps and sizes.
    Boxes(Box<BoxTruth>),
    /// What the pixels of a detector's maps answer.
    Locations(Box<LocationTruth>),
}

/// What a network is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Aim {
    /// Labels of pixels.
    Labels,
    /// Heat maps and sizes of boxes.
    Heat,
    /// Boxes, by the pixels of maps of these strides, finest first.
    Locations { strides: Vec<usize>, oriented: bool },
}

/// Truth of a detection network.
#[derive(Debug, Clone)]
pub(crate) struct BoxTruth {
    /// Nearness of a center, 0 to 1: `[batch, classes, height, width]`.
    pub(crate) heat: Tensor<4>,
    /// 1 where the truth is known: `[batch, 1, height, width]`.
    pub(crate) known: Tensor<4>,
    /// Weight of a pixel in the size of its object: `[batch, 1, height, width]`. Those of an object add up to
    /// 1, or less where smaller objects lie on it.
    pub(crate) shares: Tensor<4>,
    /// Log width and log height where there is a share: `[batch, 2, height, width]`.
    pub(crate) sizes: Tensor<4>,
    /// Number of objects.
    pub(crate) objects: f64,
}

/// What makes batches.
#[derive(Debug)]
pub(crate) struct Batches<'a> {
    pub(crate) fit: &'a Fit,
    pub(crate) bands: &'a [Band],
    pub(crate) classes: usize,
    pub(crate) aim: Aim,
    pub(crate) draw: &'a dyn Draw,
}

impl Batches<'_> {
    /// The chips of a step: normalized, invalid pixels filled as `arpent run` fills them ([`Fill`]), or the mean of their band.
    pub(crate) fn step(&self, step: usize, device: &Device) -> Result<(Tensor<4>, Truth)> {
        let (side, count) = (self.fit.chip_px.get(), self.fit.batch.get());
        let sample = |i: usize| self.draw.draw(side, &mut Rng::of(self.fit.seed, Purpose::Chips, step, i));
        let samples: Vec<Sample> = (0..count).into_par_iter().map(sample).collect::<Result<_>>()?;
        Ok(self.of(&samples, device))
    }

    /// Chips as tensors, with their truth.
    pub(crate) fn of(&self, samples: &[Sample], device: &Device) -> (Tensor<4>, Truth) {
        let side = self.fit.chip_px.get();
        let input = samples.iter().flat_map(|s| normalized(s, self.bands)).collect();
        let input = planes(input, [samples.len(), self.bands.len(), side, side], device);
        let truth = match &self.aim {
            Aim::Labels => self.labels(samples, device),
            Aim::Heat => boxes(samples, self.classes, device),
            Aim::Locations { strides, oriented } => {
                let truth = locations(samples, (strides, *oriented), self.classes, device);
                Truth::Locations(Box::new(truth))
            }
        };
        (input, truth)
    }

    fn labels(&self, samples: &[Sample], device: &Device) -> Truth {
        let side = self.fit.chip_px.get();
        let mut known = Vec::with_capacity(samples.len() * self.classes * side * side);
        for sample in samples {
            let Target::Labels(labels) = &sample.target else { continue };
            for class in 0..self.classes {
                let is = |l: &u8| if *l != IGNORE && usize::from(*l) == class { 1.0 } else { 0.0 };
                known.extend(labels.iter().map(is));
            }
        }
        Truth::Labels { known: Box::new(planes(known, [samples.len(), self.classes, side, side], device)) }
    }
}

/// A chip as input of the network; invalid pixels are filled.
fn normalized(sample: &Sample, bands: &[Band]) -> Vec<f32> {
    let side = sample.side;
    let window = Window::new(0, 0, side, side);
    let fill = Fill::new(&sample.valid, window, window);
    let rows = |fill: &Fill| {
        let places = (0..).zip((0..side).map(|y| y * side));
        let filled = places.flat_map(|(row, start)| {
            let columns = fill.row(row, 0..window.col_end());
            let at = move |col| usize::try_from(col).map(|col| start + col).ok();
            columns.filter_map(move |(col, source)| Some((at(col)?, source))).collect::<Vec<_>>()
        });
        filled.collect::<Vec<_>>()
    };
    let filled = fill.as_ref().map(rows).unwrap_or_default();
    let planes = sample.data.chunks_exact(side * side).zip(bands);
    let plane = |(values, band): (&[f32], &Band)| {
        let one = |(v, valid): (&f32, &bool)| if *valid { band.normalized(*v) } else { 0.0 };
        let mut plane: Vec<f32> = values.iter().zip(&sample.valid).map(one).collect();
        for (at, source) in &filled {
            plane[*at] = band.normalized(values[*source]);
        }
        plane
    };
    planes.flat_map(plane).collect()
}

fn planes(data: Vec<f32>, shape: [usize; 4], device: &Device) -> Tensor<4> {
    Tensor::from_data(TensorData::new(data, shape), device)
}

/// Heat maps and sizes of the objects of some chips.
pub(super) fn boxes(samples: &[Sample], classes: usize, device: &Device) -> Truth {
    let side = samples.first().map_or(0, |s| s.side);
    let area = side * side;
    let mut maps = Maps {
        heat: vec![0.0; samples.len() * classes * area],
        shares: vec![0.0; samples.len() * area],
        sizes: vec![0.0; samples.len() * 2 * area],
        side,
        classes,
    };
    let mut objects = 0.0;
    for (i, sample) in samples.iter().enumerate() {
        let Target::Boxes(boxes) = &sample.target else { continue };
        let mut bumps: Vec<Bump> = boxes.iter().map(|object| Bump::new(object, side)).collect();
        // The smallest last: it lies on the others.
        bumps.sort_by(|a, b| b.area().total_cmp(&a.area()));
        for bump in &bumps {
            maps.draw(i, bump);
            objects += 1.0;
        }
    }
    let known = samples.iter().flat_map(|s| s.valid.iter().map(|v| if *v { 1.0 } else { 0.0 })).collect();
    let shape = |planes: usize| [samples.len(), planes, side, side];
    Truth::Boxes(Box::new(BoxTruth {
        heat: planes(maps.heat, shape(classes), device),
        known: planes(known, shape(1), device),
        shares: planes(maps.shares, shape(1), device),
        sizes: planes(maps.sizes, shape(2), device),
        objects,
    }))
}

/// How much of a box's sides the Gaussian of its center covers (Liu et al.: *Training-time-friendly network for
/// real-time object detection*, 2019).
const COVERED: f64 = 0.54;

/// The Gaussian of one side of a box.
struct Bell {
    /// First pixel of `heights`.
    start: usize,
    /// 1 at the pixel that holds the center.
    heights: Vec<f64>,
    /// Length of the side, pixels, at least 1.
    length: f64,
}

impl Bell {
    /// It covers [`COVERED`] of the side between `low` and `high`, whose ends lie three standard deviations away.
    fn new(low: f64, high: f64, side: usize) -> Self {
        let center = truncate::<usize>(f64::midpoint(low, high).max(0.0)).min(side - 1);
        let length = (high - low).max(1.0);
        let reach = (COVERED * length / 2.0).floor();
        let sigma = (2.0 * reach + 1.0) / 6.0;
        let start = center.saturating_sub(truncate::<usize>(reach));
        let height = |at: usize| (-(exact(at) - exact(center)).powi(2) / (2.0 * sigma * sigma)).exp();
        let heights = (start..(center + truncate::<usize>(reach) + 1).min(side)).map(height).collect();
        Self { start, heights, length }
    }
}

/// The Gaussian of an object, wide and high as the object is.
struct Bump {
    class: usize,
    across: Bell,
    down: Bell,
}

impl Bump {
    fn new(object: &ObjectBox, side: usize) -> Self {
        let [x0, y0, x1, y1] = object.sides;
        let (across, down) = (Bell::new(x0, x1, side), Bell::new(y0, y1, side));
        Self { class: usize::from(object.class), across, down }
    }

    fn area(&self) -> f64 {
        self.across.length * self.down.length
    }

    /// Pixels of a chip of this side, with the height there.
    fn pixels(&self, side: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let rows = self.down.heights.iter().enumerate();
        rows.flat_map(move |(v, down)| {
            let start = (self.down.start + v) * side + self.across.start;
            self.across.heights.iter().enumerate().map(move |(u, across)| (start + u, down * across))
        })
    }
}

struct Maps {
    heat: Vec<f32>,
    shares: Vec<f32>,
    sizes: Vec<f32>,
    side: usize,
    classes: usize,
}

impl Maps {
    /// Draws an object of chip `i`: of two heats, the higher counts; of shares and sizes, those drawn last.
    fn draw(&mut self, i: usize, bump: &Bump) {
        let area = self.side * self.side;
        let sum = bump.across.heights.iter().sum::<f64>() * bump.down.heights.iter().sum::<f64>();
        let sizes = [narrow(bump.across.length.ln()), narrow(bump.down.length.ln())];
        for (at, height) in bump.pixels(self.side) {
            let heat = &mut self.heat[(i * self.classes + bump.class) * area + at];
            *heat = heat.max(narrow(height));
            self.shares[i * area + at] = narrow(height / sum);
            for (plane, size) in sizes.into_iter().enumerate() {
                self.sizes[(2 * i + plane) * area + at] = size;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The border of a picture, and a hole: what is not there is shown as the run shows it.
    #[test]
    fn invalid_pixels_of_a_chip_are_filled() {
        let band = |name: &str, mean, std| Band {
            name: name.into(),
            mean,
            std,
            unit: None,
            number: None,
            dequantize: None,
        };
        let bands = [band("red", 10.0, 2.0), band("nir", 0.0, 1.0)];
        let data: Vec<f32> = (0u8..16).chain(100..116).map(f32::from).collect();
        let mut sample = Sample { side: 4, data, valid: vec![true; 16], target: Target::Labels(vec![0; 16]) };
        let seen = |sample: &Sample| normalized(sample, &bands);
        assert!((seen(&sample)[3] + 3.5).abs() < 1e-6);
        // The western two columns are beyond the picture, and so is the last pixel.
        for i in [0, 1, 4, 5, 8, 9, 12, 13, 15] {
            sample.valid[i] = false;
            (sample.data[i], sample.data[16 + i]) = (-1.0, -1.0);
        }
        let sources = [2, 3, 2, 3, 6, 7, 6, 7, 10, 11, 10, 11, 14, 14, 14, 7];
        for (at, source) in sources.into_iter().enumerate() {
            let value = f32::from(u8::try_from(source).unwrap());
            let right = [(value - 10.0) / 2.0, value + 100.0];
            let is = [seen(&sample)[at], seen(&sample)[16 + at]];
            assert!(is.iter().zip(right).all(|(a, b)| (a - b).abs() < 1e-6), "{at}: {is:?}");
        }
    }

    #[test]
    fn the_smaller_of_two_boxes_sets_the_size() {
        let large = ObjectBox { class: 0, sides: [0.0, 0.0, 16.0, 8.0], oriented: None };
        let small = ObjectBox { class: 0, sides: [7.0, 2.0, 11.0, 6.0], oriented: None };
        let target = Target::Boxes(vec![small, large]);
        let sample = Sample { side: 16, data: vec![0.0; 256], valid: vec![true; 256], target };
        let Truth::Boxes(truth) = boxes(&[sample], 1, &Device::flex()) else { panic!() };
        let numbers = |tensor: Tensor<4>| tensor.into_data().try_into_vec::<f32>().unwrap();
        let (shares, sizes) = (numbers(truth.shares), numbers(truth.sizes));
        // 0.54 of 16 x 8 reach 4 and 2 pixels from (8, 4); 0.54 of 4 x 4 one from (9, 4).
        let size = |x: usize, y: usize| sizes[y * 16 + x].exp();
        assert!((size(9, 4) - 4.0).abs() < 1e-5 && (size(8, 3) - 4.0).abs() < 1e-5);
        assert!((size(12, 6) - 16.0).abs() < 1e-4 && (size(7, 4) - 16.0).abs() < 1e-4);
        assert!((sizes[256 + 6 * 16 + 12].exp() - 8.0).abs() < 1e-5);
        assert!(shares[4 * 16 + 3] <= 0.0 && shares[4 * 16 + 4] > 0.0 && shares[7 * 16 + 8] <= 0.0);
        let of_small: f32 = (3..6).flat_map(|y| (8..11).map(move |x| y * 16 + x)).map(|at| shares[at]).sum();
        assert!((of_small - 1.0).abs() < 1e-5, "{of_small}");
        assert!(shares.iter().sum::<f32>() < 2.0 - 0.1);
    }

    #[test]
    fn centers_and_sizes_lie_where_peaks_are_read() {
        let object = ObjectBox { class: 1, sides: [2.0, 1.0, 7.0, 6.0], oriented: None };
        let target = Target::Boxes(vec![object]);
        let sample = Sample { side: 8, data: vec![0.0; 64], valid: vec![true; 64], target };
        let Truth::Boxes(truth) = boxes(&[sample], 2, &Device::flex()) else { panic!() };
        let heat = truth.heat.into_data().try_into_vec::<f32>().unwrap();
        let best = (0..128).max_by(|a, b| heat[*a].total_cmp(&heat[*b])).unwrap();
        assert_eq!(best, 64 + 3 * 8 + 4);
        let sizes = truth.sizes.into_data().try_into_vec::<f32>().unwrap();
        assert!((sizes[28].exp() - 5.0).abs() < 1e-5 && (sizes[64 + 28].exp() - 5.0).abs() < 1e-5);
    }
}
