//! A probe: the whole job, in a few places of its area, into a temporary folder.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use arpent_base::number::{exact, truncate};
use arpent_base::{DoingWhat as _, Failure, Result};
use arpent_raster::Window;
use arpent_shell::message::notice;

use super::run::{RunOptions, run_unmasked};
use crate::config::Config;
use crate::cost::{CostError, CostTable, Guard, Limits, Observation};
use crate::error::JobError;
use crate::job::{BEFORE, Hashing, Job, MapJob};
use crate::map::footprint;
use crate::mask::model_of;

/// Places, as shares of the columns and rows of the area, and their parts of the pixels that the time is for. A small one shows
/// what every job takes; the others lie in the four quarters, since outlines are denser in some than in others. Where the time is
/// over after the first, that is not the small one.
const PLACES: [([f64; 2], f64); 5] = [
    ([0.25, 0.25], 0.245),
    ([0.5, 0.5], 0.02),
    ([0.75, 0.75], 0.245),
    ([0.75, 0.25], 0.245),
    ([0.25, 0.75], 0.245),
];

/// Part of the time that the network may take: the other stages take the rest.
const NETWORK_SHARE: f64 = 0.4;

/// Runs a job in a few places, in about a time; after twice the time no further place is begun. `rate` is the speed of the
/// network, Mpx/s. Scenes are not hashed, and masks that are models are left out.
///
/// # Errors
/// [`CostError::EmptyProbe`]; errors of the job.
pub(super) fn probe(job: &Job, rate: f64, time: Duration, table: &CostTable) -> Result<Vec<Observation>> {
    let largest = job.maps.iter().max_by_key(|map| map.plan.pixels_wanted());
    let map = largest.context("a job without a map")?;
    let folder = tempfile::Builder::new()
        .prefix("probe-")
        .tempdir_in(job.scratch.path())
        .context("cannot make a temporary folder")?;
    let pixels = rate * 1e6 * time.as_secs_f64() * NETWORK_SHARE;
    let (began, mut found) = (Instant::now(), Vec::new());
    let limits = Limits { table: table.clone(), ..Limits::default() };
    let interrupt = AtomicBool::new(false);
    for (number, (at, part)) in PLACES.into_iter().enumerate() {
        if began.elapsed() > 2 * time && !found.is_empty() {
            break;
        }
        notice(&format!("probe {} of {}", number + 1, PLACES.len()));
        let window = block(map, at, pixels * part);
        let config = config_of(job, map, &window, &folder.path().join(number.to_string()))?;
        let ran = Guard::watch(&limits, &interrupt, |guard| {
            run_unmasked(config, &RunOptions::default(), guard, Hashing::Name)
        });
        match ran {
            Ok(report) => found.extend(
                report
                    .maps
                    .iter()
                    .filter_map(|map| Some(Observation::of_ledger(&map.manifest, map.ledger.as_ref()?))),
            ),
            Err(error) if is_empty(&error) => {}
            Err(error) => return Err(error.context("the probe")),
        }
    }
    found.retain(|one| one.pixels > 0);
    if found.is_empty() {
        return Err(CostError::EmptyProbe { places: PLACES.len() }.into());
    }
    Ok(found)
}

/// Whether a place had nothing to predict.
fn is_empty(error: &Failure) -> bool {
    error.chain().any(|cause| matches!(cause.downcast_ref(), Some(JobError::AllNodata { .. })))
}

/// A square of about so many pixels around the planned window that is nearest to a place, inside the map.
fn block(map: &MapJob, at: [f64; 2], pixels: f64) -> Window {
    let extent = map.plan.extent();
    let middle = |window: &Window| {
        let (width, height) = (exact(window.width), exact(window.height));
        [exact(window.col) + width / 2.0, exact(window.row) + height / 2.0]
    };
    let place =
        [exact(extent.col) + at[0] * exact(extent.width), exact(extent.row) + at[1] * exact(extent.height)];
    let distance = |window: &Window| {
        let [x, y] = middle(window);
        (x - place[0]).hypot(y - place[1])
    };
    let cores = map.plan.windows().iter().map(|window| window.core);
    let core = cores.min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(extent);
    let side = truncate::<usize>(pixels.max(0.0).sqrt()).max(core.width.min(core.height));
    let along = |first: i64, length: usize, core_first: i64, core_length: usize| {
        let length_of = side.clamp(1, length);
        let middle = core_first + truncate::<i64>(exact(core_length) / 2.0);
        let begin = middle - truncate::<i64>(exact(length_of) / 2.0);
        let last = first + truncate::<i64>(exact(length - length_of));
        (begin.clamp(first, last), length_of)
    };
    let (col, width) = along(extent.col, extent.width, core.col, core.width);
    let (row, height) = along(extent.row, extent.height, core.row, core.height);
    Window::new(col, row, width, height)
}

/// The configuration of a place.
fn config_of(job: &Job, map: &MapJob, window: &Window, folder: &std::path::Path) -> Result<Config> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let aoi = folder.join("place.geojson");
    let ring: Vec<[f64; 2]> =
        footprint(map.grid(), window)?.exterior().coords().map(|c| [c.x, c.y]).collect();
    let place = serde_json::json!({
        "type": "FeatureCollection",
        "features": [{
            "type": "Feature",
            "properties": {},
            "geometry": { "type": "Polygon", "coordinates": [ring] },
        }],
    });
    std::fs::write(&aoi, place.to_string()).with_context(|| format!("cannot write {}", aoi.display()))?;
    let mut config = job.config.clone();
    if job.maps.len() > 1 {
        let of_date = |is_before: bool| {
            let scenes = map.scenes().filter(move |(date, _)| (*date == Some(BEFORE)) == is_before);
            scenes.map(|(_, scene)| scene.source.uri.clone()).collect()
        };
        (config.before, config.scenes) = (of_date(true), of_date(false));
    }
    config.mask.layers.retain(|layer| model_of(layer.source()).is_none());
    config.aoi = Some(aoi.to_string_lossy().into_owned());
    config.output = Some(folder.join("out").to_string_lossy().into_owned());
    Ok(config)
}
