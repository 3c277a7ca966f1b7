//! Label and confidence rasters.

use std::path::Path;
use std::sync::Arc;

use arpent_base::Diagnostic as _;
use arpent_gdal::{GdalError, RasterKind, StripWriter, describe_crs};
use arpent_raster::{Class, Color, Grid, Nomenclature, Window};
use arpent_testing::skip;
use gdal::{Dataset, Metadata};

use crate::common::folder;

const WINDOW: Window = Window::new(3_250_000, -34_300_000, 1300, 1100);

fn grid() -> Grid {
    Grid {
        crs: Arc::new(describe_crs("EPSG:2154").unwrap()),
        origin_x: 0.0,
        origin_y: 0.0,
        gsd_x: 0.2,
        gsd_y: 0.2,
    }
}

fn nomenclature() -> Nomenclature {
    let class = |id, name: &str, rgb| Class {
        id,
        name: name.into(),
        name_fr: None,
        code: None,
        color: Color(rgb),
        features: true,
    };
    Nomenclature::new(vec![class(0, "other", [9, 9, 9]), class(3, "building", [206, 112, 121])]).unwrap()
}

/// Blobs of class 3 and a nodata margin.
fn labels(window: &Window) -> Vec<u8> {
    let value = |i: usize| {
        let (c, r) = (i % window.width, i / window.width);
        if r < 40 {
            255
        } else if (c / 37 + r / 23) % 3 == 0 {
            3
        } else {
            0
        }
    };
    (0..window.width * window.height).map(value).collect()
}

fn write(
    out: &Path,
    kind: RasterKind<'_>,
    data: &[u8],
    step: usize,
    threads: usize,
) -> Result<(), GdalError> {
    let temporary = out.with_extension("tmp.tif");
    let mut writer = StripWriter::create(&temporary, WINDOW, &grid(), kind)?;
    let mut row = WINDOW.row;
    for rows in data.chunks(step * WINDOW.width) {
        writer.write_rows(row, rows)?;
        row += i64::try_from(rows.len() / WINDOW.width).unwrap();
    }
    writer.finish_cog(out, threads)?;
    assert!(!temporary.exists());
    Ok(())
}

#[test]
fn labels_come_back_with_colors_names_and_overviews() {
    let dir = folder();
    let out = dir.path().join("labels.tif");
    let data = labels(&WINDOW);
    write(&out, RasterKind::Labels(&nomenclature()), &data, 100, 2).unwrap();
    let ds = Dataset::open(&out).unwrap();
    assert_eq!(ds.metadata_item("LAYOUT", "IMAGE_STRUCTURE").as_deref(), Some("COG"));
    assert_eq!(ds.metadata_item("COMPRESSION", "IMAGE_STRUCTURE").as_deref(), Some("DEFLATE"));
    assert_eq!(ds.spatial_ref().unwrap().auth_code().unwrap(), 2154);
    let expected = [650_000.0, 0.2, 0.0, 6_860_000.0, 0.0, -0.2];
    assert!(ds.geo_transform().unwrap().iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6));
    let band = ds.rasterband(1).unwrap();
    assert_eq!(band.block_size(), (512, 512));
    assert_eq!(band.no_data_value(), Some(255.0));
    assert_eq!(band.metadata_item("CLASS_3", "").as_deref(), Some("building"));
    let color = band.color_table().unwrap().entry_as_rgb(3).unwrap();
    assert_eq!((color.r, color.g, color.b), (206, 112, 121));
    assert_eq!(band.read_band_as::<u8>().unwrap().data(), data);
    // Majority overviews invent no class.
    assert!(band.overview_count().unwrap() >= 1);
    let overview = band.overview(0).unwrap().read_band_as::<u8>().unwrap();
    assert!(overview.data().iter().all(|v| [0, 3, 255].contains(v)));
    assert_eq!(overview.data()[0], 255);
    // No side file, no temporary file.
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn confidence_overviews_leave_nodata_out() {
    let dir = folder();
    let out = dir.path().join("confidence.tif");
    // Checkerboard of 100 and nodata: means must be 100, not 177.
    let data: Vec<u8> = (0..WINDOW.width * WINDOW.height)
        .map(|i| if (i + i / WINDOW.width).is_multiple_of(2) { 100 } else { 255 })
        .collect();
    write(&out, RasterKind::Confidence, &data, 512, 1).unwrap();
    let ds = Dataset::open(&out).unwrap();
    let band = ds.rasterband(1).unwrap();
    assert_eq!((band.scale(), band.no_data_value()), (Some(0.004), Some(255.0)));
    assert_eq!(band.read_band_as::<u8>().unwrap().data(), data);
    let overview = band.overview(0).unwrap().read_band_as::<u8>().unwrap();
    assert!(overview.data().iter().all(|v| *v == 100));
}

#[test]
fn bytes_depend_on_pixels_alone() {
    let dir = folder();
    let data = labels(&WINDOW);
    let bytes = |name: &str, step, threads| {
        let out = dir.path().join(name);
        write(&out, RasterKind::Labels(&nomenclature()), &data, step, threads).unwrap();
        std::fs::read(out).unwrap()
    };
    let first = bytes("a.tif", 512, 1);
    for (name, step, threads) in [("b.tif", 1, 4), ("c.tif", 1100, 2), ("d.tif", 700, 1)] {
        assert!(bytes(name, step, threads) == first, "{step} rows at a time, {threads} threads");
    }
}

#[test]
fn rows_out_of_order_are_refused() {
    let dir = folder();
    let temporary = dir.path().join("t.tif");
    let mut writer = StripWriter::create(&temporary, WINDOW, &grid(), RasterKind::Confidence).unwrap();
    let row = vec![1; WINDOW.width];
    for (at, rows) in [(WINDOW.row + 1, &row[..]), (WINDOW.row, &row[1..])] {
        assert!(matches!(writer.write_rows(at, rows), Err(GdalError::RowOrder { .. })));
    }
    writer.write_rows(WINDOW.row, &row).unwrap();
    let out = dir.path().join("out.tif");
    let e = writer.finish_cog(&out, 1).unwrap_err();
    assert!(matches!(&e, GdalError::RowOrder { expected, .. } if *expected == WINDOW.row + 1), "{e:?}");
    assert!(!out.exists());
}

#[test]
fn places_that_cannot_be_written_are_errors() {
    let dir = folder();
    let nowhere = dir.path().join("no/such/folder/t.tif");
    let e = StripWriter::create(&nowhere, WINDOW, &grid(), RasterKind::Confidence).unwrap_err();
    assert!(matches!(e, GdalError::Create { .. }) && e.hint().is_some(), "{e:?}");
    let e = write(
        &dir.path().join("t.tif"),
        RasterKind::Confidence,
        &vec![7; WINDOW.width * WINDOW.height],
        100,
        1,
    );
    assert!(e.is_ok());
    let temporary = dir.path().join("t2.tif");
    let mut writer = StripWriter::create(&temporary, WINDOW, &grid(), RasterKind::Confidence).unwrap();
    writer.write_rows(WINDOW.row, &vec![7; WINDOW.width * WINDOW.height]).unwrap();
    let e = writer.finish_cog(&nowhere, 1).unwrap_err();
    assert!(matches!(e, GdalError::Write { .. }), "{e:?}");
    assert!(!temporary.exists());
}

/// `/dev/full` refuses every write, as a full disk does.
#[test]
fn a_full_disk_is_an_error() {
    let dir = folder();
    let full = Path::new("/dev/full");
    if !full.exists() {
        skip("dev-full", "this system has no /dev/full");
        return;
    }
    let temporary = dir.path().join("t.tif");
    std::os::unix::fs::symlink(full, &temporary).unwrap();
    let noise: Vec<u8> = (0u64..1300 * 1100)
        .map(|i| u8::try_from(i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56).unwrap())
        .collect();
    let result =
        StripWriter::create(&temporary, WINDOW, &grid(), RasterKind::Confidence).and_then(|mut w| {
            w.write_rows(WINDOW.row, &noise)?;
            w.finish_cog(&dir.path().join("out.tif"), 1)
        });
    let e = result.unwrap_err();
    assert!(matches!(e, GdalError::Create { .. } | GdalError::Write { .. }), "{e:?}");
    assert!(!dir.path().join("out.tif").exists());
}
