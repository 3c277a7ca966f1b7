//! Networks on a device of Burn's.

use std::cell::OnceCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arpent_model::{DeviceChoice, Network, Precision, Predictor, panic_message};
use arpent_raster::{Chip, Window};
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, FloatDType, Tensor, TensorData};

use crate::cpu::Cpu;
use crate::gauge::Gauge;
use crate::lines::{Agreement, Answer, Case, Figures, Form, Opened, Outcome, Question, Work};
use crate::nets::{self, Net};
use crate::timing;

/// Side of the chip on which answers are compared with the CPU's, pixels.
const COMPARED_PX: usize = 256;

/// Channels in and out of the single convolution, and its batch.
const CONV_CHANNELS: usize = 256;

/// Smallest core of a chip that is predicted as `arpent run` does, pixels.
const LEAST_CORE_PX: usize = 32;

/// A device, and the networks that it holds.
pub(crate) struct Gpu {
    device: Device,
    choice: DeviceChoice,
    gauge: Option<Gauge>,
    /// None where single operations are measured.
    net: Option<Net>,
    /// The network in each form that was asked for.
    loaded: Vec<Loaded>,
    predictor: Option<Predictor>,
    /// Scores of the CPU engine for the chip that is compared.
    reference: OnceCell<Vec<f32>>,
}

/// A network in a form, and how it agrees with the CPU engine once that is known.
struct Loaded {
    form: Form,
    network: Network,
    agreement: OnceCell<Agreement>,
}

/// Why a case has no figures: the device cannot do it, or it failed.
enum Trouble {
    Cannot(String),
    Probe(String),
    Failed(String),
}

impl From<String> for Trouble {
    fn from(reason: String) -> Self {
        Self::Failed(reason)
    }
}

impl Gpu {
    /// Opens a device for a network.
    ///
    /// # Errors
    /// A device that this build does not have, or that does not compute.
    pub(crate) fn open(device: &str, net: Option<Net>) -> Result<(Self, Opened), String> {
        let began = std::time::Instant::now();
        let choice = match device {
            "burn-cpu" => DeviceChoice::Cpu,
            other => other.parse().map_err(|error: arpent_model::ModelError| error.to_string())?,
        };
        let (opened, choice) = choice.open(Precision::F32).map_err(|error| error.to_string())?;
        let (name, detail) = identity(&opened);
        let gauge = (choice != DeviceChoice::Cpu).then(|| Gauge::open().ok()).flatten();
        let (loaded, reference) = (Vec::new(), OnceCell::new());
        let gpu = Self { device: opened, choice, gauge, net, loaded, predictor: None, reference };
        let seconds = began.elapsed().as_secs_f64();
        Ok((gpu, Opened { device: device.into(), name: Some(name), detail, seconds }))
    }

    /// Measures a case. Engines of GPUs panic where something fails; what is left of them then is of no use.
    pub(crate) fn answer(&mut self, question: &Question) -> Answer {
        let tried = catch_unwind(AssertUnwindSafe(|| self.try_answer(question)));
        match tried {
            Ok(Ok(figures)) => Answer::kept(Outcome::Measured(Box::new(figures))),
            Ok(Err(Trouble::Cannot(reason))) => Answer::kept(Outcome::NotAvailable { reason }),
            // A probe that failed may have taken the device with it.
            Ok(Err(Trouble::Probe(reason))) => Answer::lost(Outcome::NotAvailable { reason }),
            Ok(Err(Trouble::Failed(reason))) => Answer::lost(Outcome::Failed { reason }),
            Err(panic) => Answer::lost(Outcome::Failed { reason: panic_message(panic.as_ref()) }),
        }
    }

    fn try_answer(&mut self, question: &Question) -> Result<Figures, Trouble> {
        let Question { case, seconds } = question;
        self.can(case.form)?;
        match case.work {
            Work::Network => self.network(case, *seconds),
            Work::Predictor => self.predictor(case, *seconds),
            Work::Matmul | Work::Conv => self.bare(case, *seconds),
        }
    }

    /// Whether the device computes in a form.
    fn can(&self, form: Form) -> Result<(), Trouble> {
        if self.loaded.iter().any(|loaded| loaded.form == form) {
            return Ok(());
        }
        match form {
            Form::F32 => Ok(()),
            Form::Tf32 => Err(Trouble::Cannot("Burn has no switch for TF32".into())),
            Form::F16Conv => Err(Trouble::Cannot("convolutions alone are not computed in f16".into())),
            Form::Bf16Conv => {
                let probed = self.choice.open(Precision::Bf16).map(drop);
                probed.map_err(|error| Trouble::Probe(error.to_string()))
            }
            Form::F16 | Form::Bf16 if self.device.supports_dtype(dtype(form)) => Ok(()),
            Form::F16 | Form::Bf16 => {
                let name = form.name();
                Err(Trouble::Cannot(format!("the back end does not compute in {name} on this device")))
            }
        }
    }

    fn net(&self) -> Result<&Net, String> {
        self.net.as_ref().ok_or_else(|| "a network is wanted for this".to_owned())
    }

    /// The network in a form; loaded once.
    fn load(&mut self, form: Form) -> Result<usize, String> {
        if let Some(index) = self.loaded.iter().position(|loaded| loaded.form == form) {
            return Ok(index);
        }
        let Net { package, weights } = self.net()?;
        let network = Network::for_prediction(&package.architecture, weights, &self.device);
        let network = network.map_err(|error| error.to_string())?;
        let network = match form {
            Form::F32 | Form::Tf32 | Form::F16Conv => network,
            Form::Bf16Conv => network.convolving_in(Precision::Bf16),
            Form::F16 | Form::Bf16 => network.map(&mut Cast(dtype(form))),
        };
        self.loaded.push(Loaded { form, network, agreement: OnceCell::new() });
        Ok(self.loaded.len() - 1)
    }

    fn network(&mut self, case: &Case, seconds: f64) -> Result<Figures, Trouble> {
        let index = self.load(case.form)?;
        let bands = self.net()?.package.architecture.in_channels();
        let (loaded, device) = (&self.loaded[index], &self.device);
        let network = &loaded.network;
        let chip = nets::chip(bands, case.chip_px, 1);
        let data = chip.repeat(case.batch);
        let shape = [case.batch, bands, case.chip_px, case.chip_px];
        let classes = |x: Tensor<4>| network.forward(x).cast(FloatDType::F32).argmax(1).float();
        let input =
            Tensor::<4>::from_data(TensorData::new(data.clone(), shape), device).cast(dtype(case.form));
        // One value of each answer is added up, so that none can be left out, and the device is waited for once.
        let mut resident = |batches: usize| {
            let one = || classes(input.clone()).slice([0..1, 0..1, 0..1, 0..1]);
            read((1..batches).fold(one(), |sum, _| sum + one())).map(drop)
        };
        let first_s = timing::once(&mut resident)?;
        let agreement = Some(self.agreement(loaded)?);
        let gauge = self.gauge.as_ref();
        let pixels = case.pixels();
        let rate = timing::measure(gauge, seconds / 2.0, pixels, &mut resident)?;
        let mut end_to_end = |batches: usize| {
            (0..batches).try_for_each(|_| {
                let x = Tensor::<4>::from_data(TensorData::new(data.clone(), shape), device);
                read(classes(x.cast(dtype(case.form)))).map(drop)
            })
        };
        let end_to_end = Some(timing::measure(gauge, seconds / 2.0, pixels, &mut end_to_end)?);
        Ok(Figures { first_s, resident: Some(rate), end_to_end, tflop_s: None, agreement })
    }

    /// Scores of one chip against the CPU engine's.
    fn agreement(&self, loaded: &Loaded) -> Result<Agreement, String> {
        if let Some(known) = loaded.agreement.get() {
            return Ok(known.clone());
        }
        let net = self.net()?;
        let bands = net.package.architecture.in_channels();
        let chip = nets::chip(bands, COMPARED_PX, 1);
        let reference = match self.reference.get() {
            Some(known) => known,
            None => {
                let scores = Cpu::new(net)?.scores(&chip, COMPARED_PX)?;
                self.reference.get_or_init(|| scores)
            }
        };
        let shape = [1, bands, COMPARED_PX, COMPARED_PX];
        let x = Tensor::<4>::from_data(TensorData::new(chip, shape), &self.device).cast(dtype(loaded.form));
        let scores = read(loaded.network.forward(x).cast(FloatDType::F32))?;
        let found = agree(reference, &scores, COMPARED_PX * COMPARED_PX);
        Ok(loaded.agreement.get_or_init(|| found).clone())
    }

    /// Chips through [`Predictor::predict_all`].
    fn predictor(&mut self, case: &Case, seconds: f64) -> Result<Figures, Trouble> {
        if self.predictor.is_none() {
            let Net { package, weights } = self.net()?;
            let predictor = Predictor::load(package, weights, self.choice).map_err(|e| e.to_string())?;
            self.predictor = Some(predictor);
        }
        let (Some(predictor), net) = (&self.predictor, self.net()?) else {
            return Err(Trouble::Failed("no predictor".into()));
        };
        let Some(core) = core(predictor, case.chip_px) else {
            let reason =
                format!("the overlap leaves no core of {LEAST_CORE_PX} px in a chip of {} px", case.chip_px);
            return Err(Trouble::Cannot(reason));
        };
        let window = Window::new(0, 0, case.chip_px, case.chip_px);
        let bands = &net.package.bands;
        let mut chip = Chip::empty(window, bands.len());
        chip.valid.fill(true);
        chip.data = nets::chip(bands.len(), case.chip_px, 1);
        for (band, plane) in bands.iter().zip(chip.data.chunks_exact_mut(case.chip_px * case.chip_px)) {
            plane.iter_mut().for_each(|value| *value = *value * band.std + band.mean);
        }
        let chips = vec![(chip, core); case.batch];
        let mut run = |batches: usize| {
            (0..batches).try_for_each(|_| predictor.predict_all(&chips).map(drop).map_err(|e| e.to_string()))
        };
        let first_s = timing::once(&mut run)?;
        let end_to_end = Some(timing::measure(self.gauge.as_ref(), seconds, case.pixels(), &mut run)?);
        Ok(Figures { first_s, resident: None, end_to_end, tflop_s: None, agreement: None })
    }

    /// A matrix product, or a convolution.
    #[allow(clippy::cast_precision_loss, reason = "operations to show")]
    fn bare(&self, case: &Case, seconds: f64) -> Result<Figures, Trouble> {
        let side = case.chip_px;
        let tensor = |shape: [usize; 4]| {
            let values = nets::chip(1, 64, 3).into_iter().cycle().take(shape.iter().product()).collect();
            let data = TensorData::new::<f32, _>(values, shape);
            Tensor::<4>::from_data(data, &self.device).cast(dtype(case.form)) * 0.01
        };
        let (a, b, operations): (_, _, usize) = if case.work == Work::Matmul {
            (tensor([1, 1, side, side]), tensor([1, 1, side, side]), 2 * side * side * side)
        } else {
            let c = CONV_CHANNELS;
            (tensor([case.batch, c, side, side]), tensor([c, c, 3, 3]), 18 * c * c * case.pixels())
        };
        let one = || {
            let out = if case.work == Work::Matmul {
                a.clone().matmul(b.clone())
            } else {
                let options = ConvOptions::new_with_padding([1, 1], [(1, 1), (1, 1)], [1, 1], 1);
                conv2d(a.clone(), b.clone(), None, options)
            };
            out.slice([0..1, 0..1, 0..1, 0..1]).cast(FloatDType::F32)
        };
        let mut run = |batches: usize| read((1..batches).fold(one(), |sum, _| sum + one())).map(drop);
        let first_s = timing::once(&mut run)?;
        let rate = timing::measure(self.gauge.as_ref(), seconds, case.pixels(), &mut run)?;
        let tflop_s = Some(operations as f64 / rate.median_s / 1e12);
        Ok(Figures { first_s, resident: Some(rate), end_to_end: None, tflop_s, agreement: None })
    }
}

/// The device's name, and what its kernels are compiled for.
fn identity(device: &Device) -> (String, String) {
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    if let Some(identity) = device.identity() {
        return (identity.name, identity.fingerprint);
    }
    (format!("{device:?}"), "Burn's own CPU engine".into())
}

/// How the values of a form are kept between convolutions.
const fn dtype(form: Form) -> FloatDType {
    match form {
        Form::F32 | Form::Tf32 | Form::Bf16Conv | Form::F16Conv => FloatDType::F32,
        Form::F16 => FloatDType::F16,
        Form::Bf16 => FloatDType::BF16,
    }
}

/// Keeps every parameter of a network in another form.
struct Cast(FloatDType);

impl ModuleMapper for Cast {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| tensor.cast(self.0))
    }
}

fn read(tensor: Tensor<4>) -> Result<Vec<f32>, String> {
    let data = tensor.try_into_data().map_err(|error| error.to_string())?;
    data.try_into_vec().map_err(|error| format!("{error:?}"))
}

/// The core of a chip, aligned so that the chip that it needs is this one.
fn core(predictor: &Predictor, side: usize) -> Option<Window> {
    let overlap = predictor.overlap();
    let [col, row] = [overlap.cols, overlap.rows].map(|px| px.next_multiple_of(predictor.stride()));
    let (width, height) = (side.checked_sub(2 * col)?, side.checked_sub(2 * row)?);
    let start = |px: usize| i64::try_from(px).ok();
    (width.min(height) >= LEAST_CORE_PX).then_some(Window::new(start(col)?, start(row)?, width, height))
}

/// Compares scores, plane by plane.
#[allow(clippy::cast_precision_loss, reason = "counts of pixels")]
fn agree(expected: &[f32], scores: &[f32], area: usize) -> Agreement {
    let best = |scores: &[f32], pixel: usize| {
        let planes = scores.iter().skip(pixel).step_by(area).enumerate();
        planes.fold((0, f32::NEG_INFINITY), |best, (class, v)| if *v > best.1 { (class, *v) } else { best }).0
    };
    let equal = (0..area).filter(|pixel| best(expected, *pixel) == best(scores, *pixel)).count();
    let pairs = expected.iter().zip(scores);
    let largest = |values: &mut dyn Iterator<Item = f32>| {
        f64::from(values.filter(|v| v.is_finite()).fold(0.0, f32::max))
    };
    Agreement {
        equal: equal as f64 / area as f64,
        largest_difference: largest(&mut pairs.map(|(a, b)| (a - b).abs())),
        largest_score: largest(&mut expected.iter().map(|v| v.abs())),
        not_finite: scores.iter().filter(|v| !v.is_finite()).count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_compared_pixel_by_pixel() {
        // Three classes, two pixels; of equal scores the first counts.
        let expected = [1.0, 5.0, 2.0, 5.0, 0.0, -7.0];
        let scores = [1.0, 4.5, 2.0, 5.0, 0.0, f32::NAN];
        let found = agree(&expected, &scores, 2);
        assert_eq!((found.equal, found.largest_difference, found.largest_score), (0.5, 0.5, 7.0));
        assert_eq!(found.not_finite, 1);
    }

    /// On Burn's CPU engine, which every build has: the path that a GPU takes.
    #[test]
    fn a_network_agrees_with_the_cpu_engine_and_is_measured() {
        let net = nets::load("road-cracks").unwrap();
        let (mut gpu, opened) = Gpu::open("burn-cpu", Some(net)).unwrap();
        assert_eq!(opened.device, "burn-cpu");
        let case =
            |work, form, batch| Case { network: "road-cracks".into(), work, form, chip_px: 256, batch };
        let mut ask = |case: &Case| gpu.answer(&Question { case: case.clone(), seconds: 0.01 }).outcome;
        let Outcome::Measured(figures) = ask(&case(Work::Network, Form::F32, 1)) else {
            panic!("no figures")
        };
        let agreement = figures.agreement.unwrap();
        assert!(agreement.equal > 0.999 && agreement.largest_difference < 1e-3, "{agreement:?}");
        assert_eq!(agreement.not_finite, 0);
        let rate = figures.resident.unwrap();
        assert!((rate.mpx_s * rate.median_s - 0.065_536).abs() < 1e-9 && figures.end_to_end.is_some());
        let Outcome::Measured(figures) = ask(&case(Work::Predictor, Form::F32, 2)) else {
            panic!("no figures")
        };
        assert!(figures.end_to_end.unwrap().mpx_s > 0.0);
        let Outcome::NotAvailable { reason } = ask(&case(Work::Network, Form::Tf32, 1)) else {
            panic!("TF32")
        };
        assert!(reason.contains("TF32"));
    }

    #[test]
    fn half_precision_is_computed_where_there_is_any() {
        let (mut gpu, _) = Gpu::open("burn-cpu", Some(nets::load("road-cracks").unwrap())).unwrap();
        let mut seen = 0;
        for form in [Form::F16, Form::Bf16] {
            let case =
                Case { network: "road-cracks".into(), work: Work::Network, form, chip_px: 256, batch: 1 };
            match gpu.answer(&Question { case, seconds: 0.01 }).outcome {
                Outcome::Measured(figures) => {
                    let agreement = figures.agreement.unwrap();
                    assert!(agreement.equal > 0.9 && agreement.largest_difference > 0.0, "{agreement:?}");
                    seen += 1;
                }
                Outcome::NotAvailable { reason } => assert!(reason.contains(form.name()), "{reason}"),
                other => panic!("{other:?}"),
            }
        }
        assert!(seen > 0, "Burn's CPU engine has neither f16 nor bf16");
    }
}
