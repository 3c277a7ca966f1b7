//! What a network answers for a window's core.

use arpent_base::number::truncate;
use arpent_raster::{CONFIDENCE_NODATA, CONFIDENCE_SCALE, LABEL_NODATA, Raster, Window};

use crate::{ModelError, PixelDetection};

/// The prediction for a window's core.
#[derive(Debug, Clone, PartialEq)]
pub enum Prediction {
    /// Of a segmentation network.
    Labels {
        /// Class ids, [`LABEL_NODATA`] where the pixel is not valid.
        labels: Raster<u8>,
        /// Scores of these classes, `round(score / 0.004)`, [`CONFIDENCE_NODATA`] where the pixel is not valid.
        confidence: Raster<u8>,
    },
    /// Of a regression network: a raster for each of its values. NaN where the pixel is not valid, [`crate::NOT_FINITE`] where the
    /// output is no finite number.
    Values(Vec<Raster<f32>>),
    /// Of a detection network: peaks inside the core, by class, then (of a network with several maps) from the finest map to
    /// the coarsest, then row, then column. Boxes may extend beyond it.
    Detections(Vec<PixelDetection>),
}

/// Labels and confidence of a core before there is an answer.
pub(super) fn unanswered(core: &Window) -> (Vec<u8>, Vec<u8>) {
    let pixels = core.width * core.height;
    (vec![LABEL_NODATA; pixels], vec![CONFIDENCE_NODATA; pixels])
}

/// Labels and confidence of the pixels of a core.
pub(super) fn labelled(
    core: &Window,
    labels: Vec<u8>,
    confidence: Vec<u8>,
) -> Result<Prediction, ModelError> {
    let (labels, confidence) = (Raster::new(*core, labels)?, Raster::new(*core, confidence)?);
    Ok(Prediction::Labels { labels, confidence })
}

/// A share as it is stored: in steps of 0.004.
pub(super) fn quantize(share: f32) -> u8 {
    truncate::<u8>((f64::from(share) / CONFIDENCE_SCALE).round().clamp(0.0, 250.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_counted_in_steps() {
        assert_eq!((quantize(1.0), quantize(0.5), quantize(f32::NAN)), (250, 125, 0));
    }
}
