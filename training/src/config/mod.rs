//! `train.toml`: what to fit, on what, and how.

mod check;
mod identity;
mod parse;
mod read;
mod same;
mod tables;
mod training;
mod written;

pub(crate) use arpent_base::config::nearest;
pub(crate) use identity::{TOLERANCE_F1, difference};
pub(crate) use same::same_model;
pub(crate) use tables::{Augment, ClassWeights, Evaluate, Fit, Keep, Paste, StoredWeights, Term, TermKind};
pub(crate) use training::{Config, Overrides, SetEntry, TaskKind};
pub(crate) use written::schema;
