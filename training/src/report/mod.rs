//! The report of a training: one self-contained HTML file, for people who decide whether to use the
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
mod html;
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
