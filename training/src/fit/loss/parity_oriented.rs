//! Targets and loss of boxes with a direction against those of `benches/peers/parity_oriented.py`.

use arpent_base::number::{exact, narrow, truncate};
use arpent_raster::OrientedBox;
use burn::tensor::{Device, Tensor, TensorData};

use super::super::locations::{LocationTruth, locations};
use super::locations::probiou;
use super::parity::{numbers, uniform};
use crate::data::{ObjectBox, Sample, Target};

const SIDE: usize = 128;
const STRIDES: [usize; 3] = [4, 8, 16];
const CLASSES: usize = 2;
const VALUES: usize = CLASSES + 6;

fn fixture() -> serde_json::Value {
    serde_json::from_str(include_str!("../../../tests/parity/oriented-losses.json")).unwrap()
}

/// Class, column and row of the center, halves of the sides, degrees from east to south.
fn object(row: &serde_json::Value) -> ObjectBox {
    let n = numbers(row);
    let (sine, cosine) = n[5].to_radians().sin_cos();
    let oriented = OrientedBox::new([n[1], n[2]], [n[3] * cosine, n[3] * sine], n[4]);
    ObjectBox { class: truncate::<u8>(n[0]), sides: oriented.bbox(), oriented: Some(oriented) }
}

fn truth(fixture: &serde_json::Value, device: &Device) -> LocationTruth {
    assert_eq!((&fixture["side"], &fixture["strides"]), (&SIDE.into(), &serde_json::json!(STRIDES)));
    let boxes = |chip: &serde_json::Value| chip["boxes"].as_array().unwrap().iter().map(object).collect();
    let chip = |chip: &serde_json::Value| {
        let target = Target::Boxes(boxes(chip));
        Sample { side: SIDE, data: vec![], valid: vec![true; SIDE * SIDE], target }
    };
    let samples: Vec<Sample> = fixture["boxes"].as_array().unwrap().iter().map(chip).collect();
    locations(&samples, (&STRIDES, true), CLASSES, device)
}

/// The same pixels answer for the same boxes, with the same Gaussians.
#[test]
fn pixels_answer_for_the_boxes_that_hold_them() {
    let fixture = fixture();
    let truth = truth(&fixture, &Device::flex());
    let values = |tensor: Tensor<3>| tensor.into_data().try_into_vec::<f32>().unwrap();
    let (inside, classes, boxes) = (values(truth.inside), values(truth.classes), values(truth.boxes));
    let pixels = inside.len() / 2;
    let mut expected = vec![None; 2 * pixels];
    for (chip, matched) in fixture["matched"].as_array().unwrap().iter().enumerate() {
        for row in matched["answers"].as_array().unwrap() {
            let row = numbers(row);
            let class = numbers(&fixture["boxes"][chip]["boxes"][truncate::<usize>(row[1])])[0];
            expected[chip * pixels + truncate::<usize>(row[0])] = Some(truncate::<usize>(class));
        }
    }
    let mut answered = 0usize;
    for (at, expected) in expected.into_iter().enumerate() {
        assert_eq!(inside[at] > 0.5, expected.is_some(), "pixel {at}");
        let Some(class) = expected else { continue };
        answered += 1;
        let (chip, pixel) = (at / pixels, at % pixels);
        assert!(classes[(chip * CLASSES + class) * pixels + pixel] > 0.5, "pixel {at}");
    }
    assert!(answered > 50 && (truth.count - exact(answered)).abs() < 1e-9, "{answered}");
    for row in fixture["gaussians"].as_array().unwrap() {
        let n = numbers(row);
        let (chip, pixel) = (truncate::<usize>(n[0]), truncate::<usize>(n[1]));
        let plane = |i: usize| f64::from(boxes[(6 * chip + i) * pixels + pixel]);
        for i in 0..5 {
            let apart = (plane(i) - n[2 + i]).abs();
            assert!(apart < 1e-5 * n[2 + i].abs().max(1.0), "{row}: {}", plane(i));
        }
        let half_log = (n[4] * n[5] - n[6] * n[6]).ln() / 2.0;
        assert!((plane(5) - half_log).abs() < 1e-5 * half_log.abs().max(1.0), "{row}: {}", plane(5));
    }
}

#[test]
fn loss_and_gradients_are_those_of_torch() {
    let fixture = fixture();
    let device = Device::flex().autodiff();
    let truth = truth(&fixture, &device);
    let maps = STRIDES.map(|stride| {
        let shape = [2, VALUES, SIDE / stride, SIDE / stride];
        let u = uniform(&format!("oriented {stride}"), shape.iter().product());
        let values: Vec<f32> = u.into_iter().map(|u| narrow(4.0 * u - 2.0)).collect();
        Tensor::<4>::from_data(TensorData::new(values, shape), &device).require_grad()
    });
    let loss = probiou(&maps, &truth);
    let gradients = loss.backward();
    let of = |map: &Tensor<4>| map.grad(&gradients).unwrap().into_data().try_into_vec::<f32>().unwrap();
    let ours: Vec<f32> = maps.iter().flat_map(of).collect();
    let (value, expected) =
        (f64::from(loss.into_data().try_into_vec::<f32>().unwrap()[0]), &fixture["value"]);
    assert!((value - expected.as_f64().unwrap()).abs() < 1e-5, "{value} {expected}");
    let (mut compared, mut some) = (0, 0);
    for entry in fixture["gradient"].as_array().unwrap() {
        let n = numbers(entry);
        let apart = (f64::from(ours[truncate::<usize>(n[0])]) - n[1]).abs();
        assert!(apart < 1e-6 + 1e-4 * n[1].abs(), "at {}: off by {apart} from {}", n[0], n[1]);
        compared += 1;
        some += usize::from(n[1].abs() > 1e-4);
    }
    assert!(compared > 200 && some > 50, "{compared} {some}");
}

/// An answer that is right costs next to nothing; a gradient is finite everywhere, at squares and at extremes, too.
#[test]
fn right_answers_cost_nothing_and_gradients_are_finite() {
    let device = Device::flex().autodiff();
    let fixture = fixture();
    let truth = truth(&fixture, &device);
    let numbers = |tensor: &Tensor<3>| tensor.clone().into_data().try_into_vec::<f32>().unwrap();
    let boxes = numbers(&truth.boxes);
    let pixels = boxes.len() / 12;
    let right = |extreme: Option<f32>| {
        let mut start = 0;
        STRIDES.map(|stride| {
            let area = (SIDE / stride) * (SIDE / stride);
            let mut values = vec![extreme.unwrap_or(0.0); 2 * VALUES * area];
            for (chip, at) in (0..2).flat_map(|chip| (0..area).map(move |at| (chip, at))) {
                let of = |i: usize| f64::from(boxes[(6 * chip + i) * pixels + start + at]);
                let (columns, rows, both) = (of(2), of(3), of(4));
                let half = ((columns - rows) / 2.0).hypot(both);
                let middle = f64::midpoint(columns, rows);
                let logs = [middle + half, middle - half].map(|variance| (3.0 * variance).ln() / 2.0);
                let elongated = logs[0] - logs[1];
                let turn = both.atan2((columns - rows) / 2.0);
                let size = f64::midpoint(logs[0], logs[1]);
                let answer = [of(0), of(1), size, elongated * turn.cos(), elongated * turn.sin()];
                for (i, value) in answer.into_iter().enumerate().filter(|_| extreme.is_none()) {
                    values[(chip * VALUES + CLASSES + 1 + i) * area + at] = narrow(value);
                }
            }
            start += area;
            let shape = [2, VALUES, SIDE / stride, SIDE / stride];
            Tensor::<4>::from_data(TensorData::new(values, shape), &device).require_grad()
        })
    };
    for extreme in [None, Some(0.0), Some(200.0), Some(-200.0)] {
        let maps = right(extreme);
        let loss = probiou(&maps, &truth);
        let gradients = loss.backward();
        let of = |map: &Tensor<4>| map.grad(&gradients).unwrap().into_data().try_into_vec::<f32>().unwrap();
        assert!(maps.iter().flat_map(of).all(f32::is_finite), "{extreme:?}");
        let value = loss.into_data().try_into_vec::<f32>().unwrap()[0];
        assert!(value.is_finite() && (extreme.is_some() || value < 3e-3), "{extreme:?}: {value}");
    }
}
