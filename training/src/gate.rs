//! `gate.toml`: a package is written only if no territory is much worse than the others.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use arpent_base::config::{Document, NotUtf8, nearest};
use arpent_base::number::exact;
use arpent_base::{DoingWhat as _, Result};
use arpent_model::{GateResult, GateScore, ModelPackage};
use arpent_shell::message::notice;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::error::TrainError;
use crate::evaluate::{TerritoryScore, TerritoryScores, rounded};

/// Where the gate is, and whether a failure is accepted.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct GateArgs {
    /// Write the package only if its scores by territory pass this gate (TOML).
    #[arg(long, value_name = "FILE")]
    gate: Option<PathBuf>,
    /// Write it also if it fails; card and model.json say so.
    #[arg(long, requires = "gate")]
    force: bool,
}

/// What a model must fulfil to be written: no territory of its validation data is much worse than the mean.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GateConfig {
    /// The score that is compared: `mean_iou`, `mean_f1`, `overall_accuracy` or `balanced_accuracy`; of boxes
    /// `average_precision_50` or `mean_f1`.
    metric: String,
    /// How far a territory may be below the mean of all territories that are judged, 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    below_mean: f64,
    /// Fewest samples with truth (pixels, pictures or objects) of a territory that is judged; others are named.
    #[serde(default = "thousand")]
    least_samples: u64,
    /// Fewest territories that must be judged: with fewer, nothing passes.
    #[serde(default = "two")]
    #[schemars(range(min = 1))]
    least_territories: usize,
    /// What is compared with the mean: the score of a territory, or an end of its 95 % interval. `low` also fails
    /// territories that may be worse, `high` only those that are worse beyond doubt.
    #[serde(default)]
    judged_by: JudgedBy,
}

/// What is compared with the mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum JudgedBy {
    /// The score.
    #[default]
    Value,
    /// The low end of its interval.
    Low,
    /// The high end of its interval.
    High,
}

const fn thousand() -> u64 {
    1000
}

const fn two() -> usize {
    2
}

impl JudgedBy {
    const fn name(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Low => "low",
            Self::High => "high",
        }
    }

    /// `None` of an interval that is not there.
    fn of(self, score: &TerritoryScore) -> Option<f64> {
        match self {
            Self::Value => Some(score.value),
            Self::Low => score.interval.map(|[low, _]| low),
            Self::High => score.interval.map(|[_, high]| high),
        }
    }
}

/// A gate that was read.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    path: PathBuf,
    config: GateConfig,
    force: bool,
}

impl Gate {
    /// Reads the gate that was asked for, if any.
    pub(crate) fn read(args: &GateArgs) -> Result<Option<Self>> {
        let Some(path) = &args.gate else { return Ok(None) };
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Some(Self { path: path.clone(), config: parse(path, bytes)?, force: args.force }))
    }

    /// Judges a package by the scores of its territories, and records the result in it.
    ///
    /// # Errors
    /// When it fails and `--force` was not given.
    pub(crate) fn apply(
        &self,
        package: &mut ModelPackage,
        territories: &BTreeMap<String, TerritoryScores>,
    ) -> Result<()> {
        let result = self.config.judge(territories)?;
        result.left_out.iter().for_each(|line| notice(&format!("not judged by the gate: {line}")));
        let problem = (!result.passed).then(|| self.problem(&result));
        package.gate = Some(result);
        match problem {
            None => Ok(()),
            Some(problem) if self.force => {
                notice(&format!("{problem}; written anyway (--force)"));
                Ok(())
            }
            Some(problem) => {
                let hint = "label more of these territories and train again; or accept it with --force (after a training: --resume \
                            --force), which the card and model.json then say";
                Err(TrainError::refused(problem, hint).into())
            }
        }
    }

    fn problem(&self, result: &GateResult) -> String {
        let gate = self.path.display();
        let (judged, least) = (result.judged, result.least_territories);
        if judged < least {
            return format!(
                "the gate {gate} needs {least} territories with enough samples, there are {judged}"
            );
        }
        let each: Vec<String> = result.failed.iter().map(|score| told(score, &result.metric)).collect();
        format!(
            "the package does not pass the gate {gate}: more than {} below the mean {}: {}",
            result.below_mean,
            result.mean.unwrap_or_default(),
            each.join("; ")
        )
    }
}

/// `north: mean_iou 0.41 (0.35 to 0.47) of 4000 samples`
fn told(score: &GateScore, metric: &str) -> String {
    let interval = score.interval.map_or_else(String::new, |[low, high]| format!(" ({low} to {high})"));
    format!("{}: {metric} {}{interval} of {} samples", score.territory, score.value, score.samples)
}

fn parse(path: &Path, bytes: Vec<u8>) -> Result<GateConfig, TrainError> {
    let error = |line: usize, text: String, message: String, hint: Option<String>| TrainError::Config {
        path: path.to_owned(),
        line,
        table: None,
        text,
        message,
        hint,
    };
    let document = Document::from_bytes(bytes).map_err(|NotUtf8 { spot, message }| {
        error(spot.line, spot.text, message, Some(NotUtf8::HINT.to_owned()))
    })?;
    let config: GateConfig = toml::from_str(document.text()).map_err(|wrong| {
        let (message, hint) = document.explain(&wrong);
        let spot = document.spot_at(wrong.span().map_or(0, |span| span.start));
        error(spot.line, spot.text, message, hint)
    })?;
    if !(0.0..=1.0).contains(&config.below_mean) {
        let spot = document.spot_of(&"below_mean".into());
        let message = format!("`below_mean` is {}; it must be a number from 0 to 1", config.below_mean);
        let hint = "scores are shares: 0.1 is ten points of a hundred".to_owned();
        return Err(error(spot.line, spot.text, message, Some(hint)));
    }
    if config.least_territories == 0 {
        let spot = document.spot_of(&"least_territories".into());
        let message = "`least_territories` is 0; it must be 1 or more".to_owned();
        let hint =
            "a gate that judges no territory says nothing: leave the key out (2), or train without --gate"
                .to_owned();
        return Err(error(spot.line, spot.text, message, Some(hint)));
    }
    Ok(config)
}

impl GateConfig {
    /// The result on the scores of territories.
    fn judge(&self, territories: &BTreeMap<String, TerritoryScores>) -> Result<GateResult, TrainError> {
        let metric = &self.metric;
        let mut known: Vec<&str> =
            territories.values().flat_map(|of| of.scores.keys().map(String::as_str)).collect();
        known.sort_unstable();
        known.dedup();
        if !known.is_empty() && !known.contains(&metric.as_str()) {
            let problem = format!("the gate's metric is `{metric}`, which this task does not have");
            return Err(TrainError::refused(problem, nearest(metric, &known)));
        }
        let (mut judged, mut left_out) = (Vec::new(), Vec::new());
        for (name, of) in territories {
            let score = of.scores.get(metric);
            let compared = score.and_then(|score| self.judged_by.of(score));
            match (score, compared) {
                _ if of.samples < self.least_samples => left_out.push(format!(
                    "{name} has {} samples, the gate needs {}",
                    of.samples, self.least_samples
                )),
                (None, _) => left_out.push(format!("{name} has no {metric}: no truth of any class")),
                (Some(_), None) => left_out.push(format!("{name} has one picture, and so no interval")),
                (Some(score), Some(compared)) => judged.push((name, of.samples, score, compared)),
            }
        }
        let sum: f64 = judged.iter().map(|(_, _, score, _)| score.value).sum();
        let mean = (!judged.is_empty()).then(|| sum / exact(judged.len()));
        // A difference that is no more than rounding is none.
        let is_low = |compared: f64| mean.is_some_and(|mean| compared < mean - self.below_mean - 1e-12);
        let low = judged.iter().filter(|(_, _, _, compared)| is_low(*compared));
        let score = |(name, samples, score, _): &(&String, u64, &TerritoryScore, f64)| GateScore {
            territory: (*name).clone(),
            value: rounded(score.value),
            interval: score.interval.map(|ends| ends.map(rounded)),
            samples: *samples,
        };
        let mut failed: Vec<GateScore> = low.map(score).collect();
        failed.sort_by(|a, b| a.value.total_cmp(&b.value));
        let (judged, least_territories) = (judged.len(), self.least_territories);
        Ok(GateResult {
            metric: metric.clone(),
            below_mean: self.below_mean,
            judged_by: self.judged_by.name().into(),
            mean: mean.map(rounded),
            judged,
            least_territories,
            passed: failed.is_empty() && judged >= least_territories,
            failed,
            left_out,
        })
    }
}

/// The scores by territory of an evaluation, as `arpent-train fit` writes it to `run/validation.json`.
pub(crate) fn territories_of(detail: &serde_json::Value) -> Option<BTreeMap<String, TerritoryScores>> {
    BTreeMap::deserialize(detail.get("territories")?).ok()
}

const HEADING: &str = "## Gate";

/// A card with another section on the gate, at its end.
pub(crate) fn with_section(card: &str, result: &GateResult) -> String {
    let mut kept = Vec::new();
    let mut is_old = false;
    for line in card.lines() {
        is_old = line == HEADING || (is_old && !line.starts_with("## "));
        if !is_old {
            kept.push(line);
        }
    }
    format!("{}\n\n{}", kept.join("\n").trim_end(), section(result))
}

/// The section on the gate.
pub(crate) fn section(result: &GateResult) -> String {
    let verdict = if result.passed { "passed" } else { "**did not pass**" };
    let mean = result.mean.map_or_else(|| "-".to_owned(), |mean| mean.to_string());
    let mut text = format!(
        "{HEADING}\n\nThe package {verdict}: {} of no territory more than {} below the mean of {mean} ({} territories judged by the \
         {}, at least {} needed).\n",
        result.metric, result.below_mean, result.judged, result.judged_by, result.least_territories
    );
    for score in &result.failed {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n- {}", told(score, &result.metric));
    }
    for line in &result.left_out {
        let _ = writeln!(text, "\n- not judged: {line}");
    }
    text
}

/// The JSON schema of `gate.toml`.
pub(crate) fn schema() -> schemars::Schema {
    schemars::schema_for!(GateConfig)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn territories(scores: &[(&str, f64, u64)]) -> BTreeMap<String, TerritoryScores> {
        let one = |(name, value, samples): &(&str, f64, u64)| {
            let score = TerritoryScore { value: *value, interval: Some([value - 0.1, value + 0.1]) };
            let scores = BTreeMap::from([("mean_iou".to_owned(), score)]);
            ((*name).to_owned(), TerritoryScores { pictures: 4, samples: *samples, scores })
        };
        scores.iter().map(one).collect()
    }

    fn gate(text: &str) -> GateConfig {
        parse(Path::new("gate.toml"), text.as_bytes().to_vec()).unwrap()
    }

    const GATE: &str = "metric = \"mean_iou\"\nbelow_mean = 0.1\n";

    #[test]
    fn the_territory_that_is_far_below_the_mean_fails() {
        let of = territories(&[("a", 0.8, 5000), ("b", 0.8, 5000), ("c", 0.5, 5000), ("d", 0.1, 10)]);
        let result = gate(GATE).judge(&of).unwrap();
        assert!(!result.passed && result.mean == Some(0.7) && result.judged == 3);
        assert_eq!(result.failed.iter().map(|f| f.territory.as_str()).collect::<Vec<_>>(), ["c"]);
        assert!(result.left_out[0].contains("d has 10 samples"), "{:?}", result.left_out);
        // As far below as is allowed is allowed.
        assert!(gate("metric = \"mean_iou\"\nbelow_mean = 0.2\n").judge(&of).unwrap().passed);
        // The high end of its interval, 0.6, is 0.1 below; the low end of b, 0.7, is not.
        assert!(gate(&format!("{GATE}judged_by = \"high\"\n")).judge(&of).unwrap().passed);
        let low = gate("metric = \"mean_iou\"\nbelow_mean = 0.25\njudged_by = \"low\"\n").judge(&of).unwrap();
        assert_eq!(low.failed.len(), 1);
    }

    #[test]
    fn too_few_territories_pass_nothing_and_bad_gates_are_refused() {
        let one = territories(&[("a", 0.8, 5000)]);
        let result = gate(GATE).judge(&one).unwrap();
        assert!(!result.passed && result.failed.is_empty());
        assert!(gate(&format!("{GATE}least_territories = 1\n")).judge(&one).unwrap().passed);
        assert!(!gate(GATE).judge(&BTreeMap::new()).unwrap().passed);
        let unknown = gate("metric = \"mean_iuo\"\nbelow_mean = 0.1\n").judge(&one).unwrap_err();
        assert!(
            matches!(&unknown, TrainError::Refused { hint, .. } if hint.contains("mean_iou")),
            "{unknown}"
        );
        for (text, wanted) in [
            ("metric = \"mean_iou\"\nbelow_mean = 7\n", "must be a number from 0 to 1"),
            ("metric = \"mean_iou\"\nbelow = 0.1\n", "below"),
            ("metric = \"mean_iou\"\n", "below_mean"),
            (
                "metric = \"mean_iou\"\nbelow_mean = 0.1\nleast_territories = 0\n",
                "`least_territories` is 0; it must be 1 or more",
            ),
        ] {
            let error = parse(Path::new("gate.toml"), text.as_bytes().to_vec()).unwrap_err();
            assert!(error.to_string().contains("gate.toml") && error.to_string().contains(wanted), "{error}");
        }
    }

    #[test]
    fn a_card_has_one_section_on_the_gate() {
        let of = territories(&[("a", 0.8, 5000), ("b", 0.5, 5000)]);
        let result = gate(GATE).judge(&of).unwrap();
        let card = with_section("# A\n\n## Gate\n\nold\n\n## Network\n\nx\n", &result);
        assert!(
            card.starts_with("# A\n\n## Network\n\nx\n\n## Gate\n\nThe package **did not pass**"),
            "{card}"
        );
        assert!(
            !card.contains("old") && card.contains("- b: mean_iou 0.5 (0.4 to 0.6) of 5000 samples"),
            "{card}"
        );
        assert_eq!(with_section(&card, &result), card);
    }

    proptest::proptest! {
        /// A wider gate fails no more territories, whatever the scores.
        #[test]
        fn a_wider_gate_passes_more(values in proptest::collection::vec(0.0f64..1.0, 1..12), width in 0.0f64..0.5, more in 0.0f64..0.5) {
            let names: Vec<String> = (0..values.len()).map(|i| format!("t{i}")).collect();
            let scores: Vec<(&str, f64, u64)> = names.iter().zip(&values).map(|(n, v)| (n.as_str(), *v, 5000)).collect();
            let of = territories(&scores);
            let failed = |width: f64| gate(&format!("metric = \"mean_iou\"\nbelow_mean = {width:?}\n")).judge(&of).unwrap().failed.len();
            proptest::prop_assert!(failed((width + more).min(1.0)) <= failed(width));
            proptest::prop_assert_eq!(failed(1.0), 0);
        }
    }
}
