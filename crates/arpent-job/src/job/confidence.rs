//! Confidences of a job: corrected by the model's validation data, and which answers they leave undecided (ADR 0032).

use arpent_base::config::{Key, nearest};
use arpent_base::{Diagnostic, listed_of};
use arpent_model::{AnswerTables, ModelPackage};
use arpent_publish::{UndecidedClass, UndecidedCounts, Warning};
use arpent_raster::{CONFIDENCE_SCALE, Class, Color, LABEL_NODATA, Nomenclature};
use thiserror::Error;

use crate::config::Config;

/// Name of the class of answers that are left undecided.
pub const UNDECIDED: &str = "undecided";

/// A configuration of confidences that a model cannot fulfil.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfidenceError {
    /// `[abstain]` with a model that finds boxes.
    #[error(
        "[abstain]: the model `{model}` finds boxes; those below its threshold are not published in any case"
    )]
    Boxes {
        /// The model.
        model: String,
    },
    /// A model whose right answers were not counted.
    #[error("[{table}]: the model `{model}` has no tables of right answers: its risk is not known")]
    NoTables {
        /// The table of the configuration.
        table: &'static str,
        /// The model.
        model: String,
    },
    /// A model of measured values: its answers are no classes, and none is right or wrong.
    #[error("[{table}]: the model `{model}` measures values, which have no confidence")]
    Values {
        /// The table of the configuration.
        table: &'static str,
        /// The model.
        model: String,
    },
    /// A territory that the model has no tables of.
    #[error("confidence.territory: the model has no tables of `{territory}`; it has {available}")]
    UnknownTerritory {
        /// The territory.
        territory: String,
        /// Those with tables.
        available: String,
        /// A hint with the territory that was probably meant.
        meant: String,
    },
    /// A model that has such a class itself.
    #[error("[abstain]: the model `{model}` has a class `undecided` of its own")]
    ClassTaken {
        /// The model.
        model: String,
    },
    /// A model that leaves no value for the class.
    #[error(
        "[abstain]: the model `{model}` has {classes} classes, which leaves no value for undecided answers"
    )]
    NoValue {
        /// The model.
        model: String,
        /// Number of its classes.
        classes: usize,
    },
}

impl Diagnostic for ConfidenceError {
    fn key(&self) -> Option<Key> {
        Some(match self {
            Self::NoTables { table: "confidence", .. }
            | Self::Values { table: "confidence", .. }
            | Self::UnknownTerritory { .. } => "confidence.territory".into(),
            _ => "abstain.max_risk".into(),
        })
    }

    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Boxes { .. } => {
                "remove [abstain]; to publish fewer boxes, raise detection.threshold in model.json"
            }
            Self::NoTables { .. } => {
                "count them on the validation data of its training, `arpent-train calibrate PACKAGE train.toml --by-class`, or remove the table"
            }
            Self::Values { table, .. } => return Some(format!("remove [{table}]")),
            Self::UnknownTerritory { meant, .. } => return Some(meant.clone()),
            Self::ClassTaken { .. } => "rename the class in model.json, or remove [abstain]",
            Self::NoValue { .. } => "remove [abstain], or choose a model with fewer classes",
        };
        Some(text.to_owned())
    }
}

/// What becomes of an answer: it depends on its class, its confidence and the job's territory alone, so every place has
/// the same in every window.
#[derive(Debug, Clone, Default)]
pub(crate) struct Confidences {
    /// The corrected confidence for each class and stored one.
    corrected: Option<Vec<[u8; 256]>>,
    undecided: Option<Undecided>,
}

/// Answers that are left undecided.
#[derive(Debug, Clone)]
struct Undecided {
    class: Class,
    max_risk: f64,
    territory: Option<String>,
    /// By class, the lowest stored confidence of an answer that is given; above every confidence if none is.
    lowest: [u16; 256],
    classes: Vec<(u8, UndecidedClass)>,
}

/// Answers of a map by class, and those of them that are left undecided.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    answers: [u64; 256],
    undecided: [u64; 256],
    /// Undecided pixels of the published map, and their area, square meters.
    published: (u64, f64),
    /// Undecided pixels that have a class in it.
    given: u64,
}

impl Default for Tally {
    fn default() -> Self {
        Self { answers: [0; 256], undecided: [0; 256], published: (0, 0.0), given: 0 }
    }
}

impl Tally {
    /// Adds undecided pixels of a row of the published map.
    pub(crate) fn publish(&mut self, pixels: u64, area_m2: f64) {
        self.published.0 += pixels;
        self.published.1 += area_m2;
    }

    /// Adds undecided pixels that were given a class after the network.
    pub(crate) fn give(&mut self, pixels: u64) {
        self.given += pixels;
    }
}

impl Confidences {
    /// Of a configuration and its model.
    ///
    /// # Errors
    /// [`ConfidenceError`].
    pub(super) fn new(config: &Config, model: &ModelPackage) -> Result<Self, ConfidenceError> {
        let territory = config.confidence.as_ref().and_then(|options| options.territory.as_deref());
        let id = || model.id.clone();
        if config.abstain.is_some() && model.is_detection() {
            return Err(ConfidenceError::Boxes { model: id() });
        }
        let Some(tables) = model.calibration.as_ref().and_then(|calibration| calibration.answers.as_ref())
        else {
            let table = match (config.abstain.is_some(), territory) {
                (true, _) => "abstain",
                (false, Some(_)) => "confidence",
                (false, None) => return Ok(Self::default()),
            };
            return Err(if model.is_regression() {
                ConfidenceError::Values { table, model: id() }
            } else {
                ConfidenceError::NoTables { table, model: id() }
            });
        };
        if let Some(territory) = territory.filter(|name| !tables.territories.contains_key(*name)) {
            let names: Vec<&str> = tables.territories.keys().map(String::as_str).collect();
            let (available, meant) = (listed_of(&names, "territories"), nearest(territory, &names));
            return Err(ConfidenceError::UnknownTerritory {
                territory: territory.to_owned(),
                available,
                meant,
            });
        }
        let of_classes = tables.of(territory);
        let same: [u8; 256] = std::array::from_fn(|step| u8::try_from(step).unwrap_or(u8::MAX));
        let mut corrected = vec![same; 256];
        for (class, table) in &of_classes {
            corrected[usize::from(*class)] = table.corrected();
        }
        let undecided = config
            .abstain
            .map(|options| Undecided::new(options.max_risk, (tables, territory), model))
            .transpose()?;
        Ok(Self { corrected: Some(corrected), undecided })
    }

    /// The class of undecided answers, if there may be any.
    pub(crate) fn undecided_class(&self) -> Option<&Class> {
        self.undecided.as_ref().map(|undecided| &undecided.class)
    }

    /// The classes of the published map: those of answers, and that of undecided ones.
    pub(super) fn classes(&self, predicted: &Nomenclature) -> Nomenclature {
        let classes = predicted.classes().iter().chain(self.undecided_class()).cloned().collect();
        Nomenclature::new(classes).expect("the value of undecided answers is free")
    }

    /// Corrects the confidences of rows in place, and returns their published classes, if some may be undecided.
    pub(crate) fn apply(&self, labels: &[u8], confidence: &mut [u8], tally: &mut Tally) -> Option<Vec<u8>> {
        let decided = self.undecided.as_ref().map(|of| of.decide(labels, confidence, tally));
        if let Some(corrected) = &self.corrected {
            for (class, value) in labels.iter().zip(confidence) {
                *value = corrected[usize::from(*class)][usize::from(*value)];
            }
        }
        decided
    }

    /// What is left undecided, without counts: what is expected of a map.
    pub(crate) fn expected(&self) -> Option<UndecidedCounts> {
        Some(self.undecided.as_ref()?.counts(&Tally::default()))
    }

    /// What is left undecided of a map.
    pub(crate) fn counts(&self, tally: &Tally) -> Option<UndecidedCounts> {
        Some(self.undecided.as_ref()?.counts(tally))
    }

    /// Warnings about classes of which no answer is given.
    pub(super) fn warnings(&self) -> impl Iterator<Item = Warning> {
        let never = self.undecided.iter().flat_map(|of| of.classes.iter().map(move |(_, class)| (of, class)));
        never.filter(|(_, class)| class.lowest.is_none()).map(|(of, class)| {
            let why = if class.table == "none" {
                "its validation data were too few to know its risk".to_owned()
            } else {
                format!(
                    "on validation data, more than {} of even its most certain answers are wrong",
                    of.max_risk
                )
            };
            let message = format!("every answer of the class `{}` is left undecided: {why}", class.class);
            Warning::new("always-undecided", &class.class, message).with_hint(
                "raise abstain.max_risk, or calibrate the model on more validation data of the class",
            )
        })
    }
}

impl Undecided {
    fn new(
        max_risk: f64,
        (tables, territory): (&AnswerTables, Option<&str>),
        model: &ModelPackage,
    ) -> Result<Self, ConfidenceError> {
        let of_model = model.classes.classes();
        if of_model.iter().any(|class| class.name == UNDECIDED) {
            return Err(ConfidenceError::ClassTaken { model: model.id.clone() });
        }
        let is_free = |id: &u8| model.classes.by_id(*id).is_none();
        let id = (0..LABEL_NODATA).rev().find(is_free);
        let id =
            id.ok_or_else(|| ConfidenceError::NoValue { model: model.id.clone(), classes: of_model.len() })?;
        let class = Class {
            id,
            name: UNDECIDED.to_owned(),
            name_fr: Some("indéterminé".to_owned()),
            code: None,
            color: Color([189, 189, 189]),
            features: true,
        };
        let own = territory.and_then(|name| tables.territories.get(name));
        let of_classes = tables.of(territory);
        let mut lowest = [u16::MAX; 256];
        let mut classes = Vec::with_capacity(of_model.len());
        for class in of_model {
            let table = of_classes.get(&class.id);
            let kept = table.and_then(|table| table.kept(max_risk));
            if let Some(kept) = kept {
                lowest[usize::from(class.id)] = u16::from(kept.from);
            }
            let is_own = own.is_some_and(|own| own.iter().any(|table| table.class == class.id));
            let told = UndecidedClass {
                class: class.name.clone(),
                table: match (table, territory) {
                    (None, _) => "none".to_owned(),
                    (Some(_), Some(name)) if is_own => name.to_owned(),
                    (Some(_), _) => "all".to_owned(),
                },
                lowest: kept.map(|kept| f64::from(kept.from) * CONFIDENCE_SCALE),
                expected_coverage: kept.map_or(0.0, |kept| kept.coverage),
                expected_risk: kept.map(|kept| kept.risk),
                ..UndecidedClass::default()
            };
            classes.push((class.id, told));
        }
        Ok(Self { class, max_risk, territory: territory.map(str::to_owned), lowest, classes })
    }

    /// The published classes of rows.
    fn decide(&self, labels: &[u8], confidence: &[u8], tally: &mut Tally) -> Vec<u8> {
        let one = |(class, confidence): (&u8, &u8)| {
            let at = usize::from(*class);
            tally.answers[at] += 1;
            if *class == LABEL_NODATA || u16::from(*confidence) >= self.lowest[at] {
                return *class;
            }
            tally.undecided[at] += 1;
            self.class.id
        };
        labels.iter().zip(confidence).map(one).collect()
    }

    fn counts(&self, tally: &Tally) -> UndecidedCounts {
        let of_class = |(id, class): &(u8, UndecidedClass)| UndecidedClass {
            pixels: tally.answers[usize::from(*id)],
            pixels_undecided: tally.undecided[usize::from(*id)],
            ..class.clone()
        };
        let classes: Vec<UndecidedClass> = self.classes.iter().map(of_class).collect();
        let (all, pixels) = classes
            .iter()
            .fold((0, 0), |(all, undecided), class| (all + class.pixels, undecided + class.pixels_undecided));
        UndecidedCounts {
            class: self.class.name.clone(),
            value: self.class.id,
            max_risk: self.max_risk,
            territory: self.territory.clone(),
            pixels,
            share: arpent_base::number::exact(pixels) / arpent_base::number::exact(all).max(1.0),
            pixels_published: tally.published.0,
            published_m2: tally.published.1,
            pixels_given: tally.given,
            classes,
        }
    }
}
