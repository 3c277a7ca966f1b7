//! The scenes of a mosaic, grouped by their native grid.

use std::collections::BTreeMap;

use arpent_raster::{Axis, Window};

use super::mosaic::Mosaic;
use super::resample::Weighed;

/// Scenes of a mosaic that are read on one grid.
#[derive(Debug)]
pub(super) struct Layer {
    /// Their indices, in order.
    pub(super) members: Vec<usize>,
    /// Their common extent in pixels of the mosaic.
    window: Window,
    /// How the mosaic's pixels are computed from theirs, if the grids differ.
    pub(super) weighed: Option<Weighed>,
}

impl Layer {
    /// The scenes of a mosaic, grouped by their native grid.
    pub(super) fn of(mosaic: &Mosaic) -> Vec<Self> {
        let mut layers: BTreeMap<Option<String>, Self> = BTreeMap::new();
        for (index, scene) in mosaic.scenes.iter().enumerate() {
            let key =
                scene.native.as_ref().map(|native| format!("{:?} {}", native.method, native.grid.key()));
            let layer = layers.entry(key).or_insert_with(|| {
                let weighed = scene.native.as_ref().map(|native| {
                    let (cols, rows) = Axis::between(&native.grid, &mosaic.grid);
                    Weighed { cols, rows, method: native.method }
                });
                Self { members: Vec::new(), window: scene.window, weighed }
            });
            layer.window = layer.window.union(&scene.window);
            layer.members.push(index);
        }
        layers.into_values().collect()
    }

    /// Whether it may have pixels in a window.
    pub(super) fn meets(&self, window: &Window) -> bool {
        self.window.intersect(window).is_some()
    }
}
