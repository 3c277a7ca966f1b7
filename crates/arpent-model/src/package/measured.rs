//! Measured values: what a regression network gives for each pixel.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most values of a pixel.
pub const MOST_MEASURED: u32 = 32;

/// A quantity that a regression network gives for each pixel: a height, a biomass, a density.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MeasuredValue {
    /// Name in English: `canopy height`.
    pub name: String,
    /// Name in French.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_fr: Option<String>,
    /// Unit of the published value: `m`, `t/ha`, `1` for a share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Factor of the network's output.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub scale: f32,
    /// Summand, after the factor.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub offset: f32,
    /// Lowest and highest value of the color ramp, in the unit; by default those of the map. Values beyond it are published as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<[f32; 2]>,
}

const fn one() -> f32 {
    1.0
}

#[allow(
    clippy::float_cmp,
    clippy::trivially_copy_pass_by_ref,
    reason = "the default; serde passes references"
)]
fn is_one(value: &f32) -> bool {
    *value == 1.0
}

#[allow(
    clippy::float_cmp,
    clippy::trivially_copy_pass_by_ref,
    reason = "the default; serde passes references"
)]
fn is_zero(value: &f32) -> bool {
    *value == 0.0
}

/// `height:m`: a name, and its unit after the last colon, if it has one.
impl FromStr for MeasuredValue {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, unit) = match text.rsplit_once(':') {
            Some((name, unit)) => (name, Some(unit.trim().to_owned())),
            None => (text, None),
        };
        let value = Self { unit, ..Self::named(name.trim()) };
        value.problem().map_or(Ok(value), Err)
    }
}

impl MeasuredValue {
    /// A value in the unit of the network's output.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), name_fr: None, unit: None, scale: 1.0, offset: 0.0, range: None }
    }

    /// The published value of an output; [`NOT_FINITE`] for one that is no number.
    pub(crate) fn published(&self, output: f32) -> f32 {
        let value = output * self.scale + self.offset;
        if value.is_finite() { value } else { NOT_FINITE }
    }

    /// What is wrong with it, if anything.
    pub(super) fn problem(&self) -> Option<String> {
        let Self { name, scale, offset, .. } = self;
        let is_text =
            |text: &str| !text.trim().is_empty() && text.len() <= 200 && !text.chars().any(char::is_control);
        let texts = [Some(name), self.name_fr.as_ref(), self.unit.as_ref()];
        if !texts.into_iter().flatten().all(|text| is_text(text)) {
            return Some(format!("{name:?} needs a name, and texts of one line and 200 bytes at most"));
        }
        if !(scale.is_finite() && *scale != 0.0 && offset.is_finite()) {
            return Some(format!("`{name}` needs a finite scale that is not 0, and a finite offset"));
        }
        let bad = self.range.is_some_and(|[low, high]| !(low.is_finite() && high.is_finite() && low < high));
        bad.then(|| format!("`{name}` needs a range of two finite numbers, the first below the second"))
    }
}

/// In [`crate::Prediction::Values`]: the network ran on the pixel, and its output is no finite number. It is published as no value,
/// and counted.
pub const NOT_FINITE: f32 = f32::INFINITY;

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "small numbers are exact")]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_scaled_and_what_is_no_number_is_marked() {
        let height = MeasuredValue { scale: 0.5, offset: -1.0, ..MeasuredValue::named("height") };
        assert_eq!([height.published(4.0), height.published(0.0)], [1.0, -1.0]);
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(height.published(bad), NOT_FINITE);
        }
        let huge = MeasuredValue { scale: f32::MAX, ..height };
        assert_eq!(huge.published(1e9), NOT_FINITE);
    }

    #[test]
    fn a_name_may_have_a_unit() {
        let height: MeasuredValue = "canopy height: m".parse().unwrap();
        assert_eq!((height.name.as_str(), height.unit.as_deref()), ("canopy height", Some("m")));
        assert_eq!("share".parse::<MeasuredValue>(), Ok(MeasuredValue::named("share")));
        assert!("height:".parse::<MeasuredValue>().is_err() && ":m".parse::<MeasuredValue>().is_err());
    }

    #[test]
    fn impossible_values_are_refused() {
        let height = MeasuredValue::named("height");
        assert_eq!(height.problem(), None);
        for wrong in [
            MeasuredValue::named(" "),
            MeasuredValue::named("two\nlines"),
            MeasuredValue { unit: Some(String::new()), ..height.clone() },
            MeasuredValue { scale: 0.0, ..height.clone() },
            MeasuredValue { offset: f32::NAN, ..height.clone() },
            MeasuredValue { range: Some([2.0, 2.0]), ..height.clone() },
        ] {
            assert!(wrong.problem().is_some(), "{wrong:?}");
        }
    }
}
