//! STAC items of models as presets: the Machine Learning Model extension
//! (<https://github.com/stac-extensions/mlm>, version 1.5).

use std::path::Path;

use arpent_base::number::{narrow, truncate};
use arpent_raster::{Class, Color, SampleType};
use serde_json::Value;

use super::deepness::color;
use super::family::architecture_names;
use super::preset::Preset;
use crate::package::{GsdRange, TrainingSource};
use crate::{Band, ModelError};

/// Most bytes of an item.
const MOST_BYTES: u64 = 16 << 20;

/// How much finer or coarser than the stated GSD pixels may be.
const GSD_FACTOR: f64 = 2.0;

/// Sample types of an item that states none: their range says nothing about the values.
const ANY: [SampleType; 4] = [SampleType::Uint8, SampleType::Uint16, SampleType::Int16, SampleType::Float32];

fn lacks(path: &Path, problem: impl std::fmt::Display, hint: &str) -> ModelError {
    ModelError::Option {
        option: "--like",
        problem: format!("{}: {problem}", path.display()),
        hint: hint.into(),
    }
}

/// Whether a name is that of a file with an item.
pub(super) fn is_item(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end.eq_ignore_ascii_case("json"))
}

/// The preset with a name, or of a file with an item.
///
/// # Errors
/// Those of [`Preset::named`] and [`Preset::of_item`].
pub(super) fn preset(name: &str) -> Result<Preset, ModelError> {
    if is_item(name) { Preset::of_item(Path::new(name)) } else { Preset::named(name) }
}

impl Preset {
    /// What a STAC item with the properties `mlm:...` states of a model.
    ///
    /// # Errors
    /// [`ModelError::Read`], [`ModelError::Parse`]; [`ModelError::Option`] for an item that lacks the bands, or whose values are
    /// scaled in another way than a mean and a standard deviation can express.
    pub fn of_item(path: &Path) -> Result<Self, ModelError> {
        let read = |source| ModelError::Read { path: path.to_owned(), source };
        let size = std::fs::metadata(path).map_err(read)?.len();
        if size > MOST_BYTES {
            return Err(lacks(
                path,
                format!("it has more than {MOST_BYTES} bytes"),
                "give the item of a model",
            ));
        }
        let bytes = std::fs::read(path).map_err(read)?;
        let item: Value = serde_json::from_slice(&bytes)
            .map_err(|source| ModelError::Parse { path: path.to_owned(), source })?;
        let all = &item["properties"];
        let is_model = all.as_object().is_some_and(|all| all.keys().any(|key| key.starts_with("mlm:")));
        if !is_model {
            return Err(lacks(
                path,
                "it has no properties `mlm:...`",
                "give a STAC item with the MLM extension",
            ));
        }
        let input = match all["mlm:input"].as_array().map(Vec::as_slice) {
            Some([one]) => one,
            Some(several) if several.len() > 1 => {
                let found = several.len();
                return Err(lacks(
                    path,
                    format!("its model has {found} inputs, expected one picture"),
                    "take a model of one picture",
                ));
            }
            _ => {
                return Err(lacks(
                    path,
                    "it has no `mlm:input`",
                    "give --bands, --window and --margin in place of --like",
                ));
            }
        };
        let listed = listed(&item);
        let bands = bands(path, &listed, input)?;
        let plain = Self::plain();
        let (types, range) = values(&listed, &bands);
        let architecture = text(&all["mlm:architecture"]);
        let known = |name: &String| architecture_names().contains(name);
        let title = text(&all["title"]).or_else(|| text(&all["mlm:name"]));
        let gsd = all["gsd"].as_f64().filter(|gsd| *gsd > 0.0 && gsd.is_finite());
        Ok(Self {
            title: title.unwrap_or(plain.title),
            license: text(&all["license"]).unwrap_or_default(),
            training_data: trained_on(all),
            band_counts: Vec::new(),
            value_range: range,
            sample_types: types,
            gsd_m: gsd.map_or(plain.gsd_m, |nominal| GsdRange {
                nominal,
                min: nominal / GSD_FACTOR,
                max: nominal * GSD_FACTOR,
            }),
            architecture: architecture.map(|name| name.to_lowercase()).filter(known).unwrap_or_default(),
            classes: classes(path, &all["mlm:output"])?,
            bands,
            source: plain.source,
            decoder: plain.decoder,
            window: None,
            detection: None,
            ignored_outputs: 0,
            left_out: plain.left_out,
            scores: Vec::new(),
            notes: Vec::new(),
        })
    }
}

fn text(value: &Value) -> Option<String> {
    let text = value.as_str().map(str::trim).filter(|text| !text.is_empty() && text.len() <= 1000)?;
    (!text.chars().any(char::is_control)).then(|| text.to_owned())
}

/// The bands that the item describes: those of the asset with the model, or of the item.
fn listed(item: &Value) -> Vec<&Value> {
    let is_model = |asset: &&Value| {
        asset["roles"].as_array().is_some_and(|roles| roles.iter().any(|role| role == "mlm:model"))
    };
    let assets = item["assets"].as_object().into_iter().flat_map(|assets| assets.values()).filter(is_model);
    let all = &item["properties"];
    let lists =
        assets.map(|asset| &asset["bands"]).chain([&all["bands"], &all["eo:bands"], &all["raster:bands"]]);
    lists.filter_map(Value::as_array).find(|list| !list.is_empty()).into_iter().flatten().collect()
}

/// The bands, with their scaling.
fn bands(path: &Path, listed: &[&Value], input: &Value) -> Result<Vec<Band>, ModelError> {
    let names = input["bands"].as_array().map(Vec::as_slice).unwrap_or_default();
    if names.is_empty() {
        return Err(lacks(
            path,
            "its input lists no bands",
            "write the names of the bands into `mlm:input[0].bands`, in the order of the network",
        ));
    }
    let scalings = match &input["value_scaling"] {
        Value::Null => &[],
        Value::Array(scalings) if scalings.len() == 1 || scalings.len() == names.len() => scalings.as_slice(),
        _ => {
            let problem = format!("its `value_scaling` is no list of 1 or {} entries", names.len());
            return Err(lacks(path, problem, "state the scaling of all bands, or of each"));
        }
    };
    let band = |(index, name): (usize, &Value)| {
        let expression = name.get("expression").is_some_and(|expression| !expression.is_null());
        let name = text(name).or_else(|| text(&name["name"])).filter(|_| !expression);
        let Some(name) = name else {
            let problem = format!("band {} has no name, or is computed by an expression", index + 1);
            return Err(lacks(path, problem, "take a model of bands that scenes have"));
        };
        let scaling = match scalings {
            [] => None,
            [one] => Some(one),
            each => Some(&each[index]),
        };
        let (mean, std) = scaling.map_or(Ok((0.0, 1.0)), |scaling| scaled(path, scaling))?;
        let name = common_name(listed, &name).unwrap_or(name);
        Ok(Band { name, mean: narrow(mean), std: narrow(std), unit: None, number: None, dequantize: None })
    };
    names.iter().enumerate().map(band).collect()
}

/// The common name that the item states for a band.
fn common_name(listed: &[&Value], name: &str) -> Option<String> {
    let band = listed.iter().find(|band| band["name"] == name)?;
    text(&band["eo:common_name"]).or_else(|| text(&band["common_name"]))
}

/// The mean and the standard deviation of a scaling.
fn scaled(path: &Path, scaling: &Value) -> Result<(f64, f64), ModelError> {
    let number = |key: &str| scaling[key].as_f64();
    let found = match scaling["type"].as_str() {
        Some("z-score") => number("mean").zip(number("stddev")),
        Some("min-max") => number("minimum").zip(number("maximum")).map(|(low, high)| (low, high - low)),
        Some("offset") => number("value").map(|value| (value, 1.0)),
        Some("scale") => number("value").map(|value| (0.0, value)),
        _ => None,
    };
    found.filter(|(mean, std)| mean.is_finite() && std.is_finite() && *std > 0.0).ok_or_else(|| {
        let problem = format!("its scaling {scaling} is none of z-score, min-max, offset and scale");
        lacks(path, problem, "write the scaling as z-score: (value - mean) / stddev")
    })
}

/// Sample types and the range of values: those that the item states of its bands, or any.
fn values(stated: &[&Value], bands: &[Band]) -> (Vec<SampleType>, [f32; 2]) {
    let kind = |band: &&Value| serde_json::from_value::<SampleType>(band["data_type"].clone()).ok();
    let mut types: Vec<SampleType> = Vec::new();
    for kind in stated.iter().filter_map(kind) {
        if !types.contains(&kind) {
            types.push(kind);
        }
    }
    let ranges = stated.iter().filter_map(|band| {
        let of = &band["statistics"];
        of["minimum"].as_f64().zip(of["maximum"].as_f64())
    });
    let range = ranges.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).filter(|(low, high)| low < high);
    let usual = match types.as_slice() {
        [SampleType::Uint8] => [0.0, 255.0],
        // Within it are the values of every scene.
        _ => [f32::MIN, f32::MAX],
    };
    if types.is_empty() || bands.is_empty() {
        types = ANY.to_vec();
    }
    (types, range.map_or(usual, |(low, high)| [narrow(low), narrow(high)]))
}

/// The classes of the only output.
fn classes(path: &Path, outputs: &Value) -> Result<Vec<Class>, ModelError> {
    let Some([output]) = outputs.as_array().map(Vec::as_slice) else { return Ok(Vec::new()) };
    let listed = output["classification:classes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let class = |(index, class): (usize, &Value)| {
        let id = class["value"].as_u64().filter(|id| *id == index as u64 && *id < 255);
        let name =
            text(&class["title"]).or_else(|| text(&class["description"])).or_else(|| text(&class["name"]));
        let (Some(_), Some(name)) = (id, name) else {
            let problem = format!("class {index} has another value, or no name");
            return Err(lacks(
                path,
                problem,
                "number the classes from 0, in the order of the network's outputs",
            ));
        };
        let id = truncate::<u8>(arpent_base::number::exact(index));
        let hint = text(&class["color_hint"])
            .and_then(|hint| format!("#{}", hint.trim_start_matches('#')).parse::<Color>().ok());
        let is_background = class["nodata"] == true || name.eq_ignore_ascii_case("background");
        Ok(Class {
            id,
            name: name.to_lowercase(),
            name_fr: None,
            code: None,
            color: hint.unwrap_or_else(|| color(id)),
            features: !is_background,
        })
    };
    listed.iter().enumerate().map(class).collect()
}

fn trained_on(all: &Value) -> Vec<TrainingSource> {
    let source = text(&all["mlm:pretrained_source"]);
    let named =
        |name| TrainingSource { name, license: "not stated".into(), source: "STAC item of the model".into() };
    source.into_iter().map(named).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp, reason = "numbers are read as they are written")]

    use serde_json::json;

    use super::*;

    fn item() -> Value {
        json!({ "type": "Feature", "properties": {
            "title": "Roads", "license": "CC-BY-4.0", "gsd": 0.5, "mlm:name": "roads", "mlm:architecture": "unet-resnet18",
            "bands": [{ "name": "B04", "eo:common_name": "red", "data_type": "uint16", "statistics": { "minimum": 0, "maximum": 4000 } }],
            "mlm:input": [{ "name": "image", "bands": ["B04", { "name": "nir" }], "value_scaling": [
                { "type": "z-score", "mean": 10.5, "stddev": 2.0 }, { "type": "min-max", "minimum": 100, "maximum": 1100 }] }],
            "mlm:output": [{ "name": "scores", "classification:classes": [
                { "value": 0, "name": "background" }, { "value": 1, "name": "road", "color_hint": "FF0000" }] }],
        }})
    }

    fn read(item: &Value) -> Result<Preset, ModelError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("item.json");
        std::fs::write(&path, item.to_string()).unwrap();
        preset(path.to_str().unwrap())
    }

    #[test]
    fn an_item_is_a_preset() {
        let preset = read(&item()).unwrap();
        let bands: Vec<_> = preset.bands.iter().map(|b| (b.name.as_str(), b.mean, b.std)).collect();
        assert_eq!(bands, [("red", 10.5, 2.0), ("nir", 100.0, 1000.0)]);
        assert_eq!((preset.license.as_str(), preset.architecture.as_str()), ("CC-BY-4.0", "unet-resnet18"));
        assert_eq!((preset.sample_types, preset.value_range), (vec![SampleType::Uint16], [0.0, 4000.0]));
        assert_eq!(preset.gsd_m.nominal, 0.5);
        assert!(!preset.classes[0].features && preset.classes[1].color == Color([255, 0, 0]));
    }

    #[test]
    fn what_an_item_lacks_is_asked_for() {
        let change = |path: &str, value: Value| {
            let mut item = item();
            *item.pointer_mut(path).unwrap() = value;
            read(&item).unwrap_err().to_string()
        };
        assert!(change("/properties/mlm:input/0/bands", json!([])).contains("lists no bands"));
        assert!(change("/properties/mlm:input", json!([])).contains("no `mlm:input`"));
        let scaling = json!([{ "type": "clip", "minimum": 0, "maximum": 1 }]);
        assert!(change("/properties/mlm:input/0/value_scaling", scaling).contains("none of z-score"));
        assert!(
            change("/properties/mlm:output/0/classification:classes/1/value", json!(7)).contains("class 1")
        );
        assert!(
            read(&json!({ "properties": {} })).unwrap_err().to_string().contains("no properties `mlm:...`")
        );
    }
}
