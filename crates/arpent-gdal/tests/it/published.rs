//! Published rasters read again, and surfaces of lines.

use std::sync::Arc;

use arpent_gdal::{GdalError, PublishedRaster, RasterKind, Rings, StripWriter, buffer_lines, describe_crs};
use arpent_raster::{Class, Color, Grid, LABEL_NODATA, Nomenclature, Window};

use crate::common::{Picture, folder};

fn nomenclature() -> Nomenclature {
    let class = |id: u8, name: &str| Class {
        id,
        name: name.into(),
        name_fr: None,
        code: None,
        color: Color([id, 2, 3]),
        features: true,
    };
    Nomenclature::new(vec![class(0, "ground"), class(7, "crack = bad")]).unwrap()
}

#[test]
fn a_label_raster_comes_back() {
    let dir = folder();
    let crs = Arc::new(describe_crs("EPSG:2154").unwrap());
    let grid = Grid { crs, origin_x: 0.05, origin_y: 0.0, gsd_x: 0.2, gsd_y: 0.2 };
    let window = Window::new(3_250_000, -34_300_000, 700, 600);
    let classes = nomenclature();
    let kind = RasterKind::Labels(&classes);
    let mut writer = StripWriter::create(&dir.path().join("t.tif"), window, &grid, kind).unwrap();
    let values: Vec<u8> = (0..700 * 600)
        .map(|i| if i % 11 == 0 { LABEL_NODATA } else { u8::try_from(i % 251).unwrap() })
        .collect();
    writer.write_rows(window.row, &values).unwrap();
    let path = dir.path().join("labels.tif");
    writer.finish_cog(&path, 1).unwrap();
    let raster = PublishedRaster::open(&path.to_string_lossy()).unwrap();
    assert_eq!((raster.grid().key(), raster.window()), (grid.key(), window));
    let names: Vec<_> = raster.classes().iter().map(|(id, name)| (*id, name.as_str())).collect();
    assert_eq!(names, [(0, "ground"), (7, "crack = bad")]);
    let part = Window::new(window.col + 690, window.row + 510, 10, 3);
    let read = raster.read(part).unwrap();
    assert_eq!(read.row(2)[9], values[512 * 700 + 699]);
    assert_eq!(read.row(0)[0], values[510 * 700 + 690]);
    for outside in
        [Window::new(window.col - 1, window.row, 2, 2), Window::new(window.col + 699, window.row, 2, 1)]
    {
        assert!(matches!(raster.read(outside), Err(GdalError::ReadWindow { .. })));
    }
}

#[test]
fn other_rasters_are_refused() {
    let dir = folder();
    let two = Picture::new((4, 2), vec![vec![0u8; 8], vec![0u8; 8]]).write(&dir.path().join("2.tif"));
    let open = |path: &std::path::Path| PublishedRaster::open(&path.to_string_lossy()).map(|_| ());
    assert!(matches!(open(&two), Err(GdalError::BandCount { bands: 2, .. })));
    let wide = Picture::new((4, 2), vec![vec![0u16; 8]]).write(&dir.path().join("w.tif"));
    assert!(matches!(open(&wide), Err(GdalError::UnsupportedType { .. })));
    let nowhere = Picture { geotransform: None, epsg: None, ..Picture::new((4, 2), vec![vec![0u8; 8]]) };
    assert!(matches!(open(&nowhere.write(&dir.path().join("n.tif"))), Err(GdalError::NoGeotransform { .. })));
    assert!(matches!(open(&dir.path().join("gone.tif")), Err(GdalError::Missing { .. })));
}

fn area(polygons: &[Rings]) -> f64 {
    let ring = |r: &Vec<[f64; 2]>| {
        r.windows(2).map(|p| p[0][0] * p[1][1] - p[1][0] * p[0][1]).sum::<f64>().abs() / 2.0
    };
    polygons.iter().map(|p| ring(&p[0]) - p[1..].iter().map(ring).sum::<f64>()).sum()
}

#[test]
fn sections_end_where_their_lines_do() {
    let _dir = folder();
    let near =
        |got: f64, expected: f64| assert!((got - expected).abs() < 1e-9 * expected, "{got} {expected}");
    let straight = buffer_lines(&[vec![[10.0, 0.0], [50.0, 30.0]]], 3.0).unwrap();
    assert_eq!((straight.len(), straight[0][0].len()), (1, 5));
    near(area(&straight), 50.0 * 6.0);
    // A vertex on a straight line changes nothing, nor does one that is there twice.
    let halves = buffer_lines(&[vec![[10.0, 0.0], [30.0, 15.0], [30.0, 15.0], [50.0, 30.0]]], 3.0).unwrap();
    near(area(&halves), 300.0);
    // A right angle: two rectangles, whose common square counts once, and a quarter of a disc outside.
    let bend = buffer_lines(&[vec![[0.0, 0.0], [40.0, 0.0], [40.0, 40.0]]], 3.0).unwrap();
    let disc = 0.5 * 9.0 * 8.0 * (std::f64::consts::FRAC_PI_2 / 8.0).sin();
    near(area(&bend), 2.0 * 40.0 * 6.0 - 9.0 + disc);
    // A closed line has no ends, and what it encloses stays outside.
    let square = vec![[0.0, 0.0], [40.0, 0.0], [40.0, 40.0], [0.0, 40.0], [0.0, 0.0]];
    let round = buffer_lines(&[square], 3.0).unwrap();
    assert_eq!(round[0].len(), 2);
    near(area(&round), 46.0f64.powi(2) - 34.0f64.powi(2) - 4.0 * (9.0 - disc));
    // Two lines that cross are one area.
    let cross = [vec![[-20.0, 0.0], [20.0, 0.0]], vec![[0.0, -20.0], [0.0, 20.0]]];
    near(area(&buffer_lines(&cross, 3.0).unwrap()), 2.0 * 40.0 * 6.0 - 36.0);
    assert!(buffer_lines(&[vec![[1.0, 1.0], [1.0, 1.0]]], 3.0).unwrap().is_empty());
    assert!(buffer_lines(&[], 3.0).unwrap().is_empty());
}
