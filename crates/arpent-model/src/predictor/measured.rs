//! What a regression network answers with.

use arpent_raster::{Raster, Window};

use super::seen::Seen;
use super::{Prediction, Predictor, valid};
use crate::ModelError;

impl Predictor {
    /// The measured values of a core: the network's output, in the units of the package.
    pub(super) fn measured(&self, seen: &Seen, core: &Window) -> Result<Prediction, ModelError> {
        let (mut planes, area) = (self.planes(seen, core)?, core.width * core.height);
        let is_valid: Vec<bool> = valid(seen.chip, core).collect();
        let mut values = Vec::with_capacity(self.values.len());
        for (plane, value) in planes.chunks_exact_mut(area.max(1)).zip(&self.values) {
            for (output, valid) in plane.iter_mut().zip(&is_valid) {
                *output = if *valid { value.published(*output) } else { f32::NAN };
            }
            values.push(Raster::new(*core, plane.to_vec())?);
        }
        Ok(Prediction::Values(values))
    }
}
