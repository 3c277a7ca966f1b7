//! The STAC item of a map.

use std::path::{Path, PathBuf};

use arpent_base::Result;
use arpent_gdal::Transformer;
use arpent_publish::{
    Acquired, Counts, ITEM_NAME, RunInfo, StacMask, StacRun, StagedArtifact, write_stac_item,
};
use arpent_raster::{Grid, Window};
use geo_types::{LineString, Polygon};

use super::mlm;
use crate::job::{Job, MapJob, software};
use crate::mask::MaskLayers;

/// Points on each side of the footprint, so that it follows the map's edge in longitude and latitude.
const POINTS_PER_SIDE: u32 = 8;

/// Writes the item of a map next to its files.
///
/// # Errors
/// When the footprint cannot be transformed to WGS 84, or the file cannot be written.
pub(crate) fn write_item(
    job: &Job,
    map: &MapJob,
    run: &RunInfo,
    artifacts: &[StagedArtifact],
    counts: &Counts,
    folder: &Path,
) -> Result<PathBuf> {
    let path = folder.join(ITEM_NAME);
    let reasons = map.masks.nomenclature();
    let (masked, values) = (counts.masked.as_ref(), &counts.values);
    let mask = masked
        .map(|masked| StacMask { nomenclature: &reasons, cloud_cover: MaskLayers::cloud_cover(masked) });
    let uris: Vec<String> = map.scenes().map(|(_, s)| arpent_base::redacted(&s.source.uri)).collect();
    let acquired = Acquired::of(map.scenes().filter_map(|(_, s)| s.info.acquired.as_deref()));
    let item = StacRun {
        run_id: &run.run_id,
        acquired: &acquired,
        footprint: &footprint(map.grid(), &map.plan.extent())?,
        grid: map.grid(),
        window: &map.plan.extent(),
        nomenclature: &job.classes,
        predicted: &job.predicted,
        values,
        mask,
        model: Some(&mlm::stac_model(
            &job.model,
            &job.weights,
            job.model.window.map_or(map.plan.window_px(), |w| w.side_px),
        )),
        lineage: None,
        version: None,
        software: &software(job.predictor.is_on_gpu()),
        scene_uris: &uris,
        about: &job.about(),
        artifacts,
    };
    write_stac_item(&path, &item)?;
    Ok(path)
}

/// The outline of a window in longitude and latitude.
pub(crate) fn footprint(grid: &Grid, window: &Window) -> Result<Polygon<f64>> {
    let transformer = Transformer::new(&grid.crs)?;
    let [west, south, east, north] = grid.bbox(window);
    let corners = [(west, south), (east, south), (east, north), (west, north), (west, south)];
    let mut points = Vec::new();
    for side in corners.windows(2) {
        for i in 0..POINTS_PER_SIDE {
            let t = f64::from(i) / f64::from(POINTS_PER_SIDE);
            let (from, to) = (side[0], side[1]);
            points.push(transformer.point(from.0 + t * (to.0 - from.0), from.1 + t * (to.1 - from.1))?);
        }
    }
    points.extend(points.first().copied());
    Ok(Polygon::new(LineString::from(points), Vec::new()))
}
