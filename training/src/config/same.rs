//! Whether a package matches a configuration.

use arpent_model::{Dequantize, ModelPackage};
use arpent_raster::ReadAs;

use super::training::Config;
use crate::error::TrainError;

/// A package and a configuration have the same classes, in the same order, and values in the same unit, quantized in the same
/// way.
pub(crate) fn same_model(package: &ModelPackage, config: &Config) -> Result<(), TrainError> {
    let hint = "use the configuration that the package was trained with";
    let units = package.bands.iter().filter_map(|b| b.unit.as_deref());
    if let Some(unit) = units.into_iter().find(|unit| ReadAs::of_unit(unit) != config.model.values()) {
        let unit_of_config = config.model.unit();
        let problem = format!(
            "package `{}` has values in `{unit}`, the configuration in `{unit_of_config}` (model.unit)",
            package.id
        );
        return Err(TrainError::refused(problem, hint));
    }
    if let Some(band) = package.bands.iter().find(|band| band.dequantize != config.model.dequantize) {
        let words = |of: Option<Dequantize>| of.map_or("stored values".to_owned(), |of| of.describe());
        let problem = format!(
            "package `{}` takes {} of band `{}`, the configuration {} (model.dequantize)",
            package.id,
            words(band.dequantize),
            band.name,
            words(config.model.dequantize)
        );
        return Err(TrainError::refused(problem, hint));
    }
    let names = |classes: &[arpent_raster::Class]| classes.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
    let (of_package, of_config) = (names(package.classes.classes()), names(&config.classes));
    if of_package == of_config {
        return Ok(());
    }
    let problem = format!(
        "package `{}` has the classes {}, the configuration {}",
        package.id,
        of_package.join(", "),
        of_config.join(", ")
    );
    Err(TrainError::refused(problem, hint))
}
