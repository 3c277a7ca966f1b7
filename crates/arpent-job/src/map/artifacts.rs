//! From temporary files to the files that are published.

use std::path::Path;

use arpent_base::Result;
use arpent_gdal::{LayerFormat, LayerOptions, LayerShape, LayerWriter, Transformer};
use arpent_publish::{
    FeatureRow, ROLE_CONFIDENCE, ROLE_FEATURES, ROLE_LABELS, ROLE_MAP, RunInfo, SortedFeatures,
    StagedArtifact, delivered, feature_columns, write_geojson, write_geoparquet,
};
use arpent_raster::CrsKind;
use arpent_vector::{parts_to_wkb, to_wkb};

use crate::config::FeatureFormat;
use crate::job::{Job, MapJob};
use crate::pipeline::{AssembledMap, Clock};

/// FlatGeobuf's index is built in memory; above this number of features the file is written without one.
const LARGEST_INDEX: u64 = 250_000;

/// Name of the layer in formats that have layers.
const LAYER: &str = "features";

/// Time of the last change in a GeoPackage: always the same, so that equal features give equal bytes. The
/// manifest contains the time of the run.
pub(crate) const TIMESTAMP: &str = "2000-01-01T00:00:00.000Z";

/// Writes every configured file: `labels`, `confidence`, `map`, `features`.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn write(
    job: &Job,
    map: &MapJob,
    assembled: AssembledMap,
    run: &RunInfo,
    folder: &Path,
    threads: usize,
    clock: &Clock,
) -> Result<Vec<StagedArtifact>> {
    let AssembledMap { labels, confidence, map: published, features, .. } = assembled;
    let rasters = [(labels, ROLE_LABELS), (confidence, ROLE_CONFIDENCE), (published, ROLE_MAP)];
    let rasters = rasters.into_iter().filter_map(|(raster, role)| raster.map(|raster| (raster, role)));
    std::thread::scope(|scope| {
        // Each raster on its own thread, the features on this one.
        let rasters: Vec<_> = rasters
            .map(|(raster, role)| {
                let path = folder.join(format!("{role}.tif"));
                scope.spawn(move || -> Result<StagedArtifact> {
                    clock.write.time(|| raster.finish_cog(&path, threads))?;
                    Ok(StagedArtifact::new(&path, role)?)
                })
            })
            .collect();
        let features = clock.write.time(|| write_all_features(job, map, &features, run, folder));
        let joined = rasters
            .into_iter()
            .map(|raster| raster.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        let mut files = joined.collect::<Result<Vec<_>>>()?;
        files.extend(features?);
        Ok(files)
    })
}

/// Writes the features in every configured format.
fn write_all_features(
    job: &Job,
    map: &MapJob,
    features: &SortedFeatures,
    run: &RunInfo,
    folder: &Path,
) -> Result<Vec<StagedArtifact>> {
    let mut files = Vec::new();
    for format in FeatureFormat::ALL.into_iter().filter(|f| job.config.features.formats.contains(f)) {
        let path = folder.join(format.file_name());
        write_features(job, map, features, run, format, &path)?;
        files.push(StagedArtifact::new(&path, ROLE_FEATURES)?);
    }
    Ok(files)
}

fn write_features(
    job: &Job,
    map: &MapJob,
    features: &SortedFeatures,
    run: &RunInfo,
    format: FeatureFormat,
    path: &Path,
) -> Result<()> {
    let crs = &map.grid().crs;
    match format {
        FeatureFormat::GeoParquet => {
            write_geoparquet(path, features.read()?, crs, run)?;
        }
        FeatureFormat::GeoJson => {
            let transformer = Transformer::new(crs)?;
            write_geojson(path, features.read()?, run, &|x: f64, y: f64| transformer.point(x, y))?;
        }
        FeatureFormat::GeoPackage => {
            let style = arpent_gdal::qgis_style(&job.model.classes);
            write_layer(job, map, (path, LayerFormat::GeoPackage), Some(&style), features, run)?;
        }
        FeatureFormat::FlatGeobuf => {
            write_layer(job, map, (path, LayerFormat::FlatGeobuf), None, features, run)?;
        }
    }
    Ok(())
}

/// Writes features through OGR. Only a GeoPackage contains a style; it builds its index on disk.
fn write_layer(
    job: &Job,
    map: &MapJob,
    (path, format): (&Path, LayerFormat),
    style: Option<&str>,
    features: &SortedFeatures,
    run: &RunInfo,
) -> Result<()> {
    let spatial_index = format == LayerFormat::GeoPackage || features.count() <= LARGEST_INDEX;
    let crs = &*map.grid().crs;
    let crosses = crosses_antimeridian(map);
    let fields = feature_columns(&run.columns);
    let options = LayerOptions {
        format,
        name: LAYER,
        shape: if crosses { LayerShape::MultiPolygon } else { LayerShape::Polygon },
        crs,
        fields: &fields,
        titles: job.config.features.titles,
        spatial_index,
        style_qml: style,
        timestamp: TIMESTAMP,
    };
    let mut layer = LayerWriter::create(path, &options)?;
    for feature in features.read()? {
        let feature = feature?;
        let wkb = if crosses { parts_to_wkb(&delivered(&feature, crs)) } else { to_wkb(&feature.polygon) };
        let row = FeatureRow::new(&feature, run);
        layer.write(&wkb, &row.cells().collect::<Vec<_>>())?;
    }
    Ok(layer.finish()?)
}

/// Whether a map in degrees goes beyond -180 or 180, where features are cut: layers then hold multipolygons.
fn crosses_antimeridian(map: &MapJob) -> bool {
    let [west, _, east, _] = map.grid().bbox(&map.plan.extent());
    map.grid().crs.kind == CrsKind::Geographic && (west < -180.0 || east > 180.0)
}
