//! From a chip to the answers for its core.

use arpent_raster::{CONFIDENCE_NODATA, CONFIDENCE_SCALE, Chip, LABEL_NODATA, Raster, Window};
use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;

use crate::head::{Head, Planes};
use crate::peaks::Heat;
use crate::{
    Architecture, Band, Detection, DeviceChoice, ModelError, ModelPackage, Network, PixelDetection,
    Precision, Weights, field, tiles,
};

/// What a model says of a window's core.
#[derive(Debug, Clone, PartialEq)]
pub enum Prediction {
    /// Of a segmentation network.
    Labels {
        /// Class ids, [`LABEL_NODATA`] where the pixel is not valid.
        labels: Raster<u8>,
        /// Scores of these classes, `round(score / 0.004)`, [`CONFIDENCE_NODATA`] where the pixel is not valid.
        confidence: Raster<u8>,
    },
    /// Of a detection network: peaks inside the core, by class, then row, then column. Boxes may reach out of it.
    Detections(Vec<PixelDetection>),
}

/// A network ready to predict; shared by threads.
#[derive(Debug)]
pub struct Predictor {
    bands: Vec<Band>,
    class_ids: Vec<u8>,
    detection: Option<Detection>,
    /// Scores are divided by it before the softmax; 1 without a calibration.
    temperature: f32,
    stride: usize,
    overlap: usize,
    /// How often the picture is halved where the coarsest convolution answers.
    conv_depth: usize,
    /// Everything before the head; a linear network has nothing there.
    body: Option<Network>,
    pub(crate) head: Head,
    device: Device,
}

impl Predictor {
    /// Builds the network of a package.
    ///
    /// # Errors
    /// [`ModelError`] when package and weights contradict each other, or the device cannot be used.
    pub fn load(package: &ModelPackage, weights: &Weights, choice: DeviceChoice) -> Result<Self, ModelError> {
        package.check()?;
        weights.check(&package.architecture.tensors())?;
        let (device, _) = choice.open(Precision::F32)?;
        let body = match &package.architecture {
            Architecture::Linear { .. } => None,
            net => Some(Network::for_prediction(net, weights, &device)?),
        };
        let stride = field::stride(&package.architecture);
        let radius = field::receptive_field_radius(&package.architecture);
        let neighbours = usize::from(package.is_detection());
        Ok(Self {
            bands: package.bands.clone(),
            class_ids: package.classes.classes().iter().map(|c| c.id).collect(),
            detection: package.detection,
            temperature: package.calibration.as_ref().map_or(1.0, |c| c.temperature),
            stride,
            // A package may state that a smaller overlap than the exact one is close enough.
            overlap: package.overlap_px.min(radius + neighbours).max(neighbours),
            conv_depth: package.architecture.graph().conv_depth() as usize,
            body,
            head: Head::new(weights, &package.architecture.head())?,
            device,
        })
    }

    /// Pixels that a chip must hold around the core.
    pub fn overlap(&self) -> usize {
        self.overlap
    }

    /// Columns and rows at whose multiples chips start, pixels.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Answers for the pixels of `core`, which the chip surrounds by the package's overlap.
    ///
    /// The answer for a pixel depends on nothing but the pixels of its receptive field: bit-identical for any
    /// chip that holds them, of any shape and place, computed by any number of threads (those of the rayon pool
    /// it is called from). Invalid pixels are seen as the mean of their band.
    ///
    /// # Errors
    /// [`ModelError`] when the chip does not suit the model: bands, alignment to the stride, overlap.
    pub fn predict(&self, chip: &Chip, core: &Window) -> Result<Prediction, ModelError> {
        self.check(chip, core)?;
        let planes = self.features(chip)?;
        match self.detection {
            None => self.labels(chip, core, &planes),
            Some(settings) => Ok(self.detections(chip, core, &planes, settings)),
        }
    }

    /// Scores before the softmax (and before any calibration) of the pixels of `core`: `outputs * height * width` values,
    /// plane by plane. For fitting a calibration; [`Predictor::predict`] needs less memory.
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    pub fn scores(&self, chip: &Chip, core: &Window) -> Result<Vec<f32>, ModelError> {
        self.check(chip, core)?;
        let planes = self.features(chip)?;
        Ok(self.planes(chip, core, &planes))
    }

    fn check(&self, chip: &Chip, core: &Window) -> Result<(), ModelError> {
        let window = chip.window;
        if chip.bands != self.bands.len() {
            return Err(ModelError::BandCount { window, expected: self.bands.len(), got: chip.bands });
        }
        let off = |v: i64| v.rem_euclid(i64::try_from(self.stride).unwrap_or(1)) != 0;
        if off(window.col) || off(window.row) {
            return Err(ModelError::Misaligned { window, stride: self.stride });
        }
        if core.is_empty() || !window.contains(&core.grow(self.overlap)) {
            return Err(ModelError::OverlapMissing { window, core: *core, overlap: self.overlap });
        }
        Ok(())
    }

    /// What the head sees, for a chip or a little more than it.
    pub(crate) fn features(&self, chip: &Chip) -> Result<Planes, ModelError> {
        let Some(body) = &self.body else {
            let Window { width, height, .. } = chip.window;
            return Ok(Planes { width, height, data: self.normalize(chip, width, height) });
        };
        let (width, height) =
            tiles::exact_size(chip.window.width, chip.window.height, self.stride, self.conv_depth);
        let input = TensorData::new(self.normalize(chip, width, height), [1, chip.bands, height, width]);
        let engine = |reason: String| ModelError::Engine { window: chip.window, reason };
        let output = body.features(Tensor::from_data(input, &self.device));
        let data = output.try_into_data().map_err(|e| engine(e.to_string()))?;
        let data = data.try_into_vec().map_err(|e| engine(format!("{e:?}")))?;
        Ok(Planes { width, height, data })
    }

    /// The chip's bands with their mean and standard deviation taken out, on planes of `width` x `height`;
    /// invalid pixels and those beyond the chip are 0.
    fn normalize(&self, chip: &Chip, width: usize, height: usize) -> Vec<f32> {
        let mut planes = vec![0.0; self.bands.len() * width * height];
        let from = chip.window.width;
        for (index, (band, plane)) in
            self.bands.iter().zip(planes.chunks_exact_mut(width * height)).enumerate()
        {
            let rows = chip.band(index).chunks_exact(from).zip(chip.valid.chunks_exact(from));
            for (to, (values, valid)) in plane.chunks_exact_mut(width).zip(rows) {
                for ((to, value), valid) in to.iter_mut().zip(values).zip(valid) {
                    *to = if *valid { (value - band.mean) / band.std } else { 0.0 };
                }
            }
        }
        planes
    }

    fn labels(&self, chip: &Chip, core: &Window, planes: &Planes) -> Result<Prediction, ModelError> {
        let (col, row) = chip.window.offset_of(core).unwrap_or_default();
        let mut labels = vec![LABEL_NODATA; core.width * core.height];
        let mut confidence = vec![CONFIDENCE_NODATA; core.width * core.height];
        let rows = labels.par_chunks_mut(core.width).zip(confidence.par_chunks_mut(core.width)).enumerate();
        let scratch = || vec![0.0; self.head.outputs() * core.width];
        rows.for_each_init(scratch, |scores, (y, (labels, confidence))| {
            self.head.row(planes, row + y, col..col + core.width, scores);
            let valid = &chip.valid[(row + y) * chip.window.width + col..][..core.width];
            for x in (0..core.width).filter(|x| valid[*x]) {
                let (class, share) = winner(scores, x, core.width, self.temperature);
                labels[x] = self.class_ids[class];
                confidence[x] = quantize(share);
            }
        });
        Ok(Prediction::Labels {
            labels: Raster::new(*core, labels)?,
            confidence: Raster::new(*core, confidence)?,
        })
    }

    /// What the head says of the pixels of `window`, plane by plane.
    fn planes(&self, chip: &Chip, window: &Window, planes: &Planes) -> Vec<f32> {
        let (col, row) = chip.window.offset_of(window).unwrap_or_default();
        let outputs = self.head.outputs();
        let one_row = |y: usize| {
            let mut scores = vec![0.0; outputs * window.width];
            self.head.row(planes, row + y, col..col + window.width, &mut scores);
            scores
        };
        let rows: Vec<Vec<f32>> = (0..window.height).into_par_iter().map(one_row).collect();
        let plane = |p: usize| rows.iter().flat_map(move |r| &r[p * window.width..(p + 1) * window.width]);
        (0..outputs).flat_map(plane).copied().collect()
    }

    fn detections(&self, chip: &Chip, core: &Window, planes: &Planes, settings: Detection) -> Prediction {
        let window = core.grow(1);
        let (col, row) = chip.window.offset_of(&window).unwrap_or_default();
        let all = self.planes(chip, &window, planes);
        let valid_row = |y: usize| &chip.valid[(row + y) * chip.window.width + col..][..window.width];
        let valid: Vec<bool> = (0..window.height).flat_map(valid_row).copied().collect();
        let heat = Heat { window, planes: &all, valid: &valid };
        let classes = self.class_ids.iter().enumerate();
        Prediction::Detections(classes.flat_map(|(i, id)| heat.peaks(i, *id, settings.threshold)).collect())
    }
}

/// The class with the highest score at `x` (the first of equals) and its share after softmax at a temperature.
fn winner(scores: &[f32], x: usize, width: usize, temperature: f32) -> (usize, f32) {
    let at = |class: usize| scores[class * width + x];
    let classes = scores.len() / width;
    let best = (1..classes).fold(0, |best, class| if at(class) > at(best) { class } else { best });
    let sum: f32 = (0..classes).map(|class| ((at(class) - at(best)) / temperature).exp()).sum();
    (best, 1.0 / sum)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=250 before")]
fn quantize(share: f32) -> u8 {
    (f64::from(share) / CONFIDENCE_SCALE).round().clamp(0.0, 250.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equals_wins() {
        // Two pixels, three classes.
        let scores = [1.0, 0.0, 1.0, 3.0, -5.0, 3.0];
        assert_eq!(winner(&scores, 0, 2, 1.0).0, 0);
        let (class, share) = winner(&scores, 1, 2, 1.0);
        assert_eq!(class, 1);
        assert!((share - 1.0 / (2.0 + (-3f32).exp())).abs() < 1e-6);
        let (class, flatter) = winner(&scores, 1, 2, 2.0);
        assert_eq!(class, 1, "a temperature changes no label");
        assert!((flatter - 1.0 / (2.0 + (-1.5f32).exp())).abs() < 1e-6, "{flatter}");
        assert_eq!((quantize(1.0), quantize(0.5), quantize(f32::NAN)), (250, 125, 0));
    }

    #[test]
    fn threads_can_share_a_predictor() {
        fn shared<T: Send + Sync>() {}
        shared::<Predictor>();
    }
}
