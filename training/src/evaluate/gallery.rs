//! The pictures with the best and the worst scores, as examples.

use arpent_base::number::{exact, fitted, narrow, truncate};
use arpent_base::{Result, bail};
use arpent_datasets::IGNORE;
use arpent_model::Predictor;
use arpent_raster::{Chip, OrientedBox, Window};

use super::detection::{CountedBoxes, Detections, mean_f1};
use super::figures::{ChipAnswer, ChipBox, ChipPicture, ChipView, Gallery};
use super::pictures::{Counted, CountedItem, Pictures};
use super::whole;
use crate::data::ItemTruth;

/// Chips of each kind, at most.
const SHOWN: usize = 4;

/// Side of a chip, pixels: the middle of larger pictures is shown.
const SIDE: usize = 224;

/// Share of the darkest and of the brightest values that the display cuts off.
const CUT: f64 = 0.02;

/// The items with the highest and the lowest mean intersection over union.
pub(super) fn gallery(pictures: &Pictures<'_>, predictor: &Predictor, counted: &Counted) -> Result<Gallery> {
    let scored = counted.items.iter().filter_map(|i| Some((i.confusion.mean_iou_with_truth()?, i))).collect();
    ranked("mean IoU", scored, |score, item| view(pictures, predictor, item, score))
}

/// The items with the highest and the lowest F1 of their boxes; those without a box are left out.
pub(super) fn of_boxes(
    detections: &Detections<'_>,
    predictor: &Predictor,
    items: &[CountedBoxes],
) -> Result<Gallery> {
    let scored = items.iter().filter_map(|i| Some((mean_f1(&i.scores)?, i))).collect();
    ranked("mean F1", scored, |score, item| view_of_boxes(detections, predictor, item, score))
}

/// The worst and the best; of two items, one each.
fn ranked<T>(
    score_name: &str,
    mut scored: Vec<(f64, T)>,
    view: impl Fn(f64, &T) -> Result<ChipView>,
) -> Result<Gallery> {
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    let count = SHOWN.min(scored.len().div_ceil(2));
    let view = |(score, item): &(f64, T)| view(*score, item);
    Ok(Gallery {
        score_name: score_name.into(),
        worst: scored[..count].iter().map(view).collect::<Result<_>>()?,
        best: scored.iter().rev().take(scored.len() - count).take(SHOWN).map(view).collect::<Result<_>>()?,
    })
}

fn view(
    pictures: &Pictures<'_>,
    predictor: &Predictor,
    counted: &CountedItem,
    score: f64,
) -> Result<ChipView> {
    let item = pictures.sets.read(counted.id)?;
    let ItemTruth::Labels(truth) = &item.truth else { bail!("labels were expected") };
    let (prediction, _) = whole::labels_of(predictor, &item.chip)?;
    let places = Frame::of(item.chip.window).places();
    let id = |position: u8| pictures.classes.get(usize::from(position)).map_or(IGNORE, |class| class.id);
    let answer = ChipAnswer::Labels {
        truth: places.iter().map(|i| id(truth[*i])).collect(),
        prediction: places.iter().map(|i| prediction[*i]).collect(),
    };
    Ok(shown(&item.chip, pictures.sets.dates(), (&counted.name, &counted.group), score, answer))
}

fn view_of_boxes(
    detections: &Detections<'_>,
    predictor: &Predictor,
    counted: &CountedBoxes,
    score: f64,
) -> Result<ChipView> {
    let item = detections.sets.read(counted.id)?;
    let ItemTruth::Boxes(truth) = &item.truth else { bail!("boxes were expected") };
    let frame = Frame::of(item.chip.window);
    let one = |(position, sides, oriented): (u8, [f64; 4], Option<OrientedBox>)| {
        let class = detections.classes.get(usize::from(position))?.id;
        let corner = frame.from.map(exact);
        let corners = oriented.map(|oriented| oriented.moved(corner, 1.0).corners().map(|c| c.map(narrow)));
        Some(ChipBox { class, sides: frame.moved(sides)?, corners })
    };
    let found = detections.found(predictor, &item.chip)?;
    let answer = ChipAnswer::Boxes {
        // As they are scored: boxes without a direction are compared with those around objects.
        truth: (truth.iter())
            .filter_map(|b| one((b.class, b.sides, b.oriented.filter(|_| predictor.is_oriented()))))
            .collect(),
        prediction: found.iter().filter_map(|b| one((b.class_id, b.bbox, b.oriented))).collect(),
    };
    Ok(shown(&item.chip, detections.sets.dates(), (&counted.name, &counted.group), score, answer))
}

/// The part of a picture that is shown.
#[derive(Debug, Clone, Copy)]
struct Frame {
    width: usize,
    from: [usize; 2],
    size: [usize; 2],
}

impl Frame {
    fn of(window: Window) -> Self {
        let all = [window.width, window.height];
        let size = all.map(|size| size.min(SIDE));
        Self { width: window.width, from: [(all[0] - size[0]) / 2, (all[1] - size[1]) / 2], size }
    }

    /// Its pixels' places in the picture.
    fn places(self) -> Vec<usize> {
        let row =
            |y: usize| (0..self.size[0]).map(move |x| (self.from[1] + y) * self.width + self.from[0] + x);
        (0..self.size[1]).flat_map(row).collect()
    }

    /// A box of the picture, if any of it is in the frame.
    fn moved(self, sides: [f64; 4]) -> Option<[f32; 4]> {
        let [x, y, width, height] = [self.from[0], self.from[1], self.size[0], self.size[1]].map(exact);
        let moved = [sides[0] - x, sides[1] - y, sides[2] - x, sides[3] - y];
        let is_seen = moved[0] < width && moved[1] < height && moved[2] > 0.0 && moved[3] > 0.0;
        is_seen.then_some(moved.map(narrow))
    }
}

fn shown(chip: &Chip, dates: usize, (item, group): (&str, &str), score: f64, answer: ChipAnswer) -> ChipView {
    let frame = Frame::of(chip.window);
    let places = frame.places();
    let captions = if dates == 2 { ["before", "after"].as_slice() } else { &["image"] };
    let each = chip.bands / dates;
    let picture = |(date, caption): (usize, &&str)| ChipPicture {
        caption: (*caption).to_owned(),
        rgb: rgb(chip, date * each, each, &places),
    };
    let size = frame.size.map(fitted);
    ChipView {
        item: item.to_owned(),
        group: group.to_owned(),
        score: Some(score),
        width: size[0],
        height: size[1],
        pictures: captions.iter().enumerate().map(picture).collect(),
        answer,
    }
}

/// The first three bands of a date (or the first one in grey), stretched for display.
pub(super) fn rgb(chip: &Chip, first: usize, count: usize, places: &[usize]) -> Vec<u8> {
    let band = |color: usize| first + if count >= 3 { color } else { 0 };
    let stretched = [0, 1, 2].map(|color| stretch(chip.band(band(color)), places));
    (0..places.len()).flat_map(|i| [stretched[0][i], stretched[1][i], stretched[2][i]]).collect()
}

fn stretch(band: &[f32], places: &[usize]) -> Vec<u8> {
    let mut sorted: Vec<f32> = places.iter().map(|i| band[*i]).collect();
    sorted.sort_by(f32::total_cmp);
    let at = |share: f64| sorted.get(truncate::<usize>(share * exact(sorted.len().max(1) - 1))).copied();
    let (low, high) = (at(CUT).unwrap_or(0.0), at(1.0 - CUT).unwrap_or(0.0));
    let scale = 255.0 / (high - low).max(f32::EPSILON);
    places.iter().map(|i| truncate::<u8>(f64::from(((band[*i] - low) * scale).clamp(0.0, 255.0)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_shown_and_boxes_move_with_it() {
        let frame = Frame::of(Window::new(0, 0, 324, 100));
        assert_eq!((frame.from, frame.size), ([50, 0], [224, 100]));
        assert_eq!(frame.places()[..2], [50, 51]);
        assert_eq!(frame.places()[224], 324 + 50);
        assert_eq!(frame.moved([40.0, 10.0, 60.0, 20.0]), Some([-10.0, 10.0, 10.0, 20.0]));
        assert_eq!(frame.moved([30.0, 10.0, 50.0, 20.0]), None);
        assert_eq!(frame.moved([274.0, 10.0, 280.0, 20.0]), None);
    }
}
