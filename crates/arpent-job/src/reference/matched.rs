//! How many objects of a layer each value of a rule matched: nothing that matched nothing goes unsaid.

use std::collections::{BTreeMap, BTreeSet};

use arpent_base::redacted;
use arpent_gdal::{LayerCounts, Value};
use arpent_publish::{ReferenceCounts, ValueCounts, Warning};
use arpent_raster::Nomenclature;
use arpent_shell::lines::count;

use super::rules::{Classes, Kind, Rule};
use crate::warnings::layer_warnings;

/// Values that no rule names which are kept to be told.
const UNNAMED: usize = 20;

/// Objects of a layer by what a rule says of their value. Memory is bounded by the rule, not by the layer.
#[derive(Debug, Default)]
pub(super) struct Matched {
    near: u64,
    /// Objects and those near, by the values that the rule names.
    values: BTreeMap<String, [u64; 2]>,
    unnamed: u64,
    unnamed_values: BTreeSet<String>,
}

impl Matched {
    /// Counts an object, by its values as a rule asks for them.
    pub(super) fn add(&mut self, rule: Option<&Rule>, object: &[Option<Value>], near: bool) {
        self.near += u64::from(near);
        let Some(Classes::ByValue(named)) = rule.and_then(Rule::classes) else { return };
        let key = object.get(1).and_then(Option::as_ref).map(Value::key).unwrap_or_default();
        if named.contains_key(&key) {
            let [all, within] = self.values.entry(key).or_default();
            *all += 1;
            *within += u64::from(near);
            return;
        }
        self.unnamed += 1;
        self.unnamed_values.insert(key);
        if self.unnamed_values.len() > UNNAMED {
            self.unnamed_values.pop_last();
        }
    }

    /// Puts the counts into those of the manifest.
    pub(super) fn told(&self, rule: &Rule, classes: &Nomenclature) -> ReferenceCounts {
        let named = match rule.classes() {
            Some(Classes::ByValue(named)) => named.iter().collect(),
            _ => Vec::new(),
        };
        let value = |(value, id): (&String, &u8)| {
            let [objects, near] = self.values.get(value).copied().unwrap_or_default();
            let class = classes.by_id(*id).map(|class| class.name.clone()).unwrap_or_default();
            ValueCounts { value: value.clone(), class, objects, near }
        };
        ReferenceCounts {
            near: self.near,
            values: named.into_iter().map(value).collect(),
            objects_unnamed: self.unnamed,
            values_unnamed: self.unnamed_values.iter().cloned().collect(),
            ..ReferenceCounts::default()
        }
    }

    /// Whether no object lies near the map.
    pub(super) const fn is_far(&self) -> bool {
        self.near == 0
    }
}

/// What is doubtful about a layer, once the map is made of it.
pub(super) fn warnings(rule: &Rule, counts: &ReferenceCounts) -> Vec<Warning> {
    let key = rule.key();
    let layer = redacted(&counts.source);
    let all = count(counts.objects);
    let mut told = Vec::new();
    let nothing = |message: String| Warning::new("nothing-matched", &key, message);
    for value in counts.values.iter().filter(|value| value.objects == 0) {
        let message =
            format!("no object of {layer} has the value `{}` (class `{}`)", value.value, value.class);
        let there = list(&counts.values_unnamed);
        let hint = if there.is_empty() {
            "take the value out of the rule".to_owned()
        } else {
            format!("the layer has {there}, which the rule does not name: is one of them meant?")
        };
        told.push(nothing(message).with_hint(hint));
    }
    if counts.objects_unnamed > 0 {
        let number = count(counts.objects_unnamed);
        let shown = list(&counts.values_unnamed);
        let message =
            format!("{number} of {all} objects of {layer} have values that the rule does not name: {shown}");
        let hint = "they are left aside; name their values in the rule if they are of a class";
        told.push(Warning::new("values-not-named", &key, message).with_hint(hint));
    }
    let hint = "check that it is the right layer, and that its CRS is the one its coordinates are in";
    if counts.near == 0 {
        told.push(nothing(format!("none of {all} objects of {layer} lies on the map")).with_hint(hint));
    } else if matches!(rule.kind, Kind::Impose { .. }) {
        if counts.pixels_covered == 0 {
            let near = count(counts.near);
            let message = format!(
                "no pixel with data lies in an object of {layer} that has a class ({near} objects are near)"
            );
            told.push(nothing(message).with_hint(hint));
        }
    } else if counts.features_told == 0 {
        let near = count(counts.near);
        let message =
            format!("no feature of the map has anything of {layer} ({near} of {all} objects are near)");
        told.push(nothing(message).with_hint("check min_share, max_distance_m and the classes under `of`"));
    }
    let (read, repaired, empty) = (counts.objects, counts.repaired, counts.empty);
    let read = LayerCounts { read, repaired, empty, parts_left_out: counts.parts_left_out };
    told.extend(layer_warnings(&key, &counts.source, "objects", read));
    told
}

fn list(values: &[String]) -> String {
    let shown = |value: &String| if value.is_empty() { "(empty)".to_owned() } else { format!("`{value}`") };
    values.iter().map(shown).collect::<Vec<_>>().join(", ")
}
