//! The first state of a network, from the training's random numbers.

pub(crate) use arpent_model::{Network, fold};

use arpent_model::{Architecture, Weights};

use crate::data::{Purpose, Rng};

/// Random weights of a seed.
pub(crate) fn initial(architecture: &Architecture, seed: u64) -> Weights {
    arpent_model::initial(architecture, |layer| {
        let mut rng = Rng::new(&[seed, Purpose::Weights as u64, layer]);
        move || rng.normal()
    })
}
