//! What an attempt at a shard says of itself, from time to time.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arpent_base::{Failure, Result, host};
use arpent_shell::energy::{Meter, WATTS_PER_CORE};

use super::error::ShardError;
use super::place::JobPlace;
use super::record::{Done, RECORD_FORMAT, Record, State};

/// The least time between two records.
const APART: Duration = Duration::from_secs(15);

/// Keeps the record of an attempt.
#[derive(Debug)]
pub(crate) struct Journal {
    record: Record,
    meter: Meter,
    told: Instant,
}

impl Journal {
    /// Begins an attempt at a shard, and tells so.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub(crate) fn begin(place: &JobPlace, shard: usize) -> Result<Self> {
        let meter = Meter::start(WATTS_PER_CORE);
        let record = Record {
            format: RECORD_FORMAT.to_owned(),
            shard,
            attempt: arpent_publish::new_attempt(),
            state: State::Running,
            host: host(),
            began: now(),
            updated: now(),
            pieces: 0,
            pixels: 0,
            energy: meter.read(),
            engine: String::new(),
            error: None,
            hint: None,
        };
        place.write_record(&record)?;
        Ok(Self { record, meter, told: Instant::now() })
    }

    /// Says what computes.
    pub(crate) fn set_engine(&mut self, engine: String) {
        self.record.engine = engine;
    }

    /// Counts a piece.
    pub(super) fn add_piece(&mut self, pixels: u64) {
        self.record.pieces += 1;
        self.record.pixels += pixels;
    }

    /// Tells how far it is, unless it was told just now.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub(super) fn tell_now_and_then(&mut self, place: &JobPlace) -> Result<()> {
        if self.told.elapsed() < APART {
            return Ok(());
        }
        self.tell(place)
    }

    fn tell(&mut self, place: &JobPlace) -> Result<()> {
        self.record.updated = now();
        self.record.energy = self.meter.read();
        self.told = Instant::now();
        place.write_record(&self.record)
    }

    /// Ends the attempt: with its shard done, with all of whose pieces there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn end_done(&mut self, place: &JobPlace, pieces: usize) -> Result<()> {
        self.record.state = State::Done;
        self.tell(place)?;
        let (shard, attempt) = (self.record.shard, self.record.attempt.clone());
        place.write_done(&Done { format: RECORD_FORMAT.to_owned(), shard, pieces, attempt })
    }

    /// Ends the attempt with an error. What cannot be told is not: the error is the caller's to tell.
    pub(crate) fn end_failed(&mut self, place: &JobPlace, error: &Failure) {
        self.record.state = match error.downcast_ref() {
            Some(ShardError::Interrupted) => State::Stopped,
            _ if error.is_transient() => State::TryAgain,
            _ => State::Failed,
        };
        self.record.error = Some(error.message());
        self.record.hint = error.hint();
        let _ = self.tell(place);
    }
}

/// Tells of each shard that had failed for good that it waits for another try: somebody submits the plan again, and a merge must not
/// take what failed then for what fails now.
///
/// # Errors
/// When the store cannot be asked, or a record cannot be written.
pub fn reopen_failed(place: &JobPlace) -> Result<()> {
    let records = place.records()?;
    let shards: BTreeSet<usize> = records.iter().map(|record| record.shard).collect();
    for shard in shards {
        let last = last_of(&records, shard).filter(|record| record.state == State::Failed);
        if last.is_some() && !place.is_done(shard)? {
            let mut journal = Journal::begin(place, shard)?;
            journal.record.state = State::Stopped;
            journal.tell(place)?;
        }
    }
    Ok(())
}

/// What the last attempt at a shard told.
pub(crate) fn last_of(records: &[Record], shard: usize) -> Option<&Record> {
    let of_shard = records.iter().filter(|record| record.shard == shard);
    // An attempt's name begins with the time when it began.
    of_shard.max_by_key(|record| (record.updated, &record.attempt))
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
