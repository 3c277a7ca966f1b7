//! `arpent view`: serve an output on the loopback address.

use std::collections::BTreeMap;
use std::fmt;

use arpent_base::number::wide;
use arpent_base::{Diagnostic, Result};
use arpent_publish::{MANIFEST_NAME, Manifest, ObjectKind, Target, media_type};
use arpent_shell::interrupt;
use arpent_shell::message::notice;
use arpent_shell::print::{Format, print};
use arpent_viewer::{Host, PAGE_NAME, Served};
use serde::Serialize;

/// What is served.
#[derive(Debug, Serialize)]
struct Viewed {
    /// The address of the page.
    url: String,
    output: String,
    run_id: String,
}

/// An output without a page.
#[derive(Debug)]
struct NoPage(String);

impl fmt::Display for NoPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: it has no {PAGE_NAME}", self.0)
    }
}

impl std::error::Error for NoPage {}

impl Diagnostic for NoPage {
    fn hint(&self) -> Option<String> {
        Some("publish it again without `viewer = false` in `[publish]` of its configuration".to_owned())
    }
}

/// Runs the command.
///
/// # Errors
/// When there is no manifest or no page, or the port cannot be listened on.
pub(crate) fn main(url: &str, port: u16, format: Format) -> Result<u8> {
    let target = Target::parse(url)?;
    let manifest = target.read_manifest()?;
    let files = files(url, &target, &manifest)?;
    let read = |href: &str, range| Ok(target.read_part(href, range)?);
    let host = Host::listen(port, files, &read)?;
    let stop = interrupt::flag()?;
    let viewed = Viewed { url: host.url(), output: url.to_owned(), run_id: manifest.run_id };
    print(&viewed, &format!("{}\n", viewed.url), format)?;
    notice("serving until interrupted (Ctrl-C)");
    host.serve(&stop);
    Ok(0)
}

/// All files of an output by their names: the page of the current attempt at the root, and what is beside the manifest, as
/// on any host.
///
/// # Errors
/// When there is no page, or the output cannot be read.
pub(super) fn files(url: &str, target: &Target, manifest: &Manifest) -> Result<BTreeMap<String, Served>> {
    let mut files = files_of(manifest);
    let Some(page) = files.get(PAGE_NAME).cloned() else {
        return Err(NoPage(url.to_owned()).into());
    };
    files.insert(String::new(), page);
    for name in [MANIFEST_NAME, PAGE_NAME] {
        if let Some(found) = target.read(name, ObjectKind::Manifest)? {
            let served = Served {
                source: name.to_owned(),
                media_type: media_type(name).to_owned(),
                size: wide(found.len()),
            };
            files.insert(name.to_owned(), served);
        }
    }
    Ok(files)
}

/// The files of the manifest by their names, as the page links to them, and by their places below the output.
fn files_of(manifest: &Manifest) -> BTreeMap<String, Served> {
    let named = manifest.artifacts.iter().flat_map(|artifact| {
        let name = artifact.href.rsplit_once('/').map_or(&*artifact.href, |(_, name)| name);
        let (source, media_type) = (artifact.href.clone(), artifact.media_type.clone());
        let served = Served { source, media_type, size: artifact.size };
        [(name.to_owned(), served.clone()), (artifact.href.clone(), served)]
    });
    named.collect()
}
