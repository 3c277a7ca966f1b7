//! The chips of a step as tensors.

use anyhow::Result;
use arpent_datasets::IGNORE;
use arpent_model::Band;
use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;

use crate::config::Fit;
use crate::data::{Draw, ObjectBox, Purpose, Rng, Sample, Target};

/// What a batch is to be answered with.
#[derive(Debug, Clone)]
pub(crate) enum Truth {
    /// 1 at the class of each known pixel: `[batch, classes, height, width]`.
    Labels { known: Box<Tensor<4>> },
    /// Heat maps and sizes.
    Boxes(Box<BoxTruth>),
}

/// Truth of a detection network.
#[derive(Debug, Clone)]
pub(crate) struct BoxTruth {
    /// Nearness of a center, 0 to 1: `[batch, classes, height, width]`.
    pub(crate) heat: Tensor<4>,
    /// 1 at the pixels that hold a center of the class.
    pub(crate) peaks: Tensor<4>,
    /// 1 where something is known: `[batch, 1, height, width]`.
    pub(crate) known: Tensor<4>,
    /// 1 at the pixels that hold a center of any class: `[batch, 1, height, width]`.
    pub(crate) centers: Tensor<4>,
    /// Log width and log height at the centers: `[batch, 2, height, width]`.
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
    pub(crate) detection: bool,
    pub(crate) draw: &'a dyn Draw,
}

impl Batches<'_> {
    /// The chips of a step: normalized, invalid pixels as the mean of their band.
    pub(crate) fn step(&self, step: usize, device: &Device) -> Result<(Tensor<4>, Truth)> {
        let (side, count) = (self.fit.chip_px, self.fit.batch);
        let sample = |i: usize| self.draw.draw(side, &mut Rng::of(self.fit.seed, Purpose::Chips, step, i));
        let samples: Vec<Sample> = (0..count).into_par_iter().map(sample).collect::<Result<_>>()?;
        Ok(self.of(&samples, device))
    }

    /// Chips as tensors, with what they are to be answered with.
    pub(crate) fn of(&self, samples: &[Sample], device: &Device) -> (Tensor<4>, Truth) {
        let side = self.fit.chip_px;
        let input = samples.iter().flat_map(|s| self.normalized(s)).collect();
        let input = planes(input, [samples.len(), self.bands.len(), side, side], device);
        let truth =
            if self.detection { boxes(samples, self.classes, device) } else { self.labels(samples, device) };
        (input, truth)
    }

    fn normalized(&self, sample: &Sample) -> Vec<f32> {
        let planes = sample.data.chunks_exact(sample.side * sample.side).zip(self.bands);
        let plane = |(values, band): (&[f32], &Band)| {
            let one = |(v, valid): (&f32, &bool)| if *valid { (v - band.mean) / band.std } else { 0.0 };
            values.iter().zip(&sample.valid).map(one).collect::<Vec<_>>()
        };
        planes.flat_map(plane).collect()
    }

    fn labels(&self, samples: &[Sample], device: &Device) -> Truth {
        let side = self.fit.chip_px;
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

fn planes(data: Vec<f32>, shape: [usize; 4], device: &Device) -> Tensor<4> {
    Tensor::from_data(TensorData::new(data, shape), device)
}

/// Heat maps and sizes of the objects of some chips.
pub(super) fn boxes(samples: &[Sample], classes: usize, device: &Device) -> Truth {
    let side = samples.first().map_or(0, |s| s.side);
    let area = side * side;
    let mut maps = Maps {
        heat: vec![0.0; samples.len() * classes * area],
        peaks: vec![0.0; samples.len() * classes * area],
        centers: vec![0.0; samples.len() * area],
        sizes: vec![0.0; samples.len() * 2 * area],
        side,
        classes,
    };
    let mut objects = 0.0;
    for (i, sample) in samples.iter().enumerate() {
        let Target::Boxes(boxes) = &sample.target else { continue };
        for object in boxes {
            maps.draw(i, object);
            objects += 1.0;
        }
    }
    let known = samples.iter().flat_map(|s| s.valid.iter().map(|v| if *v { 1.0 } else { 0.0 })).collect();
    let shape = |planes: usize| [samples.len(), planes, side, side];
    Truth::Boxes(Box::new(BoxTruth {
        heat: planes(maps.heat, shape(classes), device),
        peaks: planes(maps.peaks, shape(classes), device),
        known: planes(known, shape(1), device),
        centers: planes(maps.centers, shape(1), device),
        sizes: planes(maps.sizes, shape(2), device),
        objects,
    }))
}

struct Maps {
    heat: Vec<f32>,
    peaks: Vec<f32>,
    centers: Vec<f32>,
    sizes: Vec<f32>,
    side: usize,
    classes: usize,
}

impl Maps {
    /// Draws an object of chip `i`: a Gaussian around the pixel that holds its center, whose width follows from how far
    /// the center may move until the boxes overlap by less than 0.7 (Law, Deng 2018); of two, the higher counts.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn draw(&mut self, i: usize, object: &ObjectBox) {
        let side = self.side;
        let [x0, y0, x1, y1] = object.sides;
        let pixel = |a: f64, b: f64| (f64::midpoint(a, b).max(0.0) as usize).min(side - 1);
        let (x, y) = (pixel(x0, x1), pixel(y0, y1));
        let (width, height) = ((x1 - x0).max(1.0), (y1 - y0).max(1.0));
        let radius = radius(width, height).floor().max(0.0);
        let sigma = (2.0 * radius + 1.0) / 6.0;
        let map = (i * self.classes + usize::from(object.class)) * side * side;
        let reach = radius as usize;
        for v in y.saturating_sub(reach)..(y + reach + 1).min(side) {
            for u in x.saturating_sub(reach)..(x + reach + 1).min(side) {
                let square = (u as f64 - x as f64).powi(2) + (v as f64 - y as f64).powi(2);
                let heat = &mut self.heat[map + v * side + u];
                *heat = heat.max((-square / (2.0 * sigma * sigma)).exp() as f32);
            }
        }
        let at = y * side + x;
        self.peaks[map + at] = 1.0;
        self.centers[i * side * side + at] = 1.0;
        self.sizes[2 * i * side * side + at] = width.ln() as f32;
        self.sizes[(2 * i + 1) * side * side + at] = height.ln() as f32;
    }
}

/// How far both corners of a box may move, pixels, before its overlap (intersection over union) with the unmoved box may
/// fall below 0.7: the smallest of the three cases (moved the same way, inwards, outwards).
pub(super) fn radius(width: f64, height: f64) -> f64 {
    const LEAST: f64 = 0.7;
    let (sum, area) = (width + height, width * height);
    // Roots of a r^2 - b r + c = 0 for each case; the smaller root where the box shrinks.
    let root = |a: f64, b: f64, c: f64| (b - (b * b - 4.0 * a * c).max(0.0).sqrt()) / (2.0 * a);
    let shifted = root(1.0, sum, area * (1.0 - LEAST) / (1.0 + LEAST));
    let inside = root(4.0, 2.0 * sum, (1.0 - LEAST) * area);
    let outside = {
        let (a, b, c) = (4.0 * LEAST, 2.0 * LEAST * sum, (LEAST - 1.0) * area);
        (-b + (b * b - 4.0 * a * c).sqrt()) / (2.0 * a)
    };
    shifted.min(inside).min(outside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_moved_by_the_radius_still_overlaps() {
        for (width, height) in [(10.0, 10.0), (40.0, 8.0), (100.0, 60.0)] {
            let r = radius(width, height);
            let shifted = (width - r) * (height - r) / (2.0 * width * height - (width - r) * (height - r));
            let inside = (width - 2.0 * r) * (height - 2.0 * r) / (width * height);
            let outside = width * height / ((width + 2.0 * r) * (height + 2.0 * r));
            let least = shifted.min(inside).min(outside);
            assert!((least - 0.7).abs() < 1e-9, "{width} x {height}: {shifted} {inside} {outside}");
        }
    }

    #[test]
    fn centers_and_sizes_lie_where_peaks_are_read() {
        let object = ObjectBox { class: 1, sides: [2.0, 1.0, 7.0, 6.0] };
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
