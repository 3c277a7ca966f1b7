//! `arpent inspect`: describes a scene, a model package, the output of a run or a file of it.

use std::path::Path;
use std::time::Duration;

use arpent_base::number::rounded;
use arpent_base::{Failure, Result};
use arpent_gdal::GdalError;
use arpent_job::{JobError, check_date, may_be_a_layer, mlm, mpx_per_s, published_file, set_up_gdal, warn};
use arpent_model::{Architecture, DeviceChoice, ModelPackage, Predictor};
use arpent_publish::{Manifest, Target};
use arpent_shell::print::{Format, print};
use serde_json::json;

use crate::report::{self, SCENES_IN_FULL, Speed};

/// Runs the command.
///
/// # Errors
/// When the target is none of them, or is damaged.
pub(crate) fn main(target: &str, format: Format) -> Result<u8> {
    if Path::new(target).join("model.json").is_file() {
        return inspect_model(Path::new(target), format);
    }
    if let Some(manifest) = manifest_of(target)? {
        print(&json!({ "run": manifest }), report::of_manifest(target, &manifest).text(), format)?;
        return Ok(0);
    }
    if Path::new(target).is_dir() {
        return Err(JobError::NotInspectable { target: target.to_owned() }.into());
    }
    set_up_gdal(None)?;
    if let Some(found) = published_file(target)? {
        print(&json!({ "artifact": found }), report::of_file(&found).text(), format)?;
        return Ok(0);
    }
    let mut infos = Vec::new();
    let not_a_scene = |error| match error {
        GdalError::NotARaster { .. } if may_be_a_layer(target) => {
            JobError::NotFeatures { target: target.to_owned() }.into()
        }
        other => Failure::from(other),
    };
    for source in arpent_gdal::resolve_scenes(&[target.to_owned()]).map_err(not_a_scene)? {
        let mut info = arpent_gdal::open_scene(&source).map_err(not_a_scene)?;
        check_date(&mut info).iter().for_each(warn);
        infos.push(info);
    }
    let text: String = if infos.len() > SCENES_IN_FULL {
        report::of_scenes(&infos).text().to_owned()
    } else {
        infos.iter().map(|info| report::of_scene(info).text().to_owned()).collect()
    };
    print(&json!({ "scenes": infos }), &text, format)?;
    Ok(0)
}

/// A package, and the speed of its network on this machine: measured for two seconds.
fn inspect_model(path: &Path, format: Format) -> Result<u8> {
    let (model, weights) = ModelPackage::load(path)?;
    let predictor = Predictor::load(&model, &weights, DeviceChoice::Auto)?;
    let pool = rayon::ThreadPoolBuilder::new().build().map_err(Failure::foreign)?;
    let rate = mpx_per_s(&predictor, model.bands.len(), &pool, Duration::from_secs(2))?;
    let is_graph = matches!(model.architecture, Architecture::Onnx { .. });
    let speed = Speed {
        parameters: weights.parameters(),
        gflop_per_mpx: (!is_graph).then(|| arpent_model::flop_per_pixel(&model.architecture) / 1e3),
        mpx_per_s: rounded(rate, 2),
        threads: pool.current_num_threads(),
        engine: predictor.engine(),
    };
    let data = json!({ "model": model, "mlm": mlm::properties(&model, &weights), "speed": speed });
    print(&data, report::of_model(&model, &speed).text(), format)?;
    Ok(0)
}

/// The manifest of an output; `None` for other targets.
fn manifest_of(target: &str) -> Result<Option<Manifest>> {
    let is_remote = target.contains("://");
    if !is_remote && !Path::new(target).join("manifest.json").is_file() {
        return Ok(None);
    }
    let is_web = arpent_gdal::is_web(target);
    let target = match Target::parse(target) {
        Ok(target) => target,
        // An address with a query or a user is that of a file, never of an output.
        Err(_) if is_web => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if is_web {
        // The target may be a file: an error of the server for `manifest.json` below it has no meaning.
        return Ok(if target.exists().unwrap_or(false) { Some(target.read_manifest()?) } else { None });
    }
    Ok(if target.exists()? { Some(target.read_manifest()?) } else { None })
}
