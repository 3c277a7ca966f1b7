//! What is measured, in which order, and with which share of the time.

use crate::lines::{Case, Form, Work};
use crate::nets;

/// Cases of one device and one network: one worker.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Group {
    pub(crate) device: String,
    pub(crate) network: String,
    /// Share of the time, relative to the others.
    pub(crate) weight: f64,
    /// Those first that matter most.
    pub(crate) cases: Vec<Case>,
}

/// Chip and batch, in the order in which they are measured.
const SIZES: [(usize, usize); 18] = [
    (512, 8),
    (1024, 8),
    (256, 8),
    (256, 1),
    (512, 1),
    (1024, 1),
    (256, 32),
    (512, 32),
    (1024, 32),
    (256, 4),
    (512, 4),
    (1024, 4),
    (256, 16),
    (512, 16),
    (1024, 16),
    (256, 2),
    (512, 2),
    (1024, 2),
];

/// Chips on which `arpent run`'s own path is measured, 8 at a time as it does.
const PREDICTOR: (usize, usize) = (1024, 8);

const FORMS: [Form; 4] = [Form::F32, Form::F16, Form::Bf16, Form::Bf16Conv];

/// The groups of some devices and networks; `threads` of the CPU engine.
pub(crate) fn groups(devices: &[String], networks: &[String], threads: usize) -> Vec<Group> {
    let of = |network: &String| {
        let devices = devices.iter().filter(move |device| *device != "cpu" || network != nets::BARE);
        let one = |device: &String| {
            let cases = match (device.as_str(), network.as_str()) {
                ("cpu", _) => on_cpu(network, threads),
                (_, nets::BARE) => bare(),
                _ => on_gpu(network),
            };
            let weight = weight(network) * if device == "cpu" { 0.4 } else { 1.0 };
            Group { device: device.clone(), network: network.clone(), weight, cases }
        };
        devices.map(one).collect::<Vec<_>>()
    };
    networks.iter().flat_map(of).collect()
}

/// The shipped networks of cracks and trees are one architecture.
fn weight(network: &str) -> f64 {
    match network {
        nets::BARE => 0.4,
        "road-cracks" => 0.5,
        "tree-health-10cm" => 0.25,
        _ => 1.0,
    }
}

fn case(network: &str, work: Work, form: Form, (chip_px, batch): (usize, usize)) -> Case {
    Case { network: network.to_owned(), work, form, chip_px, batch }
}

fn on_gpu(network: &str) -> Vec<Case> {
    let of = |size| {
        let forms = FORMS.map(|form| case(network, Work::Network, form, size));
        let predictor = (size == PREDICTOR).then(|| case(network, Work::Predictor, Form::F32, size));
        forms.into_iter().chain(predictor)
    };
    SIZES.into_iter().flat_map(of).collect()
}

fn on_cpu(network: &str, threads: usize) -> Vec<Case> {
    let mut cases: Vec<Case> = [512, 1024, 256]
        .into_iter()
        .flat_map(|chip| [threads, 1].map(|batch| case(network, Work::Network, Form::F32, (chip, batch))))
        .collect();
    cases.dedup();
    cases.extend([Form::F16, Form::Bf16].map(|form| case(network, Work::Network, form, (512, threads))));
    cases
}

fn bare() -> Vec<Case> {
    let sizes = [(Work::Matmul, (1024, 1)), (Work::Conv, (128, 8)), (Work::Matmul, (4096, 1))];
    let forms = [Form::F32, Form::F16, Form::Bf16];
    sizes.into_iter().flat_map(|(work, size)| forms.map(|form| case(nets::BARE, work, form, size))).collect()
}

/// What has been found of a group so far: which cases need not be tried.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Forms that cannot be computed.
    unavailable: Vec<(Work, Form)>,
    /// Cases that failed, or took too long.
    failed: Vec<Case>,
}

impl Found {
    pub(crate) fn cannot(&mut self, case: &Case) {
        self.unavailable.push((case.work, case.form));
    }

    pub(crate) fn failed(&mut self, case: &Case) {
        self.failed.push(case.clone());
    }

    /// Whether the form of a case was found not to be available; one line for all its sizes is enough.
    pub(crate) fn is_unavailable(&self, case: &Case) -> bool {
        self.unavailable.contains(&(case.work, case.form))
    }

    /// Why a case is not tried: another of its form that had no more pixels failed.
    pub(crate) fn hopeless(&self, case: &Case) -> Option<String> {
        let like = |other: &&Case| {
            other.work == case.work && other.form == case.form && other.pixels() <= case.pixels()
        };
        let Case { chip_px, batch, .. } = self.failed.iter().find(like)?;
        Some(format!("{batch} x {chip_px} px failed or took too long"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn every_batch_and_chip_is_in_the_plan_once() {
        let all = groups(&words(&["vulkan", "cpu"]), &words(&["bare", "unet-33m"]), 16);
        let names: Vec<_> = all.iter().map(|g| (g.network.as_str(), g.device.as_str())).collect();
        assert_eq!(names, [("bare", "vulkan"), ("unet-33m", "vulkan"), ("unet-33m", "cpu")]);
        let gpu = &all[1].cases;
        for form in FORMS {
            for chip in [256, 512, 1024] {
                for batch in [1, 2, 4, 8, 16, 32] {
                    let wanted = case("unet-33m", Work::Network, form, (chip, batch));
                    assert_eq!(gpu.iter().filter(|c| **c == wanted).count(), 1, "{wanted:?}");
                }
            }
        }
        assert_eq!(gpu.len(), 18 * FORMS.len() + 1);
        assert_eq!(all[2].cases.len(), 8);
        assert_eq!(groups(&words(&["cpu"]), &words(&["unet-33m"]), 1)[0].cases.len(), 5);
    }

    #[test]
    fn larger_ones_of_a_form_are_not_tried_after_a_failure() {
        let mut found = Found::default();
        let of = |form, size| case("unet-33m", Work::Network, form, size);
        found.failed(&of(Form::F32, (512, 8)));
        assert!(found.hopeless(&of(Form::F32, (1024, 8))).unwrap().starts_with("8 x 512 px"));
        assert!(found.hopeless(&of(Form::F32, (256, 32))).is_some());
        assert!(found.hopeless(&of(Form::F32, (512, 4))).is_none());
        assert!(found.hopeless(&of(Form::F16, (1024, 8))).is_none());
        found.cannot(&of(Form::Bf16, (512, 8)));
        assert!(
            found.is_unavailable(&of(Form::Bf16, (256, 1)))
                && !found.is_unavailable(&of(Form::F16, (256, 1)))
        );
    }
}
