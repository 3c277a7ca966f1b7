//! What a review taught: as data, and in plain text.

use arpent_sampling::ShareEstimate;
use arpent_shell::energy::Energy;
use arpent_shell::lines::count;
use serde::{Deserialize as _, Serialize};
use serde_json::Value;

use super::hard_examples::ExampleCounts;
use super::lessons::{GroupLesson, LearnOptions, Lessons, Replay, Threshold};
use super::places::Gain;

/// Result of `arpent review learn`, as printed and as `learn.json`.
#[derive(Debug, Serialize)]
pub struct ReviewLearnReport {
    /// `arpent-review-learn/1`.
    pub format: &'static str,
    /// The folder.
    pub folder: String,
    /// Run id of the map.
    pub map: String,
    /// SHA-256 of its manifest.
    pub manifest_sha256: String,
    /// Name of the review.
    pub review: String,
    /// Digest of its decisions and seals.
    pub root: String,
    /// What was asked for.
    pub options: LearnOptions,
    /// Column of zones.
    pub zones: Option<String>,
    /// Decisions of the log.
    pub decisions: u64,
    /// Features of the map.
    pub features: u64,
    /// Features that are decided and have a score: what is learned from.
    pub learned_from: u64,
    /// Those of them that have a decision of a task of a sample.
    pub from_samples: u64,
    /// Features that are decided and have no score.
    pub without_score: u64,
    /// Features that are disputed, contested or withdrawn: nothing is learned from them.
    pub not_settled: u64,
    /// What was learned.
    #[serde(flatten)]
    pub lessons: Lessons,
    /// Hard examples.
    pub examples: ExampleCounts,
    /// What learning cost.
    pub energy: EnergyOfLearning,
}

/// What learning cost, beside what it costs to compute the map again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EnergyOfLearning {
    /// Of this process, from its start to the report. The decisions are the same each time, this number is not.
    pub learning: Energy,
    /// Of the run that made the map, as its manifest states it; none if it does not.
    pub map: Option<Energy>,
}

impl EnergyOfLearning {
    /// `map` is the energy in the manifest of the map.
    pub(super) fn of(learning: Energy, map: Option<&Value>) -> Self {
        Self { learning, map: map.and_then(|map| Energy::deserialize(map).ok()) }
    }
}

/// Lines of a text.
#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }
}

/// The report in plain text.
pub fn learned_text(report: &ReviewLearnReport) -> String {
    let mut text = Text::default();
    text.line(&format!(
        "What the decisions of the review {} teach about the map {}",
        report.review, report.map
    ));
    text.line(&format!("Digest of the review: {}", report.root));
    text.line(&format!(
        "{} decisions; {} of {} features are decided and have a score ({} without a score, {} not settled).",
        count(report.decisions),
        count(report.learned_from),
        count(report.features),
        count(report.without_score),
        count(report.not_settled)
    ));
    text.line(&format!(
        "{} of them are of tasks of a sample. Only a random sample speaks for the whole map: others are often the easy or the hard ones.",
        count(report.from_samples)
    ));
    text.line(&report.lessons.meaning);
    text.line("");
    text.line(
        "Probabilities (share right; Brier score before and after, at places held out; 95 % intervals)",
    );
    report.lessons.groups.iter().for_each(|group| of_group(group, &mut text));
    report.lessons.thresholds.iter().for_each(|threshold| of_threshold(threshold, &mut text));
    of_replay(report.lessons.replay.as_ref(), &mut text);
    of_examples(&report.examples, &mut text);
    of_energy(&report.energy, &mut text);
    text.0
}

fn of_energy(energy: &EnergyOfLearning, text: &mut Text) {
    let of = |energy: &Energy| format!("{:.6} Wh ({})", energy.watt_hours, energy.quality.name());
    let map = energy.map.as_ref().map_or_else(|| "not recorded".to_owned(), of);
    text.line("");
    text.line(&format!(
        "Energy: learning {}; the run of the map, and so about a run again, {map}",
        of(&energy.learning)
    ));
}

fn share(share: Option<&ShareEstimate>) -> String {
    share.map_or("not known".to_owned(), |s| format!("{:.3} ({:.3} to {:.3})", s.value, s.low, s.high))
}

fn gained(gain: &Gain) -> String {
    match (gain.low, gain.high) {
        (Some(low), Some(high)) => format!("{:.4} ({low:.4} to {high:.4})", gain.value),
        _ => format!("{:.4} (no interval: {} places)", gain.value, gain.places),
    }
}

fn of_group(group: &GroupLesson, text: &mut Text) {
    let zone = group.zone.as_ref().map_or(String::new(), |zone| format!(", zone {zone}"));
    let right = share(group.precision.as_ref());
    text.line(&format!("  {}{zone}: {} verdicts, right {right}", group.class, count(group.verdicts)));
    if let Some(of) = &group.recalibrated {
        let [before, after] = [of.before, of.after].map(|errors| errors.brier.unwrap_or_default());
        let word = match (of.improves, of.gain.low) {
            (true, _) => "better at other places of this map",
            (false, Some(_)) => "no improvement shown",
            (false, None) => "not known",
        };
        text.line(&format!("    Brier {before:.4} -> {after:.4}, gain {}: {word}", gained(&of.gain)));
    }
    if let Some(why) = &group.left_out {
        text.line(&format!("    left out: {why}"));
    }
}

fn of_threshold(threshold: &Threshold, text: &mut Text) {
    let class = threshold.class.as_deref().unwrap_or("all classes");
    let wanted = threshold.wanted;
    text.line("");
    let Some(score) = threshold.score else {
        let why = threshold.left_out.as_deref().unwrap_or("-");
        text.line(&format!("No threshold for the {wanted} of {class}: {why}"));
        return;
    };
    let at_least = threshold.at_least.map_or_else(String::new, |at_least| {
        format!(" with a precision of at least {at_least:.3} on this map (risk 5 %)")
    });
    text.line(&format!(
        "Threshold for the {wanted} of {class}: {score:.4} keeps {} features{at_least}; at places held out: precision {}, share of the right ones kept {}",
        threshold.features.map_or_else(String::new, count),
        share(threshold.precision.as_ref()),
        share(threshold.recall.as_ref()),
    ));
}

fn of_replay(replay: Option<&Replay>, text: &mut Text) {
    text.line("");
    text.line("What the decisions were worth");
    let Some(replay) = replay else {
        text.line("  too few verdicts to hold a half out");
        return;
    };
    text.line(&format!(
        "  Brier score on {} features of places held out, without any: {:.4}",
        count(replay.held_out),
        replay.brier_before
    ));
    for at in &replay.bought {
        text.line(&format!(
            "  {} decisions: {:.4}; in random order {:.4} ({:.4} to {:.4})",
            count(at.decisions),
            at.brier,
            at.random,
            at.random_low,
            at.random_high
        ));
    }
    let gain = replay.gain;
    text.line(&format!("  gain {}: {}.", gained(&gain), replay.conclusion));
}

fn of_examples(examples: &ExampleCounts, text: &mut Text) {
    let all: Vec<String> = examples.examples.iter().map(|(why, n)| format!("{} {why}", count(*n))).collect();
    text.line("");
    text.line(&format!("Hard examples: {}", if all.is_empty() { "none".to_owned() } else { all.join(", ") }));
    if examples.without_truth > 0 {
        text.line(&format!(
            "  {} absent features are not among them: no class of the map stands for the ground",
            count(examples.without_truth)
        ));
    }
    for why in &examples.left_out {
        text.line(&format!("  no set: {why}"));
    }
}
