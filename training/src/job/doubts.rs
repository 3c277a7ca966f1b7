//! Checks of the data of a training: impossible data are refused; doubtful data are reported on stderr, in the card and in the
//! report.

use std::collections::{BTreeMap, HashMap};

use arpent_base::listed_of;
use arpent_raster::{ReadAs, Scaling};

use crate::config::Config;
use crate::data::{ItemId, ItemStatistics, Sets, Statistics};
use crate::error::TrainError;

/// Widths of the value range by which the mean of a band may lie beyond it: runs refuse scenes whose median does.
const MEAN_BEYOND: f64 = 1.0;

/// Pictures with the same scale and offset.
struct DeclaredValues {
    /// None without a declaration.
    said: Option<String>,
    items: usize,
    first: String,
}

impl DeclaredValues {
    fn describe(&self) -> String {
        let said = self.said.as_deref().unwrap_or("neither a scale nor an offset");
        format!("{} item(s) declare {said} (first `{}`)", self.items, self.first)
    }
}

/// Scales and offsets, each with the pictures that declare it.
fn describe(bands: &[Option<Scaling>]) -> Option<String> {
    let mut all: Vec<String> = Vec::new();
    for scaling in bands.iter().flatten() {
        let one = format!("{} ({})", scaling.describe(), scaling.by);
        if !all.contains(&one) {
            all.push(one);
        }
    }
    (!all.is_empty()).then(|| listed_of(&all, "declarations"))
}

/// Refuses pictures that declare different scales or offsets, unless the configuration states how to read them; reports
/// declarations that are not applied.
pub(super) fn of_declared(config: &Config, sets: &Sets) -> Result<Vec<String>, TrainError> {
    let mut kinds: BTreeMap<Vec<Option<[u64; 2]>>, DeclaredValues> = BTreeMap::new();
    for (set, declared) in sets.declared() {
        let key = declared.bands.iter().map(|s| s.as_ref().map(Scaling::bits)).collect();
        let first = format!("{set}/{}", declared.first);
        let kind = kinds.entry(key).or_insert_with(|| DeclaredValues {
            said: describe(&declared.bands),
            items: 0,
            first,
        });
        kind.items += declared.items;
    }
    let (unit, values) = (config.model.unit(), config.model.values());
    let is_told = kinds.values().any(|k| k.said.is_some());
    let listed = kinds.values().map(DeclaredValues::describe).collect::<Vec<_>>().join("; ");
    if values == ReadAs::Physical {
        let is_doubtful = is_told || config.model.sample_types.iter().all(|t| t.is_whole());
        let some_say_nothing = kinds.values().any(|k| k.said.is_none());
        return Ok(if some_say_nothing && is_doubtful {
            vec![format!(
                "{listed}: without a declaration, stored values are taken to be in the unit `{unit}` (model.unit)"
            )]
        } else {
            Vec::new()
        });
    }
    if !is_told {
        return Ok(Vec::new());
    }
    if kinds.len() > 1 && config.model.unit.is_none() {
        let problem = format!("the pictures declare different scales or offsets: {listed}");
        let hint = "choose the values to train on: model.unit = \"reflectance\" (or another physical unit; --unit beside --labels) \
                    applies what each file declares, in runs of the package, too; model.unit = \"digital number\" takes all values \
                    as they are stored";
        return Err(TrainError::refused(problem, hint));
    }
    Ok(vec![format!(
        "{listed}: not applied, the unit is `{unit}` (model.unit), so the package uses stored values, in runs, too"
    )])
}

/// Refuses a range of values that does not fit the data: runs would refuse the training pictures.
pub(super) fn refuse_other_range(config: &Config, sets: &Sets, found: &Statistics) -> Result<(), TrainError> {
    // The range is that of stored values; what they stand for grows with them.
    let meant = |stored: f32| config.model.dequantize.map_or(stored, |of| of.value(stored));
    let [low, high] = config.model.value_range.map(|stored| f64::from(meant(stored)));
    let width = MEAN_BEYOND * (high - low);
    for (name, band) in sets.input_bands().iter().zip(&found.bands) {
        let mean = band.mean();
        if (low - width..=high + width).contains(&mean) {
            continue;
        }
        let problem = format!(
            "band `{name}` has a mean of {mean:.5} in the training split, and model.value_range is {low} to {high}{}: `arpent run` \
             would refuse scenes of these values",
            if config.model.dequantize.is_some() { " when dequantized" } else { "" }
        );
        let hint = "correct model.value_range; where files declare a scale and an offset, model.unit decides whether they are applied: \
                    \"reflectance\" or another physical unit applies them, \"digital number\" does not";
        return Err(TrainError::refused(problem, hint));
    }
    Ok(())
}

/// Held-out pictures that are also in the training split.
pub(super) fn of_duplicates(sets: &Sets, train: &Statistics, held: &Statistics) -> Option<String> {
    let known: HashMap<u64, ItemId> =
        train.items.iter().rev().filter_map(|item| Some((item.content?, item.id))).collect();
    let again = |item: &ItemStatistics| Some((item.id, *known.get(&item.content?)?));
    let twice: Vec<(ItemId, ItemId)> = held.items.iter().filter_map(again).collect();
    let (first, like) = *twice.first()?;
    Some(format!(
        "{} of {} held-out items have the same pixels as items of the training split (first `{}`, those of `{}`), so scores are too high: \
         see arpent-train audit",
        twice.len(),
        held.items.len(),
        sets.name(first),
        sets.name(like)
    ))
}
