//! The folder with the state of a job, below its output.
//!
//! ```text
//! OUTPUT/jobs/ID/plan.json                      the plan, written once
//!               /model/...                      the model package, for remote workers
//!               /pieces/MAP/00000012.piece      predictions, each written once
//!               /shards/00003/TRY.json          the record of a try at a shard
//!               /shards/00003/done.json         the shard is done; written once
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use arpent_base::{DoingWhat as _, Result, json_document, sha256_hex};
use arpent_publish::{JOBS, ObjectKind, Target, is_job_id};

use super::any::AnyPlan;
use super::divided::{Divided, PieceId};
use super::document::PLAN_NAME;
use super::error::ShardError;
use super::record::{Done, Record};
use super::understood::understood;
use crate::error::JobError;

const DONE: &str = "done.json";
const JSON: &str = "application/json";
const BYTES: &str = "application/octet-stream";

/// The valid piece after a write.
#[derive(Debug)]
pub(crate) enum StoredPiece {
    /// The one just written, or one with the same bytes.
    Ours,
    /// Another one, which was written first.
    Other,
}

/// The folder with the state of a job.
#[derive(Debug, Clone)]
pub struct JobPlace {
    target: Target,
}

impl JobPlace {
    /// The folder of a plan below its output.
    ///
    /// # Errors
    /// An address that is not valid.
    pub(crate) fn of(output: &Target, id: &str) -> Result<Self> {
        Ok(Self { target: output.below(&format!("{JOBS}/{id}"))? })
    }

    /// The folder of a plan by its address, `OUTPUT/jobs/ID/plan.json`, or that of its folder.
    ///
    /// # Errors
    /// [`ShardError::NotAPlan`], and addresses that are not valid for an output.
    pub fn parse(url: &str) -> Result<Self> {
        let folder = url.strip_suffix(PLAN_NAME).unwrap_or(url).trim_end_matches('/');
        let mut parts = folder.rsplit('/');
        let is_job = parts.next().is_some_and(is_job_id) && parts.next() == Some(JOBS);
        if !is_job {
            return Err(ShardError::NotAPlan { url: url.to_owned() }.into());
        }
        Ok(Self { target: Target::parse(folder)? })
    }

    /// Requests to the store so far, and bytes sent to it, through this folder and its output; none of a local folder.
    pub(crate) fn requested(&self) -> (u64, u64) {
        self.target.requested()
    }

    /// The address of the plan.
    pub fn plan_url(&self) -> String {
        format!("{}/{PLAN_NAME}", self.target.url())
    }

    /// The plan.
    ///
    /// # Errors
    /// When the plan cannot be read.
    pub fn plan(&self) -> Result<AnyPlan> {
        AnyPlan::read(&self.target)
    }

    /// Whether there is a plan.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn has_plan(&self) -> Result<bool> {
        Ok(self.target.read(PLAN_NAME, ObjectKind::Plan)?.is_some())
    }

    /// Writes the plan, unless it exists.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write_plan(&self, plan: Vec<u8>) -> Result<()> {
        self.target.create(PLAN_NAME, plan, JSON)?;
        Ok(())
    }

    /// Copies files of a model package next to the plan.
    ///
    /// # Errors
    /// When one cannot be read or written.
    pub(crate) fn write_model<'a>(
        &self,
        folder: &Path,
        files: impl IntoIterator<Item = &'a String>,
    ) -> Result<()> {
        for name in files {
            let path = folder.join(name);
            let bytes = std::fs::read(&path).context(format!("cannot read {}", path.display()))?;
            self.target.replace(&format!("model/{name}"), bytes, BYTES)?;
        }
        Ok(())
    }

    /// Fetches the files of a model package, with the SHA-256 of each, into an existing folder.
    ///
    /// # Errors
    /// When a file is missing, differs, or cannot be written.
    pub(crate) fn fetch_model(&self, folder: &Path, files: &BTreeMap<String, String>) -> Result<()> {
        for (name, sha256) in files {
            let href = format!("model/{name}");
            let url = format!("{}/{href}", self.target.url());
            let gone = || ShardError::PieceGone { place: url.clone() };
            let read = || Ok(self.target.read(&href, ObjectKind::ModelFile)?.ok_or_else(gone)?);
            let check = |bytes: &[u8]| match sha256_hex(bytes) {
                found if found == *sha256 => Ok(bytes.to_vec()),
                now => Err(ShardError::InputChanged { what: url.clone(), was: sha256.clone(), now }),
            };
            let bytes = understood(&read, &check)?;
            let written = std::fs::write(folder.join(name), bytes);
            written.map_err(|source| JobError::Scratch { path: folder.to_owned(), key: None, source })?;
        }
        Ok(())
    }

    /// Address of a piece, for messages.
    pub(crate) fn piece_url(&self, plan: &dyn Divided, piece: PieceId) -> String {
        format!("{}/{}", self.target.url(), piece_href(plan, piece))
    }

    /// The bytes of a piece.
    pub(crate) fn read_piece(&self, plan: &dyn Divided, piece: PieceId) -> Result<Option<Vec<u8>>> {
        Ok(self.target.read(&piece_href(plan, piece), ObjectKind::Piece)?)
    }

    /// Writes a piece unless it exists; returns which one is valid.
    pub(crate) fn write_piece(
        &self,
        plan: &dyn Divided,
        piece: PieceId,
        bytes: &[u8],
    ) -> Result<StoredPiece> {
        let href = piece_href(plan, piece);
        if self.target.create(&href, bytes.to_vec(), BYTES)? {
            return Ok(StoredPiece::Ours);
        }
        // Another worker was faster, or the response to this write was lost.
        match self.target.read(&href, ObjectKind::Piece)? {
            Some(found) if found != bytes => Ok(StoredPiece::Other),
            Some(_) => Ok(StoredPiece::Ours),
            None => Err(ShardError::PieceGone { place: self.piece_url(plan, piece) }.into()),
        }
    }

    /// The stored pieces, with the time when each was written, seconds since 1970.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn pieces(&self, plan: &dyn Divided) -> Result<BTreeMap<PieceId, i64>> {
        let parts = plan.parts();
        let known: BTreeMap<&str, usize> = parts.iter().enumerate().map(|(i, part)| (part.id, i)).collect();
        let listed = self.target.list("pieces")?;
        let of = |href: &str| {
            let (map, name) = href.strip_prefix("pieces/")?.split_once('/')?;
            let index = name.strip_suffix(".piece")?.parse().ok()?;
            Some(PieceId { map: *known.get(map)?, index })
        };
        Ok(listed.iter().filter_map(|o| Some((of(&o.href)?, o.modified.timestamp()))).collect())
    }

    /// Writes the record of a try at a shard. No other process writes to it.
    pub(super) fn write_record(&self, record: &Record) -> Result<()> {
        let href = format!("{}/{}.json", shard_folder(record.shard), record.try_id);
        self.target.replace(&href, json_document(record)?, JSON)?;
        Ok(())
    }

    /// Marks a shard as done, unless it is already marked.
    pub(super) fn write_done(&self, done: &Done) -> Result<()> {
        let href = format!("{}/{DONE}", shard_folder(done.shard));
        self.target.create(&href, json_document(done)?, JSON)?;
        Ok(())
    }

    /// Whether a shard is done.
    pub(crate) fn is_done(&self, shard: usize) -> Result<bool> {
        Ok(self.target.read(&format!("{}/{DONE}", shard_folder(shard)), ObjectKind::Record)?.is_some())
    }

    /// Numbers of the shards that are done.
    pub(crate) fn done(&self) -> Result<BTreeSet<usize>> {
        let listed = self.target.list("shards")?;
        let number =
            |href: &str| href.strip_prefix("shards/")?.strip_suffix(DONE)?.trim_end_matches('/').parse().ok();
        Ok(listed.iter().filter_map(|object| number(&object.href)).collect())
    }

    /// The records of all tries at all shards.
    ///
    /// # Errors
    /// [`ShardError::BadDocument`], and errors of the store.
    pub(crate) fn records(&self) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        for object in self.target.list("shards")? {
            if object.href.ends_with(DONE) {
                continue;
            }
            let bad = |e: serde_json::Error| ShardError::BadDocument {
                url: format!("{}/{}", self.target.url(), object.href),
                what: "the record of a try",
                message: e.to_string(),
            };
            // A record may be deleted between listing and reading.
            let read = || Ok(self.target.read(&object.href, ObjectKind::Record)?.unwrap_or_default());
            let parse = |bytes: &[u8]| match bytes {
                [] => Ok(None),
                bytes => serde_json::from_slice(bytes).map(Some).map_err(bad),
            };
            records.extend(understood::<Option<Record>>(&read, &parse)?);
        }
        Ok(records)
    }

    /// Deletes pieces and the model once the map is published. Returns what could not be deleted, which is harmless.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn delete_work(&self) -> Result<Vec<String>> {
        let mut stay = self.target.delete_below("pieces")?;
        stay.extend(self.target.delete_below("model")?);
        Ok(stay)
    }

    /// Deletes the records of tries and the marks of shards done.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn forget_shards(&self) -> Result<()> {
        self.target.delete_below("shards")?;
        Ok(())
    }

    /// Deletes everything.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn delete(&self, output: &Target) -> Result<Vec<String>> {
        let id =
            self.target.url().rsplit('/').find(|name| !name.is_empty()).expect("a job's folder has a name");
        // The plan is deleted last: while it exists, the other files are recognized as those of a job.
        let mut stay = self.delete_work()?;
        stay.extend(self.target.delete_below("shards")?);
        stay.extend(output.delete_below(&format!("{JOBS}/{id}"))?);
        Ok(stay)
    }
}

/// Ids of the jobs below an output.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn jobs_of(output: &Target) -> Result<Vec<String>> {
    let plan = format!("/{PLAN_NAME}");
    let id = |href: &str| {
        href.strip_prefix("jobs/")?.strip_suffix(&*plan).filter(|id| is_job_id(id)).map(str::to_owned)
    };
    Ok(output.list(JOBS)?.iter().filter_map(|object| id(&object.href)).collect())
}

fn piece_href(plan: &dyn Divided, piece: PieceId) -> String {
    let parts = plan.parts();
    let map = parts.get(piece.map).map_or("", |part| part.id);
    format!("pieces/{map}/{:08}.piece", piece.index)
}

fn shard_folder(shard: usize) -> String {
    format!("shards/{shard:05}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_known_by_its_address() {
        for url in ["out/jobs/0123456789abcdef/plan.json", "memory:///b/jobs/0123456789abcdef/"] {
            assert!(JobPlace::parse(url).unwrap().plan_url().ends_with("jobs/0123456789abcdef/plan.json"));
        }
        for url in ["out", "out/plan.json", "out/jobs/short/plan.json", "0123456789abcdef"] {
            assert!(JobPlace::parse(url).is_err(), "{url}");
        }
    }
}
