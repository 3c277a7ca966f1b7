//! Classes of a measured value.

use arpent_base::number::{exact, truncate};
use arpent_model::{MeasuredValue, ModelPackage};
use arpent_raster::{Class, LABEL_NODATA, Nomenclature, viridis};

use super::error::MeasuredError;
use crate::config::{Config, ReferenceOptions};

/// The value that classes are made of, and its breaks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ValueClasses {
    /// Number of the value among those of the model.
    pub(crate) value: usize,
    breaks: Vec<f32>,
}

impl ValueClasses {
    /// The classes that a configuration makes of the values of a model, if it makes any.
    ///
    /// # Errors
    /// [`MeasuredError`], for parts of the configuration that do not fit the model.
    pub(crate) fn of(config: &Config, model: &ModelPackage) -> Result<Option<Self>, MeasuredError> {
        let id = || model.id.clone();
        let names = || model.values.iter().map(|v| format!("`{}`", v.name)).collect::<Vec<_>>().join(", ");
        let Some(options) = config.values.as_ref() else {
            let wanted = [
                ("coverage", config.coverage.is_some()),
                ("ocs_ge", config.ocs_ge.is_some()),
                ("reference", config.reference != ReferenceOptions::default()),
                ("features.classes", config.features.classes.is_some()),
            ];
            return match wanted.into_iter().find(|(_, is_set)| *is_set && model.is_regression()) {
                Some((key, _)) => Err(MeasuredError::NeedsClasses { model: id(), values: names(), key }),
                None => Ok(None),
            };
        };
        if !model.is_regression() {
            let gives = if model.is_detection() { "boxes" } else { "classes" };
            return Err(MeasuredError::OfClasses { model: id(), gives });
        }
        let named = |name: &String| model.values.iter().position(|value| value.name == *name);
        let value = match &options.of {
            Some(name) => named(name),
            None => (model.values.len() == 1).then_some(0),
        };
        let unknown = || MeasuredError::Unknown { model: id(), name: options.of.clone(), values: names() };
        Ok(Some(Self { value: value.ok_or_else(unknown)?, breaks: options.breaks.clone() }))
    }

    /// The classes: below the first break, between two, and from the last on.
    pub(crate) fn nomenclature(&self, model: &ModelPackage) -> Nomenclature {
        let unit = model.values.get(self.value).and_then(|value: &MeasuredValue| value.unit.as_deref());
        let unit = unit.filter(|unit| *unit != "1").map_or_else(String::new, |unit| format!(" {unit}"));
        let last = self.breaks.len();
        let class = |index: usize| {
            let before = index.checked_sub(1).map(|before| self.breaks[before]);
            let (name, name_fr) = match (before, self.breaks.get(index)) {
                (None, Some(end)) => (format!("below {end}{unit}"), format!("moins de {end}{unit}")),
                (Some(from), Some(end)) => {
                    (format!("{from} to {end}{unit}"), format!("de {from} à {end}{unit}"))
                }
                (Some(from), None) => (format!("{from}{unit} and more"), format!("{from}{unit} et plus")),
                (None, None) => unreachable!("there is a break"),
            };
            let color = viridis(exact(index) / exact(last));
            let id = truncate::<u8>(exact(index));
            Class { id, name, name_fr: Some(name_fr.replace('.', ",")), code: None, color, features: true }
        };
        // Ids count up, and there are fewer than 255: the configuration was checked.
        Nomenclature::new((0..=last).map(class).collect()).unwrap_or_default()
    }

    /// The class of a value: nodata for one that is no finite number.
    pub(super) fn class_of(&self, value: f32) -> u8 {
        if !value.is_finite() {
            return LABEL_NODATA;
        }
        truncate::<u8>(exact(self.breaks.partition_point(|from| *from <= value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_break_belongs_to_the_class_above_it() {
        let classes = ValueClasses { value: 0, breaks: vec![2.0, 5.0] };
        let of = [-3.0, 1.999, 2.0, 4.99, 5.0, 1e30].map(|value| classes.class_of(value));
        assert_eq!(of, [0, 0, 1, 1, 2, 2]);
        for nothing in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(classes.class_of(nothing), LABEL_NODATA);
        }
    }
}
