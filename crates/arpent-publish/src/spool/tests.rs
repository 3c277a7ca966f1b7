use proptest::prelude::*;

use super::*;
use crate::testing::{feature, grid};

fn sorted(features: &[Feature], options: SpoolOptions) -> SortedFeatures {
    let mut spool = Spool::create(&std::env::temp_dir(), &grid(), options).unwrap();
    for f in features {
        spool.push(f).unwrap();
    }
    spool.finish().unwrap()
}

fn read(sorted: &SortedFeatures) -> Vec<Feature> {
    sorted.read().unwrap().collect::<Result<_>>().unwrap()
}

fn text(features: &[Feature]) -> Vec<String> {
    let mut all: Vec<_> = features.iter().map(|f| format!("{f:?}")).collect();
    all.sort_unstable();
    all
}

prop_compose! {
    /// Few places and few ids, so that ties happen; some features are larger than a whole run.
    fn features()(list in prop::collection::vec((0u64..9, 0u8..4, 0i32..4, -3i32..3, 1u8..4), 0..80)) -> Vec<Feature> {
        list.into_iter()
            .map(|(id, class, x, y, size)| feature(id, class, f64::from(x) * 100.0, f64::from(y) * 100.0, f64::from(size)))
            .collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_goes_in_comes_out_sorted(list in features(), run_bytes in 1usize..20_000, fan_in in 0usize..5) {
        let sorted = sorted(&list, SpoolOptions { run_bytes, fan_in });
        let out = read(&sorted);
        prop_assert_eq!(sorted.count(), list.len() as u64);
        prop_assert_eq!(sorted.class_counts().values().sum::<u64>(), list.len() as u64);
        prop_assert_eq!(text(&out), text(&list));
        let key = |f: &Feature| (hilbert_key(&grid(), f.bbox()), f.id.clone());
        prop_assert!(out.windows(2).all(|pair| key(&pair[0]) <= key(&pair[1])));
    }

    #[test]
    fn neither_the_order_of_pushing_nor_the_size_of_runs_shows(
        (list, shuffled) in features().prop_flat_map(|l| (Just(l.clone()), Just(l).prop_shuffle())),
        run_bytes in 1usize..20_000, fan_in in 2usize..5,
    ) {
        let one = read(&sorted(&list, SpoolOptions::default()));
        prop_assert_eq!(one, read(&sorted(&shuffled, SpoolOptions { run_bytes, fan_in })));
    }
}

#[test]
fn it_can_be_read_twice_and_at_the_same_time() {
    let list: Vec<_> = (0u8..50).map(|i| feature(i.into(), i % 3, f64::from(i), 0.0, 1.0)).collect();
    let sorted = sorted(&list, SpoolOptions { run_bytes: 1000, fan_in: 3 });
    let first = read(&sorted);
    let pairs = sorted.read().unwrap().zip(sorted.read().unwrap());
    assert!(pairs.map(|(a, b)| (a.unwrap(), b.unwrap())).all(|(a, b)| a == b));
    assert_eq!(read(&sorted), first);
    assert_eq!(first.len(), 50);
}

#[test]
fn scratch_files_vanish() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = Spool::create(dir.path(), &grid(), SpoolOptions { run_bytes: 1, fan_in: 2 }).unwrap();
    for i in 0..9u8 {
        spool.push(&feature(i.into(), 0, f64::from(i), 0.0, 1.0)).unwrap();
    }
    let sorted = spool.finish().unwrap();
    let inside: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
    let files = std::fs::read_dir(inside[0].as_ref().unwrap().path()).unwrap().count();
    assert_eq!((inside.len(), files), (1, 1), "merged runs are removed");
    drop(sorted);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_cut_scratch_file_is_an_error_not_a_short_answer() {
    let sorted =
        sorted(&[feature(1, 0, 0.0, 0.0, 1.0), feature(2, 0, 9.0, 0.0, 1.0)], SpoolOptions::default());
    let path = sorted.path().to_owned();
    let whole = std::fs::read(&path).unwrap();
    for cut in [whole.len() - 1, whole.len() / 2, whole.len() / 2 - 3, 10, 0] {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let last = sorted.read().unwrap().last().unwrap();
        assert!(matches!(last, Err(PublishError::SpoolDamaged { .. })), "cut at {cut}");
    }
}

#[test]
fn a_missing_scratch_folder_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let error = Spool::create(&dir.path().join("gone"), &grid(), SpoolOptions::default()).unwrap_err();
    assert!(error.to_string().contains("gone"), "{error}");
}
