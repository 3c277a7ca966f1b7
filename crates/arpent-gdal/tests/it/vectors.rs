//! One reader for every use: the same area and values, or the same refusal, for odd inputs of every format; text, layers, hints.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use arpent_base::{Diagnostic as _, Value};
use arpent_gdal::{
    GdalError, LayerCounts, LayerFormat, LayerGeometry, LayerOptions, LayerShape, LayerShapes, LayerSource,
    LayerWriter, PolygonSource, ReferenceIndex, ReferenceKind, describe_crs, read_aoi, read_features,
    read_polygons, same_text,
};
use arpent_raster::{Crs, Grid, Window};

use crate::common::{HERE, folder};

const EVERYWHERE: Window = Window::new(-100, -100, 400, 400);

fn lambert() -> Arc<Crs> {
    Arc::new(describe_crs("EPSG:2154").unwrap())
}

/// Pixels of 1 m; (700000, 6600000) is the corner of pixel (0, 0).
fn grid() -> Grid {
    Grid { crs: lambert(), origin_x: 700_000.0, origin_y: 6_600_000.0, gsd_x: 1.0, gsd_y: 1.0 }
}

/// Coordinates of WKT, relative to the corner of the grid.
fn moved(wkt: &str) -> String {
    let mut out = String::new();
    let mut rest = wkt;
    let is_number = |c: char| c.is_ascii_digit() || "-.".contains(c);
    while let Some(at) = rest.find(is_number) {
        out.push_str(&rest[..at]);
        let pair = &rest[at..];
        let end = pair.find([',', ')']).unwrap_or(pair.len());
        let numbers: Vec<f64> = pair[..end].split_whitespace().map(|n| n.parse().unwrap()).collect();
        let text: Vec<String> = numbers
            .iter()
            .zip([700_000.0, 6_600_000.0, 0.0, 0.0])
            .map(|(n, by)| (n + by).to_string())
            .collect();
        out.push_str(&text.join(" "));
        rest = &pair[end..];
    }
    out + rest
}

fn run(program: &str, args: &[&str]) {
    let done = Command::new(program).args(args).output().unwrap();
    assert!(done.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A vector file of (value of `kind`, WKT), made by ogr2ogr from a CSV.
fn file(path: &Path, rows: &[(&str, &str)], options: &[&str]) -> String {
    let csv = path.with_extension("rows.csv");
    let row = |(kind, wkt): &(&str, &str)| format!("\"{}\",{kind}\n", moved(wkt));
    let text: String = rows.iter().map(row).collect();
    std::fs::write(&csv, format!("WKT,kind\n{text}")).unwrap();
    let (csv, out) = (csv.to_string_lossy(), path.to_string_lossy());
    let fixed = ["-a_srs", "EPSG:2154", "-oo", "KEEP_GEOM_COLUMNS=NO", "-nln", "zones"];
    run("ogr2ogr", &[&fixed, options, &[&*out, &*csv]].concat());
    out.into_owned()
}

/// What the four uses see: pixels of the AOI; of zones, their area; of references, their area and objects; of labels, their pixels.
#[derive(Debug, PartialEq)]
enum Seen {
    Area { aoi: usize, zones: f64, reference: usize, labels: usize, values: Vec<String>, repaired: u64 },
    Refused(String),
}

fn area(geometry: &LayerGeometry) -> f64 {
    let LayerGeometry::Polygons(polygons) = geometry else { return 0.0 };
    let ring = |r: &Vec<[f64; 2]>| {
        let from = r[0];
        let cross = |p: &[[f64; 2]]| {
            (p[0][0] - from[0]) * (p[1][1] - from[1]) - (p[1][0] - from[0]) * (p[0][1] - from[1])
        };
        r.windows(2).map(cross).sum::<f64>().abs() / 2.0
    };
    polygons.iter().map(|p| ring(&p[0]) - p[1..].iter().map(ring).sum::<f64>()).sum()
}

/// The word of an error's kind.
fn word(error: &GdalError) -> String {
    let text = format!("{error:?}");
    text.split([' ', '{', '(']).next().unwrap_or_default().to_owned()
}

/// Looks at a file by each use; all refuse it in the same way, or none does.
#[track_caller]
fn seen(uri: &str) -> Seen {
    let (grid, crs) = (grid(), lambert());
    let zones = LayerSource { fields: &["kind"], shapes: LayerShapes::Areas, ..LayerSource::new(uri, &crs) };
    let (mut zone_area, mut values) = (0.0, Vec::new());
    let as_zones: Result<LayerCounts, GdalError> = read_features(&zones, &mut |feature| {
        zone_area += area(&feature.geometry);
        values.extend(feature.values[0].as_ref().map(arpent_gdal::value_key));
        Ok(())
    });
    // FlatGeobuf has an order of its own.
    values.sort();
    let as_aoi = read_aoi(uri, &grid, &HERE);
    let as_labels = read_polygons(&PolygonSource::new(uri, "kind"), &grid, &EVERYWHERE);
    let dir = folder();
    let path = dir.path().join("index.gpkg");
    let bbox = grid.bbox(&EVERYWHERE);
    let as_reference = ReferenceIndex::build(&zones, ReferenceKind::Areas(None), bbox, &path, &mut |_, _| {});
    let refused = [
        as_zones.as_ref().err().map(word),
        as_reference.as_ref().err().map(word),
        as_labels.as_ref().err().map(word),
        as_aoi.as_ref().err().map(word),
    ];
    if let Some(why) = &refused[0] {
        assert!(refused.iter().all(|r| r.as_ref() == Some(why)), "{uri}: {refused:?}");
        return Seen::Refused(why.clone());
    }
    assert!(refused.iter().all(Option::is_none), "{uri}: {refused:?}");
    let (aoi, labels, reference) = (as_aoi.unwrap(), as_labels.unwrap(), as_reference.unwrap());
    let counts = as_zones.unwrap();
    assert_eq!([aoi.counts(), labels.counts, reference.counts()], [counts; 3], "{uri}");
    let pixels = |mask: Vec<bool>| mask.iter().filter(|inside| **inside).count();
    let mut burned = vec![false; EVERYWHERE.width * EVERYWHERE.height];
    let found = reference.open().unwrap().each_in(bbox, &mut |object| {
        let mask = object.pixels(&grid).unwrap().mask(EVERYWHERE);
        burned.iter_mut().zip(mask.data()).for_each(|(all, one)| *all |= one);
        Ok::<_, GdalError>(())
    });
    found.unwrap();
    let mut drawn = vec![false; EVERYWHERE.width * EVERYWHERE.height];
    for polygon in &labels.polygons {
        drawn.iter_mut().zip(polygon.area.mask(EVERYWHERE).data()).for_each(|(all, one)| *all |= one);
    }
    Seen::Area {
        aoi: pixels(aoi.mask(EVERYWHERE).data().to_vec()),
        zones: (zone_area * 10.0).round() / 10.0,
        reference: pixels(burned),
        labels: pixels(drawn),
        values,
        repaired: counts.repaired,
    }
}

fn all(pixels: usize, area: f64, values: &[&str], repaired: u64) -> Seen {
    let mut values: Vec<String> = values.iter().map(|v| (*v).to_owned()).collect();
    values.sort();
    Seen::Area { aoi: pixels, zones: area, reference: pixels, labels: pixels, values, repaired }
}

const SQUARE: &str = "POLYGON ((0 0,30 0,30 -30,0 -30,0 0))";
const NEXT: &str = "POLYGON ((40 0,50 0,50 -10,40 -10,40 0))";
const BOW_TIE: &str = "POLYGON ((60.1 0,80.1 -20,80.1 0,60.1 -20,60.1 0))";
/// A circle of 20 m.
const CURVE: &str = "CURVEPOLYGON (CIRCULARSTRING (120 -40,100 -20,80 -40,100 -60,120 -40))";

#[test]
fn every_use_sees_the_same_of_every_format_and_geometry() {
    let dir = folder();
    let at = |name: &str| dir.path().join(name);
    let plain = [("oak", SQUARE), ("elm", NEXT)];
    let both = || all(1000, 1000.0, &["oak", "elm"], 0);
    for (name, options) in [
        ("a.gpkg", &["-f", "GPKG"][..]),
        ("a.shp", &[][..]),
        ("a.geojson", &[]),
        ("a.fgb", &["-nlt", "POLYGON"]),
        ("a.gml", &["-f", "GML"]),
        ("a.tab", &["-f", "MapInfo File"]),
        ("a.mif", &["-f", "MapInfo File"]),
        ("a.sqlite", &["-f", "SQLite", "-dsco", "SPATIALITE=YES"]),
        ("b.sqlite", &["-f", "SQLite"]),
        ("a.gdb", &["-f", "OpenFileGDB", "-nlt", "MULTIPOLYGON"]),
    ] {
        let path = file(&at(name), &plain, options);
        if name == "a.mif" || name == "a.tab" {
            // Bounds of MapInfo round coordinates to centimeters.
            let Seen::Area { aoi, zones, values, .. } = seen(&path) else { panic!("{name}") };
            assert!(aoi.abs_diff(1000) <= 40 && (zones - 1000.0).abs() < 5.0, "{name}: {aoi} {zones}");
            assert_eq!(values, ["elm", "oak"]);
            continue;
        }
        assert_eq!(seen(&path), both(), "{name}");
    }
    // Heights and measures, an empty geometry, a collection, a multipolygon, a curve beside a plain polygon.
    let z = "POLYGON Z ((0 0 5,30 0 5,30 -30 5,0 -30 5,0 0 5))";
    let zm = "POLYGON ZM ((0 0 5 1,30 0 5 2,30 -30 5 3,0 -30 5 4,0 0 5 5))";
    let collection = "GEOMETRYCOLLECTION (POINT (5 -5),POLYGON ((40 0,50 0,50 -10,40 -10,40 0)))";
    for wkt in [z, zm, "MULTIPOLYGON (((0 0,30 0,30 -30,0 -30,0 0)))", SQUARE] {
        let path =
            file(&at("k.gpkg"), &[("oak", wkt), ("elm", collection)], &["-overwrite", "-nlt", "GEOMETRY"]);
        assert_eq!(seen(&path), both(), "{wkt}");
    }
    let path = file(&at("e.gpkg"), &[("oak", SQUARE), ("elm", NEXT), ("void", "POLYGON EMPTY")], &[]);
    assert_eq!(seen(&path), all(1000, 1000.0, &["oak", "elm", "void"], 0));
    let path = file(&at("c.gpkg"), &[("oak", SQUARE), ("round", CURVE)], &["-nlt", "CURVEPOLYGON"]);
    let Seen::Area { aoi, zones, reference, labels, .. } = seen(&path) else { panic!() };
    // A circle of 20 m has 1256.6 m2; chords of 4 degrees leave a thousandth out.
    assert!((zones - 900.0 - 1256.6).abs() < 1.5 && aoi.abs_diff(2156) < 12, "{zones} {aoi}");
    assert_eq!((reference, labels), (aoi, aoi));
    // What is not valid is repaired and counted by all.
    let path = file(&at("i.gpkg"), &[("oak", SQUARE), ("bow", BOW_TIE)], &[]);
    let Seen::Area { aoi, zones, repaired, .. } = seen(&path) else { panic!() };
    assert!(
        (zones - 1100.0).abs() < 0.1 && aoi.abs_diff(1100) < 25 && repaired == 1,
        "{aoi} {zones} {repaired}"
    );
    // Parts of one feature that overlap are one area.
    let overlap = "MULTIPOLYGON (((0 0,30 0,30 -30,0 -30,0 0)),((20 0,50 0,50 -30,20 -30,20 0)))";
    let path = file(&at("o.gpkg"), &[("oak", overlap)], &[]);
    assert_eq!(seen(&path), all(1500, 1500.0, &["oak"], 1));
    // Points and lines have no area: refused by all, with a command that leaves them out.
    let path = file(&at("p.gpkg"), &[("oak", SQUARE), ("tree", "POINT (5 -5)")], &["-nlt", "GEOMETRY"]);
    assert_eq!(seen(&path), Seen::Refused("FeatureKind".into()));
}

/// Runs the command that a hint names, with its placeholders filled in.
fn follow(error: &GdalError, dir: &Path, replaced: &[(&str, &str)]) {
    let hint = error.hint().unwrap();
    let mut command = hint[hint.rfind("ogr2ogr").unwrap()..].to_owned();
    for (from, to) in replaced {
        command = command.replace(from, to);
    }
    let done = Command::new("sh").arg("-c").arg(&command).current_dir(dir).output().unwrap();
    assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn commands_in_hints_lead_to_success() {
    let dir = folder();
    let at = |name: &str| dir.path().join(name);
    let refused = |path: &str| read_aoi(path, &grid(), &HERE).unwrap_err();
    // Points beside polygons.
    let path = file(&at("p.gpkg"), &[("oak", SQUARE), ("tree", "POINT (5 -5)")], &["-nlt", "GEOMETRY"]);
    follow(&refused(&path), dir.path(), &[]);
    assert_eq!(seen(&at("polygons.gpkg").to_string_lossy()), all(900, 900.0, &["oak"], 0));
    // Not valid, and to be refused.
    let path = file(&at("i.gpkg"), &[("bow", BOW_TIE)], &[]);
    let crs = lambert();
    let refuse = |uri: &str| {
        let invalid = arpent_gdal::InvalidGeometries::Refuse;
        let source = LayerSource { invalid, ..LayerSource::new(uri, &crs) };
        read_features(&source, &mut |_| Ok::<_, GdalError>(()))
    };
    follow(&refuse(&path).unwrap_err(), dir.path(), &[]);
    assert_eq!(refuse(&at("valid.gpkg").to_string_lossy()).unwrap().read, 1);
    // Polygons where lines are wanted.
    let lines = |uri: &str| {
        let (index, bbox) = (at("lines-index.gpkg"), grid().bbox(&EVERYWHERE));
        let _ = std::fs::remove_file(&index);
        let source = LayerSource { shapes: LayerShapes::Lines, ..LayerSource::new(uri, &crs) };
        ReferenceIndex::build(&source, ReferenceKind::Lines, bbox, &index, &mut |_, _| {})
    };
    let path = file(&at("borders.gpkg"), &[("oak", SQUARE)], &[]);
    follow(&lines(&path).unwrap_err(), dir.path(), &[]);
    assert_eq!(lines(&at("lines.gpkg").to_string_lossy()).unwrap().counts().read, 1);
    // No CRS: CSV has none, shapefiles may have lost theirs.
    let csv = at("a.csv");
    std::fs::write(&csv, format!("geom,kind\n\"{}\",oak\n", moved(SQUARE))).unwrap();
    let csv = csv.to_string_lossy().into_owned();
    assert_eq!(seen(&csv), Seen::Refused("LayerNoCrs".into()));
    let error = refused(&csv);
    assert!(error.hint().unwrap().contains("a.csv|crs=EPSG:xxxx"), "{:?}", error.hint());
    assert_eq!(seen(&format!("{csv}|crs=EPSG:2154")), all(900, 900.0, &["oak"], 0));
    follow(&error, dir.path(), &[("xxxx", "2154")]);
    assert_eq!(seen(&at("layer.gpkg").to_string_lossy()), all(900, 900.0, &["oak"], 0));
    // GeoJSON in meters that names no CRS.
    let text = format!(
        r#"{{"type":"Feature","properties":{{"kind":"oak"}},"geometry":{{"type":"Polygon","coordinates":[[[{0},{1}],[{2},{1}],[{2},{3}],[{0},{3}],[{0},{1}]]]}}}}"#,
        700_000, 6_600_000, 700_030, 6_599_970
    );
    std::fs::write(at("m.geojson"), text).unwrap();
    let path = at("m.geojson").to_string_lossy().into_owned();
    assert_eq!(seen(&path), Seen::Refused("FeaturePlace".into()));
    let error = refused(&path);
    let words = format!("{error} {}", error.hint().unwrap());
    assert!(words.contains("not a longitude and latitude") && words.contains("RFC 7946"), "{words}");
    assert!(!words.to_lowercase().contains("proj:") && !words.contains("pipeline"), "{words}");
    std::fs::remove_file(at("layer.gpkg")).unwrap();
    follow(&error, dir.path(), &[("xxxx", "2154")]);
    for fixed in [format!("{path}|crs=EPSG:2154"), at("layer.gpkg").to_string_lossy().into_owned()] {
        assert_eq!(seen(&fixed), all(900, 900.0, &["oak"], 0), "{fixed}");
    }
    // Several layers.
    let path = file(&at("two.gpkg"), &[("oak", SQUARE)], &[]);
    run("ogr2ogr", &["-update", "-nln", "more", &path, &at("polygons.gpkg").to_string_lossy()]);
    assert_eq!(seen(&path), Seen::Refused("SeveralLayers".into()));
    let hint = refused(&path).hint().unwrap();
    assert!(hint.contains("zones, more"), "{hint}");
    let named = hint.split('\'').nth(1).unwrap();
    assert_eq!(seen(named), all(900, 900.0, &["oak"], 0), "{named}");
}

#[test]
fn text_that_is_no_geometry_is_refused() {
    let dir = folder();
    let path = dir.path().join("a.csv");
    let write = |geometry: &str| {
        std::fs::write(&path, format!("kind;the_geom\noak;{}\nelm;{geometry}\n", moved(SQUARE))).unwrap();
        format!("{}|crs=EPSG:2154", path.to_string_lossy())
    };
    // Nothing there is a feature without geometry.
    for nothing in ["", "  ", "POLYGON EMPTY"] {
        assert_eq!(seen(&write(nothing)), all(900, 900.0, &["oak", "elm"], 0), "{nothing:?}");
    }
    for text in ["POLYGON ((0 0,1 0,1 1", "48.5", "POLYGON ((a b,1 0,1 1,a b))"] {
        let uri = write(text);
        assert_eq!(seen(&uri), Seen::Refused("GeometryText".into()), "{text}");
        let error = read_aoi(&uri, &grid(), &HERE).unwrap_err();
        assert!(error.to_string().contains("feature 2 of layer `a`") && error.hint().is_some(), "{error}");
    }
}

#[test]
fn tables_without_geometry_and_of_qgis_are_no_layers() {
    let dir = folder();
    let path = file(&dir.path().join("s.gpkg"), &[("oak", SQUARE)], &[]);
    let table = dir.path().join("t.csv");
    std::fs::write(&table, "styleQML,f_table_name\nx,zones\n").unwrap();
    for name in ["layer_styles", "qgis_projects", "owners"] {
        run("ogr2ogr", &["-update", "-nln", name, &path, &table.to_string_lossy()]);
    }
    assert_eq!(seen(&path), all(900, 900.0, &["oak"], 0));
    // Points cannot be meant where areas are wanted.
    let points = file(&dir.path().join("p.gpkg"), &[("tree", "POINT (5 -5)")], &["-nlt", "POINT"]);
    run("ogr2ogr", &["-update", "-nln", "trees", &path, &points]);
    assert_eq!(seen(&path), all(900, 900.0, &["oak"], 0));
    // A layer that our own writer made, with its style.
    let own = dir.path().join("own.gpkg");
    let crs = lambert();
    let fields = [arpent_base::Column::new("kind", arpent_base::ColumnKind::Text)];
    let options = LayerOptions {
        format: LayerFormat::GeoPackage,
        name: "features",
        shape: LayerShape::Any,
        crs: &crs,
        fields: &fields,
        titles: arpent_base::Language::En,
        spatial_index: true,
        style_qml: Some("<qgis/>"),
        description: "",
        timestamp: "2024-01-01T00:00:00.000Z",
    };
    let mut writer = LayerWriter::create(&own, &options).unwrap();
    let square = [vec![[0.0, 0.0], [30.0, 0.0], [30.0, -30.0], [0.0, -30.0], [0.0, 0.0]]];
    let ring = |r: &Vec<[f64; 2]>| r.iter().map(|p| [p[0] + 700_000.0, p[1] + 6_600_000.0]).collect();
    let wkb = LayerGeometry::Polygons(vec![square.iter().map(ring).collect()]).to_wkb().unwrap();
    writer.write(&wkb, &[arpent_base::Cell::Text("oak")]).unwrap();
    writer.finish().unwrap();
    assert_eq!(seen(&own.to_string_lossy()), all(900, 900.0, &["oak"], 0));
    let table = dir.path().join("only.csv");
    std::fs::write(&table, "a,b\n1,2\n").unwrap();
    assert_eq!(seen(&table.to_string_lossy()), Seen::Refused("NoGeometry".into()));
}

/// Replaces a text in the attributes of a shapefile by others of the same length.
fn latin(path: &Path, from: &str, to: &[u8]) {
    let dbf = path.with_extension("dbf");
    let mut bytes = std::fs::read(&dbf).unwrap();
    let at = bytes.windows(from.len()).position(|w| w == from.as_bytes()).unwrap();
    bytes[at..at + from.len()].copy_from_slice(to);
    std::fs::write(&dbf, bytes).unwrap();
}

#[test]
fn text_is_decoded_or_refused_and_never_replaced() {
    let dir = folder();
    let at = |name: &str| dir.path().join(name);
    let rows = [("For_t", SQUARE), ("pr_", NEXT)];
    let shape = |name: &str, cpg: Option<&str>, language: Option<u8>| {
        let path = at(name);
        file(&path, &rows, &[]);
        latin(&path, "For_t", b"For\xeat");
        latin(&path, "pr_", b"pr\xe8");
        let dbf = path.with_extension("dbf");
        let mut bytes = std::fs::read(&dbf).unwrap();
        bytes[29] = language.unwrap_or(0);
        std::fs::write(&dbf, bytes).unwrap();
        let _ = std::fs::remove_file(path.with_extension("cpg"));
        if let Some(cpg) = cpg {
            std::fs::write(path.with_extension("cpg"), cpg).unwrap();
        }
        path.to_string_lossy().into_owned()
    };
    let decoded = || all(1000, 1000.0, &["Forêt", "prè"], 0);
    for (name, cpg, language) in [
        ("a.shp", Some("ISO-8859-1"), None),
        ("b.shp", Some("CP1252"), None),
        ("c.shp", Some("1252"), None),
        ("d.shp", Some("ANSI 1252"), Some(0)),
        ("e.shp", None, Some(0x03)),
        ("f.shp", None, Some(0x57)),
    ] {
        assert_eq!(seen(&shape(name, cpg, language)), decoded(), "{name}");
    }
    // No encoding is declared, or UTF-8: refused, with a hint that works.
    for (name, cpg) in [("g.shp", None), ("h.shp", Some("UTF-8"))] {
        let path = shape(name, cpg, None);
        let crs = lambert();
        let source = LayerSource { fields: &["kind"], ..LayerSource::new(&path, &crs) };
        let error = read_features(&source, &mut |_| Ok::<_, GdalError>(())).unwrap_err();
        assert!(
            matches!(&error, GdalError::FieldText { feature: 1, field, .. } if field == "kind"),
            "{error:?}"
        );
        let hint = error.hint().unwrap();
        let named = hint.split('\'').nth(1).unwrap();
        assert_eq!(seen(named), decoded(), "{named}");
        let key = LayerSource { encoding: Some("CP1252"), ..source };
        let mut first = None;
        read_features(&key, &mut |feature| {
            first.get_or_insert(feature.values[0].clone());
            Ok::<_, GdalError>(())
        })
        .unwrap();
        assert_eq!(first, Some(Some(Value::Text("Forêt".into()))));
        // Areas alone need no text.
        assert_eq!(read_aoi(&path, &grid(), &HERE).unwrap().window(), Window::new(0, 0, 50, 30));
        let klingon = format!("{path}|option:ENCODING=KLINGON");
        assert!(matches!(read_aoi(&klingon, &grid(), &HERE), Err(GdalError::LayerEncoding { .. })));
    }
    // Other formats: MapInfo and GML declare their own; CSV declares none.
    let mif = file(&at("m.mif"), &rows, &["-f", "MapInfo File"]);
    let mid = std::fs::read(at("m.mid")).unwrap();
    let mid: Vec<u8> = mid.iter().map(|b| if *b == b'_' { 0xea } else { *b }).collect();
    std::fs::write(at("m.mid"), mid).unwrap();
    let header = std::fs::read_to_string(at("m.mif")).unwrap();
    let charset = header.lines().find(|l| l.to_lowercase().starts_with("charset")).unwrap();
    std::fs::write(at("m.mif"), header.replace(charset, "Charset \"WindowsLatin1\"")).unwrap();
    let Seen::Area { values, .. } = seen(&mif) else { panic!() };
    assert_eq!(values, ["Forêt", "prê"]);
    std::fs::write(at("m.mif"), header.replace(charset, "Charset \"Neutral\"")).unwrap();
    let crs = lambert();
    let source = LayerSource { fields: &["kind"], ..LayerSource::new(&mif, &crs) };
    let error = read_features(&source, &mut |_| Ok::<_, GdalError>(())).unwrap_err();
    assert!(matches!(error, GdalError::FieldText { .. }), "{error:?}");
    let csv = [b"WKT,kind\n\"".as_slice(), moved(SQUARE).as_bytes(), b"\",For\xeat\n"].concat();
    std::fs::write(at("l.csv"), csv).unwrap();
    let csv = at("l.csv").to_string_lossy().into_owned();
    let text = seen(&format!("{csv}|option:ENCODING=CP1252|crs=EPSG:2154"));
    assert_eq!(text, all(900, 900.0, &["Forêt"], 0));
    let gml = file(&at("l.gml"), &rows, &["-f", "GML"]);
    let bytes = std::fs::read(&gml).unwrap();
    let text = String::from_utf8(bytes).unwrap().replace("utf-8", "ISO-8859-1");
    let bytes: Vec<u8> = text.bytes().collect();
    let from = bytes.windows(5).position(|w| w == b"For_t").unwrap();
    let bytes = [&bytes[..from], b"For\xeat", &bytes[from + 5..]].concat();
    std::fs::write(&gml, bytes).unwrap();
    let Seen::Area { values, .. } = seen(&gml) else { panic!("{:?}", seen(&gml)) };
    assert_eq!(values, ["Forêt", "pr_"]);
}

#[test]
fn accents_are_the_same_composed_or_not() {
    let dir = folder();
    let (composed, apart) = ("For\u{ea}t", "Fore\u{302}t");
    let path = file(&dir.path().join("n.gpkg"), &[(composed, SQUARE), (apart, NEXT)], &[]);
    let Seen::Area { values, .. } = seen(&path) else { panic!() };
    assert_eq!(values, [composed, composed]);
    assert_eq!(same_text(apart), composed);
    let drawn = read_polygons(&PolygonSource::new(&path, "kind"), &grid(), &EVERYWHERE).unwrap();
    assert!(drawn.polygons.iter().all(|p| p.value.as_deref() == Some(composed)));
}

#[test]
fn unknown_options_are_refused() {
    let dir = folder();
    let path: PathBuf = dir.path().join("o.gpkg");
    let path = file(&path, &[("oak", SQUARE)], &[]);
    for option in ["|subset=kind = 'oak'", "|layerid=0"] {
        assert_eq!(seen(&format!("{path}{option}")), Seen::Refused("LayerOption".into()));
    }
    assert_eq!(seen(&format!("{path}|layername=nope")), Seen::Refused("NoSuchLayer".into()));
    assert_eq!(seen(&format!("{path}|layername=zones")), all(900, 900.0, &["oak"], 0));
}

#[test]
fn tables_that_are_other_files_are_refused() {
    let dir = folder();
    let path =
        file(&dir.path().join("v.sqlite"), &[("oak", SQUARE)], &["-f", "SQLite", "-dsco", "SPATIALITE=YES"]);
    let (uri, other) = (path.clone(), dir.path().join("v"));
    let sql = format!("CREATE VIRTUAL TABLE secret USING VirtualText('{}', 'UTF-8', 1)", other.display());
    let made = Command::new("ogrinfo").args([&uri, "-sql", &sql]).output().unwrap();
    // Without SpatiaLite in GDAL nothing reads such tables, nor makes them.
    if made.status.success() && std::fs::read(&path).unwrap().windows(11).any(|w| w == b"VirtualText") {
        assert_eq!(seen(&path), Seen::Refused("Reference".into()));
    }
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend_from_slice(b"create virtual table x using VIRTUALSHAPE('/etc/passwd', 'UTF-8', 2154)");
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(seen(&path), Seen::Refused("Reference".into()));
}

#[test]
fn areas_across_the_antimeridian_are_whole() {
    let dir = folder();
    // Zone 60 ends at 180 degrees; the scene goes on beyond it. 0.02 by 0.02 degrees around the meridian, at the equator's side.
    let write = |name: &str, geometry: &str| {
        let path = dir.path().join(name);
        let text = format!(r#"{{"type":"Feature","properties":{{"kind":"a"}},"geometry":{geometry}}}"#);
        std::fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    };
    let ring =
        |w: &str, e: &str| format!("[[[{w},-16.51],[{e},-16.51],[{e},-16.49],[{w},-16.49],[{w},-16.51]]]");
    let polygon = |w: &str, e: &str| format!(r#"{{"type":"Polygon","coordinates":{}}}"#, ring(w, e));
    let cut = format!(
        r#"{{"type":"MultiPolygon","coordinates":[{},{}]}}"#,
        ring("179.99", "180"),
        ring("-180", "-179.99")
    );
    let inputs = [
        write("cut.geojson", &cut),
        write("jump.geojson", &polygon("179.99", "-179.99")),
        write("beyond.geojson", &polygon("179.99", "180.01")),
        write("before.geojson", &polygon("-180.01", "-179.99")),
    ];
    for code in ["EPSG:32760", "EPSG:32701", "EPSG:3832", "EPSG:3994"] {
        let crs = Arc::new(describe_crs(code).unwrap());
        let grid = Grid { crs, origin_x: 0.0, origin_y: 0.0, gsd_x: 10.0, gsd_y: 10.0 };
        let seen: Vec<(Window, usize)> = inputs
            .iter()
            .map(|path| {
                let aoi = read_aoi(path, &grid, &HERE).unwrap();
                let inside = aoi.mask(aoi.window()).data().iter().filter(|i| **i).count();
                (aoi.window(), inside)
            })
            .collect();
        // About 2.1 km by 2.2 km: 213 by 221 pixels on the ground; EPSG:3994 is true at 41 degrees south, 3832 at the equator.
        let (window, inside) = seen[0];
        assert!(window.width < 260 && window.height < 260, "{code}: {window:?}");
        assert!(inside > 25_000 && inside < 55_000, "{code}: {inside}");
        for (other, path) in seen.iter().zip(&inputs) {
            assert!(
                other.1.abs_diff(inside) <= 2 && other.0 == window,
                "{code} {path}: {other:?} {:?}",
                seen[0]
            );
        }
    }
}
