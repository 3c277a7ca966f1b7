//! Metadata that the QGIS plugin Deepness reads from ONNX files, each value written as JSON
//! (<https://qgis-plugin-deepness.readthedocs.io/en/latest/creators/creators_description_classes.html>).

use std::collections::BTreeMap;

use arpent_base::number::{exact, narrow, truncate};
use arpent_raster::{Class, Color};
use serde_json::Value;

use crate::error::OnnxError;
use crate::package::{Detection, GsdRange};
use crate::{MeasuredValue, ModelWindow, OnnxOutput};

/// Overlap of neighboring tiles that the plugin proposes where a file states none, percent.
const USUAL_OVERLAP: f64 = 15.0;

/// Boxes that the plugin keeps by default: lowest score, greatest overlap.
const USUAL_DETECTION: Detection = Detection { threshold: 0.5, iou: 0.5 };

/// How much finer or coarser than the stated resolution pixels may be.
const GSD_FACTOR: f64 = 2.0;

/// What the metadata state.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Deepness {
    pub(super) output: OnnxOutput,
    /// Names by their numbers.
    pub(super) class_names: BTreeMap<u8, String>,
    pub(super) gsd_m: Option<GsdRange>,
    /// Side of tiles, pixels.
    pub(super) tile_px: Option<usize>,
    /// Percent of a tile that it shares with its neighbor.
    pub(super) overlap: f64,
    /// Of values divided by 255, one for each band.
    pub(super) mean: Vec<f32>,
    pub(super) std: Vec<f32>,
    /// Lowest probability of a class.
    pub(super) threshold: Option<f32>,
    /// Of a detector.
    pub(super) detection: Option<Detection>,
    /// Factors of a regressor's outputs: one for all, or one for each.
    pub(super) scales: Vec<f32>,
}

fn bad(key: &str, problem: impl Into<String>) -> OnnxError {
    OnnxError::Metadata { key: key.to_owned(), problem: problem.into() }
}

impl Deepness {
    /// The statements of a file; `None` if it has none of them.
    ///
    /// # Errors
    /// [`OnnxError::Metadata`] for a value that is not understood, or a type of model that gives none of classes, boxes and measured values.
    pub(super) fn read(metadata: &BTreeMap<String, String>) -> Result<Option<Self>, OnnxError> {
        let Some(kind) = text(metadata, "model_type") else { return Ok(None) };
        let boxes = text(metadata, "det_type");
        let output = match kind.to_lowercase().as_str() {
            "segmentor" => OnnxOutput::Probabilities,
            "detector" => box_output(boxes.as_deref())?,
            "regressor" => OnnxOutput::Values,
            other => {
                return Err(bad(
                    "model_type",
                    format!("is `{other}`, expected Segmentor, Detector or Regressor"),
                ));
            }
        };
        let is_named = value(metadata, "class_names").is_some();
        let resolution = number(metadata, "resolution", 1e-3..=1e6)?.map(|centimeters| centimeters / 100.0);
        let gsd = |nominal| GsdRange { nominal, min: nominal / GSD_FACTOR, max: nominal * GSD_FACTOR };
        // The documentation has another spelling than the code.
        let mut tile = number(metadata, "tile_size", 1.0..=1e5)?;
        if tile.is_none() {
            tile = number(metadata, "tiles_size", 1.0..=1e5)?;
        }
        let detection = Detection {
            threshold: number(metadata, "det_conf", 1e-6..=0.999_999)?
                .map_or(USUAL_DETECTION.threshold, narrow),
            iou: number(metadata, "det_iou_thresh", 1e-6..=1.0)?.unwrap_or(USUAL_DETECTION.iou),
        };
        Ok(Some(Self {
            output,
            class_names: if is_named || output != OnnxOutput::Values {
                class_names(metadata)?
            } else {
                BTreeMap::new()
            },
            scales: scales(metadata)?,
            gsd_m: resolution.map(gsd),
            tile_px: tile.map(truncate),
            overlap: number(metadata, "tiles_overlap", 0.0..=99.0)?.unwrap_or(USUAL_OVERLAP),
            mean: numbers(metadata, "standardization_mean")?,
            std: numbers(metadata, "standardization_std")?,
            threshold: number(metadata, "seg_thresh", 0.0..=1.0)?.map(narrow).filter(|t| {
                (f32::EPSILON..1.0 - f32::EPSILON).contains(t) && output == OnnxOutput::Probabilities
            }),
            detection: output.is_boxes().then_some(detection),
        }))
    }

    /// The window of tiles with their overlap, half of which is a margin on each side, rounded up.
    pub(super) fn window(&self, side_px: usize) -> ModelWindow {
        let shared = exact(side_px) * self.overlap / 100.0;
        ModelWindow { side_px, margin_px: truncate::<usize>((shared / 2.0).ceil()) }
    }

    /// The measured values of a regressor that has this number of outputs.
    pub(super) fn values(&self, count: usize) -> Result<Vec<MeasuredValue>, OnnxError> {
        let numbers = (0..self.class_names.len()).map(exact);
        let is_complete = self.class_names.keys().map(|id| f64::from(*id)).eq(numbers);
        if !(self.class_names.is_empty() || is_complete && self.class_names.len() == count) {
            let problem = format!(
                "has {} names, the network has {count} outputs, numbered from 0",
                self.class_names.len()
            );
            return Err(bad("class_names", problem));
        }
        if self.scales.len() > 1 && self.scales.len() != count {
            let problem = format!("has {} numbers, the network has {count} outputs", self.scales.len());
            return Err(bad(SCALING, problem));
        }
        let usual = |index: usize| format!("output {}", index + 1);
        let mut names = self.class_names.values();
        let value = |index: usize| {
            let name = names.next().map_or_else(|| usual(index), |name| name.trim().to_owned());
            let scale = self.scales.get(index).or(self.scales.first()).copied().unwrap_or(1.0);
            MeasuredValue { scale, ..MeasuredValue::named(name) }
        };
        Ok((0..count).map(value).collect())
    }

    /// The classes of a network that has this number.
    pub(super) fn classes(&self, count: usize) -> Result<Vec<Class>, OnnxError> {
        // One output is that of the class that is no background; names may leave that out.
        let names: Vec<(usize, &str)> = if self.class_names.len() == 1 && count == 2 {
            std::iter::once((0, BACKGROUND))
                .chain(self.class_names.values().map(|n| (1, n.as_str())))
                .collect()
        } else {
            self.class_names.iter().map(|(id, name)| (usize::from(*id), name.as_str())).collect()
        };
        let is_complete = names.iter().enumerate().all(|(i, (id, _))| i == *id);
        if names.len() != count || !is_complete {
            let problem =
                format!("has {} names, the network has {count} classes, numbered from 0", names.len());
            return Err(bad("class_names", problem));
        }
        let class = |(id, name): (usize, &str)| {
            let id = truncate::<u8>(exact(id));
            let name = name.trim().trim_start_matches('_').to_lowercase();
            let features = self.output.is_boxes() || name != BACKGROUND;
            Class { id, name_fr: None, code: None, color: color(id), features, name }
        };
        Ok(names.into_iter().map(class).collect())
    }
}

/// Key of the factor of a regressor's outputs.
const SCALING: &str = "reg_output_scaling";

const BACKGROUND: &str = "background";

/// A color of its own for each class.
pub(super) fn color(id: u8) -> Color {
    Color([id.wrapping_mul(97), id.wrapping_mul(57).wrapping_add(60), 255 - id])
}

fn box_output(kind: Option<&str>) -> Result<OnnxOutput, OnnxError> {
    match kind {
        None | Some("YOLO_v5_or_v7_default") => Ok(OnnxOutput::BoxRows),
        Some("YOLO_v9" | "YOLO_Ultralytics") => Ok(OnnxOutput::BoxColumns),
        Some(other) => Err(bad(
            "det_type",
            format!("is `{other}`, expected YOLO_v5_or_v7_default, YOLO_v9 or YOLO_Ultralytics"),
        )),
    }
}

/// A value; one that is no JSON is a text.
fn value(metadata: &BTreeMap<String, String>, key: &str) -> Option<Value> {
    let text = metadata.get(key)?;
    let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()));
    // Some writers encode twice.
    let inner = value.as_str().and_then(|inner| serde_json::from_str(inner).ok());
    Some(inner.unwrap_or(value)).filter(|value| !value.is_null())
}

fn text(metadata: &BTreeMap<String, String>, key: &str) -> Option<String> {
    let value = value(metadata, key)?;
    Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

fn number(
    metadata: &BTreeMap<String, String>,
    key: &str,
    range: std::ops::RangeInclusive<f64>,
) -> Result<Option<f64>, OnnxError> {
    let Some(value) = value(metadata, key) else { return Ok(None) };
    match value.as_f64() {
        Some(number) if range.contains(&number) => Ok(Some(number)),
        _ => {
            let (low, high) = range.into_inner();
            Err(bad(key, format!("is {value}, expected a number from {low} to {high}")))
        }
    }
}

fn numbers(metadata: &BTreeMap<String, String>, key: &str) -> Result<Vec<f32>, OnnxError> {
    let Some(value) = value(metadata, key) else { return Ok(Vec::new()) };
    let all = value.as_array().map(|all| all.iter().map(Value::as_f64).collect::<Option<Vec<_>>>());
    let all = all.flatten().filter(|all| all.iter().all(|number| number.is_finite()));
    let all = all.ok_or_else(|| bad(key, "is no list of numbers"))?;
    Ok(all.into_iter().map(narrow).collect())
}

/// The factors of a regressor's outputs: a number for all, or a list.
fn scales(metadata: &BTreeMap<String, String>) -> Result<Vec<f32>, OnnxError> {
    let all: Vec<f32> = match value(metadata, SCALING) {
        Some(Value::Number(one)) => one.as_f64().map(narrow).into_iter().collect(),
        _ => numbers(metadata, SCALING)?,
    };
    if all.iter().all(|scale| scale.is_finite() && *scale != 0.0) {
        return Ok(all);
    }
    Err(bad(SCALING, "has a factor of 0, or one that is no number"))
}

/// Names by number: of a table whose keys are numbers, or a list; of several outputs the first.
fn class_names(metadata: &BTreeMap<String, String>) -> Result<BTreeMap<u8, String>, OnnxError> {
    let key = "class_names";
    let Some(mut value) = value(metadata, key) else { return Err(bad(key, "is missing")) };
    if let Value::Array(all) = &value
        && all.first().is_some_and(Value::is_object)
    {
        value = all[0].clone();
    }
    let named = |(number, name): (String, Value)| {
        let number = number.trim().parse().ok().filter(|id: &u8| *id < 255);
        number.zip(name.as_str().map(str::to_owned)).filter(|(_, name)| is_name(name))
    };
    let named: Option<BTreeMap<u8, String>> = match value {
        Value::Object(all) => all.into_iter().map(named).collect(),
        Value::Array(all) => {
            all.into_iter().enumerate().map(|(i, name)| named((i.to_string(), name))).collect()
        }
        _ => None,
    };
    named.ok_or_else(|| bad(key, "is no table of names by their numbers"))
}

/// Whether a name can be printed.
fn is_name(name: &str) -> bool {
    !name.trim().is_empty() && name.len() <= 200 && !name.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Option<Deepness>, OnnxError> {
        let all = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Deepness::read(&all)
    }

    const ROADS: [(&str, &str); 4] = [
        ("model_type", "\"Segmentor\""),
        ("class_names", r#"{"0": "_background", "1": "Road"}"#),
        ("resolution", "21.0"),
        ("tiles_size", "512"),
    ];

    #[test]
    fn a_segmentor_is_read() {
        let more =
            [("tiles_overlap", "10"), ("seg_thresh", "0.4"), ("standardization_mean", "[0.5, 0.4, 0.3]")];
        let found = read(&[&ROADS[..], &more].concat()).unwrap().unwrap();
        assert_eq!(
            (found.output, found.tile_px, found.threshold),
            (OnnxOutput::Probabilities, Some(512), Some(0.4))
        );
        assert_eq!(found.window(512), ModelWindow { side_px: 512, margin_px: 26 });
        let gsd = found.gsd_m.unwrap();
        assert!((gsd.nominal - 0.21).abs() < 1e-9 && gsd.min < 0.11 && gsd.max > 0.41);
        assert_eq!(found.mean, [0.5, 0.4, 0.3]);
        let classes = found.classes(2).unwrap();
        let shown: Vec<_> = classes.iter().map(|c| (c.id, c.name.as_str(), c.features)).collect();
        assert_eq!(shown, [(0, "background", false), (1, "road", true)]);
        assert!(found.classes(3).unwrap_err().to_string().contains("2 names, the network has 3"));
    }

    #[test]
    fn one_name_is_that_of_the_class_beside_the_background() {
        let mut pairs = ROADS;
        pairs[1].1 = r#"["crack"]"#;
        let classes = read(&pairs).unwrap().unwrap().classes(2).unwrap();
        assert_eq!(classes.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["background", "crack"]);
    }

    #[test]
    fn a_regressor_has_values_with_factors() {
        let of = |pairs: &[(&str, &str)]| {
            let all = [&[("model_type", "\"Regressor\""), ("resolution", "10")], pairs].concat();
            read(&all).unwrap().unwrap()
        };
        let plain = of(&[]);
        assert_eq!((plain.output, plain.threshold, plain.detection), (OnnxOutput::Values, None, None));
        assert_eq!(plain.values(1).unwrap(), [MeasuredValue::named("output 1")]);
        let named =
            of(&[("class_names", r#"{"0": "height", "1": "biomass"}"#), ("reg_output_scaling", "[0.5, 2]")]);
        let values = named.values(2).unwrap();
        assert_eq!(
            values.iter().map(|v| (v.name.as_str(), v.scale)).collect::<Vec<_>>(),
            [("height", 0.5), ("biomass", 2.0)]
        );
        assert!(named.values(3).unwrap_err().to_string().contains("2 names, the network has 3 outputs"));
        let scaled = of(&[("reg_output_scaling", "0.25")]);
        assert!(scaled.values(3).unwrap().iter().all(|value| (value.scale - 0.25).abs() < 1e-9));
        let two = of(&[("reg_output_scaling", "[1, 2]")]);
        assert!(two.values(3).unwrap_err().to_string().contains("2 numbers, the network has 3 outputs"));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        assert_eq!(read(&[("author", "x")]).unwrap(), None);
        for (key, value, expected) in [
            ("model_type", "\"Superresolution\"", "expected Segmentor, Detector or Regressor"),
            ("reg_output_scaling", "[0.5, 0]", "a factor of 0"),
            ("reg_output_scaling", "\"much\"", "no list of numbers"),
            ("class_names", "7", "no table of names"),
            ("class_names", r#"{"a": "b"}"#, "no table of names"),
            ("resolution", "-1", "expected a number from"),
            ("tiles_size", "\"many\"", "expected a number from"),
            ("standardization_std", "[1, \"a\"]", "no list of numbers"),
        ] {
            let pairs: Vec<_> = ROADS.into_iter().filter(|(k, _)| *k != key).chain([(key, value)]).collect();
            let error = read(&pairs).unwrap_err().to_string();
            assert!(error.contains(expected), "{key} {value}: {error}");
        }
        let detector =
            |kind| [("model_type", "\"Detector\""), ("class_names", "[\"car\"]"), ("det_type", kind)];
        assert_eq!(read(&detector("\"YOLO_v9\"")).unwrap().unwrap().output, OnnxOutput::BoxColumns);
        assert!(read(&detector("\"YOLO_v6\"")).unwrap_err().to_string().contains("YOLO_v6"));
    }
}
