//! A process of its own for each device and network: a driver that crashes or hangs takes no results with it.

use std::io::{BufRead, Write};
use std::time::Instant;

use anyhow::Result;

use crate::cpu::Cpu;
use crate::gpu::Gpu;
use crate::lines::{Answer, Line, Opened, Question};
use crate::nets;

enum Device {
    Cpu(Cpu),
    Gpu(Box<Gpu>),
}

fn open(device: &str, network: &str) -> Result<(Device, Opened), String> {
    let net = if network == nets::BARE {
        None
    } else {
        Some(nets::load(network).map_err(|error| error.to_string())?)
    };
    if device != "cpu" {
        return Gpu::open(device, net).map(|(gpu, opened)| (Device::Gpu(Box::new(gpu)), opened));
    }
    let began = Instant::now();
    let cpu = Cpu::new(&net.ok_or("the CPU engine runs networks")?)?;
    let seconds = began.elapsed().as_secs_f64();
    let opened =
        Opened { device: device.into(), name: Some("CPU".into()), detail: "arpent-engine".into(), seconds };
    Ok((Device::Cpu(cpu), opened))
}

/// Opens a device, reports it in a line, and answers each question with a line. Ends with the questions, or when the device
/// is lost.
///
/// # Errors
/// Lines that cannot be read or written.
pub(crate) fn serve(device: &str, network: &str, questions: impl BufRead, mut out: impl Write) -> Result<()> {
    let mut answer_line = |line: String| writeln!(out, "{line}").and_then(|()| out.flush());
    let (mut opened, said) = match open(device, network) {
        Ok((opened, said)) => (Some(opened), said),
        Err(detail) => (None, Opened { device: device.into(), name: None, detail, seconds: 0.0 }),
    };
    answer_line(serde_json::to_string(&Line::Device(said))?)?;
    let Some(device) = &mut opened else { return Ok(()) };
    for line in questions.lines() {
        let question: Question = serde_json::from_str(&line?)?;
        let answer: Answer = match device {
            Device::Cpu(cpu) => cpu.answer(&question),
            Device::Gpu(gpu) => gpu.answer(&question),
        };
        answer_line(serde_json::to_string(&answer)?)?;
        if answer.lost {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::{Case, Form, Work};

    fn lines(device: &str, cases: &[Case]) -> Vec<String> {
        let questions = cases.iter().map(|case| Question { case: case.clone(), seconds: 0.01 });
        let text: Vec<String> = questions.map(|q| serde_json::to_string(&q).unwrap()).collect();
        let mut out = Vec::new();
        serve(device, "road-cracks", text.join("\n").as_bytes(), &mut out).unwrap();
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_cpu_answers_and_a_failure_ends_the_worker() {
        let case = |form, chip_px| Case {
            network: "road-cracks".into(),
            work: Work::Network,
            form,
            chip_px,
            batch: 2,
        };
        // 100 is no multiple of the network's stride.
        let cases = [case(Form::F32, 64), case(Form::F16, 64), case(Form::F32, 100), case(Form::F32, 64)];
        let said = lines("cpu", &cases);
        assert_eq!(said.len(), 4, "{said:?}");
        assert!(said[0].contains(r#""line":"device""#) && said[1].contains(r#""status":"measured""#));
        assert!(said[2].contains("not-available") && said[3].contains("failed"), "{said:?}");
    }

    #[test]
    #[cfg(not(feature = "cuda"))]
    fn a_device_that_was_not_built_is_reported() {
        let said = lines("cuda", &[]);
        assert!(said.len() == 1 && said[0].contains("this build does not have it"), "{said:?}");
        assert!(lines("gpu", &[])[0].contains("vulkan"), "the devices that there are");
    }
}
