//! Reference layers: override classes, enrich features with attributes, compare with the map.

mod matched;
mod plan;
mod references;
mod rules;
mod together;

pub(crate) use plan::Plan;
pub(crate) use references::References;
