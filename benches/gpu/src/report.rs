//! Tables of results, and the run file.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result};

use crate::lines::{Case, Figures, Form, Line, Outcome, Rate, Record, Work};
use crate::timing::SAMPLES;

/// Lines of a file of results. A last line that was cut off is left out.
///
/// # Errors
/// A line that is none of these, with its number.
pub(crate) fn parse(text: &str) -> Result<Vec<Line>> {
    let complete = text.rfind('\n').map_or("", |end| &text[..=end]);
    let lines = complete.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let parsed = lines.map(|(index, line)| {
        serde_json::from_str(line).with_context(|| {
            format!(
                "line {}: expected a result\nhint: give files that arpent-gpu-bench or twin.py wrote",
                index + 1
            )
        })
    });
    parsed.collect()
}

/// Figures with what they belong to.
struct Measured<'a> {
    device: &'a str,
    case: &'a Case,
    figures: &'a Figures,
}

fn measured(lines: &[Line]) -> impl Iterator<Item = Measured<'_>> {
    lines.iter().filter_map(|line| match line {
        Line::Case(Record { device, case, outcome: Outcome::Measured(figures) }) => {
            Some(Measured { device, case, figures })
        }
        _ => None,
    })
}

/// Keeps the order in which keys come first.
fn grouped<'a, K: Ord + Clone>(
    all: impl Iterator<Item = Measured<'a>>,
    key: impl Fn(&Measured<'a>) -> K,
) -> Vec<(K, Vec<Measured<'a>>)> {
    let mut order: BTreeMap<K, usize> = BTreeMap::new();
    let mut groups: Vec<(K, Vec<Measured<'a>>)> = Vec::new();
    for one in all {
        let key = key(&one);
        let index = *order.entry(key.clone()).or_insert(groups.len());
        if index == groups.len() {
            groups.push((key, Vec::new()));
        }
        groups[index].1.push(one);
    }
    groups
}

/// The faster of the two ways, of which a case has at least one.
fn best(figures: &Figures) -> Option<&Rate> {
    figures.resident.as_ref().or(figures.end_to_end.as_ref())
}

fn fastest<'a, 'b>(of: &'b [Measured<'a>]) -> Option<(&'b Measured<'a>, &'a Rate)> {
    let rated = of.iter().filter_map(|one| Some((one, best(one.figures)?)));
    rated.max_by(|a, b| a.1.mpx_s.total_cmp(&b.1.mpx_s))
}

/// A number to three digits.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

fn maybe(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), number)
}

/// Megapixels each second, marked where there were fewer samples than a median needs.
fn speed(rate: Option<&Rate>) -> String {
    let mark = |rate: &Rate| if rate.samples < SAMPLES { "*" } else { "" };
    rate.map_or_else(|| "-".into(), |rate| format!("{}{}", number(rate.mpx_s), mark(rate)))
}

const fn work(work: Work) -> &'static str {
    match work {
        Work::Network => "",
        Work::Predictor => ", as `arpent run`",
        Work::Matmul => "matrix product",
        Work::Conv => "3 x 3 convolution, 256 channels",
    }
}

/// All tables.
pub(crate) fn tables(lines: &[Line]) -> String {
    let mut out = String::new();
    fastest_table(lines, &mut out);
    bare_table(lines, &mut out);
    agreement_table(lines, &mut out);
    sizes_table(lines, &mut out);
    rest(lines, &mut out);
    out
}

/// A title, and the head of a table.
fn head(out: &mut String, title: &str, columns: &[&str]) {
    let _ = writeln!(out, "\n## {title}\n\n| {} |\n|{}", columns.join(" | "), "---|".repeat(columns.len()));
}

fn row(out: &mut String, cells: &[String]) {
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}

fn networks(lines: &[Line]) -> impl Iterator<Item = Measured<'_>> {
    measured(lines).filter(|one| matches!(one.case.work, Work::Network | Work::Predictor))
}

fn fastest_table(lines: &[Line], out: &mut String) {
    let columns = [
        "network",
        "device",
        "form",
        "chip x batch",
        "Mpx/s, resident",
        "Mpx/s, end to end",
        "x CPU",
        "busy",
        "J/Mpx",
        "first run, s",
    ];
    head(out, "The fastest size of each", &columns);
    let of_cpu = |network: &str| {
        let all: Vec<_> =
            networks(lines).filter(|o| o.device == "cpu" && o.case.network == network).collect();
        fastest(&all).map(|(_, rate)| rate.mpx_s)
    };
    let key = |one: &Measured| {
        let form = format!("{}{}", one.case.form.name(), work(one.case.work));
        (one.case.network.clone(), one.device.to_owned(), form)
    };
    for ((network, device, form), all) in grouped(networks(lines), key) {
        let Some((one, rate)) = fastest(&all) else { continue };
        let Figures { first_s, resident, end_to_end, .. } = one.figures;
        let times = of_cpu(&network).map(|cpu| rate.mpx_s / cpu);
        let size = format!("{} x {}", one.case.chip_px, one.case.batch);
        row(
            out,
            &[
                network,
                device,
                form,
                size,
                speed(resident.as_ref()),
                speed(end_to_end.as_ref()),
                maybe(times),
                maybe(rate.busy),
                maybe(rate.joules_per_mpx),
                number(*first_s),
            ],
        );
    }
    let _ = writeln!(
        out,
        "\nMpx are those of chips, overlap included. `resident`: values and answers stay on the device. `x CPU`: against the CPU engine's fastest size. \
         `*`: fewer than {SAMPLES} samples."
    );
}

fn bare_table(lines: &[Line], out: &mut String) {
    let bare: Vec<_> = measured(lines).filter(|one| one.figures.tflop_s.is_some()).collect();
    if bare.is_empty() {
        return;
    }
    head(out, "Single operations", &["operation", "side x batch", "device", "form", "TFLOP/s", "busy"]);
    for one in bare {
        let busy = best(one.figures).and_then(|rate| rate.busy);
        let size = format!("{} x {}", one.case.chip_px, one.case.batch);
        let form = one.case.form.name().to_owned();
        row(
            out,
            &[
                work(one.case.work).into(),
                size,
                one.device.into(),
                form,
                maybe(one.figures.tflop_s),
                maybe(busy),
            ],
        );
    }
}

fn agreement_table(lines: &[Line], out: &mut String) {
    let compared = measured(lines).filter(|one| one.figures.agreement.is_some());
    let key = |one: &Measured| (one.case.network.clone(), one.device.to_owned(), one.case.form.name());
    let groups = grouped(compared, key);
    if groups.is_empty() {
        return;
    }
    let columns =
        ["network", "device", "form", "equal classes", "largest difference", "largest score", "not finite"];
    head(out, "Agreement with the CPU engine, one chip of 256 px", &columns);
    for ((network, device, form), all) in groups {
        let Some(agreement) = all.iter().find_map(|one| one.figures.agreement.as_ref()) else { continue };
        row(
            out,
            &[
                network,
                device,
                form.into(),
                format!("{:.3} %", 100.0 * agreement.equal),
                format!("{:.2e}", agreement.largest_difference),
                number(agreement.largest_score),
                agreement.not_finite.to_string(),
            ],
        );
    }
}

/// Speed against batch, resident where there is that.
fn sizes_table(lines: &[Line], out: &mut String) {
    const BATCHES: [usize; 6] = [1, 2, 4, 8, 16, 32];
    let columns = ["network", "device", "form", "chip", "1", "2", "4", "8", "16", "32"];
    head(out, "Mpx/s by chips of a batch", &columns);
    let alone = networks(lines).filter(|one| one.case.work == Work::Network);
    let key = |one: &Measured| {
        (one.case.network.clone(), one.device.to_owned(), one.case.form.name(), one.case.chip_px)
    };
    for ((network, device, form, chip), all) in grouped(alone, key) {
        let of = |batch: usize| {
            let one = all.iter().find(|one| one.case.batch == batch);
            speed(one.and_then(|one| best(one.figures)))
        };
        let cells = [network, device, form.into(), chip.to_string()];
        row(out, &cells.into_iter().chain(BATCHES.map(of)).collect::<Vec<_>>());
    }
}

/// What has no figures, and why.
fn rest(lines: &[Line], out: &mut String) {
    let mut why: BTreeMap<(&str, &str, String), Vec<(Form, String)>> = BTreeMap::new();
    for line in lines {
        let Line::Case(Record { device, case, outcome }) = line else { continue };
        let (what, reason) = match outcome {
            Outcome::Measured(_) => continue,
            Outcome::NotAvailable { reason } => ("not available", reason),
            Outcome::Failed { reason } => ("failed", reason),
            Outcome::NotMeasured { reason } => ("not measured", reason),
        };
        let size = match outcome {
            Outcome::Failed { .. } => {
                format!("{} {} {} x {}", case.network, case.form.name(), case.chip_px, case.batch)
            }
            _ => format!("{} {}", case.network, case.form.name()),
        };
        let first = reason.lines().next().unwrap_or_default().chars().take(200).collect();
        why.entry((what, device, first)).or_default().push((case.form, size));
    }
    if why.is_empty() {
        return;
    }
    head(out, "Without figures", &["what", "device", "why", "cases", "of"]);
    for ((what, device, reason), cases) in why {
        let count = cases.len().to_string();
        let mut names: Vec<String> = cases.into_iter().map(|(_, name)| name).collect();
        names.dedup();
        let more = names.len().saturating_sub(8);
        names.truncate(8);
        let mut names = names.join(", ");
        if more > 0 {
            let _ = write!(names, " and {more} more");
        }
        row(out, &[what.into(), device.into(), reason.replace('|', "/"), count, names]);
    }
}

/// A run file as those in `benches/runs`.
pub(crate) fn run_file(title: &str, lines: &[Line]) -> String {
    let mut out = format!("# {title}\n");
    for line in lines {
        let _ = match line {
            Line::Machine(machine) => writeln!(
                out,
                "\n{}, {} threads ({}), {} GB; GPU: {}; driver {}. {}. Time limit {} s.",
                machine.cpu,
                machine.threads,
                machine.instructions,
                number(machine.memory_gb),
                machine.gpus.join("; "),
                machine.driver.as_deref().unwrap_or("unknown"),
                machine.build,
                machine.seconds
            ),
            Line::Device(opened) => match &opened.name {
                Some(name) => writeln!(
                    out,
                    "\n- `{}`: {name} ({}), opened in {} s",
                    opened.device,
                    opened.detail,
                    number(opened.seconds)
                ),
                None => writeln!(out, "\n- `{}`: not available: {}", opened.device, opened.detail),
            },
            Line::End(end) => writeln!(
                out,
                "\n{} cases measured, {} without figures, {} s.",
                end.measured,
                end.other,
                number(end.seconds)
            ),
            Line::Case(_) => Ok(()),
        };
    }
    let ended = lines.iter().filter(|line| matches!(line, Line::End(_))).count();
    let began = lines.iter().filter(|line| matches!(line, Line::Machine(_))).count();
    if ended < began {
        out.push_str("\n**A run was cut off: its last line is missing.**\n");
    }
    out.push_str(
        "\nMade with `scripts/gpu.sh run` (benches/gpu/README.md says what is measured, and how).\n",
    );
    out.push_str(&tables(lines));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(mpx_s: f64, samples: usize) -> Rate {
        let (busy, joules_per_mpx) = (Some(0.5), None);
        Rate { mpx_s, median_s: 1.0, least_s: 1.0, most_s: 1.0, samples, batches: 1, busy, joules_per_mpx }
    }

    fn record(device: &str, form: Form, batch: usize, outcome: Outcome) -> Line {
        let case = Case { network: "unet".into(), work: Work::Network, form, chip_px: 256, batch };
        Line::Case(Record { device: device.into(), case, outcome })
    }

    fn figures(resident: Option<Rate>, end_to_end: Option<Rate>) -> Outcome {
        let agreement = None;
        Outcome::Measured(Box::new(Figures { first_s: 1.0, resident, end_to_end, tflop_s: None, agreement }))
    }

    #[test]
    fn the_fastest_size_is_shown_against_the_cpu_and_nothing_is_left_out() {
        let lines = [
            record("cpu", Form::F32, 2, figures(None, Some(rate(2.0, 5)))),
            record("vulkan", Form::F32, 1, figures(Some(rate(10.0, 5)), Some(rate(4.0, 5)))),
            record("vulkan", Form::F32, 8, figures(Some(rate(50.0, 4)), Some(rate(9.0, 5)))),
            record("vulkan", Form::Bf16, 8, Outcome::NotAvailable { reason: "no bf16 | here".into() }),
            record("vulkan", Form::F16, 8, Outcome::Failed { reason: "lost\nbacktrace".into() }),
        ];
        let text = tables(&lines);
        assert!(
            text.contains("| unet | vulkan | f32 | 256 x 8 | 50.0* | 9.00 | 25.0 | 0.500 | - | 1.00 |"),
            "{text}"
        );
        assert!(text.contains("| unet | cpu | f32 | 256 x 2 | - | 2.00 | 1.00 |"), "{text}");
        assert!(text.contains("| unet | vulkan | f32 | 256 | 10.0 | - | - | 50.0* | - | - |"), "{text}");
        assert!(text.contains("| not available | vulkan | no bf16 / here | 1 | unet bf16 |"), "{text}");
        assert!(text.contains("| failed | vulkan | lost | 1 | unet f16 256 x 8 |"), "{text}");
    }

    #[test]
    fn an_interrupted_run_is_marked() {
        let machine = r#"{"line":"machine","cpu":"x","threads":2,"instructions":"AVX2","memory_gb":24.0,"gpus":[],"driver":null,"build":"b","seconds":60.0}"#;
        let lines = parse(&format!("{machine}\n{{\"line\":\"case\",\"dev")).unwrap();
        assert_eq!(lines.len(), 1);
        let text = run_file("2026-01-01: a machine", &lines);
        assert!(text.starts_with("# 2026-01-01: a machine\n") && text.contains("was cut off"), "{text}");
        let whole = format!("{machine}\n{{\"line\":\"end\",\"seconds\":1.0,\"measured\":0,\"other\":0}}\n");
        assert!(!run_file("t", &parse(&whole).unwrap()).contains("was cut off"));
        let error = format!("{:#}", parse("{}\n").unwrap_err());
        assert!(error.contains("line 1") && error.contains("hint:"), "{error}");
    }
}
