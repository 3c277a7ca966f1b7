//! Areas of interest.

use std::sync::Arc;

use arpent_base::Diagnostic as _;
use arpent_base::number::exact;
use arpent_gdal::{Aoi, GdalError, describe_crs, read_aoi};
use arpent_raster::{Grid, Window};
use gdal::DriverManager;
use gdal::raster::{Buffer, BurnSource, MergeAlgorithm, OptimizeMode, RasterizeOptions, rasterize};
use gdal::vector::Geometry;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::common::{HERE, folder};

fn grid(epsg: u32, gsd: f64) -> Grid {
    let crs = Arc::new(describe_crs(&format!("EPSG:{epsg}")).unwrap());
    Grid { crs, origin_x: 0.0, origin_y: 0.0, gsd_x: gsd, gsd_y: gsd }
}

fn geojson(geometries: &[&str], crs: &str) -> (TempDir, String) {
    let dir = folder();
    let path = dir.path().join("aoi.geojson");
    let features: Vec<String> = geometries
        .iter()
        .map(|g| format!(r#"{{"type":"Feature","properties":{{}},"geometry":{g}}}"#))
        .collect();
    let crs = if crs.is_empty() {
        String::new()
    } else {
        format!(r#""crs":{{"type":"name","properties":{{"name":"urn:ogc:def:crs:EPSG::{crs}"}}}},"#)
    };
    std::fs::write(
        &path,
        format!(r#"{{"type":"FeatureCollection",{crs}"features":[{}]}}"#, features.join(",")),
    )
    .unwrap();
    let path = path.to_string_lossy().into_owned();
    (dir, path)
}

fn polygon(rings: &[&[(f64, f64)]]) -> String {
    let ring = |r: &&[(f64, f64)]| {
        let points: Vec<String> = r.iter().chain(r.first()).map(|(x, y)| format!("[{x},{y}]")).collect();
        format!("[{}]", points.join(","))
    };
    format!(
        r#"{{"type":"Polygon","coordinates":[{}]}}"#,
        rings.iter().map(ring).collect::<Vec<_>>().join(",")
    )
}

const SQUARE: &[(f64, f64)] = &[(10.0, -10.0), (30.0, -10.0), (30.0, -40.0), (10.0, -40.0)];
const HOLE: &[(f64, f64)] = &[(15.0, -15.0), (15.0, -20.0), (20.0, -20.0), (20.0, -15.0)];

fn count(aoi: &Aoi, window: Window) -> usize {
    aoi.mask(window).data().iter().filter(|v| **v).count()
}

#[test]
fn pixel_centers_decide() {
    let (_dir, path) = geojson(&[&polygon(&[SQUARE, HOLE])], "2154");
    let aoi = read_aoi(&path, &grid(2154, 1.0), &HERE).unwrap();
    assert_eq!(aoi.window(), Window::new(10, 10, 20, 30));
    assert_eq!(count(&aoi, Window::new(0, 0, 50, 50)), 20 * 30 - 25);
    let mask = aoi.mask(Window::new(14, 14, 3, 2));
    assert_eq!(mask.data(), [true, true, true, true, false, false]);
    assert_eq!((mask.view()[[0, 2]], mask.view()[[1, 1]]), (true, false));
    assert!(aoi.intersects(&Window::new(0, 0, 11, 11)) && !aoi.intersects(&Window::new(0, 0, 10, 50)));
    // Inside the hole and inside the polygon, far from any edge.
    assert!(!aoi.intersects(&Window::new(16, 16, 2, 2)) && aoi.intersects(&Window::new(22, 30, 2, 2)));
}

#[test]
fn neighbors_share_no_pixel() {
    let left = polygon(&[&[(0.0, 0.0), (33.3, 0.0), (17.7, -50.0), (0.0, -50.0)]]);
    let right = polygon(&[&[(33.3, 0.0), (60.0, 0.0), (60.0, -50.0), (17.7, -50.0)]]);
    let whole = Window::new(0, 0, 60, 50);
    let n = |g: &[&str]| {
        let (_dir, path) = geojson(g, "2154");
        count(&read_aoi(&path, &grid(2154, 1.0), &HERE).unwrap(), whole)
    };
    assert_eq!(n(&[&left]) + n(&[&right]), 60 * 50);
    assert_eq!(n(&[&left, &right]), 60 * 50);
}

#[test]
fn other_systems_are_reprojected() {
    // One minute of longitude and latitude from the origin of Lambert-93 (3 degrees east, 46.5 degrees north, false
    // coordinates 700 000 and 6 600 000), given as RFC 7946 requires it.
    let (w, s) = (3.0, 46.5);
    let (e, n) = (w + 1.0 / 60.0, s + 1.0 / 60.0);
    let (_dir, path) = geojson(&[&polygon(&[&[(w, s), (e, s), (e, n), (w, n)]])], "");
    let aoi = read_aoi(&path, &grid(2154, 1.0), &HERE).unwrap();
    let bbox = grid(2154, 1.0).bbox(&aoi.window());
    assert!((bbox[0] - 700_000.0).abs() < 1.5 && (bbox[1] - 6_600_000.0).abs() < 1.5, "{bbox:?}");
    // 1852 m by 1852 m * cos(latitude), within a percent.
    let expected = 1852.0 * 1852.0 * 46.508f64.to_radians().cos();
    let got = exact(count(&aoi, aoi.window()));
    assert!((got / expected - 1.0).abs() < 0.01, "{got} {expected}");
}

#[test]
fn multipolygons_and_collections_are_taken_apart() {
    let multi = r#"{"type":"MultiPolygon","coordinates":[[[[0,0],[2,0],[2,-2],[0,-2],[0,0]]],[[[4,0],[6,0],[6,-2],[4,-2],[4,0]]]]}"#;
    let collection = format!(
        r#"{{"type":"GeometryCollection","geometries":[{{"type":"Point","coordinates":[9,9]}},{}]}}"#,
        polygon(&[&[(8.0, 0.0), (10.0, 0.0), (10.0, -2.0), (8.0, -2.0)]])
    );
    let (_dir, path) = geojson(&[multi, &collection], "2154");
    let aoi = read_aoi(&path, &grid(2154, 1.0), &HERE).unwrap();
    assert_eq!((aoi.window(), count(&aoi, aoi.window())), (Window::new(0, 0, 10, 2), 12));
}

#[test]
fn bad_areas_are_refused() {
    let grid = grid(2154, 1.0);
    let e = read_aoi("no/such/aoi.gpkg", &grid, &HERE).unwrap_err();
    assert!(matches!(e, GdalError::Missing { .. }), "{e:?}");

    let (_dir, path) = geojson(&[r#"{"type":"Point","coordinates":[1,2]}"#], "2154");
    let e = read_aoi(&path, &grid, &HERE).unwrap_err();
    assert!(matches!(&e, GdalError::FeatureKind { found, .. } if found.contains("Point")), "{e:?}");

    let line = r#"{"type":"LineString","coordinates":[[1,2],[3,4]]}"#;
    let (_dir, path) = geojson(&[line], "2154");
    let e = read_aoi(&path, &grid, &HERE).unwrap_err();
    assert!(matches!(&e, GdalError::FeatureKind { found, feature: 1, .. } if found == "line"), "{e:?}");

    let (_dir, path) = geojson(&[], "2154");
    assert!(matches!(read_aoi(&path, &grid, &HERE), Err(GdalError::AoiNoPolygon { .. })));

    let bow = polygon(&[&[(0.0, 0.0), (10.0, -10.0), (10.0, 0.0), (0.0, -10.0)]]);
    let (_dir, path) = geojson(&[&polygon(&[SQUARE]), &bow], "2154");
    let aoi = read_aoi(&path, &grid, &HERE).unwrap();
    assert_eq!(aoi.counts().repaired, 1);
    // The square, and the two triangles of the bow tie: 25 pixel centers each, five of them on a border.
    let bow = count(&aoi, Window::new(0, 0, 10, 10));
    assert!(bow.abs_diff(50) <= 10, "{bow}");
    assert_eq!(count(&aoi, Window::new(10, 10, 20, 30)), 600);

    let dir = folder();
    let path = dir.path().join("aoi.geojson");
    std::fs::write(&path, "{ this is not json").unwrap();
    let e = read_aoi(&path.to_string_lossy(), &grid, &HERE).unwrap_err();
    assert!(matches!(e, GdalError::NotAVector { .. }), "{e:?}");
}

#[test]
fn a_layer_without_crs_is_refused() {
    let dir = folder();
    let path = dir.path().join("aoi.shp");
    let mut ds =
        DriverManager::get_driver_by_name("ESRI Shapefile").unwrap().create_vector_only(&path).unwrap();
    let mut layer =
        ds.create_layer(gdal::vector::LayerOptions { name: "aoi", ..Default::default() }).unwrap();
    let square = Geometry::from_wkt("POLYGON ((0 0,1 0,1 1,0 0))").unwrap();
    gdal::vector::LayerAccess::create_feature(&mut layer, square).unwrap();
    ds.close().unwrap();
    let e = read_aoi(&path.to_string_lossy(), &grid(2154, 1.0), &HERE).unwrap_err();
    assert!(matches!(e, GdalError::LayerNoCrs { .. }), "{e:?}");
    assert!(e.hint().unwrap().contains("ogr2ogr -a_srs"));
}

/// GDAL's own rasterizer, which also goes by pixel centers.
fn oracle(ring: &[(f64, f64)], width: usize, height: usize) -> Vec<bool> {
    let mut ds = DriverManager::get_driver_by_name("MEM")
        .unwrap()
        .create_with_band_type::<u8, _>("", width, height, 1)
        .unwrap();
    ds.set_geo_transform(&[0.0, 1.0, 0.0, 0.0, 0.0, -1.0]).unwrap();
    let points: Vec<String> = ring.iter().chain(ring.first()).map(|(x, y)| format!("{x} {y}")).collect();
    let polygon = Geometry::from_wkt(&format!("POLYGON (({}))", points.join(","))).unwrap();
    let options = RasterizeOptions {
        all_touched: false,
        source: BurnSource::UserSupplied,
        merge_algorithm: MergeAlgorithm::Replace,
        chunk_y_size: 0,
        optimize: OptimizeMode::Automatic,
    };
    rasterize(&mut ds, &[1], &[polygon], &[1.0], Some(options)).unwrap();
    let burned: Buffer<u8> = ds.rasterband(1).unwrap().read_band_as().unwrap();
    burned.data().iter().map(|v| *v == 1).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn masks_agree_with_gdal_and_with_any_window(
        radii in prop::collection::vec(3.0f64..28.0, 3..12), col in 0i64..40, row in 0i64..40,
    ) {
        // A star around (30.1, -30.2): never self-intersecting.
        let ring: Vec<(f64, f64)> = radii.iter().enumerate().map(|(i, r)| {
            let a = exact(i) / exact(radii.len()) * std::f64::consts::TAU;
            (30.1 + r * a.cos(), -30.2 + r * a.sin())
        }).collect();
        let (_dir, path) = geojson(&[&polygon(&[&ring])], "2154");
        let aoi = read_aoi(&path, &grid(2154, 1.0), &HERE).unwrap();
        let whole = aoi.mask(Window::new(0, 0, 60, 60));
        let expected = oracle(&ring, 60, 60);
        // GDAL rounds crossings to whole pixels a hair differently.
        let different = whole.data().iter().zip(&expected).filter(|(a, b)| a != b).count();
        prop_assert!(different <= 1, "{different} pixels differ");
        let window = Window::new(col, row, 20, 20);
        let part = aoi.mask(window);
        for r in 0..20usize {
            let from = (usize::try_from(row).unwrap() + r) * 60 + usize::try_from(col).unwrap();
            prop_assert_eq!(part.row(r), &whole.data()[from..][..20]);
        }
        prop_assert_eq!(aoi.intersects(&window), part.data().contains(&true));
    }
}
