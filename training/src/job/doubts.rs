//! What of the data of a training cannot be right and is refused, and what is doubtful: told on stderr, in the card and in the
//! report.

use std::collections::{BTreeMap, HashMap};

use arpent_raster::{ReadAs, Scaling};

use crate::config::Config;
use crate::data::{ItemId, ItemStatistics, Sets, Statistics};
use crate::error::TrainError;

/// Widths of the value range by which the mean of a band may lie beyond it: runs refuse scenes whose median does.
const MEAN_BEYOND: f64 = 1.0;

/// Pictures that declare the same of their stored values.
struct Kind {
    /// None where they declare nothing.
    said: Option<String>,
    items: usize,
    first: String,
}

impl Kind {
    fn describe(&self) -> String {
        let said = self.said.as_deref().unwrap_or("neither a scale nor an offset");
        format!("{} item(s) declare {said} (first `{}`)", self.items, self.first)
    }
}

/// Scales and offsets, each with who declares it.
fn said(bands: &[Option<Scaling>]) -> Option<String> {
    let mut all: Vec<String> = Vec::new();
    for scaling in bands.iter().flatten() {
        let one = format!("{} ({})", scaling.describe(), scaling.by);
        if !all.contains(&one) {
            all.push(one);
        }
    }
    (!all.is_empty()).then(|| all.join(", "))
}

/// Refuses pictures whose stored values mean different things, unless the configuration says what to make of them; tells what
/// is not applied.
pub(super) fn of_declared(config: &Config, sets: &Sets) -> Result<Vec<String>, TrainError> {
    let mut kinds: BTreeMap<Vec<Option<[u64; 2]>>, Kind> = BTreeMap::new();
    for (set, declared) in sets.declared() {
        let key = declared.bands.iter().map(|s| s.as_ref().map(Scaling::bits)).collect();
        let first = format!("{set}/{}", declared.first);
        let kind = kinds.entry(key).or_insert_with(|| Kind { said: said(&declared.bands), items: 0, first });
        kind.items += declared.items;
    }
    let (unit, values) = (config.model.unit(), config.model.values());
    let is_told = kinds.values().any(|k| k.said.is_some());
    let listed = kinds.values().map(Kind::describe).collect::<Vec<_>>().join("; ");
    if values == ReadAs::Physical {
        let is_doubtful = is_told || config.model.sample_types.iter().all(|t| t.is_whole());
        let some_say_nothing = kinds.values().any(|k| k.said.is_none());
        return Ok(if some_say_nothing && is_doubtful {
            vec![format!(
                "{listed}: where nothing is declared, stored values are taken to be of the unit `{unit}` (model.unit)"
            )]
        } else {
            Vec::new()
        });
    }
    if !is_told {
        return Ok(Vec::new());
    }
    if kinds.len() > 1 && config.model.unit.is_none() {
        let problem = format!("the stored values of the pictures do not mean the same: {listed}");
        let hint = "say which values are learned: model.unit = \"reflectance\" (or another physical unit; --unit beside --labels) \
                    applies what each file declares, in runs of the package, too; model.unit = \"digital number\" takes all values \
                    as they are stored";
        return Err(TrainError::refused(problem, hint));
    }
    Ok(vec![format!(
        "{listed}: not applied, the unit is `{unit}` (model.unit), so the package is of stored values, in runs, too"
    )])
}

/// Refuses a range of values that is not that of the data: runs would refuse the very pictures that were learned from.
pub(super) fn refuse_other_range(config: &Config, sets: &Sets, found: &Statistics) -> Result<(), TrainError> {
    let [low, high] = config.model.value_range.map(f64::from);
    let width = MEAN_BEYOND * (high - low);
    for (name, band) in sets.input_bands().iter().zip(&found.bands) {
        let mean = band.mean();
        if (low - width..=high + width).contains(&mean) {
            continue;
        }
        let problem = format!(
            "band `{name}` has a mean of {mean:.5} in the training split, and model.value_range is {low} to {high}: `arpent run` \
             would refuse scenes of these values"
        );
        let hint = "correct model.value_range; where files declare a scale and an offset, model.unit says whether they count: \
                    \"reflectance\" or another physical unit applies them, \"digital number\" does not";
        return Err(TrainError::refused(problem, hint));
    }
    Ok(())
}

/// Held-out pictures that are trained on as well.
pub(super) fn of_duplicates(sets: &Sets, train: &Statistics, held: &Statistics) -> Option<String> {
    let known: HashMap<u64, ItemId> =
        train.items.iter().rev().filter_map(|item| Some((item.content?, item.id))).collect();
    let again = |item: &ItemStatistics| Some((item.id, *known.get(&item.content?)?));
    let twice: Vec<(ItemId, ItemId)> = held.items.iter().filter_map(again).collect();
    let (first, like) = *twice.first()?;
    Some(format!(
        "{} of {} held-out items show the very pixels of items that are trained on (first `{}`, those of `{}`), so scores flatter: \
         see arpent-train audit",
        twice.len(),
        held.items.len(),
        sets.name(first),
        sets.name(like)
    ))
}
