//! The page at the address of an output, which leads to the page of its current attempt.

use arpent_base::Result;
use arpent_publish::{Manifest, ObjectKind, PublishError, ROLE_VIEWER, Target, media_type};
use arpent_shell::message::notice;
use arpent_viewer::{ENTRY_MARK, PAGE_NAME, entry};

/// Writes the page beside the manifest of an output that was published, if it has a page that this one can lead to.
///
/// The page is the same for every output: it reads the manifest in the browser. So it is right whenever it is opened, also
/// while an output is being replaced, and a process that is killed before it wrote the page leaves an output without it,
/// never with a wrong one. A page that is not Arpent's stays.
pub(crate) fn write_entry(target: &Target, manifest: &Manifest) {
    if !manifest.artifacts.iter().any(|artifact| artifact.role == ROLE_VIEWER) {
        return;
    }
    let place = format!("{}/{PAGE_NAME}", target.url());
    match write(target) {
        Ok(true) => {}
        Ok(false) => {
            notice(&format!("{place} is a page of someone else: it stays, and does not lead to the output"));
        }
        // The output is complete without it.
        Err(error) => {
            notice(&format!("could not write {place}, which leads to the page of the output: {error}"));
        }
    }
}

/// Whether the page is there now.
fn write(target: &Target) -> Result<bool> {
    let page = entry();
    let found = match target.read(PAGE_NAME, ObjectKind::Document) {
        Err(PublishError::TooLarge { .. }) => return Ok(false),
        found => found?,
    };
    let is_ours = |found: &[u8]| String::from_utf8_lossy(found).contains(ENTRY_MARK);
    match found {
        // If another process was faster, its page is the same.
        None => Ok(target.create(PAGE_NAME, page.into_bytes(), media_type(PAGE_NAME)).map(|_| true)?),
        Some(found) if found == page.as_bytes() => Ok(true),
        Some(found) if is_ours(&found) => {
            target.replace(PAGE_NAME, page.into_bytes(), media_type(PAGE_NAME))?;
            Ok(true)
        }
        Some(_) => Ok(false),
    }
}
