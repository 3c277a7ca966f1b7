//! Whole pictures, predicted window by window, as `arpent run` does it.

use arpent_base::number::{offset, round, signed};
use arpent_base::{Result, bail};
use arpent_datasets::IGNORE;
use arpent_model::{ModelWindow, PixelDetection, Prediction, Predictor};
use arpent_raster::{CONFIDENCE_NODATA, CONFIDENCE_SCALE, Chip, LABEL_NODATA, Window};

/// Side of the cores, pixels, of networks whose window is not part of the model.
const CORE: usize = 512;

/// Class ids and confidence of every pixel of a picture, which starts at (0, 0).
pub(super) fn labels_of(predictor: &Predictor, picture: &Chip) -> Result<(Vec<u8>, Vec<u8>)> {
    let Window { width, height, .. } = picture.window;
    let mut all = (vec![LABEL_NODATA; width * height], vec![LABEL_NODATA; width * height]);
    for core in cores(predictor, width, height) {
        let chip = around(predictor, picture, &core);
        let Prediction::Labels { labels, confidence } = predictor.predict(&chip, &core)? else {
            bail!("a segmentation network was expected");
        };
        paste(&mut all.0, width, &core, labels.data());
        paste(&mut all.1, width, &core, confidence.data());
    }
    Ok(all)
}

/// Position of the class of a picture as a whole, and its confidence: the highest mean over its valid pixels of the classes'
/// probabilities, [`CONFIDENCE_SCALE`]d. A picture without a valid pixel is of no class.
pub(super) fn class_of(predictor: &Predictor, picture: &Chip, classes: usize) -> Result<(u8, u8)> {
    let mut sums = vec![0.0f64; classes];
    let mut count = 0.0f64;
    scores_of(predictor, picture, |pixel, scores| {
        if picture.valid[pixel] {
            let highest = scores.iter().copied().fold(f32::MIN, f32::max);
            let shares: Vec<f64> = scores.iter().map(|s| f64::from((s - highest).exp())).collect();
            let all: f64 = shares.iter().sum();
            sums.iter_mut().zip(shares).for_each(|(sum, share)| *sum += share / all);
            count += 1.0;
        }
    })?;
    let best = (0..classes).fold(0, |best, class| if sums[class] > sums[best] { class } else { best });
    if count == 0.0 {
        return Ok((IGNORE, CONFIDENCE_NODATA));
    }
    let confidence = round::<u8>(sums[best] / count / CONFIDENCE_SCALE);
    Ok((u8::try_from(best)?, confidence))
}

/// Detections of a picture, before non-maximum suppression.
pub(super) fn detections_of(predictor: &Predictor, picture: &Chip) -> Result<Vec<PixelDetection>> {
    let mut all = Vec::new();
    for core in cores(predictor, picture.window.width, picture.window.height) {
        let chip = around(predictor, picture, &core);
        let Prediction::Detections(found) = predictor.predict(&chip, &core)? else {
            bail!("a detection network was expected");
        };
        all.extend(found);
    }
    Ok(all)
}

/// Scores before softmax of every pixel of a picture, core by core: `take(index of the pixel, its scores)`.
pub(crate) fn scores_of(
    predictor: &Predictor,
    picture: &Chip,
    mut take: impl FnMut(usize, &[f32]),
) -> Result<()> {
    let Window { width, height, .. } = picture.window;
    for core in cores(predictor, width, height) {
        let chip = around(predictor, picture, &core);
        let scores = predictor.scores(&chip, &core)?;
        let mut pixel = vec![0.0; scores.dim().0];
        for i in 0..core.width * core.height {
            let at = |class| scores[[class, i / core.width, i % core.width]];
            pixel.iter_mut().enumerate().for_each(|(class, score)| *score = at(class));
            take(index(width, &core, i), &pixel);
        }
    }
    Ok(())
}

/// The greatest values of every step of the network on a picture ([`Predictor::ranges`]).
pub(crate) fn ranges_of(predictor: &Predictor, picture: &Chip) -> Result<Vec<f32>> {
    let mut ranges = Vec::new();
    for core in cores(predictor, picture.window.width, picture.window.height) {
        let of_core = predictor.ranges(&around(predictor, picture, &core), &core)?;
        ranges.resize(of_core.len(), 0.0f32);
        ranges.iter_mut().zip(of_core).for_each(|(range, value)| *range = range.max(value));
    }
    Ok(ranges)
}

/// Where the pixel `i` of a core lies in the picture.
fn index(width: usize, core: &Window, i: usize) -> usize {
    let [x, y] = [core.col, core.row].map(offset);
    (y + i / core.width) * width + x + i % core.width
}

fn paste(all: &mut [u8], width: usize, core: &Window, values: &[u8]) {
    for (y, line) in values.chunks_exact(core.width).enumerate() {
        let start = index(width, core, y * core.width);
        all[start..start + line.len()].copy_from_slice(line);
    }
}

fn cores(predictor: &Predictor, width: usize, height: usize) -> impl Iterator<Item = Window> + use<> {
    let side = predictor.window().map_or(CORE, ModelWindow::core_px);
    let end = move |start: usize, size: usize| signed((start + side).min(size));
    let rows = (0..height).step_by(side);
    rows.flat_map(move |y| {
        let columns = (0..width).step_by(side);
        columns.map(move |x| Window::between(signed(x), signed(y), end(x, width), end(y, height)))
    })
}

/// The core with what the network sees around it, and with what fills that; outside of the picture nothing is valid.
fn around(predictor: &Predictor, picture: &Chip, core: &Window) -> Chip {
    let mut chip = Chip::empty(predictor.filled_chip_of(core), picture.bands);
    chip.paste(picture);
    chip
}

#[cfg(test)]
mod tests {
    use super::*;
    use arpent_model::{DeviceChoice, HandSet, ModelPackage, hand_set_linear};

    /// Core by core, with borders and a hole that cores share: as one chip that holds the picture and all around it, which is
    /// what any window of a run gives.
    #[test]
    fn a_picture_is_predicted_as_a_run_predicts_it() {
        let dir = tempfile::tempdir().unwrap();
        let weights = [vec![0.0; 9], vec![1.0, -2.0, 1.0, -2.0, 4.5, -2.0, 1.0, -2.0, 1.0]];
        hand_set_linear(&HandSet::segmentation(&["red"], 2), &weights, &[0.0, -30.0], dir.path()).unwrap();
        let (package, weights) = ModelPackage::load(dir.path()).unwrap();
        let predictor = Predictor::load(&package, &weights, DeviceChoice::Cpu).unwrap();
        let window = Window::new(0, 0, CORE + 90, CORE + 40);
        let mut picture = Chip::empty(window, 1);
        for i in 0..picture.valid.len() {
            let (x, y) = (i % window.width, i / window.width);
            picture.valid[i] = x.abs_diff(CORE).pow(2) + y.abs_diff(CORE - 20).pow(2) > 30 * 30;
            if picture.valid[i] {
                picture.data[i] = f32::from(u8::try_from((x * x + 3 * y * x + 7 * y) % 251).unwrap());
            }
        }
        let (labels, confidence) = labels_of(&predictor, &picture).unwrap();
        let all = around(&predictor, &picture, &window);
        let Prediction::Labels { labels: right, confidence: sure } =
            predictor.predict(&all, &window).unwrap()
        else {
            panic!("labels expected")
        };
        assert!(labels == right.data() && confidence == sure.data());
        assert!([0, 1, LABEL_NODATA].iter().all(|l| labels.contains(l)));
        // What is filled changes answers: at the corner the mean would give another sum.
        let mut scores = vec![];
        scores_of(&predictor, &picture, |pixel, s| {
            if pixel == 0 {
                scores = s.to_vec();
            }
        })
        .unwrap();
        let value = |x: usize, y: usize| picture.data[y * window.width + x];
        let corner = 4.5 * value(0, 0) - 4.0 * (value(1, 0) + value(0, 1)) + 4.0 * value(1, 1) - 30.0;
        assert!((scores[1] - corner).abs() < 1e-2, "{scores:?} {corner}");
    }
}
