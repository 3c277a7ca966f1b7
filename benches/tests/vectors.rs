//! Regions and coverages of random and of real label rasters: the same regions as GDAL's, and the invariants of a
//! coverage.
#![allow(clippy::print_stderr, reason = "skipped tests are reported")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use arpent_gdal::read_labels;
use arpent_raster::{LABEL_NODATA, Raster, Window};
use arpent_testing::polygonize_reference;
use arpent_vector::{
    Connectivity, Coverage, CoverageRules, EliminationCounts, MappingUnits, Polygonizer, Region,
};
use proptest::prelude::*;

type Corner = [i64; 2];

/// Sides of pixels that a ring of corners follows, in its direction.
fn sides(ring: &[Corner]) -> Vec<(Corner, Corner)> {
    let mut sides = Vec::new();
    for (from, to) in ring.iter().zip(ring.iter().cycle().skip(1)) {
        let step = [(to[0] - from[0]).signum(), (to[1] - from[1]).signum()];
        assert!(step[0] == 0 || step[1] == 0, "{from:?} to {to:?} is no side");
        let mut at = *from;
        while at != *to {
            let next = [at[0] + step[0], at[1] + step[1]];
            sides.push((at, next));
            at = next;
        }
    }
    sides
}

/// The boundary of a set of pixels, independent of the direction and the splitting of its rings.
fn outline(class: u8, rings: &[Vec<Corner>], origin: Corner) -> (u8, Vec<(Corner, Corner)>) {
    let mut outline: Vec<_> = rings.iter().flat_map(|ring| sides(ring)).collect();
    for (a, b) in &mut outline {
        for (axis, start) in origin.into_iter().enumerate() {
            a[axis] -= start;
            b[axis] -= start;
        }
        if *b < *a {
            std::mem::swap(a, b);
        }
    }
    outline.sort_unstable();
    (class, outline)
}

fn regions(raster: &Raster<u8>, connectivity: Connectivity) -> Vec<Region> {
    let mut found = Vec::new();
    let mut polygonizer =
        Polygonizer::with_connectivity(raster.window(), [true; 256], connectivity).expect("a small extent");
    let confidence = vec![100; raster.window().width];
    for i in 0..raster.window().height {
        polygonizer.push_row(raster.row(i), &confidence, 1.0, &mut |r| found.push(r)).expect("a row");
    }
    polygonizer.finish(&mut |r| found.push(r));
    found
}

#[track_caller]
fn assert_same_as_gdal(raster: &Raster<u8>) {
    for connectivity in [Connectivity::Four, Connectivity::Eight] {
        assert_same_regions(raster, connectivity);
    }
}

#[track_caller]
fn assert_same_regions(raster: &Raster<u8>, connectivity: Connectivity) {
    let origin = [raster.window().col, raster.window().row];
    let mut ours: Vec<_> =
        regions(raster, connectivity).iter().map(|r| outline(r.class_id, &r.rings, origin)).collect();
    let theirs = polygonize_reference(raster, connectivity == Connectivity::Eight).expect("GDAL polygonizes");
    let mut theirs: Vec<_> = theirs
        .iter()
        .filter(|(class, _)| *class != LABEL_NODATA)
        .map(|(class, rings)| outline(*class, rings, [0, 0]))
        .collect();
    ours.sort_unstable();
    theirs.sort_unstable();
    assert_eq!(ours.len(), theirs.len(), "as many regions as GDAL finds");
    assert!(ours == theirs, "the regions that GDAL finds");
}

fn coverage(raster: &Raster<u8>, mmu: f64, tolerance_px: f64) -> (Vec<Region>, EliminationCounts) {
    let units = MappingUnits::new(mmu).expect("a unit");
    let rules = CoverageRules::new(units, None, tolerance_px).expect("a tolerance");
    let mut found = Vec::new();
    let mut coverage = Coverage::new(raster.window(), &rules).expect("a small extent");
    let confidence = vec![100; raster.window().width];
    for i in 0..raster.window().height {
        coverage
            .push_row(raster.row(i), (raster.row(i), &confidence), None, 1.0, &mut |_| {}, &mut |r| {
                found.push(r);
            })
            .expect("a row");
    }
    let counts = coverage.finish(&mut |_| {}, &mut |r| found.push(r)).expect("the last rows").eliminated;
    (found, counts)
}

/// Twice the area that a ring encloses, negative for a hole.
fn doubled_area(ring: &[Corner]) -> i64 {
    ring.iter().zip(ring.iter().cycle().skip(1)).map(|(a, b)| b[0] * a[1] - a[0] * b[1]).sum()
}

/// The invariants of a coverage: every line has one other region, or no data, on its other side; areas sum to the
/// valid one; nothing is below the minimum mapping unit except islands.
#[track_caller]
fn assert_is_coverage(raster: &Raster<u8>, mmu: u32, tolerance_px: f64) {
    let (regions, counts) = coverage(raster, f64::from(mmu), tolerance_px);
    let valid = raster.data().iter().filter(|label| **label != LABEL_NODATA).count();
    let mut lines = HashMap::new();
    for (number, region) in regions.iter().enumerate() {
        for ring in &region.rings {
            for (a, b) in ring.iter().zip(ring.iter().cycle().skip(1)) {
                assert_eq!(lines.insert((*a, *b), number), None, "{a:?} to {b:?} is of two regions");
            }
        }
    }
    let window = raster.window();
    let is_valid = |[col, row]: Corner| {
        let at = |v: i64, start: i64, size: usize| usize::try_from(v - start).ok().filter(|i| *i < size);
        let place = at(col, window.col, window.width).zip(at(row, window.row, window.height));
        place.is_some_and(|(x, y)| raster.row(y)[x] != LABEL_NODATA)
    };
    for (a, b) in lines.keys().filter(|(a, b)| !lines.contains_key(&(*b, *a))) {
        let right = match [(b[0] - a[0]).signum(), (b[1] - a[1]).signum()] {
            [1, 0] => *a,
            [-1, 0] => [a[0] - 1, a[1] - 1],
            [0, 1] => [a[0] - 1, a[1]],
            [0, -1] => [a[0], a[1] - 1],
            _ => panic!("{a:?} to {b:?} has nothing beside it"),
        };
        assert!(!is_valid(right), "{a:?} to {b:?}: {right:?} has data, and is no region's");
    }
    let doubled: i64 = regions.iter().flat_map(|r| &r.rings).map(|ring| doubled_area(ring)).sum();
    assert_eq!(doubled, 2 * i64::try_from(valid).expect("small"), "areas add up to the valid area");
    let small = regions.iter().filter(|r| r.pixels < u64::from(mmu)).count() as u64;
    assert_eq!(small, counts.islands, "what is below the unit is an island, and counted");
}

/// Patches of about `size` pixels with single pixels of noise, and some without data.
fn patches(extent: Window, seed: u64, classes: u64, size: i64) -> Raster<u8> {
    let noise = |a: i64, b: i64| {
        let mut state = seed
            ^ a.cast_unsigned().wrapping_mul(0x9E37_79B9_7F4A_7C15)
            ^ b.cast_unsigned().wrapping_mul(0xD1B5_4A32_D192_ED03);
        state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        state ^ (state >> 31)
    };
    let label = |col: i64, row: i64| {
        let pixel = noise(col, row);
        let class = match pixel % 100 {
            0..2 => u64::from(LABEL_NODATA),
            2..12 => pixel / 100 % classes,
            _ => noise(col.div_euclid(size) + 7, row.div_euclid(size)) % classes,
        };
        u8::try_from(class).unwrap_or(LABEL_NODATA)
    };
    let rows = extent.row..extent.row_end();
    let data = rows.flat_map(|row| (extent.col..extent.col_end()).map(move |col| label(col, row))).collect();
    Raster::new(extent, data).expect("as many labels as pixels")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn regions_of_random_rasters_are_those_of_gdal(
        (col, row) in (-90i64..-5, 480i64..520), (width, height) in (1usize..100, 1usize..100),
        seed in any::<u64>(), classes in 1u64..6, size in 1i64..20,
    ) {
        assert_same_as_gdal(&patches(Window::new(col, row, width, height), seed, classes, size));
    }

    #[test]
    fn coverages_of_random_rasters_obey_the_laws(
        (col, row) in (-90i64..-5, 480i64..520), (width, height) in (1usize..100, 1usize..100),
        seed in any::<u64>(), classes in 1u64..6, size in 1i64..20, mmu in 0u32..40, tolerance in 0.0f64..4.0,
    ) {
        assert_is_coverage(&patches(Window::new(col, row, width, height), seed, classes, size), mmu, tolerance);
    }
}

/// Label rasters of data sets, if present.
fn real_rasters() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/landcover");
    let folders = ["ign_labels_only_odeon", "dubai_mbrsc/masks"].map(|folder| root.join(folder));
    let mut found: Vec<PathBuf> = folders
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "tiff" || e == "tif" || e == "png"))
        .collect();
    found.sort();
    // Some of each directory.
    found.into_iter().step_by(5).collect()
}

#[test]
fn real_rasters_have_the_regions_of_gdal_and_make_coverages() {
    let mut tried = 0;
    for path in real_rasters() {
        let Ok(raster) = read_labels(&path.display().to_string()) else { continue };
        assert_same_as_gdal(&raster);
        for (mmu, tolerance_px) in [(25, 0.0), (1000, 1.5)] {
            assert_is_coverage(&raster, mmu, tolerance_px);
        }
        tried += 1;
    }
    if tried == 0 {
        arpent_testing::skip("real-data", "no label rasters in shared/data/landcover");
    }
}
