//! Metadata of opened scenes.

use std::time::{Duration, Instant};

use arpent_gdal::{MosaicReader, fingerprint, group_scenes, open_scene};
use arpent_raster::{CrsKind, SampleType, Window};
use gdal::Metadata;
use gdal::raster::ColorInterpretation;

use crate::common::{Picture, folder, mosaic, open, picture, source};

#[test]
fn a_plain_scene_is_described() {
    let dir = folder();
    let path = picture(40, 30, 4).write_with(&dir.path().join("dalle_1.tif"), |ds| {
        use ColorInterpretation::{BlueBand, GreenBand, RedBand};
        for (i, color) in [RedBand, GreenBand, BlueBand].into_iter().enumerate() {
            ds.rasterband(i + 1).unwrap().set_color_interpretation(color).unwrap();
        }
        ds.rasterband(4).unwrap().set_description("Near Infrared").unwrap();
        ds.set_metadata_item("TIFFTAG_DATETIME", "2021:07:14 12:00:00", "").unwrap();
    });
    let scene = open(&path);
    assert_eq!(scene.id, "dalle_1");
    assert_eq!(scene.grid.crs.epsg, Some(2154));
    assert_eq!(scene.window, Window::new(3_250_000, -34_300_000, 40, 30));
    assert!((scene.gsd_m - 0.2).abs() < 1e-9);
    assert_eq!(scene.block, (16, 16));
    // The date of the file is not that of the picture.
    assert_eq!(scene.acquired, None);
    let names: Vec<_> = scene.bands.iter().map(|b| b.common_name.as_deref()).collect();
    assert_eq!(names, [Some("red"), Some("green"), Some("blue"), Some("nir")]);
    assert!(
        scene.bands.iter().all(|b| b.sample_type == SampleType::Uint8 && b.nodata.is_none() && !b.is_alpha)
    );
}

#[test]
fn stac_names_and_dates_win() {
    let dir = folder();
    let path = picture(8, 8, 2).write(&dir.path().join("a.tif"));
    let mut s = source(&path);
    s.band_names = Some(vec!["B08".into(), "rededge071".into()]);
    s.acquired = Some("2020-01-01T00:00:00Z".into());
    let scene = open_scene(&s).unwrap();
    assert_eq!(scene.bands[0].common_name.as_deref(), Some("nir"));
    assert_eq!(scene.bands[1].common_name.as_deref(), Some("rededge071"));
    assert_eq!(scene.acquired.as_deref(), Some("2020-01-01T00:00:00Z"));
}

#[test]
fn a_geographic_scene_has_ground_meters() {
    let dir = folder();
    let p = Picture {
        epsg: Some(4326),
        geotransform: Some([2.0, 1e-5, 0.0, 60.0, 0.0, -1e-5]),
        ..picture(8, 8, 1)
    };
    let scene = open(&p.write(&dir.path().join("a.tif")));
    assert_eq!(scene.grid.crs.kind, CrsKind::Geographic);
    // At 60 degrees north a degree of longitude is half as long: sqrt(0.5 * 1.113 * 1.113).
    assert!((scene.gsd_m - 0.789).abs() < 0.005, "{}", scene.gsd_m);
    assert_eq!(scene.bands[0].common_name.as_deref(), Some("pan"));
}

#[test]
fn different_grids_make_groups() {
    let dir = folder();
    let write = |name: &str, epsg: u32, gt: [f64; 6]| {
        let p = Picture { epsg: Some(epsg), geotransform: Some(gt), ..picture(8, 8, 1) };
        open(&p.write(&dir.path().join(name)))
    };
    let groups = group_scenes(vec![
        write("d.tif", 2154, [0.0, 0.2, 0.0, 0.0, 0.0, -0.2]),
        write("b.tif", 2154, [1000.0, 0.5, 0.0, 0.0, 0.0, -0.5]),
        write("c.tif", 3857, [0.0, 0.2, 0.0, 0.0, 0.0, -0.2]),
        write("a.tif", 2154, [16.0, 0.2, 0.0, 0.0, 0.0, -0.2]),
    ]);
    let ids: Vec<Vec<&str>> =
        groups.iter().map(|g| g.scenes.iter().map(|s| s.id.as_str()).collect()).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.contains(&vec!["a", "d"]) && ids.contains(&vec!["b"]) && ids.contains(&vec!["c"]), "{ids:?}");
}

#[test]
fn a_giant_vrt_opens_at_once() {
    let dir = folder();
    let path = dir.path().join("giant.vrt");
    let xml = r#"<VRTDataset rasterXSize="200000" rasterYSize="200000"><SRS>EPSG:2154</SRS>
        <GeoTransform>0,0.2,0,0,0,-0.2</GeoTransform><VRTRasterBand dataType="Byte" band="1"/></VRTDataset>"#;
    std::fs::write(&path, xml).unwrap();
    let start = Instant::now();
    let m = mosaic(vec![open(&path)]);
    let chip =
        MosaicReader::new(&m, &[vec![1]]).unwrap().read(Window::new(100_000, 100_000, 512, 512)).unwrap();
    assert_eq!(chip.data.len(), 512 * 512);
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn nothing_is_written_beside_inputs() {
    let dir = folder();
    let path = picture(40, 30, 3).write(&dir.path().join("a.tif"));
    let m = mosaic(vec![open(&path)]);
    MosaicReader::new(&m, &[vec![1, 2, 3]]).unwrap().read(m.window).unwrap();
    fingerprint(&source(&path)).unwrap();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn fingerprints_cover_what_is_read() {
    let dir = folder();
    let tif = picture(5, 5, 1).write(&dir.path().join("a.tif"));
    let vrt = dir.path().join("a.vrt");
    let xml = r#"<VRTDataset rasterXSize="5" rasterYSize="5"><VRTRasterBand dataType="Byte" band="1">
        <SimpleSource><SourceFilename relativeToVRT="1">a.tif</SourceFilename></SimpleSource>
        </VRTRasterBand></VRTDataset>"#;
    std::fs::write(&vrt, xml).unwrap();
    let of_tif = fingerprint(&source(&tif)).unwrap();
    assert_eq!(of_tif.size, Some(std::fs::metadata(&tif).unwrap().len()));
    assert_eq!(of_tif.sha256.as_deref().map(str::len), Some(64));
    assert!(of_tif.parts.is_empty());
    let of_vrt = fingerprint(&source(&vrt)).unwrap();
    assert_eq!(of_vrt.parts.len(), 1);
    assert_eq!(of_vrt.parts[0].sha256, of_tif.sha256);
    std::fs::write(&vrt, format!("{xml} ")).unwrap();
    assert_ne!(fingerprint(&source(&vrt)).unwrap().sha256, of_vrt.sha256);
}
