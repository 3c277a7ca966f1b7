//! The answers of detectors: peaks, boxes of places, boxes of a whole window.

use arpent_raster::Window;

use super::seen::Seen;
use super::{Body, Prediction, Predictor, engine_error, valid};
use crate::anchors::{Boxes, Doubled, Scored};
use crate::locations::Maps;
use crate::peaks::Heat;
use crate::{Detection, ModelError};

impl Predictor {
    /// The peaks of the scores in the core.
    pub(super) fn detections(
        &self,
        seen: &Seen,
        core: &Window,
        settings: Detection,
    ) -> Result<Prediction, ModelError> {
        let window = core.grow(1);
        let all = self.planes(seen, &window)?;
        let valid: Vec<bool> = valid(seen.chip, &window).collect();
        let heat = Heat { window, planes: &all, valid: &valid };
        let classes = self.class_ids.iter().enumerate();
        let peaks = classes.flat_map(|(i, id)| heat.peaks(i, *id, settings.threshold)).collect();
        Ok(Prediction::Detections(peaks))
    }

    /// The boxes that pixels of maps in the core answer with.
    pub(super) fn located(
        &self,
        seen: &Seen,
        core: &Window,
        settings: Detection,
    ) -> Result<Prediction, ModelError> {
        let window = core.grow(self.neighbors);
        let mut maps = Maps::new(window, &self.strides, self.class_ids.len());
        if let Body::Cpu(engine) = &self.body {
            let picture = self.picture(&seen.view, &window);
            engine.run(&picture, seen, |answers| maps.take(answers, picture.rows.0))?;
        } else {
            maps.take_planes(&self.planes(seen, &window)?);
        }
        let valid: Vec<bool> = valid(seen.chip, &window).collect();
        Ok(Prediction::Detections(maps.found(core, &valid, &self.class_ids, settings.threshold)))
    }

    /// The boxes of a whole window whose center is a valid pixel of the core.
    pub(super) fn boxes(
        &self,
        seen: &Seen,
        core: &Window,
        settings: Detection,
        classes: usize,
    ) -> Result<Prediction, ModelError> {
        let (view, factor) = (seen.view, self.enlarged);
        let remaining: Vec<Scored> = match &self.body {
            Body::Cpu(engine) => {
                let mut found = Boxes::new(classes, settings.threshold, factor * view.width);
                let source = Doubled { source: seen, size: (view.width, view.height) };
                engine.run(&self.picture(&view, core), &source, |answers| found.take(answers))?;
                found.remaining(settings.iou)
            }
            Body::Onnx(body) => {
                let planes = self.planes_of(seen, &view).0.data;
                let found = body.boxes(planes, settings.threshold, settings.iou);
                found.map_err(|reason| engine_error(seen.chip, reason))?
            }
            Body::Gpu(_) => {
                let reason = "boxes of anchors are computed on the CPU only".into();
                return Err(engine_error(seen.chip, reason));
            }
        };
        let (left, above) = seen.offset();
        let is_valid =
            |(y, x): (usize, usize)| seen.chip.valid[(above + y) * seen.chip.window.width + left + x];
        let mut kept = Vec::new();
        for one in remaining {
            // At the window's edge, nothing may be left of a box.
            if let Some(center) = one.center_in(&view, core, factor).filter(|center| is_valid(*center)) {
                kept.push(((one.class, center), one.detection(&view, factor, self.class_ids[one.class])));
            }
        }
        // By class, row and column of the center; boxes of one pixel stay in the order of their scores.
        kept.sort_by_key(|(key, _)| *key);
        Ok(Prediction::Detections(kept.into_iter().map(|(_, found)| found).collect()))
    }
}
