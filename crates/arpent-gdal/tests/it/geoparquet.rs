//! Parquet with geometries: what GeoParquet declares, what other tables have, what is refused.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arpent_base::{ColumnKind, Value};
use arpent_gdal::{
    GdalError, LayerGeometry, LayerSource, describe_crs, fingerprint_layer, layer_fields, read_aoi,
    read_features,
};
use arpent_raster::{Crs, Grid};
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, DictionaryArray, Float32Array, Int16Array,
    LargeBinaryArray, LargeStringArray, RecordBatch, StringArray, TimestampMillisecondArray, UInt64Array,
};
use gdal::vector::Geometry;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use crate::common::{HERE, folder};
use crate::remote::serve;

const SQUARE: &str = "POLYGON ((700000 6600000,700030 6600000,700030 6599970,700000 6599970,700000 6600000))";

fn wkb(wkt: &str) -> Vec<u8> {
    Geometry::from_wkt(wkt).unwrap().wkb().unwrap()
}

fn write(path: &Path, columns: Vec<(&str, ArrayRef)>, geo: Option<&str>, compression: Compression) -> String {
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap();
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    if let Some(geo) = geo {
        writer.append_key_value_metadata(KeyValue::new("geo".to_owned(), geo.to_owned()));
    }
    writer.close().unwrap();
    path.to_string_lossy().into_owned()
}

fn geometry(all: &[Option<&str>]) -> ArrayRef {
    let bytes: Vec<Option<Vec<u8>>> = all.iter().map(|wkt| wkt.map(wkb)).collect();
    Arc::new(BinaryArray::from(bytes.iter().map(Option::as_deref).collect::<Vec<_>>()))
}

fn geo(crs: &str) -> String {
    format!(
        r#"{{"version":"1.1.0","primary_column":"geometry","columns":{{"geometry":{{"encoding":"WKB","geometry_types":[]{crs}}}}}}}"#
    )
}

fn lambert() -> Crs {
    describe_crs("EPSG:2154").unwrap()
}

fn in_lambert() -> String {
    geo(&format!(r#","crs":{}"#, lambert().projjson))
}

fn values(uri: &str, fields: &[&str]) -> Result<Vec<Vec<Option<Value>>>, GdalError> {
    let crs = lambert();
    let mut all = Vec::new();
    read_features(&LayerSource { fields, ..LayerSource::new(uri, &crs) }, &mut |feature| {
        all.push(feature.values);
        Ok::<_, GdalError>(())
    })?;
    Ok(all)
}

#[test]
fn simple_columns_of_every_type_are_fields() {
    let dir = folder();
    let text = |t: &str| Some(Value::Text(t.to_owned()));
    let kinds: DictionaryArray<Int32Type> = vec![Some("Forêt"), None].into_iter().collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("name", Arc::new(StringArray::from(vec![Some("prè"), None]))),
        ("long", Arc::new(LargeStringArray::from(vec![Some("a"), Some("b")]))),
        ("kind", Arc::new(kinds)),
        ("n", Arc::new(Int16Array::from(vec![Some(-7), None]))),
        ("big", Arc::new(UInt64Array::from(vec![Some(u64::MAX), None]))),
        ("yes", Arc::new(BooleanArray::from(vec![Some(true), Some(false)]))),
        ("w", Arc::new(Float32Array::from(vec![Some(2.5), None]))),
        ("day", Arc::new(Date32Array::from(vec![Some(19_782), None]))),
        ("time", Arc::new(TimestampMillisecondArray::from(vec![Some(1_709_164_800_500), None]))),
        ("geometry", geometry(&[Some(SQUARE), None])),
    ];
    let names: Vec<&str> = columns.iter().map(|c| c.0).filter(|n| *n != "geometry").collect();
    for (name, compression) in
        [("a", Compression::SNAPPY), ("b", Compression::LZ4_RAW), ("c", Compression::UNCOMPRESSED)]
    {
        let path = dir.path().join(name).with_extension("parquet");
        let path = write(&path, columns.clone(), Some(&in_lambert()), compression);
        let found = values(&path, &names).unwrap();
        let first = vec![
            text("prè"),
            text("a"),
            text("Forêt"),
            Some(Value::Integer(-7)),
            text("18446744073709551615"),
            Some(Value::Integer(1)),
            Some(Value::Real(2.5)),
            text("2024-02-29"),
            text("2024-02-29T00:00:00.5"),
        ];
        assert_eq!(found[0], first, "{name}");
        assert_eq!(found[1][1], text("b"));
        assert!(found[1].iter().filter(|v| v.is_none()).count() == 7, "{:?}", found[1]);
        let (crs, fields) = (lambert(), ["w", "n"]);
        let types = layer_fields(&LayerSource { fields: &fields, ..LayerSource::new(&path, &crs) }).unwrap();
        assert_eq!([types[0].kind, types[1].kind], [ColumnKind::Real, ColumnKind::Integer]);
        let print = fingerprint_layer(&format!("{path}|layername={name}")).unwrap();
        assert!(print.sha256.is_some() && print.uri == path);
    }
}

#[test]
fn times_keep_the_offset_of_their_column() {
    let dir = folder();
    let of = |zone: Option<&str>| -> ArrayRef {
        let times = TimestampMillisecondArray::from(vec![Some(1_614_830_767_123)]);
        Arc::new(times.with_timezone_opt(zone.map(str::to_owned)))
    };
    let zones = [None, Some("+01:00"), Some("-03:30"), Some("UTC"), Some("Europe/Paris"), Some("+00:00")];
    let names = ["a", "b", "c", "d", "e", "f"];
    let columns =
        names.into_iter().zip(zones.map(of)).chain([("geometry", geometry(&[Some(SQUARE)]))]).collect();
    let path = write(&dir.path().join("a.parquet"), columns, Some(&in_lambert()), Compression::SNAPPY);
    let found = values(&path, &names).unwrap();
    let found: Vec<String> = found[0].iter().flatten().map(ToString::to_string).collect();
    let utc = "2021-03-04T04:06:07.123Z";
    let expected = [
        "2021-03-04T04:06:07.123",
        "2021-03-04T05:06:07.123+01:00",
        "2021-03-04T00:36:07.123-03:30",
        utc,
        utc,
        utc,
    ];
    assert_eq!(found, expected);
}

#[test]
fn the_crs_is_that_of_the_metadata_or_the_default() {
    let dir = folder();
    let at = |name: &str| dir.path().join(name);
    let crs = Arc::new(lambert());
    let grid = Grid { crs: crs.clone(), origin_x: 700_000.0, origin_y: 6_600_000.0, gsd_x: 1.0, gsd_y: 1.0 };
    let of = |name: &str, wkt: &str, geo: Option<&str>| {
        write(&at(name), vec![("geometry", geometry(&[Some(wkt)]))], geo, Compression::SNAPPY)
    };
    let pixels = |uri: &str| {
        let aoi = read_aoi(uri, &grid, &HERE)?;
        Ok::<_, GdalError>(aoi.mask(aoi.window()).data().iter().filter(|i| **i).count())
    };
    assert_eq!(pixels(&of("a.parquet", SQUARE, Some(&in_lambert()))).unwrap(), 900);
    // No CRS means longitude and latitude; null means that the CRS is unknown.
    let degrees = "POLYGON ((3 46.5,3.0004 46.5,3.0004 46.5003,3 46.5003,3 46.5))";
    let found = pixels(&of("b.parquet", degrees, Some(&geo("")))).unwrap();
    assert!(found.abs_diff(1023) < 30, "{found}");
    let unknown = of("c.parquet", SQUARE, Some(&geo(r#","crs":null"#)));
    assert!(matches!(pixels(&unknown), Err(GdalError::LayerNoCrs { .. })));
    assert_eq!(pixels(&format!("{unknown}|crs=EPSG:2154")).unwrap(), 900);
    // A table with well-known binary and no metadata on it.
    let bytes = LargeBinaryArray::from(vec![Some(wkb(SQUARE).as_slice())]);
    let bbox: ArrayRef = Arc::new(Float32Array::from(vec![1.0]));
    let plain = write(
        &at("d.parquet"),
        vec![("geom", Arc::new(bytes)), ("xmin", bbox)],
        None,
        Compression::UNCOMPRESSED,
    );
    assert!(matches!(pixels(&plain), Err(GdalError::LayerNoCrs { .. })));
    assert_eq!(pixels(&format!("{plain}|crs=EPSG:2154")).unwrap(), 900);
    assert!(matches!(pixels(&format!("{plain}|layername=e")), Err(GdalError::NoSuchLayer { .. })));
    // The same file over http.
    let host = serve(vec![("/a.parquet", std::fs::read(at("a.parquet")).unwrap())]);
    assert_eq!(pixels(&format!("{host}/a.parquet")).unwrap(), 900);
}

#[test]
fn what_cannot_be_read_is_refused() {
    let dir = folder();
    let at = |name: &str| dir.path().join(name);
    let square = || vec![("geometry", geometry(&[Some(SQUARE)]))];
    let arrow = in_lambert().replace("\"WKB\"", "\"polygon\"");
    let path = write(&at("arrow.parquet"), square(), Some(&arrow), Compression::SNAPPY);
    let error = values(&path, &[]).unwrap_err();
    assert!(error.to_string().contains("only WKB is supported"), "{error}");
    let path = write(&at("json.parquet"), square(), Some("{"), Compression::SNAPPY);
    assert!(values(&path, &[]).unwrap_err().to_string().contains("`geo` metadata"));
    let column: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
    let path = write(&at("table.parquet"), vec![("name", column)], None, Compression::SNAPPY);
    assert!(matches!(values(&path, &[]), Err(GdalError::NoGeometry { .. })));
    let bad: ArrayRef = Arc::new(BinaryArray::from(vec![Some(b"\x01\x03\x00".as_slice())]));
    let path = write(&at("wkb.parquet"), vec![("geometry", bad)], Some(&in_lambert()), Compression::SNAPPY);
    assert!(values(&path, &[]).unwrap_err().to_string().contains("geometry of feature 1"));
    // Cut, and with every byte of its end broken: an error, never a panic.
    let path = write(&at("cut.parquet"), square(), Some(&in_lambert()), Compression::SNAPPY);
    let whole = std::fs::read(&path).unwrap();
    for length in [4, 12, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(matches!(values(&path, &[]), Err(GdalError::NotAVector { .. })), "{length}");
    }
    for at in (4..whole.len()).step_by(7) {
        let mut broken = whole.clone();
        broken[at] ^= 0x5a;
        std::fs::write(&path, &broken).unwrap();
        let _ = values(&path, &[]);
    }
}

#[test]
fn features_come_in_the_order_of_the_file_over_many_row_groups() {
    let dir = folder();
    let path = dir.path().join("many.parquet");
    let rows = 5000;
    let wkts: Vec<String> =
        (0..rows).map(|i| format!("POLYGON (({i} 0,{i} 1,{} 1,{} 0,{i} 0))", i + 1, i + 1)).collect();
    let numbers: ArrayRef =
        Arc::new(Int16Array::from((0..rows).map(|i| i16::try_from(i).unwrap()).collect::<Vec<_>>()));
    let all: Vec<Option<&str>> = wkts.iter().map(|w| Some(w.as_str())).collect();
    let batch = RecordBatch::try_from_iter(vec![("n", numbers), ("geometry", geometry(&all))]).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(700)).build();
    let mut writer =
        ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.append_key_value_metadata(KeyValue::new("geo".to_owned(), in_lambert()));
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let (uri, crs, mut next) = (path.to_string_lossy().into_owned(), lambert(), 0i64);
    let source = LayerSource { fields: &["n"], ..LayerSource::new(&uri, &crs) };
    let counts = read_features(&source, &mut |feature| {
        assert_eq!(feature.values, [Some(Value::Integer(next))]);
        let LayerGeometry::Polygons(polygons) = feature.geometry else { panic!() };
        assert_eq!(
            polygons[0][0].iter().fold(f64::INFINITY, |l, p| l.min(p[0])),
            f64::from(i32::try_from(next).unwrap())
        );
        next += 1;
        assert_eq!(feature.number, u64::try_from(next).unwrap());
        Ok::<_, GdalError>(())
    });
    assert_eq!((counts.unwrap().read, next), (5000, 5000i64));
    let one = LayerSource { only: Some(("n", "4321")), ..source };
    let mut found = Vec::new();
    read_features(&one, &mut |feature| {
        found.push((feature.number, feature.values));
        Ok::<_, GdalError>(())
    })
    .unwrap();
    assert_eq!(found, [(4322, vec![Some(Value::Integer(4321))])]);
}
