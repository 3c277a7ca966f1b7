//! A log in memory: of every decision its ids, opinion and place, not its texts.

use arpent_base::number::wide;
use sha2::{Digest as _, Sha256};

use crate::canonical::ObjectId;
use crate::decision::{Decision, Statement, row_number};
use crate::error::ReviewError;
use crate::finding::{Finding, FindingKind};
use crate::header::{Person, Review};
use crate::history::HISTORY_NAME;
use crate::intern::Interned;
use crate::seal::{Object, SEAL_FORMAT, Seal};
use crate::time::Time;
use crate::verdict::{Kind, Verdict};

/// What a decision says about its feature; two decisions with equal opinions agree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Opinion {
    /// The verdict.
    pub verdict: Verdict,
    /// The corrected class.
    pub class: Option<String>,
    /// SHA-256 of the canonical bytes of the corrected geometry.
    pub geometry: Option<ObjectId>,
}

/// A decision, compact: about 250 bytes, whatever the length of its texts.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) id: ObjectId,
    pub(crate) feature: u32,
    pub(crate) kind: Kind,
    /// Number of its opinion; none of a contest.
    pub(crate) opinion: Option<u32>,
    pub(crate) person: u32,
    pub(crate) writer: u32,
    pub(crate) number: u64,
    pub(crate) before: Option<ObjectId>,
    pub(crate) previous: Box<[ObjectId]>,
    pub(crate) answers: Box<[ObjectId]>,
    pub(crate) millis: i64,
    pub(crate) duration_ms: Option<u64>,
    /// Id of the row that it was entered as.
    pub(crate) uuid: Option<u128>,
    /// Hash of what the person stated, without `previous`: equal for one statement that was written twice.
    pub(crate) stated: ObjectId,
    /// The same without time, task, duration and row ([`said`]).
    pub(crate) said: [u8; 16],
}

/// Hash of what a person stated, whenever that was.
pub(crate) fn said(statement: &Statement, time: Time) -> Result<[u8; 16], ReviewError> {
    let previous = Vec::new();
    let bare = Statement { previous, time, task: None, duration_ms: None, uuid: None, ..statement.clone() };
    let hash = ObjectId::of(&crate::canonical::canonical(&bare, "a decision")?);
    let mut half = [0; 16];
    half.copy_from_slice(&hash.bytes()[..16]);
    Ok(half)
}

/// A seal with its hash.
#[derive(Debug)]
pub(crate) struct SealRecord {
    pub(crate) id: ObjectId,
    pub(crate) writer: u32,
    pub(crate) number: u64,
    pub(crate) count: u64,
    pub(crate) last: ObjectId,
    pub(crate) seen: Box<[ObjectId]>,
}

/// The objects of a review. The order in which they are added has no meaning, and adding one again changes nothing: two
/// copies of a review that were continued apart are merged by adding the objects of both.
///
/// An object that is not what its name says, or not allowed in the review, is a [`Finding`] and counts for nothing else.
#[derive(Debug)]
pub struct Log {
    pub(crate) review: Review,
    pub(crate) review_id: ObjectId,
    pub(crate) records: Vec<Record>,
    pub(crate) seals: Vec<SealRecord>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) features: Interned<String>,
    pub(crate) opinions: Interned<Opinion>,
    pub(crate) people: Interned<Person>,
    pub(crate) writers: Interned<String>,
    /// Whether the history that the header names was added.
    pub(crate) has_history: bool,
    sorted: bool,
}

impl Log {
    /// Of a review without decisions.
    pub fn new(review: Review, review_id: ObjectId) -> Self {
        Self {
            review,
            review_id,
            records: Vec::new(),
            seals: Vec::new(),
            findings: Vec::new(),
            features: Interned::default(),
            opinions: Interned::default(),
            people: Interned::default(),
            writers: Interned::default(),
            has_history: false,
            sorted: true,
        }
    }

    /// Adds an object by its path below the review's folder; `review.json` and samples are ignored.
    pub fn add(&mut self, path: &str, bytes: &[u8]) {
        let parts: Vec<&str> = path.split('/').collect();
        let done = match parts[..] {
            ["decisions", name] => self.add_decision(name, bytes),
            ["seals", writer, name] => self.add_seal(writer, name, bytes),
            [HISTORY_NAME] => self.add_history(bytes),
            ["review.json"] | ["samples", ..] => Ok(()),
            _ => Err((FindingKind::Unknown, "an object of no kind that a review has".to_owned())),
        };
        if let Err((kind, message)) = done {
            let finding = Finding { kind, object: path.to_owned(), message };
            // The same object may be added again.
            if !self.findings.contains(&finding) {
                self.findings.push(finding);
            }
        }
    }

    fn add_history(&mut self, bytes: &[u8]) -> Result<(), (FindingKind, String)> {
        let (found, expected) = (ObjectId::of(bytes), self.review.history);
        if Some(found) != expected {
            let expected = expected.map_or("none".to_owned(), |id| id.to_string());
            return Err((
                FindingKind::Edited,
                format!("the SHA-256 of its content is {found}, expected {expected}"),
            ));
        }
        self.has_history = true;
        Ok(())
    }

    fn add_decision(&mut self, name: &str, bytes: &[u8]) -> Result<(), (FindingKind, String)> {
        let named = name.strip_suffix(".json").and_then(|name| name.parse::<ObjectId>().ok());
        let id = ObjectId::of(bytes);
        if named != Some(id) {
            return Err((FindingKind::Edited, format!("the SHA-256 of its content is {id}")));
        }
        let decision =
            Decision::from_bytes(bytes).map_err(|error| (unreadable(&error), error.to_string()))?;
        let checked = decision.check(&self.review, self.review_id);
        checked.map_err(|error| (FindingKind::of(&error), error.to_string()))?;
        self.add_checked(id, decision).map_err(|error| (FindingKind::Unreadable, error.to_string()))
    }

    /// Adds a decision that was just written, without reading it again.
    ///
    /// # Errors
    /// [`ReviewError::Unwritable`].
    pub fn add_checked(&mut self, id: ObjectId, decision: Decision) -> Result<(), ReviewError> {
        let Decision { mut statement, writer, .. } = decision;
        let previous: Box<[ObjectId]> = std::mem::take(&mut statement.previous).into();
        let stated = ObjectId::of(&crate::canonical::canonical(&statement, "a decision")?);
        let said = said(&statement, self.review.created)?;
        let uuid = statement.uuid.as_deref().and_then(row_number);
        let geometry = match &statement.geometry {
            Some(geometry) => Some(ObjectId::of(&crate::canonical::canonical(geometry, "a geometry")?)),
            None => None,
        };
        let opinion = statement.verdict.map(|verdict| Opinion { verdict, class: statement.class, geometry });
        self.records.push(Record {
            id,
            feature: self.features.number(statement.feature),
            kind: statement.kind,
            opinion: opinion.map(|opinion| self.opinions.number(opinion)),
            person: self.people.number(statement.person),
            writer: self.writers.number(writer.id),
            number: writer.number,
            before: writer.before,
            previous,
            answers: statement.answers.into(),
            millis: statement.time.millis(),
            duration_ms: statement.duration_ms,
            uuid,
            stated,
            said,
        });
        self.sorted = false;
        Ok(())
    }

    fn add_seal(&mut self, writer: &str, name: &str, bytes: &[u8]) -> Result<(), (FindingKind, String)> {
        let seal = Seal::from_bytes(bytes).map_err(|error| (unreadable(&error), error.to_string()))?;
        let number = name.strip_suffix(".json").filter(|number| *number == seal.number.to_string());
        if number.is_none() || seal.writer != writer {
            let message = format!("it is seal {} of writer {}", seal.number, seal.writer);
            return Err((FindingKind::Edited, message));
        }
        if seal.review != self.review_id {
            let message = format!("it is of review {}, expected {}", seal.review, self.review_id);
            return Err((FindingKind::Foreign, message));
        }
        self.seals.push(SealRecord {
            id: ObjectId::of(bytes),
            writer: self.writers.number(seal.writer),
            number: seal.number,
            count: seal.count,
            last: seal.last,
            seen: seal.seen.into(),
        });
        self.sorted = false;
        Ok(())
    }

    /// Sorts by id, and drops objects that were added twice.
    pub(crate) fn sort(&mut self) {
        if self.sorted {
            return;
        }
        self.records.sort_unstable_by_key(|record| record.id);
        self.records.dedup_by(|a, b| a.id == b.id);
        self.seals.sort_unstable_by_key(|seal| seal.id);
        self.seals.dedup_by(|a, b| a.id == b.id);
        self.sorted = true;
    }

    /// The record of an id; only after [`Log::sort`].
    pub(crate) fn record(&self, id: &ObjectId) -> Option<&Record> {
        self.records.binary_search_by(|record| record.id.cmp(id)).ok().map(|at| &self.records[at])
    }

    /// Adds an object that is larger than any that is written, and so was not read.
    pub fn add_oversize(&mut self, path: &str, bytes: u64) {
        let message = format!("{bytes} bytes, expected at most {}", crate::canonical::OBJECT_BYTES);
        self.findings.push(Finding { kind: FindingKind::TooLarge, object: path.to_owned(), message });
    }

    /// Features with decisions, each once, in no order.
    pub fn features(&self) -> impl Iterator<Item = &str> {
        self.features.values().map(String::as_str)
    }

    /// How long the persons took, milliseconds, where it was noted.
    pub fn durations_ms(&mut self) -> Vec<u64> {
        self.sort();
        self.records.iter().filter_map(|record| record.duration_ms).collect()
    }

    /// The first verdicts of persons about a feature that no other person's verdict preceded in what they had seen: what
    /// they think independently of each other. Of each feature with two or more of them, one verdict for each person, in
    /// the order of [`Verdict::ALL`].
    pub fn independent(&mut self) -> Vec<Vec<usize>> {
        self.sort();
        let mut of: std::collections::BTreeMap<(u32, u32), Verdict> = std::collections::BTreeMap::new();
        for record in self.records.iter().filter(|record| record.previous.is_empty()) {
            if let Some(opinion) = record.opinion {
                of.entry((record.feature, record.person)).or_insert(self.opinions.value(opinion).verdict);
            }
        }
        let mut units: Vec<(u32, Vec<usize>)> = Vec::new();
        for ((feature, _), verdict) in of {
            let number = Verdict::ALL.into_iter().position(|other| other == verdict).unwrap_or_default();
            match units.last_mut() {
                Some((last, values)) if *last == feature => values.push(number),
                _ => units.push((feature, vec![number])),
            }
        }
        units.into_iter().map(|(_, values)| values).filter(|values| values.len() > 1).collect()
    }

    /// The review.
    pub const fn review(&self) -> &Review {
        &self.review
    }

    /// SHA-256 of `review.json`.
    pub const fn review_id(&self) -> ObjectId {
        self.review_id
    }

    /// Number of decisions that count.
    pub fn decisions(&mut self) -> u64 {
        self.sort();
        wide(self.records.len())
    }

    /// Whether the log has a decision.
    pub fn has_decision(&mut self, id: &ObjectId) -> bool {
        self.sort();
        self.record(id).is_some()
    }

    /// Who made a decision, and when.
    pub fn author(&mut self, id: &ObjectId) -> Option<(&Person, Time)> {
        self.sort();
        let record = self.record(id)?;
        Some((self.people.value(record.person), Time::of_millis(record.millis)?))
    }

    /// Of each statement whether the log has it already, or an earlier one of the list is the same; what their authors had
    /// seen is not compared.
    ///
    /// # Errors
    /// [`ReviewError::Unwritable`].
    pub fn stated(&self, statements: &[Statement]) -> Result<Vec<bool>, ReviewError> {
        let mut known: std::collections::HashSet<ObjectId> =
            self.records.iter().map(|record| record.stated).collect();
        let mut is_known = |statement: &Statement| {
            let bare = Statement { previous: Vec::new(), ..statement.clone() };
            let stated = ObjectId::of(&crate::canonical::canonical(&bare, "a decision")?);
            Ok(!known.insert(stated))
        };
        statements.iter().map(&mut is_known).collect()
    }

    /// Of each statement that was entered as a row with an id: the decision that was made of this row, if there is one, and
    /// whether it states the same. A row does not change: if not, one of both was altered.
    ///
    /// # Errors
    /// [`ReviewError::Unwritable`].
    pub fn entered(&self, statements: &[&Statement]) -> Result<Vec<Option<(ObjectId, bool)>>, ReviewError> {
        let rows = self.records.iter().filter_map(|record| Some((record.uuid?, record)));
        let known: std::collections::HashMap<u128, &Record> = rows.collect();
        let of = |statement: &&Statement| {
            let Some(record) = statement.uuid.as_deref().and_then(row_number).and_then(|n| known.get(&n))
            else {
                return Ok(None);
            };
            let bare = Statement { previous: Vec::new(), ..(*statement).clone() };
            let stated = ObjectId::of(&crate::canonical::canonical(&bare, "a decision")?);
            Ok(Some((record.id, stated == record.stated)))
        };
        statements.iter().map(of).collect()
    }

    /// The seals that no other seal has seen: what the first seal of a new writer has to list. Noted elsewhere, they hold
    /// the whole log: every seal names those before it.
    pub fn frontier(&mut self) -> Vec<ObjectId> {
        self.sort();
        let mut seen: Vec<ObjectId> = self.seals.iter().flat_map(|seal| seal.seen.iter().copied()).collect();
        seen.sort_unstable();
        let all = self.seals.iter().map(|seal| seal.id);
        all.filter(|id| seen.binary_search(id).is_err()).collect()
    }

    /// Whether a seal is there: one that was noted elsewhere.
    pub fn has_seal(&mut self, id: &ObjectId) -> bool {
        self.sort();
        self.seals.binary_search_by(|seal| seal.id.cmp(id)).is_ok()
    }

    /// A digest of all decisions and seals: equal for equal sets, whatever their order.
    pub fn root(&mut self) -> ObjectId {
        self.sort();
        let mut hasher = Sha256::new();
        let mut line = |kind: &str, id: &ObjectId| hasher.update(format!("{kind} {id}\n"));
        line("arpent-review-root/1", &self.review_id);
        for record in &self.records {
            line("decision", &record.id);
        }
        for seal in &self.seals {
            line("seal", &seal.id);
        }
        ObjectId(hasher.finalize().into())
    }

    /// Seals of decisions that their writers have not sealed: of processes that were killed. The next writer creates them
    /// before its own first seal, and lists them in it by way of [`Log::frontier`] (add them first).
    ///
    /// # Errors
    /// [`ReviewError::Unwritable`].
    pub fn adopted(&mut self) -> Result<Vec<Object>, ReviewError> {
        self.sort();
        let mut adopted = Vec::new();
        for chain in self.chains() {
            let Some(last) = chain.unbroken() else { continue };
            let seal = chain.seals.last();
            if seal.is_some_and(|seal| seal.count >= last.number) {
                continue;
            }
            let seal = Seal {
                format: SEAL_FORMAT.to_owned(),
                review: self.review_id,
                writer: self.writers.value(chain.writer).clone(),
                number: seal.map_or(0, |seal| seal.number) + 1,
                count: last.number,
                last: last.id,
                seen: seal.map(|seal| seal.id).into_iter().collect(),
            };
            adopted.push(seal.to_object()?);
        }
        Ok(adopted)
    }

    /// The decisions and seals of each writer, sorted by number; only after [`Log::sort`].
    pub(crate) fn chains(&self) -> Vec<WriterChain<'_>> {
        let mut records: Vec<&Record> = self.records.iter().collect();
        records.sort_by_key(|record| (record.writer, record.number, record.id));
        let mut seals: Vec<&SealRecord> = self.seals.iter().collect();
        seals.sort_by_key(|seal| (seal.writer, seal.number, seal.id));
        let mut writers: Vec<u32> = records.iter().map(|record| record.writer).collect();
        writers.extend(seals.iter().map(|seal| seal.writer));
        writers.sort_unstable();
        writers.dedup();
        let of = |writer: u32| WriterChain {
            writer,
            decisions: slice_of(&records, |record| record.writer, writer),
            seals: slice_of(&seals, |seal| seal.writer, writer),
        };
        writers.into_iter().map(of).collect()
    }
}

/// The part of a sorted list with a key.
fn slice_of<T: Copy>(sorted: &[T], key: impl Fn(&T) -> u32, wanted: u32) -> Vec<T> {
    let start = sorted.partition_point(|item| key(item) < wanted);
    let end = sorted.partition_point(|item| key(item) <= wanted);
    sorted[start..end].to_vec()
}

/// What one writer wrote.
#[derive(Debug)]
pub(crate) struct WriterChain<'a> {
    pub(crate) writer: u32,
    pub(crate) decisions: Vec<&'a Record>,
    pub(crate) seals: Vec<&'a SealRecord>,
}

impl WriterChain<'_> {
    /// The last decision, if none before it is missing or doubled and the last seal does not say that more were there.
    fn unbroken(&self) -> Option<&Record> {
        let numbered = self.decisions.iter().zip(1..).all(|(record, number)| record.number == number);
        let sealed = self.seals.last().map_or(0, |seal| seal.count);
        let last = self.decisions.last().copied().filter(|last| numbered && last.number >= sealed)?;
        let sealed = self.seals.iter().zip(1..).all(|(seal, number)| seal.number == number);
        sealed.then_some(last)
    }
}

fn unreadable(error: &ReviewError) -> FindingKind {
    match error {
        ReviewError::TooLarge { .. } => FindingKind::TooLarge,
        _ => FindingKind::Unreadable,
    }
}
