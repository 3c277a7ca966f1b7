//! Shipped and importable models side by side, from the packages, the presets and their measured speeds.

use std::collections::BTreeMap;
use std::path::Path;

use arpent_base::number::{exact, truncate};
use arpent_model::{Architecture, ModelPackage, Preset, flop_per_pixel, preset_names};
use arpent_shell::lines::count;
use serde_json::Value;

use super::table::{cell, table};
use crate::{read, root};

/// The run with the speeds: a line of JSON for each model (`arpent-benches models`).
const SPEEDS: &str = "benches/runs/2026-11-29-models/speed.jsonl";

/// The scores that the table has; all are in the card.
const SCORES: [&str; 3] = ["balanced_accuracy", "mean_iou", "tolerance_f1"];

/// The page.
pub(crate) fn page() -> String {
    let speeds = speeds();
    let shipped: Vec<Vec<String>> = packages().iter().map(|p| of_package(p, &speeds)).collect();
    let published: Vec<Vec<String>> = preset_names().map(|name| of_preset(name, &speeds)).collect();
    let head = [
        "model",
        "what",
        "GSD, m",
        "bands",
        "score, and on what",
        "kFLOP/px",
        "M parameters",
        "Mpx/s",
        "Wh per 1,000 km²",
        "license",
    ];
    format!(
        "# Models side by side\n\n\
         - **kFLOP/px**: thousands of floating-point operations for each pixel of an infinite picture (a multiply-add is two).\n\
         - **Mpx/s**: millions of pixels of the map each second, prediction alone, two cores of a 2-core x86-64 machine with AVX-512, \
         overlaps included ([run](../../benches/runs/2026-11-29-models.md)).\n\
         - **Wh per 1,000 km²**: of that prediction at the nominal GSD, at {watts:.0} W for each of the two cores, an estimate.\n\n\
         A score holds for the data that it was measured on, and no two rows were measured on the same. Try a model on a part of your \
         own imagery, and look at the map.\n\n\
         ## Shipped\n\n\
         In `models/`; the [cards](../../models) say what each is of use for, and for what not.\n\n{}\n\
         ## Importable\n\n\
         `arpent model list NAME` prints where the file is found, its size, the classes, what to know, and the line that imports it \
         ([published models](../guides/published-models.md)). Scores are those of the authors.\n\n{}",
        table(&head, &shipped),
        table(&head, &published),
        watts = arpent_shell::energy::WATTS_PER_CORE,
    )
}

/// Millions of pixels each second by name.
fn speeds() -> BTreeMap<String, f64> {
    let line = |line: &str| {
        let speed: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{SPEEDS}: {e}"));
        let name = speed["name"].as_str().expect("a speed has a name").to_owned();
        (name, speed["mpx_s"].as_f64().expect("a speed is a number"))
    };
    read(&root().join(SPEEDS)).lines().map(line).collect()
}

fn packages() -> Vec<ModelPackage> {
    let mut folders: Vec<_> = std::fs::read_dir(root().join("models"))
        .expect("models/")
        .map(|e| e.expect("an entry").path())
        .collect();
    folders.sort();
    let load =
        |folder: &Path| ModelPackage::load(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())).0;
    folders.iter().filter(|folder| folder.join("model.json").exists()).map(|folder| load(folder)).collect()
}

fn of_package(package: &ModelPackage, speeds: &BTreeMap<String, f64>) -> Vec<String> {
    let score = |(name, score): (&String, &arpent_model::Score)| {
        format!("{name} {:.3}, {}", score.value, score.split)
    };
    let mut row = vec![
        format!("[`{0}`](../../models/{0}/card.md)", package.id),
        cell(&package.title),
        package.gsd_m.nominal.to_string(),
        bands(package.bands.iter().map(|b| b.name.as_str())),
        cell(
            &package
                .scores
                .iter()
                .filter(|(name, _)| SCORES.contains(&name.as_str()))
                .map(score)
                .collect::<Vec<_>>()
                .join("; "),
        ),
    ];
    row.extend(costs(&package.id, &package.architecture, package.gsd_m.nominal, speeds));
    row.push(package.license.clone());
    row
}

fn of_preset(name: &str, speeds: &BTreeMap<String, f64>) -> Vec<String> {
    let preset = Preset::named(name).expect("a name of the list");
    let scores: Vec<String> =
        preset.scores.iter().map(|s| format!("{} {}: {}", s.name, s.value, s.on)).collect();
    let mut row = vec![
        format!("`{name}`"),
        cell(&preset.title),
        preset.gsd_m.nominal.to_string(),
        bands(preset.bands.iter().map(|b| b.name.as_str())),
        cell(&scores.join("; ")),
    ];
    row.extend(costs(name, &preset.network(), preset.gsd_m.nominal, speeds));
    row.push(cell(&preset.license));
    row
}

fn bands<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

/// Operations, weights, speed and energy.
fn costs(name: &str, network: &Architecture, gsd_m: f64, speeds: &BTreeMap<String, f64>) -> [String; 4] {
    let mpx_s = *speeds.get(name).unwrap_or_else(|| panic!("{SPEEDS} has no speed of {name}"));
    let pixels = 1e9 / (gsd_m * gsd_m);
    let hours = pixels / (mpx_s * 1e6) / 3600.0;
    let watt_hours = hours * 2.0 * arpent_shell::energy::WATTS_PER_CORE;
    let (kflop, millions) = (flop_per_pixel(network) / 1e3, exact(network.parameters()) / 1e6);
    [kflop, millions, mpx_s, watt_hours].map(figure)
}

/// Two significant digits, three from 100 on.
fn figure(value: f64) -> String {
    match value {
        v if v >= 100.0 => {
            let unit = 10f64.powf(v.log10().floor() - 2.0);
            count(truncate::<u64>((v / unit).round() * unit))
        }
        v if v >= 10.0 => format!("{v:.0}"),
        v if v >= 1.0 => format!("{v:.1}"),
        v if v > 0.0 => {
            // Digits after the point up to the second one that is not 0.
            let digits = (1..12).find(|digits| v >= 10f64.powi(-digits)).unwrap_or(12) + 1;
            format!("{v:.*}", usize::try_from(digits).expect("a small number"))
        }
        v => v.to_string(),
    }
}

#[test]
fn figures_have_the_digits_that_they_deserve() {
    let figures = [0.0891, 0.006_54, 3.84, 61.2, 247.4, 138_888.0].map(figure);
    assert_eq!(figures, ["0.089", "0.0065", "3.8", "61", "247", "139,000"]);
}
