//! Reference layers: override classes, enrich features with attributes, compare with the map.

mod layers;
mod matched;
mod references;
mod rules;
mod together;

pub(crate) use layers::ReferenceLayers;
pub(crate) use references::{References, burn};
