//! Resampled scenes obey the lattice rule.

use arpent_gdal::{MosaicReader, Resampling, resample_source};
use arpent_raster::{Chip, Window};
use proptest::prelude::*;

use crate::common::{Picture, folder, mosaic, open, picture, value};

#[test]
fn new_pixels_lie_on_the_lattice_of_the_crs() {
    let dir = folder();
    let p =
        Picture { geotransform: Some([650_000.3, 0.2, 0.0, 6_860_000.1, 0.0, -0.2]), ..picture(60, 60, 3) };
    let scene = open(&p.write(&dir.path().join("a.tif")));
    let resampled = resample_source(&scene, 0.5, Resampling::Average, dir.path()).unwrap();
    assert!(resampled.grid.origin_x == 0.0 && resampled.grid.origin_y == 0.0, "{:?}", resampled.grid);
    assert!((resampled.gsd_m - 0.5).abs() < 1e-9);
    assert_eq!(resampled.id, scene.id);
    assert_eq!(resampled.bands.len(), 4);
    assert!(resampled.bands[3].is_alpha);
    // The old extent is covered, by less than a pixel more on each side.
    let (old, new) = (scene.grid.bbox(&scene.window), resampled.grid.bbox(&resampled.window));
    assert!(new[0] <= old[0] && new[1] <= old[1] && new[2] >= old[2] && new[3] >= old[3]);
    assert!(old[0] - new[0] < 0.5 && new[3] - old[3] < 0.5);
}

#[test]
fn averages_are_means() {
    let dir = folder();
    let p = Picture::new((4, 2), vec![vec![10u8, 20, 1, 1, 30, 40, 1, 1]]);
    let scene = open(&p.write(&dir.path().join("a.tif")));
    let m = mosaic(vec![resample_source(&scene, 0.4, Resampling::Average, dir.path()).unwrap()]);
    let chip = MosaicReader::new(&m, &[vec![1]]).unwrap().read(m.window).unwrap();
    assert_eq!((chip.data, chip.valid), (vec![25.0, 1.0], vec![true, true]));
}

#[test]
fn nodata_stays_nodata() {
    let dir = folder();
    let mut data = vec![9u16; 64];
    data[..32].fill(0);
    let p = Picture { nodata: Some(0.0), ..Picture::new((8, 8), vec![data.clone(), data]) };
    let scene = open(&p.write(&dir.path().join("a.tif")));
    let resampled = resample_source(&scene, 0.1, Resampling::Bilinear, dir.path()).unwrap();
    assert_eq!((resampled.bands.len(), resampled.bands[0].nodata), (2, Some(0.0)));
    let m = mosaic(vec![resampled]);
    let chip = MosaicReader::new(&m, &[vec![1, 2]]).unwrap().read(m.window).unwrap();
    assert!(chip.valid.iter().zip(chip.band(0)).all(|(valid, v)| if *valid { *v == 9.0 } else { *v == 0.0 }));
    assert!(!chip.valid[0] && chip.valid[chip.valid.len() - 1]);
}

/// A crop of the picture resamples like the whole, except near its border, where the kernel sees less.
#[test]
fn crops_agree_inside() {
    let dir = folder();
    let size = 120;
    let write = |name: &str, from: usize, to: usize| {
        let n = to - from;
        let band = (0..n * n).map(|i| value(i % n + from, i / n + from, 0)).collect();
        let at = f64::from(u32::try_from(from).unwrap()) * 0.2;
        let gt = [650_000.0 + at, 0.2, 0.0, 6_860_000.0 - at, 0.0, -0.2];
        open(
            &Picture { geotransform: Some(gt), ..Picture::new((n, n), vec![band]) }
                .write(&dir.path().join(name)),
        )
    };
    let (whole, crop) = (write("whole.tif", 0, size), write("crop.tif", 13, 90));
    for method in [Resampling::Nearest, Resampling::Bilinear, Resampling::Average] {
        for gsd in [0.1, 0.25, 0.3, 0.4, 0.5] {
            let read = |scene, window: Option<Window>| {
                let m = mosaic(vec![resample_source(scene, gsd, method, dir.path()).unwrap()]);
                let window = window.unwrap_or(Window {
                    col: m.window.col + 8,
                    row: m.window.row + 8,
                    width: m.window.width - 16,
                    height: m.window.height - 16,
                });
                MosaicReader::new(&m, &[vec![1]]).unwrap().read(window).unwrap()
            };
            let inside = read(&crop, None);
            let different = read(&whole, Some(inside.window))
                .data
                .iter()
                .zip(&inside.data)
                .filter(|(a, b)| a != b)
                .count();
            assert_eq!(different, 0, "{method:?} {gsd}: of {}", inside.data.len());
        }
    }
}

fn reader(dir: &std::path::Path, method: Resampling, gsd: f64) -> (MosaicReader, Window) {
    let path = dir.join("a.tif");
    if !path.exists() {
        picture(300, 300, 2).write(&path);
    }
    let m = mosaic(vec![resample_source(&open(&path), gsd, method, dir).unwrap()]);
    (MosaicReader::new(&m, &[vec![2, 1]]).unwrap(), m.window)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn windows_do_not_matter(
        gsd in prop::sample::select(vec![0.1, 0.13, 0.3, 0.5]),
        method in prop::sample::select(vec![Resampling::Nearest, Resampling::Bilinear, Resampling::Average]),
        col in 0usize..50, row in 0usize..50, width in 1usize..60, height in 1usize..60,
    ) {
        let dir = folder();
        let (mut all, whole) = reader(dir.path(), method, gsd);
        let all: Chip = all.read(whole).unwrap();
        let (mut part, _) = reader(dir.path(), method, gsd);
        let at = |v: i64, by: usize| v + i64::try_from(by).unwrap();
        let window = Window::new(at(whole.col, col), at(whole.row, row), width, height);
        let chip = part.read(window).unwrap();
        for r in 0..height {
            let from = (row + r) * whole.width + col;
            prop_assert_eq!(&chip.valid[r * width..][..width], &all.valid[from..][..width]);
            for b in 0..2 {
                prop_assert_eq!(&chip.band(b)[r * width..][..width], &all.band(b)[from..][..width]);
            }
        }
    }
}
