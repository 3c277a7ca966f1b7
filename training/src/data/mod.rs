//! Training data: data sets, and the chips that are drawn from them.

mod augment;
mod cache;
mod crops;
mod cut;
mod paste;
mod rng;
mod sample;
mod sets;
mod statistics;
mod stock;

pub(crate) use cache::Cache;
pub(crate) use crops::Crops;
pub(crate) use rng::{Purpose, Rng};
pub(crate) use sample::{Draw, ObjectBox, Sample, Target};
pub(crate) use sets::{Item, ItemId, ItemTruth, Sets};
pub(crate) use statistics::{ItemStatistics, Moments, Statistics};
