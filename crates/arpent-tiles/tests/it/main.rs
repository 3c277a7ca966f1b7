//! Archives as readers see them.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    clippy::unwrap_used,
    reason = "tests: a reader of bytes"
)]

mod input;
mod pictures;
mod reader;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use arpent_base::{Column, ColumnKind, Diagnostic, SplitMix64, Value};
use arpent_tiles::{Kind, TileFeature, TileOptions, TileSummary, Tiler, TilesError};
use proptest::prelude::*;
use reader::{Feature, tiles};

/// A feature of a test.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    class: u32,
    rings: Vec<Vec<[f64; 2]>>,
}

pub(crate) fn options(kind: Kind, max_zoom: u8) -> TileOptions {
    TileOptions {
        kind,
        name: "test".into(),
        description: "a \"test\"".into(),
        attribution: String::new(),
        columns: vec![
            Column::new("class_id", ColumnKind::Byte),
            Column::new("name", ColumnKind::Text),
            Column::new("height", ColumnKind::Real),
        ],
        of_class: vec!["class_id".into()],
        max_zoom,
        largest_tile: 500_000,
        threads: 2,
    }
}

pub(crate) fn written(options: TileOptions, all: &[Given]) -> Result<(Vec<u8>, TileSummary), TilesError> {
    let folder = tempfile::tempdir().unwrap();
    let mut tiler = Tiler::create(options, folder.path())?;
    for (i, given) in all.iter().enumerate() {
        let name = format!("n\"{i} é");
        let values = vec![Some(Value::Integer(i64::from(given.class))), Some(Value::Text(name)), None];
        let polygons = [given.rings.clone()];
        let id = format!("feature {i}");
        tiler.push(&TileFeature {
            id: &id,
            class_id: given.class,
            area_m2: 1.5,
            values,
            polygons: &polygons,
        })?;
    }
    let path = folder.path().join("x.pmtiles");
    let summary = tiler.finish(&path)?;
    Ok((std::fs::read(path).unwrap(), summary))
}

/// A coverage: a grid of quadrilaterals whose corners are anywhere near their places; some are much smaller than others.
fn coverage(side: usize, seed: u64, [west, north]: [f64; 2], size: f64) -> Vec<Given> {
    let mut random = SplitMix64::new(seed);
    let mut uniform = || random.unit();
    let lines = |uniform: &mut dyn FnMut() -> f64| {
        let steps: Vec<f64> = (0..side).map(|_| 0.02 + uniform().powi(4)).collect();
        let sum: f64 = steps.iter().sum();
        let mut at = 0.0;
        let mut lines = vec![0.0];
        for step in steps {
            at += step / sum;
            lines.push(at);
        }
        lines
    };
    let (xs, ys) = (lines(&mut uniform), lines(&mut uniform));
    let mut corners = vec![[0.0; 2]; (side + 1) * (side + 1)];
    for j in 0..=side {
        for i in 0..=side {
            let inner = |k: usize, of: &[f64], u: f64| {
                if k == 0 || k == side {
                    return of[k];
                }
                let near = (of[k] - of[k - 1]).min(of[k + 1] - of[k]);
                of[k] + (u - 0.5) * 0.6 * near
            };
            let (x, y) = (inner(i, &xs, uniform()), inner(j, &ys, uniform()));
            corners[j * (side + 1) + i] = [west + x * size, north - y * size];
        }
    }
    let cell = |n: usize| {
        let (i, j) = (n % side, n / side);
        let at = |i: usize, j: usize| corners[j * (side + 1) + i];
        vec![at(i, j), at(i + 1, j), at(i + 1, j + 1), at(i, j + 1), at(i, j)]
    };
    let mut class = || (uniform() * 5.0) as u32;
    (0..side * side).map(|n| Given { class: class(), rings: vec![cell(n)] }).collect()
}

/// Rings cut to their tile: beyond it is only what was moved out of it, straight.
fn inner(feature: &Feature, extent: i64) -> Vec<Vec<[i64; 2]>> {
    feature.parts.iter().map(|ring| ring.iter().map(|p| p.map(|v| v.clamp(0, extent))).collect()).collect()
}

fn twice(ring: &[[i64; 2]]) -> i64 {
    ring.iter().zip(ring.iter().cycle().skip(1)).map(|(a, b)| a[0] * b[1] - a[1] * b[0]).sum()
}

/// How many of the rings around a place between the grid's lines wind around it.
fn winding(rings: &[Vec<[i64; 2]>], x: f64, y: f64) -> i32 {
    let mut sum = 0;
    for (p, q) in rings.iter().flat_map(|ring| ring.iter().zip(ring.iter().cycle().skip(1))) {
        let [p, q] = [p, q].map(|p| p.map(|v| v as f64));
        if (p[1] > y) != (q[1] > y) && p[0] + (y - p[1]) / (q[1] - p[1]) * (q[0] - p[0]) > x {
            sum += if q[1] > p[1] { 1 } else { -1 };
        }
    }
    sum
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// In a tile within a coverage, areas add up exactly to the tile's; no place is in two polygons.
    #[test]
    fn a_coverage_has_no_gap_and_no_overlap(seed in any::<u64>(), side in 3usize..40, x in -0.02f64..0.02) {
        let given = coverage(side, seed, [x - 0.02, 48.0 + x], 0.04);
        let (bytes, summary) = written(options(Kind::Coverage, 15), &given).unwrap();
        prop_assert_eq!(summary.features, given.len() as u64);
        let mut random = SplitMix64::new(seed);
        let mut whole = 0;
        for ((z, ..), (tile, _)) in tiles(&bytes) {
            let layer = &tile["features"];
            let own: Vec<_> = layer.features.iter().map(|f| inner(f, layer.extent)).collect();
            let areas: Vec<i64> = own.iter().map(|rings| rings.iter().map(|r| twice(r)).sum()).collect();
            prop_assert!(areas.iter().all(|area| *area > 0));
            prop_assert!(own.iter().all(|rings| twice(&rings[0]) > 0), "an exterior comes first");
            let sum: i64 = areas.iter().sum();
            prop_assert!(sum <= 2 * layer.extent * layer.extent);
            let full = sum == 2 * layer.extent * layer.extent;
            whole += usize::from(full);
            for _ in 0..50 {
                let mut place = || random.below(layer.extent as usize) as f64 + 0.437;
                let (x, y) = (place(), place() + 0.3 / 7.0);
                let around: i32 = own.iter().map(|rings| winding(rings, x, y)).sum();
                prop_assert!(around == 1 || (around == 0 && !full), "zoom {}: {}", z, around);
            }
        }
        prop_assert!(whole > 0, "some tiles lie within the coverage");
    }
}

#[test]
fn drawn_areas_of_classes_are_true() {
    let given = coverage(60, 7, [2.3, 48.9], 0.3);
    let (bytes, _) = written(options(Kind::Coverage, 12), &given).unwrap();
    let mut drawn: BTreeMap<u8, BTreeMap<i64, f64>> = BTreeMap::new();
    for ((z, ..), (tile, _)) in tiles(&bytes) {
        let layer = &tile["features"];
        for feature in &layer.features {
            let area: i64 = inner(feature, layer.extent).iter().map(|r| twice(r)).sum();
            let side = layer.extent as f64 * 2f64.powi(z.into());
            *drawn.entry(z).or_default().entry(feature.number("class_id") as i64).or_default() +=
                area as f64 / side / side;
        }
    }
    assert_eq!(drawn.len(), 13);
    // At the deepest zoom, features are 100 m wide and steps 2 m.
    let truth = drawn[&12].clone();
    for (z, areas) in drawn {
        assert_eq!(areas.len(), truth.len(), "zoom {z} has all classes");
        for (class, area) in areas {
            let error = (area / truth[&class] - 1.0).abs();
            assert!(error < 0.005, "zoom {z}, class {class}: {error}");
        }
    }
}

/// Where a coverage has holes, nothing is drawn over them but what is too small to be seen.
#[test]
fn holes_stay_holes() {
    let mut random = SplitMix64::new(4);
    let given: Vec<Given> =
        coverage(50, 9, [2.3, 48.9], 0.3).into_iter().filter(|_| random.below(10) > 0).collect();
    let (bytes, _) = written(options(Kind::Coverage, 12), &given).unwrap();
    let mut drawn: BTreeMap<u8, f64> = BTreeMap::new();
    for ((z, ..), (tile, _)) in tiles(&bytes) {
        let layer = &tile["features"];
        let own: Vec<_> = layer.features.iter().map(|f| inner(f, layer.extent)).collect();
        let area: i64 = own.iter().flatten().map(|ring| twice(ring)).sum();
        let side = layer.extent as f64 * 2f64.powi(z.into());
        *drawn.entry(z).or_default() += area as f64 / side / side;
        for _ in 0..200 {
            let mut place = || random.below(layer.extent as usize) as f64 + 0.437;
            let (x, y) = (place(), place() + 0.3 / 7.0);
            assert!((0..=1).contains(&own.iter().map(|rings| winding(rings, x, y)).sum::<i32>()), "zoom {z}");
        }
    }
    for (z, area) in &drawn {
        assert!((area / drawn[&12] - 1.0).abs() < 0.005, "zoom {z}: {drawn:?}");
    }
}

#[test]
fn bytes_do_not_depend_on_threads() {
    let given = coverage(50, 3, [179.6, -10.0], 0.4);
    let by = |threads| written(TileOptions { threads, ..options(Kind::Coverage, 13) }, &given).unwrap();
    let (one, four) = (by(1), by(4));
    assert!(one == four);
}

#[test]
fn large_tiles_are_more_generalized_and_lose_nothing() {
    let given = coverage(60, 5, [10.0, 50.0], 0.2);
    let small = TileOptions { largest_tile: 6_000, ..options(Kind::Coverage, 12) };
    let (bytes, summary) = written(small, &given).unwrap();
    assert!(summary.coarser > 0 && summary.largest <= 6_000, "{summary:?}");
    for (id, (tile, length)) in tiles(&bytes) {
        assert!(length <= 6_000, "{id:?}");
        let classes: BTreeSet<_> =
            tile["features"].features.iter().map(|f| f.number("class_id") as i64).collect();
        assert!(id.0 > 8 || classes.len() == 5, "{id:?} {classes:?}");
    }
}

/// Squares of different sizes, some of which overlap.
fn squares(count: u32) -> Vec<Given> {
    let mut random = SplitMix64::new(11);
    let mut uniform = || random.unit();
    (0..count)
        .map(|i| {
            let (x, y, side) =
                (-3.0 + 0.5 * uniform(), 40.0 + 0.5 * uniform(), 1e-5 + 1e-2 * uniform().powi(6));
            let ring = vec![[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]];
            Given { class: i % 3, rings: vec![ring] }
        })
        .collect()
}

#[test]
fn objects_never_vanish() {
    let given = squares(3000);
    let (bytes, summary) = written(options(Kind::Objects, 14), &given).unwrap();
    assert_eq!((summary.features, summary.beyond), (3000, 0));
    let mut found: BTreeMap<u8, (BTreeSet<u64>, u64)> = BTreeMap::new();
    for ((z, ..), (tile, _)) in tiles(&bytes) {
        let (ids, count) = found.entry(z).or_default();
        ids.extend(tile.get("features").into_iter().flat_map(|l| l.features.iter().map(|f| f.id)));
        for point in tile.get("points").into_iter().flat_map(|layer| &layer.features) {
            let own = point.number("count");
            assert!((point.number("area_m2") - 1.5 * own).abs() < 1e-6);
            assert_eq!(point.tags.contains_key("name"), own < 1.5, "one feature keeps its attributes");
            *count += own as u64;
        }
    }
    assert_eq!(found.len(), 15);
    for (z, (ids, count)) in &found {
        assert_eq!(ids.len() as u64 + count, 3000, "zoom {z}");
    }
    assert!(found[&0].1 > 2900 && found[&14].0.len() > 1000);
}

#[test]
fn features_keep_their_ids_and_attributes() {
    let given = squares(40);
    let (bytes, _) = written(options(Kind::Objects, 14), &given).unwrap();
    let mut ids: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    for (_, (tile, _)) in tiles(&bytes) {
        for feature in &tile.get("features").into_iter().flat_map(|l| l.features.clone()).collect::<Vec<_>>()
        {
            let Some(reader::Value::Text(name)) = feature.tags.get("name") else { panic!("{feature:?}") };
            assert!(!feature.tags.contains_key("height"), "null is no value");
            assert!(feature.id < 1 << 52 && feature.kind == 3);
            ids.entry(name.clone()).or_default().insert(feature.id);
        }
    }
    assert!(ids.len() > 10 && ids.values().all(|ids| ids.len() == 1), "{ids:?}");
}

#[test]
fn metadata_describe_both_layers() {
    let (bytes, _) = written(options(Kind::Objects, 9), &squares(5)).unwrap();
    let metadata = reader::metadata(&bytes);
    assert_eq!(
        (metadata["name"].as_str(), metadata["description"].as_str()),
        (Some("test"), Some("a \"test\""))
    );
    let layers = metadata["vector_layers"].as_array().unwrap();
    assert_eq!(layers.iter().map(|l| l["id"].as_str().unwrap()).collect::<Vec<_>>(), ["features", "points"]);
    assert_eq!(layers[0]["fields"]["name"], "String");
    assert_eq!((&layers[1]["fields"]["count"], &layers[1]["maxzoom"]), (&"Number".into(), &9.into()));
}

#[test]
fn the_rest_is_refused_or_counted() {
    input::all();
}

#[test]
fn a_full_disk_may_be_free_later() {
    let folder = tempfile::tempdir().unwrap();
    let tiler = Tiler::create(options(Kind::Objects, 3), folder.path()).unwrap();
    let error = tiler.finish(Path::new("/dev/full")).unwrap_err();
    assert_eq!(error.is_transient(), Some(true), "{error}");
    assert!(error.hint().unwrap().contains("free space"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "scratch files are gone");
    let missing = Tiler::create(options(Kind::Objects, 3), Path::new("/nowhere")).unwrap_err();
    assert!(missing.to_string().contains("/nowhere") && missing.is_transient() == Some(false));
}
