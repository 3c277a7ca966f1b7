//! The pictures that went best and worst, to look at.

use anyhow::{Result, bail};
use arpent_datasets::IGNORE;
use arpent_model::Predictor;
use arpent_raster::{Chip, Window};

use super::pictures::{Counted, CountedItem, Pictures};
use super::whole;
use crate::data::ItemTruth;
use crate::report::{ChipAnswer, ChipPicture, ChipView, Gallery};

/// Chips of each kind, at most.
const SHOWN: usize = 4;

/// Side of a chip, pixels: the middle of larger pictures is shown.
const SIDE: usize = 224;

/// Share of the darkest and of the brightest values that the display cuts off.
const CUT: f64 = 0.02;

/// The items with the highest and the lowest mean intersection over union.
pub(super) fn gallery(pictures: &Pictures<'_>, predictor: &Predictor, counted: &Counted) -> Result<Gallery> {
    let mut scored: Vec<(f64, &CountedItem)> =
        counted.items.iter().filter_map(|i| Some((i.confusion.mean_iou()?, i))).collect();
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    let count = SHOWN.min(scored.len().div_ceil(2));
    let view = |(score, item): &(f64, &CountedItem)| view(pictures, predictor, item, *score);
    Ok(Gallery {
        score_name: "mean IoU".into(),
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
    let Window { width, height, .. } = item.chip.window;
    let shown = [width, height].map(|size| size.min(SIDE));
    let from = [(width - shown[0]) / 2, (height - shown[1]) / 2];
    let places =
        || (0..shown[1]).flat_map(move |y| (0..shown[0]).map(move |x| (from[1] + y) * width + from[0] + x));
    let id = |position: u8| pictures.classes.get(usize::from(position)).map_or(IGNORE, |class| class.id);
    let dates = pictures.sets.dates();
    let captions = if dates == 2 { ["before", "after"].as_slice() } else { &["image"] };
    let each = item.chip.bands / dates;
    let picture = |(date, caption): (usize, &&str)| ChipPicture {
        caption: (*caption).to_owned(),
        rgb: rgb(&item.chip, date * each, each, &places().collect::<Vec<_>>()),
    };
    let size = shown.map(|v| u32::try_from(v).unwrap_or(0));
    Ok(ChipView {
        item: counted.name.clone(),
        group: counted.group.clone(),
        score: Some(score),
        width: size[0],
        height: size[1],
        pictures: captions.iter().enumerate().map(picture).collect(),
        answer: ChipAnswer::Labels {
            truth: places().map(|i| id(truth[i])).collect(),
            prediction: places().map(|i| prediction[i]).collect(),
        },
    })
}

/// The first three bands of a date (or the first one in grey), stretched for display.
fn rgb(chip: &Chip, first: usize, count: usize, places: &[usize]) -> Vec<u8> {
    let band = |color: usize| first + if count >= 3 { color } else { 0 };
    let stretched = [0, 1, 2].map(|color| stretch(chip.band(band(color)), places));
    (0..places.len()).flat_map(|i| [stretched[0][i], stretched[1][i], stretched[2][i]]).collect()
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "clamped to 0 to 255; a share of a length"
)]
fn stretch(band: &[f32], places: &[usize]) -> Vec<u8> {
    let mut sorted: Vec<f32> = places.iter().map(|i| band[*i]).collect();
    sorted.sort_by(f32::total_cmp);
    let at = |share: f64| sorted.get((share * (sorted.len().max(1) - 1) as f64) as usize).copied();
    let (low, high) = (at(CUT).unwrap_or(0.0), at(1.0 - CUT).unwrap_or(0.0));
    let scale = 255.0 / (high - low).max(f32::EPSILON);
    places.iter().map(|i| ((band[*i] - low) * scale).clamp(0.0, 255.0) as u8).collect()
}
