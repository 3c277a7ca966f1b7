//! Packages of graphs of ONNX files (ADR 0023).

use std::borrow::Cow;
use std::path::Path;

use super::checkpoint::{ImportOptions, import, package};
use super::deepness::Deepness;
use super::exported::{import_exported, takes_graph};
use super::imported::Imported;
use super::preset::Preset;
use super::{family, item};
use crate::error::OnnxError;
use crate::onnx_engine::OnnxEngine;
use crate::onnx_graph::OnnxGraph;
use crate::{
    Architecture, Band, ModelError, ModelPackage, ModelWindow, OnnxOutput, Weights, pt2, read_checkpoint,
};

/// Makes a package of a file: of a checkpoint's tensors ([`import`]), or of the graph of an ONNX file or a PT2 archive. The tensors of these
/// are taken where an architecture is given, or a preset whose network they are; else the graph is, as it stands.
///
/// # Errors
/// Those of [`read_checkpoint`], [`import`] and [`OnnxGraph::read`]; [`ModelError::Option`] for what the file does not state and
/// no option gives; [`ModelError::Onnx`] for a graph that gives none of classes, boxes and measured values.
pub fn import_file(path: &Path, options: &ImportOptions) -> Result<Imported, ModelError> {
    let ends = |end: &str| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(end));
    // An archive whose weights are those of another network says what it computes.
    let explained = |error| match (error, ends("pt2").then(|| pt2::operators(path)).flatten()) {
        (ModelError::AnotherNetwork { architecture, what, hint }, Some(operators)) => {
            let what = format!("{what}; its graph has the operators {operators}");
            ModelError::AnotherNetwork { architecture, what, hint }
        }
        (error, _) => error,
    };
    let native = || {
        let checkpoint = read_checkpoint(path)?;
        let (package, weights, adopted) = import(&checkpoint, options).map_err(explained)?;
        Ok(Imported { package, weights, adopted: Some(adopted), notes: Vec::new() })
    };
    if ends("pt2") && takes_graph(options) {
        return import_exported(path, options);
    }
    if !ends("onnx") || options.architecture.is_some() {
        return native();
    }
    let mut notes = Vec::new();
    if options.like.as_deref().is_some_and(|like| !item::is_item(like)) {
        match native() {
            Ok(imported) => return Ok(imported),
            Err(error @ (ModelError::AnotherNetwork { .. } | ModelError::Onnx { .. })) => {
                notes.push(format!(
                    "the graph is taken as it stands, since its weights are not those of the preset: {error}"
                ));
            }
            Err(error) => return Err(error),
        }
    }
    let graph = OnnxGraph::read(path)?;
    if let Some(name) = family::complete_family(path) {
        notes.push(format!(
            "its weights are those of {name}: --architecture {name} imports it for the faster engine, without what the graph does beside"
        ));
    }
    let bad = |problem| ModelError::Onnx { path: path.to_owned(), problem: Box::new(problem) };
    let (package, weights) = of_graph(&graph, options, &mut notes, &bad)?;
    Ok(Imported { package, weights, adopted: None, notes })
}

fn option(option: &'static str, problem: impl Into<String>, hint: impl Into<String>) -> ModelError {
    ModelError::Option { option, problem: problem.into(), hint: hint.into() }
}

fn of_graph(
    graph: &OnnxGraph,
    options: &ImportOptions,
    notes: &mut Vec<String>,
    bad: &dyn Fn(OnnxError) -> ModelError,
) -> Result<(ModelPackage, Weights), ModelError> {
    if options.overlap.is_some() {
        return Err(option(
            "--overlap",
            "does not apply to the graph of an ONNX file",
            "give --window and --margin instead",
        ));
    }
    let stated = Deepness::read(graph.metadata()).map_err(bad)?;
    let mut preset = options.like.as_deref().map_or_else(|| Ok(Preset::plain()), item::preset)?;
    if let Some(stated) = &stated {
        preset.gsd_m = stated.gsd_m.unwrap_or(preset.gsd_m);
    }
    let count = graph.bands().map_err(bad)?;
    let bands = bands(&preset, options, stated.as_ref(), count, bad)?;
    let window = window(&preset, options, stated.as_ref(), graph.side().map_err(bad)?)?;
    let (engine, prepared) = OnnxEngine::new(graph, bands.len(), window.side_px).map_err(bad)?;
    let (output, classes) =
        outputs(graph, &engine, (stated.as_ref(), options.values.is_some()), window.side_px).map_err(bad)?;
    if let Some(given) = options.classes.filter(|given| *given != classes) {
        return Err(option("--classes", format!("is {given}, the graph has {classes}"), "leave it out"));
    }
    let mut options = Cow::Borrowed(options);
    if output == OnnxOutput::Values {
        let of_file = stated.as_ref().map(|stated| stated.values(classes)).transpose().map_err(bad)?;
        let values = options.values.clone().or(of_file).unwrap_or_default();
        if values.len() != classes {
            let problem = format!("names {}, the graph has {classes} outputs", values.len());
            return Err(option("--values", problem, "name as many as the graph has outputs, in its order"));
        }
        options.to_mut().values = Some(values);
    } else if let Some(stated) = &stated {
        preset.classes = stated.classes(classes).map_err(bad)?;
        preset.detection = stated.detection;
    }
    // What the shapes do not show: one run.
    let zeros = vec![0.0; bands.len() * window.side_px * window.side_px];
    engine.run(zeros).map_err(|reason| bad(OnnxError::Unrunnable { reason }))?;
    let architecture = Architecture::Onnx { in_channels: bands.len(), classes, output };
    architecture.check(&options.id)?;
    let mut package = package(&preset, &options, bands, (architecture, classes), Some(window))?;
    "network.onnx".clone_into(&mut package.weights.file);
    package.threshold = stated.as_ref().and_then(|stated| stated.threshold);
    package.check()?;
    for unused in graph.unused_outputs() {
        notes.push(format!("its output `{unused}` is not used"));
    }
    let weights = Weights::of_graph(prepared);
    Ok((package, weights))
}

/// The bands: those of the options, of the preset, or the first of a scene, as many as the graph takes.
fn bands(
    preset: &Preset,
    options: &ImportOptions,
    stated: Option<&Deepness>,
    count: Option<usize>,
    bad: &dyn Fn(OnnxError) -> ModelError,
) -> Result<Vec<Band>, ModelError> {
    let names = options.bands.as_ref();
    let given = names.map(Vec::len).or_else(|| options.like.as_ref().map(|_| preset.bands.len()));
    let found = match (given, count) {
        (Some(given), Some(count)) if given != count => {
            let problem = format!("names {given} bands, the graph takes {count}");
            return Err(option("--bands", problem, "name as many bands as the graph takes, in its order"));
        }
        (given, count) => given.or(count),
    };
    let Some(count) = found else {
        return Err(option(
            "--bands",
            "is missing: the graph takes any number of bands",
            "name the bands in the order of the network: --bands red,green,blue",
        ));
    };
    let Some(stated) = stated.filter(|_| options.like.is_none()) else {
        let usual: Vec<String> = preset.bands.iter().take(count).map(|band| band.name.clone()).collect();
        let bands = preset.bands_named(names.unwrap_or(&usual))?;
        return if bands.len() == count {
            Ok(bands)
        } else {
            Err(option(
                "--bands",
                format!("is missing: the graph takes {count} bands"),
                "name them, in the order of the network",
            ))
        };
    };
    // Tiles of 8 bits, divided by 255; the first bands of a scene, whatever they are.
    let value = |values: &[f32], key: &str, index: usize, usual: f32| match values {
        [] => Ok(usual),
        values if values.len() == count => Ok(values[index]),
        values => {
            let problem = format!("has {} numbers, the network takes {count} bands", values.len());
            Err(bad(OnnxError::Metadata { key: key.to_owned(), problem }))
        }
    };
    let band = |index: usize| {
        let usual =
            COLORS.get(index).map_or_else(|| format!("band_{}", index + 1), |name| (*name).to_owned());
        Ok(Band {
            name: names.map_or(usual, |names| names[index].clone()),
            mean: 255.0 * value(&stated.mean, "standardization_mean", index, 0.0)?,
            std: 255.0 * value(&stated.std, "standardization_std", index, 1.0)?,
            unit: Some("digital number".into()),
            number: Some(index + 1),
            dequantize: None,
        })
    };
    (0..count).map(band).collect()
}

/// Names of the first bands of an image in colors.
const COLORS: [&str; 4] = ["red", "green", "blue", "nir"];

/// The window: that of the options, of the metadata, or of the preset; its side is that of the graph, if that has one.
fn window(
    preset: &Preset,
    options: &ImportOptions,
    stated: Option<&Deepness>,
    side: Option<usize>,
) -> Result<ModelWindow, ModelError> {
    let of_tiles = stated.and_then(|stated| side.or(stated.tile_px).map(|side| stated.window(side)));
    let Some(window) = options.window.or(of_tiles).or(preset.window) else {
        let side = side.map_or_else(
            || "the side of the pictures that it was trained on".to_owned(),
            |px| format!("{px}"),
        );
        return Err(option(
            "--window",
            "is missing: nothing is known of the pixels that a graph looks at, and the window is part of the model",
            format!(
                "give --window ({side}), and with --margin the pixels at its edges that are not kept: an eighth of the side, for example"
            ),
        ));
    };
    match side {
        Some(side) if side != window.side_px => Err(option(
            "--window",
            format!("is {} px, the graph takes pictures of {side} px", window.side_px),
            format!("give --window {side} and a --margin"),
        )),
        _ => Ok(window),
    }
}

/// What the output holds, and the number of classes.
fn outputs(
    graph: &OnnxGraph,
    engine: &OnnxEngine,
    (stated, is_measured): (Option<&Deepness>, bool),
    side: usize,
) -> Result<(OnnxOutput, usize), OnnxError> {
    let (shape, name) = (engine.shape(), graph.output());
    if let Some(output) = stated.map(|stated| stated.output).filter(|output| output.is_boxes()) {
        let values = match (output, shape) {
            (OnnxOutput::BoxRows, [1, _, values]) | (OnnxOutput::BoxColumns, [1, values, _]) => *values,
            _ => 0,
        };
        let classes = values.saturating_sub(output.box_values(0));
        return if classes > 0 {
            Ok((output, classes))
        } else {
            let problem = format!(
                "its output `{name}` has the axes {shape:?}, expected boxes with the scores of classes"
            );
            Err(OnnxError::Interface { problem })
        };
    }
    match shape {
        [1, channels, height, width] if [*height, *width] == [side; 2] && *channels > 0 => {
            let is_probability = ["Sigmoid", "Softmax", "HardSigmoid"].contains(&graph.last_operator());
            let output = match stated {
                _ if is_measured => OnnxOutput::Values,
                Some(stated) => stated.output,
                None if is_probability => OnnxOutput::Probabilities,
                None => OnnxOutput::Logits,
            };
            let is_one_class = *channels == 1 && output != OnnxOutput::Values;
            Ok((output, if is_one_class { 2 } else { *channels }))
        }
        _ => Err(OnnxError::Interface {
            problem: format!(
                "its output `{name}` has the axes {shape:?}, expected [1, classes, {side}, {side}]"
            ),
        }),
    }
}
