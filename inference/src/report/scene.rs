//! Text report of scenes, one by one or as a summary.

use std::collections::BTreeMap;

use arpent_base::listed;
use arpent_job::{describe_bands, describe_validity};
use arpent_raster::SceneInfo;
use arpent_shell::lines::Lines;

use super::scenes::scenes_together;

/// Number of bands from which on what is the same of all is shown once.
const MANY_BANDS: usize = 12;

/// Many scenes, by their grid and bands.
pub(crate) fn of_scenes(infos: &[SceneInfo]) -> Lines {
    let mut kinds: BTreeMap<(String, String), Vec<&SceneInfo>> = BTreeMap::new();
    for info in infos {
        kinds.entry((info.grid.key(), describe_bands(info))).or_default().push(info);
    }
    let mut lines = Lines::default();
    for ((grid, bands), scenes) in kinds {
        let all =
            scenes.iter().map(|info| (info.window.pixels(), Some(info.gsd_m), info.acquired.as_deref()));
        lines.add("scenes", scenes_together(all)).add("grid", grid).add("bands", bands);
    }
    lines.more("`--format json` lists them");
    lines
}

/// What is said of each band; once where it is the same of many.
fn of_each(bands: &[String]) -> String {
    match bands {
        [first, ..] if bands.len() > MANY_BANDS && bands.iter().all(|b| b == first) => {
            format!("{first} (all {} bands)", bands.len())
        }
        _ => listed(bands),
    }
}

/// A scene.
pub(crate) fn of_scene(info: &SceneInfo) -> Lines {
    let mut lines = Lines::default();
    lines.add("scene", &info.id);
    lines.add("from", &info.uri);
    lines.add("size", format!("{} x {} px", info.window.width, info.window.height));
    lines.add("bands", describe_bands(info));
    if info.bands.len() > MANY_BANDS {
        lines.more("`--format json` lists them");
    }
    let samples: Vec<String> =
        info.bands.iter().map(|b| format!("{:?}", b.sample_type).to_lowercase()).collect();
    lines.add("samples", of_each(&samples));
    let nodata: Vec<String> =
        info.bands.iter().map(|b| b.nodata.map_or("none".to_owned(), |v| v.to_string())).collect();
    lines.add("nodata", of_each(&nodata));
    let data: Vec<usize> = info.bands.iter().filter(|b| !b.is_alpha).map(|b| b.index).collect();
    lines.add("valid", describe_validity(info, &data));
    if !info.validity.side_files.is_empty() {
        lines.add("read with", info.validity.side_files.join(", "));
    }
    lines.add("GSD", format!("{:.4} m on the ground", info.gsd_m));
    lines.add("grid", info.grid.key());
    let [w, s, e, n] = info.grid.bbox(&info.window);
    lines.add("bbox", format!("{w} {s} {e} {n}"));
    lines.add("acquired", info.acquired.as_deref().unwrap_or("unknown"));
    lines
}
