//! The page, section by section.

use super::data::TrainingReport;
use super::{calibration, confusion, curves, detection, gallery, head, page, scene, scores};

impl TrainingReport {
    /// The page. Missing or inconsistent parts are replaced by a sentence; see [`TrainingReport::check`].
    pub(crate) fn to_html(&self) -> String {
        let mut sections = vec![
            head::section(self),
            curves::section(self.curves.as_ref()),
            scores::section(self),
            confusion::section(self),
            calibration::section(self.calibration.as_ref()),
        ];
        if self.detection.is_some() || self.model.task == "object-detection" {
            sections.push(detection::section(self));
        }
        sections.extend(scene::section(self));
        sections.extend([gallery::section(self), head::limits(&self.limits), head::configuration(self)]);
        page::page(self, &sections).into_string()
    }
}
