//! What a person has seen of a feature when they decide: the `previous` of the next decision.

use std::collections::{BTreeMap, BTreeSet};

use crate::canonical::ObjectId;
use crate::decision::Statement;
use crate::error::ReviewError;
use crate::header::{Person, Review};
use crate::log::{Log, Record, said};

/// Heads of some features: of all decisions, and of those of each person.
#[derive(Debug, Clone, Default)]
pub struct Known {
    all: BTreeMap<String, Vec<ObjectId>>,
    own: BTreeMap<String, BTreeMap<Person, Vec<ObjectId>>>,
    /// What the newest decisions of each person say.
    said: BTreeMap<String, BTreeMap<Person, Vec<[u8; 16]>>>,
}

/// Decisions that none of the group has followed, ascending.
pub(crate) fn heads(group: &[&Record]) -> Vec<ObjectId> {
    let followed: BTreeSet<&ObjectId> = group.iter().flat_map(|record| record.previous.iter()).collect();
    let mut heads: Vec<ObjectId> =
        group.iter().map(|record| record.id).filter(|id| !followed.contains(id)).collect();
    heads.sort_unstable();
    heads
}

impl Log {
    /// What is known of some features, in one pass over the log.
    pub fn known(&mut self, features: &BTreeSet<&str>) -> Known {
        self.sort();
        let mut groups: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
        for record in &self.records {
            let feature = self.features.value(record.feature).as_str();
            if features.contains(feature) {
                groups.entry(feature).or_default().push(record);
            }
        }
        let mut known = Known::default();
        for (feature, group) in groups {
            known.all.insert(feature.to_owned(), heads(&group));
            let mut of_person: BTreeMap<u32, Vec<&Record>> = BTreeMap::new();
            for record in &group {
                of_person.entry(record.person).or_default().push(record);
            }
            let newest = |own: &[&Record]| -> Vec<[u8; 16]> {
                let heads = heads(own);
                own.iter().filter(|record| heads.contains(&record.id)).map(|record| record.said).collect()
            };
            let said =
                of_person.iter().map(|(person, own)| (self.people.value(*person).clone(), newest(own)));
            known.said.insert(feature.to_owned(), said.collect());
            let own =
                of_person.into_iter().map(|(person, own)| (self.people.value(person).clone(), heads(&own)));
            known.own.insert(feature.to_owned(), own.collect());
        }
        known
    }
}

impl Known {
    /// The decisions that the author of a statement has seen: all heads of the feature. Of a task of a sample, only the
    /// person's own: reviewers decide about it without the opinions of others, and a difference is a dispute, not a
    /// correction.
    pub fn previous(&self, statement: &Statement) -> Vec<ObjectId> {
        let found = if statement.task.is_some() {
            self.own.get(&statement.feature).and_then(|own| own.get(&statement.person))
        } else {
            self.all.get(&statement.feature)
        };
        found.cloned().unwrap_or_default()
    }

    /// Newest decisions of these persons about a feature: what each of them has seen of the others, and nothing else.
    pub fn previous_of(&self, feature: &str, people: &[&Person]) -> Vec<ObjectId> {
        let own = self.own.get(feature).into_iter().flatten();
        let mut ids: Vec<ObjectId> = own
            .filter(|(person, _)| people.contains(person))
            .flat_map(|(_, ids)| ids.iter().copied())
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Whether the newest decision of the person about the feature says the same, whenever it was made: nothing is new.
    ///
    /// # Errors
    /// [`ReviewError::Unwritable`].
    pub fn repeats(&self, statement: &Statement, review: &Review) -> Result<bool, ReviewError> {
        let now = said(statement, review.created)?;
        let newest = self.said.get(&statement.feature).and_then(|said| said.get(&statement.person));
        Ok(newest.is_some_and(|newest| newest[..] == [now]))
    }

    /// Takes note of a decision that was written.
    pub fn wrote(&mut self, statement: &Statement, id: ObjectId) {
        let follow = |heads: &mut Vec<ObjectId>| {
            heads.retain(|head| !statement.previous.contains(head));
            heads.push(id);
            heads.sort_unstable();
        };
        follow(self.all.entry(statement.feature.clone()).or_default());
        let own = self.own.entry(statement.feature.clone()).or_default();
        follow(own.entry(statement.person.clone()).or_default());
    }
}
