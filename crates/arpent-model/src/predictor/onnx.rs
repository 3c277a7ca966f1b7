//! The graph of an ONNX package as the engine of a predictor.

use arpent_raster::Window;

use crate::anchors::Scored;
use crate::onnx_engine::{OnnxEngine, scores};
use crate::onnx_output::OnnxOutput;
use crate::{Architecture, DeviceChoice, ModelError, ModelPackage, Weights, dense_boxes};

/// A graph, and what its output means.
#[derive(Debug)]
pub(super) struct OnnxBody {
    engine: OnnxEngine,
    output: OnnxOutput,
    classes: usize,
    /// Lowest probability of a class that is no background.
    threshold: Option<f32>,
    side: usize,
}

impl OnnxBody {
    /// The engine of an ONNX package; `None` for any other package.
    pub(super) fn new(
        package: &ModelPackage,
        weights: &Weights,
        choice: DeviceChoice,
    ) -> Result<Option<Self>, ModelError> {
        let Architecture::Onnx { in_channels, classes, output } = package.architecture else {
            return Ok(None);
        };
        if matches!(choice, DeviceChoice::Cuda | DeviceChoice::Vulkan) {
            let reason = "graphs of ONNX files are run on the CPU only".into();
            return Err(ModelError::Device { device: choice.name(), reason });
        }
        let missing = || ModelError::WeightsMismatch { what: "the package has no ONNX graph".into() };
        let graph = weights.graph().ok_or_else(missing)?;
        // The check of the package has refused one without a window.
        let side = package.window.map_or(0, |window| window.side_px);
        let bad = |problem| ModelError::Onnx {
            path: package.weights.file.clone().into(),
            problem: Box::new(problem),
        };
        let (engine, _) = OnnxEngine::new(graph, in_channels, side).map_err(bad)?;
        let shape = engine.shape();
        let fits = match (output, shape) {
            (OnnxOutput::Logits | OnnxOutput::Probabilities, [1, channels, height, width]) => {
                [*height, *width] == [side; 2] && (*channels == classes || (*channels == 1 && classes == 2))
            }
            (OnnxOutput::Values, [1, channels, height, width]) => {
                [*height, *width] == [side; 2] && *channels == classes
            }
            (OnnxOutput::BoxRows, [1, _, values]) | (OnnxOutput::BoxColumns, [1, values, _]) => {
                *values == output.box_values(classes)
            }
            _ => false,
        };
        if !fits {
            let expected = match output {
                OnnxOutput::BoxRows => format!("[1, boxes, {}]", output.box_values(classes)),
                OnnxOutput::BoxColumns => format!("[1, {}, boxes]", output.box_values(classes)),
                _ => format!("[1, {classes}, {side}, {side}]"),
            };
            let problem = format!(
                "says {classes} classes, the graph's output has the axes {shape:?}, expected {expected}"
            );
            return Err(ModelError::Inconsistent { id: package.id.clone(), field: "architecture", problem });
        }
        Ok(Some(Self { engine, output, classes, threshold: package.threshold, side }))
    }

    /// Memory of the weights, and of each window, bytes.
    pub(super) fn bytes(&self) -> (usize, usize) {
        (self.engine.weight_bytes(), self.engine.window_bytes())
    }

    /// The scores of a part of the window that `planes` holds, plane by plane: a plane for each class.
    pub(super) fn scores(
        &self,
        planes: Vec<f32>,
        (col, row): (usize, usize),
        part: &Window,
    ) -> Result<Vec<f32>, String> {
        let channels = self.engine.shape()[1];
        let whole = self.engine.run(planes)?;
        let rows = |channel: usize| {
            (row..row + part.height).map(move |y| (channel * self.side + y) * self.side + col)
        };
        let cut: Vec<f32> =
            (0..channels).flat_map(rows).flat_map(|at| &whole[at..at + part.width]).copied().collect();
        Ok(scores(cut, channels, self.output, self.threshold))
    }

    /// The boxes of the window that `planes` holds.
    pub(super) fn boxes(&self, planes: Vec<f32>, threshold: f32, iou: f64) -> Result<Vec<Scored>, String> {
        let found = self.engine.run(planes)?;
        Ok(dense_boxes::boxes(&found, self.classes, self.output, (threshold, iou), self.side))
    }
}
