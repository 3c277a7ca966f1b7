//! The scene that polygons were drawn over, as the model maps it: a picture to look at, and how much of it is of each class.

use arpent_base::Result;
use arpent_base::number::{exact, fitted, signed};
use arpent_datasets::{IGNORE, SceneReader};
use arpent_model::Predictor;
use arpent_raster::{Class, Window};

use super::figures::{ChipPicture, ClassShare, SceneShown};
use super::{gallery, whole};

/// Side of the part that is shown, pixels: the middle of larger scenes.
const SIDE: usize = 512;

/// Side of the windows over which classes are counted, pixels.
const WINDOW: usize = 256;

/// Windows that are counted, at most; of larger scenes they are spread evenly.
const MAX_WINDOWS: usize = 48;

/// Maps the middle of a scene, and windows that are spread over it. `labeled` counts the pixels of each class in polygons.
pub(crate) fn shown(
    name: &str,
    scene: &SceneReader,
    predictor: &Predictor,
    classes: &[Class],
    labeled: &[u64],
) -> Result<SceneShown> {
    let all = scene.window();
    let side = |size: usize| size.min(SIDE);
    let start = |size: usize| signed((size - side(size)) / 2);
    let part = Window::new(start(all.width), start(all.height), side(all.width), side(all.height));
    let chip = scene.read(part)?;
    let (prediction, _) = whole::labels_of(predictor, &chip)?;
    let places: Vec<usize> = (0..part.width * part.height).collect();
    let rgb = gallery::rgb(&chip, 0, chip.bands, &places);
    let (mut counts, mut pixels) = ([0u64; 256], 0u64);
    for window in spread(&all) {
        let chip = scene.read(window)?;
        let (labels, _) = whole::labels_of(predictor, &chip)?;
        for label in labels.iter().filter(|label| **label != IGNORE) {
            counts[usize::from(*label)] += 1;
            pixels += 1;
        }
    }
    let total: u64 = labeled.iter().sum();
    let share = |part: u64, whole: u64| (whole > 0).then(|| exact(part) / exact(whole));
    let class = |(class, labeled): (&Class, &u64)| ClassShare {
        class: class.id,
        predicted: share(counts[usize::from(class.id)], pixels),
        labeled: share(*labeled, total),
    };
    Ok(SceneShown {
        name: name.to_owned(),
        width: fitted(part.width),
        height: fitted(part.height),
        picture: ChipPicture { caption: "image".into(), rgb },
        prediction,
        pixels_counted: pixels,
        pixels_of_scene: (all.width as u64) * (all.height as u64),
        classes: classes.iter().zip(labeled).map(class).collect(),
    })
}

/// Windows that fill a scene, or are spread evenly over a large one.
fn spread(scene: &Window) -> Vec<Window> {
    let (columns, rows) = (scene.width.div_ceil(WINDOW), scene.height.div_ceil(WINDOW));
    let count = columns * rows;
    let chosen = count.min(MAX_WINDOWS);
    let window = |k: usize| {
        // Every part of the count gives one window: no column is chosen alone.
        let i = (2 * k + 1) * count / (2 * chosen.max(1));
        let start = |at: usize| signed(at * WINDOW);
        Window::new(start(i % columns), start(i / columns), WINDOW, WINDOW).intersect(scene)
    };
    (0..chosen).filter_map(window).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_scene_is_counted_whole_and_a_large_one_in_parts_that_are_spread() {
        let small = spread(&Window::new(0, 0, 600, 300));
        assert_eq!(small.iter().map(|w| w.width * w.height).sum::<usize>(), 600 * 300);
        let large = spread(&Window::new(0, 0, 20_000, 20_000));
        assert_eq!(large.len(), MAX_WINDOWS);
        let columns: std::collections::BTreeSet<i64> = large.iter().map(|w| w.col).collect();
        assert!(columns.len() > MAX_WINDOWS / 4, "{columns:?}");
        assert!(large.iter().any(|w| w.row < 600) && large.iter().any(|w| w.row > 19_000));
    }
}
