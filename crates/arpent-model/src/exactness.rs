//! Same pixel, same answer: bitwise tests of the contract of [`Predictor::predict`](crate::Predictor::predict).

#![allow(clippy::unwrap_used, reason = "test helpers; numbers are small")]

use arpent_base::number::{exact, exact_f32, index, signed, truncate};
use arpent_raster::{Chip, Nomenclature, Window};
use proptest::prelude::*;
use rayon::ThreadPoolBuilder;

use crate::{
    Architecture, Detection, DeviceChoice, Encoder, GraphStep, HandSet, MitSize, ModelError, ModelPackage,
    ModelWindow, Prediction, Predictor, PyramidEncoder, StepActivation, Task, Weights, field,
};

/// A well-mixed hash of a key.
fn hash(key: u64) -> u64 {
    let mut z = key.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Uniform in -1..1.
fn uniform(key: u64) -> f32 {
    exact_f32(hash(key) >> 40) / exact_f32(1u64 << 23) - 1.0
}

pub(crate) fn random_weights(architecture: &Architecture, seed: u64) -> Weights {
    let mut weights = Weights::default();
    for (i, tensor) in architecture.tensors().into_iter().enumerate() {
        let count: usize = tensor.shape.iter().product();
        let is_kernel = tensor.shape.len() == 4;
        let scale = if is_kernel { (6.0 / exact_f32(count / tensor.shape[0])).sqrt() } else { 0.1 };
        let value = |j: usize| scale * uniform(hash(seed ^ (i as u64) << 32) ^ j as u64);
        weights.insert(tensor.name, &tensor.shape, (0..count).map(value).collect());
    }
    weights
}

fn unet(widths: &[usize], encoder_convs: &[usize]) -> Architecture {
    Architecture::Unet {
        in_channels: 2,
        out_channels: 3,
        widths: widths.into(),
        encoder_convs: encoder_convs.into(),
        dates: 1,
    }
}

fn package(architecture: &Architecture) -> ModelPackage {
    let classes = HandSet::segmentation(&["red"], 3).classes;
    let cells = matches!(architecture, Architecture::Classifier { .. });
    let task = if cells { Task::SceneClassification } else { Task::SemanticSegmentation };
    let bands = ["red", "green"].map(String::from).to_vec();
    HandSet {
        bands,
        task,
        classes: Nomenclature::new(classes.into()).unwrap(),
        ..HandSet::segmentation(&[], 3)
    }
    .package(architecture.clone())
}

/// Where the infinite scene is invalid.
#[derive(Debug, Clone, Copy)]
enum Holes {
    /// Nowhere.
    None,
    /// One pixel in 16.
    Noise,
    /// Beyond an irregular border.
    Border,
    /// Everywhere but on small islands.
    Sea,
    /// In discs, some larger than the maximal fill distance.
    Discs,
}

impl Holes {
    const ALL: [Self; 5] = [Self::None, Self::Noise, Self::Border, Self::Sea, Self::Discs];

    fn holds(self, (col, row): (i64, i64), key: u64) -> bool {
        let in_disc = |side: i64, radius: i64| {
            let from_center = |v: i64| (v.rem_euclid(side) - side / 2).pow(2);
            from_center(col) + from_center(row) < radius.pow(2)
        };
        match self {
            Self::None => false,
            Self::Noise => key.is_multiple_of(16),
            Self::Border => 3 * col + 2 * row + signed(index(key % 5)) > 30,
            Self::Sea => !in_disc(150, 9),
            Self::Discs => in_disc(190, 70) || in_disc(53, 6),
        }
    }
}

/// The infinite random scene, cropped to a window; one pixel in 16 is invalid.
fn chip(window: Window) -> Chip {
    holed(window, Holes::Noise)
}

/// The infinite random scene, cropped to a window.
fn holed(window: Window, holes: Holes) -> Chip {
    let mut chip = Chip::empty(window, 2);
    let pixels = window.width * window.height;
    for y in 0..window.height {
        for x in 0..window.width {
            let (col, row) = (window.col + signed(x), window.row + signed(y));
            let key = hash(hash(col.cast_unsigned()) ^ row.cast_unsigned());
            let at = y * window.width + x;
            chip.valid[at] = !holes.holds((col, row), key);
            if chip.valid[at] {
                chip.data[at] = uniform(key);
                chip.data[pixels + at] = uniform(!key);
            }
        }
    }
    chip
}

/// Bits of the scores before softmax over `core`.
fn bits(predictor: &Predictor, chip: &Chip, core: Window) -> Vec<u32> {
    predictor.scores(chip, &core).unwrap().iter().map(|s| s.to_bits()).collect()
}

fn load(architecture: &Architecture) -> (ModelPackage, Predictor) {
    let package = package(architecture);
    let weights = random_weights(architecture, 7);
    let predictor = Predictor::load(&package, &weights, DeviceChoice::Cpu).unwrap();
    (package, predictor)
}

/// Architectures that use the engine's different kernels: blocks of one vector, of two and of a part; rows computed
/// in fours.
fn shapes() -> Vec<Architecture> {
    vec![
        unet(&[4, 5], &[1, 1]),
        unet(&[16, 24, 16], &[1, 1, 1]),
        unet(&[5, 64, 80], &[2, 2, 1]),
        unet(&[8, 8, 16, 24], &[1, 1, 1, 1]),
    ]
}

/// Networks of published encoders, with a decoder that is quick to compute.
fn encoded(encoder: Encoder) -> Architecture {
    Architecture::EncoderUnet {
        encoder,
        in_channels: 2,
        out_channels: 3,
        decoder: vec![16, 8, 8, 8, 8],
        dates: 1,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_pixel_gets_the_same_bits_from_every_chip(
        shape in 0..shapes().len(),
        core in (-40i64..40, -40i64..40, 1usize..40, 1usize..40),
        margins in prop::array::uniform8(0usize..12),
        threads in 1usize..4,
        holes in 0usize..5,
    ) {
        let holes = Holes::ALL[holes];
        let (package, predictor) = load(&shapes()[shape]);
        let core = Window::new(core.0, core.1, core.2, core.3);
        let stride = package.stride_px;
        // If all visible pixels are valid, the first chip is the smallest possible one.
        let smallest = holed(predictor.chip_of(&core), holes);
        let around = predictor.filled_chip_of(&core);
        let mut chips = [&margins[..4], &margins[4..]].map(|m| {
            let step = |n: usize| signed(n * stride);
            holed(Window::between(
                around.col - step(m[0]), around.row - step(m[1]),
                around.col_end() + step(m[2]), around.row_end() + step(m[3]),
            ), holes)
        });
        match smallest.fill_needs() {
            None => chips[0] = smallest,
            // The chip that a run reads is sufficient.
            Some(needs) => {
                let mut read = Chip::empty(around, 2);
                for w in &needs {
                    read.paste(&holed(*w, holes));
                }
                read.paste(&smallest);
                chips[0] = read;
            }
        }
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let first = ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(|| bits(&predictor, &chips[0], core));
        let second = pool.install(|| bits(&predictor, &chips[1], core));
        prop_assert!(first == second, "{} and {} differ over {core}", chips[0].window, chips[1].window);
    }
}

/// Rows and columns, from a place, at which a change of the input changes the output at that place.
fn reach(predictor: &Predictor, radius: i64, place: (i64, i64)) -> i64 {
    let size = usize::try_from(2 * radius + 40).unwrap();
    let window = Window::new(place.0 - radius - 12, place.1 - radius - 12, size, size).align_out(16);
    let core = Window::new(place.0, place.1, 1, 1);
    let base = holed(window, Holes::None);
    let before = bits(predictor, &base, core);
    let mut farthest = 0;
    for distance in (1..=radius + 3).rev() {
        // A whole ring is changed at once: if none of its pixels has an effect, no single one does.
        let mut changed = base.clone();
        let pixels = window.width * window.height;
        for i in 0..pixels {
            let (x, y) = (signed(i % window.width) + window.col, signed(i / window.width) + window.row);
            if (x - place.0).abs().max((y - place.1).abs()) == distance {
                changed.data[i] = 9.0;
                changed.data[pixels + i] = -9.0;
            }
        }
        if bits(predictor, &changed, core) != before {
            farthest = distance;
            break;
        }
    }
    farthest
}

#[test]
fn the_stated_receptive_field_is_what_the_network_sees() {
    for shape in [unet(&[8, 8], &[1, 1]), unet(&[8, 8, 8], &[2, 1, 1])] {
        let (package, predictor) = load(&shape);
        let radius = i64::try_from(package.receptive_field_px).unwrap();
        let stride = i64::try_from(package.stride_px).unwrap();
        let places = (0..stride).flat_map(|x| [(x, x), (x, 0)]);
        let farthest = places.map(|place| reach(&predictor, radius, place)).max();
        assert_eq!(farthest, Some(radius), "{shape:?}");
    }
}

/// Cells of 8 px on features of two levels: the same bits from chips that begin at other cells, one class per cell.
#[test]
fn a_classifier_gives_a_cell_one_answer_whatever_the_chip() {
    let shape = Architecture::Classifier {
        in_channels: 2,
        out_channels: 3,
        widths: vec![8, 8],
        convs: vec![1, 2],
        cell_px: 8,
    };
    let (package, predictor) = load(&shape);
    assert_eq!((package.stride_px, package.receptive_field_px), (8, 7 + 5));
    let core = Window::new(-24, 16, 16, 8);
    let around = predictor.filled_chip_of(&core);
    let seen = [(0, 0), (8, 64), (200, 16)].map(|(east, south)| {
        let (col_end, row_end) = (around.col_end() + east, around.row_end() + south);
        bits(&predictor, &chip(Window::between(around.col - east, around.row, col_end, row_end)), core)
    });
    assert!(seen[0] == seen[1] && seen[0] == seen[2]);
    let cells = seen[0][..16].chunks_exact(8);
    assert!(cells.clone().all(|cell| cell.iter().all(|bits| *bits == cell[0])));
    assert!(cells.map(|cell| cell[0]).collect::<std::collections::BTreeSet<_>>().len() == 2);
    let radius = i64::try_from(package.receptive_field_px).unwrap();
    let farthest = (0..8).map(|x| reach(&predictor, radius, (x, 7 - x))).max();
    assert_eq!(farthest, Some(radius));
}

/// A detector without anchors on the shallow part of an encoder.
fn located(oriented: bool) -> Predictor {
    let architecture = Architecture::Fcos {
        encoder: Encoder::EfficientnetLite0,
        in_channels: 2,
        classes: 2,
        strides: vec![4, 8],
        width: 8,
        convs: 1,
        oriented,
    };
    let settings = HandSet::segmentation(&["red", "green"], 2);
    let detection = Some(Detection { threshold: 0.3, iou: 0.5 });
    let package =
        HandSet { task: Task::ObjectDetection, detection, ..settings }.package(architecture.clone());
    Predictor::load(&package, &random_weights(&architecture, 7), DeviceChoice::Cpu).unwrap()
}

/// The boxes of a core, from a chip that is larger than needed.
fn boxes(predictor: &Predictor, core: Window, more: i64, holes: Holes) -> Vec<(u8, u32, [u64; 9])> {
    let around = predictor.filled_chip_of(&core);
    let stride = signed(predictor.stride());
    let (col, row) = (around.col - more * stride, around.row - 2 * more * stride);
    let chip = holed(Window::between(col, row, around.col_end() + more * stride, around.row_end()), holes);
    let Prediction::Detections(found) = predictor.predict(&chip, &core).unwrap() else { panic!("boxes") };
    let bits = |d: &crate::PixelDetection| {
        let oriented = d.oriented.map_or([0.0; 5], |oriented| oriented.numbers());
        let mut numbers = d.bbox.iter().chain(&oriented).map(|v| v.to_bits());
        std::array::from_fn(|_| numbers.next().unwrap())
    };
    found.iter().map(|d| (d.class_id, d.score.to_bits(), bits(d))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The boxes of a core are those of its parts, wherever it is cut, from whatever chip, on any number of threads.
    #[test]
    fn boxes_are_the_same_wherever_windows_are_cut(
        corner in (-60i64..60, -60i64..60), size in (2usize..70, 2usize..70), cut in (0.0f64..1.0, 0.0f64..1.0),
        more in prop::array::uniform4(0i64..3), threads in 1usize..4, holes in 0usize..5, oriented: bool,
    ) {
        let (predictor, holes) = (located(oriented), Holes::ALL[holes]);
        let core = Window::new(corner.0, corner.1, size.0, size.1);
        let at = |start: i64, size: usize, share: f64| start + 1 + truncate::<i64>(share * exact(size - 1));
        let (col, row) = (at(core.col, core.width, cut.0), at(core.row, core.height, cut.1));
        let one = ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut whole = one.install(|| boxes(&predictor, core, 0, holes));
        let parts = [
            Window::between(core.col, core.row, col, row),
            Window::between(col, core.row, core.col_end(), row),
            Window::between(core.col, row, col, core.row_end()),
            Window::between(col, row, core.col_end(), core.row_end()),
        ];
        let parts = parts.into_iter().zip(more).filter(|(part, _)| !part.is_empty());
        let mut cut: Vec<_> =
            pool.install(|| parts.flat_map(|(part, more)| boxes(&predictor, part, more, holes)).collect());
        whole.sort_unstable();
        cut.sort_unstable();
        prop_assert_eq!(whole, cut);
    }
}

/// Boxes are found, so that the test above compares something; their places lie in the core.
#[test]
fn random_weights_find_boxes() {
    for oriented in [false, true] {
        let found = boxes(&located(oriented), Window::new(-40, 16, 96, 80), 0, Holes::None);
        assert!(
            found.len() > 10 && found.iter().any(|f| f.0 == 0) && found.iter().any(|f| f.0 == 1),
            "{found:?}"
        );
    }
}

/// Strided, 1 x 1, 5 x 5, 7 x 7 and depthwise convolutions, sums of branches: one core from two chips. (ResNet-34
/// has the layers of ResNet-18.)
#[test]
fn known_encoders_give_the_same_bits_from_every_chip() {
    let local = |encoder: &Encoder| field::is_local(&encoded(*encoder));
    for encoder in Encoder::ALL.into_iter().filter(|e| *e != Encoder::Resnet34 && local(e)) {
        let (_, predictor) = load(&encoded(encoder));
        let core = Window::new(-70, 40, 24, 16);
        let around = predictor.filled_chip_of(&core);
        let seen = [(0, 0), (32, 64)].map(|(east, south)| {
            let (col_end, row_end) = (around.col_end() + east, around.row_end() + south);
            bits(&predictor, &chip(Window::between(around.col - east, around.row, col_end, row_end)), core)
        });
        assert!(seen[0] == seen[1], "{}", encoder.name());
    }
}

/// A network with squeeze-and-excitation in a window of its own.
fn windowed(side_px: usize, margin_px: usize) -> Predictor {
    let architecture = encoded(Encoder::EfficientnetB0);
    let package = package(&architecture).with_window(ModelWindow { side_px, margin_px });
    Predictor::load(&package, &random_weights(&architecture, 7), DeviceChoice::Cpu).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// ADR 0022: the window is that of the cell, whatever part of the cell is asked for, from whatever chip, on any number of
    /// threads.
    #[test]
    fn a_pixel_gets_the_bits_of_the_one_window_whose_core_holds_it(
        cell in (-2i64..2, -2i64..2), margin in prop::sample::select(vec![0usize, 16, 32]),
        part in (0i64..64, 0i64..64, 1usize..64, 1usize..64), more in prop::array::uniform4(0i64..40),
        threads in 1usize..4, holes in 0usize..5,
    ) {
        let holes = Holes::ALL[holes];
        let predictor = windowed(64 + 2 * margin, margin);
        let whole = Window::new(64 * cell.0, 64 * cell.1, 64, 64);
        let part = Window { col: whole.col + part.0, row: whole.row + part.1, width: part.2, height: part.3 }
            .intersect(&whole)
            .unwrap();
        let window = whole.grow(margin);
        prop_assert_eq!((predictor.chip_of(&whole), predictor.chip_of(&part)), (window, window));
        let around = predictor.filled_chip_of(&part);
        let larger = Window::between(
            around.col - more[0], around.row - more[1], around.col_end() + more[2], around.row_end() + more[3],
        );
        let one = ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let all = one.install(|| predictor.scores(&holed(around, holes), &whole).unwrap());
        let some = pool.install(|| predictor.scores(&holed(larger, holes), &part).unwrap());
        let (col, row) = whole.offset_of(&part).unwrap();
        for ((output, y, x), score) in some.indexed_iter() {
            prop_assert_eq!(score.to_bits(), all[[output, row + y, col + x]].to_bits());
        }
    }
}

/// The other end of the window changes the answer; what lies beyond the window does not.
#[test]
fn the_whole_window_is_seen_and_nothing_else() {
    let predictor = windowed(96, 16);
    let core = Window::new(64, -64, 64, 64);
    let around = predictor.filled_chip_of(&core);
    let base = holed(around, Holes::None);
    let corner = Window::new(core.col, core.row, 1, 1);
    let before = bits(&predictor, &base, corner);
    let changed = |col: i64, row: i64| {
        let mut chip = base.clone();
        let (x, y) = chip.window.offset_of(&Window::new(col, row, 1, 1)).unwrap();
        chip.data[y * around.width + x] = 9.0;
        bits(&predictor, &chip, corner) != before
    };
    assert!(changed(core.col_end() + 15, core.row_end() + 15));
    assert!(!changed(core.col_end() + 16, core.row_end() + 15));
    let two = Window::new(core.col + 32, core.row, 64, 8);
    let error = predictor.scores(&base, &two).unwrap_err();
    assert!(matches!(error, ModelError::WindowMissing { side_px: 96, .. }), "{error}");
}

/// A graph that joins features with interpolated means of their parts, of several numbers, and none of the whole.
fn means(parts: &[usize]) -> Architecture {
    let conv = |from: usize, name: &str, outputs: usize, stride: usize| GraphStep::Conv {
        from,
        name: name.to_owned(),
        outputs,
        kernel: 3,
        stride,
        before: 1,
        dilation: 1,
        depthwise: false,
        activation: StepActivation::Relu,
    };
    let mut steps = vec![conv(0, "a", 8, 2), conv(1, "b", 8, 2)];
    let mut joined = 2;
    for side in parts {
        steps.push(GraphStep::AdaptiveMean { from: 2, side: *side });
        steps.push(GraphStep::Bilinear { from: steps.len(), level: 2, align_corners: false });
        steps.push(GraphStep::Concat { from: [joined, steps.len()] });
        joined = steps.len();
    }
    steps.push(conv(joined, "c", 3, 1));
    steps.push(GraphStep::Bilinear { from: steps.len(), level: 0, align_corners: false });
    Architecture::Graph { in_channels: 2, out_channels: 3, steps }
}

/// Attention of every kind, pools and response normalization: the bits of a pixel do not depend on the part that is asked for, the chip, or
/// the number of threads.
#[test]
fn networks_that_are_not_local_give_the_same_bits_from_every_chip() {
    let upernet = |encoder| Architecture::Upernet { encoder, in_channels: 2, out_channels: 3 };
    for (architecture, side_px) in [
        (encoded(Encoder::MitB0), 96),
        (Architecture::Segformer { size: MitSize::B0, in_channels: 2, out_channels: 3 }, 96),
        (upernet(PyramidEncoder::Convnextv2Tiny), 96),
        (Architecture::Fpn { encoder: Encoder::Resnet18, in_channels: 2, out_channels: 3 }, 96),
        (Architecture::DeeplabV3Plus { encoder: Encoder::Resnet18, in_channels: 2, out_channels: 3 }, 96),
        (upernet(PyramidEncoder::SwinTiny), 288),
        (means(&[3]), 96),
        (means(&[2, 6]), 160),
    ] {
        let name = architecture.name();
        let window = ModelWindow { side_px, margin_px: 16 };
        let package = package(&architecture).with_window(window);
        let predictor =
            Predictor::load(&package, &random_weights(&architecture, 7), DeviceChoice::Cpu).unwrap();
        let core = signed(window.core_px());
        let whole = Window::new(-core, 2 * core, window.core_px(), window.core_px());
        // The second and third are what is left of a cell at the east and west edge of a map: few columns, all rows.
        let side = whole.height;
        let parts = [(21, 10, 30, 22), (core - 3, 0, 3, side), (0, 0, 2, side)]
            .map(|(col, row, width, height)| Window::new(whole.col + col, whole.row + row, width, height));
        let around = predictor.filled_chip_of(&whole);
        let larger = Window::between(around.col - 7, around.row, around.col_end() + 40, around.row_end() + 3);
        let on = |threads: usize, window: Window, core: &Window| {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| predictor.scores(&chip(window), core).unwrap())
        };
        let all = on(1, around, &whole);
        for part in parts {
            let some = on(3, larger, &part);
            let (col, row) = whole.offset_of(&part).unwrap();
            for ((output, y, x), score) in some.indexed_iter() {
                let other = all[[output, row + y, col + x]];
                assert!(
                    score.to_bits() == other.to_bits(),
                    "{name}: {score} and {other} at {x}, {y} of {part}"
                );
            }
            assert!(some.iter().all(|score| score.is_finite()), "{name}");
        }
    }
}

#[test]
fn swin_transformers_refuse_windows_with_another_attention() {
    let swin = |encoder| Architecture::Upernet { encoder, in_channels: 2, out_channels: 3 };
    let check = |encoder, side_px| {
        package(&swin(encoder)).with_window(ModelWindow { side_px, margin_px: 32 }).check()
    };
    for (encoder, least) in [(PyramidEncoder::SwinTiny, 256), (PyramidEncoder::SwinBase, 416)] {
        check(encoder, least).unwrap();
        let error = check(encoder, least - 32).unwrap_err().to_string();
        assert!(error.contains(&format!("below {least} px")), "{error}");
    }
}
