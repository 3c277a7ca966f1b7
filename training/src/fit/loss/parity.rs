//! Targets and losses of a detector without anchors against torchvision's (`benches/peers/parity_fcos.py`); and what the
//! fixtures of boxes share.

use arpent_base::number::{exact, narrow, truncate};
use burn::tensor::{Device, Tensor, TensorData};

use super::super::locations::locations as truth_of;
use super::locations::{focal, giou, nearness};
use crate::data::{ObjectBox, Sample, Target};

/// The numbers of a key in [0, 1), by the formula of `benches/peers/formula.py`: FNV-1a of the key, then SplitMix64.
pub(super) fn uniform(key: &str, count: usize) -> Vec<f64> {
    let fnv = |state: u64, byte: u8| (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let start = key.bytes().fold(0xcbf2_9ce4_8422_2325, fnv);
    let number = |i: usize| {
        let mut z = start.wrapping_add(0x9e37_79b9_7f4a_7c15u64.wrapping_mul(i as u64 + 1));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        exact((z ^ (z >> 31)) >> 40) / f64::from(1u32 << 24)
    };
    (0..count).map(number).collect()
}

pub(super) fn numbers(list: &serde_json::Value) -> Vec<f64> {
    list.as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect()
}

/// The box of a row of a fixture: class and sides.
pub(super) fn object(row: &serde_json::Value) -> ObjectBox {
    let n = numbers(row);
    ObjectBox { class: truncate::<u8>(n[0]), sides: [n[1], n[2], n[3], n[4]], oriented: None }
}

const SIDE: usize = 128;
const STRIDES: [usize; 3] = [4, 8, 16];
const CLASSES: usize = 2;

fn fixture() -> serde_json::Value {
    serde_json::from_str(include_str!("../../../tests/parity/fcos-losses.json")).unwrap()
}

fn chips(fixture: &serde_json::Value) -> Vec<Sample> {
    assert_eq!((&fixture["side"], &fixture["strides"]), (&SIDE.into(), &serde_json::json!(STRIDES)));
    let boxes = |chip: &serde_json::Value| chip["boxes"].as_array().unwrap().iter().map(object).collect();
    let chip = |chip: &serde_json::Value| {
        let target = Target::Boxes(boxes(chip));
        Sample { side: SIDE, data: vec![], valid: vec![true; SIDE * SIDE], target }
    };
    fixture["boxes"].as_array().unwrap().iter().map(chip).collect()
}

/// The same pixels answer for the same boxes.
#[test]
fn pixels_answer_for_the_boxes_of_torchvision() {
    let fixture = fixture();
    let samples = chips(&fixture);
    let truth = truth_of(&samples, (&STRIDES, false), CLASSES, &Device::flex());
    let values = |tensor: Tensor<3>| tensor.into_data().try_into_vec::<f32>().unwrap();
    let (inside, classes, sides) = (values(truth.inside), values(truth.classes), values(truth.boxes));
    let pixels = inside.len() / samples.len();
    let mut answered = 0usize;
    for (i, sample) in samples.iter().enumerate() {
        let Target::Boxes(boxes) = &sample.target else { panic!() };
        let mut expected = vec![None; pixels];
        for row in fixture["matched"][i]["answers"].as_array().unwrap() {
            let row = numbers(row);
            expected[truncate::<usize>(row[0])] = Some(truncate::<usize>(row[1]));
        }
        for (at, expected) in expected.into_iter().enumerate() {
            assert_eq!(inside[i * pixels + at] > 0.5, expected.is_some(), "chip {i}, pixel {at}");
            let Some(object) = expected.map(|number| &boxes[number]) else { continue };
            answered += 1;
            let class = usize::from(object.class);
            assert!(classes[(i * CLASSES + class) * pixels + at] > 0.5, "chip {i}, pixel {at}");
            // The two distances along an axis add up to the box's side.
            let side = |s: usize| f64::from(sides[(4 * i + s) * pixels + at]);
            let stride = if at < 1024 {
                4.0
            } else if at < 1280 {
                8.0
            } else {
                16.0
            };
            let width = (object.sides[2] - object.sides[0]) / stride;
            assert!((side(0) + side(2) - width).abs() < 1e-4, "chip {i}, pixel {at}");
        }
    }
    assert!(answered > 30 && (truth.count - exact(answered)).abs() < 1e-9, "{answered}");
}

#[test]
fn losses_and_gradients_are_those_of_torchvision() {
    let fixture = fixture();
    let device = Device::flex().autodiff();
    let truth = truth_of(&chips(&fixture), (&STRIDES, false), CLASSES, &device);
    let raw = STRIDES.map(|stride| {
        let shape = [2, CLASSES + 5, SIDE / stride, SIDE / stride];
        let u = uniform(&format!("map {stride}"), shape.iter().product());
        (u.into_iter().map(|u| narrow(4.0 * u - 2.0)).collect::<Vec<f32>>(), shape)
    });
    for (ours, theirs) in raw[0].0.iter().zip(numbers(&fixture["first"])) {
        assert!((f64::from(*ours) - theirs).abs() < 1e-6, "{ours} {theirs}");
    }
    let mut compared = 0;
    for case in fixture["cases"].as_array().unwrap() {
        let maps = raw.each_ref().map(|(values, shape)| {
            Tensor::<4>::from_data(TensorData::new(values.clone(), *shape), &device).require_grad()
        });
        let (name, expected) = (case["name"].as_str().unwrap(), case["value"].as_f64().unwrap());
        let loss = match name {
            "focal" => focal(&maps, &truth, 2.0),
            "giou" => giou(&maps, &truth),
            "centerness" => nearness(&maps, &truth),
            other => panic!("no loss `{other}`"),
        };
        let gradients = loss.backward();
        let of = |map: &Tensor<4>| map.grad(&gradients).unwrap().into_data().try_into_vec::<f32>().unwrap();
        let ours: Vec<f32> = maps.iter().flat_map(of).collect();
        let value = f64::from(loss.into_data().try_into_vec::<f32>().unwrap()[0]);
        assert!((value - expected).abs() < 1e-5 * expected, "{name}: {value}, {expected}");
        for entry in case["gradient"].as_array().unwrap() {
            let n = numbers(entry);
            let apart = (f64::from(ours[truncate::<usize>(n[0])]) - n[1]).abs();
            assert!(apart < 1e-6 + 1e-4 * n[1].abs(), "{name} at {}: off by {apart} from {}", n[0], n[1]);
            compared += 1;
        }
    }
    assert!(compared > 3 * 100, "{compared}");
}
