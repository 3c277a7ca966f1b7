//! A training from polygons that somebody drew over a scene, without a configuration: one is written, with its card, and
//! from there on it is a training like any other.

mod classes;
mod colors;
mod place;
mod shape;
mod split;
mod text;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use arpent_datasets::{Drawn, InvalidGeometries, Survey, SurveyedPolygon, survey};
use arpent_model::Band;
use arpent_raster::ReadAs;

use crate::error::TrainError;
use crate::progress::note;

pub(crate) use place::Derived;

/// What a training on polygons needs to be told.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Instead of CONFIG: polygons over a scene")]
pub(crate) struct DrawnArgs {
    /// Polygons with a class each, drawn over --scene (GeoPackage, GeoJSON, shapefile, ...; any CRS). What lies in none is not
    /// known. After the file may stand |option:ENCODING=NAME and |crs=EPSG:CODE. A configuration is written into the output's `run` folder.
    #[arg(long, value_name = "FILE", requires_all = ["scene", "class_field", "output"])]
    #[arg(conflicts_with_all = ["config", "data", "packages"])]
    pub(crate) labels: Option<PathBuf>,
    /// The scene under the polygons; repeated for several of the same bands. A polygon belongs to every scene that it
    /// lies on.
    #[arg(long, value_name = "FILE", requires = "labels")]
    scene: Vec<PathBuf>,
    /// Field of the polygons that names the class.
    #[arg(long, value_name = "NAME", requires = "labels")]
    class_field: Option<String>,
    /// Layer of the polygons; the only one with polygons without it.
    #[arg(long, value_name = "NAME", requires = "labels")]
    layer: Option<String>,
    /// Values of the field to learn, in this order; all without it.
    #[arg(long, value_name = "A,B", value_delimiter = ',', requires = "labels")]
    classes: Vec<String>,
    /// Names of the scene's bands, in its order, where the file does not tell them. A band flagged as alpha is data where
    /// it is named, too.
    #[arg(long, value_name = "A,B", value_delimiter = ',', requires = "labels")]
    bands: Vec<String>,
    /// Class of what lies in no polygon; it is not known without this.
    #[arg(long, value_name = "NAME", requires = "labels")]
    background: Option<String>,
    /// Field of the polygons that tells the color of their class: #rrggbb, or red,green,blue.
    #[arg(long, value_name = "NAME", requires = "labels")]
    color_field: Option<String>,
    /// Colors of classes, as in water=#0072b2,forest=#009e73.
    #[arg(long, value_name = "CLASS=#RRGGBB", value_delimiter = ',', requires = "labels")]
    colors: Vec<String>,
    /// Unit of the values that are learned, as reflectance or kelvin, where the scenes declare a scale and an offset: they are
    /// applied, also when the package runs. Without it, values are learned as they are stored.
    #[arg(long, value_name = "UNIT", requires = "labels")]
    unit: Option<String>,
    /// What to do with polygons that are not valid: repair and count them, or refuse the layer.
    #[arg(long, value_name = "WHAT", value_parser = ["repair", "refuse"], default_value = "repair", requires = "labels")]
    invalid: String,
    /// Licence (SPDX) under which imagery, polygons and weights may be given away; without it the weights are not exported.
    #[arg(long, value_name = "SPDX", requires = "labels")]
    licence: Option<String>,
}

impl DrawnArgs {
    fn invalid(&self) -> InvalidGeometries {
        if self.invalid == "refuse" { InvalidGeometries::Refuse } else { InvalidGeometries::Repair }
    }
}

/// What the command line says of the optimization.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Budget {
    pub(crate) seed: Option<u64>,
    pub(crate) epochs: Option<usize>,
    pub(crate) threads: Option<usize>,
}

/// A scene, what was seen of it, and the numbers of its bands.
#[derive(Debug)]
struct Seen {
    path: PathBuf,
    survey: Survey,
    bands: Vec<usize>,
}

/// All that the written files say.
#[derive(Debug)]
struct Plan<'a> {
    args: &'a DrawnArgs,
    budget: Budget,
    /// Scenes with polygons; absolute paths.
    scenes: Vec<Seen>,
    labels: PathBuf,
    field: &'a str,
    /// Polygons of all scenes, each once.
    polygons: usize,
    bands: Vec<String>,
    classes: classes::Classes,
    split: split::Chosen,
    shape: shape::Shape,
    output: &'a Path,
}

/// The configuration of a training on polygons, not written yet.
pub(crate) fn derive(args: &DrawnArgs, budget: Budget, output: &Path) -> Result<Derived> {
    let missing = || TrainError::refused("--labels wants --scene and --class-field", "see --help");
    let labels = args.labels.as_deref().ok_or_else(missing)?;
    let field = args.class_field.as_deref().ok_or_else(missing)?;
    if args.scene.is_empty() {
        return Err(missing().into());
    }
    let scenes = scenes(args, labels, field)?;
    let polygons = merged(&scenes);
    let mut classes = classes::choose(&polygons, &args.classes, args.background.as_deref(), labels, field)?;
    colors::give(&mut classes.found, &args.colors)?;
    let split = split::choose(&classes)?;
    let (bands, scenes) = same_bands(scenes, &args.bands)?;
    let plan = Plan {
        args,
        budget,
        scenes,
        labels: std::path::absolute(labels)?,
        field,
        bands,
        shape: shape::of(&polygons),
        polygons: classes.found.iter().map(|c| c.items.len()).sum(),
        classes,
        split,
        output,
    };
    plan.tell();
    let (config, card) = (text::config(&plan)?, text::card(&plan));
    Ok(Derived::new(output, &config, &card))
}

impl Plan<'_> {
    /// Says what was found.
    fn tell(&self) {
        let class = |c: &classes::Found| {
            let held = c.items.iter().filter(|i| self.split.is_held_out(i)).count();
            format!("{} {} polygons ({held} held out)", c.name, c.items.len())
        };
        let classes: Vec<String> = self.classes.found.iter().map(class).collect();
        note(&format!("classes: {}", classes.join(", ")));
        if !self.classes.skipped.is_empty() {
            let name = |s: &String| if s.is_empty() { "(empty)".to_owned() } else { s.clone() };
            let names: Vec<String> = self.classes.skipped.iter().map(name).collect();
            note(&format!("left out: {}", names.join(", ")));
        }
        for scene in self.scenes.iter().map(|s| &s.survey) {
            let Some((band, values)) = scene.alpha else { continue };
            let doubt = if values > MANY_VALUES {
                "as a measured band does: if it is one, name all bands (--bands), it among them"
            } else {
                "and tells which pixels are valid"
            };
            note(&format!(
                "band {band} is flagged as alpha, holds {values} different values in a sample, {doubt}"
            ));
        }
        note(&format!("bands: {}; GSD {:.4} m", self.bands.join(", "), self.gsd()[0]));
        let first = &self.scenes[0].survey.scene;
        let unnamed = first.bands.iter().filter(|b| self.scenes[0].bands.contains(&b.index) && !b.is_named());
        if let count @ 1.. = unnamed.count() {
            note(&format!(
                "{count} band(s) without a name in the file: `arpent run` takes them by their number where a scene does not \
                 name them either"
            ));
        }
        if let Some(class) = self.classes.found.iter().find(|c| c.is_background) {
            note(&format!("what lies in no polygon is `{}`, in the surroundings of polygons", class.name));
        }
    }

    /// Nominal, finest and coarsest GSD of the scenes, meters: that of the first is the nominal one.
    fn gsd(&self) -> [f64; 3] {
        let all = || self.scenes.iter().map(|s| s.survey.scene.gsd_m);
        let first = self.scenes[0].survey.scene.gsd_m;
        [first, all().fold(first, f64::min), all().fold(first, f64::max)]
    }
}

/// The scenes that polygons lie on.
fn scenes(args: &DrawnArgs, labels: &Path, field: &str) -> Result<Vec<Seen>> {
    let (layer, color_field, bands) = (args.layer.as_deref(), args.color_field.as_deref(), args.bands.len());
    let values = args.unit.as_deref().map_or(ReadAs::Raw, ReadAs::of_unit);
    let invalid = args.invalid();
    let drawn = Drawn { layer, field, color_field, bands, invalid, values };
    let mut seen: Vec<Seen> = Vec::new();
    for scene in &args.scene {
        let path = std::path::absolute(scene)?;
        if seen.iter().any(|s| s.path == path) {
            let problem = format!("--scene names {} twice", scene.display());
            return Err(TrainError::refused(problem, "name every scene once").into());
        }
        let survey = survey(scene, labels, &drawn)?;
        let bands = survey.bands.clone();
        seen.push(Seen { path, survey, bands });
    }
    let is_drawn_on = |s: &Seen| s.survey.polygons.iter().any(|p| p.pixels > 0);
    if !seen.iter().any(is_drawn_on) {
        return Err(elsewhere(&seen[0], labels).into());
    }
    for bare in seen.iter().filter(|s| !is_drawn_on(s)) {
        note(&format!("left out: {}, on which no polygon lies", bare.path.display()));
    }
    seen.retain(is_drawn_on);
    let gsd = |s: &Seen| s.survey.scene.gsd_m;
    let first = gsd(&seen[0]);
    if let Some(other) = seen.iter().find(|s| !(first / SAME_GSD..=first * SAME_GSD).contains(&gsd(s))) {
        let (a, b) = (seen[0].path.display(), other.path.display());
        let problem = format!("{a} has a GSD of {first:.4} m, {b} of {:.4} m", gsd(other));
        let hint =
            "scenes of one training show things at one size: bring them to one GSD, or train on one of them";
        return Err(TrainError::refused(problem, hint).into());
    }
    Ok(seen)
}

/// Polygons of all scenes, each once, in the order of the file.
fn merged(scenes: &[Seen]) -> Vec<SurveyedPolygon> {
    let mut all: BTreeMap<&str, SurveyedPolygon> = BTreeMap::new();
    for polygon in scenes.iter().flat_map(|s| &s.survey.polygons) {
        let one =
            all.entry(&polygon.item).or_insert_with(|| SurveyedPolygon { pixels: 0, ..polygon.clone() });
        one.pixels = one.pixels.max(polygon.pixels);
        one.size = [one.size[0].max(polygon.size[0]), one.size[1].max(polygon.size[1])];
    }
    all.into_values().collect()
}

/// By what factor the GSDs of scenes of one training may differ.
const SAME_GSD: f64 = 1.25;

fn elsewhere(scene: &Seen, labels: &Path) -> TrainError {
    let info = &scene.survey.scene;
    let [west, south, east, north] = info.grid.bbox(&info.window);
    let problem = format!("no polygon of {} lies on {}", labels.display(), scene.path.display());
    let hint = format!(
        "the scene fills {west:.6} to {east:.6} east, {south:.6} to {north:.6} north in {}: is it the right scene, and does \
         the layer (--layer) have its right CRS?",
        info.grid.crs.name
    );
    TrainError::refused(problem, hint)
}

/// Different values from which an alpha band is no mask of a survey.
const MANY_VALUES: usize = 8;

/// Names of the bands, and the scenes with the numbers of these bands in each.
fn same_bands(mut scenes: Vec<Seen>, given: &[String]) -> Result<(Vec<String>, Vec<Seen>), TrainError> {
    let names = band_names(&scenes[0], given)?;
    let first = scenes[0].path.display().to_string();
    for other in &mut scenes[1..] {
        let (count, wanted) = (other.survey.bands.len(), names.len());
        if !given.is_empty() || count == wanted && other.survey.scene.bands.iter().all(|b| !b.is_named()) {
            if count == wanted {
                continue;
            }
            let problem = format!("{first} has {wanted} bands, {} has {count}", other.path.display());
            return Err(TrainError::refused(problem, "scenes of one training have the same bands"));
        }
        let path = other.path.display().to_string();
        let number = |name: &String| {
            other.survey.scene.band_named(name).ok_or_else(|| {
                let problem = format!("{path} has no band `{name}`, which {first} has");
                TrainError::refused(
                    problem,
                    "scenes of one training have the same bands; --bands names them in their order",
                )
            })
        };
        other.bands = names.iter().map(number).collect::<Result<_, _>>()?;
    }
    Ok((names, scenes))
}

/// Names of a scene's bands: those given, else names by which [`arpent_raster::SceneInfo::band_named`] finds them again.
fn band_names(seen: &Seen, given: &[String]) -> Result<Vec<String>, TrainError> {
    let hint = "name every band once, in the scene's order, as --bands red,green,blue,nir; an alpha band may be left out";
    let (survey, scene) = (&seen.survey, seen.path.display());
    if !given.is_empty() && given.len() != survey.bands.len() {
        let (names, bands) = (given.len(), survey.bands.len());
        let alpha = survey.scene.bands.len() - bands;
        let alpha = if alpha > 0 { format!(" (and {alpha} flagged as alpha)") } else { String::new() };
        let problem = format!("--bands has {names} names, {scene} has {bands} bands{alpha}");
        return Err(TrainError::refused(problem, hint));
    }
    let mut names: Vec<String> = Vec::new();
    for (i, index) in survey.bands.iter().enumerate() {
        let free = |name: &str| !Band::names_a_date(name) && !names.iter().any(|n| n == name);
        let name = match given.get(i) {
            Some(name) => name.trim().to_owned(),
            None => survey.scene.name_of_band(*index, free),
        };
        if name.is_empty() || names.contains(&name) {
            return Err(TrainError::refused(format!("--bands names `{name}` twice, or nothing"), hint));
        }
        if Band::names_a_date(&name) {
            let problem = format!("--bands names `{name}`, which would be a band of one of two dates");
            return Err(TrainError::refused(problem, "leave `_before` and `_after` out of names"));
        }
        names.push(name);
    }
    Ok(names)
}
