//! The model card, beside `model.json`.

use std::fmt::Write;

use arpent_model::{ModelPackage, Weights};

use crate::config::{Config, Keep};
use crate::evaluate::Published;
use crate::gate::with_section;

/// Contents of a card besides the package.
#[derive(Debug)]
pub(crate) struct Story<'a> {
    pub(crate) config: &'a Config,
    pub(crate) published: &'a Published,
    /// Epoch of the weights, and epochs trained.
    pub(crate) epochs: (usize, usize),
    /// Loss of the last epoch.
    pub(crate) loss: f64,
    /// Notes on the data.
    pub(crate) told: &'a [String],
}

/// Writes the card (Markdown).
pub(crate) fn write(package: &ModelPackage, weights: &Weights, story: &Story<'_>) -> String {
    let mut card = format!("# {} ({} {})\n\n", package.title, package.id, package.version);
    let limits = story.config.model.limits.trim();
    if !limits.is_empty() {
        card += limits;
        card += "\n\n";
    }
    card += &tried(package);
    card += "Its maps are unverified proposals.\n\n## Scores\n\n";
    card += &story.published.card;
    card += &chosen(story.config);
    card += &network(package, weights, story);
    card += &classes(package);
    card += &sources(package);
    if !story.told.is_empty() {
        card += "\nRemarks on the data:\n\n";
        for line in story.told {
            // Writing to a string cannot fail.
            let _ = writeln!(card, "- {line}");
        }
    }
    if let Some(energy) = &package.energy {
        // Writing to a string cannot fail.
        let _ =
            writeln!(card, "\nEnergy of the training run: {} Wh ({}).", energy.training_wh, energy.method);
    }
    let _ = writeln!(card, "\nLicense of the weights: {}.", package.license);
    if let Some(result) = &package.gate {
        card = with_section(&card, result);
    }
    card
}

/// Imagery on which the model was tried: failures first.
fn tried(package: &ModelPackage) -> String {
    let section = |heading: &str, lines: &[String]| {
        let lines: Vec<String> = lines.iter().map(|line| format!("- {}\n", line.trim())).collect();
        let lines = lines.concat();
        if lines.is_empty() { lines } else { format!("{heading}\n\n{lines}\n") }
    };
    section("**Tried and failed on**:", &package.failed_on) + &section("Tried on:", &package.tried_on)
}

/// Scores that chose the epoch are too high; the card states it.
fn chosen(config: &Config) -> String {
    match config.fit.keep {
        Keep::Best => {
            "\nThe epoch was chosen by a score of this split, so these scores are slightly too high.\n"
        }
        Keep::Last => "\nThe last epoch was taken; no epoch was chosen by these scores.\n",
    }
    .to_owned()
}

fn network(package: &ModelPackage, weights: &Weights, story: &Story<'_>) -> String {
    let flop = arpent_model::flop_per_pixel(&package.architecture) * 512.0 * 512.0 / 1e9;
    let fit = &story.config.fit;
    let (epoch, epochs) = story.epochs;
    format!(
        "\n## Network and training\n\n\
         {}, {} parameters, {flop:.1} GFLOP per 512 x 512 chip. Receptive field {} px on each side, overlap {} px, \
         stride {} px. Weights of epoch {epoch} of {epochs}, each of {} steps of {} chips of {} px, AdamW, learning rate {} \
         with cosine, seed {}; loss of the last epoch {:.4}. {}.\n",
        package.architecture.name(),
        weights.parameters(),
        package.receptive_field_px,
        package.overlap_px,
        package.stride_px,
        fit.steps_per_epoch,
        fit.batch,
        fit.chip_px,
        fit.learning_rate,
        fit.seed,
        story.loss,
        if story.config.init.is_some() { "It started from other weights" } else { "Trained from scratch" },
    )
}

fn classes(package: &ModelPackage) -> String {
    let line = |c: &arpent_raster::Class| format!("- {}: {}\n", c.id, c.name);
    let classes: String = package.classes.classes().iter().map(line).collect();
    let bands: Vec<&str> = package.bands.iter().map(|b| b.name.as_str()).collect();
    let quantized = package.bands.iter().find_map(|band| band.dequantize);
    let quantized =
        quantized.map_or_else(String::new, |of| format!("Of stored values it takes {}.\n\n", of.describe()));
    format!("\n## Bands and classes\n\nBands: {}.\n\n{quantized}{classes}", bands.join(", "))
}

fn sources(package: &ModelPackage) -> String {
    let mut text = "\n## Training data\n\n".to_owned();
    for source in &package.training_data {
        let _ = writeln!(text, "- `{}`: {}; {}.", source.name, source.license, source.source);
    }
    if let Some(restriction) = &package.restriction {
        let _ = writeln!(text, "\n**Not to be redistributed**: {restriction}.");
    }
    text
}
