//! A mosaic reads like one raster, however it is cut into files and windows.

use std::path::Path;

use arpent_base::number::exact;
use arpent_gdal::{Mosaic, MosaicReader};
use arpent_raster::{Chip, SceneInfo, Window};
use gdal::raster::ColorInterpretation;
use proptest::prelude::*;

use crate::common::{GEOTRANSFORM, Picture, folder, mosaic, open, picture, value};

const SIZE: usize = 60;

fn read(m: &Mosaic, bands: &[usize], window: Window) -> Chip {
    MosaicReader::new(m, &[bands.to_vec()]).unwrap().read(window).unwrap()
}

/// Writes the part of the 60 x 60 picture between columns and rows as a file of its own.
fn part(dir: &Path, name: &str, cols: std::ops::Range<usize>, rows: std::ops::Range<usize>) -> SceneInfo {
    let size = (cols.len(), rows.len());
    let band = |b| {
        let cols = &cols;
        rows.clone().flat_map(|r| cols.clone().map(move |c| value(c, r, b))).collect::<Vec<_>>()
    };
    let mut gt = GEOTRANSFORM;
    gt[0] += exact(cols.start) * gt[1];
    gt[3] += exact(rows.start) * gt[5];
    let p = Picture { geotransform: Some(gt), ..Picture::new(size, vec![band(0), band(1), band(2)]) };
    open(&p.write(&dir.join(name)))
}

fn whole(dir: &Path) -> Mosaic {
    mosaic(vec![part(dir, "whole.tif", 0..SIZE, 0..SIZE)])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_split_reads_like_the_whole(
        col in 1usize..SIZE, row in 1usize..SIZE, overlap in 0usize..5,
        dc in -10i64..50, dr in -10i64..50, width in 1usize..70, height in 1usize..70,
    ) {
        let dir = folder();
        let whole = whole(dir.path());
        let far = |at: usize| (at + overlap).min(SIZE);
        let split = mosaic(vec![
            part(dir.path(), "se.tif", col..SIZE, row..SIZE),
            part(dir.path(), "nw.tif", 0..far(col), 0..far(row)),
            part(dir.path(), "ne.tif", col..SIZE, 0..far(row)),
            part(dir.path(), "sw.tif", 0..far(col), row..SIZE),
        ]);
        prop_assert_eq!(split.window, whole.window);
        prop_assert_eq!(&split.grid, &whole.grid);
        let window = Window::new(whole.window.col + dc, whole.window.row + dr, width, height);
        let expected = read(&whole, &[3, 1], window);
        let mut reader = MosaicReader::new(&split, &[vec![3, 1]]).unwrap().with_max_open(2);
        prop_assert_eq!(&reader.read(window).unwrap(), &expected);
        // The same pixels through other windows.
        for r in (0..height).step_by(17) {
            let strip = Window { row: window.row + i64::try_from(r).unwrap(), height: (height - r).min(17), ..window };
            let got = reader.read(strip).unwrap();
            prop_assert_eq!(&got.valid[..], &expected.valid[r * width..][..strip.height * width]);
            for b in 0..2 {
                prop_assert_eq!(got.band(b), &expected.band(b)[r * width..][..strip.height * width]);
            }
        }
    }
}

#[test]
fn values_come_in_the_requested_order() {
    let dir = folder();
    let m = whole(dir.path());
    let chip = read(&m, &[3, 1], Window::new(m.window.col + 5, m.window.row + 7, 2, 1));
    let expected = [value(5, 7, 2), value(6, 7, 2), value(5, 7, 0), value(6, 7, 0)].map(f32::from);
    assert_eq!(chip.data, expected);
    assert_eq!(chip.valid, [true, true]);
}

#[test]
fn gaps_and_the_outside_are_invalid_zeros() {
    let dir = folder();
    let m = mosaic(vec![part(dir.path(), "a.tif", 0..20, 0..20), part(dir.path(), "b.tif", 30..50, 0..20)]);
    let chip = read(&m, &[1], Window { width: 60, ..m.window });
    for (i, valid) in chip.valid.iter().enumerate() {
        let col = i % 60;
        assert_eq!(*valid, col < 20 || (30..50).contains(&col), "column {col}");
        assert_eq!(chip.data[i] == 0.0, !valid);
    }
    let far = read(&m, &[1], Window::new(0, 0, 10, 10));
    assert!(far.valid.iter().all(|v| !v) && far.data.iter().all(|v| *v == 0.0));
}

/// A row of pixels in one band or several, with options of the file.
fn row<T: gdal::raster::GdalType + Copy>(
    dir: &Path,
    name: &str,
    bands: Vec<Vec<T>>,
    nodata: Option<f64>,
) -> SceneInfo {
    let p = Picture { nodata, ..Picture::new((bands[0].len(), 1), bands) };
    open(&p.write(&dir.join(name)))
}

#[test]
fn the_first_scene_with_a_valid_pixel_wins() {
    let dir = folder();
    let m = mosaic(vec![
        row(dir.path(), "b.tif", vec![vec![7u8, 8, 9, 255]], Some(255.0)),
        row(dir.path(), "a.tif", vec![vec![1u8, 0, 3, 0]], Some(0.0)),
    ]);
    let chip = read(&m, &[1], m.window);
    assert_eq!(chip.data, [1.0, 8.0, 3.0, 0.0]);
    assert_eq!(chip.valid, [true, true, true, false]);
}

#[test]
fn nodata_needs_all_selected_bands() {
    let dir = folder();
    let m = mosaic(vec![row(
        dir.path(),
        "a.tif",
        vec![vec![0u8, 0, 5], vec![0, 6, 5], vec![9, 0, 0]],
        Some(0.0),
    )]);
    assert_eq!(read(&m, &[1, 2], m.window).valid, [false, true, true]);
    assert_eq!(read(&m, &[1], m.window).valid, [false, false, true]);
    assert_eq!(read(&m, &[1, 2, 3], m.window).valid, [true, true, true]);
}

#[test]
fn alpha_and_masks_decide() {
    let dir = folder();
    let p = Picture::new((3, 1), vec![vec![4u8, 5, 6], vec![0, 1, 255]]);
    let path = p.write_with(&dir.path().join("alpha.tif"), |ds| {
        ds.rasterband(2).unwrap().set_color_interpretation(ColorInterpretation::AlphaBand).unwrap();
    });
    let scene = open(&path);
    assert!(scene.bands[1].is_alpha);
    let chip = read(&mosaic(vec![scene]), &[1], open(&path).window);
    assert_eq!((chip.valid, chip.data), (vec![false, true, true], vec![0.0, 5.0, 6.0]));

    let p = Picture::new((3, 1), vec![vec![4u8, 5, 6], vec![4, 5, 6]]);
    let path = p.write_with(&dir.path().join("masked.tif"), |ds| {
        let mut band = ds.rasterband(1).unwrap();
        band.create_mask_band(true).unwrap();
        let mut mask = band.open_mask_band().unwrap();
        mask.write((0, 0), (3, 1), &mut gdal::raster::Buffer::new((3, 1), vec![255u8, 0, 255])).unwrap();
    });
    let side_file = dir.path().join("masked.tif.msk").exists();
    assert!(side_file, "the mask is meant to be beside the file here");
    let chip = read(&mosaic(vec![open(&path)]), &[2, 1], open(&path).window);
    assert_eq!(chip.valid, [true, false, true]);
    assert_eq!(chip.data, [4.0, 0.0, 6.0, 4.0, 0.0, 6.0]);
}

#[test]
fn other_sample_types_keep_their_values() {
    let dir = folder();
    let m = mosaic(vec![row(dir.path(), "u16.tif", vec![vec![0u16, 1, 65_535]], Some(65_535.0))]);
    let chip = read(&m, &[1], m.window);
    assert_eq!((chip.data, chip.valid), (vec![0.0, 1.0, 0.0], vec![true, true, false]));

    let m = mosaic(vec![row(dir.path(), "i16.tif", vec![vec![-32_768i16, -5, 7]], Some(-32_768.0))]);
    let chip = read(&m, &[1], m.window);
    assert_eq!((chip.data, chip.valid), (vec![0.0, -5.0, 7.0], vec![false, true, true]));

    // 2^24 + 1 is no f32: nodata is decided before the conversion.
    let m = mosaic(vec![row(
        dir.path(),
        "u32.tif",
        vec![vec![16_777_216u32, 16_777_217, 3]],
        Some(16_777_217.0),
    )]);
    assert_eq!(read(&m, &[1], m.window).valid, [true, false, true]);

    let values = vec![f32::NAN, -3.402_823_5e38, f32::INFINITY, 0.25];
    let m = mosaic(vec![row(dir.path(), "f32.tif", vec![values], Some(-3.402_823_466_385_29e38))]);
    let chip = read(&m, &[1], m.window);
    assert_eq!((chip.data, chip.valid), (vec![0.0, 0.0, 0.0, 0.25], vec![false, false, false, true]));

    let m =
        mosaic(vec![row(dir.path(), "nan.tif", vec![vec![f64::NAN, 0.5], vec![1.0, 1.0]], Some(f64::NAN))]);
    let chip = read(&m, &[2, 1], m.window);
    assert_eq!((chip.data, chip.valid), (vec![0.0, 1.0, 0.0, 0.5], vec![false, true]));
}

#[test]
fn readers_work_side_by_side() {
    let dir = folder();
    let m = whole(dir.path());
    let expected = read(&m, &[1, 2, 3], m.window);
    let chips: Vec<Chip> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| read(&m, &[1, 2, 3], m.window))).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(chips.iter().all(|c| *c == expected));
}

#[test]
fn a_picture_of_strips_reads_the_same() {
    let dir = folder();
    let tiled = whole(dir.path());
    let mut p = picture(SIZE, SIZE, 3);
    p.options = vec!["INTERLEAVE=BAND", "COMPRESS=LZW"];
    let strips = mosaic(vec![open(&p.write(&dir.path().join("strips.tif")))]);
    assert_eq!(read(&tiled, &[2, 3], tiled.window), read(&strips, &[2, 3], strips.window));
}
