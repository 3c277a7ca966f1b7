//! The commands of the guide on change maps, in its order: each leads to what the text says.

use std::path::Path;

use arpent_raster::Window;
use arpent_testing::{GeoTiff, Picture};

use crate::change::images;
use crate::common::{Ended, Place, gdal};

const GUIDE: &str = include_str!("../../../docs/guides/change-maps.md");

/// The commands in the guide's blocks for a shell, but for those on deliveries of OCS GE: `layers.rs` compares such layers.
fn commands() -> Vec<Vec<String>> {
    let blocks = GUIDE.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let lines = blocks
        .flat_map(str::lines)
        .filter(|line| line.starts_with("arpent ") && !line.contains("OCCUPATION"));
    lines.map(|line| line.split_whitespace().skip(1).map(str::to_owned).collect()).collect()
}

/// Runs a command of the guide where buckets are folders, and configurations those of the repository.
fn follow(place: &Place, words: &[String]) -> Ended {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    let plan =
        crate::shards::files_below(&place.path("bucket")).into_iter().find(|p| p.ends_with("plan.json"));
    let is_images = words.iter().any(|word| word.ends_with("images.toml"));
    let here = |word: &String| match word.strip_prefix("s3://") {
        Some(rest) if rest.ends_with("plan.json") => plan.as_ref().unwrap().to_str().unwrap().to_owned(),
        Some(rest) => rest.to_owned(),
        None if word.starts_with("configs/") => {
            configs.join(word.strip_prefix("configs/").unwrap()).to_str().unwrap().to_owned()
        }
        // The two first commands are two ways to the same output.
        None if is_images && word == "change-2018-2021" => "change-of-images".to_owned(),
        None if word == "slurm" => "local".to_owned(),
        None => word.clone(),
    };
    let words: Vec<String> = words.iter().map(here).collect();
    place.arpent(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Fills all rows of a sample: each is right.
fn check_all(place: &Place) {
    let path = place.path("sample/sample.csv");
    let mut table = csv::Reader::from_path(&path).unwrap();
    let header = table.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    let mut filled = csv::Writer::from_path(&path).unwrap();
    filled.write_record(&header).unwrap();
    for row in rows {
        let value = |(name, value): (&str, &str)| match name {
            "verdict" => "right".to_owned(),
            "person" => "Ada".to_owned(),
            _ => value.to_owned(),
        };
        filled.write_record(header.iter().zip(row.iter()).map(value)).unwrap();
    }
    filled.flush().unwrap();
}

#[test]
fn the_commands_of_the_guide_work_in_its_order() {
    let place = Place::new();
    let [old, new] = images(&place, 0, &[[100, 100, 140, 130], [400, 300, 430, 340]]);
    let third = Picture::new(5, 9).bands(Window::new(3_260_000, -34_310_000, 640, 512));
    GeoTiff::rgb(
        crate::common::EPSG,
        crate::common::GSD,
        Window::new(3_260_000, -34_310_000, 640, 512),
        &third,
    )
    .write(&place.path("third.tif"))
    .unwrap();
    for (from, year) in [(&old, "2018"), (&new, "2021"), (&place.text("third.tif"), "2024")] {
        let scene = place.text(&format!("{year}.tif"));
        let date = format!("ACQUISITIONDATETIME={year}-07-01T10:00:00");
        gdal("gdal_translate", &["-q", "-mo", &date, from, &scene]);
        let run = ["run", "run.toml", "--scene", &scene, "--output", &format!("map-{year}")];
        place.arpent(&run).expect(0);
    }
    place.write(
        "communes.geojson",
        r#"{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::2154"}},
        "features":[{"type":"Feature","properties":{"insee":"01001"},"geometry":{"type":"Polygon","coordinates":[[[651000,6863000],[653000,6863000],[653000,6861000],[651000,6861000],[651000,6863000]]]}}]}"#,
    );
    gdal("ogr2ogr", &[&place.text("communes.gpkg"), &place.text("communes.geojson")]);
    let commands = commands();
    assert!(commands.len() > 6, "{commands:?}");
    for words in &commands {
        if words[..2] == ["change", "estimate"] {
            check_all(&place);
        }
        let ended = follow(&place, words);
        assert_eq!(ended.code, 0, "arpent {}\n{}", words.join(" "), ended.err);
    }
    for output in ["change-2018-2021", "change-of-images", "change-2021-2024", "bucket/change"] {
        place.arpent(&["check", output]).expect(0);
    }
    for file in ["sample/sample.gpkg", "areas/estimate.csv"] {
        assert!(place.path(file).is_file(), "{file}");
    }
}
