//! `arpent-train applicability`: where a model may be used, by the imagery that it was trained on (ADR 0033).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arpent_base::number::{self, exact};
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
/// Folds are the groups of the data sets, or the items where there is one group. [`Draw`] says which of their blocks are
/// samples; the same data give the same ones.
pub(crate) fn samples(sets: &Sets, bands: &[Band]) -> Result<std::result::Result<TrainingSamples, String>> {
    let items = sets.items(Split::Train);
    let mut groups: Vec<String> = items.iter().map(|id| sets.group(*id)).collect();
    groups.sort_unstable();
    groups.dedup();
    let by_item = groups.len() < 2;
    let mut draw = Draw::new(MOST_SAMPLES);
    for id in items {
        let name = sets.name(id);
        let fold = if by_item { name.clone() } else { sets.group(id) };
        if !draw.takes(&fold) {
            continue;
        }
        for (block, values) in blocks_of(sets, id, bands)? {
            let Window { col, row, .. } = block;
            draw.add(&fold, sha256_hex(format!("{name}\0{col}\0{row}").as_bytes()), values);
        }
    }
    let all_folds = !draw.left_out;
    let (names, samples) = draw.samples();
    if names.len() < 2 {
        return Ok(Err(
            "the training split has less than two groups or pictures with valid pixels".to_owned()
        ));
    }
    if samples.iter().all(|sample| sample.1 == samples[0].1) {
        return Ok(Err("all blocks of the training split are equal".to_owned()));
    }
    let kind = if by_item { "items" } else { "groups" };
    let whose = if all_folds {
        kind.to_owned()
    } else {
        format!("{kind}, the {MOST_SAMPLES} with the lowest SHA-256 of their names")
    };
    let chosen = format!(
        "up to {MOST_SAMPLES} blocks of {BLOCK_PX} px of the training split, folds ({whose}) in turn, in each by the SHA-256 of item and place"
    );
    Ok(Ok(TrainingSamples::new(bands, names, samples, chosen)))
}

/// Draws samples from the blocks of folds, whatever the order in which they come.
///
/// Of each fold, blocks are sorted by their key, and folds give a block in turn, in the order of their names: every fold
/// gives as many as any other, as far as it has them. Where there are more folds than samples, those with the lowest SHA-256
/// of their name give one each: names are often places, whose order is no random one.
#[derive(Debug)]
struct Draw {
    /// Most samples, and so most folds.
    most: usize,
    /// By the SHA-256 of the name.
    folds: BTreeMap<String, Fold>,
    /// Blocks of all folds.
    kept: usize,
    /// Whether there were more folds.
    left_out: bool,
}

#[derive(Debug)]
struct Fold {
    name: String,
    /// By their keys.
    blocks: BTreeMap<String, Vec<f64>>,
}

impl Draw {
    const fn new(most: usize) -> Self {
        Self { most, folds: BTreeMap::new(), kept: 0, left_out: false }
    }

    /// Whether blocks of a fold may be samples; if not, they need not be read.
    fn takes(&mut self, name: &str) -> bool {
        let key = sha256_hex(name.as_bytes());
        let full = self.folds.len() >= self.most;
        let is_beyond = full && self.folds.last_key_value().is_some_and(|(last, _)| key > *last);
        self.left_out |= is_beyond;
        !is_beyond
    }

    /// Adds a block of a fold.
    fn add(&mut self, name: &str, key: String, values: Vec<f64>) {
        if !self.takes(name) {
            return;
        }
        let new = || Fold { name: name.to_owned(), blocks: BTreeMap::new() };
        let fold = self.folds.entry(sha256_hex(name.as_bytes())).or_insert_with(new);
        self.kept += usize::from(fold.blocks.insert(key, values).is_none());
        if self.folds.len() > self.most {
            self.left_out = true;
            self.kept -= self.folds.pop_last().map_or(0, |(_, fold)| fold.blocks.len());
        }
        // After that, less than two blocks for each sample are left.
        if self.kept > 4 * self.most {
            self.drop_excess();
        }
    }

    /// Drops blocks that can be no samples: more folds and blocks never make a fold give more.
    fn drop_excess(&mut self) {
        let given = |each: usize| self.folds.values().map(|fold| fold.blocks.len().min(each)).sum::<usize>();
        let (mut least, mut most) = (1, self.most);
        while least < most {
            let middle = usize::midpoint(least, most);
            if given(middle) < self.most { least = middle + 1 } else { most = middle }
        }
        for fold in self.folds.values_mut() {
            while fold.blocks.len() > least {
                fold.blocks.pop_last();
            }
        }
        self.kept = self.folds.values().map(|fold| fold.blocks.len()).sum();
    }

    /// The names of the folds, and their samples.
    fn samples(self) -> (Vec<String>, Vec<TrainingSample>) {
        let wanted = self.kept.min(self.most);
        let by_name: BTreeMap<String, _> =
            self.folds.into_values().map(|fold| (fold.name, fold.blocks)).collect();
        let names: Vec<String> = by_name.keys().cloned().collect();
        let mut left: Vec<_> = by_name.into_values().map(BTreeMap::into_values).collect();
        let mut samples = Vec::with_capacity(wanted);
        while samples.len() < wanted {
            for (fold, blocks) in left.iter_mut().enumerate() {
                if let Some(values) = blocks.next().filter(|_| samples.len() < wanted) {
                    samples.push(TrainingSample(fold, values));
                }
            }
        }
        (names, samples)
    }
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
    values.into_iter().map(|value| number::rounded(value, 3) + 0.0).collect()
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

    /// A draw of blocks, each the number of its fold and its key.
    fn drawn(
        blocks: impl Iterator<Item = (usize, usize)>,
        most: usize,
    ) -> (Vec<String>, Vec<TrainingSample>) {
        let mut draw = Draw::new(most);
        for (fold, block) in blocks {
            draw.add(&format!("fold-{fold:05}"), format!("{block:05}"), vec![exact(fold), exact(block)]);
            assert!(draw.kept <= 4 * most && draw.folds.len() <= most);
            assert_eq!(draw.kept, draw.folds.values().map(|fold| fold.blocks.len()).sum::<usize>());
        }
        draw.samples()
    }

    #[test]
    fn of_many_folds_those_of_any_name_give_a_sample_each() {
        let blocks = |fold: usize| (0..7).map(move |block| (fold, block));
        let (names, samples) = drawn((0..3000).flat_map(blocks), 1000);
        assert_eq!((names.len(), samples.len()), (1000, 1000));
        // Of each third of the names about as many.
        for third in 0..3 {
            let range = 1000 * third..1000 * third + 1000;
            let of = names.iter().filter(|name| range.contains(&name[5..].parse::<usize>().unwrap())).count();
            assert!((270..400).contains(&of), "{of} names of {range:?}");
        }
        // Every name that is kept has the sample with the lowest key.
        for (at, TrainingSample(fold, values)) in samples.iter().enumerate() {
            assert_eq!((*fold, values[1].to_bits()), (at, 0f64.to_bits()));
            assert_eq!(names[at], format!("fold-{:05.0}", values[0]));
        }
        assert_eq!(drawn((0..3000).rev().flat_map(blocks), 1000), (names, samples));
    }

    proptest::proptest! {
        /// What is dropped on the way would not have been a sample: all blocks at once, folds in turn, give the same.
        #[test]
        fn samples_are_those_of_all_blocks_at_once(
            sizes in proptest::collection::vec(1usize..90, 1..30), most in 30usize..60, backwards in proptest::bool::ANY,
        ) {
            let mut all: Vec<(usize, usize)> =
                sizes.iter().enumerate().flat_map(|(fold, size)| (0..*size).map(move |block| (fold, block))).collect();
            let mut expected: Vec<(usize, usize)> = all.clone();
            expected.sort_by_key(|(fold, block)| (*block, *fold));
            expected.truncate(most);
            if backwards {
                all.reverse();
            }
            let (names, samples) = drawn(all.into_iter(), most);
            proptest::prop_assert_eq!(names.len(), sizes.len());
            let expected: Vec<TrainingSample> =
                expected.iter().map(|(fold, block)| TrainingSample(*fold, vec![exact(*fold), exact(*block)])).collect();
            proptest::prop_assert_eq!(samples, expected);
        }
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
