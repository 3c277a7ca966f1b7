//! The tree-health data: crowns of known health, and tiles on which ground, live and dead trees are told apart.
//!
//! Little of the pictures is labeled, so chips are made: crowns are pasted on tiles and on drawn ground.

mod ground;
mod paste;
mod piece;
mod pool;

use arpent_datasets::{
    Crown, DatasetError, LabeledTile, Picture, Source, Split, TileBox, neon_crowns, neon_osbs_029, neon_sjer,
    neon_yell_528000_west, neon_yell_541000, yell_528000,
};
use arpent_model::{Band, TrainingSource};
use std::path::Path;

pub(crate) use pool::Pool;

/// All data of the task.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) crowns: Vec<Crown>,
    pub(crate) tiles: Vec<LabeledTile>,
    /// The demo scene with its tree boxes, where it is at hand; those of its east, which is never trained on.
    pub(crate) scene: Option<(Picture, Vec<TileBox>)>,
}

impl Loaded {
    /// Reads everything: crowns and two tiles below `root`, the other tiles below `packages`.
    pub(crate) fn read(root: &Path, packages: &Path) -> Result<Self, DatasetError> {
        // The first two tiles are drawn most: they have dead trees and ground of many kinds.
        let tiles = vec![
            neon_yell_528000_west(packages)?,
            neon_yell_541000(packages)?,
            neon_osbs_029(root)?,
            neon_sjer(root)?,
        ];
        let scene = match yell_528000(packages) {
            Ok(scene) => Some(scene),
            Err(DatasetError::Missing { .. }) => None,
            Err(other) => return Err(other),
        };
        Ok(Self { crowns: neon_crowns(root)?, tiles, scene })
    }

    /// The crowns of a split.
    pub(crate) fn of(&self, split: Split) -> impl Iterator<Item = &Crown> {
        self.crowns.iter().filter(move |c| c.split == split)
    }

    /// Every crown with its site and split, to tell whether data changed.
    pub(crate) fn listing(&self) -> String {
        let line = |c: &Crown| format!("{}\t{}\t{:?}\n", c.site, c.split.name(), c.health);
        self.crowns.iter().map(line).collect()
    }

    /// Means and standard deviations over the training pictures, to a tenth of a digital number.
    #[allow(clippy::cast_possible_truncation, reason = "values of 8-bit bands")]
    pub(crate) fn bands(&self) -> Vec<Band> {
        let crowns = self.of(Split::Train).map(|c| &c.picture);
        let pictures: Vec<_> = crowns.chain(self.tiles.iter().map(|t| &t.picture)).collect();
        let band = |(index, name): (usize, &str)| {
            let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
            for pixel in pictures.iter().flat_map(|p| &p.pixels) {
                let value = f64::from(pixel[index]);
                count += 1.0;
                sum += value;
                squares += value * value;
            }
            let mean = sum / f64::max(count, 1.0);
            let std = (squares / f64::max(count, 1.0) - mean * mean).max(1.0).sqrt();
            let round = |v: f64| (v * 10.0).round() as f32 / 10.0;
            Band {
                name: name.into(),
                mean: round(mean),
                std: round(std),
                unit: Some("digital number".into()),
                number: None,
            }
        };
        ["red", "green", "blue"].into_iter().enumerate().map(band).collect()
    }
}

/// What the task is trained on.
pub(crate) fn sources() -> Vec<TrainingSource> {
    let source = |s: Source| TrainingSource {
        name: s.name.into(),
        licence: s.licence.into(),
        source: s.source.into(),
    };
    let all = [
        Source::NEON_CROWNS,
        Source::NEON_YELL_528000_WEST,
        Source::NEON_YELL_541000,
        Source::NEON_OSBS_029,
        Source::NEON_SJER,
    ];
    all.map(source).to_vec()
}
