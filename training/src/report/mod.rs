//! The report of a training: one HTML file that needs nothing beside it, for people who decide whether to use the
//! weights. It has no script and loads nothing.
//!
//! Pages are written with `maud`: its templates are checked by the compiler and escape every text that is put in, which
//! matters because names of classes, groups and items come from users' data. `PreEscaped` is used once, for the style.

mod calibration;
mod chart;
mod check;
mod command;
mod confusion;
mod curves;
mod data;
mod detection;
mod gallery;
mod head;
mod number;
mod page;
mod pixels;
mod scale;
mod scene;
mod scores;
mod special;

#[cfg(test)]
mod example;
#[cfg(test)]
mod tests;

pub(crate) use command::{ReportArgs, read, run};
pub(crate) use data::*;

impl TrainingReport {
    /// The page. Whatever is missing or does not fit is told in words; see [`TrainingReport::check`].
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
