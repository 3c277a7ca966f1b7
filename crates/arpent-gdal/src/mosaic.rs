//! Scenes that share a grid, seen as one raster.

use std::collections::BTreeMap;

use arpent_raster::{Grid, SceneInfo, Window};
use serde::{Deserialize, Serialize};

/// Scenes on one grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mosaic {
    /// Their grid.
    pub grid: Grid,
    /// The smallest window that holds them all.
    pub window: Window,
    /// The scenes, sorted by id then URI: where two overlap, the first with a valid pixel wins.
    pub scenes: Vec<SceneInfo>,
}

/// Groups scenes whose pixels coincide (same CRS, GSD and sub-pixel phase), sorted by grid key.
pub fn group_scenes(scenes: Vec<SceneInfo>) -> Vec<Mosaic> {
    let mut groups: BTreeMap<String, Vec<SceneInfo>> = BTreeMap::new();
    for scene in scenes {
        groups.entry(scene.grid.key()).or_default().push(scene);
    }
    groups.into_values().filter_map(mosaic).collect()
}

fn mosaic(mut scenes: Vec<SceneInfo>) -> Option<Mosaic> {
    scenes.sort_by(|a, b| (&a.id, &a.uri).cmp(&(&b.id, &b.uri)));
    let first = scenes.first()?;
    let window = scenes.iter().fold(first.window, |all, s| all.union(&s.window));
    Some(Mosaic { grid: first.grid.clone(), window, scenes })
}
