//! What is written: one JSON object a line, by this program and by `twin.py`.

use serde::{Deserialize, Serialize};

/// A line of the results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "kebab-case")]
pub(crate) enum Line {
    /// The machine and the build; the first line.
    Machine(Machine),
    /// A device that was opened, or that could not be.
    Device(Opened),
    /// A case and what came of it.
    Case(Record),
    /// The end of a run that was not cut off.
    End(End),
}

/// Where it ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// Name of the processor.
    pub(crate) cpu: String,
    /// Threads that the CPU engine uses.
    pub(crate) threads: usize,
    /// Instruction set of the CPU engine.
    pub(crate) instructions: String,
    /// Memory, GB.
    pub(crate) memory_gb: f64,
    /// Name and memory of each GPU as NVML lists them, or why there are none.
    pub(crate) gpus: Vec<String>,
    /// The GPU's driver.
    pub(crate) driver: Option<String>,
    /// What was built: commit and features.
    pub(crate) build: String,
    /// The time limit, seconds.
    pub(crate) seconds: f64,
}

/// A device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Opened {
    /// As on the command line.
    pub(crate) device: String,
    /// As it names itself; none where it could not be opened.
    pub(crate) name: Option<String>,
    /// What kernels are compiled for, or why it could not be opened.
    pub(crate) detail: String,
    /// Seconds that opening it took.
    pub(crate) seconds: f64,
}

/// The last line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct End {
    /// How long it took.
    pub(crate) seconds: f64,
    /// Cases that were measured.
    pub(crate) measured: usize,
    /// Cases that were not, for whatever reason.
    pub(crate) other: usize,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Work {
    /// The network alone, from normalized values to the class of each pixel.
    Network,
    /// `arpent run`'s own path: chips to labels and confidence (`Predictor::predict_all`).
    Predictor,
    /// One product of two square matrices.
    Matmul,
    /// One convolution, 3 x 3.
    Conv,
}

/// How numbers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Form {
    /// Single precision throughout.
    #[serde(rename = "f32")]
    F32,
    /// Single precision, products of convolutions in TF32 (PyTorch only).
    #[serde(rename = "tf32")]
    Tf32,
    /// Half precision throughout.
    #[serde(rename = "f16")]
    F16,
    /// 16 bits with the range of single precision, throughout.
    #[serde(rename = "bf16")]
    Bf16,
    /// Convolutions in bf16, all else in single precision: what trainings do.
    #[serde(rename = "bf16-conv")]
    Bf16Conv,
    /// Convolutions in f16, all else in single precision (PyTorch only).
    #[serde(rename = "f16-conv")]
    F16Conv,
}

impl Form {
    /// As it is written.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Bf16Conv => "bf16-conv",
            Self::F16Conv => "f16-conv",
        }
    }
}

/// One thing to measure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Case {
    /// Name of the network, or `bare` for one operation.
    pub(crate) network: String,
    /// What is measured of it.
    pub(crate) work: Work,
    /// How numbers are kept.
    pub(crate) form: Form,
    /// Side of a chip, pixels; of a matrix, rows.
    pub(crate) chip_px: usize,
    /// Chips that are computed together.
    pub(crate) batch: usize,
}

impl Case {
    /// Pixels of all chips.
    pub(crate) const fn pixels(&self) -> usize {
        self.chip_px * self.chip_px * self.batch
    }
}

/// A case, where it ran, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The device, as on the command line.
    pub(crate) device: String,
    /// The case.
    #[serde(flatten)]
    pub(crate) case: Case,
    /// What came of it.
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
}

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// Figures.
    Measured(Box<Figures>),
    /// Device or build cannot do it; so for every size of the same network and form.
    NotAvailable {
        /// Why.
        reason: String,
    },
    /// It was tried and failed.
    Failed {
        /// Why.
        reason: String,
    },
    /// It was not tried, or not finished.
    NotMeasured {
        /// Why.
        reason: String,
    },
}

/// Figures of a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// The first run: kernels are compiled in it.
    pub(crate) first_s: f64,
    /// Values in the device's memory, answers left there.
    pub(crate) resident: Option<Rate>,
    /// From values in the machine's memory to answers in the machine's memory, one batch after the other.
    pub(crate) end_to_end: Option<Rate>,
    /// Operations each second of `resident`, 10^12, a product and a sum counted as two; for one operation only.
    pub(crate) tflop_s: Option<f64>,
    /// Against the CPU engine, on one chip of 256 px.
    pub(crate) agreement: Option<Agreement>,
}

/// How fast it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rate {
    /// Megapixels each second (10^6 pixels of chips, overlap included), from the median.
    pub(crate) mpx_s: f64,
    /// Seconds of a batch: median, least and most.
    pub(crate) median_s: f64,
    pub(crate) least_s: f64,
    pub(crate) most_s: f64,
    /// Samples; fewer than five where time was short.
    pub(crate) samples: usize,
    /// Batches of each sample.
    pub(crate) batches: usize,
    /// Share of the time in which the GPU did something, 0 to 1 (NVML).
    pub(crate) busy: Option<f64>,
    /// Energy of the GPU for a megapixel, joules (NVML).
    pub(crate) joules_per_mpx: Option<f64>,
}

/// How answers agree with those of the CPU engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Agreement {
    /// Share of pixels with the same class, 0 to 1.
    pub(crate) equal: f64,
    /// Largest difference of two scores before the softmax.
    pub(crate) largest_difference: f64,
    /// Largest score of the CPU engine, absolute.
    pub(crate) largest_score: f64,
    /// Scores that are no numbers.
    pub(crate) not_finite: usize,
}

/// A request of the main process to a worker: a line each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Question {
    /// The case.
    pub(crate) case: Case,
    /// Seconds of measuring, warm-up apart.
    pub(crate) seconds: f64,
}

/// What a worker answers: what came of a case, and whether its device is of use for another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answer {
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
    /// The worker has ended.
    pub(crate) lost: bool,
}

impl Answer {
    /// The device can go on.
    pub(crate) const fn kept(outcome: Outcome) -> Self {
        Self { outcome, lost: false }
    }

    /// The device may be of no use any more.
    pub(crate) const fn lost(outcome: Outcome) -> Self {
        Self { outcome, lost: true }
    }

    /// Figures, or a failure.
    pub(crate) fn of(figures: Result<Figures, String>) -> Self {
        match figures {
            Ok(figures) => Self::kept(Outcome::Measured(Box::new(figures))),
            Err(reason) => Self::lost(Outcome::Failed { reason }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_back() {
        let case = Case {
            network: "road-cracks".into(),
            work: Work::Network,
            form: Form::Bf16Conv,
            chip_px: 256,
            batch: 8,
        };
        let rate = Rate {
            mpx_s: 2.5,
            median_s: 0.25,
            least_s: 0.2,
            most_s: 0.5,
            samples: 7,
            batches: 1,
            busy: None,
            joules_per_mpx: Some(0.5),
        };
        let figures = Figures {
            first_s: 1.5,
            resident: Some(rate),
            end_to_end: None,
            tflop_s: None,
            agreement: Some(Agreement {
                equal: 0.5,
                largest_difference: 1e-4,
                largest_score: 8.0,
                not_finite: 0,
            }),
        };
        let outcomes = [
            Outcome::Measured(Box::new(figures)),
            Outcome::NotAvailable { reason: "no bf16".into() },
            Outcome::NotMeasured { reason: "time".into() },
        ];
        for outcome in outcomes {
            let line = Line::Case(Record { device: "vulkan".into(), case: case.clone(), outcome });
            let text = serde_json::to_string(&line).unwrap();
            assert!(
                text.starts_with(r#"{"line":"case","device":"vulkan","network":"road-cracks""#),
                "{text}"
            );
            assert_eq!(serde_json::from_str::<Line>(&text).unwrap(), line);
        }
    }
}
