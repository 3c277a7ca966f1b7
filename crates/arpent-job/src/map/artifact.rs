//! The run that a file belongs to: users have files at hand, not manifests.

use arpent_base::Result;
use arpent_publish::{Artifact, Manifest, Target};

/// A run, and a file of it.
#[derive(Debug)]
pub(crate) struct OfRun {
    /// Where the run was published.
    pub output: String,
    /// Its manifest.
    pub manifest: Manifest,
    /// The file's entry in the manifest.
    pub artifact: Artifact,
}

/// Address of an artifact of a run, after a check of its hash: results made of it name that hash.
///
/// # Errors
/// [`PublishError::NotAsPublished`](arpent_publish::PublishError::NotAsPublished), or when it cannot be read.
pub(crate) fn checked_address(target: &Target, artifact: &Artifact) -> Result<String> {
    target.check_artifact(artifact)?;
    let folder = target.local_folder().map(|folder| folder.to_string_lossy().into_owned());
    Ok(format!("{}/{}", folder.as_deref().unwrap_or(target.url()), artifact.href))
}

/// The run that has a file among its artifacts: its manifest lies at most two folders above. `None` if there is none,
/// or if it cannot be read: the file may still be inspected alone.
pub(crate) fn run_of(file: &str) -> Option<OfRun> {
    let file = file.trim_end_matches('/');
    let separators: Vec<usize> = file.char_indices().filter(|(_, c)| *c == '/').map(|(at, _)| at).collect();
    let above = separators.iter().rev().take(2).map(|at| (&file[..*at], &file[at + 1..]));
    // A file in the working directory, or in a folder of it.
    let here =
        (!file.contains("://") && separators.len() < 2 && !file.starts_with('/')).then_some((".", file));
    above.chain(here).filter(|(output, _)| !output.is_empty() && !output.ends_with('/')).find_map(
        |(output, href)| {
            let manifest = Target::parse(output).ok()?.read_manifest().ok()?;
            let artifact = manifest.artifacts.iter().find(|artifact| artifact.href == href)?.clone();
            Some(OfRun { output: output.to_owned(), manifest, artifact })
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_finds_its_run_above() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
        std::fs::create_dir_all(at("out/a1")).unwrap();
        let artifact = serde_json::json!({ "href": "a1/map.tif", "role": "map", "media_type": "", "size": 1, "sha256": "" });
        let manifest = serde_json::json!({
            "format": arpent_publish::MANIFEST_FORMAT, "run_id": "r", "created": "", "attempt": "a1", "software": {}, "inputs": [],
            "failed_inputs": [], "model": { "id": "", "version": "", "sha256": "", "license": "" }, "config": {},
            "counts": {}, "timings_s": {}, "artifacts": [artifact],
        });
        std::fs::write(at("out/manifest.json"), manifest.to_string()).unwrap();
        std::fs::write(at("out/a1/map.tif"), "x").unwrap();
        let found = run_of(&at("out/a1/map.tif")).unwrap();
        assert_eq!((found.output, found.artifact.role), (at("out"), "map".to_owned()));
        for other in ["out/a1/labels.tif", "out/map.tif", "map.tif", "out", "out/a1", "a/b/c/d.tif"] {
            assert!(run_of(&at(other)).is_none(), "{other}");
        }
    }
}
