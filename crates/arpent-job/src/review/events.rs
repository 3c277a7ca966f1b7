//! Events of a comparison in its decided version: what a decision changes of them, and how many there are of each kind.

use std::collections::BTreeMap;

use arpent_base::Value;
use arpent_change::events::EventKind;
use serde_json::{Value as Json, json};

/// Whether a name is that of a kind of events.
pub(super) fn is_kind(name: &str) -> bool {
    EventKind::ALL.into_iter().any(|kind| kind.name() == name)
}

/// Places of columns of events.
#[derive(Debug, Clone, Copy)]
pub(super) struct EventColumns {
    pub(super) kind: usize,
    pub(super) to_class: usize,
    pub(super) to_code: usize,
    changed_m2: usize,
    flicker: usize,
}

impl EventColumns {
    /// The places in these columns; none if they are not those of events.
    pub(super) fn of(names: &mut dyn Iterator<Item = &str>) -> Option<Self> {
        let names: Vec<&str> = names.collect();
        let at = |name: &str| names.iter().position(|known| *known == name);
        Some(Self {
            kind: at("kind")?,
            to_class: at("to_class")?,
            to_code: at("to_code")?,
            changed_m2: at("changed_m2")?,
            flicker: at("flicker")?,
        })
    }
}

/// The events of a decided layer by kind: how many, and the ground that they count, square meters.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct EventTally {
    kinds: BTreeMap<String, (u64, f64)>,
    flickers: u64,
}

impl EventTally {
    /// Counts an event by its columns.
    pub(super) fn add(&mut self, at: &EventColumns, attributes: &[Option<Value>]) {
        let number = |place: usize| attributes[place].as_ref().and_then(Value::as_number).unwrap_or(0.0);
        let kind = attributes[at.kind].as_ref().map(ToString::to_string).unwrap_or_default();
        let (events, changed_m2) = self.kinds.entry(kind).or_default();
        *events += 1;
        *changed_m2 += number(at.changed_m2);
        self.flickers += u64::from(number(at.flicker) > 0.5);
    }

    /// Events of each kind; kinds that the proposal had have none if all of theirs are gone.
    pub(super) fn per_kind(&self, of_proposal: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
        let none = of_proposal.keys().map(|kind| (kind.clone(), 0));
        none.chain(self.kinds.iter().map(|(kind, (events, _))| (kind.clone(), *events))).collect()
    }

    /// The facts of a comparison with the numbers of its decided version, and without events that this has no more, or not as
    /// they were proposed, in the lists of those that are shown. What was measured of the pixels is that of the proposal.
    pub(super) fn facts(&self, proposal: &Json, classes: &Json, is_kept: &dyn Fn(&str) -> bool) -> Json {
        let mut facts = proposal.clone();
        let of = |kind: EventKind| {
            let (events, changed_m2) = self.kinds.get(kind.name()).copied().unwrap_or_default();
            (kind.name().to_owned(), json!({ "events": events, "changed_m2": changed_m2 }))
        };
        facts["events"] = EventKind::ALL.into_iter().map(of).collect::<serde_json::Map<_, _>>().into();
        facts["changed_m2"] = self.kinds.values().map(|(_, changed_m2)| changed_m2).sum::<f64>().into();
        if !facts["flickers"].is_null() {
            facts["flickers"] = self.flickers.into();
        }
        facts["classes"] = classes.clone();
        let retain = |list: &mut Json| {
            if let Some(list) = list.as_array_mut() {
                list.retain(|one| one["id"].as_str().is_some_and(is_kept));
            }
        };
        retain(&mut facts["chips"]);
        for list in ["largest", "least_certain"] {
            if facts["notable"].is_object() {
                retain(&mut facts["notable"][list]);
            }
        }
        facts
    }
}
