//! A training from polygons that somebody drew over a scene, without a configuration: one is written, with its card, and
//! from there on it is a training like any other.

mod classes;
mod colors;
mod place;
mod shape;
mod split;
mod text;

use std::path::{Path, PathBuf};

use anyhow::Result;
use arpent_datasets::{Survey, survey};

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
    /// The scene under the polygons.
    #[arg(long, value_name = "FILE", requires = "labels")]
    scene: Option<PathBuf>,
    /// Field of the polygons that names the class.
    #[arg(long, value_name = "NAME", requires = "labels")]
    class_field: Option<String>,
    /// Layer of the polygons; the only one with polygons without it.
    #[arg(long, value_name = "NAME", requires = "labels")]
    layer: Option<String>,
    /// Values of the field to learn, in this order; all without it.
    #[arg(long, value_name = "A,B", value_delimiter = ',', requires = "labels")]
    classes: Vec<String>,
    /// Names of the scene's bands, in its order (alpha left out), where the file does not tell them.
    #[arg(long, value_name = "A,B", value_delimiter = ',', requires = "labels")]
    bands: Vec<String>,
    /// Licence (SPDX) under which imagery, polygons and weights may be given away; without it the weights are not exported.
    #[arg(long, value_name = "SPDX", requires = "labels")]
    licence: Option<String>,
}

/// What the command line says of the optimization.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Budget {
    pub(crate) seed: Option<u64>,
    pub(crate) epochs: Option<usize>,
    pub(crate) threads: Option<usize>,
}

/// All that the written files say.
#[derive(Debug)]
struct Plan<'a> {
    args: &'a DrawnArgs,
    budget: Budget,
    /// Absolute paths.
    scene: PathBuf,
    labels: PathBuf,
    field: &'a str,
    survey: Survey,
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
    let scene = args.scene.as_deref().ok_or_else(missing)?;
    let field = args.class_field.as_deref().ok_or_else(missing)?;
    let survey = survey(scene, labels, args.layer.as_deref(), field)?;
    refuse_elsewhere(&survey, labels, scene)?;
    let classes = classes::choose(&survey.polygons, &args.classes, labels, field)?;
    let split = split::choose(&classes)?;
    let plan = Plan {
        args,
        budget,
        scene: std::path::absolute(scene)?,
        labels: std::path::absolute(labels)?,
        field,
        bands: band_names(&survey, &args.bands, scene)?,
        shape: shape::of(&survey.polygons),
        survey,
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
        let counts = &self.survey.counts;
        for (number, what) in [
            (counts.repaired, "with a geometry that is not valid: repaired"),
            (counts.empty, "without geometry: left out"),
            (counts.parts_left_out, "with points or lines beside polygons: those were left out"),
        ] {
            if number > 0 {
                note(&format!("labels: {number} of {} features {what}", counts.read));
            }
        }
        note(&format!("bands: {}; GSD {:.4} m", self.bands.join(", "), self.survey.scene.gsd_m));
        let numbered: Vec<&String> = self.bands.iter().filter(|b| is_numbered(b)).collect();
        if let Some(first) = numbered.first() {
            note(&format!(
                "{} band(s) without a name in the file; `arpent run` will want to be told, as in bands = {{ {first} = {} }}, \
                 or name them all here: --bands",
                numbered.len(),
                first.trim_start_matches(NUMBERED)
            ));
        }
    }
}

fn refuse_elsewhere(survey: &Survey, labels: &Path, scene: &Path) -> Result<(), TrainError> {
    if survey.polygons.iter().any(|p| p.pixels > 0) {
        return Ok(());
    }
    let [west, south, east, north] = survey.scene.grid.bbox(&survey.scene.window);
    let problem = format!("no polygon of {} lies on {}", labels.display(), scene.display());
    let hint = format!(
        "the scene fills {west:.6} to {east:.6} east, {south:.6} to {north:.6} north in {}: is it the right scene, and does \
         the layer (--layer) have its right CRS?",
        survey.scene.grid.crs.name
    );
    Err(TrainError::refused(problem, hint))
}

/// What the names of bands that have none begin with.
const NUMBERED: &str = "band";

fn is_numbered(name: &str) -> bool {
    name.strip_prefix(NUMBERED).is_some_and(|rest| rest.parse::<usize>().is_ok())
}

/// Names of the data bands: those given, else what the file says; `band3` where it says nothing or the same twice.
fn band_names(survey: &Survey, given: &[String], scene: &Path) -> Result<Vec<String>, TrainError> {
    let hint = "name every band once, in the scene's order, alpha left out: --bands red,green,blue,nir";
    if !given.is_empty() && given.len() != survey.bands.len() {
        let (names, bands) = (given.len(), survey.bands.len());
        let problem = format!("--bands has {names} names, {} has {bands} bands", scene.display());
        return Err(TrainError::refused(problem, hint));
    }
    let mut names: Vec<String> = Vec::new();
    for (i, index) in survey.bands.iter().enumerate() {
        let of_file = || survey.scene.bands.iter().find(|b| b.index == *index)?.common_name.clone();
        let name = match given.get(i) {
            Some(name) => name.trim().to_owned(),
            None => of_file().filter(|n| !names.contains(n)).unwrap_or_else(|| format!("{NUMBERED}{index}")),
        };
        if name.is_empty() || names.contains(&name) {
            return Err(TrainError::refused(format!("--bands names `{name}` twice, or nothing"), hint));
        }
        names.push(name);
    }
    Ok(names)
}
