//! What a network says of a crown, and of the trees of a scene.

use arpent_base::Result;
use arpent_datasets::{DEAD, GROUND, Health, LIVE, Picture, TileBox};
use arpent_model::Predictor;
use arpent_raster::{Chip, Window};

use super::counts;
use crate::evaluate::whole;

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

/// The label of every pixel of a picture, as `arpent run` gives it.
fn labels(predictor: &Predictor, picture: &Picture) -> Result<Vec<u8>> {
    let window = Window::new(0, 0, picture.width, picture.height);
    let band = |c: usize| picture.pixels.iter().map(move |pixel| f32::from(pixel[c]));
    let data = (0..3).flat_map(band).collect();
    let chip = Chip { window, bands: 3, data, valid: vec![true; picture.pixels.len()] };
    Ok(whole::labels_of(predictor, &chip)?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_pixels_decide() {
        assert_eq!(majority([0, 0, 0, 1, 2].into_iter()), None);
        assert_eq!(majority([0, 0, 1, 2, 2].into_iter()), Some(Health::Dead));
        assert_eq!(majority([0, 1, 2].into_iter()), Some(Health::Live));
    }
}
