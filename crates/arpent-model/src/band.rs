//! Input bands of a network: their names in scenes, the meaning of stored values, and their normalization.

use arpent_raster::{ReadAs, SampleType, SceneInfo};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An input band of the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// STAC common name: `red`, `green`, `blue`, `nir`, ...; with `_before` or `_after` if two dates are compared.
    pub name: String,
    /// Mean that is subtracted, in raw units, or those of `dequantize`.
    pub mean: f32,
    /// Standard deviation that is divided by, in raw units, or those of `dequantize`.
    pub std: f32,
    /// Unit of the raw values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Number of the band in the training scenes, from 1. Used in a scene that has no band of this name, if the band
    /// of this number has no name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<usize>,
    /// How stored values were quantized; without it, the network takes raw values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dequantize: Option<Dequantize>,
}

/// The inverse of a quantization: of a stored value, the network takes `sign(x) |x|^power` with
/// `x = stored * scale + offset`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dequantize {
    /// Factor of the stored value, above 0.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub scale: f32,
    /// Summand, after the factor.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub offset: f32,
    /// Exponent: 0.5, 1, 2 or 3, which are computed exactly on every machine.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub power: f32,
}

const fn one() -> f32 {
    1.0
}

#[allow(
    clippy::float_cmp,
    clippy::trivially_copy_pass_by_ref,
    reason = "the default; serde asks for a reference"
)]
fn is_one(value: &f32) -> bool {
    *value == 1.0
}

#[allow(
    clippy::float_cmp,
    clippy::trivially_copy_pass_by_ref,
    reason = "the default; serde asks for a reference"
)]
fn is_zero(value: &f32) -> bool {
    *value == 0.0
}

#[allow(clippy::float_cmp, reason = "exponents are written, not computed")]
impl Dequantize {
    /// The value that a stored one stands for. It grows with the stored one.
    pub fn value(&self, stored: f32) -> f32 {
        let x = stored * self.scale + self.offset;
        if self.power == 1.0 {
            return x;
        }
        // Multiplications and square roots have the same bits everywhere; a power of a library does not.
        let size = if self.power == 2.0 {
            x * x
        } else if self.power == 3.0 {
            x.abs() * x * x
        } else {
            x.abs().sqrt()
        };
        size.copysign(x)
    }

    /// What is wrong with the numbers, if anything.
    pub fn problem(&self) -> Option<&'static str> {
        if !(self.scale > 0.0 && self.scale.is_finite() && self.offset.is_finite()) {
            return Some("needs a scale above 0 and a finite offset");
        }
        let is_known = [0.5, 1.0, 2.0, 3.0].contains(&self.power);
        (!is_known).then_some("needs a power of 0.5, 1, 2 or 3")
    }

    /// Whether values between stored ones are in proportion.
    pub fn is_linear(&self) -> bool {
        self.power == 1.0
    }

    /// The formula in words: `sign(x) |x|^2 of x = stored * 0.0078431`.
    pub fn describe(&self) -> String {
        let scaled = if self.scale == 1.0 { "stored".to_owned() } else { format!("stored * {}", self.scale) };
        let x = if self.offset == 0.0 { scaled } else { format!("{scaled} + {}", self.offset) };
        if self.is_linear() { x } else { format!("sign(x) |x|^{} of x = {x}", self.power) }
    }
}

impl Band {
    /// The value of the network's input for a raw one, before it is normalized.
    pub fn value(&self, raw: f32) -> f32 {
        self.dequantize.map_or(raw, |quantized| quantized.value(raw))
    }

    /// Normalizes a raw value: standard deviations above the mean.
    pub fn normalized(&self, raw: f32) -> f32 {
        (self.value(raw) - self.mean) / self.std
    }

    /// What is wrong with the numbers, if anything, for a package of these sample types.
    pub(crate) fn problem(&self, types: &[SampleType]) -> Option<String> {
        let name = &self.name;
        if !(self.mean.is_finite() && self.std.is_finite() && self.std > 0.0) {
            return Some(format!("`{name}` needs a finite mean and a std above 0"));
        }
        let quantized = self.dequantize?;
        if let Some(problem) = quantized.problem() {
            return Some(format!("`{name}`: dequantize {problem}"));
        }
        if let Some(unit) = self.unit.as_deref().filter(|unit| ReadAs::of_unit(unit) != ReadAs::Raw) {
            return Some(format!("`{name}`: dequantize is for stored values, its unit is `{unit}`"));
        }
        let of_floats = types.iter().find(|sample| !sample.is_whole());
        of_floats.map(|sample| {
            let sample = format!("{sample:?}").to_lowercase();
            format!("`{name}`: dequantize is for whole numbers, sample_types lists {sample}")
        })
    }
}

/// Suffixes of band names in packages that compare two dates, the earlier first.
const DATE_ENDS: [&str; 2] = ["_before", "_after"];

impl Band {
    /// Whether a name has the suffix of one of two dates.
    pub fn names_a_date(name: &str) -> bool {
        DATE_ENDS.iter().any(|end| name.ends_with(end))
    }

    /// The band of a scene with this name, else the band with this number if that one has no name.
    pub fn in_scene(&self, scene: &SceneInfo) -> Option<usize> {
        let unnamed = |number: &usize| scene.bands.iter().any(|b| b.index == *number && !b.is_named());
        let named = scene.band_named(&self.name).or_else(|| scene.band_named(self.common_name()));
        named.or_else(|| self.number.filter(unnamed))
    }

    /// The common name in a scene: without `_before` or `_after`.
    pub fn common_name(&self) -> &str {
        let ended = DATE_ENDS.iter().find_map(|end| self.name.strip_suffix(end));
        ended.unwrap_or(&self.name)
    }

    pub(crate) fn is_of_date(&self, date: usize) -> bool {
        self.name.ends_with(DATE_ENDS[date])
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "exact by definition")]
mod tests {
    use super::*;

    /// The mapping of the AlphaEarth embeddings: `((v / 127.5)^2) * sign(v)`.
    const EMBEDDING: Dequantize = Dequantize { scale: 1.0 / 127.5, offset: 0.0, power: 2.0 };

    #[test]
    fn quantized_values_are_what_they_stand_for() {
        for stored in -127..=127i16 {
            let (value, v) = (f64::from(EMBEDDING.value(f32::from(stored))), f64::from(stored));
            let right = (v / 127.5).powi(2) * v.signum();
            assert!((value - right).abs() < 1e-6, "{stored}: {value}, {right}");
        }
        let of = |scale, offset, power| Dequantize { scale, offset, power }.value(-16.0);
        assert_eq!([of(0.5, -1.0, 1.0), of(0.25, 0.0, 2.0), of(0.125, 0.0, 3.0)], [-9.0, -16.0, -8.0]);
        assert_eq!([of(1.0, 0.0, 0.5), of(1.0, 20.0, 0.5)], [-4.0, 2.0]);
    }

    #[test]
    fn a_band_is_dequantized_before_it_is_normalized() {
        let mut band =
            Band { name: "A00".into(), mean: 1.0, std: 2.0, unit: None, number: None, dequantize: None };
        assert_eq!(band.normalized(-4.0), -2.5);
        band.dequantize = Some(Dequantize { scale: 0.5, offset: 0.0, power: 2.0 });
        assert_eq!(band.normalized(-4.0), -2.5);
        assert_eq!(band.normalized(4.0), 1.5);
    }

    #[test]
    fn what_is_not_said_is_not_written_and_read_as_one() {
        let json = serde_json::to_string(&Dequantize { scale: 1.0, offset: 0.0, power: 2.0 }).unwrap();
        assert_eq!(json, r#"{"power":2.0}"#);
        let read: Dequantize = serde_json::from_str(r#"{"scale":0.5}"#).unwrap();
        assert_eq!(read, Dequantize { scale: 0.5, offset: 0.0, power: 1.0 });
        assert_eq!(EMBEDDING.describe(), "sign(x) |x|^2 of x = stored * 0.007843138");
        assert!(serde_json::from_str::<Dequantize>(r#"{"gamma":2.0}"#).is_err());
    }

    #[test]
    fn impossible_mappings_are_refused() {
        let band = |unit: Option<&str>, dequantize| Band {
            name: "A00".into(),
            mean: 0.0,
            std: 1.0,
            unit: unit.map(str::to_owned),
            number: None,
            dequantize: Some(dequantize),
        };
        let int8 = [SampleType::Int8];
        assert_eq!(band(Some("digital number"), EMBEDDING).problem(&int8), None);
        let told = |band: Band, types: &[SampleType]| band.problem(types).unwrap_or_default();
        assert!(told(band(Some("reflectance"), EMBEDDING), &int8).contains("`reflectance`"));
        assert!(told(band(None, EMBEDDING), &[SampleType::Int8, SampleType::Float32]).contains("float32"));
        for wrong in [
            Dequantize { power: 1.5, ..EMBEDDING },
            Dequantize { scale: 0.0, ..EMBEDDING },
            Dequantize { scale: f32::NAN, ..EMBEDDING },
            Dequantize { offset: f32::INFINITY, ..EMBEDDING },
        ] {
            assert!(told(band(None, wrong), &int8).contains("dequantize needs"), "{wrong:?}");
        }
    }
}
