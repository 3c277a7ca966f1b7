//! A review below an output: opened, read and appended to.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use arpent_base::{DoingWhat as _, Result, sha256_hex};
use arpent_publish::{
    Artifact, MANIFEST_NAME, Manifest, ObjectKind, REVIEWS, ROLE_IMAGERY, Target, unique_key,
};
use arpent_review::{
    Chain, Decision, Earlier, HISTORY_NAME, History, Key, Known, Log, OBJECT_BYTES, Object, ObjectId, Review,
    Statement, Time,
};
use arpent_viewer::Date;

use super::error::ReviewJobError;
use crate::present::imagery_name;

pub(super) const MEDIA_TYPE: &str = "application/json";
pub(super) const HEADER: &str = "review.json";

/// A published map that is reviewed.
pub(super) struct ReviewedMap {
    pub(super) target: Target,
    pub(super) manifest: Manifest,
    pub(super) manifest_sha256: ObjectId,
}

impl ReviewedMap {
    pub(super) fn open(output: &str) -> Result<Self> {
        let target = Target::parse(output)?;
        let manifest = target.read_manifest()?;
        let bytes = target.read(MANIFEST_NAME, ObjectKind::Manifest)?.unwrap_or_default();
        let manifest_sha256 = sha256_hex(&bytes).parse()?;
        Ok(Self { target, manifest, manifest_sha256 })
    }

    /// The archive of the imagery that it was published with, if there is one: of a date, where two are compared.
    pub(super) fn imagery(&self, date: Option<Date>) -> Option<&Artifact> {
        let is_it = |artifact: &&Artifact| {
            artifact.role == ROLE_IMAGERY && artifact.href.rsplit('/').next() == Some(imagery_name(date))
        };
        self.manifest.artifacts.iter().find(is_it)
    }

    /// Names of its reviews.
    fn reviews(&self) -> Result<Vec<String>> {
        let objects = self.target.list(REVIEWS)?;
        let name = |href: &str| {
            let mut parts = href.strip_prefix(REVIEWS)?.strip_prefix('/')?.split('/');
            parts.next().map(str::to_owned).filter(|_| parts.next() == Some(HEADER))
        };
        Ok(objects.iter().filter_map(|object| name(&object.href)).collect())
    }

    /// Opens a review by its name, or the only one.
    pub(super) fn review(self, name: Option<&str>) -> Result<OpenReview> {
        let output = self.target.url().to_owned();
        let name = match name {
            Some(name) => name.to_owned(),
            None => match &self.reviews()?[..] {
                [] => return Err(ReviewJobError::NoReview { output, name: None }.into()),
                [only] => only.clone(),
                several => {
                    return Err(ReviewJobError::SeveralReviews {
                        output,
                        names: arpent_base::listed(several),
                    }
                    .into());
                }
            },
        };
        let place = self.target.below(&format!("{REVIEWS}/{name}"))?;
        let missing = || ReviewJobError::NoReview { output, name: Some(name.clone()) };
        let bytes = place.read(HEADER, ObjectKind::Record)?.ok_or_else(missing)?;
        let at = || format!("{}/{HEADER}", place.url());
        let (review, id) = Review::from_bytes(&bytes).with_context(at)?;
        Ok(OpenReview { map: self, place, review, id })
    }
}

/// A review that was opened.
pub(super) struct OpenReview {
    pub(super) map: ReviewedMap,
    pub(super) place: Target,
    pub(super) review: Review,
    pub(super) id: ObjectId,
}

/// The time of this machine.
pub(super) fn now() -> Result<Time> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let millis = i64::try_from(since.as_millis()).ok().and_then(Time::of_millis);
    millis.context("the clock of this machine is not between 1970 and 9999")
}

impl OpenReview {
    /// Opens a review of an output, by its name, or the only one.
    pub(super) fn open(output: &str, name: Option<&str>) -> Result<Self> {
        ReviewedMap::open(output)?.review(name)
    }

    /// Creates a review; a store that replaces objects is refused.
    pub(super) fn create(map: ReviewedMap, review: Review, history: Option<Vec<u8>>) -> Result<Self> {
        let (bytes, id) = review.to_bytes()?;
        let output = map.target.url().to_owned();
        let place = map.target.below(&format!("{REVIEWS}/{}", review.name))?;
        let exists = || ReviewJobError::Exists { output: output.clone(), name: review.name.clone() };
        // Asked first, so that a store that replaces objects does not replace the header of a review.
        if place.read(HEADER, ObjectKind::Record)?.is_some() {
            return Err(exists().into());
        }
        // Before the header, which names it: a process that is killed between the two leaves no review, and the same history
        // can be created again.
        if let Some(bytes) = history
            && !place.create(HISTORY_NAME, bytes.clone(), MEDIA_TYPE)?
            && place.read(HISTORY_NAME, ObjectKind::Manifest)?.is_none_or(|stored| stored != bytes)
        {
            place.replace(HISTORY_NAME, bytes, MEDIA_TYPE)?;
        }
        // The answer to a first request may have been lost: then the object is this one.
        if !place.create(HEADER, bytes.clone(), MEDIA_TYPE)?
            && place.read(HEADER, ObjectKind::Record)?.is_none_or(|stored| stored != bytes)
        {
            return Err(exists().into());
        }
        if place.create(HEADER, bytes, MEDIA_TYPE)? {
            return Err(ReviewJobError::NotConditional { output }.into());
        }
        Ok(Self { map, place, review, id })
    }

    /// Checks that the review is of the map as it is now.
    pub(super) fn check_map(&self) -> Result<()> {
        let (found, expected) = (self.review.map.manifest_sha256, self.map.manifest_sha256);
        if found == expected {
            return Ok(());
        }
        let (output, name) = (self.map.target.url().to_owned(), self.review.name.clone());
        Err(ReviewJobError::OtherMap {
            output,
            name,
            found: found.to_string(),
            expected: expected.to_string(),
        }
        .into())
    }

    pub(super) fn url(&self) -> &str {
        self.place.url()
    }

    /// What was decided about objects of an earlier map; empty without a history.
    pub(super) fn history(&self) -> Result<BTreeMap<String, Vec<Earlier>>> {
        let Some(id) = self.review.history else { return Ok(BTreeMap::new()) };
        let bytes = self.place.read(HISTORY_NAME, ObjectKind::Manifest)?.unwrap_or_default();
        Ok(History::from_bytes(&bytes, id)
            .with_context(|| format!("{}/{HISTORY_NAME}", self.url()))?
            .features)
    }

    /// A decision by its id.
    pub(super) fn decision(&self, id: &ObjectId) -> Result<Decision> {
        let href = format!("decisions/{id}.json");
        let bytes = self.place.read(&href, ObjectKind::Record)?.unwrap_or_default();
        if ObjectId::of(&bytes) != *id {
            return Err(ReviewJobError::Damaged { object: format!("{}/{href}", self.url()) }.into());
        }
        Ok(Decision::from_bytes(&bytes)?)
    }

    /// Passes every decision, in the order of their ids; those that cannot be read are left out (the log has them as findings).
    pub(super) fn each_decision(&self, each: &mut dyn FnMut(ObjectId, Decision) -> Result<()>) -> Result<()> {
        for object in self.place.list("decisions")? {
            let bytes = self.place.read(&object.href, ObjectKind::Record)?.unwrap_or_default();
            if let Ok(decision) = Decision::from_bytes(&bytes)
                && decision.check(&self.review, self.id).is_ok()
            {
                each(ObjectId::of(&bytes), decision)?;
            }
        }
        Ok(())
    }

    /// Reads the whole log; one object in memory at a time.
    pub(super) fn log(&self) -> Result<Log> {
        let mut log = Log::new(self.review.clone(), self.id);
        for object in self.place.list("")? {
            if object.href == HEADER {
                continue;
            }
            if object.href == HISTORY_NAME {
                if let Some(bytes) = self.place.read(&object.href, ObjectKind::Manifest)? {
                    log.add(&object.href, &bytes);
                }
                continue;
            }
            if object.size > arpent_base::number::wide(OBJECT_BYTES) {
                log.add_oversize(&object.href, object.size);
            } else if let Some(bytes) = self.place.read(&object.href, ObjectKind::Record)? {
                log.add(&object.href, &bytes);
            }
        }
        Ok(log)
    }

    /// Creates an object; returns the bytes that are there instead if they are other ones.
    pub(super) fn store(&self, object: &Object) -> Result<Option<Vec<u8>>> {
        if self.place.create(&object.path, object.bytes.clone(), MEDIA_TYPE)? {
            return Ok(None);
        }
        // The answer to a first request may have been lost, or another process has written it.
        let stored = self.place.read(&object.path, ObjectKind::Record)?.unwrap_or_default();
        Ok((stored != object.bytes).then_some(stored))
    }

    /// Writes decisions and seals them. All are checked before the first is written; `previous` is filled in where it is
    /// empty. Returns the ids, in order, once they are sealed.
    ///
    /// A process that is killed leaves the first of them, which count, and which the next writer seals.
    pub(super) fn append(
        &self,
        log: &mut Log,
        statements: Vec<Statement>,
        key: Option<&Key>,
    ) -> Result<Vec<ObjectId>> {
        self.append_with(log, statements, key, &mut |known, _, statement| {
            if statement.previous.is_empty() {
                statement.previous = known.previous(statement);
            }
        })
    }

    /// The same, where `see` fills in what the author of each statement had seen. It is called in order, with what is known
    /// then and the ids of the decisions before it.
    pub(super) fn append_with(
        &self,
        log: &mut Log,
        statements: Vec<Statement>,
        key: Option<&Key>,
        see: &mut dyn FnMut(&Known, &[ObjectId], &mut Statement),
    ) -> Result<Vec<ObjectId>> {
        for statement in &statements {
            statement.check(&self.review)?;
        }
        for adopted in log.adopted()? {
            let stored = self.store(&adopted)?;
            log.add(&adopted.path, stored.as_ref().unwrap_or(&adopted.bytes));
        }
        let features: BTreeSet<&str> =
            statements.iter().map(|statement| statement.feature.as_str()).collect();
        let mut known = log.known(&features);
        let mut chain = Chain::new(unique_key(), log.frontier())?;
        // In memory first, so that a key that does not fit is found before anything is written.
        let (mut written, mut made) = (Vec::with_capacity(statements.len()), Vec::new());
        for mut statement in statements {
            see(&known, &made, &mut statement);
            let (decision, object) = chain.write(&self.review, self.id, statement, key)?;
            known.wrote(&decision.statement, object.id);
            made.push(object.id);
            written.push((decision, object));
        }
        let mut ids = Vec::with_capacity(written.len());
        for (decision, object) in written {
            if self.store(&object)?.is_some() {
                return Err(
                    ReviewJobError::Damaged { object: format!("{}/{}", self.url(), object.path) }.into()
                );
            }
            log.add_checked(object.id, decision)?;
            ids.push(object.id);
        }
        while let Some(seal) = chain.seal(self.id)? {
            match self.store(&seal)? {
                None => log.add(&seal.path, &seal.bytes),
                Some(stored) => {
                    log.add(&seal.path, &stored);
                    chain.overtaken(&stored)?;
                }
            }
        }
        Ok(ids)
    }
}
