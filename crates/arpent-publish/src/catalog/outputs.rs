//! The outputs below an address, found folder by folder: files of attempts and of jobs are not listed.

use std::collections::BTreeSet;

use object_store::path::Path as ObjectPath;

use crate::error::{PublishError, Result};
use crate::names::{JOBS, MANIFEST_NAME, is_attempt};
use crate::session::Session;

/// Folders in folders at most; more are links in a circle.
const DEEPEST: usize = 16;

/// What lies below an address. Folders are relative to it, the address itself is the empty name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outputs {
    /// Folders with a manifest, sorted.
    pub(super) complete: Vec<String>,
    /// Folders with the files of an attempt or a job and without a manifest, sorted.
    pub(super) begun: Vec<String>,
    /// Folders whose names cannot be part of a link, sorted; what is in them is not known.
    pub(super) unnamed: Vec<String>,
}

impl Session {
    /// Looks for outputs in this folder and those below it.
    ///
    /// # Errors
    /// [`PublishError::TooDeep`], [`PublishError::Store`].
    pub(super) async fn outputs(&self) -> Result<Outputs> {
        let mut found = Outputs::default();
        // Of those without a manifest, folders with a job only: its maps may lie in folders beside it.
        let mut with_jobs = Vec::new();
        let mut rest = vec![(String::new(), self.prefix.clone(), 0)];
        while let Some((folder, prefix, depth)) = rest.pop() {
            if depth > DEEPEST {
                let (url, place) = (self.url.clone(), self.place(&folder));
                return Err(PublishError::TooDeep { url, place, limit: DEEPEST });
            }
            let listed = self.store().list_with_delimiter(Some(&prefix)).await;
            let listed = listed.map_err(self.failed("list", &folder))?;
            let is_complete = listed.objects.iter().any(|object| is_named(&object.location, MANIFEST_NAME));
            let (mut attempts, mut jobs) = (false, false);
            for below in listed.common_prefixes {
                let Some(name) = below.filename().map(str::to_owned) else { continue };
                if is_attempt(&name) {
                    attempts = true;
                } else if name == JOBS {
                    jobs = true;
                } else if can_be_linked(&name) {
                    let href = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                    rest.push((href, below, depth + 1));
                } else {
                    found.unnamed.push(if folder.is_empty() { name } else { format!("{folder}/{name}") });
                }
            }
            match (is_complete, attempts, jobs) {
                (true, ..) => found.complete.push(folder),
                (false, true, _) => found.begun.push(folder),
                (false, false, true) => with_jobs.push(folder),
                (false, false, false) => {}
            }
        }
        found.complete.sort();
        let complete: BTreeSet<&str> = found.complete.iter().map(String::as_str).collect();
        let has_maps = |folder: &String| complete.iter().any(|map| is_below(map, folder));
        found.begun.extend(with_jobs.into_iter().filter(|folder| !has_maps(folder)));
        found.begun.sort();
        found.unnamed.sort();
        Ok(found)
    }
}

fn is_named(path: &ObjectPath, name: &str) -> bool {
    path.filename() == Some(name)
}

fn is_below(folder: &str, of: &str) -> bool {
    of.is_empty() || folder.strip_prefix(of).is_some_and(|rest| rest.starts_with('/'))
}

/// Whether a folder's name means itself in a relative address. Stores write what they cannot have in a name with `%`.
fn can_be_linked(name: &str) -> bool {
    !name.contains(['%', '#', '?', ':', '\\']) && !name.starts_with('.')
}
