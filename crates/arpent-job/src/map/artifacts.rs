//! From temporary files to the files that are published.

use std::path::{Path, PathBuf};

use arpent_base::{Language, Result};
use arpent_gdal::{LayerFormat, LayerOptions, LayerShape, LayerWriter, Transformer};
use arpent_publish::{
    About, FeatureRow, Kind, ROLE_CONFIDENCE, ROLE_FEATURES, ROLE_LABELS, ROLE_MAP, ROLE_MASK, ROLE_VALUES,
    RunInfo, SortedFeatures, StagedArtifact, TilesOf, deepest_zoom, delivered, feature_columns,
    write_geojson, write_geoparquet, write_pmtiles,
};
use arpent_raster::{Class, Crs, CrsKind, Grid, Window};
use arpent_shell::message::notice;
use arpent_vector::{parts_to_wkb, to_wkb};

use crate::config::FeatureFormat;
use crate::job::{Job, MapJob};
use crate::pipeline::{AssembledMap, Clock};
use crate::present::{OwnProject, features_style};

/// Name of the layer in formats that have layers.
const LAYER: &str = "features";

/// Time of the last change in a GeoPackage: always the same, so that equal features give equal bytes. The
/// manifest contains the time of the run.
pub(crate) const TIMESTAMP: &str = "2000-01-01T00:00:00.000Z";

/// Writes every configured file: `labels`, `confidence`, `values`, `map`, `mask`, `features`.
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
    let AssembledMap { labels, confidence, values, map: published, mask, features, .. } = assembled;
    let rasters =
        [(labels, ROLE_LABELS), (confidence, ROLE_CONFIDENCE), (published, ROLE_MAP), (mask, ROLE_MASK)];
    let rasters = rasters.into_iter().filter_map(|(raster, role)| raster.map(|raster| (raster, role)));
    std::thread::scope(|scope| {
        // Each raster on its own thread, the features on this one.
        let values = values.map(|raster| {
            let path = folder.join("values.tif");
            scope.spawn(move || -> Result<StagedArtifact> {
                clock.write.time(|| raster.finish_cog(&path, threads))?;
                Ok(StagedArtifact::new(&path, ROLE_VALUES)?)
            })
        });
        let rasters: Vec<_> = rasters
            .map(|(raster, role)| {
                let path = folder.join(format!("{role}.tif"));
                scope.spawn(move || -> Result<StagedArtifact> {
                    clock.write.time(|| raster.finish_cog(&path, threads))?;
                    Ok(StagedArtifact::new(&path, role)?)
                })
            })
            .collect();
        let features = clock.write.time(|| write_all_features(job, map, &features, run, (folder, threads)));
        let joined = rasters
            .into_iter()
            .chain(values)
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
    (folder, threads): (&Path, usize),
) -> Result<Vec<StagedArtifact>> {
    if !job.has_classes() {
        return Ok(Vec::new());
    }
    let (kept, titles) = (job.kept_classes(), job.config.features.titles);
    let is_kept = |class: &Class| kept[usize::from(class.id)];
    let style = features_style(&job.classes, &is_kept, &feature_columns(&run.columns), titles);
    let crosses = crosses_antimeridian(map);
    let about = job.about();
    let files = FeatureFiles {
        name: LAYER,
        crs: &map.grid().crs,
        shape: if crosses { LayerShape::MultiPolygon } else { LayerShape::Polygon },
        style: Some(&style),
        titles,
        about: &about,
        run,
        tiles: TileNeeds {
            // Regions of a coverage have common borders; others are drawn each for itself.
            kind: if job.config.coverage.is_some() { Kind::Coverage } else { Kind::Objects },
            grid: map.grid(),
            extent: map.plan.extent(),
            threads,
        },
    };
    let formats = FeatureFormat::ALL.into_iter().filter(|f| job.config.features.formats.contains(f));
    let project = OwnProject {
        is_wanted: job.config.publish.qgis,
        about: &about,
        language: titles,
        crs: &map.grid().crs,
        extent: map.grid().bbox(&map.plan.extent()),
        timestamp: TIMESTAMP,
        is_decided: false,
    };
    formats
        .map(|format| {
            let path = files.write(features, format, folder)?;
            if format == FeatureFormat::GeoPackage {
                project.store(&path)?;
            }
            Ok(StagedArtifact::new(&path, ROLE_FEATURES)?)
        })
        .collect()
}

/// What is the same for features in all formats.
pub(crate) struct FeatureFiles<'a> {
    /// Name of the files, and of the layer in formats that have layers.
    pub(crate) name: &'static str,
    pub(crate) crs: &'a Crs,
    /// Polygons, or multipolygons.
    pub(crate) shape: LayerShape,
    /// Style of QGIS.
    pub(crate) style: Option<&'a str>,
    pub(crate) titles: Language,
    /// Title, terms and provider.
    pub(crate) about: &'a About,
    pub(crate) run: &'a RunInfo,
    pub(crate) tiles: TileNeeds<'a>,
}

/// What tiles need to know.
pub(crate) struct TileNeeds<'a> {
    /// How features lie.
    pub(crate) kind: Kind,
    /// The deepest zoom follows its pixels.
    pub(crate) grid: &'a Grid,
    pub(crate) extent: Window,
    pub(crate) threads: usize,
}

impl FeatureFiles<'_> {
    /// Writes a file into a folder; its path.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(
        &self,
        features: &SortedFeatures,
        format: FeatureFormat,
        folder: &Path,
    ) -> Result<PathBuf> {
        let path = folder.join(format!("{}.{}", self.name, format.extension()));
        match format {
            FeatureFormat::GeoParquet => {
                write_geoparquet(&path, features.read()?, self.crs, self.run)?;
            }
            FeatureFormat::GeoJson => {
                let transformer = Transformer::new(self.crs)?;
                write_geojson(&path, features.read()?, self.run, &|x: f64, y: f64| transformer.point(x, y))?;
            }
            FeatureFormat::GeoPackage => {
                self.write_layer(features, (&path, LayerFormat::GeoPackage), self.style)?;
            }
            FeatureFormat::PmTiles => self.write_tiles(features, &path, folder)?,
            FeatureFormat::FlatGeobuf => {
                self.write_layer(features, (&path, LayerFormat::FlatGeobuf), None)?;
            }
        }
        Ok(path)
    }

    /// Writes features as vector tiles; scratch files go to `folder`.
    fn write_tiles(&self, features: &SortedFeatures, path: &Path, folder: &Path) -> Result<()> {
        let transformer = Transformer::new(self.crs)?;
        let to_lon_lat = |x: f64, y: f64| transformer.point(x, y);
        let TileNeeds { kind, grid, extent, threads } = &self.tiles;
        let [west, south, east, north] = grid.bbox(extent);
        let max_zoom = deepest_zoom((west.midpoint(east), south.midpoint(north)), grid.gsd_x, &to_lon_lat)?;
        let attribution = self.about.attribution.as_deref().unwrap_or_default();
        let of = TilesOf {
            kind: *kind,
            max_zoom,
            name: self.name,
            attribution,
            threads: *threads,
            scratch: folder,
        };
        let written = write_pmtiles(path, features.read()?, self.run, &to_lon_lat, &of)?;
        if written.beyond > 0 {
            let many = written.beyond;
            notice(&format!(
                "{many} features lie beyond 85.05 degrees of latitude, where maps on the web end: not in {}",
                path.display()
            ));
        }
        Ok(())
    }

    /// Writes features through OGR. Only a GeoPackage contains a style; it builds its index on disk.
    fn write_layer(
        &self,
        features: &SortedFeatures,
        (path, format): (&Path, LayerFormat),
        style: Option<&str>,
    ) -> Result<()> {
        let fields = feature_columns(&self.run.columns);
        let description = self.about.in_one_line();
        let options = LayerOptions {
            format,
            name: self.name,
            shape: self.shape,
            crs: self.crs,
            fields: &fields,
            titles: self.titles,
            spatial_index: format == LayerFormat::GeoPackage || features.count() <= LayerFormat::MOST_INDEXED,
            style_qml: style,
            description: &description,
            timestamp: TIMESTAMP,
        };
        let mut layer = LayerWriter::create(path, &options)?;
        for feature in features.read()? {
            let feature = feature?;
            let parts = delivered(&feature, self.crs);
            let wkb = match (self.shape, &*parts) {
                (LayerShape::Polygon, [polygon]) => to_wkb(polygon),
                (_, parts) => parts_to_wkb(parts),
            };
            let row = FeatureRow::new(&feature, self.run);
            layer.write(&wkb, &row.cells().collect::<Vec<_>>())?;
        }
        Ok(layer.finish()?)
    }
}

/// Whether a map in degrees goes beyond -180 or 180, where features are cut: layers then hold multipolygons.
fn crosses_antimeridian(map: &MapJob) -> bool {
    let [west, _, east, _] = map.grid().bbox(&map.plan.extent());
    map.grid().crs.kind == CrsKind::Geographic && (west < -180.0 || east > 180.0)
}
