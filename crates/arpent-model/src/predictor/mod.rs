//! Predicts the core of a chip.

mod measured;
mod onnx;
mod prediction;
mod seen;

use arpent_base::number::{exact, index, signed};
use arpent_engine::{Engine, Isa, Options, Picture, PixelSource, winners};
use arpent_raster::{CONFIDENCE_NODATA, Chip, FILL_REACH_PX, Fill, LABEL_NODATA, Window};
use ndarray::Array3;
use rayon::prelude::*;

use self::measured::measured;
use self::onnx::OnnxBody;
pub use self::prediction::Prediction;
use self::prediction::{labelled, quantize, unanswered};
use self::seen::{Seen, valid};
use crate::anchors::{Boxes, Doubled, Scored};
use crate::gpu::Gpu;
use crate::locations::{Maps, Values};
use crate::peaks::Heat;
use crate::planes::{AT_ONCE, Part, Planes};
use crate::{
    Band, Detection, DeviceChoice, MeasuredValue, ModelError, ModelPackage, ModelWindow, Weights, field,
    lowered,
};

/// A network ready to predict; shared by threads.
#[derive(Debug)]
pub struct Predictor {
    bands: Vec<Band>,
    class_ids: Vec<u8>,
    /// What a regression network gives; empty for others.
    values: Vec<MeasuredValue>,
    detection: Option<Detection>,
    /// Number of classes, if the network scores boxes or anchors, and how often the picture that it sees is enlarged.
    anchored: Option<usize>,
    enlarged: usize,
    /// Strides of the maps whose pixels each answer with a box, finest first; empty for other networks.
    strides: Vec<usize>,
    /// Whether these boxes have a direction.
    oriented: bool,
    /// Pixels around the core whose answers are compared with those inside.
    neighbors: usize,
    /// Temperature: scores are divided by it before the softmax; 1 without a calibration.
    temperature: f32,
    stride: usize,
    outputs: usize,
    overlap: Overlap,
    /// The window, if it is part of the model.
    window: Option<ModelWindow>,
    body: Body,
    device: DeviceChoice,
}

/// The engine.
#[derive(Debug)]
enum Body {
    Cpu(Engine),
    Gpu(Box<Gpu>),
    Onnx(Box<OnnxBody>),
}

/// Largest accepted cost of overlap when the window size is chosen, as a multiple of the cost without overlap.
const OVERLAP_COST: f64 = 1.12;

/// Pixels of the largest chip that is chosen: beyond it memory grows faster than time shrinks.
const LARGEST_CHIP_PX: u64 = 3072 * 3072;

/// Values of the largest chip that is chosen: those of as many pixels with eight bands (302 MB).
const LARGEST_CHIP_VALUES: u64 = 8 * LARGEST_CHIP_PX;

/// Smallest core, and the increment to larger ones, pixels.
const SMALLEST_PX: usize = 1024;
const STEP_PX: usize = 256;

/// Values of the smallest core: those of 16 bands (67 MB). Of more bands, it has fewer pixels.
const SMALLEST_VALUES: usize = 16 * SMALLEST_PX * SMALLEST_PX;

/// Memory limit of chips that are predicted concurrently, including their intermediate values.
const SIDE_BY_SIDE_BYTES: usize = 512 << 20;

/// Pixels that a chip needs around the core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap {
    /// In the west and in the east.
    pub cols: usize,
    /// In the north and in the south.
    pub rows: usize,
}

impl Predictor {
    /// Builds the network of a package.
    ///
    /// # Errors
    /// [`ModelError`] if package and weights do not match, or the device cannot be used.
    pub fn load(package: &ModelPackage, weights: &Weights, choice: DeviceChoice) -> Result<Self, ModelError> {
        package.check()?;
        let architecture = &package.architecture;
        weights.check(&architecture.tensors())?;
        // The check of the package has refused networks that are not local and have no window. With a window, what is
        // needed around a core is its margin, whatever the layers reach.
        let margin = package.window.map(|window| window.margin_px);
        let radius = margin.or_else(|| field::receptive_field_radius(architecture)).unwrap_or_default();
        let (body, reach, device) = if let Some(body) = OnnxBody::new(package, weights, choice)? {
            (Body::Onnx(Box::new(body)), (radius, radius), DeviceChoice::Cpu)
        } else if let Some((gpu, opened)) = Gpu::open(choice, architecture, weights)? {
            if architecture.anchored_classes().is_some() {
                let reason = "boxes of anchors are computed on the CPU only".into();
                return Err(ModelError::Device { device: choice.name(), reason });
            }
            (Body::Gpu(Box::new(gpu)), (radius, radius), opened)
        } else {
            let engine = lowered::engine(package, weights)?;
            let reach = if package.window.is_some() { (radius, radius) } else { engine.reach() };
            (Body::Cpu(engine), reach, DeviceChoice::Cpu)
        };
        // Peaks are compared with their neighbors.
        let neighbors = field::neighbors(architecture, package.is_detection());
        // A package may declare an overlap that is smaller than the exact one.
        let exact = package.overlap_px >= radius + neighbors;
        let needed = |reach: usize| if exact { reach + neighbors } else { package.overlap_px.max(neighbors) };
        Ok(Self {
            bands: package.bands.clone(),
            class_ids: package.classes.classes().iter().map(|c| c.id).collect(),
            values: package.values.clone(),
            detection: package.detection,
            anchored: architecture.window_box_classes(),
            enlarged: architecture.enlarged(),
            strides: architecture.strides().unwrap_or_default().to_vec(),
            oriented: architecture.is_oriented(),
            neighbors,
            temperature: package.calibration.as_ref().map_or(1.0, |c| c.temperature),
            stride: field::stride(architecture),
            outputs: architecture.out_channels(),
            overlap: Overlap { cols: needed(reach.0), rows: needed(reach.1) },
            window: package.window,
            body,
            device,
        })
    }

    /// Pixels that a chip needs around the core.
    pub fn overlap(&self) -> Overlap {
        self.overlap
    }

    /// The window, if it is part of the model: cores are then cells of the lattice of [`Predictor::window_px`], or
    /// parts of one.
    pub fn window(&self) -> Option<ModelWindow> {
        self.window
    }

    /// Name of the engine: the device, and on the CPU its instruction set.
    pub fn engine(&self) -> String {
        match &self.body {
            Body::Cpu(engine) => {
                let bits = if engine.int8_share() > 0.0 { ", 8 bits" } else { "" };
                format!("{}, {}{bits}", self.device.title(), engine.options().isa.name())
            }
            Body::Gpu(_) => self.device.title().to_owned(),
            Body::Onnx(_) => format!("{}, rten", self.device.title()),
        }
    }

    /// Whether the boxes of a detection network have a direction.
    pub fn is_oriented(&self) -> bool {
        self.oriented
    }

    /// Whether Burn computes on a GPU, instead of arpent-engine on the CPU.
    pub fn is_on_gpu(&self) -> bool {
        matches!(self.body, Body::Gpu(_))
    }

    /// Memory of `side_by_side` concurrent predictions in bytes, without their chips, including the packed weights.
    ///
    /// # Errors
    /// As [`Predictor::predict`], for the shape of a chip and its core.
    pub fn bytes(&self, chip: &Window, core: &Window, side_by_side: usize) -> Result<usize, ModelError> {
        match &self.body {
            Body::Cpu(engine) => {
                Ok(engine.weight_bytes() + side_by_side * engine.bytes(&self.picture(chip, core))?)
            }
            Body::Onnx(body) => {
                let (weights, window) = body.bytes();
                Ok(weights + side_by_side * window)
            }
            // Two batches of chips are queued, each also as planes and concatenated.
            Body::Gpu(_) => Ok(7 * AT_ONCE * 4 * (self.bands.len() + 1) * chip.width * chip.height),
        }
    }

    /// Side of a suitable core for the network, pixels: that of its window if it is part of the model, else the
    /// smallest one whose overlap raises the cost to 1.12 times at most, limited by chips of 3072 x 3072 pixels, of more
    /// than eight bands by as many values.
    pub fn window_px(&self) -> usize {
        if let Some(window) = self.window {
            return window.core_px();
        }
        let smallest = smallest_px(self.bands.len());
        let sides = (smallest..).step_by(STEP_PX).map(|side| side.next_multiple_of(self.stride));
        let core = |side: usize| Window::new(0, 0, side, side);
        let bands = self.bands.len() as u64;
        let fits = |side: &usize| {
            let pixels = self.chip_of(&core(*side)).pixels();
            pixels <= LARGEST_CHIP_PX && pixels * bands <= LARGEST_CHIP_VALUES
        };
        let cheap = |side: usize| self.overlap_cost(&self.chip_of(&core(side)), &core(side)) <= OVERLAP_COST;
        let mut best = smallest.next_multiple_of(self.stride);
        for side in sides.take_while(fits) {
            best = side;
            if cheap(side) {
                break;
            }
        }
        best
    }

    /// Cost of a core, as a multiple of its cost in an infinite picture; of a network with a window, of its share of the window.
    pub fn overlap_cost(&self, chip: &Window, core: &Window) -> f64 {
        match &self.body {
            Body::Cpu(engine) => {
                let of = |core: &Window| exact(engine.products(&self.picture(chip, core)).unwrap_or(0));
                // Attention has no cost in an infinite picture.
                let each = match self.window {
                    Some(_) => of(chip).max(1.0) / exact(chip.pixels()),
                    None => engine.products_per_pixel() * exact(self.enlarged.pow(2)),
                };
                of(core) / (each * exact(core.pixels()))
            }
            Body::Gpu(_) | Body::Onnx(_) => exact(chip.pixels()) / exact(core.pixels()),
        }
    }

    /// The chip to read for a core: with the overlap, extended to multiples of the stride; where the window is part of
    /// the model, the window of the cell that holds the core.
    pub fn chip_of(&self, core: &Window) -> Window {
        let Overlap { cols, rows } = self.overlap;
        if let Some(window) = self.window {
            return core.cell(window.core_px()).grow_by(cols, rows);
        }
        core.grow_by(cols, rows).align_out(self.stride)
    }

    /// The chip that a core needs if pixels of [`Predictor::chip_of`] are invalid: it also contains the pixels that
    /// fill them ([`arpent_raster::Fill`]). The computed part does not grow.
    pub fn filled_chip_of(&self, core: &Window) -> Window {
        let around = self.chip_of(core).grow(FILL_REACH_PX);
        if self.window.is_some() { around } else { around.align_out(self.stride) }
    }

    /// Columns and rows at whose multiples chips start, pixels.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Predicts the pixels of `core`, which the chip surrounds by the package's overlap.
    ///
    /// The prediction for a pixel depends only on the pixels of its receptive field, and on those that fill the
    /// invalid ones among them ([`arpent_raster::Fill`]). It is bit-identical for any chip that contains them, of any
    /// shape and position, and for any number of threads (those of the calling rayon pool). Invalid pixels that
    /// cannot be filled are set to the mean of their band. A chip with an invalid pixel in [`Predictor::chip_of`]
    /// must contain [`Predictor::filled_chip_of`].
    ///
    /// # Errors
    /// [`ModelError`] if the chip does not match the model: bands, alignment to the stride, overlap, window.
    pub fn predict(&self, chip: &Chip, core: &Window) -> Result<Prediction, ModelError> {
        let seen = self.seen(chip, core)?;
        if !self.values.is_empty() {
            return Ok(measured(&self.values, core, self.planes(&seen, core)?, valid(chip, core))?);
        }
        match (self.detection, self.anchored) {
            (None, _) => self.labels(&seen, core),
            (Some(settings), None) if self.strides.is_empty() => self.detections(&seen, core, settings),
            (Some(settings), None) => self.located(&seen, core, settings),
            (Some(settings), Some(classes)) => self.boxes(&seen, core, settings, classes),
        }
    }

    /// Number of such chips to predict concurrently on a pool of `threads`. On the CPU it is the number of threads,
    /// since the threads of one chip wait for each other at the end of every layer, limited by 512 MB of memory; on a
    /// GPU it is two, so that one chip is prepared while the other is computed.
    ///
    /// # Errors
    /// As [`Predictor::predict`], for the shape of a chip and its core.
    pub fn side_by_side(&self, chip: &Window, core: &Window, threads: usize) -> Result<usize, ModelError> {
        let values = index(chip.pixels()).saturating_mul(self.bands.len());
        let bytes = match &self.body {
            Body::Cpu(engine) => engine.bytes(&self.picture(chip, core))?,
            Body::Onnx(body) => body.bytes().1,
            Body::Gpu(_) => return Ok(2),
        };
        let bytes = bytes.saturating_add(4 * values);
        Ok((SIDE_BY_SIDE_BYTES / bytes.max(1)).min(threads).max(1))
    }

    /// Number of chips to predict in one call: on the CPU one.
    pub fn at_once(&self) -> usize {
        match (&self.body, self.detection) {
            (Body::Gpu(_), None) if self.values.is_empty() => AT_ONCE,
            _ => 1,
        }
    }

    /// As [`Predictor::predict`], for several chips and their cores; fastest if they have the same size. An error is
    /// that of the first chip that failed, or of the whole batch.
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    pub fn predict_all(&self, chips: &[(Chip, Window)]) -> Result<Vec<Prediction>, ModelError> {
        let (Body::Gpu(gpu), true, Some((first, _))) = (&self.body, self.at_once() > 1, chips.first()) else {
            return chips.iter().map(|(chip, core)| self.predict(chip, core)).collect();
        };
        let planes = chips.par_iter().map(|(chip, core)| Ok(self.planes_of(&self.seen(chip, core)?, core)));
        let planes: Vec<_> = planes.collect::<Result<_, ModelError>>()?;
        let found = gpu.labels(&planes, self.temperature).map_err(|reason| engine_error(first, reason))?;
        chips.iter().zip(found).map(|((chip, core), found)| self.labels_of(chip, core, found)).collect()
    }

    /// Scores before the softmax (and before any calibration) of the pixels of `core`: axes output, row, column. For
    /// fitting a calibration; [`Predictor::predict`] needs less memory.
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    pub fn scores(&self, chip: &Chip, core: &Window) -> Result<Array3<f32>, ModelError> {
        self.refuse_anchors(chip)?;
        let planes = self.planes(&self.seen(chip, core)?, core)?;
        let shape = (self.outputs, core.height, core.width);
        Array3::from_shape_vec(shape, planes).map_err(|error| engine_error(chip, error.to_string()))
    }

    /// The greatest value of each step's output on a chip, without the upper one in ten thousand: the ranges of an
    /// 8-bit network ([`crate::Quantization`]). On the CPU, for a package in single precision.
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    pub fn ranges(&self, chip: &Chip, core: &Window) -> Result<Vec<f32>, ModelError> {
        const SHARE: f64 = 0.9999;
        self.refuse_anchors(chip)?;
        let seen = self.seen(chip, core)?;
        let Body::Cpu(engine) = &self.body else {
            return Err(engine_error(chip, "ranges can be measured on the CPU only".into()));
        };
        Ok(engine.ranges(&self.picture(&seen.view, core), &seen, SHARE)?)
    }

    /// Refuses what is done with the scores of pixels.
    fn refuse_anchors(&self, chip: &Chip) -> Result<(), ModelError> {
        let refused = || engine_error(chip, "a network that scores boxes has no scores of pixels".into());
        self.anchored.map_or(Ok(()), |_| Err(refused()))
    }

    /// The input of the network for a core of a chip.
    fn seen<'a>(&'a self, chip: &'a Chip, core: &Window) -> Result<Seen<'a>, ModelError> {
        let window = chip.window;
        if chip.bands != self.bands.len() {
            return Err(ModelError::BandCount { window, expected: self.bands.len(), got: chip.bands });
        }
        let Overlap { cols, rows } = self.overlap;
        let view = self.chip_of(core);
        if let Some(ModelWindow { side_px, .. }) = self.window {
            if core.is_empty() || !core.cell(self.window_px()).contains(core) || !window.contains(&view) {
                return Err(ModelError::WindowMissing { window, core: *core, side_px });
            }
        } else {
            let off = |v: i64| v.rem_euclid(signed(self.stride)) != 0;
            if off(window.col) || off(window.row) {
                return Err(ModelError::Misaligned { window, stride: self.stride });
            }
            if core.is_empty() || !window.contains(&core.grow_by(cols, rows)) {
                return Err(ModelError::OverlapMissing { window, core: *core, cols, rows });
            }
        }
        let fill = Fill::new(&chip.valid, window, view);
        if fill.is_some() && !window.contains(&view.grow(FILL_REACH_PX)) {
            let [cols, rows] = [cols, rows].map(|px| px + FILL_REACH_PX);
            return Err(ModelError::OverlapMissing { window, core: *core, cols, rows });
        }
        Ok(Seen { chip, bands: &self.bands, view, fill })
    }

    fn picture(&self, chip: &Window, core: &Window) -> Picture {
        if self.anchored.is_some() {
            let (width, height) = (chip.width * self.enlarged, chip.height * self.enlarged);
            return Picture { width, height, first_row: 0, cols: (0, width), rows: (0, height) };
        }
        let (col, row) = chip.offset_of(core).unwrap_or_default();
        Picture {
            width: chip.width.next_multiple_of(self.stride),
            height: chip.height.next_multiple_of(self.stride),
            // A network with a window counts rows from the window's corner: it knows no other place.
            first_row: if self.window.is_some() { 0 } else { chip.row },
            cols: (col, col + core.width),
            rows: (row, row + core.height),
        }
    }

    fn labels(&self, seen: &Seen, core: &Window) -> Result<Prediction, ModelError> {
        let engine = match &self.body {
            Body::Cpu(engine) => engine,
            Body::Gpu(gpu) => {
                let found = gpu.labels(&[self.planes_of(seen, core)], self.temperature);
                let found = found.map_err(|reason| engine_error(seen.chip, reason))?;
                return self.labels_of(seen.chip, core, found.into_iter().flatten().collect());
            }
            Body::Onnx(_) => return self.labels_of_scores(seen, core),
        };
        let (mut labels, mut confidence) = unanswered(core);
        let picture = self.picture(&seen.view, core);
        let isa = engine.options().isa;
        engine.run(&picture, seen, |answers| {
            let (start, end) = answers.span();
            let band = (start - picture.rows.0) * core.width..(end - picture.rows.0) * core.width;
            let (labels, confidence) = (&mut labels[band.clone()], &mut confidence[band]);
            self.label_rows(isa, seen, core, (start, &|y| answers.row(y)), (labels, confidence));
        })?;
        labelled(core, labels, confidence)
    }

    /// The prediction of an engine that gives all scores of a window at once.
    fn labels_of_scores(&self, seen: &Seen, core: &Window) -> Result<Prediction, ModelError> {
        let (planes, area) = (self.planes(seen, core)?, core.width * core.height);
        let pixels: Vec<f32> =
            (0..area).flat_map(|at| planes.iter().skip(at).step_by(area)).copied().collect();
        let (mut labels, mut confidence) = unanswered(core);
        let (_, top) = seen.view.offset_of(core).unwrap_or_default();
        let each = core.width * self.outputs;
        let row = |y: usize| &pixels[(y - top) * each..][..each];
        self.label_rows(Options::default().isa, seen, core, (top, &row), (&mut labels, &mut confidence));
        labelled(core, labels, confidence)
    }

    /// Converts the output of a GPU to a prediction: for each pixel the number of its class and its stored
    /// confidence.
    fn labels_of(&self, chip: &Chip, core: &Window, found: Vec<(u8, u8)>) -> Result<Prediction, ModelError> {
        let written = |(valid, (best, share)): (bool, (u8, u8))| {
            let answer = (self.class_ids[usize::from(best)], share.min(250));
            if valid { answer } else { (LABEL_NODATA, CONFIDENCE_NODATA) }
        };
        let (labels, confidence) = valid(chip, core).zip(found).map(written).unzip();
        labelled(core, labels, confidence)
    }

    /// Labels and confidence of a band of rows, by the number of its first row and the scores of each.
    fn label_rows(
        &self,
        isa: Isa,
        seen: &Seen,
        core: &Window,
        (first, scores): (usize, &RowOfScores<'_>),
        (labels, confidence): (&mut [u8], &mut [u8]),
    ) {
        let chip = seen.chip;
        let (col, _) = chip.window.offset_of(core).expect("a core lies in its chip");
        let below = seen.offset().1;
        let rows = labels.par_chunks_mut(core.width).zip(confidence.par_chunks_mut(core.width)).enumerate();
        let scratch = || (vec![0; core.width], vec![0.0; core.width]);
        rows.for_each_init(scratch, |(best, shares), (y, (labels, confidence))| {
            winners(isa, scores(first + y), self.temperature, best, shares);
            let valid = &chip.valid[(below + first + y) * chip.window.width + col..][..core.width];
            for x in (0..core.width).filter(|x| valid[*x]) {
                labels[x] = self.class_ids[usize::from(best[x])];
                confidence[x] = quantize(shares[x]);
            }
        });
    }

    /// Scores of the pixels of `window`, plane by plane.
    fn planes(&self, seen: &Seen, window: &Window) -> Result<Vec<f32>, ModelError> {
        match &self.body {
            Body::Cpu(engine) => {
                let picture = self.picture(&seen.view, window);
                let area = window.width * window.height;
                let mut planes = vec![0.0; self.outputs * area];
                engine.run(&picture, seen, |answers| {
                    let (start, end) = answers.span();
                    for y in start..end {
                        let at = (y - picture.rows.0) * window.width;
                        for (x, scores) in answers.row(y).chunks_exact(self.outputs).enumerate() {
                            scores.iter().enumerate().for_each(|(p, v)| planes[p * area + at + x] = *v);
                        }
                    }
                })?;
                Ok(planes)
            }
            Body::Gpu(gpu) => {
                let (planes, part) = self.planes_of(seen, window);
                gpu.scores(&planes, part).map_err(|reason| engine_error(seen.chip, reason))
            }
            Body::Onnx(body) => {
                let corner = seen.view.offset_of(window).unwrap_or_default();
                let found = body.scores(self.planes_of(seen, &seen.view).0.data, corner, window);
                found.map_err(|reason| engine_error(seen.chip, reason))
            }
        }
    }

    /// A chip for a GPU, and the required part of it.
    fn planes_of(&self, seen: &Seen, window: &Window) -> (Planes, Part) {
        let Picture { width, height, cols, rows, .. } = self.picture(&seen.view, window);
        let bands = self.bands.len();
        let mut data = vec![0.0; bands * width * height];
        for (index, row) in data.chunks_exact_mut(width).enumerate() {
            seen.row((index / height, 1), index % height, (0, width), row);
        }
        let part = Part { col: cols.0, row: rows.0, width: window.width, height: window.height };
        (Planes { data, bands, width, height }, part)
    }

    /// The peaks of the scores in the core.
    fn detections(&self, seen: &Seen, core: &Window, settings: Detection) -> Result<Prediction, ModelError> {
        let window = core.grow(1);
        let all = self.planes(seen, &window)?;
        let valid: Vec<bool> = valid(seen.chip, &window).collect();
        let heat = Heat { window, planes: &all, valid: &valid };
        let classes = self.class_ids.iter().enumerate();
        let peaks = classes.flat_map(|(i, id)| heat.peaks(i, *id, settings.threshold)).collect();
        Ok(Prediction::Detections(peaks))
    }

    /// The boxes that pixels of maps in the core answer with.
    fn located(&self, seen: &Seen, core: &Window, settings: Detection) -> Result<Prediction, ModelError> {
        let window = core.grow(self.neighbors);
        let of_pixel = Values { classes: self.class_ids.len(), oriented: self.oriented };
        let mut maps = Maps::new(window, &self.strides, of_pixel);
        if let Body::Cpu(engine) = &self.body {
            let picture = self.picture(&seen.view, &window);
            engine.run(&picture, seen, |answers| maps.take(answers, picture.rows.0))?;
        } else {
            maps.take_planes(&self.planes(seen, &window)?);
        }
        let valid: Vec<bool> = valid(seen.chip, &window).collect();
        Ok(Prediction::Detections(maps.found(core, &valid, &self.class_ids, settings.threshold)))
    }

    /// The boxes of a whole window whose center is a valid pixel of the core.
    fn boxes(
        &self,
        seen: &Seen,
        core: &Window,
        settings: Detection,
        classes: usize,
    ) -> Result<Prediction, ModelError> {
        let (view, factor) = (seen.view, self.enlarged);
        let remaining: Vec<Scored> = match &self.body {
            Body::Cpu(engine) => {
                let mut found = Boxes::new(classes, settings.threshold, factor * view.width);
                let source = Doubled { source: seen, size: (view.width, view.height) };
                engine.run(&self.picture(&view, core), &source, |answers| found.take(answers))?;
                found.remaining(settings.iou)
            }
            Body::Onnx(body) => {
                let planes = self.planes_of(seen, &view).0.data;
                let found = body.boxes(planes, settings.threshold, settings.iou);
                found.map_err(|reason| engine_error(seen.chip, reason))?
            }
            Body::Gpu(_) => {
                let reason = "boxes of anchors are computed on the CPU only".into();
                return Err(engine_error(seen.chip, reason));
            }
        };
        let (left, above) = seen.offset();
        let is_valid =
            |(y, x): (usize, usize)| seen.chip.valid[(above + y) * seen.chip.window.width + left + x];
        let mut kept = Vec::new();
        for one in remaining {
            // At the window's edge, nothing may be left of a box.
            if let Some(center) = one.center_in(&view, core, factor).filter(|center| is_valid(*center)) {
                kept.push(((one.class, center), one.detection(&view, factor, self.class_ids[one.class])));
            }
        }
        // By class, row and column of the center; boxes of one pixel stay in the order of their scores.
        kept.sort_by_key(|(key, _)| *key);
        Ok(Prediction::Detections(kept.into_iter().map(|(_, found)| found).collect()))
    }
}

/// The scores of a row of the network's output, pixel by pixel.
type RowOfScores<'a> = dyn Fn(usize) -> &'a [f32] + Sync + 'a;

fn engine_error(chip: &Chip, reason: String) -> ModelError {
    ModelError::Engine { window: chip.window, reason }
}

/// Side of the smallest core for a number of bands, pixels: 1024, 512 for 64 bands, 256 for 128.
fn smallest_px(bands: usize) -> usize {
    let sides = (STEP_PX..=SMALLEST_PX).step_by(STEP_PX);
    let fits = |side: &usize| side * side * bands <= SMALLEST_VALUES;
    sides.take_while(fits).last().unwrap_or(STEP_PX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_of_many_bands_are_smaller() {
        assert_eq!([1, 16, 17, 64, 128, 4096].map(smallest_px), [1024, 1024, 768, 512, 256, 256]);
        let window_px = |bands: usize| {
            let names: Vec<String> = (0..bands).map(|i| format!("A{i}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let architecture = crate::Architecture::Linear { in_channels: bands, out_channels: 3, kernel: 1 };
            let package = crate::HandSet::segmentation(&names, 3).package(architecture.clone());
            let weights = crate::exactness::random_weights(&architecture, 5);
            Predictor::load(&package, &weights, DeviceChoice::Cpu).unwrap().window_px()
        };
        assert_eq!([3, 64, 128].map(window_px), [1024, 512, 256]);
    }

    /// On any Vulkan driver, including software drivers (`apt-get install mesa-vulkan-drivers`; `just vulkan`): the
    /// labels of the CPU, except for pixels whose two best classes differ by rounding only.
    #[test]
    #[cfg(feature = "wgpu")]
    fn a_card_gives_the_labels_of_the_cpu() {
        let architecture = crate::Architecture::Unet {
            in_channels: 2,
            out_channels: 3,
            widths: vec![8, 16],
            encoder_convs: vec![1, 2],
            dates: 1,
        };
        let package = crate::HandSet::segmentation(&["red", "green"], 3).package(architecture.clone());
        let weights = crate::exactness::random_weights(&architecture, 5);
        let core = Window::new(-10, 6, 90, 70);
        let answer = |choice: DeviceChoice| {
            let predictor = Predictor::load(&package, &weights, choice).unwrap();
            let mut chip = Chip::empty(predictor.filled_chip_of(&core), 2);
            for (i, value) in chip.data.iter_mut().enumerate() {
                *value = u16::try_from(i * 61 % 1013).map_or(0.0, f32::from) / 500.0 - 1.0;
            }
            chip.valid.iter_mut().enumerate().for_each(|(i, valid)| *valid = i % 16 != 3);
            match predictor.predict(&chip, &core).unwrap() {
                Prediction::Labels { labels, confidence } => (labels, confidence, predictor.engine()),
                _ => panic!("labels expected"),
            }
        };
        let (cpu, gpu) = (answer(DeviceChoice::Cpu), answer(DeviceChoice::Vulkan));
        assert!(gpu.2.contains("Vulkan") && cpu.2.contains("CPU"));
        let apart = cpu.0.data().iter().zip(gpu.0.data()).filter(|(a, b)| a != b).count();
        assert!(apart <= 2, "{apart} labels differ");
        let near = cpu.1.data().iter().zip(gpu.1.data()).all(|(a, b)| a.abs_diff(*b) <= 1);
        assert!(near, "confidences differ by more than a step");
    }

    #[test]
    fn threads_can_share_a_predictor() {
        fn shared<T: Send + Sync>() {}
        shared::<Predictor>();
    }
}
