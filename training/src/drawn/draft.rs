//! The contents of a written configuration and card.

use std::path::{Path, PathBuf};

use arpent_base::listed_of;
use arpent_datasets::AnnotatedScene;
use arpent_shell::message::notice;

use super::args::{Budget, DrawnArgs};
use super::{classes, shape, split};

/// Number of different values from which an alpha band is not a mask.
const MANY_VALUES: usize = 8;

/// A scene, its survey, and the numbers of its bands.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) path: PathBuf,
    pub(super) annotated: AnnotatedScene,
    pub(super) bands: Vec<usize>,
}

/// The contents of the written files.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub(super) args: &'a DrawnArgs,
    pub(super) budget: Budget,
    /// Scenes with polygons; absolute paths.
    pub(super) scenes: Vec<Seen>,
    pub(super) labels: PathBuf,
    pub(super) field: &'a str,
    /// Polygons of all scenes, each once.
    pub(super) polygons: usize,
    pub(super) bands: Vec<String>,
    pub(super) classes: classes::Classes,
    pub(super) split: split::Chosen,
    pub(super) shape: shape::Shape,
    pub(super) output: &'a Path,
}

impl Draft<'_> {
    /// Reports what was found.
    pub(super) fn report(&self) {
        let class = |c: &classes::Found| {
            let held = c.items.iter().filter(|i| self.split.is_held_out(i)).count();
            format!("{} {} polygons ({held} held out)", c.name, c.items.len())
        };
        let classes: Vec<String> = self.classes.found.iter().map(class).collect();
        notice(&format!("classes: {}", classes.join(", ")));
        if !self.classes.skipped.is_empty() {
            let name = |s: &String| if s.is_empty() { "(empty)".to_owned() } else { s.clone() };
            let names: Vec<String> = self.classes.skipped.iter().map(name).collect();
            notice(&format!("left out: {}", names.join(", ")));
        }
        for scene in self.scenes.iter().map(|s| &s.annotated) {
            let Some((band, values)) = scene.alpha else { continue };
            let doubt = if values > MANY_VALUES {
                "as a measured band does: if it is one, name all bands with --bands, including it"
            } else {
                "and is used as the validity mask"
            };
            notice(&format!(
                "band {band} is flagged as alpha, holds {values} different values in a sample, {doubt}"
            ));
        }
        notice(&format!("bands: {}; GSD {:.4} m", listed_of(&self.bands, "bands"), self.gsd()[0]));
        let first = &self.scenes[0].annotated.scene;
        let unnamed = first.bands.iter().filter(|b| self.scenes[0].bands.contains(&b.index) && !b.is_named());
        if let count @ 1.. = unnamed.count() {
            notice(&format!(
                "{count} band(s) without a name in the file: `arpent run` takes them by their number where a scene does not \
                 name them either"
            ));
        }
        if let Some(class) = self.classes.found.iter().find(|c| c.is_background) {
            notice(&format!("pixels outside of the polygons, in their surroundings, are `{}`", class.name));
        }
    }

    /// Nominal, finest and coarsest GSD of the scenes, meters: that of the first is the nominal one.
    pub(super) fn gsd(&self) -> [f64; 3] {
        let all = || self.scenes.iter().map(|s| s.annotated.scene.gsd_m);
        let first = self.scenes[0].annotated.scene.gsd_m;
        [first, all().fold(first, f64::min), all().fold(first, f64::max)]
    }
}
