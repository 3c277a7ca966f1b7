//! Databases with virtual tables: those of SpatiaLite read any file that they name.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::sync::Mutex;
use std::time::SystemTime;

use super::limits::head;
use crate::GdalError;
use crate::uri::is_local;

/// Header of a database ("The SQLite Database File Format", 1.3).
const HEADER_BYTES: usize = 100;
const MAGIC: &[u8] = b"SQLite format 3\0";
/// Offset of the text encoding, big-endian: 1 is UTF-8, 0 is a database without tables.
const ENCODING_AT: usize = 56;
/// Offset of the application id: `GPKG`, `GP10`, `GP11` for GeoPackages.
const APPLICATION_AT: usize = 68;
/// Common prefix of modules that read other files, and the rest of their names.
const VIRTUAL: &[u8] = b"virtual";
const OTHER_FILES: [&[u8]; 8] = [b"shape", b"text", b"dbf", b"xl", b"ogr", b"geojson", b"postgres", b"gpkg"];
/// Text before and after a module name in SpatiaLite's own views, which do not read other files.
const OF_VIEWS: [&[u8]; 2] = [b"SELECT '", b"' AS"];
/// Overlap of chunks: longer than a module name with its context.
const LONGEST: usize = 64;
const CHUNK: usize = 1 << 20;

type Known = (String, u64, Option<SystemTime>);

/// Refuses a database that has, or names, virtual tables that read other files.
pub(crate) fn check(uri: &str, path: &str) -> Result<(), GdalError> {
    static CLEAN: Mutex<BTreeSet<Known>> = Mutex::new(BTreeSet::new());
    let Ok(start) = head(path, HEADER_BYTES) else { return Ok(()) };
    if !start.starts_with(MAGIC) || start.len() < HEADER_BYTES {
        return Ok(());
    }
    let refused = |reference: &str, reason| {
        let (path, reference) = (uri.to_owned(), reference.to_owned());
        Err(GdalError::Reference { path, reference, reason })
    };
    if start[ENCODING_AT + 3] > 1 {
        return refused("UTF-16", "is an encoding in which its tables cannot be checked");
    }
    if !is_local(path) {
        let is_package = start[APPLICATION_AT..].starts_with(b"GP");
        return if is_package {
            Ok(())
        } else {
            refused(uri, "is a remote database: copy it to this machine first")
        };
    }
    let Ok(meta) = std::fs::metadata(path) else { return Ok(()) };
    let known: Known = (path.to_owned(), meta.len(), meta.modified().ok());
    if CLEAN.lock().is_ok_and(|clean| clean.contains(&known)) {
        return Ok(());
    }
    let found = scan(path).map_err(|source| GdalError::Io { doing: "read", path: uri.to_owned(), source })?;
    if let Some(name) = found {
        return refused(&name, "is a virtual table that reads other files");
    }
    if let Ok(mut clean) = CLEAN.lock() {
        clean.insert(known);
    }
    Ok(())
}

/// The name of a module that reads other files, if the database contains one.
fn scan(path: &str) -> std::io::Result<Option<String>> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0u8; CHUNK + LONGEST];
    let mut kept = 0;
    loop {
        let n = file.read(&mut buffer[kept..])?;
        let end = kept + n;
        let bytes = &buffer[..end];
        // Names that begin earlier were complete in the previous chunk.
        let mut at = if kept == LONGEST { OF_VIEWS[0].len() } else { 0 };
        while let Some(step) = bytes[at..].iter().position(|byte| *byte | 0x20 == b'v') {
            at += step;
            if n > 0 && end - at < LONGEST / 2 {
                // Checked with the next chunk.
                break;
            }
            if let Some(name) = module(&bytes[at..]) {
                let of_view =
                    bytes[..at].ends_with(OF_VIEWS[0]) && bytes[at + name.len()..].starts_with(OF_VIEWS[1]);
                if !of_view {
                    return Ok(Some(name));
                }
            }
            at += 1;
        }
        if n == 0 {
            return Ok(None);
        }
        kept = end.min(LONGEST);
        buffer.copy_within(end - kept..end, 0);
    }
}

fn module(bytes: &[u8]) -> Option<String> {
    let rest = bytes.get(VIRTUAL.len()..).filter(|_| bytes[..VIRTUAL.len()].eq_ignore_ascii_case(VIRTUAL))?;
    let is = |name: &&&[u8]| rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    let name = OTHER_FILES.iter().find(is)?;
    Some(String::from_utf8_lossy(&bytes[..VIRTUAL.len() + name.len()]).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_found_wherever_they_lie() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.sqlite");
        let text = path.to_string_lossy().into_owned();
        for at in [0, CHUNK - 3, CHUNK + 5, 2 * CHUNK + 13] {
            let mut bytes = vec![b'v'; at];
            bytes.extend_from_slice(b"USING VirtualShape('/etc/x')");
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(scan(&text).unwrap().as_deref(), Some("VirtualShape"), "{at}");
        }
        let view = [vec![b' '; CHUNK + 50], b"SELECT 'VirtualShape' AS layer_type".to_vec()].concat();
        std::fs::write(&path, view).unwrap();
        assert_eq!(scan(&text).unwrap(), None);
        std::fs::write(&path, b"USING 'VirtualShape'('/etc/x')").unwrap();
        assert!(scan(&text).unwrap().is_some());
        std::fs::write(&path, b"USING VirtualSpatialIndex() VirtualKNN() VirtualElementary()").unwrap();
        assert_eq!(scan(&text).unwrap(), None);
    }
}
