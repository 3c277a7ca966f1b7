//! A store that fails: whatever happens, a manifest is there with everything that it names, or there is none.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use arpent_base::Diagnostic as _;
use arpent_publish::{ObjectKind, PublishError, Result, Target};
use arpent_testing::faults::{Fault, FaultProxy, Faults};
use arpent_testing::servers::{Azurite, SeaweedFs};

use crate::common::{Store, manifest, staged};

/// Silence for so long is too long; and a stall, which is longer.
const TIMEOUT: Duration = Duration::from_millis(150);
const STALL: Duration = Duration::from_millis(300);
/// Requests of a thousand that fail.
const OFTEN: u64 = 300;
const RETRIES: u32 = 4;
/// Proxies beside each other, each with faults of its own; and the faults that each must have met.
const LANES: u64 = 4;
const ENOUGH: u64 = 260;
/// The longest that any operation may take: all its requests, each with all its retries.
const BOUND: Duration = Duration::from_secs(40);
const SEED: u64 = 20_261_126;

/// What was done, and how often it failed.
#[derive(Default, Debug)]
struct Tally {
    done: u64,
    failed: u64,
    longest: Duration,
    injected: BTreeMap<Fault, u64>,
}

impl Tally {
    /// Counts an outcome; a failure must be one that may pass, and must say what happened.
    fn count<T>(&mut self, operation: impl FnOnce() -> Result<T>) -> Option<T> {
        let start = Instant::now();
        let outcome = operation();
        self.longest = self.longest.max(start.elapsed());
        match outcome {
            Ok(value) => {
                self.done += 1;
                Some(value)
            }
            Err(error) => {
                // A list whose names were changed on the way cannot be distinguished from one with odd names.
                let altered_list = error.to_string().contains("invalid path");
                assert!(
                    altered_list || error.is_transient() == Some(true) && error.hint().is_some(),
                    "{error:?}"
                );
                assert!(error.to_string().len() > 30, "{error}");
                self.failed += 1;
                None
            }
        }
    }
}

#[test]
fn no_fault_of_the_store_makes_a_broken_output() {
    let Some(server) = SeaweedFs::start() else { return };
    let tallies: Vec<Tally> = std::thread::scope(|scope| {
        let server = &server;
        let lanes: Vec<_> = (0..LANES).map(|lane| scope.spawn(move || one_lane(server, lane))).collect();
        lanes.into_iter().map(|lane| lane.join().unwrap()).collect()
    });
    eprintln!("{tallies:#?}");
    let sum = |of: fn(&Tally) -> u64| tallies.iter().map(of).sum::<u64>();
    assert!(sum(|t| t.injected.values().sum()) >= 1000);
    assert!(Fault::ALL.iter().all(|fault| tallies.iter().any(|t| t.injected.contains_key(fault))));
    assert!(sum(|t| t.done) > 400 && sum(|t| t.failed) > 40);
}

/// Works through a proxy of its own until that has failed often enough, then without faults.
fn one_lane(server: &SeaweedFs, lane: u64) -> Tally {
    let faults = Faults {
        seed: SEED + lane,
        per_mille: OFTEN,
        kinds: Fault::ALL.into(),
        stall: STALL,
        ..Faults::none()
    };
    let proxy = FaultProxy::start(server.address(), faults);
    let url = server.url(&format!("lane-{lane}"));
    let clear = Store::new(&url, server.env());
    let patient = Store::new(&url, server.env_by_way_of(proxy.address()));
    let through = Store::new(&url, server.env_by_way_of(proxy.address())).impatient(TIMEOUT, RETRIES);
    let dir = tempfile::tempdir().unwrap();
    let artifacts = staged(dir.path(), 1, &[("a.parquet", 3000), ("labels.tif", 9 << 20)]);

    let mut tally = Tally::default();
    for round in 0.. {
        if proxy.injected().values().sum::<u64>() >= ENOUGH {
            break;
        }
        let folder = format!("round-{}", round / 3);
        let (target, sound) = (through.open(&folder), clear.open(&folder));
        // Large files are sent now and then, since they take long.
        let files = if round % 10 == 0 { &artifacts[..] } else { &artifacts[..1] };
        publish(&mut tally, &target, files, round);
        whole_or_nothing(&sound);
        reads_and_lists(&mut tally, &target);
        creates(&mut tally, &target, &sound, round);
    }
    assert!(tally.longest < BOUND, "{tally:?}");
    tally.injected = proxy.injected();

    proxy.set(Faults::none());
    let (target, sound) = (patient.open("round-0"), clear.open("round-0"));
    target.publish(&artifacts, manifest("last"), true).unwrap();
    assert_eq!(sound.read_manifest().unwrap().run_id, "last");
    // What the failed attempts have left goes, and nothing else.
    sound.gc(Duration::ZERO, false).unwrap();
    assert_eq!(sound.list("").unwrap().len(), 3, "two artifacts and the manifest");
    assert!(sound.verify().unwrap().is_intact());
    tally
}

#[test]
fn one_fault_at_any_request_is_a_clear_error_or_none_at_all() {
    let Some(server) = SeaweedFs::start() else { return };
    let proxy = FaultProxy::start(server.address(), Faults::none());
    let clear = Store::new(&server.url("single"), server.env());
    let through = Store::new(&server.url("single"), server.env_by_way_of(proxy.address()));
    let through = through.impatient(TIMEOUT * 4, 0);
    let dir = tempfile::tempdir().unwrap();
    let artifacts = staged(dir.path(), 1, &[("a.parquet", 3000), ("b.json", 10)]);
    let mut failed = 0;
    for kind in Fault::ALL {
        let former = clear.open("former").publish(&artifacts, manifest("former"), true).unwrap().manifest;
        let folder = format!("{kind:?}");
        for spared in 0..9 {
            let faults = Faults {
                per_mille: 1000,
                spared,
                most: 1,
                kinds: vec![kind],
                stall: STALL * 4,
                ..Faults::none()
            };
            for (folder, overwrite) in [(folder.as_str(), false), ("former", true)] {
                proxy.set(faults.clone());
                let published = through.open(folder).publish(&artifacts, manifest(folder), overwrite);
                let sound = clear.open(folder);
                whole_or_nothing(&sound);
                match published {
                    Ok(run) => assert_eq!(sound.read_manifest().unwrap().attempt, run.manifest.attempt),
                    Err(PublishError::OutputExists { .. }) if !overwrite => {}
                    Err(error) => {
                        failed += 1;
                        assert!(
                            error.is_transient() == Some(true) && error.hint().is_some(),
                            "{kind:?} {spared}: {error:?}"
                        );
                    }
                }
                assert!(!overwrite || sound.exists().unwrap(), "{kind:?} {spared}: {}", former.attempt);
            }
        }
    }
    assert!(failed > 50, "{failed}");
}

fn publish(tally: &mut Tally, target: &Target, files: &[arpent_publish::StagedArtifact], round: u32) {
    let overwrite = round % 2 == 1;
    tally.count(|| match target.publish(files, manifest(&format!("r{round}")), overwrite) {
        Err(PublishError::OutputExists { .. } | PublishError::ReplacedMeanwhile { .. }) => Ok(()),
        published => published.map(drop),
    });
}

/// Seen without the proxy: a run whose artifacts are all intact, or no run.
fn whole_or_nothing(sound: &Target) {
    if sound.exists().unwrap() {
        let report = sound.verify().unwrap();
        assert!(report.is_intact(), "{report:?}");
    }
}

fn reads_and_lists(tally: &mut Tally, target: &Target) {
    for _ in 0..4 {
        tally.count(|| target.read("manifest.json", ObjectKind::Record));
        tally.count(|| target.list(""));
        tally.count(|| target.exists());
    }
}

/// An object that is created once holds what one writer wrote, whole.
fn creates(tally: &mut Tally, target: &Target, sound: &Target, round: u32) {
    let href = format!("jobs/{round:016x}/claim.json");
    let outcomes: Vec<Option<bool>> =
        (0..3u8).map(|i| tally.count(|| target.create(&href, vec![i; 2000], "application/json"))).collect();
    let found = sound.read(&href, ObjectKind::Record).unwrap();
    if let Some(bytes) = &found {
        assert!(bytes.len() == 2000 && bytes.iter().all(|b| *b == bytes[0]) && bytes[0] < 3);
        for (i, outcome) in outcomes.iter().enumerate() {
            assert!(*outcome != Some(true) || usize::from(bytes[0]) == i, "{outcomes:?}, {}", bytes[0]);
        }
    } else {
        assert!(outcomes.iter().all(Option::is_none), "{outcomes:?}");
    }
}

#[test]
fn an_upload_that_is_altered_on_its_way_is_found_where_the_store_does_not_look() {
    let Some(server) = Azurite::start() else { return };
    let proxy = FaultProxy::start(server.address(), Faults::none());
    let through =
        Store::new(&server.url("out"), server.env_by_way_of(proxy.address())).impatient(TIMEOUT * 8, 0);
    let sound = Store::new(&server.url("out"), server.env());
    let dir = tempfile::tempdir().unwrap();
    let artifacts = staged(dir.path(), 1, &[("a.parquet", 3000)]);
    through.open("p").publish(&artifacts, manifest("former"), false).unwrap();
    let mut damaged = 0;
    // Each request in turn has a byte of its changed, and once more at another place.
    for spared in 0..16 {
        let faults = Faults { seed: spared, per_mille: 1000, spared: spared / 2, most: 1, ..Faults::none() };
        for folder in ["p".to_owned(), format!("new-{spared}")] {
            proxy.set(Faults { kinds: vec![Fault::Altered], ..faults.clone() });
            let published = through.open(&folder).publish(&artifacts, manifest("r"), true);
            damaged += u32::from(matches!(published, Err(PublishError::Damaged { .. })));
            let target = sound.open(&folder);
            assert!(folder != "p" || target.exists().unwrap(), "{published:?}");
            assert!(published.is_err() || target.exists().unwrap(), "{published:?}");
            whole_or_nothing(&target);
        }
    }
    assert!(damaged >= 6, "{damaged}");
}

#[test]
fn requests_to_a_silent_store_are_retried_and_then_fail() {
    let Some(server) = SeaweedFs::start() else { return };
    let always = |kind| Faults { per_mille: 1000, kinds: vec![kind], stall: STALL * 20, ..Faults::none() };
    let proxy = FaultProxy::start(server.address(), always(Fault::Stall));
    let store = Store::new(&server.url("out"), server.env_by_way_of(proxy.address())).impatient(TIMEOUT, 2);
    let target = store.open("p");
    let start = Instant::now();
    let error = target.read("a", ObjectKind::Record).unwrap_err();
    assert!(error.is_transient() == Some(true) && error.hint().unwrap().contains("later"), "{error}");
    assert_eq!(proxy.requests(), 3, "the first, and two retries");
    assert!(start.elapsed() >= TIMEOUT * 3 && start.elapsed() < STALL * 20, "{:?}", start.elapsed());
    for (fault, requests) in
        [(Fault::SlowDown, 3), (Fault::InternalError, 3), (Fault::ExpiredToken, 1), (Fault::ClockSkew, 1)]
    {
        proxy.set(always(fault));
        let before = proxy.requests();
        let error = target.read("a", ObjectKind::Record).unwrap_err();
        assert!(error.is_transient() == Some(true), "{fault:?}: {error}");
        assert_eq!(proxy.requests() - before, requests, "{fault:?}: {error}");
    }
    // Without its server, nothing waits for long.
    drop((proxy, server));
    let start = Instant::now();
    assert!(target.list("").unwrap_err().is_transient() == Some(true));
    assert!(start.elapsed() < BOUND);
}
