//! One suite for every store.

use std::collections::BTreeSet;
use std::path::Path;

use arpent_base::Diagnostic as _;
use futures_util::TryStreamExt;
use object_store::ObjectStoreExt;
use tempfile::TempDir;

use super::*;
use crate::manifest::{Counts, ModelRecord};
use crate::names::{MANIFEST_FORMAT, is_attempt};
use crate::verify::CheckOutcome;

pub(crate) fn manifest(run_id: &str) -> Manifest {
    Manifest {
        format: MANIFEST_FORMAT.into(),
        run_id: run_id.into(),
        created: "2026-01-02T03:04:05Z".into(),
        attempt: String::new(),
        plan: None,
        software: [("arpent".to_owned(), "0.1.0".to_owned())].into(),
        inputs: vec![],
        failed_inputs: vec![],
        warnings: vec![],
        engines: vec![],
        model: ModelRecord::default(),
        package: None,
        config: serde_json::json!({ "window": 512 }),
        counts: Counts::default(),
        timings_s: [("read".to_owned(), 0.5)].into(),
        energy: None,
        ledger: None,
        columns: None,
        tables: [].into(),
        artifacts: vec![],
    }
}

/// A small file, an empty one and one that goes up in parts.
pub(crate) fn staged(dir: &Path) -> Vec<StagedArtifact> {
    let large: Vec<u8> = (0..20_000_000u32).map(|i| i.to_le_bytes()[0] ^ i.to_le_bytes()[2]).collect();
    let files = [("a.parquet", b"abc".to_vec()), ("empty.txt", vec![]), ("labels.tif", large)];
    let stage = |(name, bytes): (&str, Vec<u8>)| {
        let path = dir.join(name);
        std::fs::write(&path, bytes).unwrap();
        StagedArtifact::new(&path, "features").unwrap()
    };
    files.map(stage).into()
}

fn session(target: &Target) -> Session {
    target.session().unwrap().unwrap()
}

fn objects(target: &Target) -> BTreeSet<String> {
    let Some(session) = target.session().unwrap() else { return BTreeSet::new() };
    let all: Vec<_> = target.block_on(session.store().list(None).try_collect()).unwrap();
    all.into_iter().map(|o: object_store::ObjectMeta| o.location.to_string()).collect()
}

fn exists_error(error: &PublishError) -> bool {
    matches!(error, PublishError::OutputExists { run_id, .. } if run_id == "r1")
}

/// What every store must do.
fn conformance(target: &Target) {
    let scratch = tempfile::tempdir().unwrap();
    let artifacts = staged(scratch.path());

    assert!(!target.exists().unwrap());
    target.check_writable().unwrap();
    assert!(matches!(target.read_manifest(), Err(PublishError::NoManifest { .. })));

    killed_before_the_manifest(target, &artifacts);
    let orphans = objects(target);
    let first = target.publish(&artifacts, manifest("r1"), false).unwrap();
    assert_eq!(target.read_manifest().unwrap(), first.manifest);
    assert_eq!(objects(target).len(), orphans.len() + artifacts.len() + 1);
    assert!(target.exists().unwrap() && target.verify().unwrap().is_intact());

    refused_without_overwrite(target, &artifacts);
    let second = target.publish(&artifacts[..2], manifest("r2"), true).unwrap();
    assert!(second.leftovers.is_empty());
    assert_eq!(target.read_manifest().unwrap().run_id, "r2");
    assert!(target.verify().unwrap().is_intact());
    assert_eq!(objects(target).len(), orphans.len() + 2 + 1, "the former run's objects are gone");

    a_failed_upload_leaves_no_trace(target, &artifacts);
    damage_is_found(target, &second.manifest);
}

fn killed_before_the_manifest(target: &Target, artifacts: &[StagedArtifact]) {
    if let Some(folder) = target.local_folder() {
        std::fs::create_dir_all(folder).unwrap();
    }
    target.block_on(session(target).upload_all("killed", artifacts)).unwrap();
    assert!(!target.exists().unwrap());
    assert!(target.verify().is_err());
}

fn refused_without_overwrite(target: &Target, artifacts: &[StagedArtifact]) {
    let before = objects(target);
    let error = target.publish(artifacts, manifest("r2"), false).unwrap_err();
    assert!(exists_error(&error) && error.hint().unwrap().contains("--overwrite"), "{error}");
    // The same when the other run arrives during the upload.
    let late = complete(manifest("r2"), "late", artifacts);
    let commit = async {
        let session = session(target);
        session.upload_all("late", artifacts).await.unwrap();
        session.commit(&late, None).await.unwrap_err()
    };
    let error = target.block_on(commit);
    assert!(exists_error(&error), "{error}");
    assert_eq!(objects(target), before);
}

fn a_failed_upload_leaves_no_trace(target: &Target, artifacts: &[StagedArtifact]) {
    let before = objects(target);
    let mut changed = artifacts.to_vec();
    for index in [0, 2] {
        changed[index].digest.sha256 = "0".repeat(64);
        let error = target.publish(&changed, manifest("r3"), true).unwrap_err();
        assert!(matches!(error, PublishError::ArtifactChanged { .. }), "{error}");
    }
    changed[2].path = "/nowhere/labels.tif".into();
    changed[0] = artifacts[0].clone();
    assert!(matches!(target.publish(&changed, manifest("r3"), true), Err(PublishError::Io { .. })));
    assert_eq!(objects(target), before);
    assert_eq!(target.read_manifest().unwrap().run_id, "r2");
}

fn damage_is_found(target: &Target, manifest: &Manifest) {
    let session = session(target);
    let outcome = |href: &str| {
        let report = target.verify().unwrap();
        assert!(!report.is_intact());
        assert_eq!(report.problems().count(), 1);
        report.checks.into_iter().find(|c| c.href == href).unwrap().outcome
    };
    let href = &manifest.artifacts[0].href;
    let at = session.at(href).unwrap();
    let put = |bytes: &'static [u8]| target.block_on(session.store().put(&at, bytes.into())).unwrap();
    put(b"abd");
    assert!(matches!(outcome(href), CheckOutcome::WrongHash { .. }));
    put(b"ab");
    assert_eq!(outcome(href), CheckOutcome::WrongSize { expected: 3, found: 2 });
    target.block_on(session.store().delete(&at)).unwrap();
    assert_eq!(outcome(href), CheckOutcome::Missing);
    put(b"abc");
    assert!(target.verify().unwrap().is_intact());
}

#[test]
fn attempts_are_known_by_their_form() {
    assert!(is_attempt(&unique_key()), "{}", unique_key());
    for other in ["", "jobs", "20200102T030405Z-0123456789abcdeg", "20200102T030405Z-0123456789abcdef0"] {
        assert!(!is_attempt(other), "{other}");
    }
}

#[test]
fn memory_conforms() {
    conformance(&Target::parse("memory:///some/prefix").unwrap());
    conformance(&Target::parse("memory://").unwrap());
}

#[test]
fn local_folders_conform() {
    let dir = tempfile::tempdir().unwrap();
    conformance(&Target::parse(dir.path().join("made/on the way").to_str().unwrap()).unwrap());
}

#[test]
fn a_run_published_meanwhile_is_not_overwritten_where_the_store_detects_it() {
    let scratch = tempfile::tempdir().unwrap();
    let artifacts = &staged(scratch.path())[..1];
    let target = Target::parse("memory:///p").unwrap();
    target.publish(artifacts, manifest("r1"), false).unwrap();
    let session = session(&target);
    let seen = target.block_on(session.manifest_bytes()).unwrap();
    target.publish(artifacts, manifest("r2"), true).unwrap();
    let late = complete(manifest("r3"), "late", artifacts);
    let error = target.block_on(session.commit(&late, seen.as_ref())).unwrap_err();
    assert!(matches!(error, PublishError::ReplacedMeanwhile { .. }), "{error}");
    assert_eq!(target.read_manifest().unwrap().run_id, "r2");
    assert!(target.verify().unwrap().is_intact());
}

#[test]
fn a_lost_answer_to_a_manifest_that_arrived_is_a_success() {
    let scratch = tempfile::tempdir().unwrap();
    let artifacts = &staged(scratch.path())[..1];
    let target = Target::parse("memory:///p").unwrap();
    let session = session(&target);
    let ours = complete(manifest("r1"), "ours", artifacts);
    target.block_on(session.upload_all("ours", artifacts)).unwrap();
    target.block_on(session.commit(&ours, None)).unwrap();
    // The retry of a request whose first answer was lost meets its own manifest.
    target.block_on(session.commit(&ours, None)).unwrap();
    assert!(target.verify().unwrap().is_intact());
}

#[test]
fn an_unreadable_manifest_is_replaced_on_demand() {
    let dir = tempfile::tempdir().unwrap();
    let artifacts = &staged(dir.path())[..1];
    let out = dir.path().join("out");
    std::fs::create_dir_all(out.join("kept")).unwrap();
    std::fs::write(out.join("kept/file"), "x").unwrap();
    std::fs::write(out.join("manifest.json"), r#"{"format":"arpent-run/1","attempt":"../kept"}"#).unwrap();
    let target = Target::parse(out.to_str().unwrap()).unwrap();
    assert!(matches!(
        target.publish(artifacts, manifest("r1"), false),
        Err(PublishError::OutputExists { .. })
    ));
    assert!(!target.publish(artifacts, manifest("r1"), true).unwrap().leftovers.is_empty());
    assert!(target.verify().unwrap().is_intact() && out.join("kept/file").exists());
}

#[test]
fn a_manifest_cannot_point_outside() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("secret"), "abc").unwrap();
    let target = Target::parse(dir.path().join("out").to_str().unwrap()).unwrap();
    let artifacts = &staged(dir.path())[..1];
    let mut published = target.publish(artifacts, manifest("r1"), false).unwrap().manifest;
    published.artifacts[0].href = "../secret".into();
    std::fs::write(dir.path().join("out/manifest.json"), published.to_json().unwrap()).unwrap();
    for error in [target.verify().unwrap_err(), target.read_manifest().unwrap_err()] {
        assert!(matches!(&error, PublishError::ManifestPath { href, .. } if href == "../secret"), "{error}");
    }
}

#[test]
fn a_failure_removes_the_folders_it_made() {
    let dir = tempfile::tempdir().unwrap();
    let mut artifacts = staged(dir.path());
    artifacts[1].path = dir.path().join("gone");
    let target = Target::parse(dir.path().join("new/out").to_str().unwrap()).unwrap();
    let error = target.publish(&artifacts, manifest("r1"), false).unwrap_err();
    assert!(error.to_string().contains("gone"), "{error}");
    assert!(!dir.path().join("new").exists());
}

#[test]
fn names_are_plain_and_different() {
    let scratch: TempDir = tempfile::tempdir().unwrap();
    let mut artifacts = staged(scratch.path());
    check_names(&artifacts).unwrap();
    for bad in ["", "a b", "../x", "a/b", ".hidden", "é"] {
        bad.clone_into(&mut artifacts[0].name);
        assert!(matches!(check_names(&artifacts), Err(PublishError::BadArtifactName { .. })), "{bad}");
    }
    artifacts[0].name = artifacts[1].name.clone();
    assert!(check_names(&artifacts).is_err());
}

#[test]
fn attempts_differ() {
    let many: BTreeSet<_> = (0..100).map(|_| unique_key()).collect();
    assert_eq!(many.len(), 100);
    assert!(many.iter().all(|a| is_plain(a)));
}
