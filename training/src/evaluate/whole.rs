//! Whole pictures, predicted window by window, as `arpent run` does it.

use anyhow::{Result, bail};
use arpent_datasets::IGNORE;
use arpent_model::{PixelDetection, Prediction, Predictor};
use arpent_raster::{CONFIDENCE_NODATA, CONFIDENCE_SCALE, Chip, LABEL_NODATA, Window};

/// Side of the cores, pixels.
const CORE: usize = 512;

/// Class ids and confidence of every pixel of a picture, which starts at (0, 0).
pub(super) fn labels_of(predictor: &Predictor, picture: &Chip) -> Result<(Vec<u8>, Vec<u8>)> {
    let Window { width, height, .. } = picture.window;
    let mut all = (vec![LABEL_NODATA; width * height], vec![LABEL_NODATA; width * height]);
    for core in cores(width, height) {
        let chip = around(predictor, picture, &core);
        let Prediction::Labels { labels, confidence } = predictor.predict(&chip, &core)? else {
            bail!("a segmentation network was expected");
        };
        paste(&mut all.0, width, &core, labels.data());
        paste(&mut all.1, width, &core, confidence.data());
    }
    Ok(all)
}

/// Position of the class of a picture as a whole, and how sure that is: the highest mean over its valid pixels of the classes'
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
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 250")]
    let confidence = (sums[best] / count / CONFIDENCE_SCALE).round() as u8;
    Ok((u8::try_from(best)?, confidence))
}

/// Detections of a picture, before one of overlapping ones is chosen.
pub(super) fn detections_of(predictor: &Predictor, picture: &Chip) -> Result<Vec<PixelDetection>> {
    let mut all = Vec::new();
    for core in cores(picture.window.width, picture.window.height) {
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
    for core in cores(width, height) {
        let chip = around(predictor, picture, &core);
        let planes = predictor.scores(&chip, &core)?;
        let area = core.width * core.height;
        let mut pixel = vec![0.0; planes.len() / area];
        for i in 0..area {
            pixel.iter_mut().enumerate().for_each(|(class, score)| *score = planes[class * area + i]);
            take(index(width, &core, i), &pixel);
        }
    }
    Ok(())
}

/// The greatest values of every step of the network on a picture ([`Predictor::ranges`]).
pub(crate) fn ranges_of(predictor: &Predictor, picture: &Chip) -> Result<Vec<f32>> {
    let mut ranges = Vec::new();
    for core in cores(picture.window.width, picture.window.height) {
        let of_core = predictor.ranges(&around(predictor, picture, &core), &core)?;
        ranges.resize(of_core.len(), 0.0f32);
        ranges.iter_mut().zip(of_core).for_each(|(range, value)| *range = range.max(value));
    }
    Ok(ranges)
}

/// Where the pixel `i` of a core lies in the picture.
fn index(width: usize, core: &Window, i: usize) -> usize {
    let [x, y] = [core.col, core.row].map(|v| usize::try_from(v).unwrap_or(0));
    (y + i / core.width) * width + x + i % core.width
}

fn paste(all: &mut [u8], width: usize, core: &Window, values: &[u8]) {
    for (y, line) in values.chunks_exact(core.width).enumerate() {
        let start = index(width, core, y * core.width);
        all[start..start + line.len()].copy_from_slice(line);
    }
}

fn cores(width: usize, height: usize) -> impl Iterator<Item = Window> {
    let signed = |v: usize| i64::try_from(v).unwrap_or(i64::MAX);
    let end = move |start: usize, size: usize| signed((start + CORE).min(size));
    let rows = (0..height).step_by(CORE);
    rows.flat_map(move |y| {
        let columns = (0..width).step_by(CORE);
        columns.map(move |x| Window::between(signed(x), signed(y), end(x, width), end(y, height)))
    })
}

/// The core with what the network sees around it; outside of the picture nothing is valid.
fn around(predictor: &Predictor, picture: &Chip, core: &Window) -> Chip {
    let window = predictor.chip_of(core);
    let mut chip = Chip::empty(window, picture.bands);
    let Some(common) = window.intersect(&picture.window) else { return chip };
    let (Some(to), Some(from)) = (window.offset_of(&common), picture.window.offset_of(&common)) else {
        return chip;
    };
    for y in 0..common.height {
        let to = (to.1 + y) * window.width + to.0;
        let from = (from.1 + y) * picture.window.width + from.0;
        chip.valid[to..to + common.width].copy_from_slice(&picture.valid[from..from + common.width]);
        let (size, source) = (window.width * window.height, picture.window.width * picture.window.height);
        for band in 0..picture.bands {
            let line = &picture.data[band * source + from..][..common.width];
            chip.data[band * size + to..][..common.width].copy_from_slice(line);
        }
    }
    chip
}
