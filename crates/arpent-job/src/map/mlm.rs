//! A model package as properties of STAC's Machine Learning Model extension.

use arpent_model::{Architecture, Band, Dequantize, ModelPackage, Task, Weights};
use arpent_publish::StacModel;
use serde_json::{Map, Value, json};

/// Side of a window of any size, as the extension writes it.
const ANY: i64 = -1;

/// The properties of the model in the STAC item of a run.
pub(crate) fn stac_model(model: &ModelPackage, weights: &Weights, window_px: usize) -> StacModel {
    let is_graph = matches!(model.architecture, Architecture::Onnx { .. });
    let (framework, framework_version) =
        if is_graph { ("rten", arpent_model::RTEN_VERSION) } else { ("Burn", arpent_model::BURN_VERSION) };
    StacModel {
        id: model.id.clone(),
        version: model.version.clone(),
        sha256: model.sha256(),
        architecture: model.architecture.name(),
        task: match model.task {
            Task::ObjectDetection => "object-detection",
            Task::Regression => "regression",
            Task::SemanticSegmentation | Task::SceneClassification => "semantic-segmentation",
        }
        .to_owned(),
        values: model.values.iter().map(|value| value.name.clone()).collect(),
        framework: framework.to_owned(),
        framework_version: framework_version.to_owned(),
        bands: model.bands.iter().map(|b| b.name.clone()).collect(),
        window_px,
        total_parameters: Some(weights.parameters() as u64),
        href: None,
    }
}

/// All properties of the extension for a package: those of an item that *is* the model. Unlike a map's
/// item, it names its bands, and how their values are scaled.
pub fn properties(model: &ModelPackage, weights: &Weights) -> Map<String, Value> {
    let mut all = stac_model(model, weights, 0).properties(&model.classes);
    let classes = model.classes.classes().len().max(model.values.len());
    let side = model.window.map_or(json!(ANY), |window| json!(window.side_px));
    all.insert("mlm:input".into(), json!([input(&model.bands, &side)]));
    if !model.is_detection() {
        all["mlm:output"][0]["result"]["shape"] = json!([ANY, classes, side, side]);
    }
    all.insert("mlm:hyperparameters".into(), json!(model.architecture));
    let sources: Vec<&str> = model.training_data.iter().map(|t| t.name.as_str()).collect();
    if !sources.is_empty() {
        all.insert("mlm:pretrained".into(), json!(true));
        all.insert("mlm:pretrained_source".into(), json!(sources.join(", ")));
    }
    all.insert("mlm:accelerator".into(), Value::Null);
    all.insert("mlm:accelerator_constrained".into(), json!(false));
    all.insert("mlm:accelerator_summary".into(), json!("runs on the CPU"));
    all
}

/// Extensions of an item that is a model.
const EXTENSIONS: [&str; 3] = [
    "https://stac-extensions.github.io/mlm/v1.5.0/schema.json",
    "https://stac-extensions.github.io/classification/v2.0.0/schema.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
];

/// A STAC item that is the model: its properties, and the files of its package as assets, in the folder of the item. A
/// package states no place and no time of its own: the item has no geometry, and the times that the extension's guide
/// proposes for models of any imagery.
pub fn item(model: &ModelPackage, weights: &Weights) -> Value {
    let mut all = properties(model, weights);
    all.insert("title".into(), json!(model.title));
    all.insert("datetime".into(), Value::Null);
    all.insert("start_datetime".into(), json!("1900-01-01T00:00:00Z"));
    all.insert("end_datetime".into(), json!("9999-12-31T23:59:59Z"));
    all.insert("gsd".into(), json!(model.gsd_m.nominal));
    if !model.license.is_empty() {
        // STAC has one identifier; other words are in the description.
        let is_one = model.license.chars().all(|c| c.is_ascii_alphanumeric() || "-.+_".contains(c));
        all.insert("license".into(), json!(if is_one { model.license.as_str() } else { "other" }));
        all.insert("description".into(), json!(format!("{}. License: {}.", model.title, model.license)));
    }
    all.insert("version".into(), json!(model.version));
    let [low, high] = model.value_range.map(decimal);
    // A band has one type: the first of those that the package takes.
    let kind = model.sample_types.first();
    let band = |band: &Band| json!({ "name": band.name, "data_type": kind, "statistics": { "minimum": low, "maximum": high } });
    let stored = StacModel {
        sha256: model.weights.sha256.clone(),
        href: Some(format!("./{}", model.weights.file)),
        ..stac_model(model, weights, 0)
    };
    let description = json!({ "href": "./model.json", "type": "application/json", "title": "Description of the package", "roles": ["metadata"] });
    let mut asset = stored.asset();
    // STAC 1.1 has bands in assets only.
    asset["bands"] = model.bands.iter().map(band).collect();
    json!({
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": EXTENSIONS,
        "id": model.id,
        "geometry": null,
        "properties": all,
        "links": [],
        "assets": { "model": asset, "description": description },
    })
}

/// A number as `model.json` writes it: the shortest decimal, not all digits of its single precision.
fn decimal(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}

fn input(bands: &[Band], side: &Value) -> Value {
    let names: Vec<Value> = bands.iter().map(|b| json!({ "name": b.name })).collect();
    json!({
        "name": "image",
        "bands": names,
        "input": {
            "shape": [ANY, bands.len(), side, side],
            "dim_order": ["batch", "channel", "height", "width"],
            "data_type": "float32",
        },
        "value_scaling": bands.iter().map(scaling).collect::<Vec<_>>(),
    })
}

/// The scaling of a band: its z-score, and as an expression where stored values are dequantized before.
fn scaling(band: &Band) -> Value {
    let (mean, std) = (decimal(band.mean), decimal(band.std));
    let Some(quantized) = band.dequantize else {
        return json!({ "type": "z-score", "mean": mean, "stddev": std });
    };
    let Dequantize { scale, offset, power } = quantized;
    let x = format!("(A*{scale}+{offset})");
    let value = if quantized.is_linear() { x } else { format!("sign({x})*abs({x})**{power}") };
    json!({ "type": "processing", "format": "gdal-calc", "expression": format!("({value}-({mean}))/{std}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dequantized_bands_have_an_expression() {
        let mut band =
            Band { name: "A00".into(), mean: -0.25, std: 0.5, unit: None, number: None, dequantize: None };
        assert_eq!(scaling(&band), json!({ "type": "z-score", "mean": -0.25, "stddev": 0.5 }));
        band.dequantize = Some(Dequantize { scale: 0.5, offset: 0.0, power: 2.0 });
        assert_eq!(scaling(&band)["expression"], "(sign((A*0.5+0))*abs((A*0.5+0))**2-(-0.25))/0.5");
    }
}
