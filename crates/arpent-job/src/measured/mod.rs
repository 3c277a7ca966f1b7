//! Measured values of regression models: their raster, their statistics, and the classes that breaks make of one.

mod classes;
mod error;
mod rows;

pub(crate) use classes::ValueClasses;
pub use error::MeasuredError;
pub(crate) use rows::{MeasuredRows, has_output, hide};
