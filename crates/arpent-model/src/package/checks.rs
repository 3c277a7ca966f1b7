//! Consistency of `model.json`.

use std::path::Path;

use arpent_base::number::fitted;

use super::Territory;
use super::description::{DESCRIPTION, FORMAT, GsdRange, ModelPackage, Quantization, Task};
use super::measured::MOST_MEASURED;
use crate::{Architecture, ModelError, OnnxOutput, field};

impl ModelPackage {
    /// Checks that the statements of `model.json` are consistent.
    ///
    /// # Errors
    /// [`ModelError::Inconsistent`] with the key, [`ModelError::UnknownFormat`].
    pub fn check(&self) -> Result<(), ModelError> {
        self.check_names()?;
        self.architecture.check(&self.id)?;
        self.check_task()?;
        self.check_bands()?;
        self.check_classes()?;
        self.check_reach()
    }

    fn bad<T>(&self, field: &'static str, problem: impl Into<String>) -> Result<T, ModelError> {
        Err(ModelError::Inconsistent { id: self.id.clone(), field, problem: problem.into() })
    }

    fn check_names(&self) -> Result<(), ModelError> {
        if self.format != FORMAT {
            let (path, found) = (DESCRIPTION.into(), self.format.clone());
            return Err(ModelError::UnknownFormat { path, found, expected: FORMAT });
        }
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.id.is_empty() || !self.id.chars().all(plain) {
            return self.bad("id", "must be lower-case letters, digits and hyphens");
        }
        // A package must not cause reads outside of its directory.
        let name = Path::new(&self.weights.file);
        if name.file_name() != Some(name.as_os_str()) || self.weights.file == DESCRIPTION {
            return self.bad("weights", "must name a file inside the package");
        }
        let Some(samples) = &self.applicability else { return Ok(()) };
        let name = Path::new(&samples.file);
        let is_own = name.file_name() == Some(name.as_os_str())
            && samples.file != DESCRIPTION
            && samples.file != self.weights.file;
        if is_own {
            Ok(())
        } else {
            self.bad("applicability", "must name a file of its own inside the package")
        }
    }

    /// Checks that the samples of the training are of the package's bands.
    pub(super) fn check_samples(&self) -> Result<(), ModelError> {
        let problem = self.applicability.as_ref().and_then(|of| of.samples.problem(&self.bands));
        problem.map_or(Ok(()), |problem| self.bad("applicability", problem))
    }

    fn check_task(&self) -> Result<(), ModelError> {
        if self.architecture.box_classes().is_some() && !self.is_detection() {
            return self.bad("task", "must be object-detection for an architecture that answers with boxes");
        }
        if self.is_regression() {
            return self.check_values();
        }
        let gives_values = matches!(self.architecture, Architecture::Onnx { output: OnnxOutput::Values, .. });
        if gives_values || !self.values.is_empty() {
            return self.bad("task", "must be regression for a model that gives measured values");
        }
        let cells = matches!(self.architecture, Architecture::Classifier { .. });
        if cells == (self.task == Task::SceneClassification) {
            return Ok(());
        }
        self.bad("task", "scene-classification and the architecture `classifier` belong together")
    }

    /// Of a regression model: a name for each output, and nothing that is for classes.
    fn check_values(&self) -> Result<(), ModelError> {
        let outputs = self.architecture.out_channels();
        if matches!(self.architecture, Architecture::Onnx { output, .. } if output != OnnxOutput::Values)
            || matches!(self.architecture, Architecture::Classifier { .. } | Architecture::Fcos { .. })
        {
            return self.bad("task", "is regression, the architecture gives classes or boxes");
        }
        if self.values.len() != outputs || outputs > fitted::<usize>(MOST_MEASURED) {
            let problem = format!(
                "lists {}, the network has {outputs} outputs; expected as many, {MOST_MEASURED} at most",
                self.values.len()
            );
            return self.bad("values", problem);
        }
        for (i, value) in self.values.iter().enumerate() {
            if let Some(problem) = value.problem() {
                return self.bad("values", problem);
            }
            if self.values[..i].iter().any(|other| other.name == value.name) {
                return self.bad("values", format!("lists `{}` twice", value.name));
            }
        }
        if !self.classes.classes().is_empty() {
            return self.bad("classes", "is not for a regression model");
        }
        Ok(())
    }

    fn check_bands(&self) -> Result<(), ModelError> {
        let wanted = self.architecture.in_channels();
        if self.bands.len() != wanted {
            return self.bad("bands", format!("lists {}, the network takes {wanted}", self.bands.len()));
        }
        for (i, band) in self.bands.iter().enumerate() {
            if self.bands[..i].iter().any(|b| b.name == band.name) {
                return self.bad("bands", format!("lists `{}` twice", band.name));
            }
            if let Some(problem) = band.problem(&self.sample_types) {
                return self.bad("bands", problem);
            }
        }
        if !self.dates_are_in_order() {
            return self.bad(
                "bands",
                "must be all of the earlier date (`*_before`), then all of the later (`*_after`)",
            );
        }
        if let Some(problem) = self.territories.iter().find_map(Territory::problem) {
            return self.bad("territories", problem);
        }
        let [low, high] = self.value_range;
        if !(low.is_finite() && high.is_finite() && low < high) {
            return self.bad("value_range", "must be two finite numbers, the first below the second");
        }
        let GsdRange { nominal, min, max } = self.gsd_m;
        if !(min > 0.0 && min <= nominal && nominal <= max && max.is_finite()) {
            return self.bad("gsd_m", "must satisfy 0 < min <= nominal <= max");
        }
        if self.sample_types.is_empty() {
            return self.bad("sample_types", "is empty");
        }
        Ok(())
    }

    /// Whether bands with a date suffix are grouped by date, without other bands among them.
    fn dates_are_in_order(&self) -> bool {
        let names_dates = self.bands.iter().any(|b| b.is_of_date(0) || b.is_of_date(1));
        let dates = self.bands_of_dates();
        let is_in_order =
            || dates.len() == 2 && dates.iter().enumerate().all(|(i, of)| of.iter().all(|b| b.is_of_date(i)));
        !names_dates || is_in_order()
    }

    fn check_classes(&self) -> Result<(), ModelError> {
        let (classes, out) = (self.classes.classes().len(), self.architecture.out_channels());
        if self.is_regression() {
            return match (self.detection, self.threshold, &self.calibration) {
                (Some(_), _, _) => self.bad("detection", "is given for a model that is not object-detection"),
                (_, Some(_), _) => self.bad("threshold", "is for networks whose output is probabilities"),
                (_, _, Some(_)) => self.bad("calibration", "is for labels, not for measured values"),
                _ => Ok(()),
            };
        }
        // A detection network also outputs the logarithms of width and height.
        let extra = if self.is_detection() { 2 } else { 0 };
        if let Some(wanted) = self.architecture.box_classes() {
            if classes != wanted {
                return self.bad("classes", format!("lists {classes}, the network has {wanted}"));
            }
        } else if classes == 0 || classes + extra != out {
            let problem = format!("lists {classes}, with {extra} more the network has {out} output channels");
            return self.bad("classes", problem);
        }
        match (self.is_detection(), self.detection) {
            (true, None) => self.bad("detection", "is missing for an object-detection model"),
            (false, Some(_)) => self.bad("detection", "is given for a model that is not object-detection"),
            (true, Some(d)) if !(d.threshold > 0.0 && d.threshold < 1.0 && d.iou > 0.0 && d.iou <= 1.0) => {
                self.bad("detection", "needs 0 < threshold < 1 and 0 < iou <= 1")
            }
            _ => self.check_threshold().and_then(|()| self.check_calibration()),
        }
    }

    fn check_threshold(&self) -> Result<(), ModelError> {
        let Some(threshold) = self.threshold else { return Ok(()) };
        let gives =
            |output| matches!(self.architecture, Architecture::Onnx { output: of, .. } if of == output);
        if !gives(OnnxOutput::Probabilities) {
            return self.bad("threshold", "is for networks whose output is probabilities");
        }
        let fits = threshold > 0.0 && threshold < 1.0;
        if fits { Ok(()) } else { self.bad("threshold", "must lie between 0 and 1") }
    }

    fn check_calibration(&self) -> Result<(), ModelError> {
        match &self.calibration {
            Some(_) if self.is_detection() => self.bad("calibration", "is for labels, not for boxes"),
            Some(c) if !(c.temperature > 0.0 && c.temperature.is_finite()) => {
                self.bad("calibration", "needs a temperature above 0")
            }
            Some(c) => {
                let is_class = |id| self.classes.by_id(id).is_some();
                match c.answers.as_ref().and_then(|answers| answers.problem(is_class)) {
                    Some(problem) => self.bad("calibration.answers", problem),
                    None => Ok(()),
                }
            }
            None => Ok(()),
        }
    }

    fn check_reach(&self) -> Result<(), ModelError> {
        let stride = field::stride(&self.architecture);
        if self.stride_px != stride {
            return self.bad("stride_px", format!("is {}, the layers have {stride}", self.stride_px));
        }
        let radius = match (self.window, field::receptive_field_radius(&self.architecture)) {
            (None, Some(radius)) => radius,
            (Some(window), None) => {
                let least = self.architecture.least_window_px();
                if window.side_px < least {
                    let problem = format!(
                        "has a side of {} px; below {least} px, the attention of {} is another one",
                        window.side_px,
                        self.architecture.name()
                    );
                    return self.bad("window", problem);
                }
                match window.problem(stride) {
                    Some(problem) => return self.bad("window", problem),
                    None => window.reach_px(),
                }
            }
            (Some(_), Some(_)) => {
                return self.bad("window", "is given, but the network has a bounded receptive field");
            }
            (None, None) => {
                return self.bad("window", "is missing: the network's answers depend on the whole window");
            }
        };
        if self.receptive_field_px != radius {
            let problem = format!("is {}, the layers have {radius}", self.receptive_field_px);
            return self.bad("receptive_field_px", problem);
        }
        if self.architecture.is_onnx() && self.quantization.is_some() {
            return self.bad("quantization", "is not for the graph of an ONNX file");
        }
        if let Some(Quantization { ranges, .. }) = &self.quantization {
            let steps = self.architecture.graph().steps.len();
            if ranges.len() != steps || ranges.iter().any(|r| !r.is_finite() || *r < 0.0) {
                return self.bad("quantization", format!("needs {steps} ranges of 0 or more"));
            }
        }
        if let Some(window) = self.window {
            if self.overlap_px != window.margin_px {
                let problem =
                    format!("is {}, the window has a margin of {}", self.overlap_px, window.margin_px);
                return self.bad("overlap_px", problem);
            }
            return if self.is_detection() && self.architecture.window_box_classes().is_none() {
                self.bad("task", "is object-detection, which networks with a window do not do")
            } else {
                Ok(())
            };
        }
        if !self.overlap_px.is_multiple_of(stride) {
            return self.bad("overlap_px", format!("is {}, not a multiple of the stride", self.overlap_px));
        }
        let needed = radius + usize::from(self.is_detection());
        if self.overlap_px < needed && self.overlap_tolerance.is_none() {
            return self
                .bad("overlap_px", format!("is {}, exact predictions need {needed}", self.overlap_px));
        }
        Ok(())
    }
}
