//! Folders for temporary files: deleted by their process, or by the next one if it was killed. When a file fails, their
//! free space is checked.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use arpent_base::{Failure, host};
use arpent_shell::message::notice;
use tempfile::TempDir;

use crate::error::JobError;

/// Prefix of the name of every folder; [`RANDOM`] characters follow.
const PREFIX: &str = "arpent-";
const RANDOM: usize = 6;
/// The file that a running process keeps locked.
const LOCK: &str = "arpent.lock";
/// Name of the lock file before it is locked: it is renamed once the lock is held.
const LOCK_BEGUN: &str = "arpent.lock.new";
/// Free space below which the disk counts as full, bytes: GDAL writes that much at a time.
const LITTLE: u64 = 16 << 20;

/// A folder for temporary files, deleted when it is dropped.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    parent: PathBuf,
    /// Held as long as the process lives; `None` if the file system has no locks: the folder of a killed process is
    /// then never deleted.
    _lock: Option<File>,
}

impl Scratch {
    /// Makes a folder in the configured one, given with its key, or in that of the system, and deletes the folders of
    /// killed processes there.
    ///
    /// # Errors
    /// [`JobError::Scratch`].
    pub fn new(parent: Option<(&Path, &'static str)>) -> Result<Self, JobError> {
        let (path, key) = parent.unzip();
        let parent = path.map_or_else(std::env::temp_dir, Path::to_owned);
        let deleted = delete_leftovers(&parent);
        if deleted > 0 {
            notice(&format!("deleted {deleted} temporary folder(s) of killed runs in {}", parent.display()));
        }
        let made = tempfile::Builder::new().prefix(PREFIX).rand_bytes(RANDOM).tempdir_in(&parent);
        let held = made.and_then(|folder| Ok((hold(folder.path())?, folder)));
        let (lock, folder) =
            held.map_err(|source| JobError::Scratch { path: parent.clone(), key, source })?;
        Ok(Self { folder, parent, _lock: lock })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// An error, classified if a file of this folder failed: it is then a problem of the machine, not of the input.
    /// Messages of GDAL and SQLite do not report a full disk; the file system does. To be called before the files are
    /// deleted.
    pub fn judged(&self, error: Failure) -> Failure {
        let known = |cause: &(dyn std::error::Error + 'static)| {
            matches!(cause.downcast_ref(), Some(JobError::NoRoom { .. } | JobError::Temporary { .. }))
        };
        if !self.is_named(&error) || error.chain().any(known) {
            return error;
        }
        let folder = self.parent.clone();
        let room = Room::of(self.path());
        // The failed file may be deleted already: it was not larger than those that remain.
        let is_little = |room: &Room| room.files == Some(0) || room.bytes < LITTLE.max(size(self.path()));
        if is_full(&error) || room.as_ref().is_some_and(is_little) {
            let free_mb = room.map_or(0, |room| room.bytes / 1_000_000);
            return JobError::NoRoom { folder, free_mb, source: error }.into();
        }
        JobError::Temporary { folder, source: error }.into()
    }

    /// Whether an error names a file of this folder.
    fn is_named(&self, error: &Failure) -> bool {
        let folder = self.path().to_string_lossy();
        error.chain().any(|cause| cause.to_string().contains(&*folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        empty(self.folder.path());
    }
}

/// Whether the system reports a full disk, or an exhausted quota.
fn is_full(error: &Failure) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    let kinds = |e: &std::io::Error| matches!(e.kind(), QuotaExceeded | StorageFull);
    error.chain().any(|cause| cause.downcast_ref().is_some_and(kinds))
}

/// Free space of a file system for this user.
pub(crate) struct Room {
    pub(crate) bytes: u64,
    /// Files that can be made; `None` where their number has no limit.
    files: Option<u64>,
}

impl Room {
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let found = rustix::fs::statvfs(path).ok()?;
        let files = (found.f_files > 0).then_some(found.f_favail);
        Some(Self { bytes: found.f_bavail.saturating_mul(found.f_frsize), files })
    }
}

/// Size of the files below a folder, bytes.
fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => size(&entry.path()),
        Ok(meta) => meta.blocks() * 512,
        Err(_) => 0,
    });
    sizes.sum()
}

/// Locks a file of the folder. It gets its name only once it is locked: no process finds it unlocked while its owner
/// lives.
fn hold(folder: &Path) -> std::io::Result<Option<File>> {
    let begun = folder.join(LOCK_BEGUN);
    let mut file = OpenOptions::new().write(true).create_new(true).open(&begun)?;
    file.write_all(host().as_bytes())?;
    if file.try_lock().is_err() {
        // A file system without locks.
        std::fs::remove_file(&begun)?;
        return Ok(None);
    }
    std::fs::rename(&begun, folder.join(LOCK))?;
    Ok(Some(file))
}

/// Deletes the folders of dead processes; returns their number. Folders that cannot be deleted stay.
fn delete_leftovers(parent: &Path) -> usize {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    entries.filter(|entry| is_ours(entry) && delete_if_left(&entry.path())).count()
}

/// Whether a folder has the name and the owner of a scratch folder.
fn is_ours(entry: &std::fs::DirEntry) -> bool {
    let name = entry.file_name();
    let random = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
    // Of a link, the owner of the link itself.
    let owned = |meta: std::fs::Metadata| meta.is_dir() && meta.uid() == rustix::process::getuid().as_raw();
    random.is_some_and(|r| r.len() == RANDOM && r.bytes().all(|b| b.is_ascii_alphanumeric()))
        && entry.metadata().is_ok_and(owned)
}

/// Deletes a folder whose lock is free. Only of this machine: locks may not work between machines that share a folder.
fn delete_if_left(folder: &Path) -> bool {
    let path = folder.join(LOCK);
    if !std::fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file()) {
        return false;
    }
    if !std::fs::read(&path).is_ok_and(|text| text == host().as_bytes()) {
        return false;
    }
    let Ok(lock) = OpenOptions::new().write(true).open(&path) else { return false };
    if lock.try_lock().is_err() {
        return false;
    }
    // Another process may have deleted it first, and a folder of this name may be new.
    let same = |a: std::fs::Metadata, b: std::fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    let (held, named) = (lock.metadata(), std::fs::symlink_metadata(&path));
    if !held.is_ok_and(|held| named.is_ok_and(|named| same(held, named))) {
        return false;
    }
    empty(folder);
    std::fs::remove_dir_all(folder).is_ok()
}

/// Deletes all files of a folder except its lock: if the process is killed meanwhile, the next one still recognizes the
/// folder.
fn empty(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_name() == LOCK {
            continue;
        }
        // Files that cannot be deleted stay.
        let _ = match entry.file_type() {
            Ok(kind) if kind.is_dir() => std::fs::remove_dir_all(&path),
            _ => std::fs::remove_file(&path),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(parent: &Path, name: &str, lock: Option<&str>) -> PathBuf {
        let folder = parent.join(name);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("map.part.tif"), "x").unwrap();
        if let Some(text) = lock {
            std::fs::write(folder.join(LOCK), text).unwrap();
        }
        folder
    }

    #[test]
    fn only_folders_of_processes_that_are_gone_are_deleted() {
        let parent = tempfile::tempdir().unwrap();
        let at = |name: &str, lock: Option<&str>| folder(parent.path(), name, lock);
        let here = host();
        let left = at("arpent-aB3dE6", Some(&here));
        let stay = [
            at("arpent-aaaaaa", None),
            at("arpent-bbbbbb", Some("another machine")),
            at("arpent-ccccccc", Some(&here)),
            at("arpent-maps-1", Some(&here)),
            at("others-dddddd", Some(&here)),
        ];
        let link = parent.path().join("arpent-eeeeee");
        std::os::unix::fs::symlink(&stay[3], &link).unwrap();
        let alive = Scratch::new(Some((parent.path(), "compute.scratch"))).unwrap();
        assert!(!left.exists());
        let path = alive.path().to_owned();
        let second = Scratch::new(Some((parent.path(), "compute.scratch"))).unwrap();
        assert!(path.exists() && link.exists(), "what is alive, and what is a link, stays");
        assert!(stay.iter().all(|folder| folder.join("map.part.tif").exists()));
        drop((alive, second));
        assert!(!path.exists());
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), stay.len() + 1);
    }

    #[test]
    fn many_that_begin_at_once_do_not_delete_each_other() {
        let parent = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let scratch = Scratch::new(Some((parent.path(), "compute.scratch"))).unwrap();
                        std::fs::write(scratch.path().join("a"), "x").unwrap();
                        assert_eq!(delete_leftovers(parent.path()), 0);
                        assert!(scratch.path().join("a").exists());
                    }
                });
            }
        });
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn errors_of_other_files_stay_what_they_are() {
        let parent = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(Some((parent.path(), "compute.scratch"))).unwrap();
        let other = scratch.judged(Failure::text("scene.tif: cannot be read"));
        assert!(other.downcast_ref::<JobError>().is_none());
        let own = Failure::text(format!("{}: cannot be written", scratch.path().join("a.tif").display()));
        let judged = scratch.judged(own);
        assert!(matches!(judged.downcast_ref(), Some(JobError::Temporary { .. } | JobError::NoRoom { .. })));
        let text = judged.to_string();
        assert_eq!(scratch.judged(judged).to_string(), text, "judged once");
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let full =
            Failure::from(JobError::Scratch { path: scratch.path().to_owned(), key: None, source: full });
        assert!(matches!(scratch.judged(full).downcast_ref(), Some(JobError::NoRoom { .. })));
    }
}
