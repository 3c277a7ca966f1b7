//! What every store must do, after the example of `object_store::integration`, of our layer.

use std::time::Duration;

use arpent_base::Diagnostic as _;
use arpent_publish::{CheckOutcome, LeftoverKind, ObjectKind, PublishError, Target};
use arpent_testing::servers::{Azurite, SeaweedFs};

use crate::common::{Store, manifest, staged};

/// One whole object, and three parts of a multipart upload, the last one short.
const FILES: [(&str, usize); 3] = [("a.parquet", 1000), ("empty.txt", 0), ("labels.tif", 17 << 20)];

#[test]
fn memory_conforms() {
    let target = Target::parse("memory:///some/prefix").unwrap();
    suite(&|folder| target.below(folder).unwrap());
}

#[test]
fn local_folders_conform() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path().join("made/on the way").to_str().unwrap(), vec![]);
    suite(&|folder| store.open(folder));
    let url = format!("file://{}", dir.path().join("by-url").display());
    let store = Store::new(&url, vec![]);
    objects(&store.open("objects"));
}

#[test]
fn seaweedfs_conforms() {
    let Some(server) = SeaweedFs::start() else { return };
    let store = Store::new(&server.url("some/prefix"), server.env());
    suite(&|folder| store.open(folder));
    let published = store.open("types").publish(
        &staged(
            tempfile::tempdir().unwrap().path(),
            1,
            &[("labels.tif", 10), ("big.fgb", 9 << 20), ("a.geojson", 5)],
        ),
        manifest("r"),
        false,
    );
    for (artifact, media_type) in published.unwrap().manifest.artifacts.iter().zip([
        "image/tiff; application=geotiff; profile=cloud-optimized",
        "application/vnd.flatgeobuf",
        "application/geo+json",
    ]) {
        let head = server.head(&format!("some/prefix/types/{}", artifact.href)).to_ascii_lowercase();
        assert!(head.contains(&format!("content-type: {media_type}\r\n")), "{head}");
        assert!(!head.contains("content-disposition: attachment"), "{head}");
    }
    // The same as a web server shows it.
    let web = Store::new(&server.web_url("some/prefix"), vec![]).open("types");
    assert!(web.verify().unwrap().is_intact());
    assert!(matches!(web.create("x", vec![], "x"), Err(PublishError::ReadOnly { .. })));
    assert_eq!(web.read("none", ObjectKind::Record).unwrap(), None);
    wrong_credentials(&store, "AWS_SECRET_ACCESS_KEY", "not-the-right-secret");
}

#[test]
fn azurite_conforms() {
    let Some(server) = Azurite::start() else { return };
    let store = Store::new(&server.url("some/prefix"), server.env());
    suite(&|folder| store.open(folder));
    wrong_credentials(&store, "AZURE_STORAGE_ACCOUNT_KEY", "bm90LXRoZS1yaWdodC1zZWNyZXQ=");
}

/// Runs everything, each in a folder of its own.
fn suite(open: &dyn Fn(&str) -> Target) {
    objects(&open("objects"));
    names(&open("names"));
    races(&|| open("races"));
    publication(&open("publication"));
    publishers_at_once(&|| open("publishers"));
    leftovers(&open("leftovers"));
    nothing(&open("nothing"));
}

fn hrefs(target: &Target, folder: &str) -> Vec<String> {
    target.list(folder).unwrap().into_iter().map(|object| object.href).collect()
}

/// Create once, replace, read, list, delete.
fn objects(target: &Target) {
    assert_eq!(target.read("job/a", ObjectKind::Record).unwrap(), None);
    assert!(hrefs(target, "").is_empty());
    assert!(target.create("job/a", b"one".to_vec(), "text/plain").unwrap());
    assert!(!target.create("job/a", b"two".to_vec(), "text/plain").unwrap());
    assert_eq!(target.read("job/a", ObjectKind::Record).unwrap().unwrap(), b"one");
    target.replace("job/a", b"three".to_vec(), "text/plain").unwrap();
    assert_eq!(target.read("job/a", ObjectKind::Record).unwrap().unwrap(), b"three");
    target.replace("job/deep/b", vec![], "application/json").unwrap();
    assert_eq!(target.read("job/deep/b", ObjectKind::Record).unwrap().unwrap(), b"");
    target.replace("jobs", vec![1], "application/json").unwrap();
    assert_eq!(hrefs(target, "job"), ["job/a", "job/deep/b"]);
    assert_eq!(hrefs(target, ""), ["job/a", "job/deep/b", "jobs"]);
    let listed = target.list("job").unwrap();
    assert_eq!((listed[0].size, listed[1].size), (5, 0));
    let age = chrono::Utc::now() - listed[0].modified;
    assert!(age.abs() < chrono::TimeDelta::minutes(5), "{age}");
    assert!(hrefs(target, "jo").is_empty(), "a prefix is a whole name");
    assert_eq!(hrefs(&target.below("job").unwrap(), "deep"), ["deep/b"]);
    assert!(target.delete_below("job").unwrap().is_empty());
    assert_eq!(hrefs(target, ""), ["jobs"]);
    assert!(target.create("job/a", b"again".to_vec(), "text/plain").unwrap());
    assert!(target.delete_below("none").unwrap().is_empty());
}

/// Names that addresses or XML would trip over, and those that lead elsewhere.
fn names(target: &Target) {
    let odd =
        ["with space", "per%20cent", "plus+plus", "a&b<c>'d\"", "ünï©ødé", "a=b,c;d", "d.o.t.s", "tilde~"];
    for name in odd {
        let href = format!("f/{name}");
        target.replace(&href, name.as_bytes().to_vec(), "text/plain").unwrap();
        assert_eq!(target.read(&href, ObjectKind::Record).unwrap().unwrap(), name.as_bytes(), "{name}");
    }
    assert_eq!(target.list("f").unwrap().len(), odd.len());
    assert!(target.delete_below("f").unwrap().is_empty());
    assert!(hrefs(target, "").is_empty());
    for bad in ["", "/a", "a/", "../a", "a/../b", "./a", "a//b"] {
        assert!(
            matches!(target.read(bad, ObjectKind::Record), Err(PublishError::BadArtifactName { .. })),
            "{bad}"
        );
        assert!(target.replace(bad, vec![], "x").is_err(), "{bad}");
    }
}

/// Of many who create the same object, one wins, and its bytes are there.
fn races(open: &(dyn Fn() -> Target + '_)) {
    let targets: Vec<Target> = (0..6).map(|_| open()).collect();
    for round in 0..3 {
        let href = format!("round-{round}");
        let won: Vec<usize> = std::thread::scope(|scope| {
            let writers = targets.iter().enumerate().map(|(i, target)| {
                let href = href.as_str();
                scope.spawn(move || {
                    target.create(href, vec![b'0' + u8::try_from(i).unwrap(); 5000], "x").unwrap()
                })
            });
            let writers: Vec<_> = writers.collect();
            let won = writers.into_iter().map(|writer| writer.join().unwrap());
            won.enumerate().filter_map(|(i, won)| won.then_some(i)).collect()
        });
        assert_eq!(won.len(), 1, "{won:?}");
        let bytes = targets[0].read(&href, ObjectKind::Record).unwrap().unwrap();
        assert_eq!(bytes, vec![b'0' + u8::try_from(won[0]).unwrap(); 5000]);
    }
    assert!(targets[0].delete_below("round-0").is_ok());
}

/// Publish, refuse, verify, find damage, overwrite.
fn publication(target: &Target) {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (staged(dir.path(), 1, &FILES), staged(dir.path(), 1, &FILES[..1]));
    assert!(!target.exists().unwrap());
    target.check_writable().unwrap();
    let one = target.publish(&first, manifest("r1"), false).unwrap();
    assert!(one.leftovers.is_empty());
    assert_eq!(target.read_manifest().unwrap(), one.manifest);
    assert!(target.verify().unwrap().is_intact());
    let large = &one.manifest.artifacts[2];
    assert_eq!(large.size, 17 << 20);
    assert_eq!(
        target.read(&large.href, ObjectKind::Piece).unwrap().unwrap(),
        std::fs::read(&first[2].path).unwrap()
    );
    let error = target.publish(&second, manifest("r2"), false).unwrap_err();
    assert!(matches!(&error, PublishError::OutputExists { run_id, .. } if run_id == "r1"), "{error}");
    assert_eq!(target.list("").unwrap().len(), 4, "a refused publication leaves nothing");
    target.replace(&large.href, vec![0; 17 << 20], "image/tiff").unwrap();
    let report = target.verify().unwrap();
    let problems: Vec<_> = report.problems().collect();
    assert!(
        problems.len() == 1 && matches!(problems[0].outcome, CheckOutcome::WrongHash { .. }),
        "{problems:?}"
    );
    target.delete_below(&one.manifest.attempt).unwrap();
    assert_eq!(target.verify().unwrap().problems().count(), 3);
    let two = target.publish(&second, manifest("r2"), true).unwrap();
    assert!(target.verify().unwrap().is_intact());
    assert_eq!(hrefs(target, ""), [two.manifest.artifacts[0].href.clone(), "manifest.json".into()]);
}

/// Of several who publish to one place, one is visible, whole, and the others leave nothing.
fn publishers_at_once(open: &(dyn Fn() -> Target + '_)) {
    let dir = tempfile::tempdir().unwrap();
    let artifacts = staged(dir.path(), 3, &FILES[..2]);
    let targets: Vec<Target> = (0..4).map(|_| open()).collect();
    let won: Vec<String> = std::thread::scope(|scope| {
        let publish = |(i, target): (usize, &Target)| {
            let artifacts = &artifacts;
            let (target, run_id) = (target.clone(), format!("r{i}"));
            scope.spawn(move || match target.publish(artifacts, manifest(&run_id), false) {
                Ok(_) => Some(run_id),
                Err(PublishError::OutputExists { .. }) => None,
                Err(error) => panic!("{error}"),
            })
        };
        let publishers: Vec<_> = targets.iter().enumerate().map(publish).collect();
        publishers.into_iter().filter_map(|publisher| publisher.join().unwrap()).collect()
    });
    assert_eq!(won.len(), 1, "{won:?}");
    assert_eq!(targets[0].read_manifest().unwrap().run_id, won[0]);
    assert!(targets[0].verify().unwrap().is_intact());
    assert_eq!(targets[0].list("").unwrap().len(), 3);
}

/// Leftovers of interrupted uploads are found and deleted, visible and unrelated objects are not.
fn leftovers(target: &Target) {
    let dir = tempfile::tempdir().unwrap();
    let visible = target.publish(&staged(dir.path(), 4, &FILES[..1]), manifest("r1"), false).unwrap();
    let attempt = "20200102T030405Z-0123456789abcdef";
    for href in [&format!("{attempt}/a.tif"), "jobs/0123456789abcdef/job.json", "photos/a.jpg", "jobs/readme"]
    {
        target.replace(href, vec![7; 100], "x").unwrap();
    }
    let before = hrefs(target, "");
    assert!(target.gc(Duration::from_hours(1), false).unwrap().leftovers.is_empty());
    let seen = target.gc(Duration::ZERO, true).unwrap();
    assert_eq!(hrefs(target, ""), before);
    let done = target.gc(Duration::ZERO, false).unwrap();
    for report in [&seen, &done] {
        let found: Vec<_> = report.leftovers.iter().map(|l| (l.place.as_str(), l.kind, l.bytes)).collect();
        let job = ("jobs/0123456789abcdef", LeftoverKind::Job, 100);
        assert_eq!(found, [(attempt, LeftoverKind::Attempt, 100), job]);
    }
    let visible = visible.manifest.artifacts[0].href.as_str();
    assert_eq!(hrefs(target, ""), [visible, "jobs/readme", "manifest.json", "photos/a.jpg"]);
    assert!(target.verify().unwrap().is_intact());
}

/// What is not there is not there, and no error of the store's.
fn nothing(target: &Target) {
    assert!(!target.exists().unwrap());
    assert!(matches!(target.read_manifest(), Err(PublishError::NoManifest { .. })));
    assert!(matches!(target.verify(), Err(PublishError::NoManifest { .. })));
    assert_eq!(target.read("a", ObjectKind::Record).unwrap(), None);
    assert!(target.list("").unwrap().is_empty() && target.list("a/b").unwrap().is_empty());
    assert!(target.delete_below("a").unwrap().is_empty());
    for age in [Duration::ZERO, Duration::MAX] {
        let error = target.gc(age, false).unwrap_err();
        assert!(matches!(error, PublishError::NothingThere { .. }) && error.hint().is_some(), "{error}");
    }
}

/// A wrong secret is refused at once, lastingly, and not repeated.
fn wrong_credentials(store: &Store, variable: &str, secret: &str) {
    let mut env = store.env.clone();
    env.insert(variable.to_owned(), secret.to_owned());
    let target = Store { url: store.url.clone(), env }.open("x");
    for error in
        [target.read("a", ObjectKind::Record).unwrap_err(), target.create("a", vec![1], "x").unwrap_err()]
    {
        let said = format!("{error} {error:?} {}", error.hint().unwrap());
        assert!(!said.contains(secret) && said.contains("docs/guides/object-storage.md"), "{said}");
        assert!(error.is_transient() == Some(false), "{error}");
    }
}
