//! Scenes of one grid as one raster.

use std::collections::BTreeMap;

use arpent_raster::{Grid, SceneInfo, Window};
use serde::{Deserialize, Serialize};

/// Scenes on one grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mosaic {
    /// Their grid.
    pub grid: Grid,
    /// The smallest window that contains all of them.
    pub window: Window,
    /// The scenes, by id then URI unless another order was set: where two overlap, the first with a valid pixel wins.
    pub scenes: Vec<SceneInfo>,
}

/// Assigns one grid to scenes whose pixels coincide, as [`Grid::unite`].
pub fn unite_grids<'a>(scenes: impl IntoIterator<Item = &'a mut SceneInfo>) {
    Grid::unite(scenes.into_iter().map(|scene| (&mut scene.grid, &mut scene.window)));
}

/// Groups scenes whose pixels coincide (same CRS, and corners that agree within 1/100 px), sorted by grid key.
pub fn group_scenes(mut scenes: Vec<SceneInfo>) -> Vec<Mosaic> {
    unite_grids(&mut scenes);
    let mut groups: BTreeMap<String, Vec<SceneInfo>> = BTreeMap::new();
    for scene in scenes {
        groups.entry(scene.grid.key()).or_default().push(scene);
    }
    groups.into_values().filter_map(mosaic).collect()
}

fn mosaic(mut scenes: Vec<SceneInfo>) -> Option<Mosaic> {
    scenes.sort_by(|a, b| (&a.id, &a.uri).cmp(&(&b.id, &b.uri)));
    mosaic_in_order(scenes)
}

/// The scenes of one grid as one raster, in their order: where two overlap, the first with a valid pixel wins. `None`
/// without scenes.
pub fn mosaic_in_order(scenes: Vec<SceneInfo>) -> Option<Mosaic> {
    let first = scenes.first()?;
    let window = scenes.iter().fold(first.window, |all, s| all.union(&s.window));
    Some(Mosaic { grid: first.grid.clone(), window, scenes })
}
