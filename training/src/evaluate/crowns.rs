//! Crowns of sites that were held out.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Result, bail};
use arpent_datasets::{Crown, DEAD, GROUND, Health, LIVE, Picture, Split, TileBox};
use arpent_model::{Prediction, Predictor, Score};
use arpent_raster::{Chip, Window};
use serde::Serialize;

use super::{Judge, Published, score};
use crate::data::crowns::Loaded;

/// Of a crown's half-sizes, the ellipse whose pixels vote.
const VOTE: f64 = 0.5;

/// How many crowns were seen as what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Counts {
    /// Live crowns seen as live.
    pub(crate) live_as_live: usize,
    /// Live crowns seen as dead.
    pub(crate) live_as_dead: usize,
    /// Live crowns not seen.
    pub(crate) live_missed: usize,
    /// Dead crowns seen as live.
    pub(crate) dead_as_live: usize,
    /// Dead crowns seen as dead.
    pub(crate) dead_as_dead: usize,
    /// Dead crowns not seen.
    pub(crate) dead_missed: usize,
}

impl Counts {
    fn add(&mut self, truth: Health, seen: Option<Health>) {
        let count = match (truth, seen) {
            (Health::Live, Some(Health::Live)) => &mut self.live_as_live,
            (Health::Live, Some(Health::Dead)) => &mut self.live_as_dead,
            (Health::Live, None) => &mut self.live_missed,
            (Health::Dead, Some(Health::Live)) => &mut self.dead_as_live,
            (Health::Dead, Some(Health::Dead)) => &mut self.dead_as_dead,
            (Health::Dead, None) => &mut self.dead_missed,
        };
        *count += 1;
    }

    /// Share of the live crowns that are seen as live; a crown that is not seen counts as wrong.
    pub(crate) fn live_recall(&self) -> f64 {
        ratio(self.live_as_live, self.live_as_live + self.live_as_dead + self.live_missed)
    }

    /// Share of the dead crowns that are seen as dead.
    pub(crate) fn dead_recall(&self) -> f64 {
        ratio(self.dead_as_dead, self.dead_as_live + self.dead_as_dead + self.dead_missed)
    }

    /// Mean of the two.
    pub(crate) fn balanced_accuracy(&self) -> f64 {
        f64::midpoint(self.live_recall(), self.dead_recall())
    }

    /// The scores by name.
    fn named(&self) -> [(&'static str, f64); 4] {
        [
            ("balanced_accuracy", self.balanced_accuracy()),
            ("live_recall", self.live_recall()),
            ("dead_recall", self.dead_recall()),
            ("dead_precision", self.dead_precision()),
        ]
    }

    /// Share of the crowns seen as dead that are dead.
    pub(crate) fn dead_precision(&self) -> f64 {
        ratio(self.dead_as_dead, self.dead_as_dead + self.live_as_dead)
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts are small")]
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The held-out crowns as what a model is judged by.
#[derive(Debug)]
pub(crate) struct Votes<'a>(pub(crate) &'a Loaded);

impl Judge for Votes<'_> {
    fn names(&self) -> &'static [&'static str] {
        &["balanced_accuracy", "live_recall", "dead_recall", "dead_precision"]
    }

    fn scores(&self, predictor: &Predictor) -> Result<BTreeMap<String, f64>> {
        let (all, _) = self.votes(predictor)?;
        Ok(all.named().map(|(name, value)| (name.to_owned(), value)).into())
    }

    fn publish(&self, predictor: &Predictor) -> Result<Published> {
        let (all, sites) = self.votes(predictor)?;
        let found =
            self.0.scene.as_ref().map(|(picture, boxes)| {
                Ok::<_, anyhow::Error>((found(predictor, picture, boxes)?, boxes.len()))
            });
        let found = found.transpose()?;
        Ok(Published {
            scores: published_scores(&all, found),
            territories: sites.keys().map(|site| format!("NEON site {site}, USA")).collect(),
            card: card(&all, &sites, found),
            detail: serde_json::json!({ "all": all, "sites": sites, "found": found }),
        })
    }
}

impl Votes<'_> {
    fn votes(&self, predictor: &Predictor) -> Result<(Counts, BTreeMap<String, Counts>)> {
        crowns(predictor, &self.0.of(Split::Validation).collect::<Vec<_>>())
    }
}

const MEASURES: [&str; 4] = [
    "mean of live_recall and dead_recall, crown crops of held-out NEON sites; by majority of the tree \
     pixels in the crop's central ellipse, a crown mapped mostly as ground counts as wrong",
    "live crowns mapped as live",
    "dead crowns mapped as dead",
    "of crowns mapped as dead, those that are; at the set's own live/dead mix",
];

fn published_scores(all: &Counts, found: Option<(f64, usize)>) -> BTreeMap<String, Score> {
    let named = all.named().into_iter().zip(MEASURES);
    let mut scores: BTreeMap<String, Score> = named
        .map(|((name, value), measure)| (name.to_owned(), score(value, "validation", measure)))
        .collect();
    if let Some((found, boxes)) = found {
        let split = "east of the demo scene (not trained on; its west and another part of the site were)";
        let measure = format!("share of {boxes} boxed trees of the demo scene mapped as tree, live or dead");
        scores.insert("demo_trees_found".into(), score(found, split, &measure));
    }
    scores
}

fn card(all: &Counts, sites: &BTreeMap<String, Counts>, found: Option<(f64, usize)>) -> String {
    let mut table = String::from(
        "| held-out site | live crowns | seen live | dead crowns | seen dead | balanced accuracy |\n\
         |---|---|---|---|---|---|\n",
    );
    let mut row = |name: &str, c: &Counts| {
        let live = c.live_as_live + c.live_as_dead + c.live_missed;
        let dead = c.dead_as_live + c.dead_as_dead + c.dead_missed;
        let balanced = match (live, dead) {
            (0, _) | (_, 0) => "-".to_owned(),
            _ => format!("{:.3}", c.balanced_accuracy()),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "| {name} | {live} | {} | {dead} | {} | {balanced} |",
            c.live_as_live, c.dead_as_dead
        );
    };
    sites.iter().for_each(|(site, counts)| row(site, counts));
    row("all", all);
    if let Some((found, boxes)) = found {
        let _ = writeln!(
            table,
            "\nOn the east of the demo scene (Yellowstone; not trained on, but its western 960 of 2299 columns were), \
             {:.1} % of {boxes} boxed trees are mapped mostly as tree, live or dead.",
            100.0 * found
        );
    }
    table
}

/// Votes on crowns, over all sites (first) and site by site.
fn crowns(predictor: &Predictor, crowns: &[&Crown]) -> Result<(Counts, BTreeMap<String, Counts>)> {
    let mut all = Counts::default();
    let mut sites: BTreeMap<String, Counts> = BTreeMap::new();
    for crown in crowns {
        let seen = vote(predictor, &crown.picture)?;
        all.add(crown.health, seen);
        sites.entry(crown.site.clone()).or_default().add(crown.health, seen);
    }
    Ok((all, sites))
}

/// What the majority of the tree pixels in a crop's central ellipse say; `None` where most say ground.
fn vote(predictor: &Predictor, crop: &Picture) -> Result<Option<Health>> {
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
fn found(predictor: &Predictor, picture: &Picture, boxes: &[TileBox]) -> Result<f64> {
    let labels = labels(predictor, picture)?;
    let hit = |b: &&TileBox| {
        let [x0, y0, x1, y1] = b.sides.map(whole);
        let places =
            (y0..y1.min(picture.height)).flat_map(|y| (x0..x1.min(picture.width)).map(move |x| (x, y)));
        let inside = places.filter(|(x, y)| b.holds(*x, *y, VOTE));
        majority(inside.map(|(x, y)| labels[y * picture.width + x])).is_some()
    };
    Ok(ratio(boxes.iter().filter(hit).count(), boxes.len()))
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
    let around = core.grow(predictor.overlap()).align_out(predictor.stride());
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

    #[test]
    fn a_missed_crown_counts_as_wrong() {
        let mut counts = Counts::default();
        for seen in [Some(Health::Dead), Some(Health::Dead), None, Some(Health::Live)] {
            counts.add(Health::Dead, seen);
        }
        counts.add(Health::Live, Some(Health::Dead));
        assert!((counts.dead_recall() - 0.5).abs() < 1e-12 && counts.live_recall().abs() < 1e-12);
        assert!((counts.balanced_accuracy() - 0.25).abs() < 1e-12);
        assert!((counts.dead_precision() - 2.0 / 3.0).abs() < 1e-12);
    }
}
