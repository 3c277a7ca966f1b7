//! The state of each feature: a fold over its decisions, in which their order has no part.

use arpent_base::number::wide;
use serde::Serialize;

use crate::canonical::ObjectId;
use crate::log::{Log, Opinion, Record};
use crate::verdict::{Kind, Verdict};

/// Whether a feature is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// No verdict, or the last one was withdrawn.
    Open,
    /// One opinion at all heads, and no open contest.
    Decided,
    /// Opinions that contradict each other, and that no later decision has seen together.
    Disputed,
    /// A contest that no answer names.
    Contested,
}

/// The state of a feature that has decisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureState {
    /// Its id.
    pub feature: String,
    /// Whether it is decided. A feature that is disputed and contested is disputed; `contests` has the contests then, too.
    pub status: Status,
    /// Opinions at its heads, ascending; one if decided.
    pub opinions: Vec<Opinion>,
    /// Decisions that no other one followed, ascending: what the next decision has to list as `previous`.
    pub heads: Vec<ObjectId>,
    /// Decisions that gave these opinions, ascending: heads, and what contests among the heads are about.
    pub deciding: Vec<ObjectId>,
    /// Contests that no answer names, ascending.
    pub contests: Vec<ObjectId>,
    /// Number of its decisions.
    pub decisions: u64,
}

impl FeatureState {
    /// The verdict, if it is decided.
    pub fn verdict(&self) -> Option<Verdict> {
        match (&self.opinions[..], self.status) {
            ([opinion], Status::Decided) => Some(opinion.verdict),
            _ => None,
        }
    }
}

/// The state of a group of decisions about one feature, sorted by id.
pub(crate) fn fold(log: &Log, group: &[&Record]) -> FeatureState {
    let find = |id: &ObjectId| group.binary_search_by(|record| record.id.cmp(id)).ok();
    let mut followed: Vec<ObjectId> =
        group.iter().flat_map(|record| record.previous.iter().copied()).collect();
    followed.sort_unstable();
    let answered: Vec<&ObjectId> = group.iter().flat_map(|record| record.answers.iter()).collect();
    let is_head = |record: &&&Record| followed.binary_search(&record.id).is_err();
    let heads: Vec<ObjectId> = group.iter().filter(is_head).map(|record| record.id).collect();
    // A contest has the opinions of what it contests. The stack is finite also for hostile cycles.
    let (mut opinions, mut deciding): (Vec<u32>, Vec<ObjectId>) = (Vec::new(), Vec::new());
    let (mut open, mut visited) =
        (heads.iter().filter_map(&find).collect::<Vec<_>>(), vec![false; group.len()]);
    while let Some(at) = open.pop() {
        if std::mem::replace(&mut visited[at], true) {
            continue;
        }
        match group[at].opinion {
            Some(opinion) => {
                opinions.push(opinion);
                deciding.push(group[at].id);
            }
            None => open.extend(group[at].previous.iter().filter_map(&find)),
        }
    }
    opinions.sort_unstable();
    opinions.dedup();
    deciding.sort_unstable();
    let mut opinions: Vec<Opinion> =
        opinions.into_iter().map(|number| log.opinions.value(number).clone()).collect();
    opinions.sort_unstable();
    let is_open = |record: &&&Record| record.kind == Kind::Contest && !answered.contains(&&record.id);
    let contests: Vec<ObjectId> = group.iter().filter(is_open).map(|record| record.id).collect();
    let status = match &opinions[..] {
        [_, _, ..] => Status::Disputed,
        _ if !contests.is_empty() => Status::Contested,
        [opinion] if opinion.verdict != Verdict::NotVerified => Status::Decided,
        _ => Status::Open,
    };
    let feature = group.first().map(|record| log.features.value(record.feature).clone()).unwrap_or_default();
    FeatureState { feature, status, opinions, heads, deciding, contests, decisions: wide(group.len()) }
}

impl Log {
    /// The state of a feature; `None` if it has no decision.
    pub fn state(&mut self, feature: &str) -> Option<FeatureState> {
        self.sort();
        let is_its = |record: &&Record| self.features.value(record.feature) == feature;
        let group: Vec<&Record> = self.records.iter().filter(is_its).collect();
        (!group.is_empty()).then(|| fold(self, &group))
    }

    /// Passes the state of every feature with decisions, in the order of their ids.
    ///
    /// # Errors
    /// Those of `each`, which end it.
    pub fn each_state<E>(&mut self, each: &mut dyn FnMut(FeatureState) -> Result<(), E>) -> Result<(), E> {
        self.sort();
        let mut records: Vec<&Record> = self.records.iter().collect();
        records.sort_by(|a, b| {
            let of = |record: &Record| record.feature;
            let by_name = self.features.value(of(a)).cmp(self.features.value(of(b)));
            if of(a) == of(b) { a.id.cmp(&b.id) } else { by_name }
        });
        for group in records.chunk_by(|a, b| a.feature == b.feature) {
            each(fold(self, group))?;
        }
        Ok(())
    }

    /// The states of all features, in the order of their ids.
    pub fn all_states(&mut self) -> Vec<FeatureState> {
        let mut states = Vec::new();
        let done: Result<(), std::convert::Infallible> = self.each_state(&mut |state| {
            states.push(state);
            Ok(())
        });
        match done {
            Ok(()) => states,
            Err(never) => match never {},
        }
    }
}
