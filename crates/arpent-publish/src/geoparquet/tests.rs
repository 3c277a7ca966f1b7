use std::fs::File;
use std::path::PathBuf;

use arpent_base::Diagnostic as _;
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt8Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::*;
use crate::testing::{crs, feature, run};

fn write(dir: &Path, name: &str, features: Vec<Feature>, crs: &Crs) -> PathBuf {
    let path = dir.join(name);
    let expected = features.len() as u64;
    let written = write_geoparquet(&path, features.into_iter().map(Ok), crs, &run()).unwrap();
    assert_eq!(written, expected);
    path
}

fn geo(path: &Path) -> Value {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let metadata = reader.metadata().file_metadata().key_value_metadata().unwrap().clone();
    let entry = metadata.iter().find(|entry| entry.key == "geo").unwrap();
    serde_json::from_str(entry.value.as_ref().unwrap()).unwrap()
}

fn batches(path: &Path) -> Vec<RecordBatch> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    builder.build().unwrap().map(|batch| batch.unwrap()).collect()
}

#[test]
fn features_come_back_with_their_columns_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let features = vec![feature(1, 3, 10.0, 20.0, 4.0), feature(2, 7, -5.0, 1.0, 1.0)];
    let path = write(dir.path(), "a.parquet", features.clone(), &crs());
    let batch = &batches(&path)[0];
    let schema = batch.schema();
    let names: Vec<_> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    assert_eq!(
        names.join(" "),
        "id class_id class_name score area_m2 pixels_area_m2 run_id model_id model_sha256 scene_ids acquired state geometry bbox"
    );
    assert_eq!(batch["id"].as_string::<i32>().value(0), features[0].id);
    assert_eq!(batch["class_id"].as_primitive::<UInt8Type>().values()[..], [3, 7]);
    assert_eq!(batch["scene_ids"].as_string::<i32>().value(0), "a,b");
    assert_eq!(batch["state"].as_string::<i32>().value(1), "not_verified");
    let acquired: Vec<_> = batch["acquired"].as_string::<i32>().iter().collect();
    assert_eq!(acquired, [None, Some("2021-07-01")]);
    assert_eq!(batch["geometry"].as_binary::<i32>().value(0), features[0].wkb());
    let corners: Vec<_> = batch["bbox"]
        .as_struct()
        .columns()
        .iter()
        .map(|c| c.as_primitive::<Float64Type>().value(1))
        .collect();
    assert_eq!(corners, [-5.0, 1.0, -4.0, 2.0]);
}

#[test]
fn the_metadata_are_geoparquet_1_1() {
    let dir = tempfile::tempdir().unwrap();
    let features = vec![feature(1, 3, 10.0, 20.0, 4.0), feature(2, 7, -5.0, 1.0, 1.0)];
    let geo = geo(&write(dir.path(), "a.parquet", features, &crs()));
    assert_eq!((&geo["version"], &geo["primary_column"]), (&json!("1.1.0"), &json!("geometry")));
    let column = &geo["columns"]["geometry"];
    assert_eq!(column["encoding"], "WKB");
    assert_eq!(column["orientation"], "counterclockwise");
    assert_eq!(column["crs"]["id"]["code"], 2154);
    assert_eq!(column["bbox"], json!([-5.0, 1.0, 14.0, 24.0]));
    assert_eq!(column["covering"]["bbox"]["ymax"], json!(["bbox", "ymax"]));
}

#[test]
fn no_feature_makes_a_valid_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "a.parquet", vec![], &Crs { projjson: String::new(), ..crs() });
    assert_eq!(batches(&path).len(), 0);
    let column = &geo(&path)["columns"]["geometry"];
    assert_eq!(column["crs"], Value::Null);
    assert!(column.get("bbox").is_none());
}

#[test]
fn equal_features_make_equal_bytes_and_row_groups_are_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let features: Vec<_> = (0..140_000u32).map(|i| feature(i.into(), 1, f64::from(i), 0.0, 1.0)).collect();
    let a = write(dir.path(), "a.parquet", features.clone(), &crs());
    let b = write(dir.path(), "b.parquet", features, &crs());
    assert!(std::fs::read(&a).unwrap() == std::fs::read(&b).unwrap());
    let reader = SerializedFileReader::new(File::open(&a).unwrap()).unwrap();
    let rows: Vec<_> = reader.metadata().row_groups().iter().map(RowGroupMetaData::num_rows).collect();
    assert_eq!(rows, [65_536, 65_536, 8_928]);
    // The covering prunes: each row group has its own extent.
    let bbox_column = reader.metadata().row_group(1).column(13);
    assert_eq!(bbox_column.column_path().string(), "bbox.xmin");
    assert!(bbox_column.statistics().unwrap().min_bytes_opt().is_some());
}

#[test]
fn a_crs_that_is_not_json_and_a_full_disk_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let wrong = Crs { projjson: "{".into(), ..crs() };
    let error = write_geoparquet(&dir.path().join("a"), vec![], &wrong, &run()).unwrap_err();
    assert!(matches!(error, PublishError::BadProjjson { .. }), "{error}");
    // A device that is always full.
    let full = Path::new("/dev/full");
    if full.exists() {
        let error =
            write_geoparquet(full, vec![Ok(feature(1, 1, 0.0, 0.0, 1.0))], &crs(), &run()).unwrap_err();
        assert!(error.to_string().contains("/dev/full"), "{error}");
        assert!(error.hint().is_some_and(|h| h.contains("space")), "{error:?}");
    }
}

#[test]
fn what_has_no_score_is_null() {
    let dir = tempfile::tempdir().unwrap();
    let overridden = Feature { score: None, ..feature(1, 3, 10.0, 20.0, 4.0) };
    let boxed = Feature { pixels_area_m2: None, ..feature(2, 7, -5.0, 1.0, 1.0) };
    let path = write(dir.path(), "a.parquet", vec![overridden.clone(), boxed], &crs());
    let batch = &batches(&path)[0];
    let nulls = |name: &str| {
        let column = batch.column_by_name(name).unwrap();
        (0..2).map(|i| column.is_null(i)).collect::<Vec<_>>()
    };
    assert_eq!((nulls("score"), nulls("pixels_area_m2")), (vec![true, false], vec![false, true]));
    let json = dir.path().join("a.geojson");
    let as_is = |x: f64, y: f64| Ok::<_, std::io::Error>((x / 100.0, y / 100.0));
    crate::write_geojson(&json, [Ok(overridden)], &run(), &as_is).unwrap();
    let json: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    assert_eq!(json["features"][0]["properties"]["score"], Value::Null);
}

#[test]
fn a_file_describes_its_contents() {
    let dir = tempfile::tempdir().unwrap();
    let features = (0..5000).map(|i| feature(i, u8::try_from(i % 2).unwrap(), 10.0, 20.0, 4.0)).collect();
    let path = write(dir.path(), "a.parquet", features, &crs());
    let found = crate::FeatureSummary::of_geoparquet(&path).unwrap();
    assert_eq!(found.features, 5000);
    assert_eq!(found.classes, [("class 0".to_owned(), 2500), ("class 1".to_owned(), 2500)].into());
    assert_eq!(found.runs, [("run-1".to_owned(), 5000)].into());
    assert_eq!(found.states, [("not_verified".to_owned(), 5000)].into());
    std::fs::write(&path, "no parquet").unwrap();
    assert!(crate::FeatureSummary::of_geoparquet(&path).is_err());
}
