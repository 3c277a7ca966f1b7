//! The model's card: for people, beside `model.json`.

use std::collections::BTreeMap;
use std::fmt::Write;

use arpent_model::{ModelPackage, Weights};
use serde::Serialize;

use crate::config::Config;
use crate::evaluate::Counts;

/// What a training gave.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Outcome {
    /// Loss of the last epoch.
    pub(crate) loss: f64,
    /// Votes on the held-out crowns.
    pub(crate) all: Counts,
    /// The same by site.
    pub(crate) sites: BTreeMap<String, Counts>,
    /// Share and number of the demo scene's trees that are mapped as trees.
    pub(crate) found: Option<(f64, usize)>,
}

/// Writes the card (Markdown).
pub(crate) fn write(package: &ModelPackage, config: &Config, outcome: &Outcome, weights: &Weights) -> String {
    let mut card = format!("# {} ({} {})\n\n", package.title, package.id, package.version);
    card += INTRODUCTION;
    card += "\n## Scores\n\n";
    card += &table(outcome);
    if let Some((found, boxes)) = outcome.found {
        // Writing to a string cannot fail.
        let _ = writeln!(
            card,
            "\nOn the east of the demo scene (Yellowstone; not trained on, but its western 960 of 2299 columns were), \
             {:.1} % of {boxes} boxed trees are mapped mostly as tree, live or dead.",
            100.0 * found
        );
    }
    card += LIMITS;
    card += &network(package, config, weights);
    card += "\n## Training data\n\n";
    for source in &package.training_data {
        let _ = writeln!(card, "- `{}`: {}; {}.", source.name, source.licence, source.source);
    }
    if let Some(energy) = &package.energy {
        let _ =
            writeln!(card, "\nEnergy of the training run: {} Wh ({}).", energy.training_wh, energy.method);
    }
    let _ = writeln!(card, "\nLicence of the weights: {}.", package.licence);
    card
}

const INTRODUCTION: &str = "\
Maps live trees and standing dead trees on RGB aerial images of 10 cm, pixel by pixel. It is the first, small
model of Arpent, made to show the line from scene to features at work; its maps are proposals that nobody has
verified.
";

const LIMITS: &str = "
The vote: the majority of the tree pixels in the central ellipse (half of the crop's sides) of each crop; a crown
mapped mostly as ground counts as wrong. Validation sites are held out entirely; the last epoch was taken, no epoch
was chosen by these scores. The sampling was tuned between runs with an eye on these sites and on the demo scene, so
they are not untouched test data.

## What it is not

- The labels are weak: central ellipses of boxes, not drawn outlines. No pixel score against drawn outlines exists,
  so areas and outlines are indicative.
- Ground was marked on two Yellowstone pictures, a meadow in California and outside the boxes of one tile in
  Florida only; there is no validation of ground on a held-out site, and false trees on other ground (towns, fields, rock, water) must be expected.
- Trees without leaves in winter look dead. Fallen logs and grey shrubs may be taken for dead trees.
- Sites are in the USA, flown in leaf-on season by one sensor. Elsewhere it is untested.
";

fn table(outcome: &Outcome) -> String {
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
        let _ = writeln!(
            table,
            "| {name} | {live} | {} | {dead} | {} | {balanced} |",
            c.live_as_live, c.dead_as_dead
        );
    };
    outcome.sites.iter().for_each(|(site, counts)| row(site, counts));
    row("all", &outcome.all);
    table
}

fn network(package: &ModelPackage, config: &Config, weights: &Weights) -> String {
    let flop = arpent_model::flop_per_pixel(&package.architecture) * 512.0 * 512.0 / 1e9;
    let fit = &config.fit;
    format!(
        "\n## Network and training\n\n\
         U-Net, widths {:?}, {:?} convolutions per level, {} parameters, {flop:.1} GFLOP per 512 x 512 chip. Receptive \
         field {} px on each side, overlap {} px, stride {} px. Trained from scratch: {} epochs of {} steps of {} chips \
         of {} px, AdamW, learning rate {} with cosine, seed {}.\n",
        config.model.widths,
        config.model.encoder_convs,
        weights.parameters(),
        package.receptive_field_px,
        package.overlap_px,
        package.stride_px,
        fit.epochs,
        fit.steps_per_epoch,
        fit.batch,
        fit.chip_px,
        fit.learning_rate,
        fit.seed,
    )
}
