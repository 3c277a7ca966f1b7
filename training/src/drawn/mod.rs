//! A training from polygons drawn over a scene, without a configuration: the configuration and its card are written, then
//! used as any other.

mod args;
mod classes;
mod colors;
mod draft;
mod place;
mod shape;
mod split;
mod text;

use std::collections::BTreeMap;
use std::path::Path;

use arpent_base::Result;
use arpent_datasets::{AnnotationPolygon, Drawn, look_at_scene};
use arpent_model::Band;
use arpent_raster::ReadAs;

use crate::error::TrainError;
use arpent_shell::message::notice;

pub(crate) use args::{Budget, DrawnArgs};
use draft::{Draft, Seen};
pub(crate) use place::Derived;

/// The configuration of a training on polygons, not written yet.
pub(crate) fn derive(args: &DrawnArgs, budget: Budget, output: &Path) -> Result<Derived> {
    let missing = || TrainError::refused("--labels needs --scene and --class-field", "see --help");
    let labels = args.labels.as_deref().ok_or_else(missing)?;
    let field = args.class_field.as_deref().ok_or_else(missing)?;
    if args.scene.is_empty() {
        return Err(missing().into());
    }
    let scenes = scenes(args, labels, field)?;
    let polygons = merged(&scenes);
    let mut classes = classes::choose(&polygons, &args.classes, args.background.as_deref(), labels, field)?;
    classes::give_colors(&mut classes.found, &args.colors)?;
    let split = split::choose(&classes)?;
    let (bands, scenes) = same_bands(scenes, &args.bands)?;
    let draft = Draft {
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
    draft.report();
    let (config, card) = (text::config(&draft)?, text::card(&draft));
    Ok(Derived::new(output, &config, &card))
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
        let annotated = look_at_scene(scene, labels, &drawn)?;
        let bands = annotated.bands.clone();
        seen.push(Seen { path, annotated, bands });
    }
    let is_drawn_on = |s: &Seen| s.annotated.polygons.iter().any(|p| p.pixels > 0);
    if !seen.iter().any(is_drawn_on) {
        return Err(elsewhere(&seen[0], labels).into());
    }
    for bare in seen.iter().filter(|s| !is_drawn_on(s)) {
        notice(&format!("left out: {}, on which no polygon lies", bare.path.display()));
    }
    seen.retain(is_drawn_on);
    let gsd = |s: &Seen| s.annotated.scene.gsd_m;
    let first = gsd(&seen[0]);
    if let Some(other) = seen.iter().find(|s| !(first / SAME_GSD..=first * SAME_GSD).contains(&gsd(s))) {
        let (a, b) = (seen[0].path.display(), other.path.display());
        let problem = format!("{a} has a GSD of {first:.4} m, {b} of {:.4} m", gsd(other));
        let hint = "scenes of one training need one GSD: resample them, or train on one of them";
        return Err(TrainError::refused(problem, hint).into());
    }
    Ok(seen)
}

/// Polygons of all scenes, each once, in the order of the file.
fn merged(scenes: &[Seen]) -> Vec<AnnotationPolygon> {
    let mut all: BTreeMap<&str, AnnotationPolygon> = BTreeMap::new();
    for polygon in scenes.iter().flat_map(|s| &s.annotated.polygons) {
        let one =
            all.entry(&polygon.item).or_insert_with(|| AnnotationPolygon { pixels: 0, ..polygon.clone() });
        one.pixels = one.pixels.max(polygon.pixels);
        one.size = [one.size[0].max(polygon.size[0]), one.size[1].max(polygon.size[1])];
    }
    all.into_values().collect()
}

/// By what factor the GSDs of scenes of one training may differ.
const SAME_GSD: f64 = 1.25;

fn elsewhere(scene: &Seen, labels: &Path) -> TrainError {
    let info = &scene.annotated.scene;
    let [west, south, east, north] = info.grid.bbox(&info.window);
    let problem = format!("no polygon of {} lies on {}", labels.display(), scene.path.display());
    let hint = format!(
        "the scene fills {west:.6} to {east:.6} east, {south:.6} to {north:.6} north in {}: is it the right scene, and does \
         the layer (--layer) have its right CRS?",
        info.grid.crs.name
    );
    TrainError::refused(problem, hint)
}

/// Names of the bands, and the scenes with the numbers of these bands in each.
fn same_bands(mut scenes: Vec<Seen>, given: &[String]) -> Result<(Vec<String>, Vec<Seen>), TrainError> {
    let names = band_names(&scenes[0], given)?;
    let first = scenes[0].path.display().to_string();
    for other in &mut scenes[1..] {
        let (count, wanted) = (other.annotated.bands.len(), names.len());
        if !given.is_empty() || count == wanted && other.annotated.scene.bands.iter().all(|b| !b.is_named()) {
            if count == wanted {
                continue;
            }
            let problem = format!("{first} has {wanted} bands, {} has {count}", other.path.display());
            return Err(TrainError::refused(problem, "scenes of one training have the same bands"));
        }
        let path = other.path.display().to_string();
        let number = |name: &String| {
            other.annotated.scene.band_named(name).ok_or_else(|| {
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

/// Names of a scene's bands: those given, else names that [`arpent_raster::SceneInfo::band_named`] resolves.
fn band_names(seen: &Seen, given: &[String]) -> Result<Vec<String>, TrainError> {
    let hint = "name every band once, in the scene's order, as --bands red,green,blue,nir; an alpha band may be left out";
    let (annotated, scene) = (&seen.annotated, seen.path.display());
    if !given.is_empty() && given.len() != annotated.bands.len() {
        let (names, bands) = (given.len(), annotated.bands.len());
        let alpha = annotated.scene.bands.len() - bands;
        let alpha = if alpha > 0 { format!(" (and {alpha} flagged as alpha)") } else { String::new() };
        let problem = format!("--bands has {names} names, {scene} has {bands} bands{alpha}");
        return Err(TrainError::refused(problem, hint));
    }
    let mut names: Vec<String> = Vec::new();
    for (i, index) in annotated.bands.iter().enumerate() {
        let free = |name: &str| !Band::names_a_date(name) && !names.iter().any(|n| n == name);
        let name = match given.get(i) {
            Some(name) => name.trim().to_owned(),
            None => annotated.scene.name_of_band(*index, free),
        };
        if name.is_empty() || names.contains(&name) {
            return Err(TrainError::refused(format!("--bands names `{name}` twice, or nothing"), hint));
        }
        if Band::names_a_date(&name) {
            let problem = format!("--bands names `{name}`, a name reserved for bands of two dates");
            return Err(TrainError::refused(problem, "use names without `_before` and `_after`"));
        }
        names.push(name);
    }
    Ok(names)
}
