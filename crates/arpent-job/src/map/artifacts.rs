//! From temporary files to the files that are published.

use std::path::Path;

use arpent_base::Result;
use arpent_gdal::{
    FieldDef, FieldType, FieldValue, LayerFormat, LayerOptions, LayerShape, LayerWriter, Transformer,
};
use arpent_publish::{
    ROLE_CONFIDENCE, ROLE_FEATURES, ROLE_LABELS, ROLE_MAP, RunInfo, SortedFeatures, StagedArtifact,
    write_geojson, write_geoparquet,
};
use arpent_raster::Crs;
use arpent_vector::{Attribute, Column, ColumnKind, Feature, to_wkb};

use crate::config::FeatureFormat;
use crate::job::{Job, MapJob};
use crate::pipeline::{Clock, Collected};

/// FlatGeobuf's index is built in memory; above this number of features the file is written without one.
const LARGEST_INDEX: u64 = 250_000;

/// Name of the layer in formats that have layers.
const LAYER: &str = "features";

/// What a GeoPackage says of its last change: always the same, so that equal features make equal bytes. The
/// manifest says when a run was made.
pub(crate) const TIMESTAMP: &str = "2000-01-01T00:00:00.000Z";

/// Writes every file that the configuration asks for: `labels`, `confidence`, `map`, `features`.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn write(
    job: &Job,
    map: &MapJob,
    collected: Collected,
    run: &RunInfo,
    folder: &Path,
    threads: usize,
    clock: &Clock,
) -> Result<Vec<StagedArtifact>> {
    let Collected { labels, confidence, map: published, features, .. } = collected;
    let rasters = [(labels, ROLE_LABELS), (confidence, ROLE_CONFIDENCE), (published, ROLE_MAP)];
    let rasters = rasters.into_iter().filter_map(|(raster, role)| raster.map(|raster| (raster, role)));
    std::thread::scope(|scope| {
        // Each raster on a thread of its own, the features on this one.
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

/// The features in every format asked for.
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
            write_layer(path, LayerFormat::GeoPackage, Some(&style), crs, features, run)?;
        }
        FeatureFormat::FlatGeobuf => write_layer(path, LayerFormat::FlatGeobuf, None, crs, features, run)?,
    }
    Ok(())
}

/// Writes features through OGR. Only a GeoPackage holds a style; it keeps its index on disk.
fn write_layer(
    path: &Path,
    format: LayerFormat,
    style: Option<&str>,
    crs: &Crs,
    features: &SortedFeatures,
    run: &RunInfo,
) -> Result<()> {
    let spatial_index = format == LayerFormat::GeoPackage || features.count() <= LARGEST_INDEX;
    let fields = fields(&run.columns);
    let options = LayerOptions {
        format,
        name: LAYER,
        shape: LayerShape::Polygon,
        crs,
        fields: &fields,
        spatial_index,
        style_qml: style,
        timestamp: TIMESTAMP,
    };
    let mut layer = LayerWriter::create(path, &options)?;
    for feature in features.read()? {
        let feature = feature?;
        let scenes = feature.scene_ids.join(",");
        layer.write(&to_wkb(&feature.polygon), &values(&feature, &scenes, run))?;
    }
    Ok(layer.finish()?)
}

/// The columns beside the geometry, the same in every format: those of every run, then its own.
fn fields(more: &[Column]) -> Vec<FieldDef> {
    use FieldType::{Integer, Real, Text};
    let of = |(name, field_type): (&str, FieldType)| FieldDef { name: name.to_owned(), field_type };
    let all = [
        ("id", Text),
        ("class_id", Integer),
        ("class_name", Text),
        ("score", Real),
        ("area_m2", Real),
        ("pixels_area_m2", Real),
        ("run_id", Text),
        ("model_id", Text),
        ("model_sha256", Text),
        ("scene_ids", Text),
        ("acquired", Text),
        ("state", Text),
    ];
    let more = more.iter().map(|column| {
        let field_type = match column.kind {
            ColumnKind::Text => Text,
            ColumnKind::Integer => Integer,
            ColumnKind::Real => Real,
        };
        (column.name.as_str(), field_type)
    });
    all.into_iter().chain(more).map(of).collect()
}

/// The values of [`fields`], in their order.
fn values<'a>(feature: &'a Feature, scenes: &'a str, run: &'a RunInfo) -> Vec<FieldValue<'a>> {
    use FieldValue::{Integer, Null, Real, Text};
    let all = [
        Text(&feature.id),
        Integer(i64::from(feature.class_id)),
        Text(&feature.class_name),
        feature.score.map_or(Null, Real),
        Real(feature.area_m2),
        feature.pixels_area_m2.map_or(Null, Real),
        Text(&run.run_id),
        Text(&run.model_id),
        Text(&run.model_sha256),
        Text(scenes),
        feature.acquired.as_deref().map_or(Null, Text),
        Text(&run.state),
    ];
    let more = feature.attributes.iter().map(|value| match value {
        Attribute::Null => Null,
        Attribute::Text(text) => Text(text),
        Attribute::Integer(number) => Integer(*number),
        Attribute::Real(number) => Real(*number),
    });
    all.into_iter().chain(more).collect()
}
