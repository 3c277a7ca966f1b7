//! Checks the files that a raster names.

use std::collections::BTreeSet;
use std::sync::Mutex;

use gdal::config::{get_config_option, set_config_option};
use gdal::{Dataset, Metadata as _};
use sha2::{Digest, Sha256};

use super::limits::{check_raster, head};
use super::vrt::{self, Reference};
use crate::GdalError;
use crate::error::cannot_open;
use crate::ffi::{self, failure};
use crate::uri::{gdal_path, is_local, is_remote, is_web};

/// Bytes of a VRT at most. GDAL holds its XML as objects that are ten times larger; 100,000 sources of one band have 60
/// MB.
pub(crate) const MAX_VRT_BYTES: usize = 128 << 20;
/// Bytes at the beginning of a file by which GDAL recognizes it.
const HEAD_BYTES: usize = 1024;
/// Nesting of VRTs at most.
const MAX_DEPTH: usize = 8;
/// Files of a remote VRT at most: each is a request.
const MAX_REMOTE: usize = 4096;
/// Concurrent requests.
const THREADS: usize = 16;
/// Suffixes of side files that GDAL opens with a raster.
const SIDE_FILES: &[&str] = &[".ovr", ".OVR", ".msk", ".MSK"];

/// GDAL option with the prefixes that any VRT may name, one a line. GDAL's options are the only process-wide state.
const ALLOWED: &str = "ARPENT_VRT_ALLOWED";

/// Allows VRTs to name files with one of these prefixes, in addition to those always allowed: local files for a local
/// VRT, files of the same host or bucket for a remote one. Prefixes are folders: URLs (`s3://bucket/`,
/// `https://host/`), GDAL paths (`/vsizip/archive.zip/`), or local paths. Files there are trusted and not checked.
/// Replaces the former list; applies to the whole process.
///
/// # Errors
/// [`GdalError::Call`] when GDAL refuses a prefix.
pub fn allow_in_vrt(prefixes: &[String]) -> Result<(), GdalError> {
    let folder = |prefix: &String| format!("{}/", gdal_path(prefix).trim_end_matches('/'));
    let known: Vec<String> =
        prefixes.iter().filter(|p| !p.trim_matches('/').is_empty()).map(folder).collect();
    set_lines(ALLOWED, &known)
}

fn lines(option: &str) -> Vec<String> {
    let text = get_config_option(option, "").unwrap_or_default();
    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn set_lines(option: &str, values: &[String]) -> Result<(), GdalError> {
    set_config_option(option, &values.join("\n"))
        .map_err(|e| GdalError::Call { doing: "set a GDAL option", message: failure(&e) })
}

/// Refuses a raster that names forbidden files; called before GDAL opens it.
pub(crate) fn named_files(uri: &str, gdal_path: &str) -> Result<(), GdalError> {
    without_blanks(uri)?;
    check(uri, gdal_path)
}

/// Refuses a raster that declares sizes above the limits, or names overviews elsewhere; called after GDAL has read its
/// header.
pub(crate) fn declared(uri: &str, gdal_path: &str, dataset: &Dataset) -> Result<(), GdalError> {
    check_raster(uri, dataset)?;
    check_overviews(uri, gdal_path, dataset)
}

/// Refuses a URL with a space: GDAL sends no request for it, and its error does not name the cause.
///
/// # Errors
/// [`GdalError::BlankInUrl`].
pub(crate) fn without_blanks(uri: &str) -> Result<(), GdalError> {
    if is_web(uri) && uri.contains(char::is_whitespace) {
        return Err(GdalError::BlankInUrl { path: uri.to_owned() });
    }
    Ok(())
}

/// Refuses a raster that names forbidden files, or whose name is a document or an instruction to GDAL.
fn check(uri: &str, path: &str) -> Result<(), GdalError> {
    let is_vrt_text = path.contains("<VRTDataset") || path.to_ascii_lowercase().starts_with("vrt://");
    if is_vrt_text {
        let reason = "is an instruction to GDAL, not a file";
        return Err(GdalError::Reference { path: uri.to_owned(), reference: path.to_owned(), reason });
    }
    Check { uri, allowed: lines(ALLOWED), seen: BTreeSet::new() }.visit(path, 0)
}

/// Refuses a raster whose metadata names overviews elsewhere: GDAL opens them like any other file.
fn check_overviews(uri: &str, path: &str, dataset: &Dataset) -> Result<(), GdalError> {
    let Some(name) = dataset.metadata_item("OVERVIEW_FILE", "OVERVIEWS") else { return Ok(()) };
    // GDAL's notation for a file in the same folder.
    let name = name.strip_prefix(":::BASE:::").unwrap_or(&name).to_owned();
    let mut check = Check { uri, allowed: lines(ALLOWED), seen: BTreeSet::new() };
    let reference = Reference { name, relative: !is_local(path), needed: false };
    match check.target(path, &folder_of(path), &reference)? {
        Some(target) => check.visit(&target, 1),
        None => Ok(()),
    }
}

struct Check<'a> {
    uri: &'a str,
    allowed: Vec<String>,
    seen: BTreeSet<String>,
}

impl Check<'_> {
    fn visit(&mut self, path: &str, depth: usize) -> Result<(), GdalError> {
        if !self.seen.insert(path.to_owned()) {
            return Ok(());
        }
        if depth > MAX_DEPTH {
            return Err(self.bad(path, format!("VRTs are nested more than {MAX_DEPTH} deep")));
        }
        if is_local(path) {
            for suffix in SIDE_FILES {
                let side = format!("{path}{suffix}");
                if head(&side, HEAD_BYTES).is_ok_and(|start| looks_like_vrt(&start)) {
                    self.visit(&side, depth + 1)?;
                }
            }
        }
        let start = match head(path, HEAD_BYTES) {
            Ok(start) => start,
            // GDAL reports the reason when it opens the file.
            Err(message) if message.is_empty() => return Ok(()),
            // GDAL caches the failure: a second request would give a less specific error.
            Err(message) => return Err(cannot_open(self.uri, path, message)),
        };
        if !looks_like_vrt(&start) {
            return Ok(());
        }
        let xml = ffi::vsi_read(path, MAX_VRT_BYTES).map_err(|e| self.bad(path, e))?;
        let print = print(&self.allowed, path, &xml);
        if is_known(print) {
            return Ok(());
        }
        let references = vrt::references(&xml).map_err(|message| self.bad(path, message))?;
        drop(xml);
        let folder = folder_of(path);
        let target = |reference| self.target(path, &folder, reference).transpose();
        let targets: Result<BTreeSet<_>, _> = references.iter().filter_map(target).collect();
        let needed = references.iter().filter(|reference| reference.needed);
        let needed = needed.map(|reference| located(&folder, reference)).collect();
        self.visit_all(path, &targets?, &needed, depth)?;
        remember(print);
        Ok(())
    }

    /// Checks the files that the VRT `path` names; `needed` are those without which it cannot be read.
    fn visit_all(
        &mut self,
        path: &str,
        targets: &BTreeSet<String>,
        needed: &BTreeSet<String>,
        depth: usize,
    ) -> Result<(), GdalError> {
        let (local, remote): (Vec<&String>, Vec<&String>) = targets.iter().partition(|t| is_local(t));
        if remote.len() > MAX_REMOTE {
            let (what, found) = ("remote files in a VRT".to_owned(), remote.len() as u64);
            return Err(GdalError::TooLarge {
                path: shown(self.uri, path),
                what,
                found,
                most: MAX_REMOTE as u64,
            });
        }
        // Trusted files are not checked, but they must exist.
        let trusted = needed.iter().filter(|name| !targets.contains(*name));
        let (trusted_local, trusted_remote): (Vec<&String>, Vec<&String>) =
            trusted.partition(|t| is_local(t));
        let absent = |name: &String| self.missing_source(path, name);
        for name in local.iter().chain(&trusted_local).filter(|name| needed.contains(**name)) {
            if std::fs::metadata(name).is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound) {
                return Err(absent(name));
            }
        }
        let mut vrts = Vec::new();
        let asked: Vec<&String> = remote.iter().chain(&trusted_remote).copied().collect();
        for (name, found) in asked.iter().copied().zip(heads(&asked)) {
            match found {
                Ok(start) if looks_like_vrt(&start) && targets.contains(name) => vrts.push(name),
                Ok(_) => {}
                Err(_) if !needed.contains(name) => {}
                // An archive or a folder that GDAL opens as a data set cannot be read as a file.
                Err(message) if message.is_empty() && ffi::vsi_exists(name) => {}
                Err(message) if message.is_empty() => return Err(absent(name)),
                Err(message) => {
                    return Err(match cannot_open(name, name, message) {
                        GdalError::Missing { .. } => absent(name),
                        other => other,
                    });
                }
            }
        }
        for target in local.into_iter().chain(vrts) {
            self.visit(target, depth + 1)?;
        }
        Ok(())
    }

    fn missing_source(&self, vrt: &str, name: &str) -> GdalError {
        GdalError::MissingSource { path: shown(self.uri, vrt), source_name: name.to_owned() }
    }

    /// The GDAL path of a reference in the VRT `from`, which lies in `folder`; `None` if it is trusted.
    fn target(&self, from: &str, folder: &str, reference: &Reference) -> Result<Option<String>, GdalError> {
        let name = reference.name.as_str();
        let refuse = |reason| {
            Err(GdalError::Reference { path: shown(self.uri, from), reference: name.to_owned(), reason })
        };
        if name.contains('<') || name.starts_with('{') || is_instruction(name) {
            return refuse("is an instruction to GDAL, not a file");
        }
        let target = located(folder, reference);
        let plain = normalized(&target);
        if self.allowed.iter().any(|prefix| plain.starts_with(prefix.as_str())) {
            return Ok(None);
        }
        if is_local(from) {
            if !is_local(&target) || !is_local(&plain) || name.contains("/vsi") {
                return refuse("is not a local file");
            }
            if std::fs::metadata(&target).is_ok_and(|meta| !meta.is_file() && !meta.is_dir()) {
                return refuse("is a device or a pipe");
            }
        } else if is_local(&target) {
            return refuse("is a local file, and the VRT is remote");
        } else if origin(&plain) != origin(from) {
            return refuse("is not on the host, in the bucket or in the archive of the VRT");
        }
        Ok(Some(target))
    }

    fn bad(&self, path: &str, message: String) -> GdalError {
        GdalError::BadVrt { path: shown(self.uri, path), message }
    }
}

/// Hash of all inputs of a check, except the named files.
fn print(allowed: &[String], path: &str, xml: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update(allowed.join("\n"))
        .chain_update("\0")
        .chain_update(path)
        .chain_update("\0")
        .chain_update(xml)
        .finalize()
        .into()
}

/// The URI of the raster, followed by the nested document if it is another one.
fn shown(uri: &str, path: &str) -> String {
    if gdal_path(uri) == path { uri.to_owned() } else { format!("{uri}: {path}") }
}

/// Documents that passed the check, or that this crate created: every reader opens them, and they may have thousands of
/// sources.
static KNOWN: Mutex<BTreeSet<[u8; 32]>> = Mutex::new(BTreeSet::new());

fn is_known(print: [u8; 32]) -> bool {
    KNOWN.lock().is_ok_and(|known| known.contains(&print))
}

fn remember(print: [u8; 32]) {
    if let Ok(mut known) = KNOWN.lock() {
        known.insert(print);
    }
}

/// Whether a file is a VRT; slightly wider than GDAL's test: XML with `<VRTDataset` near its beginning.
pub(crate) fn looks_like_vrt(head: &[u8]) -> bool {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let starts = text.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<');
    starts && text.windows(11).any(|w| w.eq_ignore_ascii_case(b"<VRTDataset"))
}

/// The beginnings of remote files, requested concurrently.
fn heads(remote: &[&String]) -> Vec<Result<Vec<u8>, String>> {
    let share = remote.len().div_ceil(THREADS).max(1);
    let look = |part: &[&String]| part.iter().map(|path| head(path, HEAD_BYTES)).collect::<Vec<_>>();
    std::thread::scope(|scope| {
        let parts: Vec<_> = remote.chunks(share).map(|part| scope.spawn(move || look(part))).collect();
        // If a thread panicked, its files are read here.
        parts
            .into_iter()
            .zip(remote.chunks(share))
            .flat_map(|(thread, part)| thread.join().unwrap_or_else(|_| look(part)))
            .collect()
    })
}

/// `driver:rest`, a URL, or anything else that is not a path. A single letter may be a drive.
fn is_instruction(name: &str) -> bool {
    let Some((prefix, _)) = name.split_once(':') else { return false };
    let plain = prefix.chars().all(|c| c.is_ascii_alphanumeric() || "_+-.".contains(c));
    prefix.len() > 1 && plain
}

/// The folder against which GDAL resolves relative names of a VRT, with a slash; empty for the working directory.
fn folder_of(path: &str) -> String {
    // GDAL follows a link to the VRT before it resolves names.
    let real = if is_local(path) { std::fs::canonicalize(path).ok() } else { None };
    let path = real.map_or_else(|| path.to_owned(), |path| path.to_string_lossy().into_owned());
    path.rsplit_once('/').map_or_else(String::new, |(folder, _)| format!("{folder}/"))
}

/// The GDAL path of a name in the VRT `vrt`.
pub(crate) fn location(vrt: &str, name: &str, relative: bool) -> String {
    located(&folder_of(vrt), &Reference { name: name.to_owned(), relative, needed: true })
}

/// The GDAL path of a reference.
fn located(folder: &str, reference: &Reference) -> String {
    let name = reference.name.as_str();
    if name.starts_with('/') || !reference.relative { name.to_owned() } else { format!("{folder}{name}") }
}

/// A path without `.` and `..`.
fn normalized(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Host, bucket or archive folder of a path that is not local.
fn origin(path: &str) -> String {
    if let Some((scheme, rest)) = path.strip_prefix("/vsicurl/").and_then(|url| url.split_once("://")) {
        let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or(rest);
        return format!("/vsicurl/{scheme}://{authority}/");
    }
    if path.starts_with("/vsicurl") {
        // The address is one of its options: only an identical path counts as the same host.
        return path.to_owned();
    }
    if is_remote(path) {
        return path.split('/').take(3).collect::<Vec<_>>().join("/");
    }
    path.rsplit_once('/').map_or(path, |(folder, _)| folder).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(from: &str, name: &str, relative: bool, allowed: &[&str]) -> Result<Option<String>, String> {
        let allowed = allowed.iter().map(|a| format!("{}/", gdal_path(a).trim_end_matches('/'))).collect();
        let check = Check { uri: from, allowed, seen: BTreeSet::new() };
        check
            .target(from, &folder_of(from), &Reference { name: name.into(), relative, needed: true })
            .map_err(|e| e.to_string())
    }

    #[test]
    fn local_vrts_name_local_files() {
        assert_eq!(verdict("/d/a.vrt", "b.tif", true, &[]), Ok(Some("/d/b.tif".into())));
        assert_eq!(verdict("/d/a.vrt", "../c/b.tif", true, &[]), Ok(Some("/d/../c/b.tif".into())));
        assert_eq!(verdict("/d/a.vrt", "/else/b.tif", false, &[]), Ok(Some("/else/b.tif".into())));
        assert_eq!(verdict("/d/a.vrt", "b.tif", false, &[]), Ok(Some("b.tif".into())));
        for name in [
            "/vsicurl/http://h/a.tif",
            "/vsis3/b/a.tif",
            "/vsizip//d/a.zip/a.tif",
            "../vsicurl/http://h/a.tif",
            "http://h/a.tif",
            "s3://b/a.tif",
            "vrt:///d/b.tif?bands=1",
            "MEM:::DATAPOINTER=1,PIXELS=1,LINES=1",
            "mem:::DATAPOINTER=1,PIXELS=1,LINES=1",
            "GTIFF_DIR:1:/d/a.tif",
            "<VRTDataset/>",
            "<GDAL_WMS/>",
            "{\"type\":\"STAC\"}",
        ] {
            for relative in [false, true] {
                assert!(verdict("/d/a.vrt", name, relative, &[]).is_err(), "{name}");
            }
        }
    }

    #[test]
    fn remote_vrts_name_files_of_their_host_or_bucket() {
        let s3 = "/vsis3/b/k/a.vrt";
        assert_eq!(verdict(s3, "x.tif", true, &[]), Ok(Some("/vsis3/b/k/x.tif".into())));
        assert_eq!(verdict(s3, "/vsis3/b/x.tif", false, &[]), Ok(Some("/vsis3/b/x.tif".into())));
        let web = "/vsicurl/https://h:1/k/a.vrt?sig=x";
        assert_eq!(verdict(web, "../x.tif", true, &[]), Ok(Some("/vsicurl/https://h:1/k/../x.tif".into())));
        assert!(verdict(web, "/vsicurl/https://h:1/q.tif", false, &[]).is_ok());
        for (from, name, relative) in [
            (s3, "/vsis3/bb/x.tif", false),
            (s3, "../../bb/x.tif", true),
            (s3, "../../../vsicurl/http://h/x.tif", true),
            (s3, "/etc/x.tif", false),
            (s3, "x.tif", false),
            (s3, "/vsicurl/https://h/x.tif", false),
            (web, "/vsicurl/https://h/x.tif", false),
            (web, "/vsicurl/http://h:1/x.tif", false),
            (web, "/vsicurl/https://h:1@other/x.tif", false),
            (web, "../../../other/x.tif", true),
            (web, "/vsicurl?url=https://h:1/x.tif", false),
            ("/vsicurl?url=https://h/a.vrt", "/vsicurl?url=https://other/x.tif", false),
            (web, "/vsizip//vsicurl/https://h:1/x.zip/x.tif", false),
        ] {
            assert!(verdict(from, name, relative, &[]).is_err(), "{from} {name}");
        }
    }

    #[test]
    fn more_can_be_allowed() {
        let allow = &["s3://bucket", "/vsizip//d/a.zip"];
        assert_eq!(verdict("/d/a.vrt", "/vsis3/bucket/x.tif", false, allow), Ok(None));
        assert_eq!(verdict("/d/a.vrt", "/vsizip//d/a.zip/x.tif", false, allow), Ok(None));
        assert!(verdict("/d/a.vrt", "/vsis3/bucket-of-others/x.tif", false, allow).is_err());
        assert!(verdict("/d/a.vrt", "/vsis3/bucket/../others/x.tif", false, allow).is_err());
    }

    #[test]
    fn vrts_are_known_by_their_beginning() {
        assert!(looks_like_vrt(b"  <VRTDataset rasterXSize=\"1\">"));
        assert!(looks_like_vrt(b"\xef\xbb\xbf<?xml version=\"1.0\"?>\n<VRTDataset>"));
        assert!(!looks_like_vrt(b"II*\0 <VRTDataset"));
        assert!(!looks_like_vrt(b"<kml>"));
    }
}
