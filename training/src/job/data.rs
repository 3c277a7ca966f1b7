//! The source of a training's chips, and the evaluation of its models.

use std::collections::BTreeSet;

use arpent_base::number::narrow;
use arpent_base::{Result, hex};
use arpent_datasets::{IGNORE, Split};
use arpent_model::{Band, Predictor, SamplesFile};
use arpent_shell::message::notice;
use sha2::{Digest, Sha256};

use super::doubts;
use crate::applicability;
use crate::config::Config;
use crate::data::{Crops, Draw, ItemId, Sets, Statistics};
use crate::error::TrainError;
use crate::evaluate::figures::SceneShown;
use crate::evaluate::{Judge, judge_of, scene};
use crate::package::Provenance;
use crate::report::SplitFacts;

/// The data of a training.
#[derive(Debug)]
pub(crate) struct TrainingData {
    /// Bands of the network's input.
    pub(crate) bands: Vec<Band>,
    crops: Crops,
    statistics: Statistics,
    /// Notes on the data, for the card and the report.
    told: Vec<String>,
}

impl TrainingData {
    /// Opens the data and reads the training split once.
    pub(crate) fn open(config: &Config) -> Result<Self> {
        Self::sets(config, Sets::open(config)?)
    }

    /// Data sets that were opened.
    pub(crate) fn sets(config: &Config, sets: Sets) -> Result<Self> {
        let train = sets.items(Split::Train);
        // Damaged files are reported now, not after an epoch.
        let held = Statistics::gather(config, &sets, &sets.items(Split::Validation))?;
        let mut source = Self::on(config, sets, &train)?;
        let (sets, statistics) = (source.crops.sets(), &source.statistics);
        refuse_unseen(config, sets, &statistics.classes)?;
        let unjudged = unjudged(config, &held.classes)?;
        let declared = doubts::of_declared(config, sets)?;
        doubts::refuse_other_range(config, sets, statistics)?;
        let mut told: Vec<String> =
            sets.remarks().map(|(set, remark)| format!("{set}: {}", remark.describe())).collect();
        told.extend(sets.unmatched());
        told.extend(declared);
        told.extend(unjudged);
        told.extend(doubts::of_duplicates(sets, statistics, &held));
        for line in &told {
            notice(line);
        }
        source.told = told;
        Ok(source)
    }

    /// Notes on the data: tolerated deviations, options without a match, doubtful data.
    pub(crate) fn notes(&self) -> &[String] {
        &self.told
    }

    /// Data sets of which these items alone are trained on.
    pub(crate) fn on(config: &Config, sets: Sets, train: &[ItemId]) -> Result<Self> {
        let statistics = Statistics::gather(config, &sets, train)?;
        let absent: Vec<&str> = config
            .classes
            .iter()
            .zip(&statistics.classes)
            .filter(|(_, n)| **n == 0)
            .map(|(c, _)| c.name.as_str())
            .collect();
        if absent.len() == config.classes.len() {
            let problem = "the training split holds no pixel of any class of the model";
            return Err(TrainError::refused(problem, "see `classes` and `ignore` of the sets").into());
        }
        let band = |(i, (name, moments)): (usize, (String, &crate::data::Moments))| Band {
            name,
            mean: narrow(moments.mean()),
            std: narrow(moments.std()),
            unit: Some(config.model.unit().to_owned()),
            number: sets.number_of_band(i),
            dequantize: config.model.dequantize,
        };
        let bands = sets.input_bands().into_iter().zip(&statistics.bands).enumerate().map(band).collect();
        let crops = Crops::new(config, sets, &statistics)?;
        Ok(Self { bands, crops, statistics, told: Vec::new() })
    }

    /// The data sets again.
    pub(crate) fn into_sets(self) -> Sets {
        self.crops.into_sets()
    }

    /// A summary of the data.
    pub(crate) fn describe(&self) -> String {
        let count = |split| self.crops.sets().items(split).len();
        format!("{} items to train on, {} held out", count(Split::Train), count(Split::Validation))
    }

    /// How many items and groups each split has.
    pub(crate) fn splits(&self) -> Vec<SplitFacts> {
        let sets = self.crops.sets();
        let facts = |split: Split| {
            let items = sets.items(split);
            let groups: BTreeSet<String> = items.iter().map(|id| sets.group(*id)).collect();
            split_facts(split, items.len(), groups.len())
        };
        sets.splits().into_iter().map(facts).collect()
    }

    /// The scenes that labels were drawn over, mapped by a model.
    pub(crate) fn scenes(&self, config: &Config, predictor: &Predictor) -> Result<Vec<SceneShown>> {
        let mut all = Vec::new();
        for (name, reader, labeled) in self.crops.sets().scenes(config)? {
            all.push(scene::shown(&name, &reader, predictor, &config.classes, &labeled)?);
        }
        Ok(all)
    }

    /// The source of chips.
    pub(crate) fn draw(&self) -> &dyn Draw {
        &self.crops
    }

    /// The evaluation on the validation split.
    pub(crate) fn judge<'a>(&'a self, config: &'a Config) -> Box<dyn Judge + 'a> {
        judge_of(config, self.crops.sets(), Split::Validation, None)
    }

    /// Samples of the training split, by which places unlike it are found; `None` with a notice where there are too few.
    pub(crate) fn samples(&self, bands: &[Band]) -> Result<Option<SamplesFile>> {
        match applicability::samples(self.crops.sets(), bands)? {
            Ok(samples) => Ok(Some(samples.into())),
            Err(reason) => {
                notice(&format!("the package gets no samples for its area of applicability: {reason}"));
                Ok(None)
            }
        }
    }

    /// The provenance of the weights.
    pub(crate) fn provenance(&self) -> Provenance {
        Provenance::of_cards(&self.crops.sets().cards().collect::<Vec<_>>())
    }

    /// Weights inverse to the classes' pixels.
    pub(crate) fn balanced_weights(&self) -> Vec<f32> {
        self.statistics.balanced_weights()
    }

    /// SHA-256 over what the data list and over the statistics of the bands.
    pub(crate) fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.crops.sets().listing());
        for band in &self.bands {
            hash.update(format!("{} {} {}\n", band.name, band.mean.to_bits(), band.std.to_bits()));
        }
        hex(&hash.finalize())
    }
}

/// Counts by class, in words.
fn counted(config: &Config, counts: &[u64]) -> String {
    let what = if config.is_detection() { "boxes" } else { "pixels" };
    let each = config.classes.iter().zip(counts).map(|(class, n)| format!("{} {n}", class.name));
    format!("{what} by class: {}", each.collect::<Vec<_>>().join(", "))
}

/// A class without training labels cannot be learned, and means over classes would hide that.
fn refuse_unseen(config: &Config, sets: &Sets, counts: &[u64]) -> Result<()> {
    let unseen: Vec<&str> =
        config.classes.iter().zip(counts).filter(|(_, n)| **n == 0).map(|(c, _)| c.name.as_str()).collect();
    let Some(first) = unseen.first() else { return Ok(()) };
    let values = sets.values_found(Split::Train)?;
    let found: Vec<String> = values.iter().map(|(value, n)| format!("{value} ({n})")).collect();
    let problem = format!(
        "classes without a label in the training split: {} ({}; class ids found in labels, with their counts: {})",
        unseen.join(", "),
        counted(config, counts),
        found.join(", ")
    );
    let masks = sets.mask_folder_of(first);
    let not_known = values.get(&IGNORE).copied().unwrap_or(0);
    let hint = match masks {
        Some((folder, id)) if not_known > 0 => format!(
            "{IGNORE} means `not known`: where it marks `{first}`, write in the set: masks = [{{ folder = \"{folder}\", values = \
             {{ {IGNORE} = {id} }} }}]; else take the class out of [[classes]]"
        ),
        _ => format!(
            "check `classes`, `ignore` and (for masks) `values` of the sets, and the splits; or remove `{first}` from \
             [[classes]]"
        ),
    };
    Err(TrainError::refused(problem, hint).into())
}

/// A class that is learned but not in the validation split is not evaluated.
fn unjudged(config: &Config, held: &[u64]) -> Result<Option<String>> {
    if held.iter().all(|n| *n == 0) {
        let problem = "the validation split has no label of any class of the model";
        return Err(
            TrainError::refused(problem, "see `classes` and `ignore` of the sets, and the splits").into()
        );
    }
    let none = config.classes.iter().zip(held).filter(|(_, n)| **n == 0).map(|(c, _)| c.name.as_str());
    let none: Vec<&str> = none.collect();
    let counts = counted(config, held);
    let told = format!("not in the validation split, so not evaluated: {} ({counts})", none.join(", "));
    Ok((!none.is_empty()).then_some(told))
}

fn split_facts(split: Split, items: usize, groups: usize) -> SplitFacts {
    SplitFacts { name: split.name().into(), items: items as u64, groups: groups as u64, pixels: None }
}
