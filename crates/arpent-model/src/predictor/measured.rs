//! What a regression network answers with.

use arpent_raster::{Raster, RasterError, Window};

use super::prediction::Prediction;
use crate::MeasuredValue;

/// The measured values of a core, in the units of the package: `planes` are the network's outputs, plane by plane.
pub(super) fn measured(
    values: &[MeasuredValue],
    core: &Window,
    mut planes: Vec<f32>,
    valid: impl Iterator<Item = bool>,
) -> Result<Prediction, RasterError> {
    let (area, is_valid) = (core.width * core.height, valid.collect::<Vec<_>>());
    let mut rasters = Vec::with_capacity(values.len());
    for (plane, value) in planes.chunks_exact_mut(area.max(1)).zip(values) {
        for (output, valid) in plane.iter_mut().zip(&is_valid) {
            *output = if *valid { value.published(*output) } else { f32::NAN };
        }
        rasters.push(Raster::new(*core, plane.to_vec())?);
    }
    Ok(Prediction::Values(rasters))
}
