//! Number of reference features of a layer that each value of a rule matched, with warnings for values without a match.

use std::collections::{BTreeMap, BTreeSet};

use arpent_base::Value;
use arpent_base::redacted;
use arpent_gdal::{LayerCounts, value_key};
use arpent_publish::{ReferenceCounts, ValueCounts, Warning};
use arpent_raster::Nomenclature;
use arpent_shell::lines::count;

use super::rules::{Classes, Rule, RuleKind};
use crate::warnings::layer_warnings;

/// Number of values without a rule that are kept for a warning.
const UNNAMED: usize = 20;

/// Reference features of a layer by the rule of their value. Memory is bounded by the rule, not by the layer.
#[derive(Debug, Default)]
pub(super) struct Matched {
    near: u64,
    /// Reference features and those near, by the values that the rule names.
    values: BTreeMap<String, [u64; 2]>,
    unnamed: u64,
    unnamed_values: BTreeSet<String>,
}

impl Matched {
    /// Counts a reference feature, by its values for a rule.
    pub(super) fn add(&mut self, rule: Option<&Rule>, values: &[Option<Value>], near: bool) {
        self.near += u64::from(near);
        let Some(Classes::ByValue(named)) = rule.and_then(Rule::classes) else { return };
        let key = values.get(1).and_then(Option::as_ref).map(value_key).unwrap_or_default();
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

    /// The counts for the manifest.
    pub(super) fn reference_counts(&self, rule: &Rule, classes: &Nomenclature) -> ReferenceCounts {
        let named = match rule.classes() {
            Some(Classes::ByValue(named)) => named.iter().collect(),
            _ => Vec::new(),
        };
        let value = |(value, id): (&String, &u8)| {
            let [features, near] = self.values.get(value).copied().unwrap_or_default();
            let class = classes.by_id(*id).map(|class| class.name.clone()).unwrap_or_default();
            ValueCounts { value: value.clone(), class, features, near }
        };
        ReferenceCounts {
            near: self.near,
            values: named.into_iter().map(value).collect(),
            features_unnamed: self.unnamed,
            values_unnamed: self.unnamed_values.iter().cloned().collect(),
            ..ReferenceCounts::default()
        }
    }

    /// Whether no reference feature lies near the map.
    pub(super) const fn is_far(&self) -> bool {
        self.near == 0
    }
}

/// Warnings about a layer, once the map is made.
pub(super) fn warnings(rule: &Rule, counts: &ReferenceCounts) -> Vec<Warning> {
    let key = rule.key.to_string();
    let layer = redacted(&counts.source);
    let all = count(counts.features);
    let mut found = Vec::new();
    let nothing = |message: String| Warning::new("nothing-matched", &key, message);
    for value in counts.values.iter().filter(|value| value.features == 0) {
        let message =
            format!("no feature of {layer} has the value `{}` (class `{}`)", value.value, value.class);
        let there = list(&counts.values_unnamed);
        let hint = if there.is_empty() {
            "remove the value from the rule".to_owned()
        } else {
            format!("the layer has {there}, which the rule does not name: use one of them if it is meant")
        };
        found.push(nothing(message).with_hint(hint));
    }
    if counts.features_unnamed > 0 {
        let number = count(counts.features_unnamed);
        let shown = list(&counts.values_unnamed);
        let message =
            format!("{number} of {all} features of {layer} have values that the rule does not name: {shown}");
        let hint = "they are skipped; name their values in the rule if they belong to a class";
        found.push(Warning::new("values-not-named", &key, message).with_hint(hint));
    }
    let hint = "check that it is the right layer, and that its declared CRS is that of its coordinates";
    if counts.near == 0 {
        found.push(nothing(format!("none of {all} features of {layer} lies on the map")).with_hint(hint));
    } else if matches!(rule.kind, RuleKind::Override { .. }) {
        if counts.pixels_covered == 0 {
            let near = count(counts.near);
            let message = format!(
                "no pixel with data lies in a feature of {layer} that has a class ({near} features are near)"
            );
            found.push(nothing(message).with_hint(hint));
        }
    } else if counts.features_matched == 0 {
        let near = count(counts.near);
        let message =
            format!("no feature of the map matches a feature of {layer} ({near} of {all} features are near)");
        found.push(nothing(message).with_hint("check min_share, max_distance_m and the classes under `of`"));
    }
    let (read, repaired, empty) = (counts.features, counts.repaired, counts.empty);
    let read = LayerCounts { read, repaired, empty, parts_left_out: counts.parts_left_out };
    found.extend(layer_warnings(&key, &counts.source, "reference features", read));
    found
}

fn list(values: &[String]) -> String {
    let shown = |value: &String| if value.is_empty() { "(empty)".to_owned() } else { format!("`{value}`") };
    values.iter().map(shown).collect::<Vec<_>>().join(", ")
}
