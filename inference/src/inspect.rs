//! `arpent inspect`: a scene, a model package, the output of a run or a file of it, in plain words.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use arpent_gdal::GdalError;
use arpent_model::{Architecture, DeviceChoice, ModelPackage, Predictor};
use arpent_publish::{Manifest, Target};
use arpent_raster::SceneInfo;
use serde::Serialize;
use serde_json::json;

mod features;

use crate::Ended;
use crate::cli::Format;
use crate::error::JobError;
use crate::job::{check_date, describe_bands, describe_validity};
use crate::print::{Lines, SCENES_IN_FULL, add_warnings, count, duration, print, scenes_together};
use crate::progress::warn;
use crate::stores::set_up_gdal;
use crate::{mlm, probe};

/// Runs the command.
///
/// # Errors
/// When the target is none of them, or is damaged.
pub fn main(target: &str, format: Format) -> Ended {
    if Path::new(target).join("model.json").is_file() {
        return inspect_model(Path::new(target), format);
    }
    if let Some(manifest) = manifest_of(target)? {
        print(&json!({ "run": manifest }), run_lines(target, &manifest).text(), format)?;
        return Ok(0);
    }
    if Path::new(target).is_dir() {
        return Err(JobError::NotInspectable { target: target.to_owned() }.into());
    }
    set_up_gdal(None)?;
    if let Some(found) = features::inspected(target)? {
        print(&json!({ "artifact": found }), features::lines(&found).text(), format)?;
        return Ok(0);
    }
    let mut infos = Vec::new();
    let not_a_scene = |error| match error {
        GdalError::NotARaster { .. } if features::may_be_a_layer(target) => {
            JobError::NotFeatures { target: target.to_owned() }.into()
        }
        other => anyhow::Error::from(other),
    };
    for source in arpent_gdal::resolve_scenes(&[target.to_owned()]).map_err(not_a_scene)? {
        let mut info = arpent_gdal::open_scene(&source).map_err(not_a_scene)?;
        check_date(&mut info).iter().for_each(warn);
        infos.push(info);
    }
    let text: String = if infos.len() > SCENES_IN_FULL {
        many_scenes(&infos).text().to_owned()
    } else {
        infos.iter().map(|info| scene_lines(info).text().to_owned()).collect()
    };
    print(&json!({ "scenes": infos }), &text, format)?;
    Ok(0)
}

/// A package, and how fast its network is here: tried for two seconds.
fn inspect_model(path: &Path, format: Format) -> Ended {
    let (model, weights) = ModelPackage::load(path)?;
    let predictor = Predictor::load(&model, &weights, DeviceChoice::Auto)?;
    let pool = rayon::ThreadPoolBuilder::new().build()?;
    let rate = probe::mpx_per_s(&predictor, model.bands.len(), &pool, Duration::from_secs(2))?;
    let speed = Speed {
        parameters: weights.parameters(),
        gflop_per_mpx: arpent_model::flop_per_pixel(&model.architecture) / 1e3,
        mpx_per_s: (rate * 100.0).round() / 100.0,
        threads: pool.current_num_threads(),
        engine: predictor.engine(),
    };
    let data = json!({ "model": model, "mlm": mlm::properties(&model, &weights), "speed": speed });
    print(&data, model_lines(&model, &speed).text(), format)?;
    Ok(0)
}

/// What a network costs.
#[derive(Debug, Serialize)]
struct Speed {
    parameters: usize,
    /// Of the convolutions as they are defined, whatever the engine saves.
    gflop_per_mpx: f64,
    /// In a probe on this machine.
    mpx_per_s: f64,
    threads: usize,
    engine: String,
}

/// The manifest of an output; `None` for what is not an output.
fn manifest_of(target: &str) -> anyhow::Result<Option<Manifest>> {
    let is_remote = target.contains("://");
    if !is_remote && !Path::new(target).join("manifest.json").is_file() {
        return Ok(None);
    }
    let is_web = arpent_gdal::is_web(target);
    let target = match Target::parse(target) {
        Ok(target) => target,
        // With a query or a user it is a file's address, and no output's.
        Err(_) if is_web => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if is_web {
        // What a server says of a file below a file is nothing to tell.
        return Ok(if target.exists().unwrap_or(false) { Some(target.read_manifest()?) } else { None });
    }
    Ok(if target.exists()? { Some(target.read_manifest()?) } else { None })
}

fn model_lines(model: &ModelPackage, speed: &Speed) -> Lines {
    let mut lines = Lines::default();
    lines.add("model", format!("{} {}: {}", model.id, model.version, model.title));
    lines.add("sha256", model.sha256());
    lines.add("licence", &model.licence);
    let Speed { gflop_per_mpx, mpx_per_s, threads, engine, .. } = speed;
    let parameters = count(speed.parameters as u64);
    lines.add(
        "network",
        format!("{}, {parameters} parameters, {gflop_per_mpx:.1} GFLOP per Mpx", model.architecture.name()),
    );
    lines.add("engine", format!("{engine}, {threads} threads: {mpx_per_s:.2} Mpx/s in a probe here"));
    lines.add("bands", model.bands.iter().map(|b| b.name.as_str()).collect::<Vec<_>>().join(", "));
    let gsd = &model.gsd_m;
    lines.add("GSD", format!("{} m, valid from {} to {} m", gsd.nominal, gsd.min, gsd.max));
    let (reach, overlap) = (model.receptive_field_px, model.overlap_px);
    lines.add("overlap", format!("{overlap} px (receptive field {reach} px, stride {} px)", model.stride_px));
    for class in model.classes.classes() {
        let feature = if class.features { "" } else { ", no features" };
        lines.add("class", format!("{} {} {}{feature}", class.id, class.color, class.name));
    }
    for (name, score) in &model.scores {
        lines.add("score", format!("{name}: {:.3} ({}, {})", score.value, score.measure, score.split));
    }
    for data in &model.training_data {
        lines.add("trained on", format!("{} ({}), {}", data.name, data.licence, data.source));
    }
    lines.add(
        "validated on",
        if model.territories.is_empty() {
            "not said".to_owned()
        } else {
            model.territories.iter().map(arpent_model::Territory::name).collect::<Vec<_>>().join(", ")
        },
    );
    if matches!(model.architecture, Architecture::Linear { .. }) {
        lines.add("note", "one convolution set by hand: for tests");
    }
    lines
}

fn run_lines(target: &str, manifest: &Manifest) -> Lines {
    let mut lines = Lines::default();
    lines.add("run", format!("{}, {}", manifest.run_id, manifest.created));
    lines.add(
        "model",
        format!("{} {} ({})", manifest.model.id, manifest.model.version, manifest.model.license),
    );
    add_inputs(&mut lines, manifest, true);
    for failed in &manifest.failed_inputs {
        lines.add("failed scene", format!("{}: {}", failed.uri, failed.reason));
    }
    add_warnings(&mut lines, &manifest.warnings);
    let counts = &manifest.counts;
    if let Some(zones) = &counts.zones {
        lines.add("zones", count(zones.zones));
    } else {
        lines.add(
            "windows",
            format!("{} run, {} skipped as nodata", count(counts.windows_run), count(counts.windows_skipped)),
        );
        lines.add("valid pixels", count(counts.pixels_valid));
    }
    for (class, number) in &counts.features_per_class {
        lines.add("features", format!("{} {class}", count(*number)));
    }
    let busy = manifest.timings_s.iter().map(|(stage, s)| format!("{stage} {}", duration(*s)));
    lines.add("busy time", busy.collect::<Vec<_>>().join(", "));
    if let Some(energy) = &manifest.energy {
        let text = |key: &str| energy[key].as_str().unwrap_or_default().to_owned();
        lines.add(
            "energy",
            format!(
                "{:.3} Wh, {} ({})",
                energy["watt_hours"].as_f64().unwrap_or(0.0),
                text("quality"),
                text("method")
            ),
        );
    }
    for artifact in &manifest.artifacts {
        let (size, root) = (count(artifact.size), target.trim_end_matches('/'));
        lines.add(&artifact.role, format!("{root}/{} ({size} bytes)", artifact.href));
    }
    lines.add("state", "not verified: a proposal until a named person decides");
    lines
}

/// The inputs of a run: each, where they are few and that is wanted; together, where they are many.
pub(crate) fn add_inputs(lines: &mut Lines, manifest: &Manifest, each: bool) {
    let is_map = manifest.counts.zones.is_none();
    if is_map && manifest.inputs.len() > SCENES_IN_FULL {
        let told = manifest.inputs.iter().map(|input| {
            let pixels = input.grid.as_ref().map_or(0, |grid| grid.width * grid.height);
            (pixels, None, input.acquired.as_deref())
        });
        lines.add("scenes", scenes_together(told));
        return;
    }
    for input in manifest.inputs.iter().filter(|_| each) {
        let date = input.acquired.as_deref().unwrap_or("date not known");
        let when = input.date.as_deref().map(|d| format!(" ({d})")).unwrap_or_default();
        if is_map {
            lines.add("scene", format!("{}{when}: {}, {date}", input.id, input.uri));
        } else {
            lines.add("input", format!("{}: {}", input.id, input.uri));
        }
    }
}

/// Many scenes, by their grid and bands.
fn many_scenes(infos: &[SceneInfo]) -> Lines {
    let mut kinds: BTreeMap<(String, String), Vec<&SceneInfo>> = BTreeMap::new();
    for info in infos {
        kinds.entry((info.grid.key(), describe_bands(info))).or_default().push(info);
    }
    let mut lines = Lines::default();
    for ((grid, bands), scenes) in kinds {
        let told =
            scenes.iter().map(|info| (info.window.pixels(), Some(info.gsd_m), info.acquired.as_deref()));
        lines.add("scenes", scenes_together(told)).add("grid", grid).add("bands", bands);
    }
    lines.more("`--format json` lists them");
    lines
}

fn scene_lines(info: &SceneInfo) -> Lines {
    let mut lines = Lines::default();
    lines.add("scene", &info.id);
    lines.add("from", &info.uri);
    lines.add("size", format!("{} x {} px", info.window.width, info.window.height));
    lines.add("bands", describe_bands(info));
    let samples: Vec<String> =
        info.bands.iter().map(|b| format!("{:?}", b.sample_type).to_lowercase()).collect();
    lines.add("samples", samples.join(", "));
    let nodata: Vec<String> =
        info.bands.iter().map(|b| b.nodata.map_or("none".to_owned(), |v| v.to_string())).collect();
    lines.add("nodata", nodata.join(", "));
    let data: Vec<usize> = info.bands.iter().filter(|b| !b.is_alpha).map(|b| b.index).collect();
    lines.add("valid", describe_validity(info, &data));
    if !info.validity.side_files.is_empty() {
        lines.add("read with", info.validity.side_files.join(", "));
    }
    lines.add("GSD", format!("{:.4} m on the ground", info.gsd_m));
    lines.add("grid", info.grid.key());
    let [w, s, e, n] = info.grid.bbox(&info.window);
    lines.add("bbox", format!("{w} {s} {e} {n}"));
    lines.add("acquired", info.acquired.as_deref().unwrap_or("not known"));
    lines
}
