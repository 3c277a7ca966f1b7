//! `arpent-train calibrate`: temperature scaling, so that a confidence of 0.8 is right in 80 % of the cases.

use std::path::{Path, PathBuf};

use arpent_base::number::{exact, narrow};
use arpent_base::{DoingWhat as _, Result};
use arpent_datasets::{IGNORE, Split};
use arpent_metrics::{Grouped, Reliability, RiskScores};
use arpent_model::{AnswerTables, Calibration, DeviceChoice, ModelPackage, Predictor};
use arpent_raster::Class;
use arpent_shell::message::notice;

use crate::answer_tables::{self, Least};
use crate::config::{Config, Evaluate, Overrides, same_model};
use crate::data::{ItemTruth, Sets};
use crate::error::TrainError;
use crate::evaluate::{Answers as Counted, CONFIDENCE, Judge, Pictures, Unit, figures, rounded, scores_of};
use crate::fit::{Place, write_at_once};
use crate::progress::{next, print_json};
use crate::report;

/// What to calibrate, and on what.
#[derive(Debug, clap::Args)]
pub(crate) struct CalibrateArgs {
    /// Folder of the model package; its `model.json` is rewritten.
    package: PathBuf,
    /// The training's TOML file, for its data sets.
    config: PathBuf,
    /// Folder of the data sets, instead of `data`.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Count right answers by class, confidence and territory, too: confidences are corrected by them, and runs can leave
    /// answers undecided by a stated risk (`abstain.max_risk`).
    #[arg(long)]
    by_class: bool,
    /// Fewest answers of a class that are counted by themselves; classes with fewer are named and left out.
    #[arg(long, value_name = "N", default_value_t = 1000, requires = "by_class")]
    least_answers: u64,
    /// Fewest pictures that these come from.
    #[arg(long, value_name = "N", default_value_t = 3, requires = "by_class")]
    least_pictures: u64,
}

/// Maximum number of pixels, spread evenly over the split.
const PIXELS: usize = 200_000;

/// Fits the temperature on the validation split and writes it into the package.
pub(crate) fn run(args: &CalibrateArgs) -> Result<()> {
    let overrides = Overrides { data: args.data.clone(), ..Overrides::default() };
    let config = Config::read(&args.config, &overrides)?;
    if config.is_detection() {
        let problem = "calibration is for pixel labels; this training has boxes";
        return Err(TrainError::refused(problem, "calibrate a segmentation or change-detection model").into());
    }
    let (mut package, weights) = ModelPackage::load(&args.package)?;
    same_model(&package, &config)?;
    let sets = Sets::open_for(&config, &package)?;
    let predictor = Predictor::load(&package, &weights, DeviceChoice::Cpu)?;
    let answers = Answers::gather(&sets, &predictor)?;
    let temperature = answers.best_temperature()?;
    let mut calibration = Calibration {
        temperature,
        ece_before: rounded(answers.error(1.0)?),
        ece_after: rounded(answers.error(f64::from(temperature))?),
        split: Split::Validation.name().into(),
        answers: None,
    };
    notice(&format!(
        "temperature {temperature}: expected calibration error {} -> {} on {} pixels",
        calibration.ece_before,
        calibration.ece_after,
        answers.truth.len()
    ));
    let (before, after) = (calibration.ece_before, calibration.ece_after);
    package.calibration = Some(calibration.clone());
    let corrected = Predictor::load(&package, &weights, DeviceChoice::Cpu)?;
    let (split, evaluate, cell_px) = (Split::Validation, &Evaluate::default(), config.fit.chip_px.get());
    let unit = Unit::of(&config);
    let classes = &config.classes;
    let pictures = Pictures { sets: &sets, split, classes, unit, evaluate, cell_px, corrected: Vec::new() };
    let published = pictures.publish(&corrected)?;
    // The correction changes no label: only the scores of confidences change.
    for name in OF_CONFIDENCE {
        package.scores.extend(published.scores.get(name).map(|score| (name.to_owned(), score.clone())));
    }
    let mut remark = format!(
        "Corrected with the temperature {temperature}, fitted on the validation split (expected calibration error on \
         {} pixels of it: {before} before, {after} after).",
        answers.truth.len()
    );
    if args.by_class {
        let tables = by_class(args, &pictures.by_territory(&corrected)?, classes)?;
        if let (Some(error), Some(score)) = (tables.ece_held_out, package.scores.get_mut(ECE)) {
            (score.value, score.measure) = (error, HELD_OUT.into());
        }
        remark += &told(&tables);
        calibration.answers = Some(tables);
        package.calibration = Some(calibration.clone());
    }
    print_json(&calibration)?;
    package.save(&weights, &args.package)?;
    renew_card(&args.package, &published.confidence, &remark)?;
    let risk = published.shown.calibration.and_then(|calibration| calibration.risk);
    renew_report(&args.package, temperature, risk, || pictures.reliability(&corrected))?;
    let mut words =
        vec!["evaluate".to_owned(), args.package.display().to_string(), args.config.display().to_string()];
    words.extend(args.data.iter().flat_map(|data| ["--data".to_owned(), data.display().to_string()]));
    next(&words.iter().map(String::as_str).collect::<Vec<_>>());
    Ok(())
}

/// Name of the calibration error among the scores.
const ECE: &str = "expected_calibration_error";
/// Scores of confidences, which a calibration changes.
const OF_CONFIDENCE: [&str; 2] = [ECE, "augrc"];
/// How it is measured where confidences are corrected by class.
const HELD_OUT: &str = "expected calibration error of the confidence, 15 bins, the answers of each territory corrected by the \
                        tables of the others; lower is better";

/// The tables of right answers; refused where no class has enough answers.
fn by_class(args: &CalibrateArgs, answers: &Grouped<Counted>, classes: &[Class]) -> Result<AnswerTables> {
    let least = Least { answers: args.least_answers, pictures: args.least_pictures };
    let tables = answer_tables::fit(answers, classes, least)?;
    tables.left_out.iter().for_each(|line| notice(&format!("no table of its own: {line}")));
    if tables.all.is_empty() {
        let problem = format!(
            "no class has {} answers in {} pictures of the validation split",
            least.answers, least.pictures
        );
        let hint =
            "label more pictures of the validation split, or lower --least-answers and --least-pictures";
        return Err(TrainError::refused(problem, hint).into());
    }
    Ok(tables)
}

/// What a card says of the tables.
fn told(tables: &AnswerTables) -> String {
    let held_out = tables.ece_held_out.map_or_else(
        || "There is one territory: how well it holds elsewhere was not measured.".to_owned(),
        |error| {
            format!("Where each territory is corrected by the tables of the others, the error is {error}.")
        },
    );
    let left_out: String =
        tables.left_out.iter().fold(String::new(), |text, line| text + "\n- no table of its own: " + line);
    format!(
        " Confidences are then corrected by class: the share of right answers of the validation split at each confidence \
         (isotonic regression), {} classes of all territories together and {} territories with tables of their own. \
         {held_out}{}{left_out}",
        tables.all.len(),
        tables.territories.len(),
        if left_out.is_empty() { "" } else { "\n" }
    )
}

/// Rewrites the section on confidences in the package's card, if there is a card.
fn renew_card(package: &Path, confidence: &str, remark: &str) -> Result<()> {
    let path = package.join("card.md");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let text = with_confidence(&text, &format!("{}\n{remark}\n", confidence.trim_start_matches('\n')));
    write_at_once(&path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}

/// A card with another section on confidences: in the place of the one that it has, else at the end of its scores, else at
/// its end. The line of older cards with the former calibration error is removed.
fn with_confidence(card: &str, section: &str) -> String {
    let lines: Vec<&str> =
        card.lines().filter(|line| !line.starts_with("- expected calibration error:")).collect();
    let begins = lines.iter().position(|line| *line == CONFIDENCE);
    let is_next = |line: &&str| line.starts_with('#') || line.starts_with("| group ");
    let (from, to) = if let Some(at) = begins {
        (at, lines[at + 1..].iter().position(is_next).map_or(lines.len(), |n| at + 1 + n))
    } else {
        let scores = lines.iter().position(|line| *line == "## Scores");
        let end =
            scores.and_then(|at| Some(at + 1 + lines[at + 1..].iter().position(|l| l.starts_with("## "))?));
        let at = end.unwrap_or(lines.len());
        (at, at)
    };
    let (head, tail) = (lines[..from].join("\n"), lines[to..].join("\n"));
    let gap = if tail.is_empty() { "" } else { "\n" };
    format!("{}\n\n{section}{gap}{tail}{gap}", head.trim_end())
}

/// Adds the corrected confidences to the training's report, if it exists and shows confidences.
fn renew_report(
    package: &Path,
    temperature: f32,
    risk: Option<RiskScores>,
    after: impl FnOnce() -> Result<figures::Reliability>,
) -> Result<()> {
    let place = Place::of(package);
    if !place.report().exists() {
        return Ok(());
    }
    let mut report = report::read(&place.report())?;
    let Some(calibration) = &mut report.calibration else { return Ok(()) };
    calibration.after = Some(after()?);
    calibration.risk = risk;
    calibration.method = Some(format!("temperature {temperature}, fitted on the validation split"));
    let write = |path: &Path, bytes: &[u8]| {
        write_at_once(path, bytes).with_context(|| format!("cannot write {}", path.display()))
    };
    write(&place.page(), report.to_html().as_bytes())?;
    write(&place.report(), &serde_json::to_vec(&report)?)?;
    notice(&format!("updated {}", place.page().display()));
    Ok(())
}

/// Scores before softmax of some pixels, and their true classes.
#[derive(Debug, Clone, PartialEq)]
struct Answers {
    scores: Vec<Vec<f32>>,
    truth: Vec<usize>,
}

impl Answers {
    fn gather(sets: &Sets, predictor: &Predictor) -> Result<Self> {
        let items = sets.items(Split::Validation);
        let each = (PIXELS / items.len().max(1)).max(1);
        let mut answers = Self { scores: Vec::new(), truth: Vec::new() };
        for id in items {
            let item = sets.read(id)?;
            let ItemTruth::Labels(labels) = &item.truth else { continue };
            let known = labels.iter().filter(|l| **l != IGNORE).count();
            let (step, mut seen) = (known.div_ceil(each).max(1), 0);
            scores_of(predictor, &item.chip, |pixel, scores| {
                if labels[pixel] == IGNORE {
                    return;
                }
                if seen % step == 0 {
                    answers.scores.push(scores.to_vec());
                    answers.truth.push(usize::from(labels[pixel]));
                }
                seen += 1;
            })?;
        }
        Ok(answers)
    }

    /// Mean negative log-likelihood of the truth at a temperature.
    fn likelihood(&self, temperature: f64) -> f64 {
        let one = |(scores, truth): (&Vec<f32>, &usize)| {
            let at = |class: usize| f64::from(scores[class]) / temperature;
            let highest = (0..scores.len()).map(at).fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = (0..scores.len()).map(|c| (at(c) - highest).exp()).sum();
            sum.ln() + highest - at(*truth)
        };
        self.scores.iter().zip(&self.truth).map(one).sum::<f64>() / exact(self.truth.len().max(1))
    }

    /// The temperature of the smallest [`Answers::likelihood`], which has one minimum (it is convex in 1 / temperature):
    /// golden-section search over its logarithm.
    fn best_temperature(&self) -> Result<f32> {
        if self.truth.is_empty() {
            let problem = "the validation split has no known pixel";
            return Err(TrainError::refused(problem, "name data sets with labels").into());
        }
        let golden = (5f64.sqrt() - 1.0) / 2.0;
        let (mut low, mut high) = (0.05f64.ln(), 20f64.ln());
        let value = |log: f64| self.likelihood(log.exp());
        let (mut a, mut b) = (high - golden * (high - low), low + golden * (high - low));
        let (mut at_a, mut at_b) = (value(a), value(b));
        while high - low > 1e-4 {
            if at_a < at_b {
                (high, b, at_b) = (b, a, at_a);
                a = high - golden * (high - low);
                at_a = value(a);
            } else {
                (low, a, at_a) = (a, b, at_b);
                b = low + golden * (high - low);
                at_b = value(b);
            }
        }
        let temperature = narrow(rounded(f64::midpoint(low, high).exp()));
        Ok(temperature)
    }

    /// Expected calibration error at a temperature.
    fn error(&self, temperature: f64) -> Result<f64> {
        let mut bins = Reliability::default();
        for (scores, truth) in self.scores.iter().zip(&self.truth) {
            let best = (1..scores.len()).fold(0, |best, c| if scores[c] > scores[best] { c } else { best });
            let sum: f64 = scores.iter().map(|s| (f64::from(s - scores[best]) / temperature).exp()).sum();
            bins.add(1.0 / sum, best == *truth)?;
        }
        Ok(bins.expected_calibration_error().unwrap_or(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Rng;

    #[test]
    fn a_card_has_one_section_on_confidence() {
        let new = "### Confidence\n\nnew\n";
        let card = "# A\n\n## Scores\n\n- iou: 1\n\n### Confidence\n\nold\n\n| answer | x |\n\n### Where it is rare\n\n## Network\nx\n";
        let wanted = "# A\n\n## Scores\n\n- iou: 1\n\n### Confidence\n\nnew\n\n### Where it is rare\n\n## Network\nx\n";
        assert_eq!(with_confidence(card, new), wanted);
        assert_eq!(with_confidence(wanted, new), wanted);
        let before_groups = "## Scores\n### Confidence\nold\n\n| group | IoU |\n";
        assert_eq!(
            with_confidence(before_groups, new),
            "## Scores\n\n### Confidence\n\nnew\n\n| group | IoU |\n"
        );
        let older = "# A\n\n## Scores\n\n- iou: 1\n- expected calibration error: 0.2\n\n## Network\n";
        assert_eq!(
            with_confidence(older, new),
            "# A\n\n## Scores\n\n- iou: 1\n\n### Confidence\n\nnew\n\n## Network\n"
        );
        assert_eq!(with_confidence("by hand\n", new), "by hand\n\n### Confidence\n\nnew\n");
    }

    #[test]
    fn scores_that_promise_too_much_are_cooled_by_as_much() {
        // Truth is drawn from the softmax of the scores, then the scores are multiplied by 3.
        let mut rng = Rng::new(&[5]);
        let mut answers = Answers { scores: vec![], truth: vec![] };
        for _ in 0..20_000 {
            let score = rng.range(-2.0, 2.0);
            let share = 1.0 / (1.0 + (-score).exp());
            answers.scores.push(vec![0.0, narrow(3.0 * score)]);
            answers.truth.push(usize::from(rng.chance(share)));
        }
        let temperature = answers.best_temperature().unwrap();
        assert!((temperature - 3.0).abs() < 0.2, "{temperature}");
        let [before, after] = [1.0, f64::from(temperature)].map(|t| answers.error(t).unwrap());
        assert!(before > 0.1 && after < 0.02, "{before} {after}");
    }
}
