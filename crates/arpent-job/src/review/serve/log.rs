//! The log of a review that is served: read once, followed as others write, and written by one chain.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use arpent_base::{Result, sha256_hex};
use arpent_publish::{MANIFEST_NAME, ObjectKind, unique_key};
use arpent_review::{Chain, Decision, Key, Live, OBJECT_BYTES, Object, ObjectId, Statement};

use crate::review::error::ReviewJobError;
use crate::review::store::{HEADER, MEDIA_TYPE, OpenReview};

/// A list of the decisions that took no longer is repeated before every answer.
const QUICK: Duration = Duration::from_millis(500);
/// The time between two lists that take longer is at least so many times what the last one took: a server uses a tenth of its
/// time for them, however long the log is.
const PAUSE: u32 = 9;

/// Checks that the store of a review creates objects conditionally.
///
/// # Errors
/// [`ReviewJobError::NotConditional`], or when nothing can be written.
pub(super) fn check_store(opened: &OpenReview) -> Result<()> {
    // The same bytes: a store that replaces the object changes nothing.
    let (bytes, _) = opened.review.to_bytes()?;
    if opened.place.create(HEADER, bytes, MEDIA_TYPE)? {
        let output = opened.map.target.url().to_owned();
        return Err(ReviewJobError::NotConditional { output }.into());
    }
    Ok(())
}

/// The log of a review, and the chain that this process writes.
pub(super) struct ServedLog {
    pub(super) live: Live,
    chain: Chain,
    /// Decisions that are not stored yet.
    pending: HashMap<ObjectId, Decision>,
    /// Names of objects that are no decisions of the review: they are not read again.
    refused: HashSet<String>,
    read_at: Instant,
    cost: Duration,
}

impl ServedLog {
    /// Reads the log, and seals what a process that was killed has left.
    pub(super) fn open(opened: &OpenReview) -> Result<Self> {
        let mut log = opened.log()?;
        for adopted in log.adopted()? {
            let stored = opened.store(&adopted)?;
            log.add(&adopted.path, stored.as_ref().unwrap_or(&adopted.bytes));
        }
        let chain = Chain::new(unique_key(), log.frontier())?;
        Ok(Self {
            live: Live::new(log),
            chain,
            pending: HashMap::new(),
            refused: HashSet::new(),
            read_at: Instant::now(),
            cost: Duration::ZERO,
        })
    }

    /// Reads the decisions that others have written since, and adds the features that they are about to `features`, also
    /// before an error. A list that took long is not repeated at once.
    ///
    /// # Errors
    /// When the store cannot be read, and [`ReviewJobError::OtherMap`] when the map was replaced.
    pub(super) fn follow(&mut self, opened: &OpenReview, features: &mut Vec<String>) -> Result<()> {
        if self.cost > QUICK && self.read_at.elapsed() < self.cost * PAUSE {
            return Ok(());
        }
        let start = Instant::now();
        check_map(opened)?;
        for object in opened.place.list("decisions")? {
            let name = object.href.rsplit('/').next().unwrap_or_default();
            let id = name.strip_suffix(".json").and_then(|name| name.parse::<ObjectId>().ok());
            if id.is_some_and(|id| self.live.has(&id)) || self.refused.contains(&object.href) {
                continue;
            }
            let fits = object.size <= arpent_base::number::wide(OBJECT_BYTES);
            let bytes = if fits { opened.place.read(&object.href, ObjectKind::Record)? } else { None };
            match bytes.and_then(|bytes| self.live.add(&object.href, &bytes).map(str::to_owned)) {
                Some(feature) => features.push(feature),
                // `arpent review verify` reports it.
                None => drop(self.refused.insert(object.href)),
            }
        }
        (self.read_at, self.cost) = (Instant::now(), start.elapsed());
        Ok(())
    }

    /// Makes the next decision of the chain, which counts here from now on; [`ServedLog::commit`] stores it.
    pub(super) fn write(
        &mut self,
        opened: &OpenReview,
        statement: Statement,
        key: Option<&Key>,
    ) -> Result<Object> {
        let (decision, object) = self.chain.write(&opened.review, opened.id, statement, key)?;
        self.live.add_checked(object.id, decision.clone())?;
        self.pending.insert(object.id, decision);
        Ok(object)
    }

    /// Stores decisions and their seal. After an error the log is to be opened again: some of them may be there.
    pub(super) fn commit(&mut self, opened: &OpenReview, objects: &[Object]) -> Result<()> {
        for object in objects {
            if opened.store(object)?.is_some() {
                let object = format!("{}/{}", opened.url(), object.path);
                return Err(ReviewJobError::Damaged { object }.into());
            }
        }
        while let Some(seal) = self.chain.seal(opened.id)? {
            if let Some(stored) = opened.store(&seal)? {
                self.chain.overtaken(&stored)?;
            }
        }
        self.pending.clear();
        Ok(())
    }

    /// A decision, from the store if it is there already.
    pub(super) fn read(&self, opened: &OpenReview, id: &ObjectId) -> Result<Decision> {
        if let Some(pending) = self.pending.get(id) {
            return Ok(pending.clone());
        }
        let path = format!("decisions/{id}.json");
        let damaged = || ReviewJobError::Damaged { object: format!("{}/{path}", opened.url()) };
        let bytes = opened.place.read(&path, ObjectKind::Record)?.ok_or_else(damaged)?;
        if ObjectId::of(&bytes) != *id {
            return Err(damaged().into());
        }
        Ok(Decision::from_bytes(&bytes)?)
    }
}

/// Checks that the map is the one that the review is of: it may have been replaced while it is served.
fn check_map(opened: &OpenReview) -> Result<()> {
    let bytes = opened.map.target.read(MANIFEST_NAME, ObjectKind::Manifest)?.unwrap_or_default();
    let (found, expected) = (opened.review.map.manifest_sha256.to_string(), sha256_hex(&bytes));
    if found == expected {
        return Ok(());
    }
    let (output, name) = (opened.map.target.url().to_owned(), opened.review.name.clone());
    Err(ReviewJobError::OtherMap { output, name, found, expected }.into())
}
