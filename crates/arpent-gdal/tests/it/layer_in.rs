//! Layers read feature by feature: geometries of every kind, fields, other CRS, what is refused.

use std::path::Path;

use arpent_base::Diagnostic as _;
use arpent_base::{ColumnKind, Value};
use arpent_gdal::{
    GdalError, InvalidGeometries, LayerCounts, LayerFeature, LayerGeometry, LayerSource, describe_crs,
    layer_fields, read_features,
};
use arpent_raster::Crs;

use crate::common::folder;

/// Writes a GeoJSON file, in Lambert-93, of (properties, geometry).
fn layer(path: &Path, features: &[(&str, &str)]) -> String {
    let feature = |(properties, geometry): &(&str, &str)| {
        format!(r#"{{"type":"Feature","properties":{properties},"geometry":{geometry}}}"#)
    };
    let all: Vec<String> = features.iter().map(feature).collect();
    let crs = r#""crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::2154"}}"#;
    let text = format!(r#"{{"type":"FeatureCollection",{crs},"features":[{}]}}"#, all.join(","));
    std::fs::write(path, text).unwrap();
    path.to_string_lossy().into_owned()
}

fn lambert() -> Crs {
    describe_crs("EPSG:2154").unwrap()
}

fn source<'a>(uri: &'a str, fields: &'a [&'a str], crs: &'a Crs) -> LayerSource<'a> {
    LayerSource { fields, ..LayerSource::new(uri, crs) }
}

fn read(source: &LayerSource<'_>) -> Result<(Vec<LayerFeature>, LayerCounts), GdalError> {
    let mut features = Vec::new();
    let counts = read_features(source, &mut |feature| {
        features.push(feature);
        Ok::<_, GdalError>(())
    })?;
    Ok((features, counts))
}

const SQUARE: &str =
    r#"{"type":"Polygon","coordinates":[[[0,0],[4,0],[4,4],[0,4],[0,0]],[[1,1],[1,2],[2,2],[1,1]]]}"#;
const BOW_TIE: &str = r#"{"type":"Polygon","coordinates":[[[0,0],[4,4],[4,0],[0,4],[0,0]]]}"#;
const LINES: &str = r#"{"type":"MultiLineString","coordinates":[[[0,0,9],[4,0,9]],[[5,0,9],[6,1,9]]]}"#;

/// Area of polygons: exterior less holes.
fn area(geometry: &LayerGeometry) -> f64 {
    let LayerGeometry::Polygons(polygons) = geometry else { panic!("{geometry:?}") };
    let ring = |r: &Vec<[f64; 2]>| {
        r.windows(2).map(|p| p[0][0] * p[1][1] - p[1][0] * p[0][1]).sum::<f64>().abs() / 2.0
    };
    polygons.iter().map(|p| ring(&p[0]) - p[1..].iter().map(ring).sum::<f64>()).sum()
}

/// One feature among others, by the value of a field, whatever signs are in it; other values are passed as they were asked for.
#[test]
fn features_of_one_value_are_read_alone() {
    let dir = folder();
    let hostile = r#"it's \"b\" OR 1=1 --"#;
    let path = layer(
        &dir.path().join("a.geojson"),
        &[
            (r#"{"name":"a","n":7}"#, SQUARE),
            (&format!(r#"{{"name":"{hostile}","n":8}}"#), SQUARE),
            (r#"{"name":null,"n":9}"#, SQUARE),
        ],
    );
    let crs = lambert();
    let only = |value| LayerSource { only: Some(("name", value)), ..source(&path, &["n"], &crs) };
    for (value, expected) in [("a", vec![7]), (r#"it's "b" OR 1=1 --"#, vec![8]), ("", vec![]), ("A", vec![])]
    {
        let (features, counts) = read(&only(value)).unwrap();
        let found: Vec<Vec<Option<Value>>> = features.into_iter().map(|feature| feature.values).collect();
        let expected: Vec<_> = expected.into_iter().map(|n| vec![Some(Value::Integer(n))]).collect();
        assert_eq!(
            (found.len(), counts.read),
            (expected.len(), arpent_base::number::wide(expected.len())),
            "{value}"
        );
        assert_eq!(found, expected, "{value}");
    }
    let unknown = LayerSource { only: Some(("nobody", "a")), ..source(&path, &["n"], &crs) };
    assert!(matches!(read(&unknown).unwrap_err(), GdalError::NoSuchField { .. }));
}

#[test]
fn features_come_in_order_with_their_values() {
    let dir = folder();
    let path = layer(
        &dir.path().join("a.geojson"),
        &[
            (r#"{"name":"a","n":7,"w":2.5}"#, SQUARE),
            (r#"{"name":null,"n":8}"#, LINES),
            (r#"{"name":"c","n":9,"w":3}"#, "null"),
        ],
    );
    let crs = lambert();
    let (features, counts) = read(&source(&path, &["w", "name", "n"], &crs)).unwrap();
    assert_eq!(counts, LayerCounts { read: 3, empty: 1, ..LayerCounts::default() });
    assert_eq!(features.iter().map(|f| f.number).collect::<Vec<_>>(), [1, 2, 3]);
    let text = |t: &str| Some(Value::Text(t.to_owned()));
    assert_eq!(features[0].values, [Some(Value::Real(2.5)), text("a"), Some(Value::Integer(7))]);
    assert_eq!(features[1].values, [None, None, Some(Value::Integer(8))]);
    assert!((area(&features[0].geometry) - 15.5).abs() < 1e-12);
    let lines = vec![vec![[0.0, 0.0], [4.0, 0.0]], vec![[5.0, 0.0], [6.0, 1.0]]];
    assert_eq!(features[1].geometry, LayerGeometry::Lines(lines), "heights are left out");
    assert_eq!(features[2].geometry, LayerGeometry::Empty);
    let types: Vec<_> = layer_fields(&source(&path, &["w", "name", "n"], &crs)).unwrap();
    assert_eq!(
        types.iter().map(|f| f.kind).collect::<Vec<_>>(),
        [ColumnKind::Real, ColumnKind::Text, ColumnKind::Integer]
    );
    assert_eq!(types[0].name, "w");
}

#[test]
fn values_are_read_as_numbers_and_text() {
    let number = |v: Value| v.as_number();
    assert_eq!(number(Value::Text(" 3.5 ".into())), Some(3.5));
    assert_eq!((number(Value::Text("wide".into())), number(Value::Integer(4))), (None, Some(4.0)));
    assert_eq!((Value::Real(0.5).to_string(), Value::Integer(-3).to_string()), ("0.5".into(), "-3".into()));
}

#[test]
fn what_is_not_valid_is_repaired_and_counted_or_refused() {
    let dir = folder();
    // A bow tie, a polygon without area, one whose ring is not closed.
    let flat = r#"{"type":"Polygon","coordinates":[[[0,0],[4,0],[8,0],[0,0]]]}"#;
    let open = r#"{"type":"Polygon","coordinates":[[[0,0],[4,0],[4,4],[0,4]]]}"#;
    let path =
        layer(&dir.path().join("b.geojson"), &[("{}", SQUARE), ("{}", BOW_TIE), ("{}", flat), ("{}", open)]);
    let crs = lambert();
    let (features, counts) = read(&source(&path, &[], &crs)).unwrap();
    assert_eq!((counts.read, counts.empty), (4, 1));
    assert!(counts.repaired >= 2, "{counts:?}");
    assert!((area(&features[1].geometry) - 8.0).abs() < 1e-12, "two triangles: {features:?}");
    assert_eq!(features[2].geometry, LayerGeometry::Empty);
    assert!((area(&features[3].geometry) - 16.0).abs() < 1e-12);
    let error =
        read(&LayerSource { invalid: InvalidGeometries::Refuse, ..source(&path, &[], &crs) }).unwrap_err();
    assert!(matches!(error, GdalError::FeatureInvalid { feature: 2, .. }), "{error}");
    assert!(error.to_string().contains("b.geojson") && error.hint().is_some(), "{error}");
}

#[test]
fn other_systems_are_reprojected_and_shared_borders_stay_shared() {
    let dir = folder();
    let path = dir.path().join("wgs.geojson");
    // Two fields of 0.1 degrees side by side, around Lambert-93's false origin.
    let field = |west: f64| {
        let (east, s, n) = (west + 0.1, 46.45, 46.55);
        format!(
            r#"{{"type":"Feature","properties":{{}},"geometry":{{"type":"Polygon","coordinates":[[[{west},{s}],[{east},{s}],[{east},{n}],[{west},{n}],[{west},{s}]]]}}}}"#
        )
    };
    let both = format!(r#"{{"type":"FeatureCollection","features":[{},{}]}}"#, field(2.9), field(3.0));
    std::fs::write(&path, both).unwrap();
    let (path, crs) = (path.to_string_lossy().into_owned(), lambert());
    let (features, _) = read(&source(&path, &[], &crs)).unwrap();
    let on_meridian = |f: &LayerFeature| {
        let LayerGeometry::Polygons(polygons) = &f.geometry else { panic!("{f:?}") };
        let mut points: Vec<_> = polygons[0][0].iter().filter(|p| (p[0] - 700_000.0).abs() < 1e-3).collect();
        points.sort_by(|a, b| a[1].total_cmp(&b[1]));
        points.dedup();
        points.iter().map(|p| p.map(f64::to_bits)).collect::<Vec<_>>()
    };
    assert_eq!(on_meridian(&features[0]), on_meridian(&features[1]));
    assert!(on_meridian(&features[0]).len() > 40, "edges are cut in pieces of 250 m");
    // 0.1 degrees of longitude by 0.1 of latitude at 46.5 degrees north: 85.3 km2.
    assert!((area(&features[0].geometry) / 85.3e6 - 1.0).abs() < 0.01);
}

#[test]
fn arcs_are_followed() {
    let dir = folder();
    let path = dir.path().join("arcs.gpkg");
    let mut dataset =
        gdal::DriverManager::get_driver_by_name("GPKG").unwrap().create_vector_only(&path).unwrap();
    let srs = gdal::spatial_ref::SpatialRef::from_epsg(2154).unwrap();
    let mut layer = dataset
        .create_layer(gdal::vector::LayerOptions { name: "arcs", srs: Some(&srs), ..Default::default() })
        .unwrap();
    let circle = "CURVEPOLYGON(CIRCULARSTRING(10 0, 0 10, -10 0, 0 -10, 10 0))";
    gdal::vector::LayerAccess::create_feature(&mut layer, gdal::vector::Geometry::from_wkt(circle).unwrap())
        .unwrap();
    dataset.close().unwrap();
    let (path, crs) = (path.to_string_lossy().into_owned(), lambert());
    let (features, counts) = read(&source(&path, &[], &crs)).unwrap();
    assert_eq!(counts.repaired, 0);
    assert!((area(&features[0].geometry) / (100.0 * std::f64::consts::PI) - 1.0).abs() < 1e-3);
}

#[test]
fn wrong_names_kinds_and_files_are_refused() {
    let dir = folder();
    let crs = lambert();
    let point = r#"{"type":"Point","coordinates":[5,-5]}"#;
    let path = layer(&dir.path().join("p.geojson"), &[(r#"{"name":"a"}"#, SQUARE), ("{}", point)]);
    let error = read(&source(&path, &[], &crs)).unwrap_err();
    assert!(
        matches!(&error, GdalError::FeatureKind { feature: 2, found, .. } if found == "Point"),
        "{error}"
    );
    let error = read(&source(&path, &["nam"], &crs)).unwrap_err();
    assert!(matches!(&error, GdalError::NoSuchField { fields, .. } if fields == &["name"]), "{error}");
    let named = LayerSource { layer: Some("parcels"), ..source(&path, &[], &crs) };
    assert!(matches!(read(&named), Err(GdalError::NoSuchLayer { .. })));
    assert!(matches!(layer_fields(&named), Err(GdalError::NoSuchLayer { .. })));
    let mixed = r#"{"type":"GeometryCollection","geometries":[{"type":"LineString","coordinates":[[0,0],[1,1]]},{"type":"Polygon","coordinates":[[[0,0],[4,0],[4,4],[0,0]]]}]}"#;
    let path = layer(&dir.path().join("m.geojson"), &[("{}", mixed)]);
    let (features, counts) = read(&source(&path, &[], &crs)).unwrap();
    assert!((area(&features[0].geometry) - 8.0).abs() < 1e-12, "the polygon is taken out of the collection");
    assert_eq!((counts.parts_left_out, counts.repaired), (1, 0));
    // Without a CRS, GeoJSON is in degrees; there is no latitude of 91.
    let path = dir.path().join("far.geojson");
    let far = format!(r#"{{"type":"Feature","properties":{{}},"geometry":{}}}"#, SQUARE.replace('4', "91"));
    std::fs::write(&path, far).unwrap();
    let path = path.to_string_lossy().into_owned();
    let error = read(&source(&path, &[], &crs)).unwrap_err();
    assert!(matches!(error, GdalError::FeaturePlace { feature: 1, .. }), "{error}");
    let path = dir.path().join("n.csv");
    std::fs::write(&path, "a,b\n1,2\n").unwrap();
    assert!(matches!(read(&source(&path.to_string_lossy(), &[], &crs)), Err(GdalError::NoGeometry { .. })));
}

#[test]
fn a_layer_without_crs_is_refused() {
    let dir = folder();
    let path = layer(&dir.path().join("c.geojson"), &[(r#"{"name":"a"}"#, SQUARE)]);
    let shape = dir.path().join("c.shp");
    assert!(std::process::Command::new("ogr2ogr").arg(&shape).arg(&path).status().unwrap().success());
    std::fs::remove_file(dir.path().join("c.prj")).unwrap();
    let (path, crs) = (shape.to_string_lossy().into_owned(), lambert());
    for error in
        [read(&source(&path, &[], &crs)).unwrap_err(), layer_fields(&source(&path, &[], &crs)).unwrap_err()]
    {
        assert!(matches!(&error, GdalError::LayerNoCrs { layer, .. } if layer == "c"), "{error}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn a_file_that_ends_early_is_an_error() {
    let dir = folder();
    let whole: Vec<(&str, &str)> = (0..2000).map(|_| ("{}", SQUARE)).collect();
    let path = dir.path().join("t.geojson");
    layer(&path, &whole);
    let fgb = dir.path().join("t.fgb");
    let made = std::process::Command::new("ogr2ogr").arg(&fgb).arg(&path).status().unwrap();
    assert!(made.success());
    let bytes = std::fs::read(&fgb).unwrap();
    std::fs::write(&fgb, &bytes[..bytes.len() * 2 / 3]).unwrap();
    let crs = lambert();
    let error = read(&source(&fgb.to_string_lossy(), &[], &crs)).unwrap_err();
    assert!(matches!(error, GdalError::NotAVector { .. }), "{error}");
}

#[test]
fn an_error_of_the_caller_ends_the_reading() {
    let dir = folder();
    let path = layer(&dir.path().join("e.geojson"), &[("{}", SQUARE), ("{}", SQUARE)]);
    let (crs, mut seen) = (lambert(), 0);
    let ended = read_features(&source(&path, &[], &crs), &mut |feature| {
        seen += 1;
        Err(GdalError::NoMatch { pattern: feature.number.to_string() })
    });
    assert!(matches!(ended, Err(GdalError::NoMatch { .. })) && seen == 1);
}
