//! `arpent-train applicability`: where a model may be used, by the imagery that it was trained on (ADR 0033).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arpent_base::number::exact;
use arpent_base::{DoingWhat as _, Result, sha256_hex};
use arpent_datasets::Split;
use arpent_metrics::Applicability;
use arpent_model::{BLOCK_PX, Band, ModelPackage, Territory, TrainingSample, TrainingSamples, predictors_of};
use arpent_raster::{Chip, Window};
use arpent_shell::message::notice;
use serde::{Deserialize, Serialize};

use crate::config::{Config, Overrides, same_model};
use crate::data::{ItemId, Sets};
use crate::error::TrainError;
use crate::progress::print_json;

/// The package, and its data.
#[derive(Debug, clap::Args)]
pub(crate) struct ApplicabilityArgs {
    /// Folder of the model package; its `model.json` is rewritten.
    package: PathBuf,
    /// The training's TOML file, for its data sets.
    config: PathBuf,
    /// Folder of the data sets, instead of `data`.
    #[arg(long)]
    data: Option<PathBuf>,
    /// GeoJSON file with the polygons of territories, each with a `name`; they replace territories of the same name.
    #[arg(long, value_name = "FILE")]
    territories: Option<PathBuf>,
}

/// Samples of a package, at most: each block of a map is compared with each of them.
const MOST_SAMPLES: usize = 1000;

/// The line on stdout.
#[derive(Debug, Serialize)]
struct Outcome {
    samples: usize,
    folds: usize,
    threshold: f64,
    /// Blocks of the validation split, and the share of them outside.
    validation_blocks: usize,
    validation_outside: f64,
}

/// Adds the samples to the package; no weight changes.
pub(crate) fn run(args: &ApplicabilityArgs) -> Result<()> {
    let overrides = Overrides { data: args.data.clone(), ..Overrides::default() };
    let config = Config::read(&args.config, &overrides)?;
    let (mut package, weights) = ModelPackage::load(&args.package)?;
    same_model(&package, &config)?;
    if let Some(file) = &args.territories {
        replace_territories(&mut package.territories, areas(file)?);
        package.check().with_context(|| file.display().to_string())?;
    }
    let sets = Sets::open_for(&config, &package)?;
    let samples = samples(&sets, &package.bands)?.map_err(|reason| {
        let problem = format!("there is no area of applicability: {reason}");
        TrainError::refused(problem, "name data sets with a training split of several groups")
    })?;
    let known = known(&samples)?;
    let (blocks, outside) = outside(&sets, &package.bands, &known)?;
    let outcome = Outcome {
        samples: samples.samples.len(),
        folds: samples.folds.len(),
        threshold: known.threshold(),
        validation_blocks: blocks,
        validation_outside: exact(outside) / exact(blocks.max(1)),
    };
    package.applicability = Some(samples.into());
    package.save(&weights, &args.package)?;
    print_json(&outcome)?;
    notice(&format!(
        "{} samples of {} folds; {:.1} % of {blocks} blocks of the validation split lie outside",
        outcome.samples,
        outcome.folds,
        outcome.validation_outside * 100.0
    ));
    Ok(())
}

fn known(samples: &TrainingSamples) -> Result<Applicability> {
    let (folds, values): (Vec<usize>, Vec<Vec<f64>>) =
        samples.samples.iter().map(|TrainingSample(fold, values)| (*fold, values.clone())).unzip();
    Ok(Applicability::of(&values, &folds, &samples.weights)?)
}

/// Samples of the blocks of the training split; or why there are none.
///
/// Folds are the groups of the data sets, or the items where there is one group. In each fold, blocks are sorted by the
/// SHA-256 of their item and place, and folds give a block in turn: every fold gives as many as any other, as far as it has
/// them, and the same data give the same samples.
pub(crate) fn samples(sets: &Sets, bands: &[Band]) -> Result<std::result::Result<TrainingSamples, String>> {
    let items = sets.items(Split::Train);
    let mut groups: Vec<String> = items.iter().map(|id| sets.group(*id)).collect();
    groups.sort_unstable();
    groups.dedup();
    let by_item = groups.len() < 2;
    let mut folds: BTreeMap<String, BTreeMap<String, Vec<f64>>> = BTreeMap::new();
    for id in items {
        let name = sets.name(id);
        let fold = folds.entry(if by_item { name.clone() } else { sets.group(id) }).or_default();
        for (block, values) in blocks_of(sets, id, bands)? {
            let Window { col, row, .. } = block;
            fold.insert(sha256_hex(format!("{name}\0{col}\0{row}").as_bytes()), values);
            if fold.len() > MOST_SAMPLES {
                fold.pop_last();
            }
        }
    }
    folds.retain(|_, blocks| !blocks.is_empty());
    let found: usize = folds.values().map(BTreeMap::len).sum();
    if folds.len() < 2 {
        return Ok(Err(
            "the training split has less than two groups or pictures with valid pixels".to_owned()
        ));
    }
    let names: Vec<String> = folds.keys().cloned().collect();
    let mut left: Vec<_> = folds.into_values().map(BTreeMap::into_values).collect();
    let mut samples = Vec::new();
    while samples.len() < found.min(MOST_SAMPLES) {
        for (fold, blocks) in left.iter_mut().enumerate() {
            if let Some(values) = blocks.next().filter(|_| samples.len() < MOST_SAMPLES) {
                samples.push(TrainingSample(fold, values));
            }
        }
    }
    if samples.iter().all(|sample| sample.1 == samples[0].1) {
        return Ok(Err("all blocks of the training split are equal".to_owned()));
    }
    let chosen = format!(
        "up to {MOST_SAMPLES} blocks of {BLOCK_PX} px of the training split, folds ({}) in turn, in each by the SHA-256 of item and place",
        if by_item { "items" } else { "groups" }
    );
    Ok(Ok(TrainingSamples::new(bands, names, samples, chosen)))
}

/// The blocks of an item and their predictors, to 3 decimals: whole blocks from its first pixel on, or the item as one block
/// where it is smaller.
fn blocks_of(sets: &Sets, id: ItemId, bands: &[Band]) -> Result<Vec<(Window, Vec<f64>)>> {
    let chip = sets.read(id)?.chip;
    let of = |block: Window| {
        let values = rounded(predictors_of(&chip, bands, &block)?);
        values.iter().all(|value| value.is_finite()).then_some((block, values))
    };
    Ok(blocks(&chip).filter_map(of).collect())
}

fn blocks(chip: &Chip) -> impl Iterator<Item = Window> {
    let Window { col, row, width, height } = chip.window;
    let (wide, high) = (width.min(BLOCK_PX), height.min(BLOCK_PX));
    let (across, down) = (width.checked_div(wide).unwrap_or(0), height.checked_div(high).unwrap_or(0));
    let at = |start: i64, number: usize, side: usize| start.saturating_add_unsigned((number * side) as u64);
    (0..down).flat_map(move |r| {
        (0..across).map(move |c| Window::new(at(col, c, wide), at(row, r, high), wide, high))
    })
}

fn rounded(values: Vec<f64>) -> Vec<f64> {
    // Without -0.
    values.into_iter().map(|value| (value * 1e3).round() / 1e3 + 0.0).collect()
}

/// Blocks of the validation split, and those of them outside.
fn outside(sets: &Sets, bands: &[Band], known: &Applicability) -> Result<(usize, usize)> {
    let (mut all, mut outside) = (0, 0);
    for id in sets.items(Split::Validation) {
        for (_, values) in blocks_of(sets, id, bands)? {
            all += 1;
            outside += usize::from(known.dissimilarity(&values) > known.threshold());
        }
    }
    Ok((all, outside))
}

/// A file of polygons with names.
#[derive(Debug, Deserialize)]
struct Areas {
    features: Vec<AreaFeature>,
}

#[derive(Debug, Deserialize)]
struct AreaFeature {
    properties: AreaName,
    geometry: arpent_model::Outline,
}

#[derive(Debug, Deserialize)]
struct AreaName {
    name: String,
}

fn areas(file: &Path) -> Result<Vec<arpent_model::Area>> {
    let shown = || format!("cannot read territories of {}", file.display());
    let text = std::fs::read(file).with_context(shown)?;
    let read: Areas = serde_json::from_slice(&text).map_err(|error| {
        let problem = format!("{}: {error}", file.display());
        let hint = "write a FeatureCollection of polygons in degrees, with two coordinates a position, each with a property `name`";
        TrainError::refused(problem, hint)
    })?;
    if read.features.is_empty() {
        let problem = format!("{} has no polygon", file.display());
        return Err(TrainError::refused(problem, "name a file with the polygons of the territories").into());
    }
    let area = |feature: AreaFeature| arpent_model::Area {
        name: feature.properties.name,
        geometry: feature.geometry,
    };
    Ok(read.features.into_iter().map(area).collect())
}

/// Replaces the territories of the same names, and adds the others.
fn replace_territories(territories: &mut Vec<Territory>, areas: Vec<arpent_model::Area>) {
    for area in areas {
        let same = territories.iter().position(|known| known.name() == area.name);
        match same {
            Some(at) => territories[at] = Territory::Area(area),
            None => territories.push(Territory::Area(area)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_cut_into_whole_blocks_and_small_ones_are_one() {
        let count = |width, height| {
            let chip = Chip::empty(Window::new(-5, 7, width, height), 1);
            let all: Vec<Window> = blocks(&chip).collect();
            assert!(all.iter().all(|block| chip.window.contains(block)));
            all.len()
        };
        assert_eq!([count(64, 64), count(200, 130), count(16, 300), count(0, 9)], [1, 6, 4, 0]);
    }

    #[test]
    fn polygons_replace_names_and_the_rest_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.geojson");
        let feature = |name: &str| {
            format!(
                r#"{{"type": "Feature", "properties": {{"name": "{name}", "code": 3}}, "geometry": {{"type": "Polygon",
                "coordinates": [[[0,0],[1,0],[1,1],[0,0]]]}}}}"#
            )
        };
        let text =
            format!(r#"{{"type": "FeatureCollection", "features": [{}, {}]}}"#, feature("b"), feature("d"));
        std::fs::write(&file, text).unwrap();
        let mut all: Vec<Territory> = ["a", "b", "c"].map(|name| Territory::Name(name.to_owned())).into();
        replace_territories(&mut all, areas(&file).unwrap());
        let names: Vec<&str> = all.iter().map(Territory::name).collect();
        assert_eq!(names, ["a", "b", "c", "d"]);
        let located: Vec<bool> = all.iter().map(|t| t.bbox().is_some()).collect();
        assert_eq!(located, [false, true, false, true]);
        for (text, of) in [
            ("{}", "features"),
            (r#"{"features": []}"#, "no polygon"),
            (r#"{"features": [{"properties": {}}]}"#, "name"),
        ] {
            std::fs::write(&file, text).unwrap();
            let error = areas(&file).unwrap_err();
            assert!(error.message().contains(of) && error.hint().is_some(), "{}", error.message());
        }
    }
}
