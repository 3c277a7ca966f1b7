//! Regular updates of the record of a try.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arpent_base::number::fitted;
use arpent_base::{Failure, Result, host};
use arpent_publish::{StageCost, Traffic};
use arpent_shell::energy::{Meter, WATTS_PER_CORE};

use super::error::ShardError;
use super::place::JobPlace;
use super::record::{Done, RECORD_FORMAT, Record, State};

/// The least time between two records.
const APART: Duration = Duration::from_secs(15);

/// Keeps the record of a try.
#[derive(Debug)]
pub(crate) struct Journal {
    record: Record,
    meter: Meter,
    updated: Instant,
}

impl Journal {
    /// Starts a try at a shard, and writes its record. Where nothing can be measured, a busy core is assumed to use
    /// `watts_per_core`.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub(crate) fn begin(place: &JobPlace, shard: usize, watts_per_core: f64) -> Result<Self> {
        let meter = Meter::start(watts_per_core);
        let record = Record {
            format: RECORD_FORMAT.to_owned(),
            shard,
            try_id: arpent_publish::unique_key(),
            state: State::Running,
            host: host(),
            began: now(),
            updated: now(),
            pieces: 0,
            pixels: 0,
            energy: meter.read(),
            stages: BTreeMap::new(),
            traffic: Traffic::default(),
            engine: String::new(),
            error: None,
            hint: None,
        };
        place.write_record(&record)?;
        Ok(Self { record, meter, updated: Instant::now() })
    }

    /// Sets the engine.
    pub(crate) fn set_engine(&mut self, engine: String) {
        self.record.engine = engine;
    }

    /// Sets what the stages have taken so far.
    pub(crate) fn set_costs(&mut self, stages: BTreeMap<String, StageCost>, traffic: Traffic) {
        (self.record.stages, self.record.traffic) = (stages, traffic);
    }

    /// Counts a piece.
    pub(crate) fn add_piece(&mut self, pixels: u64) {
        self.record.pieces += 1;
        self.record.pixels += pixels;
    }

    /// Whether the last update is long enough ago.
    pub(crate) fn is_due(&self) -> bool {
        self.updated.elapsed() >= APART
    }

    /// Updates the record, unless it was updated just before.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub(crate) fn write_if_due(&mut self, place: &JobPlace) -> Result<()> {
        if self.is_due() { self.write(place) } else { Ok(()) }
    }

    fn write(&mut self, place: &JobPlace) -> Result<()> {
        self.record.updated = now();
        self.record.energy = self.meter.read();
        self.updated = Instant::now();
        place.write_record(&self.record)
    }

    /// Ends the try, with all pieces of its shard done.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn end_done(&mut self, place: &JobPlace, pieces: usize) -> Result<()> {
        self.record.state = State::Done;
        self.write(place)?;
        let (shard, try_id) = (self.record.shard, self.record.try_id.clone());
        place.write_done(&Done { format: RECORD_FORMAT.to_owned(), shard, pieces, try_id })
    }

    /// Ends the try with an error. A record that cannot be written is ignored: the caller reports the error.
    pub(crate) fn end_failed(&mut self, place: &JobPlace, error: &Failure) {
        self.record.state = match error.downcast_ref() {
            Some(ShardError::Interrupted) => State::Stopped,
            _ if error.is_transient() => State::TryAgain,
            _ => State::Failed,
        };
        self.record.error = Some(error.message());
        self.record.hint = error.hint();
        let _ = self.write(place);
    }
}

/// Marks each shard that failed permanently as waiting for a retry: the plan is submitted again, and a merge must not
/// take the earlier failure for a new one.
///
/// # Errors
/// When the store cannot be read, or a record cannot be written.
pub fn reopen_failed(place: &JobPlace) -> Result<()> {
    let records = place.records()?;
    let shards: BTreeSet<usize> = records.iter().map(|record| record.shard).collect();
    for shard in shards {
        let last = last_of(&records, shard).filter(|record| record.state == State::Failed);
        if last.is_some() && !place.is_done(shard)? {
            let mut journal = Journal::begin(place, shard, WATTS_PER_CORE)?;
            journal.record.state = State::Stopped;
            journal.write(place)?;
        }
    }
    Ok(())
}

/// The record of the last try at a shard.
pub(crate) fn last_of(records: &[Record], shard: usize) -> Option<&Record> {
    let of_shard = records.iter().filter(|record| record.shard == shard);
    // A try's name begins with the time when it began.
    of_shard.max_by_key(|record| (record.updated, &record.try_id))
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    // 0 where the clock was never set.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    fitted(since.as_secs())
}
