//! The parts of a report besides the scores.

use arpent_base::number::fitted;
use arpent_model::ModelPackage;

use crate::config::{Config, TaskKind};
use crate::evaluate::Shown;
use crate::evaluate::figures::SceneShown;
use crate::fit::{Epoch, Trained};
use crate::report::{
    Curves, DataFacts, EpochFacts, FORMAT, ModelFacts, RunFacts, Sharing, SplitFacts, TrainingReport,
};

/// A finished training.
pub(super) struct Facts<'a> {
    pub(super) config: &'a Config,
    pub(super) package: &'a ModelPackage,
    pub(super) trained: &'a Trained,
    pub(super) parameters: usize,
    pub(super) splits: Vec<SplitFacts>,
    pub(super) scenes: Vec<SceneShown>,
    pub(super) told: &'a [String],
}

impl Facts<'_> {
    /// The report, with the evaluation's part and the epochs of the log.
    pub(super) fn report(self, shown: Shown, epochs: &[Epoch]) -> TrainingReport {
        TrainingReport {
            format: FORMAT.into(),
            model: self.model(),
            classes: self.package.classes.clone(),
            run: self.run(epochs.last()),
            curves: Some(self.curves(epochs)),
            scores: shown.scores,
            confusion: shown.confusion,
            calibration: shown.calibration,
            detection: shown.detection,
            gallery: shown.gallery,
            limits: self.limits(),
            scenes: self.scenes,
            config_toml: Some(self.config.document.text().to_owned()),
            data: DataFacts {
                sources: self.package.training_data.clone(),
                splits: self.splits,
                group_kind: None,
                told: self.told.to_vec(),
            },
        }
    }

    fn model(&self) -> ModelFacts {
        let task = match self.config.task {
            TaskKind::SemanticSegmentation => "semantic-segmentation",
            TaskKind::ChangeDetection => "change-detection",
            TaskKind::ObjectDetection => "object-detection",
            TaskKind::SceneClassification => "scene-classification",
        };
        let because = self.package.restriction.clone();
        ModelFacts {
            title: self.package.title.clone(),
            id: self.package.id.clone(),
            version: self.package.version.clone(),
            task: task.into(),
            parameters: Some(self.parameters as u64),
            gflop_per_mpx: Some(arpent_model::flop_per_pixel(&self.package.architecture) / 1e3),
            sharing: Some(Sharing {
                allowed: because.is_none(),
                because: because.unwrap_or_else(|| "the licenses of all its training data allow it".into()),
            }),
        }
    }

    fn run(&self, last: Option<&Epoch>) -> RunFacts {
        RunFacts {
            date: None,
            seed: Some(self.config.fit.seed),
            device: Some(self.trained.device.title().into()),
            duration_s: last.map(|e| e.seconds),
            energy: self.package.energy.clone(),
            software: Some(format!(
                "arpent-train {}, Burn {}",
                env!("CARGO_PKG_VERSION"),
                arpent_model::BURN_VERSION
            )),
        }
    }

    fn curves(&self, epochs: &[Epoch]) -> Curves {
        let name = self.config.fit.score.clone();
        let score = |e: &Epoch| match &name {
            Some(name) => e.scores.get(name).copied(),
            None => e.scores.get("mean_iou").or(e.scores.values().next()).copied(),
        };
        let facts = |e: &Epoch| EpochFacts {
            number: fitted(e.number),
            training_loss: Some(e.loss),
            validation_loss: e.validation_loss,
            learning_rate: Some(e.rate),
            score: score(e),
        };
        Curves {
            epochs: epochs.iter().map(facts).collect(),
            score_name: name.clone(),
            best_epoch: Some(fitted(self.trained.epoch)),
        }
    }

    fn limits(&self) -> Vec<String> {
        let gsd = &self.package.gsd_m;
        let mut limits = vec![
            format!("It is for bands and values as in training, at a GSD of {} to {} m.", gsd.min, gsd.max),
            "Its maps are proposals: a named person decides.".into(),
        ];
        if self.package.territories.is_empty() {
            limits.push("No territory of validation is named.".into());
        } else {
            limits.push(format!(
                "It was validated on {} only; elsewhere it is untested.",
                self.package
                    .territories
                    .iter()
                    .map(arpent_model::Territory::name)
                    .collect::<Vec<_>>()
                    .join(", ")
            ));
        }
        limits
    }
}
