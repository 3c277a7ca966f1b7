use std::fs;
use std::time::SystemTime;

use super::*;
use crate::names::unique_key;
use crate::publish::tests::{manifest, staged};

const DAY: Duration = Duration::from_hours(24);

/// A file, `age` old.
fn file(root: &Path, href: &str, age: Duration) {
    let path = root.join(href);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, href).unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(SystemTime::now() - age).unwrap();
}

fn age_all(root: &Path, age: Duration) {
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            age_all(&path, age);
        } else {
            fs::File::options()
                .write(true)
                .open(&path)
                .unwrap()
                .set_modified(SystemTime::now() - age)
                .unwrap();
        }
    }
}

fn places(report: &GcReport) -> Vec<&str> {
    report.leftovers.iter().map(|l| l.place.as_str()).collect()
}

/// An output with a visible run, all of it old, and a lot beside it.
fn output(root: &Path) -> (Target, String) {
    let scratch = tempfile::tempdir().unwrap();
    let target = Target::parse(root.to_str().unwrap()).unwrap();
    let published = target.publish(&staged(scratch.path())[..1], manifest("r1"), false).unwrap();
    let visible = published.manifest.attempt;
    file(root, &format!("{visible}/b.tif#1"), DAY);
    age_all(root, 9 * DAY);
    (target, visible)
}

const OLD: &str = "20200102T030405Z-0123456789abcdef";
const OLD_JOB: &str = "jobs/0123456789abcdef";

#[test]
fn only_old_leftovers_of_ours_go() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let (target, visible) = output(root);
    let young = unique_key();
    let nobodys = [
        "20200102T030405Z-0123456789abcde/a",
        "20200102T030405Z-0123456789ABCDEF/a",
        "20200102T030405Z-0123456789abcdef",
        "photos/20200102T030405Z-0123456789abcdef/a",
        "jobs/notes.txt",
        "jobs/0123456789abcde/a",
        "notes#1",
        "a.tif",
    ];
    // A file that has the name of an attempt is no attempt; it cannot be beside a folder of that name.
    let other = "20200102T030405Z-0000000000000000";
    for href in nobodys.iter().filter(|h| **h != OLD) {
        file(root, href, 9 * DAY);
    }
    file(root, other, 9 * DAY);
    for href in [
        &format!("{OLD}/a.tif"),
        &format!("{OLD}/deep/b#12"),
        &format!("{OLD_JOB}/shards/1.json"),
        "manifest.json#1",
    ] {
        file(root, href, 8 * DAY);
    }
    // One that goes on: its first file is old, the one under way is not; and a job that beats.
    file(root, &format!("{young}/a.tif"), 9 * DAY);
    file(root, &format!("{young}/b.tif#1"), Duration::ZERO);
    file(root, "jobs/ffffffffffffffff/job.json", 9 * DAY);
    file(root, "jobs/ffffffffffffffff/beat.json", Duration::ZERO);

    let before = target.everything(&target.session().unwrap().unwrap(), "").unwrap();
    let seen = target.gc(7 * DAY, true).unwrap();
    assert_eq!(target.everything(&target.session().unwrap().unwrap(), "").unwrap(), before);
    let expected = [OLD, &format!("{visible}/b.tif#1"), OLD_JOB, "manifest.json#1"];
    assert_eq!(places(&seen), expected);
    assert_eq!(seen.leftovers[0].objects, 2);
    assert_eq!(seen.leftovers[0].kind, LeftoverKind::Attempt);
    assert!(seen.leftovers[0].age_s >= 8 * 86_400 && seen.leftovers[0].age_s < 8 * 86_400 + 60);
    assert_eq!(seen.leftovers[0].left.len(), 2);
    assert!(seen.bytes() > 60);

    let done = target.gc(7 * DAY, false).unwrap();
    assert_eq!(places(&done), expected);
    assert!(done.leftovers.iter().all(|l| l.left.is_empty()), "{done:?}");
    assert!(!root.join(OLD).exists() && !root.join(OLD_JOB).exists());
    let stays = nobodys.iter().filter(|h| **h != OLD).map(|h| (*h).to_owned());
    let stays = stays.chain([other.into(), format!("{young}/a.tif"), format!("{young}/b.tif#1")]);
    for href in stays.chain(["jobs/ffffffffffffffff/job.json".into()]) {
        assert!(root.join(&href).exists(), "{href}");
    }
    assert!(target.verify().unwrap().is_intact());
    assert!(places(&target.gc(7 * DAY, false).unwrap()).is_empty());
}

#[test]
fn a_publication_under_way_survives_and_a_failed_one_does_not() {
    let scratch = tempfile::tempdir().unwrap();
    let target = Target::parse("memory:///out").unwrap();
    let artifacts = &staged(scratch.path())[..2];
    target.publish(artifacts, manifest("r1"), false).unwrap();
    let attempt = unique_key();
    let session = target.session().unwrap().unwrap();
    target.block_on(session.upload_all(&attempt, artifacts)).unwrap();
    assert!(target.gc(Duration::from_mins(10), false).unwrap().leftovers.is_empty());
    assert_eq!(target.list(&attempt).unwrap().len(), 2);
    // Of age zero, everything is old, and still what is visible stays.
    let report = target.gc(Duration::ZERO, false).unwrap();
    assert_eq!(places(&report), [attempt.as_str()]);
    assert!(target.list(&attempt).unwrap().is_empty());
    assert!(target.verify().unwrap().is_intact());
}

#[test]
fn an_unreadable_manifest_protects_everything() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::parse(dir.path().to_str().unwrap()).unwrap();
    file(dir.path(), &format!("{OLD}/a.tif"), 9 * DAY);
    fs::write(dir.path().join("manifest.json"), "{").unwrap();
    assert!(target.gc(DAY, false).is_err());
    assert!(dir.path().join(OLD).join("a.tif").exists());
}

#[test]
fn a_missing_output_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::parse(dir.path().join("none").to_str().unwrap()).unwrap();
    let is_nothing = |age| matches!(target.gc(age, false), Err(PublishError::NothingThere { url }) if url.ends_with("none"));
    assert!(is_nothing(Duration::ZERO));
    assert!(!dir.path().join("none").exists());
    // Longer ago than time goes back.
    assert!(is_nothing(Duration::MAX));
    // An empty folder holds no output either, as an empty part of a bucket.
    fs::create_dir(dir.path().join("none")).unwrap();
    assert!(is_nothing(Duration::ZERO) && is_nothing(Duration::MAX));
    assert!(dir.path().join("none").exists());
    let bucket = Target::parse("memory:///none").unwrap();
    assert!(matches!(bucket.gc(Duration::ZERO, false), Err(PublishError::NothingThere { .. })));
}
