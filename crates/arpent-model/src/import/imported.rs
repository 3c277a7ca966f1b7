//! What an import gives.

use crate::adopt::Adopted;
use crate::{ModelPackage, Weights};

/// What was imported of a file.
#[derive(Debug)]
pub struct Imported {
    /// The description of the package.
    pub package: ModelPackage,
    /// Its weights, or its graph.
    pub weights: Weights,
    /// How the tensors of a checkpoint were taken; `None` for a graph.
    pub adopted: Option<Adopted>,
    /// What a user has to know, a sentence each.
    pub notes: Vec<String>,
}
