//! Verification: whether a log is whole, and what is wrong with it.

use arpent_base::number::wide;

use crate::canonical::ObjectId;
use crate::finding::{Finding, FindingKind};
use crate::log::{Log, Record, WriterChain};
use crate::time::Time;
use crate::verdict::Kind;

/// Difference of clocks that is not reported, milliseconds: five minutes.
const CLOCK_MS: i64 = 300_000;

fn decision(record: &Record) -> String {
    format!("decisions/{}.json", record.id)
}

impl Log {
    /// Everything that is wrong, sorted by kind; empty for a log that was only ever appended to.
    ///
    /// `now` is the time of the verification; `is_known` says whether a feature is in the map.
    ///
    /// What it cannot find: that the last decisions of a writer were removed together with all seals that name or have
    /// seen them, back to the last seal that another writer has seen. Note [`Log::frontier`] or [`Log::root`] elsewhere
    /// to find that, too.
    pub fn verify(&mut self, now: Time, is_known: &dyn Fn(&str) -> bool) -> Vec<Finding> {
        self.sort();
        let mut found = self.findings.clone();
        let mut add = |kind, object: String, message: String| found.push(Finding { kind, object, message });
        if let Some(id) = self.review.history.filter(|_| !self.has_history) {
            let message = format!("the history {id}, which review.json names, is missing or was edited");
            add(FindingKind::MissingHistory, crate::history::HISTORY_NAME.to_owned(), message);
        }
        self.check_links(now, is_known, &mut add);
        for chain in self.chains() {
            self.check_chain(&chain, &mut add);
        }
        let has = |id: &ObjectId| self.seals.binary_search_by(|seal| seal.id.cmp(id)).is_ok();
        for seal in &self.seals {
            for missing in seal.seen.iter().filter(|id| !has(id)) {
                let path = format!("seals/{}/{}.json", self.writers.value(seal.writer), seal.number);
                add(
                    FindingKind::MissingSeal,
                    path,
                    format!("the seal {missing}, which it has seen, is missing or was edited"),
                );
            }
        }
        found.sort();
        found
    }

    fn check_links(
        &self,
        now: Time,
        is_known: &dyn Fn(&str) -> bool,
        add: &mut dyn FnMut(FindingKind, String, String),
    ) {
        let mut statements: Vec<&Record> = self.records.iter().collect();
        statements.sort_by_key(|record| (record.stated, record.id));
        for pair in statements.windows(2).filter(|pair| pair[0].stated == pair[1].stated) {
            add(
                FindingKind::Duplicate,
                decision(pair[1]),
                format!("it states the same as {}", decision(pair[0])),
            );
        }
        for record in &self.records {
            let feature = self.features.value(record.feature);
            if !is_known(feature) {
                add(
                    FindingKind::UnknownFeature,
                    decision(record),
                    format!("feature `{feature}` is not in the map"),
                );
            }
            for id in &record.previous {
                let problem = match self.record(id) {
                    None => "is missing or was edited",
                    Some(other) if other.feature != record.feature => "is about another feature",
                    Some(_) => continue,
                };
                add(
                    FindingKind::MissingPrevious,
                    decision(record),
                    format!("decisions/{id}.json, which its author has seen, {problem}"),
                );
            }
            for id in &record.answers {
                let is_contest =
                    |other: &Record| other.feature == record.feature && other.kind == Kind::Contest;
                if !self.record(id).is_some_and(is_contest) {
                    add(
                        FindingKind::BadAnswer,
                        decision(record),
                        format!("it answers {id}, which is no contest of the feature"),
                    );
                }
            }
            let (created, now) = (self.review.created.millis(), now.millis());
            if record.millis < created - CLOCK_MS || record.millis > now + CLOCK_MS {
                let time = Time::of_millis(record.millis).map(|time| time.to_string()).unwrap_or_default();
                add(
                    FindingKind::Clock,
                    decision(record),
                    format!("its time, {time}, is before the review or in the future"),
                );
            }
        }
    }

    fn check_chain(&self, chain: &WriterChain<'_>, add: &mut dyn FnMut(FindingKind, String, String)) {
        let writer = self.writers.value(chain.writer);
        let folder = format!("seals/{writer}");
        let mut expected = 1;
        let of_number = chain.decisions.chunk_by(|a, b| a.number == b.number);
        let mut former: &[&Record] = &[];
        for same in of_number {
            let record = same[0];
            for other in &same[1..] {
                let message = format!("writer {writer} has two decisions with number {}", record.number);
                add(FindingKind::Fork, decision(other), message);
            }
            if record.number != expected {
                let last = record.number - 1;
                let message =
                    format!("decisions {expected} to {last} of writer {writer} are missing or were edited");
                add(FindingKind::MissingDecision, decision(record), message);
            } else if let Some(before) = record.before
                && !former.iter().any(|former| former.id == before)
            {
                let message = format!("it does not follow decision {} of writer {writer}", record.number - 1);
                add(FindingKind::Reordered, decision(record), message);
            }
            expected = record.number + 1;
            former = same;
        }
        let last = expected - 1;
        let mut sealed = 0;
        for (at, seal) in chain.seals.iter().enumerate() {
            let path = format!("{folder}/{}.json", seal.number);
            if seal.number != wide(at) + 1 {
                let message =
                    format!("seals of writer {writer} before it are missing, or one is there twice");
                add(FindingKind::MissingSeal, path.clone(), message);
            }
            let own = at.checked_sub(1).map(|at| chain.seals[at]).filter(|own| own.number + 1 == seal.number);
            if let Some(own) = own.filter(|own| !seal.seen.contains(&own.id)) {
                add(
                    FindingKind::WrongSeal,
                    path.clone(),
                    format!("it does not follow {folder}/{}.json", own.number),
                );
            }
            if seal.count <= sealed {
                let message = format!("it is of {} decisions, expected more than {sealed}", seal.count);
                add(FindingKind::WrongSeal, path.clone(), message);
            }
            let first = chain.decisions.partition_point(|record| record.number < seal.count);
            let mut of_number =
                chain.decisions[first..].iter().take_while(|record| record.number == seal.count).peekable();
            let named = || format!("decision {} of writer {writer}, {},", seal.count, seal.last);
            if of_number.peek().is_none() {
                add(FindingKind::MissingDecision, path, format!("{} is missing or was edited", named()));
            } else if !of_number.any(|record| record.id == seal.last) {
                add(FindingKind::WrongSeal, path, format!("{} is another one now", named()));
            }
            sealed = sealed.max(seal.count);
        }
        if last > sealed {
            let message = format!(
                "the last {} of {} decisions of writer {writer} have no seal",
                last - sealed,
                wide(chain.decisions.len())
            );
            add(FindingKind::Unsealed, folder, message);
        }
    }
}
