//! Resampled scenes: the right values, whatever file, window and overview.

use std::path::{Path, PathBuf};
use std::process::Command;

use arpent_base::number::{exact, floor, round};
use arpent_gdal::{Mosaic, MosaicReader, resampled};
use arpent_raster::{Chip, Resampling, SceneInfo, Window, lattice};
use proptest::prelude::*;

use crate::common::{Picture, folder, mosaic, open, picture, value};

const METHODS: [Resampling; 3] = [Resampling::Nearest, Resampling::Bilinear, Resampling::Average];

fn coarse(scenes: &[SceneInfo], gsd: f64, method: Resampling) -> Mosaic {
    let target = lattice(&scenes[0].grid.crs, [gsd; 2]);
    mosaic(scenes.iter().map(|scene| resampled(scene, &target, method)).collect())
}

fn read(mosaic: &Mosaic, window: Window) -> Chip {
    MosaicReader::new(mosaic, &[vec![1]]).unwrap().read(window).unwrap()
}

fn all(mosaic: &Mosaic) -> Chip {
    read(mosaic, mosaic.window)
}

/// A part of one large picture of 20 cm, whose corner is pixel (`col`, `row`) of Lambert-93's or of the southwest's lattice.
fn part(dir: &Path, name: &str, window: Window) -> SceneInfo {
    let band = (0..window.width * window.height).map(|i| {
        let (c, r) = (i % window.width, i / window.width);
        let at = |base: i64, by: usize| {
            usize::try_from((base + i64::try_from(by).unwrap()).rem_euclid(1 << 20)).unwrap()
        };
        value(at(window.col, c), at(window.row, r), 0)
    });
    let gt = [exact(window.col) * 0.2, 0.2, 0.0, exact(window.row) * -0.2, 0.0, -0.2];
    let size = (window.width, window.height);
    open(
        &Picture { geotransform: Some(gt), ..Picture::new(size, vec![band.collect::<Vec<u8>>()]) }
            .write(&dir.join(name)),
    )
}

#[test]
fn new_pixels_lie_on_the_lattice_of_the_crs() {
    let dir = folder();
    let p =
        Picture { geotransform: Some([650_000.3, 0.2, 0.0, 6_860_000.1, 0.0, -0.2]), ..picture(60, 60, 3) };
    let scene = open(&p.write(&dir.path().join("a.tif")));
    let target = lattice(&scene.grid.crs, [0.5; 2]);
    let new = resampled(&scene, &target, Resampling::Average);
    assert!(new.grid == target && (new.gsd_m - 0.5).abs() < 1e-9);
    assert_eq!((&new.id, &new.uri, new.bands.len()), (&scene.id, &scene.uri, 3));
    // Centers lie in the old extent, of which less than half a pixel is left out on each side.
    let (old, new) = (scene.grid.bbox(&scene.window), new.grid.bbox(&new.window));
    assert!(old.iter().zip(new).all(|(old, new)| (old - new).abs() <= 0.25 + 1e-6), "{old:?} {new:?}");
    let tiny = open(&picture(1, 1, 1).write(&dir.path().join("tiny.tif")));
    assert!(resampled(&tiny, &target, Resampling::Average).window.is_empty());
}

#[test]
fn averages_are_means_and_values_are_not_rounded() {
    let dir = folder();
    let p = Picture::new((4, 2), vec![vec![10u8, 21, 1, 1, 30, 40, 1, 1]]);
    let scene = open(&p.write(&dir.path().join("a.tif")));
    let chip = all(&coarse(&[scene], 0.4, Resampling::Average));
    assert_eq!((chip.data, chip.valid), (vec![25.25, 1.0], vec![true, true]));
}

#[test]
fn nodata_stays_nodata_and_is_never_weighed() {
    let dir = folder();
    let mut data = vec![9u16; 64];
    data[..32].fill(0);
    let p = Picture { nodata: Some(0.0), ..Picture::new((8, 8), vec![data.clone(), data]) };
    let scene = open(&p.write(&dir.path().join("a.tif")));
    for method in METHODS {
        for gsd in [0.1, 0.24, 0.3, 0.5] {
            let chip = all(&coarse(std::slice::from_ref(&scene), gsd, method));
            assert!(chip.valid.iter().zip(&chip.data).all(|(valid, v)| *v == if *valid { 9.0 } else { 0.0 }));
            assert!(!chip.valid[0] && chip.valid[chip.valid.len() - 1]);
        }
    }
}

#[test]
fn several_files_are_one_file() {
    let dir = folder();
    // The lattice of Lambert-93, and places southwest of an origin.
    for (n, (col, row)) in [(3_250_007, -34_300_011), (-4_011, 3_007)].into_iter().enumerate() {
        let at = |c: i64, r: i64, w, h| Window::new(col + c, row + r, w, h);
        let part = |name: &str, window| part(dir.path(), &format!("{n}-{name}.tif"), window);
        let whole = [part("whole", at(0, 0, 120, 110))];
        let files = [
            part("d", at(0, 0, 57, 43)),
            part("b", at(57, 0, 63, 50)),
            part("c", at(0, 43, 57, 67)),
            part("a", at(50, 41, 70, 69)),
        ];
        for method in METHODS {
            for gsd in [0.2 / 1.5, 0.1, 0.13, 0.24, 0.3, 0.4, 2.0 / 3.0, 1.0] {
                let (one, four) = (coarse(&whole, gsd, method), coarse(&files, gsd, method));
                assert_eq!(one.window, four.window, "{method:?} {gsd}");
                assert!(all(&one) == all(&four), "{method:?} {gsd}");
            }
        }
    }
}

fn tool(program: &str, arguments: &[&str]) {
    let ended = Command::new(program).args(arguments).output().unwrap();
    assert!(ended.status.success(), "{program}: {}", String::from_utf8_lossy(&ended.stderr));
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn overviews_change_nothing() {
    let dir = folder();
    let plain = picture(600, 520, 1).write(&dir.path().join("a.tif"));
    let beside = dir.path().join("beside.tif");
    std::fs::copy(&plain, &beside).unwrap();
    // Overviews that could not be mistaken for the picture: of nearest pixels.
    tool("gdaladdo", &["-q", "-ro", "-r", "nearest", text(&beside), "2", "4", "8"]);
    assert!(dir.path().join("beside.tif.ovr").exists());
    let cog = dir.path().join("cog.tif");
    tool("gdal_translate", &["-q", "-of", "COG", "-co", "BLOCKSIZE=128", text(&plain), text(&cog)]);
    let vrt = dir.path().join("cog.vrt");
    tool("gdalbuildvrt", &["-q", text(&vrt), text(&cog)]);
    for factor in [1.2, 2.0, 10.0 / 3.0, 5.0, 1.0 / 1.5] {
        for method in METHODS {
            let of = |path: &PathBuf| all(&coarse(&[open(path)], 0.2 * factor, method));
            let expected = of(&plain);
            assert!(expected.valid.iter().all(|valid| *valid), "{method:?} {factor}");
            for path in [&beside, &cog, &vrt] {
                assert!(expected == of(path), "{} {method:?} {factor}", path.display());
            }
        }
    }
}

/// GDAL's warper as it stands alone, on floats and without overviews, is the judge away from borders.
#[test]
fn values_are_those_of_gdalwarp() {
    let dir = folder();
    let plain = picture(300, 280, 1).write(&dir.path().join("a.tif"));
    let scene = open(&plain);
    for (method, name) in METHODS.into_iter().zip(["near", "bilinear", "average"]) {
        for gsd in [0.24, 0.3, 0.4, 2.0 / 3.0, 1.0, 0.16] {
            let new = coarse(std::slice::from_ref(&scene), gsd, method);
            let inside = Window::new(
                new.window.col + 6,
                new.window.row + 6,
                new.window.width - 12,
                new.window.height - 12,
            );
            let warped = dir.path().join(format!("{name}-{gsd}.tif"));
            let (tr, te) = (format!("{gsd:?}"), new.grid.bbox(&inside).map(|v| format!("{v:?}")));
            let mut arguments =
                vec!["-q", "-ovr", "NONE", "-et", "0", "-ot", "Float32", "-r", name, "-tr", &tr, &tr, "-te"];
            arguments.extend(te.iter().map(String::as_str));
            arguments.extend([text(&plain), text(&warped)]);
            tool("gdalwarp", &arguments);
            let theirs = all(&mosaic(vec![open(&warped)]));
            let ours = read(&new, inside);
            assert_eq!(theirs.data.len(), ours.data.len(), "{name} {gsd}");
            // GDAL's nearest pixel at a tie is decided by rounding noise: where a center lies between two pixels.
            let is_tie = |at: i64| {
                let center = (exact(at) + 0.5) * gsd / scene.grid.gsd_x;
                method == Resampling::Nearest && (center - center.round()).abs() < 1e-6
            };
            let is_told = |i: usize| {
                let i = i % (inside.width * inside.height);
                let (col, row) = (i % inside.width, i / inside.width);
                let at = |first: i64, offset: usize| first + i64::try_from(offset).unwrap();
                !is_tie(at(inside.col, col)) && !is_tie(at(inside.row, row))
            };
            let apart = (0..ours.data.len())
                .filter(|i| is_told(*i) && (ours.data[*i] - theirs.data[*i]).abs() > 0.05)
                .count();
            assert!(apart == 0, "{name} {gsd}: {apart} of {}", ours.data.len());
        }
    }
}

#[test]
fn grids_of_several_sizes_make_one_map_of_the_first_valid_scene() {
    let dir = folder();
    let flat = |name: &str, gsd: f64, size: (usize, usize), x: f64, value: u8| {
        let gt = [650_000.0 + x, gsd, 0.0, 6_860_000.0, 0.0, -gsd];
        let p = Picture { geotransform: Some(gt), ..Picture::new(size, vec![vec![value; size.0 * size.1]]) };
        open(&p.write(&dir.path().join(name)))
    };
    // 0 to 12 m, 6 to 18 m, 15 to 21 m: the first and the last lie on one grid.
    let scenes = [
        flat("a.tif", 0.2, (60, 60), 0.0, 10),
        flat("b.tif", 0.15, (80, 80), 6.0, 20),
        flat("c.tif", 0.2, (30, 60), 15.0, 30),
    ];
    let all = all(&coarse(&scenes, 0.5, Resampling::Average));
    assert_eq!((all.window.width, all.window.height), (42, 24));
    for (col, v) in all.data[..42].iter().enumerate() {
        assert_eq!(
            *v,
            if col < 24 {
                10.0
            } else if col < 36 {
                20.0
            } else {
                30.0
            },
            "{col}"
        );
    }
    assert!(all.valid.iter().all(|valid| *valid));
}

/// What the sums say, written down plainly: by distances on the ground.
fn plain_sum(
    values: &[Option<f64>],
    from: Window,
    step: f64,
    at: (i64, i64),
    method: Resampling,
) -> Option<f64> {
    let center = |n: i64| (exact(n) + 0.5) * step;
    let weight = |old: i64, new: i64| -> f64 {
        let old = exact(old);
        match method {
            Resampling::Nearest => f64::from(u8::from(old <= center(new) && center(new) < old + 1.0)),
            Resampling::Bilinear => (1.0 - (old + 0.5 - center(new)).abs() / step.max(1.0)).max(0.0),
            Resampling::Average => {
                let (left, right) = (center(new) - step / 2.0, center(new) + step / 2.0);
                (right.min(old + 1.0) - left.max(old)).max(0.0)
            }
        }
    };
    let (mut sum, mut all, mut holds) = (0.0, 0.0, false);
    for (i, v) in values.iter().enumerate() {
        let (col, row) = (
            from.col + i64::try_from(i % from.width).unwrap(),
            from.row + i64::try_from(i / from.width).unwrap(),
        );
        let Some(v) = v else { continue };
        let w = weight(col, at.0) * weight(row, at.1);
        (sum, all) = (sum + w * v, all + w);
        let held = (floor::<i64>(center(at.0)), floor::<i64>(center(at.1))) == (col, row);
        holds |= held;
    }
    holds.then_some(sum / all)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn values_are_the_plain_sums_everywhere(
        step in prop::sample::select(vec![1.25, 2.0, 2.5, 5.0, 0.5, 0.75]),
        method in prop::sample::select(METHODS.to_vec()),
        col in -40i64..40, row in -40i64..40, seed in prop::collection::vec(any::<u8>(), 12 * 9),
    ) {
        let dir = folder();
        let window = Window::new(col, row, 12, 9);
        // One in four has no data.
        let data: Vec<u8> = seed.iter().map(|v| if v % 4 == 0 { 0 } else { *v }).collect();
        let gt = [exact(col) * 0.2, 0.2, 0.0, exact(row) * -0.2, 0.0, -0.2];
        let p = Picture { geotransform: Some(gt), nodata: Some(0.0), ..Picture::new((12, 9), vec![data.clone()]) };
        let scene = open(&p.write(&dir.path().join("a.tif")));
        let values: Vec<Option<f64>> = data.iter().map(|v| (*v != 0).then(|| f64::from(*v))).collect();
        let m = coarse(&[scene], 0.2 * step, method);
        let around = m.window.grow(3);
        let chip = read(&m, around);
        for (i, (valid, v)) in chip.valid.iter().zip(&chip.data).enumerate() {
            let at = (around.col + i64::try_from(i % around.width).unwrap(), around.row + i64::try_from(i / around.width).unwrap());
            let expected = plain_sum(&values, window, step, at, method);
            prop_assert_eq!(*valid, expected.is_some(), "{:?}", at);
            prop_assert!((f64::from(*v) - expected.unwrap_or(0.0)).abs() < 1e-3, "{:?}: {} {:?}", at, v, expected);
        }
    }

    #[test]
    fn windows_do_not_matter(
        gsd in prop::sample::select(vec![0.1, 0.13, 0.3, 0.5]),
        method in prop::sample::select(METHODS.to_vec()),
        col in 0usize..50, row in 0usize..50, width in 1usize..60, height in 1usize..60,
    ) {
        let dir = folder();
        let mut picture = picture(300, 300, 2);
        picture.bands.iter_mut().for_each(|band| (0..300 * 300).filter(|i| i % 7 == 0).for_each(|i| band[i] = 0));
        let path = Picture { nodata: Some(0.0), ..picture }.write(&dir.path().join("a.tif"));
        let m = coarse(&[open(&path)], gsd, method);
        let reader = || MosaicReader::new(&m, &[vec![2, 1]]).unwrap();
        let (whole, all) = (m.window, reader().read(m.window).unwrap());
        let at = |v: i64, by: usize| v + i64::try_from(by).unwrap();
        let chip = reader().read(Window::new(at(whole.col, col), at(whole.row, row), width, height)).unwrap();
        for r in 0..height {
            let from = (row + r) * whole.width + col;
            prop_assert_eq!(&chip.valid[r * width..][..width], &all.valid[from..][..width]);
            for b in 0..2 {
                prop_assert_eq!(&chip.band(b)[r * width..][..width], &all.band(b)[from..][..width]);
            }
        }
    }
}

/// A window that is computed strip by strip is what its parts are.
#[test]
fn strips_do_not_matter() {
    let dir = folder();
    let m =
        coarse(&[open(&picture(1500, 1400, 1).write(&dir.path().join("a.tif")))], 0.24, Resampling::Bilinear);
    let (whole, width) = (all(&m), m.window.width);
    for row in [0, 500, 580, 600, 1100] {
        let strip =
            read(&m, Window::new(m.window.col, m.window.row + i64::try_from(row).unwrap(), width, 60));
        assert!(strip.data == whole.data[row * width..][..60 * width], "{row}");
    }
}

/// Where the old pixels of one new row are too many to be read at once, it is computed part by part, and still records its sources.
#[test]
fn parts_of_rows_do_not_matter() {
    let dir = folder();
    let side = (26_000, 210);
    let whole = part(dir.path(), "b.tif", Window::new(3_250_013, -34_300_011, side.0, side.1));
    let west = part(dir.path(), "a.tif", Window::new(3_250_013, -34_300_011, 9_000, side.1));
    for method in METHODS {
        // Forty times as coarse.
        let (one, two) = (
            coarse(std::slice::from_ref(&whole), 8.0, method),
            coarse(&[west.clone(), whole.clone()], 8.0, method),
        );
        let expected = all(&one);
        assert!(
            (expected.window.width, expected.window.height) == (650, 5) && !expected.valid.contains(&false)
        );
        assert!(all(&two) == expected, "{method:?}");
        for col in [0, 224, 225, 324, 325, 326, 649] {
            let at = one.window.col + i64::try_from(col).unwrap();
            let column = read(&one, Window::new(at, one.window.row, 1, 5));
            let of_all: Vec<f32> = (0..5).map(|row| expected.data[row * 650 + col]).collect();
            assert_eq!(column.data, of_all, "{method:?} {col}");
        }
        let givers = MosaicReader::of_givers(&two, &[vec![1]]).unwrap().givers(two.window).unwrap();
        for (i, giver) in givers.iter().enumerate() {
            assert_eq!(*giver, u32::from(i % 650 >= 225), "{method:?} {i}");
        }
    }
}

/// Who gives a pixel is who gives its value, on one grid and on several, also where values do not decide and are not read.
#[test]
fn givers_are_those_of_whom_the_values_are() {
    let dir = folder();
    // Values name the scene; 0 is no data in two of them. The second and the fourth lie on a grid of their own.
    let scenes: Vec<SceneInfo> = [(1u8, 0.2, 0), (2, 0.15, 7), (3, 0.2, 11), (4, 0.15, 0)]
        .into_iter()
        .map(|(n, gsd, skip)| {
            let value = |i: usize| if skip > 0 && i.is_multiple_of(skip) { 0 } else { n * 10 };
            let corner = 650_000.0 + f64::from(n) * 6.0;
            let gt = [corner, gsd, 0.0, 6_860_000.0, 0.0, -gsd];
            let band: Vec<u8> = (0..50 * 40).map(value).collect();
            let nodata = (skip > 0).then_some(0.0);
            let p = Picture { geotransform: Some(gt), nodata, ..Picture::new((50, 40), vec![band]) };
            open(&p.write(&dir.path().join(format!("{n}.tif"))))
        })
        .collect();
    let target = lattice(&scenes[0].grid.crs, [0.3; 2]);
    let new = scenes.iter().map(|scene| resampled(scene, &target, Resampling::Nearest)).collect();
    let first_two = mosaic(vec![scenes[0].clone(), scenes[2].clone()]);
    for m in [mosaic(new), first_two] {
        let around = m.window.grow(3);
        let chip = read(&m, around);
        let givers = MosaicReader::of_givers(&m, &[vec![1]]).unwrap().givers(around).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for ((value, valid), giver) in chip.data.iter().zip(&chip.valid).zip(&givers) {
            let id =
                usize::try_from(*giver).ok().and_then(|i| m.scenes.get(i)).map(|scene| scene.id.as_str());
            let named = (*valid).then(|| format!("{}", round::<u8>(f64::from(*value / 10.0))));
            assert_eq!(id.map(str::to_owned), named);
            seen.insert(*giver);
        }
        assert_eq!(seen.len(), m.scenes.len() + 1, "each scene, and nobody");
    }
}
