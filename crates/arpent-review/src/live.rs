//! A log that goes on: the state of one feature at a time, without a pass over all decisions.

use std::collections::HashSet;

use arpent_base::number::fitted;

use crate::canonical::ObjectId;
use crate::decision::Decision;
use crate::error::ReviewError;
use crate::header::Person;
use crate::known::heads;
use crate::log::{Log, Record};
use crate::state::{FeatureState, fold};

/// A decision about a feature, by its id and what is said of it without its texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mention<'a> {
    /// Its id.
    pub id: ObjectId,
    /// Who made it.
    pub person: &'a Person,
    /// Whether no other decision followed it.
    pub is_head: bool,
}

/// A [`Log`] with an index of its features, for a process that reads decisions one by one and answers in between. Beside
/// the log, it has about 100 bytes for each decision.
#[derive(Debug)]
pub struct Live {
    log: Log,
    /// Places of the records of each feature, by the feature's number.
    groups: Vec<Vec<u32>>,
    ids: HashSet<ObjectId>,
}

impl Live {
    /// Of a log.
    pub fn new(mut log: Log) -> Self {
        log.sort();
        let mut live = Self { log, groups: Vec::new(), ids: HashSet::new() };
        live.index(0);
        live
    }

    /// Indexes the records from a place on.
    fn index(&mut self, first: usize) {
        for (place, record) in self.log.records.iter().enumerate().skip(first) {
            let feature: usize = fitted(record.feature);
            if self.groups.len() <= feature {
                self.groups.resize_with(feature + 1, Vec::new);
            }
            self.groups[feature].push(fitted(place));
            self.ids.insert(record.id);
        }
    }

    /// Whether it has a decision.
    pub fn has(&self, id: &ObjectId) -> bool {
        self.ids.contains(id)
    }

    /// Adds a decision by the path of its object, as [`Log::add`] does; returns the feature that it is about. `None` for
    /// what is known already, and for what counts for nothing.
    pub fn add(&mut self, path: &str, bytes: &[u8]) -> Option<&str> {
        if self.has(&ObjectId::of(bytes)) {
            return None;
        }
        let first = self.log.records.len();
        self.log.add(path, bytes);
        self.index(first);
        let record = self.log.records.get(first)?;
        Some(self.log.features.value(record.feature))
    }

    /// Adds a decision that was just written, without reading it again.
    ///
    /// # Errors
    /// As [`Log::add_checked`].
    pub fn add_checked(&mut self, id: ObjectId, decision: Decision) -> Result<(), ReviewError> {
        let first = self.log.records.len();
        if !self.has(&id) {
            self.log.add_checked(id, decision)?;
            self.index(first);
        }
        Ok(())
    }

    /// The decisions about a feature, sorted by id.
    fn group(&self, feature: &str) -> Vec<&Record> {
        let number = self.log.features.find(&feature.to_owned());
        let places = number.and_then(|number| self.groups.get(fitted::<usize>(number)));
        let record = |place: &u32| &self.log.records[fitted::<usize>(*place)];
        let mut group: Vec<&Record> = places.into_iter().flatten().map(record).collect();
        group.sort_unstable_by_key(|record| record.id);
        group
    }

    /// The state of a feature; `None` if it has no decision.
    pub fn state(&self, feature: &str) -> Option<FeatureState> {
        let group = self.group(feature);
        (!group.is_empty()).then(|| fold(&self.log, &group))
    }

    /// The state of a feature as if it had only the decisions of one person; `None` if they have made none.
    pub fn state_by(&self, feature: &str, person: &Person) -> Option<FeatureState> {
        let mut own = self.group(feature);
        own.retain(|record| self.log.people.value(record.person) == person);
        (!own.is_empty()).then(|| fold(&self.log, &own))
    }

    /// The decisions about a feature, in the order of their ids.
    pub fn mentions(&self, feature: &str) -> Vec<Mention<'_>> {
        let group = self.group(feature);
        let heads = heads(&group);
        let mention = |record: &&Record| Mention {
            id: record.id,
            person: self.log.people.value(record.person),
            is_head: heads.binary_search(&record.id).is_ok(),
        };
        group.iter().map(mention).collect()
    }

    /// Features with decisions, each once, in no order.
    pub fn features(&self) -> impl Iterator<Item = &str> {
        self.log.features()
    }
}
