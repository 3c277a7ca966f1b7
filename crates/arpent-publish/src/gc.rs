//! Deletes the remains of interrupted runs, publications and jobs.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use crate::error::{PublishError, Result};
use crate::manifest::Manifest;
use crate::names::{JOBS, MANIFEST_NAME, is_attempt, is_job_id};
use crate::objects::ObjectInfo;
use crate::session::Session;
use crate::target::Target;

/// The leftovers that [`Target::gc`] found, and deleted unless it was a dry run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GcReport {
    /// The output.
    pub url: String,
    /// Whether it was a dry run.
    pub dry_run: bool,
    /// The leftovers, sorted by path.
    pub leftovers: Vec<Leftover>,
}

impl GcReport {
    /// Total size of the leftovers, bytes.
    pub fn bytes(&self) -> u64 {
        self.leftovers.iter().map(|leftover| leftover.bytes).sum()
    }
}

/// Objects of an output that no run needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Leftover {
    /// Path relative to the output.
    pub place: String,
    /// Its kind.
    pub kind: LeftoverKind,
    /// Number of its objects.
    pub objects: u64,
    /// Its size, bytes.
    pub bytes: u64,
    /// Age of its newest object, seconds.
    pub age_s: u64,
    /// Objects that still exist: all of them in a dry run, else those that could not be deleted.
    pub left: Vec<String>,
}

/// Kind of a leftover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftoverKind {
    /// The artifacts of a publication that did not become visible, or is no longer visible.
    Attempt,
    /// The state of a job.
    Job,
    /// An incomplete file of a local folder.
    Staging,
}

impl Target {
    /// Deletes the remains of interrupted publications, jobs and writes below the output, if even their newest object
    /// is older than `older_than`; with `dry_run`, only lists them.
    ///
    /// Objects that the manifest names, and objects whose names do not have Arpent's form, are never deleted. A
    /// publication in progress is safe as long as none of its files takes longer to upload than `older_than`:
    /// an object is not listed before it is complete. Ages compare the store's clock with that of this machine.
    ///
    /// # Errors
    /// [`PublishError::BadManifest`] and [`PublishError::ManifestFormat`] when the manifest cannot be read, so that its
    /// files are unknown: then nothing is deleted; [`PublishError::NothingThere`], [`PublishError::ReadOnly`],
    /// [`PublishError::Store`], [`PublishError::Io`].
    pub fn gc(&self, older_than: Duration, dry_run: bool) -> Result<GcReport> {
        let mut report = GcReport { url: self.url().to_owned(), dry_run, leftovers: Vec::new() };
        if self.session()?.is_none() {
            return Err(PublishError::NothingThere { url: self.url().to_owned() });
        }
        let session = self.writable()?;
        let everything = self.everything(&session, "")?;
        // A bucket has no folders, so an empty one does not exist; an empty local folder is treated in the same way.
        if everything.is_empty() {
            return Err(PublishError::NothingThere { url: self.url().to_owned() });
        }
        let limit = TimeDelta::from_std(older_than).ok().and_then(|age| Utc::now().checked_sub_signed(age));
        let Some(limit) = limit else { return Ok(report) };
        let visible = self.block_on(session.visible())?;
        for (place, (kind, objects)) in leftovers(everything, &visible) {
            if newest(&objects) > limit {
                continue;
            }
            let mut leftover = describe(place, kind, &objects);
            if !dry_run {
                // Listing takes time: leftovers that have come into use in the meantime stay.
                if !self.is_still_left(&session, &leftover, limit)? {
                    continue;
                }
                leftover.left = self.remove(&session, &objects);
                self.forget_folder(&leftover.place);
            }
            report.leftovers.push(leftover);
        }
        Ok(report)
    }

    /// Whether a leftover is unchanged and still not named by a manifest.
    fn is_still_left(&self, session: &Session, leftover: &Leftover, limit: DateTime<Utc>) -> Result<bool> {
        if leftover.kind == LeftoverKind::Staging {
            return Ok(true);
        }
        let visible = self.block_on(session.visible())?;
        let now = self.everything(session, &leftover.place)?;
        Ok(!visible.contains(&leftover.place) && newest(&now) <= limit)
    }

    /// Every object below a folder of the output, including incomplete files, which local stores do not list.
    fn everything(&self, session: &Session, folder: &str) -> Result<Vec<ObjectInfo>> {
        let mut objects = self.list(folder)?;
        if let Some(root) = &session.local {
            staging_files(root, folder, &mut objects)?;
        }
        Ok(objects)
    }

    /// Deletes objects; returns those that stay.
    fn remove(&self, session: &Session, objects: &[ObjectInfo]) -> Vec<String> {
        // Of a job, the records of finished work are deleted first, and the plan last.
        let turn = |object: &&ObjectInfo| {
            (object.href.ends_with("/plan.json"), !object.href.contains("/shards/"), object.href.clone())
        };
        let mut objects: Vec<&ObjectInfo> = objects.iter().collect();
        objects.sort_by_key(turn);
        let gone = |object: &ObjectInfo| match &session.local {
            Some(root) if is_staging(&object.href) => std::fs::remove_file(root.join(&object.href)).is_ok(),
            _ => self.block_on(session.delete(&object.href)).is_ok(),
        };
        objects.into_iter().filter(|object| !gone(object)).map(|object| object.href.clone()).collect()
    }
}

impl Session {
    /// The folders that the manifest names.
    async fn visible(&self) -> Result<Vec<String>> {
        let Some((bytes, _)) = self.manifest_bytes().await? else { return Ok(Vec::new()) };
        let manifest = Manifest::from_json(&bytes, &self.url)?;
        let folders = manifest.artifacts.iter().filter_map(|a| Some(a.href.split_once('/')?.0.to_owned()));
        Ok(folders.chain([manifest.attempt.clone()]).collect())
    }
}

type Grouped = BTreeMap<String, (LeftoverKind, Vec<ObjectInfo>)>;

/// Arpent's objects that no manifest names, grouped by leftover.
fn leftovers(objects: Vec<ObjectInfo>, visible: &[String]) -> Grouped {
    let mut grouped = Grouped::new();
    for object in objects {
        let Some((place, kind)) = belongs_to(&object.href, visible) else { continue };
        grouped.entry(place).or_insert_with(|| (kind, Vec::new())).1.push(object);
    }
    grouped
}

/// The leftover that an object belongs to, if it may be deleted.
fn belongs_to(href: &str, visible: &[String]) -> Option<(String, LeftoverKind)> {
    let mut parts = href.split('/');
    let first = parts.next()?;
    let second = parts.next();
    let is_visible = visible.iter().any(|folder| folder == first);
    match second {
        Some(_) if is_attempt(first) && !is_visible => Some((first.to_owned(), LeftoverKind::Attempt)),
        Some(id) if first == JOBS && is_job_id(id) && parts.next().is_some() && !is_visible => {
            Some((format!("{first}/{id}"), LeftoverKind::Job))
        }
        Some(_) if is_attempt(first) && is_staging(href) => Some((href.to_owned(), LeftoverKind::Staging)),
        None if is_staging(href) && first.starts_with(MANIFEST_NAME) => {
            Some((href.to_owned(), LeftoverKind::Staging))
        }
        _ => None,
    }
}

/// Whether a name is that of an incomplete file of a local store: `name#1`.
fn is_staging(href: &str) -> bool {
    let number = href.rsplit_once('#').map(|(_, number)| number);
    number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

/// Adds the incomplete files below a folder; links are not followed.
fn staging_files(root: &Path, folder: &str, found: &mut Vec<ObjectInfo>) -> Result<()> {
    let at = if folder.is_empty() { root.to_owned() } else { root.join(folder) };
    let Ok(entries) = std::fs::read_dir(&at) else { return Ok(()) };
    for entry in entries {
        let entry = entry.map_err(PublishError::io("list", &at))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let href = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        // The file may have been deleted in the meantime.
        let Ok(meta) = entry.metadata() else { continue };
        if meta.is_dir() {
            staging_files(root, &href, found)?;
        } else if meta.is_file() && is_staging(&href) {
            let modified = meta.modified().map_err(PublishError::io("read the time of", &entry.path()))?;
            found.push(ObjectInfo { href, size: meta.len(), modified: modified.into() });
        }
    }
    Ok(())
}

fn newest(objects: &[ObjectInfo]) -> DateTime<Utc> {
    objects.iter().map(|object| object.modified).max().unwrap_or(DateTime::UNIX_EPOCH)
}

fn describe(place: String, kind: LeftoverKind, objects: &[ObjectInfo]) -> Leftover {
    let age = (Utc::now() - newest(objects)).num_seconds();
    Leftover {
        place,
        kind,
        objects: objects.len() as u64,
        bytes: objects.iter().map(|object| object.size).sum(),
        // 0 if the clock of the store is ahead.
        age_s: u64::try_from(age).unwrap_or(0),
        left: objects.iter().map(|object| object.href.clone()).collect(),
    }
}

#[cfg(test)]
mod tests;
