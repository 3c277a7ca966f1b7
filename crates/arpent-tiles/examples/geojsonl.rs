//! Tiles of a GeoJSON sequence: `geojsonl INPUT OUTPUT.pmtiles MAX_ZOOM THREADS [objects]`, for measurements beside other
//! tilers (`benches/peers/tiles.sh`). Features need the properties `class_id` and `fid`.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::Path;

use arpent_base::{Column, ColumnKind, Value};
use arpent_tiles::{Kind, TileFeature, TileOptions, Tiler};
use serde::Deserialize;

#[derive(Deserialize)]
struct Feature {
    properties: Properties,
    geometry: Geometry,
}

#[derive(Deserialize)]
struct Properties {
    class_id: i64,
    fid: i64,
}

#[derive(Deserialize)]
#[serde(tag = "type", content = "coordinates")]
enum Geometry {
    Polygon(Vec<Vec<[f64; 2]>>),
    MultiPolygon(Vec<Vec<Vec<[f64; 2]>>>),
}

fn main() -> Result<(), Box<dyn Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [input, output, zoom, threads, rest @ ..] = &given[..] else {
        return Err("geojsonl INPUT OUTPUT.pmtiles MAX_ZOOM THREADS [objects]".into());
    };
    let options = TileOptions {
        kind: if rest.is_empty() { Kind::Coverage } else { Kind::Objects },
        name: "coverage".into(),
        description: String::new(),
        attribution: String::new(),
        columns: vec![Column::new("class_id", ColumnKind::Integer), Column::new("fid", ColumnKind::Integer)],
        of_class: vec!["class_id".into()],
        max_zoom: zoom.parse()?,
        largest_tile: 500_000,
        threads: threads.parse()?,
    };
    let scratch = std::env::temp_dir();
    let mut tiler = Tiler::create(options, &scratch)?;
    for line in BufReader::with_capacity(1 << 20, std::fs::File::open(input)?).lines() {
        let feature: Feature = serde_json::from_str(line?.trim_start_matches('\u{1e}'))?;
        let Properties { class_id, fid } = feature.properties;
        let polygons = match feature.geometry {
            Geometry::Polygon(polygon) => vec![polygon],
            Geometry::MultiPolygon(polygons) => polygons,
        };
        let values = vec![Some(Value::Integer(class_id)), Some(Value::Integer(fid))];
        let class_id = u32::try_from(class_id)?;
        tiler.push(&TileFeature {
            id: &fid.to_string(),
            class_id,
            area_m2: 0.0,
            values,
            polygons: &polygons,
        })?;
    }
    let summary = tiler.finish(Path::new(output))?;
    // Messages; the archive is the result.
    Ok(serde_json::to_writer(std::io::stderr(), &format!("{summary:?}"))?)
}
