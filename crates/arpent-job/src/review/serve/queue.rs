//! Who decides about what next: all features of the map, or the tasks of a sample.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use arpent_base::Result;
use arpent_review::{Live, Person, Status, TaskRef, Verdict};

use crate::review::error::ReviewJobError;
use crate::review::features::MapFeatures;

/// The features of a map, those whose score is nearest to even odds first, those without a score last. About 60 bytes for
/// each feature.
pub(super) struct MapIds {
    /// All ids, one after the other.
    text: String,
    /// Where each of them ends.
    ends: Vec<usize>,
    /// Their numbers, in the order of the ids.
    sorted: Vec<usize>,
}

impl MapIds {
    pub(super) fn read(features: &MapFeatures) -> Result<Self> {
        /// The score of even odds.
        const EVEN: f64 = 0.5;
        let mut all: Vec<(f64, String)> = Vec::new();
        features.each(None, &mut |feature| {
            let certainty = feature.score.map_or(f64::INFINITY, |score| (score - EVEN).abs());
            all.push((certainty, feature.id));
            Ok(())
        })?;
        all.sort_unstable_by(|(a, id), (b, other)| a.total_cmp(b).then_with(|| id.cmp(other)));
        Ok(Self::of(all.iter().map(|(_, id)| &**id)))
    }

    /// Of ids in their order.
    fn of<'i>(ids: impl Iterator<Item = &'i str>) -> Self {
        let (mut text, mut ends) = (String::new(), Vec::new());
        for id in ids {
            text.push_str(id);
            ends.push(text.len());
        }
        let mut made = Self { text, ends, sorted: Vec::new() };
        let mut sorted: Vec<usize> = (0..made.len()).collect();
        sorted.sort_unstable_by(|a, b| made.id(*a).cmp(made.id(*b)));
        made.sorted = sorted;
        made
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The id of a number.
    pub(super) fn id(&self, number: usize) -> &str {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[number]]
    }

    /// The number of an id.
    pub(super) fn find(&self, id: &str) -> Option<usize> {
        let place = self.sorted.binary_search_by(|number| self.id(*number).cmp(id)).ok()?;
        Some(self.sorted[place])
    }
}

/// A task of a sample.
pub(super) struct Task {
    /// Number of the feature.
    number: usize,
    task: TaskRef,
}

/// What persons decide about, one after the other, and what of it is done.
pub(super) struct Queue {
    /// None for all features in the order of their numbers.
    tasks: Option<Vec<Task>>,
    /// Places of the tasks by the number of the feature.
    places: HashMap<usize, usize>,
    done: Vec<bool>,
    decided: usize,
}

impl Queue {
    /// All features of a map.
    fn of_all(features: usize) -> Self {
        Self { tasks: None, places: HashMap::new(), done: vec![false; features], decided: 0 }
    }

    /// Tasks of a reviewer; of two about one feature, the first.
    fn of_tasks(mut tasks: Vec<Task>) -> Self {
        tasks.sort_by_key(|task| task.task.order);
        let mut seen = std::collections::HashSet::new();
        tasks.retain(|task| seen.insert(task.number));
        let places = tasks.iter().enumerate().map(|(place, task)| (task.number, place)).collect();
        Self { done: vec![false; tasks.len()], tasks: Some(tasks), places, decided: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.done.len()
    }

    /// How many are done.
    pub(super) const fn decided(&self) -> usize {
        self.decided
    }

    /// The number of the feature at a place.
    pub(super) fn number(&self, place: usize) -> usize {
        self.tasks.as_ref().map_or(place, |tasks| tasks[place].number)
    }

    /// The place of a feature.
    pub(super) fn place(&self, number: usize) -> Option<usize> {
        if self.tasks.is_some() { self.places.get(&number).copied() } else { Some(number) }
    }

    /// The task about a feature.
    pub(super) fn task(&self, number: usize) -> Option<&TaskRef> {
        let place = *self.places.get(&number)?;
        self.tasks.as_ref().and_then(|tasks| tasks.get(place)).map(|task| &task.task)
    }

    /// The first place from one on, and then from the start, that is not done.
    pub(super) fn next_open(&self, from: usize) -> Option<usize> {
        let from = from.min(self.len());
        let is_open = |place: &usize| !self.done[*place];
        (from..self.len()).chain(0..from).find(is_open)
    }

    fn mark(&mut self, place: usize, done: bool) {
        if std::mem::replace(&mut self.done[place], done) != done {
            self.decided = if done { self.decided + 1 } else { self.decided - 1 };
        }
    }

    /// Takes note of the decisions about a feature. A task is done when its person has decided; a feature of all when it
    /// is decided, by any person.
    fn follow(&mut self, ids: &MapIds, live: &Live, feature: &str, person: Option<&Person>) {
        let Some(number) = ids.find(feature) else { return };
        let Some(place) = self.place(number) else { return };
        let done = match (&self.tasks, person) {
            (Some(_), Some(person)) => has_decided(live, feature, person),
            (Some(_), None) => false,
            (None, _) => live.state(feature).is_some_and(|state| state.status == Status::Decided),
        };
        self.mark(place, done);
    }
}

/// Whether the newest decision of a person about a feature is a verdict that is not withdrawn.
fn has_decided(live: &Live, feature: &str, person: &Person) -> bool {
    let state = live.state_by(feature, person);
    state.is_some_and(|state| state.opinions.iter().any(|opinion| opinion.verdict != Verdict::NotVerified))
}

/// The queues of a server.
pub(super) enum Queues {
    /// One for all persons.
    Shared(Queue),
    /// One for each reviewer of a sample, with the person that it was last asked for by.
    Tasks {
        /// By the name in the file.
        of: BTreeMap<String, (Queue, Option<Person>)>,
        /// The name whose tasks are done, where the command line or the file says it.
        reviewer: Option<String>,
        /// For persons without tasks.
        none: Queue,
    },
}

impl Queues {
    /// Of a map, or of a file of tasks that `arpent review sample` wrote. `person` is who decides, if that is one person;
    /// `reviewer` whose tasks they are where the file has another name.
    pub(super) fn read(
        ids: &MapIds,
        tasks: Option<&Path>,
        person: Option<&Person>,
        reviewer: Option<&str>,
    ) -> Result<Self> {
        let Some(file) = tasks else { return Ok(Self::Shared(Queue::of_all(ids.len()))) };
        let of = read_tasks(file, ids)?;
        let wanted = match (reviewer, person) {
            (Some(name), _) => Some(name.to_owned()),
            (None, Some(_)) if of.len() == 1 => of.keys().next().cloned(),
            (None, Some(person)) => Some(person.name.clone()),
            (None, None) => None,
        };
        if let Some(name) = wanted.as_ref().filter(|name| !of.contains_key(*name)) {
            let names = arpent_base::listed(&of.keys().collect::<Vec<_>>());
            let (file, reviewer) = (file.display().to_string(), name.clone());
            return Err(ReviewJobError::NoTasks { file, reviewer, names }.into());
        }
        let queue = |(name, tasks)| (name, (Queue::of_tasks(tasks), None));
        let none = Queue::of_tasks(Vec::new());
        Ok(Self::Tasks { of: of.into_iter().map(queue).collect(), reviewer: wanted, none })
    }

    /// Whether they are tasks of a sample, which are decided without the opinions of others.
    pub(super) const fn are_tasks(&self) -> bool {
        matches!(self, Self::Tasks { .. })
    }

    /// Reads what was decided before.
    pub(super) fn start(&mut self, ids: &MapIds, live: &Live) {
        if let Self::Shared(queue) = self {
            for feature in live.features() {
                queue.follow(ids, live, feature, None);
            }
        }
    }

    /// The queue of a person.
    pub(super) fn of(&mut self, ids: &MapIds, live: &Live, person: &Person) -> &Queue {
        match self {
            Self::Shared(queue) => queue,
            Self::Tasks { of, reviewer, none } => {
                let name = reviewer.as_ref().unwrap_or(&person.name);
                let Some((queue, last)) = of.get_mut(name) else { return none };
                if last.as_ref() != Some(person) {
                    *last = Some(person.clone());
                    for place in 0..queue.len() {
                        let feature = ids.id(queue.number(place)).to_owned();
                        queue.follow(ids, live, &feature, Some(person));
                    }
                }
                queue
            }
        }
    }

    /// Takes note of a new decision about a feature.
    pub(super) fn follow(&mut self, ids: &MapIds, live: &Live, feature: &str) {
        match self {
            Self::Shared(queue) => queue.follow(ids, live, feature, None),
            Self::Tasks { of, .. } => {
                for (queue, person) in of.values_mut().filter(|(_, person)| person.is_some()) {
                    queue.follow(ids, live, feature, person.as_ref());
                }
            }
        }
    }
}

/// The tasks of a file, by reviewer. Columns that are not needed may be missing.
fn read_tasks(file: &Path, ids: &MapIds) -> Result<BTreeMap<String, Vec<Task>>> {
    let name = || file.display().to_string();
    let failed = |reason: String| ReviewJobError::File { file: name(), reason };
    let mut reader = csv::Reader::from_path(file).map_err(|error| failed(error.to_string()))?;
    let head = reader.headers().map_err(|error| failed(error.to_string()))?.clone();
    let mut places = [0; 4];
    for (place, column) in places.iter_mut().zip(["reviewer", "sample", "order", "feature"]) {
        let found = head.iter().position(|cell| cell.trim_start_matches('\u{feff}') == column);
        *place = found.ok_or_else(|| ReviewJobError::NoColumn { file: name(), column: column.to_owned() })?;
    }
    let mut of: BTreeMap<String, Vec<Task>> = BTreeMap::new();
    for (record, line) in reader.records().zip(2..) {
        let bad = |reason: String| ReviewJobError::Line {
            source_name: name(),
            line,
            reason,
            hint: "use a file of tasks that `arpent review sample` wrote for this map".to_owned(),
        };
        let record = record.map_err(|error| bad(error.to_string()))?;
        let [reviewer, sample, order, feature] =
            places.map(|place| record.get(place).unwrap_or_default().to_owned());
        let order =
            order.parse().map_err(|_| bad(format!("`order` is `{order}`, expected a whole number")))?;
        let number =
            ids.find(&feature).ok_or_else(|| bad(format!("`{feature}` is not a feature of the map")))?;
        of.entry(reviewer).or_default().push(Task { number, task: TaskRef { sample, order } });
    }
    if of.is_empty() {
        return Err(failed("it has no tasks".to_owned()).into());
    }
    Ok(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(numbers: &[(usize, u64)]) -> Queue {
        let task = |(number, order): &(usize, u64)| Task {
            number: *number,
            task: TaskRef { sample: "s".to_owned(), order: *order },
        };
        Queue::of_tasks(numbers.iter().map(task).collect())
    }

    #[test]
    fn ids_are_found_and_numbered() {
        let ids = MapIds::of(["c", "aa", "", "b"].into_iter());
        assert_eq!(ids.len(), 4);
        for (number, id) in ["c", "aa", "", "b"].into_iter().enumerate() {
            assert_eq!((ids.id(number), ids.find(id)), (id, Some(number)));
        }
        assert_eq!((ids.find("a"), ids.find("ca"), MapIds::of([].into_iter()).find("a")), (None, None, None));
    }

    #[test]
    fn a_queue_goes_on_at_its_start_when_its_end_is_reached() {
        let mut queue = queue(&[(7, 3), (9, 1), (7, 4), (2, 2)]);
        assert_eq!((queue.len(), queue.number(0), queue.number(2)), (3, 9, 7));
        assert_eq!(queue.task(7).map(|task| task.order), Some(3), "the first task about a feature");
        assert_eq!((queue.place(2), queue.place(5), queue.task(5)), (Some(1), None, None));
        assert_eq!((queue.next_open(1), queue.next_open(99)), (Some(1), Some(0)));
        for (place, done, next) in
            [(1, true, Some(2)), (2, true, Some(0)), (2, true, Some(0)), (0, true, None), (2, false, Some(2))]
        {
            queue.mark(place, done);
            assert_eq!(queue.next_open(1), next);
        }
        assert_eq!(queue.decided(), 2);
        let all = Queue::of_all(3);
        assert_eq!((all.number(2), all.place(2), all.next_open(3), all.task(1)), (2, Some(2), Some(0), None));
    }
}
