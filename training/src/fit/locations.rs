//! The truth of a detector without anchors: what each pixel of its maps should answer (Tian et al., *FCOS: fully
//! convolutional one-stage object detection*, 2019).

use arpent_base::number::{exact, narrow};
use arpent_raster::OrientedBox;
use burn::tensor::{Device, Tensor, TensorData};

use crate::data::{ObjectBox, Sample, Target};

/// Distance from an object's center, along either axis, up to which pixels of a map answer for it, strides.
const AROUND: f64 = 1.5;

/// Range of the longest distance to a side of the objects of a map, strides: those of the next map reach twice as far. The
/// finest map has all smaller ones, too, and the coarsest all larger ones.
const SIZES: std::ops::Range<f64> = 4.0..8.0;

/// Center and covariance where no object is.
const NO_OBJECT: [f64; 6] = [0.0, 0.0, 1.0, 1.0, 0.0, 0.0];

/// Truth of the pixels of all maps, one after the other, finest map first.
#[derive(Debug, Clone)]
pub(crate) struct LocationTruth {
    /// 1 at the class of the object that a pixel answers for: `[batch, classes, pixels]`.
    pub(super) classes: Tensor<3>,
    /// 1 where the picture is known: `[batch, 1, pixels]`.
    pub(super) known: Tensor<3>,
    /// 1 where a pixel answers for an object: `[batch, 1, pixels]`.
    pub(super) inside: Tensor<3>,
    /// Its box, in strides. `[batch, 4, pixels]`: distances to the west, north, east and south side; 1 without an object.
    /// Of a network whose boxes have a direction `[batch, 6, pixels]`: columns and rows to its center, the covariance of its
    /// area (of columns, of rows, of both), half the logarithm of its determinant; a square without an object.
    pub(super) boxes: Tensor<3>,
    /// Nearness of its center, 0 to 1: `[batch, 1, pixels]`.
    pub(super) nearness: Tensor<3>,
    /// Pixels that answer for an object.
    pub(super) count: f64,
}

/// Values of a batch.
#[derive(Default)]
struct Values {
    classes: Vec<f32>,
    known: Vec<f32>,
    inside: Vec<f32>,
    boxes: Vec<f32>,
    nearness: Vec<f32>,
    count: f64,
}

/// What a pixel should answer.
struct Answer {
    class: u8,
    /// Distances to the west, north, east and south side, strides; of a box with a direction, to the sides in that order
    /// as if its longer half pointed eastward.
    sides: [f64; 4],
    /// Of a box with a direction.
    gaussian: [f64; 6],
}

/// The truth of some chips for maps of these strides, whose boxes have a direction or not.
pub(super) fn locations(
    samples: &[Sample],
    (strides, oriented): (&[usize], bool),
    classes: usize,
    device: &Device,
) -> LocationTruth {
    let mut values = Values::default();
    for sample in samples {
        let Target::Boxes(boxes) = &sample.target else { continue };
        let answers = strides.iter().enumerate().flat_map(|(number, stride)| {
            let range = range(number, strides.len());
            let side = sample.side / stride;
            (0..side * side).map(move |i| {
                let [x, y] = [i % side, i / side].map(|at| at * stride + stride / 2);
                let answer = answer(boxes, [x, y].map(exact), (exact(*stride), oriented), &range);
                (sample.valid[y * sample.side + x], answer)
            })
        });
        values.add(&answers.collect::<Vec<_>>(), classes, oriented);
    }
    let pixels = values.known.len() / samples.len().max(1);
    let tensor = |data: Vec<f32>, planes: usize| {
        Tensor::from_data(TensorData::new(data, [samples.len(), planes, pixels]), device)
    };
    LocationTruth {
        classes: tensor(values.classes, classes),
        known: tensor(values.known, 1),
        inside: tensor(values.inside, 1),
        boxes: tensor(values.boxes, if oriented { 6 } else { 4 }),
        nearness: tensor(values.nearness, 1),
        count: values.count,
    }
}

/// The range of a map's sizes, strides.
fn range(number: usize, maps: usize) -> std::ops::Range<f64> {
    let start = if number == 0 { 0.0 } else { SIZES.start };
    start..if number + 1 == maps { f64::INFINITY } else { SIZES.end }
}

/// The answer of a pixel at a place: of the boxes around it whose center is near and whose size is the map's, the
/// smallest; of equal ones the first.
fn answer(
    boxes: &[ObjectBox],
    [x, y]: [f64; 2],
    (stride, oriented): (f64, bool),
    range: &std::ops::Range<f64>,
) -> Option<Answer> {
    let mut best: Option<(f64, Answer)> = None;
    for object in boxes {
        let rectangle = if oriented { object.rectangle() } else { OrientedBox::upright(object.sides) };
        let (sides, from_center) = if oriented {
            let ([u, v], [along, across]) = (rectangle.local([x, y]), rectangle.halves());
            ([along + u, across + v, along - u, across - v], [u, v])
        } else {
            let [west, north, east, south] = object.sides;
            let from_center = [f64::midpoint(west, east) - x, f64::midpoint(north, south) - y];
            ([x - west, y - north, east - x, south - y], from_center)
        };
        let sides = sides.map(|distance| distance / stride);
        let is_near = from_center.iter().all(|d| d.abs() < AROUND * stride);
        let farthest = sides.into_iter().fold(0.0, f64::max);
        if is_near && sides.iter().all(|distance| *distance > 0.0) && range.contains(&farthest) {
            let area = rectangle.area();
            if best.as_ref().is_none_or(|(smallest, _)| area < *smallest) {
                let gaussian = gaussian(&rectangle, [x, y], stride);
                best = Some((area, Answer { class: object.class, sides, gaussian }));
            }
        }
    }
    best.map(|(_, answer)| answer)
}

/// From a place to a rectangle's center, and the covariance of a place in it: of columns, of rows, of both; strides. Of a side
/// of length 2 h, the variance is h^2 / 3. Last, half the logarithm of its determinant.
fn gaussian(rectangle: &OrientedBox, place: [f64; 2], stride: f64) -> [f64; 6] {
    let [x, y] = [0, 1].map(|axis| (rectangle.center()[axis] - place[axis]) / stride);
    let [along, across] = rectangle.halves().map(|half| (half / stride).powi(2) / 3.0);
    let [u, v] = rectangle.direction();
    let columns = along * u * u + across * v * v;
    let rows = along * v * v + across * u * u;
    [x, y, columns, rows, (along - across) * u * v, (along * across).ln() / 2.0]
}

impl Values {
    fn add(&mut self, answers: &[(bool, Option<Answer>)], classes: usize, oriented: bool) {
        let found = || answers.iter().map(|(_, answer)| answer.as_ref());
        for class in 0..classes {
            let is = |a: Option<&Answer>| a.is_some_and(|a| usize::from(a.class) == class);
            self.classes.extend(found().map(|a| if is(a) { 1.0 } else { 0.0 }));
        }
        self.known.extend(answers.iter().map(|(known, _)| if *known { 1.0 } else { 0.0 }));
        self.inside.extend(answers.iter().map(|(known, a)| if *known && a.is_some() { 1.0 } else { 0.0 }));
        if oriented {
            for (i, without) in NO_OBJECT.into_iter().enumerate() {
                self.boxes.extend(found().map(|a| narrow(a.map_or(without, |a| a.gaussian[i]))));
            }
        } else {
            for side in 0..4 {
                self.boxes.extend(found().map(|a| a.map_or(1.0, |a| narrow(a.sides[side]))));
            }
        }
        self.nearness.extend(found().map(|a| a.map_or(0.0, |a| narrow(nearness(a.sides)))));
        self.count += exact(answers.iter().filter(|(known, a)| *known && a.is_some()).count());
    }
}

/// The nearness of a center: 1 there, 0 at the sides (formula 3 of the paper).
fn nearness([west, north, east, south]: [f64; 4]) -> f64 {
    let part = |a: f64, b: f64| a.min(b) / a.max(b);
    (part(west, east) * part(north, south)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(class: u8, sides: [f64; 4]) -> ObjectBox {
        ObjectBox { class, sides, oriented: None }
    }

    fn truth(boxes: Vec<ObjectBox>, valid: Vec<bool>) -> LocationTruth {
        let sample = Sample { side: 32, data: vec![], valid, target: Target::Boxes(boxes) };
        locations(&[sample], (&[4, 8], false), 2, &Device::flex())
    }

    fn numbers(tensor: Tensor<3>) -> Vec<f32> {
        tensor.into_data().try_into_vec().unwrap()
    }

    #[test]
    fn pixels_near_a_center_answer_for_the_smallest_box() {
        // Eight by eight pixels of four, then four by four of eight. The small box lies in the large one.
        let (small, large) = (object(1, [9.0, 9.0, 19.0, 17.0]), object(0, [4.0, 4.0, 28.0, 27.0]));
        let truth = truth(vec![large, small], vec![true; 1024]);
        let classes = numbers(truth.classes);
        let at = |class: usize, x: usize, y: usize| classes[class * 80 + y * 8 + x] > 0.5;
        // Centers (14, 13) and (16, 15.5), less than six pixels around; places of the finest map are 2, 6, 10, ...
        let seen: Vec<_> = (0..64).filter(|i| at(1, i % 8, i / 8)).collect();
        assert_eq!(seen, [18, 19, 20, 26, 27, 28], "{seen:?}");
        let of_large: Vec<_> = (0..64).filter(|i| at(0, i % 8, i / 8)).collect();
        assert_eq!(of_large, [35, 36]);
        // Both are nearer than 32 px to all of their sides: none is of the coarser map.
        assert!(classes[64..80].iter().chain(&classes[144..]).all(|v| *v < 0.5));
        assert!((truth.count - 8.0).abs() < 1e-9);
        let sides = numbers(truth.boxes);
        // Place (10, 10) of the small box.
        let expected = [0.25, 0.25, 2.25, 1.75];
        assert!((0..4).all(|s| (f64::from(sides[s * 80 + 18]) - expected[s]).abs() < 1e-6));
        let near = f64::from(numbers(truth.nearness)[18]);
        assert!((near - (0.25f64 / 2.25 * 0.25 / 1.75).sqrt()).abs() < 1e-6, "{near}");
    }

    #[test]
    fn large_boxes_are_of_the_coarser_map_and_unknown_places_of_none() {
        let mut valid = vec![true; 1024];
        // The place of the pixel (1, 1) of the coarser map.
        valid[12 * 32 + 12] = false;
        let truth = truth(vec![object(0, [-30.0, -30.0, 62.0, 62.0])], valid);
        let (inside, known) = (numbers(truth.inside), numbers(truth.known));
        assert!(inside[..64].iter().all(|v| *v < 0.5));
        // Center (16, 16): places 12 and 20 are four away, 4 and 28 twelve, which is not below 1.5 strides.
        let seen: Vec<_> = (64..80).filter(|i| inside[*i] > 0.5).map(|i| i - 64).collect();
        assert_eq!((seen, truth.count), (vec![6, 9, 10], 3.0));
        assert!(known[64 + 5] < 0.5 && known.iter().filter(|v| **v < 0.5).count() == 1);
    }
}
