//! What a configuration and a card are written from.

use std::path::{Path, PathBuf};

use arpent_datasets::Survey;
use arpent_shell::message::say;

use super::args::{Budget, DrawnArgs};
use super::{classes, shape, split};

/// Different values from which an alpha band is no mask of a survey.
const MANY_VALUES: usize = 8;

/// A scene, what was seen of it, and the numbers of its bands.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) path: PathBuf,
    pub(super) survey: Survey,
    pub(super) bands: Vec<usize>,
}

/// All that the written files say.
#[derive(Debug)]
pub(super) struct Plan<'a> {
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

impl Plan<'_> {
    /// Says what was found.
    pub(super) fn tell(&self) {
        let class = |c: &classes::Found| {
            let held = c.items.iter().filter(|i| self.split.is_held_out(i)).count();
            format!("{} {} polygons ({held} held out)", c.name, c.items.len())
        };
        let classes: Vec<String> = self.classes.found.iter().map(class).collect();
        say(&format!("classes: {}", classes.join(", ")));
        if !self.classes.skipped.is_empty() {
            let name = |s: &String| if s.is_empty() { "(empty)".to_owned() } else { s.clone() };
            let names: Vec<String> = self.classes.skipped.iter().map(name).collect();
            say(&format!("left out: {}", names.join(", ")));
        }
        for scene in self.scenes.iter().map(|s| &s.survey) {
            let Some((band, values)) = scene.alpha else { continue };
            let doubt = if values > MANY_VALUES {
                "as a measured band does: if it is one, name all bands (--bands), it among them"
            } else {
                "and tells which pixels are valid"
            };
            say(&format!(
                "band {band} is flagged as alpha, holds {values} different values in a sample, {doubt}"
            ));
        }
        say(&format!("bands: {}; GSD {:.4} m", self.bands.join(", "), self.gsd()[0]));
        let first = &self.scenes[0].survey.scene;
        let unnamed = first.bands.iter().filter(|b| self.scenes[0].bands.contains(&b.index) && !b.is_named());
        if let count @ 1.. = unnamed.count() {
            say(&format!(
                "{count} band(s) without a name in the file: `arpent run` takes them by their number where a scene does not \
                 name them either"
            ));
        }
        if let Some(class) = self.classes.found.iter().find(|c| c.is_background) {
            say(&format!("what lies in no polygon is `{}`, in the surroundings of polygons", class.name));
        }
    }

    /// Nominal, finest and coarsest GSD of the scenes, meters: that of the first is the nominal one.
    pub(super) fn gsd(&self) -> [f64; 3] {
        let all = || self.scenes.iter().map(|s| s.survey.scene.gsd_m);
        let first = self.scenes[0].survey.scene.gsd_m;
        [first, all().fold(first, f64::min), all().fold(first, f64::max)]
    }
}
