//! The model of a run, by the `mlm` extension.

use std::path::Path;

use arpent_raster::Nomenclature;
use serde_json::{Map, Value, json};

use super::values::{multihash, slug};

/// The model in a run's STAC item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StacModel {
    /// Id of the model package.
    pub id: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the package, hexadecimal.
    pub sha256: String,
    /// Architecture, such as `U-Net`.
    pub architecture: String,
    /// Task by its STAC name: `semantic-segmentation`, `object-detection`, ...
    pub task: String,
    /// Framework, such as `Burn`.
    pub framework: String,
    /// Version of the framework, three numbers.
    pub framework_version: String,
    /// Common names of the bands, in the order of the network's input.
    pub bands: Vec<String>,
    /// Side of the windows of the network, pixels.
    pub window_px: usize,
    /// Names of the measured values, of a regression model; empty for others.
    pub values: Vec<String>,
    /// Number of weights, where known.
    pub total_parameters: Option<u64>,
    /// Address of the package, if known.
    pub href: Option<String>,
}

impl StacModel {
    /// The properties `mlm:...` by name.
    pub fn properties(&self, nomenclature: &Nomenclature) -> Map<String, Value> {
        let mut fields = Map::new();
        let mut add = |name: &str, value: Value| fields.insert(format!("mlm:{name}"), value);
        add("name", json!(mlm_name(&self.id)));
        add("architecture", json!(self.architecture));
        add("tasks", json!([self.task]));
        add("framework", json!(self.framework));
        add("framework_version", json!(self.framework_version));
        if let Some(count) = self.total_parameters {
            add("total_parameters", json!(count));
        }
        add("input", json!([self.input()]));
        add("output", json!([self.output(nomenclature)]));
        fields
    }

    /// Bands are listed in the description: the item would have to describe every band named in `bands` as its own, and
    /// it does not have them.
    fn input(&self) -> Value {
        json!({
            "name": "image",
            "description": format!("bands: {}", self.bands.join(", ")),
            "bands": [],
            "input": {
                "shape": [-1, self.bands.len(), self.window_px, self.window_px],
                "dim_order": ["batch", "channel", "height", "width"],
                "data_type": "float32",
            },
        })
    }

    fn output(&self, nomenclature: &Nomenclature) -> Value {
        if !self.values.is_empty() {
            return json!({
                "name": "values",
                "tasks": [self.task],
                "description": format!("measured values: {}", self.values.join(", ")),
                "result": self.result(self.values.len()),
            });
        }
        let classes: Vec<_> = nomenclature
            .classes()
            .iter()
            .map(|c| json!({ "value": c.id, "name": slug(&c.name), "description": c.name }))
            .collect();
        json!({
            "name": "scores",
            "tasks": [self.task],
            "result": self.result(classes.len()),
            "classification:classes": classes,
        })
    }

    fn result(&self, classes: usize) -> Value {
        if self.task == "object-detection" {
            // Four corners, score, class.
            return json!({
                "shape": [-1, -1, 6],
                "dim_order": ["batch", "detection", "attribute"],
                "data_type": "float32",
            });
        }
        let axis = if self.values.is_empty() { "class" } else { "channel" };
        json!({
            "shape": [-1, classes, self.window_px, self.window_px],
            "dim_order": ["batch", axis, "height", "width"],
            "data_type": "float32",
        })
    }

    /// The asset with the role `mlm:model`, which the extension requires.
    pub fn asset(&self) -> Value {
        let href = self.href.clone().unwrap_or_else(|| format!("urn:sha256:{}", self.sha256));
        let is_graph = Path::new(&href).extension().is_some_and(|end| end == "onnx");
        let kind = if is_graph {
            "application/octet-stream; framework=onnx; profile=onnx"
        } else {
            "application/octet-stream; framework=burn; profile=safetensors"
        };
        json!({
            "href": href,
            "type": kind,
            "title": format!("Model package {} {}", self.id, self.version),
            "roles": ["mlm:model"],
            "mlm:artifact_type": "arpent-model-package",
            "file:checksum": multihash(&self.sha256),
        })
    }
}

/// A name that starts with a letter, has letters, digits, `_`, `.` and `-`, and ends with a letter or digit.
fn mlm_name(id: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.') { c } else { '-' };
    let name: String = id.chars().map(plain).collect();
    let name = name.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    if name.len() >= 3 && name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name.to_owned()
    } else {
        format!("model-{name}").trim_end_matches('-').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_extensions_pattern() {
        for (id, name) in
            [("flair-unet", "flair-unet"), ("7bands", "model-7bands"), ("été/v1 ", "t--v1"), ("", "model")]
        {
            assert_eq!(mlm_name(id), name);
        }
    }
}
