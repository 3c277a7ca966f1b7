//! Vector files read back.

use std::path::Path;

use arpent_base::{Cell, Column, ColumnKind, Language};
use arpent_gdal::{
    GdalError, LayerFormat, LayerOptions, LayerShape, LayerWriter, describe_crs, store_project, stored_styles,
};
use arpent_raster::Crs;
use arpent_testing::skip;
use gdal::Dataset;
use gdal::vector::{Geometry, LayerAccess};

use crate::common::folder;

fn fields() -> Vec<Column> {
    [
        ("id", ColumnKind::Text),
        ("class_id", ColumnKind::Integer),
        ("score", ColumnKind::Real),
        ("acquired", ColumnKind::Text),
    ]
    .map(|(name, field_type)| Column::new(name, field_type))
    .to_vec()
}

/// What the styles say is `arpent-qgis`'s matter.
const QML: &str = "<qgis version=\"3.22.0\"><mapTip>l'eau &lt;b&gt;</mapTip></qgis>\n";

fn options<'a>(
    format: LayerFormat,
    crs: &'a Crs,
    fields: &'a [Column],
    qml: Option<&'a str>,
) -> LayerOptions<'a> {
    LayerOptions {
        format,
        name: "features",
        shape: LayerShape::Polygon,
        crs,
        fields,
        titles: Language::En,
        spatial_index: true,
        style_qml: qml,
        description: "",
        timestamp: "2024-02-03T04:05:06.000Z",
    }
}

fn square(i: u32) -> Vec<u8> {
    let (x, y) = (650_000 + i * 10, 6_860_000);
    let wkt = format!("POLYGON (({x} {y},{} {y},{} {},{x} {},{x} {y}))", x + 5, x + 5, y + 5, y + 5);
    Geometry::from_wkt(&wkt).unwrap().wkb().unwrap()
}

fn write(path: &Path, options: &LayerOptions<'_>, count: u32) {
    let mut writer = LayerWriter::create(path, options).unwrap();
    for i in 0..count {
        let id = format!("feature-{i}");
        let acquired = if i % 2 == 0 { Cell::Text("2020-01-01") } else { Cell::Null };
        let values = [Cell::Text(&id), Cell::Integer(1), Cell::Real(f64::from(i) / 4.0), acquired];
        writer.write(&square(i), &values).unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn layers_of_other_shapes_come_back() {
    let dir = folder();
    let (crs, fields) = (describe_crs("EPSG:2154").unwrap(), fields());
    let shapes = [
        (LayerShape::MultiPolygon, "MULTIPOLYGON (((0 0,5 0,5 5,0 0)),((9 0,10 0,10 5,9 0)))"),
        (LayerShape::MultiLine, "MULTILINESTRING ((0 0,5 0),(9 0,10 5))"),
    ];
    for (i, (shape, wkt)) in shapes.into_iter().enumerate() {
        let path = dir.path().join(format!("{i}.gpkg"));
        let options = LayerOptions { shape, ..options(LayerFormat::GeoPackage, &crs, &fields, None) };
        let mut writer = LayerWriter::create(&path, &options).unwrap();
        let values = [Cell::Text("a"), Cell::Null, Cell::Null, Cell::Null];
        writer.write(&Geometry::from_wkt(wkt).unwrap().wkb().unwrap(), &values).unwrap();
        writer.write(&[], &values).unwrap();
        writer.finish().unwrap();
        let ds = Dataset::open(&path).unwrap();
        let mut layer = ds.layer(0).unwrap();
        assert_eq!(layer.feature_count(), 2, "also one without geometry");
        let feature = layer.features().next().unwrap();
        assert_eq!(feature.geometry().unwrap().wkt().unwrap(), wkt);
    }
}

#[test]
fn a_table_without_geometry_stands_beside_the_features() {
    let dir = folder();
    let (crs, fields) = (describe_crs("EPSG:2154").unwrap(), fields());
    let columns = [
        Column::new("event", ColumnKind::Text).titled("Event", "Événement").required(),
        Column::new("share", ColumnKind::Real),
    ];
    let table = LayerOptions {
        name: "lineage",
        shape: LayerShape::None,
        ..options(LayerFormat::GeoPackage, &crs, &columns, None)
    };
    let made = |name: &str| {
        let path = dir.path().join(name);
        write(&path, &options(LayerFormat::GeoPackage, &crs, &fields, None), 3);
        let mut rows = LayerWriter::append(&path, &table).unwrap();
        rows.write(&[], &[Cell::Text("a"), Cell::Real(0.5)]).unwrap();
        rows.write(&[], &[Cell::Text("b"), Cell::Null]).unwrap();
        rows.finish().unwrap();
        path
    };
    let path = made("a.gpkg");
    let ds = Dataset::open(&path).unwrap();
    let mut layer = ds.layer_by_name("lineage").unwrap();
    assert_eq!(layer.defn().geometry_type(), gdal_sys::OGRwkbGeometryType::wkbNone);
    let shares: Vec<Option<f64>> = layer.features().map(|f| f.field_as_double(1).unwrap()).collect();
    assert_eq!(shares, [Some(0.5), None]);
    let text = |sql: &str| {
        let mut found = ds.execute_sql(sql, None, gdal::vector::sql::Dialect::DEFAULT).unwrap().unwrap();
        let row = found.features().next().unwrap();
        row.field_as_string(0).unwrap().unwrap()
    };
    assert_eq!(text("SELECT data_type FROM gpkg_contents WHERE table_name = 'lineage'"), "attributes");
    assert_eq!(text("SELECT title FROM gpkg_data_columns WHERE table_name = 'lineage'"), "Event");
    // Whoever reads the file without naming a layer gets the features.
    let facts = arpent_gdal::layer_facts(&path.to_string_lossy()).unwrap();
    assert_eq!((facts.name.as_str(), facts.columns.len()), ("features", 4));
    assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(made("b.gpkg")).unwrap());
    // No other format holds it.
    let other = LayerOptions { format: LayerFormat::FlatGeobuf, ..table };
    let refused = LayerWriter::create(&dir.path().join("a.fgb"), &other).unwrap_err();
    assert!(matches!(refused, GdalError::Create { .. }), "{refused}");
}

#[test]
fn titles_of_columns_are_aliases() {
    let dir = folder();
    let crs = describe_crs("EPSG:2154").unwrap();
    let fields = [
        Column::new("id", ColumnKind::Text),
        Column::new("class_id", ColumnKind::Byte),
        Column::new("score", ColumnKind::Real).titled("Score", "Indice").described("It's a share."),
        Column::new("acquired", ColumnKind::Text).titled("Acquired", "Date de prise de vue"),
    ];
    for (titles, expected) in
        [(Language::En, ["Score", "Acquired"]), (Language::Fr, ["Indice", "Date de prise de vue"])]
    {
        let path = dir.path().join(format!("{titles:?}.gpkg"));
        write(&path, &LayerOptions { titles, ..options(LayerFormat::GeoPackage, &crs, &fields, None) }, 3);
        let ds = Dataset::open(&path).unwrap();
        let layer = ds.layer(0).unwrap();
        assert_eq!(layer.feature_count(), 3);
        let sql = "SELECT column_name, title, description FROM gpkg_data_columns ORDER BY column_name DESC";
        let mut told = ds.execute_sql(sql, None, gdal::vector::sql::Dialect::DEFAULT).unwrap().unwrap();
        let text = |f: &gdal::vector::Feature<'_>, i| f.field_as_string(i).unwrap().unwrap_or_default();
        let rows: Vec<[String; 3]> = told.features().map(|f| [0, 1, 2].map(|i| text(&f, i))).collect();
        assert_eq!(rows[0], ["score", expected[0], "It's a share."]);
        assert_eq!(rows[1], ["acquired", expected[1], ""]);
        assert_eq!(rows.len(), 2);
    }
}

#[test]
fn both_formats_come_back() {
    let dir = folder();
    let (crs, fields) = (describe_crs("EPSG:2154").unwrap(), fields());
    for (format, name) in [(LayerFormat::GeoPackage, "a.gpkg"), (LayerFormat::FlatGeobuf, "a.fgb")] {
        let path = dir.path().join(name);
        write(&path, &options(format, &crs, &fields, None), 100);
        let ds = Dataset::open(&path).unwrap();
        let mut layer = ds.layer(0).unwrap();
        assert_eq!(layer.name(), "features");
        assert_eq!(layer.feature_count(), 100);
        assert_eq!(layer.spatial_ref().unwrap().auth_code().unwrap(), 2154);
        let names: Vec<String> = layer.defn().fields().map(|f| f.name()).collect();
        assert_eq!(names, ["id", "class_id", "score", "acquired"]);
        let mut seen: Vec<_> = layer
            .features()
            .map(|f| {
                let score = f.field_as_double(2).unwrap().unwrap();
                let area = f.geometry().unwrap().area();
                (
                    f.field_as_string(0).unwrap().unwrap(),
                    score,
                    area,
                    f.field_as_string(3).unwrap().filter(|t| !t.is_empty()),
                )
            })
            .collect();
        seen.sort_by(|a, b| a.1.total_cmp(&b.1));
        assert_eq!(seen[2], ("feature-2".into(), 0.5, 25.0, Some("2020-01-01".into())));
        assert_eq!(seen[3], ("feature-3".into(), 0.75, 25.0, None));
        // The index finds one of them.
        layer.set_spatial_filter_rect(650_011.0, 6_860_001.0, 650_012.0, 6_860_002.0);
        assert_eq!(layer.features().count(), 1, "{name}");
    }
}

#[test]
fn an_index_can_be_left_out_and_order_is_then_kept() {
    let dir = folder();
    let (crs, fields) = (describe_crs("EPSG:2154").unwrap(), fields());
    let path = dir.path().join("a.fgb");
    let options =
        LayerOptions { spatial_index: false, ..options(LayerFormat::FlatGeobuf, &crs, &fields, None) };
    write(&path, &options, 20);
    let ds = Dataset::open(&path).unwrap();
    let ids: Vec<_> =
        ds.layer(0).unwrap().features().map(|f| f.field_as_string(0).unwrap().unwrap()).collect();
    assert_eq!(ids, (0..20).map(|i| format!("feature-{i}")).collect::<Vec<_>>());
}

#[test]
fn the_same_features_give_the_same_bytes() {
    let dir = folder();
    let (crs, fields) = (describe_crs("EPSG:2154").unwrap(), fields());
    for (format, extension) in [(LayerFormat::GeoPackage, "gpkg"), (LayerFormat::FlatGeobuf, "fgb")] {
        let bytes = |name: &str| {
            let path = dir.path().join(name).with_extension(extension);
            write(&path, &options(format, &crs, &fields, Some(QML)), 3000);
            std::fs::read(path).unwrap()
        };
        assert!(bytes("a") == bytes("b"), "{format:?}");
    }
}

#[test]
fn a_geopackage_carries_its_style() {
    let dir = folder();
    let (crs, fields) = (describe_crs("EPSG:2154").unwrap(), fields());
    let path = dir.path().join("a.gpkg");
    write(&path, &options(LayerFormat::GeoPackage, &crs, &fields, Some(QML)), 3);
    let ds = Dataset::open(&path).unwrap();
    assert_eq!(ds.layer(0).unwrap().name(), "features");
    let mut styles = ds.layer_by_name("layer_styles").unwrap();
    let row = styles.features().next().unwrap();
    let text = |name: &str| row.field_as_string(row.field_index(name).unwrap()).unwrap().unwrap();
    assert_eq!((text("f_table_name").as_str(), text("f_geometry_column").as_str()), ("features", "geom"));
    assert_eq!((text("useAsDefault").as_str(), text("styleQML")), ("1", QML.to_owned()));
}

#[test]
fn every_layer_of_a_geopackage_has_its_style_and_the_file_a_project() {
    let dir = folder();
    let (crs, fields) = (describe_crs("EPSG:2154").unwrap(), fields());
    let made = |name: &str| {
        let path = dir.path().join(name);
        write(&path, &options(LayerFormat::GeoPackage, &crs, &fields, Some(QML)), 3);
        let table = LayerOptions {
            name: "it's a table",
            shape: LayerShape::None,
            ..options(LayerFormat::GeoPackage, &crs, &fields, Some("<qgis/>"))
        };
        LayerWriter::append(&path, &table).unwrap().finish().unwrap();
        store_project(&path, "it's a project", b"PK\x03\x04", "2000-01-01T00:00:00.000Z").unwrap();
        path
    };
    let path = made("a.gpkg");
    let styles = stored_styles(&path).unwrap();
    let styles: Vec<_> = styles.iter().map(|s| (s.layer.as_str(), s.has_geometry, s.qml.as_str())).collect();
    assert_eq!(styles, [("features", true, QML), ("it's a table", false, "<qgis/>")]);
    let database = Dataset::open(&path).unwrap();
    let mut rows = database
        .execute_sql(
            "SELECT name, CAST(metadata AS TEXT), CAST(content AS TEXT) FROM qgis_projects",
            None,
            gdal::vector::sql::Dialect::DEFAULT,
        )
        .unwrap()
        .unwrap();
    let row = rows.features().next().unwrap();
    let text = |at: usize| row.field_as_string(at).unwrap().unwrap();
    assert_eq!((text(0).as_str(), text(2).as_str()), ("it's a project", "504b0304"));
    assert!(text(1).contains("\"last_modified_time\": \"2000-01-01T00:00:00\""), "{}", text(1));
    assert!(std::fs::read(&path).unwrap() == std::fs::read(made("b.gpkg")).unwrap(), "the same bytes");
    let without = dir.path().join("c.gpkg");
    write(&without, &options(LayerFormat::GeoPackage, &crs, &fields, None), 3);
    assert_eq!(stored_styles(&without).unwrap(), []);
    assert!(matches!(store_project(&dir.path().join("d.gpkg"), "a", b"", ""), Err(GdalError::Write { .. })));
}

/// A program that opens a file for writing, and writes nothing, leaves another header.
#[test]
fn the_header_of_a_geopackage_says_nothing_of_who_opened_it() {
    let dir = folder();
    let (crs, fields) = (describe_crs("EPSG:2154").unwrap(), fields());
    let path = dir.path().join("a.gpkg");
    write(&path, &options(LayerFormat::GeoPackage, &crs, &fields, Some(QML)), 3);
    let written = std::fs::read(&path).unwrap();
    let opening = gdal::DatasetOptions {
        open_flags: gdal::GdalOpenFlags::GDAL_OF_UPDATE | gdal::GdalOpenFlags::GDAL_OF_VECTOR,
        ..gdal::DatasetOptions::default()
    };
    let opened = Dataset::open_ex(&path, opening).unwrap();
    for mode in ["wal", "delete"] {
        let sql = format!("PRAGMA journal_mode = {mode}");
        drop(opened.execute_sql(&sql, None, gdal::vector::sql::Dialect::DEFAULT).unwrap());
    }
    opened.close().unwrap();
    let mut found = std::fs::read(&path).unwrap();
    assert!(found != written, "this test changes nothing");
    let mut header: [u8; arpent_base::SQLITE_HEADER] =
        found[..arpent_base::SQLITE_HEADER].try_into().unwrap();
    assert!(arpent_base::settle_sqlite_header(&mut header));
    found[..arpent_base::SQLITE_HEADER].copy_from_slice(&header);
    assert!(found == written, "more than the header has changed");
}

#[test]
fn wrong_values_and_places_are_refused() {
    let dir = folder();
    let (crs, fields) = (describe_crs("EPSG:2154").unwrap(), fields());
    let options = options(LayerFormat::GeoPackage, &crs, &fields, None);
    let e = LayerWriter::create(&dir.path().join("no/such/a.gpkg"), &options).unwrap_err();
    assert!(matches!(e, GdalError::Create { .. }), "{e:?}");
    let mut writer = LayerWriter::create(&dir.path().join("a.gpkg"), &options).unwrap();
    assert!(matches!(writer.write(&square(0), &[Cell::Null]), Err(GdalError::FieldCount { .. })));
    assert!(matches!(writer.write(b"not wkb", &[Cell::Null; 4]), Err(GdalError::Write { .. })));
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
    let (crs, fields) = (describe_crs("EPSG:2154").unwrap(), fields());
    for spatial_index in [true, false] {
        let path = dir.path().join(format!("{spatial_index}.fgb"));
        std::os::unix::fs::symlink(full, &path).unwrap();
        let options = LayerOptions { spatial_index, ..options(LayerFormat::FlatGeobuf, &crs, &fields, None) };
        let result = LayerWriter::create(&path, &options).and_then(|mut writer| {
            for i in 0..2000 {
                writer.write(&square(i), &[Cell::Null; 4])?;
            }
            writer.finish()
        });
        let e = result.unwrap_err();
        assert!(matches!(e, GdalError::Create { .. } | GdalError::Write { .. }), "{e:?}");
    }
}

#[test]
fn empty_layers_are_whole() {
    let dir = folder();
    let (crs, fields) = (describe_crs("EPSG:2154").unwrap(), fields());
    for (format, name) in [(LayerFormat::GeoPackage, "a.gpkg"), (LayerFormat::FlatGeobuf, "a.fgb")] {
        for spatial_index in [true, false] {
            let path = dir.path().join(format!("{spatial_index}-{name}"));
            write(&path, &LayerOptions { spatial_index, ..options(format, &crs, &fields, None) }, 0);
            assert_eq!(Dataset::open(&path).unwrap().layer(0).unwrap().features().count(), 0);
        }
    }
}
