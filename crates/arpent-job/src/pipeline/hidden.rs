//! Windows whose answers no map shows: everything in their core is masked.

use arpent_base::Result;
use arpent_model::Prediction;
use arpent_raster::{CONFIDENCE_NODATA, Chip, LABEL_NODATA, Raster, Window};

use crate::job::MapJob;
use crate::mask::{Masks, OBSERVED};

/// Looks up which windows are masked, for one reader.
#[derive(Debug)]
pub(super) struct HiddenWindows<'a> {
    /// `None` where every window is predicted.
    masks: Option<Masks<'a>>,
    /// Number of measured values; 0 for classes.
    values: usize,
}

impl<'a> HiddenWindows<'a> {
    /// For a map; `values` is `None` for a model that finds boxes: boxes of a masked window suppress others beside it.
    ///
    /// # Errors
    /// When a mask cannot be opened.
    pub(super) fn new(map: &'a MapJob, values: Option<usize>) -> Result<Self> {
        // A worker has not read vector layers: it predicts what they hide.
        let wanted = values.is_some() && !map.masks.is_empty() && map.masks.is_ready();
        let masks = wanted.then(|| Masks::open(&map.masks, map.grid())).transpose()?;
        Ok(Self { masks, values: values.unwrap_or(0) })
    }

    /// What stands for the answer of a window whose valid pixels are all masked; `None` for any other. Which pixels would have
    /// an answer is counted when they are hidden, so it says that of each.
    ///
    /// # Errors
    /// When a mask cannot be read.
    pub(super) fn answer(&mut self, chip: &Chip, core: &Window) -> Result<Option<Prediction>> {
        let Some(masks) = &mut self.masks else { return Ok(None) };
        let Some((col, row)) = chip.window.offset_of(core) else { return Ok(None) };
        let rows = row..row + core.height;
        let valid: Vec<bool> =
            rows.flat_map(|y| &chip.valid[y * chip.window.width + col..][..core.width]).copied().collect();
        let reasons = masks.of_rows(core, &valid)?;
        if reasons.iter().zip(&valid).any(|(reason, valid)| *valid && *reason == OBSERVED) {
            return Ok(None);
        }
        let of = |answer: u8, none: u8| valid.iter().map(move |valid| if *valid { answer } else { none });
        if self.values == 0 {
            let labels = Raster::new(*core, of(0, LABEL_NODATA).collect())?;
            let confidence = Raster::new(*core, of(0, CONFIDENCE_NODATA).collect())?;
            return Ok(Some(Prediction::Labels { labels, confidence }));
        }
        let value: Vec<f32> = valid.iter().map(|valid| if *valid { 0.0 } else { f32::NAN }).collect();
        let values = (0..self.values).map(|_| Raster::new(*core, value.clone()));
        Ok(Some(Prediction::Values(values.collect::<Result<_, _>>()?)))
    }
}
