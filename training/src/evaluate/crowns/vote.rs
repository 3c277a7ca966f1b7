//! What a network says of a crown, and of the trees of a scene.

use anyhow::{Result, bail};
use arpent_datasets::{DEAD, GROUND, Health, LIVE, Picture, TileBox};
use arpent_model::{Prediction, Predictor};
use arpent_raster::{Chip, Window};

use super::counts;

/// Of a crown's half-sizes, the ellipse whose pixels vote.
const VOTE: f64 = 0.5;

/// What the majority of the tree pixels in a crop's central ellipse say; `None` where most say ground.
pub(super) fn vote(predictor: &Predictor, crop: &Picture) -> Result<Option<Health>> {
    let labels = labels(predictor, crop)?;
    let whole = TileBox { sides: [0.0, 0.0, size(crop.width), size(crop.height)] };
    let inside = (0..labels.len()).filter(|i| whole.holds(i % crop.width, i / crop.width, VOTE));
    Ok(majority(inside.map(|i| labels[i])))
}

fn majority(labels: impl Iterator<Item = u8>) -> Option<Health> {
    let mut counts = [0usize; 3];
    labels.for_each(|l| counts[usize::from(l.min(2))] += 1);
    let [ground, live, dead] = [GROUND, LIVE, DEAD].map(|c| counts[usize::from(c)]);
    if ground > live + dead {
        None
    } else if dead > live {
        Some(Health::Dead)
    } else {
        Some(Health::Live)
    }
}

#[allow(clippy::cast_precision_loss, reason = "pixel counts are small")]
fn size(pixels: usize) -> f64 {
    pixels as f64
}

/// Share of a scene's boxed trees whose central ellipse is mostly mapped as tree, live or dead.
pub(super) fn found(predictor: &Predictor, picture: &Picture, boxes: &[TileBox]) -> Result<f64> {
    let labels = labels(predictor, picture)?;
    let hit = |b: &&TileBox| {
        let [x0, y0, x1, y1] = b.sides.map(whole);
        let places =
            (y0..y1.min(picture.height)).flat_map(|y| (x0..x1.min(picture.width)).map(move |x| (x, y)));
        let inside = places.filter(|(x, y)| b.holds(*x, *y, VOTE));
        majority(inside.map(|(x, y)| labels[y * picture.width + x])).is_some()
    };
    Ok(counts::ratio(boxes.iter().filter(hit).count(), boxes.len()))
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "box sides are pixels of a picture"
)]
fn whole(side: f64) -> usize {
    side.max(0.0).round() as usize
}

/// The label of every pixel of a picture, which is mirrored beyond its border.
fn labels(predictor: &Predictor, picture: &Picture) -> Result<Vec<u8>> {
    const CORE: usize = 512;
    let mut labels = vec![GROUND; picture.width * picture.height];
    for row in (0..picture.height).step_by(CORE) {
        for col in (0..picture.width).step_by(CORE) {
            let end = |start: usize, size: usize| (start + CORE).min(size);
            let core = (col, row, end(col, picture.width), end(row, picture.height));
            for (y, line) in
                (core.1..core.3).zip(window(predictor, picture, core)?.chunks_exact(core.2 - core.0))
            {
                labels[y * picture.width + core.0..][..line.len()].copy_from_slice(line);
            }
        }
    }
    Ok(labels)
}

/// Labels of the pixels from (x0, y0) to (x1, y1).
fn window(
    predictor: &Predictor,
    picture: &Picture,
    (x0, y0, x1, y1): (usize, usize, usize, usize),
) -> Result<Vec<u8>> {
    let signed = |v: usize| i64::try_from(v).unwrap_or(i64::MAX);
    let core = Window::between(signed(x0), signed(y0), signed(x1), signed(y1));
    let around = predictor.chip_of(&core);
    let mut chip = Chip::empty(around, 3);
    chip.valid.fill(true);
    let pixels = around.width * around.height;
    for y in 0..around.height {
        for x in 0..around.width {
            let from_x = mirror(around.col + signed(x), picture.width);
            let from_y = mirror(around.row + signed(y), picture.height);
            let pixel = picture.pixels[from_y * picture.width + from_x];
            for (c, value) in pixel.into_iter().enumerate() {
                chip.data[c * pixels + y * around.width + x] = f32::from(value);
            }
        }
    }
    match predictor.predict(&chip, &core)? {
        Prediction::Labels { labels, .. } => Ok(labels.data().to_vec()),
        Prediction::Detections(_) => bail!("a segmentation network was expected"),
    }
}

/// The pixel that a place beyond the border mirrors.
fn mirror(at: i64, size: usize) -> usize {
    let size = i64::try_from(size).unwrap_or(i64::MAX);
    let at = at.rem_euclid(2 * size);
    usize::try_from(if at < size { at } else { 2 * size - 1 - at }).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_mirror() {
        let seen: Vec<usize> = (-3..6).map(|at| mirror(at, 3)).collect();
        assert_eq!(seen, [2, 1, 0, 0, 1, 2, 2, 1, 0]);
    }

    #[test]
    fn most_pixels_decide() {
        assert_eq!(majority([0, 0, 0, 1, 2].into_iter()), None);
        assert_eq!(majority([0, 0, 1, 2, 2].into_iter()), Some(Health::Dead));
        assert_eq!(majority([0, 1, 2].into_iter()), Some(Health::Live));
    }
}
