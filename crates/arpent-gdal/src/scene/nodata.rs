//! Comparison with nodata values.
//!
//! Equal values are nodata. Only finite floats may also differ in the last bits: nodata values are often written
//! with too few digits. Integers are compared exactly, so 0.5 or -9999 never equals a byte.

use arpent_base::number::{narrow, truncate};
use arpent_raster::SampleType;
use gdal::raster::GdalType;

/// A nodata value of a band, in the type of the comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Nodata {
    /// For integers.
    Exact(f64),
    /// For single precision.
    Single(f32),
    /// For double precision.
    Double(f64),
}

impl Nodata {
    /// The nodata value for a band type; `None` if no value of the type equals it, or only NaN, which is always
    /// invalid.
    pub(crate) fn of(sample: SampleType, value: f64) -> Option<Self> {
        if value.is_nan() {
            return None;
        }
        Some(match sample {
            SampleType::Float32 => Self::Single(single(value)),
            // A text with too few digits of the smallest number, such as -1.79769313486232e+308, is parsed as infinite.
            SampleType::Float64 => Self::Double(value.clamp(f64::MIN, f64::MAX)),
            _ => Self::Exact(value),
        })
    }

    /// Clears `held` where a band of values differs from it.
    pub(crate) fn and_held<T: Sample>(self, band: &[T], held: &mut [bool]) {
        let pairs = held.iter_mut().zip(band);
        match self {
            #[allow(clippy::float_cmp, reason = "whole numbers")]
            Self::Exact(value) => match T::exactly(value) {
                Some(value) => pairs.for_each(|(held, v)| *held &= *v == value),
                None => held.fill(false),
            },
            Self::Single(value) => pairs.for_each(|(held, v)| *held &= near_f32(v.narrow(), value)),
            Self::Double(value) => pairs.for_each(|(held, v)| *held &= near_f64(v.wide(), value)),
        }
    }
}

/// The value in single precision, clamped to the largest finite values (as in GDAL,
/// `GDALAdjustNoDataCloseToFloatMax`).
fn single(value: f64) -> f32 {
    narrow(value.clamp(f64::from(f32::MIN), f64::from(f32::MAX)))
}

/// Twice the rounding error of one number: GDAL's `ARE_REAL_EQUAL` with its default of two units.
#[allow(clippy::float_cmp, reason = "equality first")]
fn near_f32(a: f32, b: f32) -> bool {
    a == b || (a.is_finite() && (a - b).abs() <= 2.0 * f32::EPSILON * b.abs())
}

/// The same for double precision.
#[allow(clippy::float_cmp, reason = "equality first")]
fn near_f64(a: f64, b: f64) -> bool {
    a == b || (a.is_finite() && (a - b).abs() <= 2.0 * f64::EPSILON * b.abs())
}

/// The types in which values are read and compared with nodata.
pub(crate) trait Sample: GdalType + Copy + Default + PartialEq {
    /// Whether a value may be NaN, or outside of single precision.
    const MAY_BE_INVALID: bool;

    /// The value of an integer band; `None` if no value of the type equals it.
    fn exactly(value: f64) -> Option<Self>;
    fn narrow(self) -> f32;
    fn wide(self) -> f64;

    /// The value of a signed byte that was read as unsigned.
    fn signed_byte(self) -> Self {
        self
    }

    /// `self * scale + offset`, computed in double precision. Only floats are scaled.
    #[must_use]
    fn scaled(self, _scale: f64, _offset: f64) -> Self {
        self
    }
}

impl Sample for u8 {
    const MAY_BE_INVALID: bool = false;

    fn exactly(value: f64) -> Option<Self> {
        (value.fract() == 0.0 && (0.0..=255.0).contains(&value)).then(|| truncate(value))
    }

    fn narrow(self) -> f32 {
        self.into()
    }

    fn wide(self) -> f64 {
        self.into()
    }
}

impl Sample for u16 {
    const MAY_BE_INVALID: bool = false;

    fn exactly(value: f64) -> Option<Self> {
        (value.fract() == 0.0 && (0.0..=65_535.0).contains(&value)).then(|| truncate(value))
    }

    fn narrow(self) -> f32 {
        self.into()
    }

    fn wide(self) -> f64 {
        self.into()
    }
}

impl Sample for f32 {
    const MAY_BE_INVALID: bool = true;

    #[allow(
        clippy::float_cmp,
        reason = "a number that single precision does not represent equals no 16-bit integer"
    )]
    fn exactly(value: f64) -> Option<Self> {
        let narrow = narrow(value);
        (f64::from(narrow) == value && narrow.is_finite()).then_some(narrow)
    }

    fn narrow(self) -> f32 {
        self
    }

    fn scaled(self, scale: f64, offset: f64) -> Self {
        narrow(f64::from(self).mul_add(scale, offset))
    }

    fn wide(self) -> f64 {
        self.into()
    }

    fn signed_byte(self) -> Self {
        if self > 127.0 { self - 256.0 } else { self }
    }
}

impl Sample for f64 {
    const MAY_BE_INVALID: bool = true;

    fn exactly(value: f64) -> Option<Self> {
        value.is_finite().then_some(value)
    }

    fn narrow(self) -> f32 {
        narrow(self)
    }

    fn wide(self) -> f64 {
        self
    }

    fn scaled(self, scale: f64, offset: f64) -> Self {
        self.mul_add(scale, offset)
    }

    fn signed_byte(self) -> Self {
        if self > 127.0 { self - 256.0 } else { self }
    }
}

/// Marks pixels invalid that are nodata in all bands with a declared value (at least one), or not finite in any band.
/// `values` are band by band.
pub(crate) fn invalidate<T: Sample>(valid: &mut [bool], values: &[T], nodata: &[Option<Nodata>]) {
    let pixels = valid.len().max(1);
    let bands = || values.chunks_exact(pixels);
    if nodata.iter().any(Option::is_some) {
        let mut held = vec![true; valid.len()];
        for (band, nodata) in bands().zip(nodata) {
            if let Some(nodata) = nodata {
                nodata.and_held(band, &mut held);
            }
        }
        valid.iter_mut().zip(held).for_each(|(valid, held)| *valid &= !held);
    }
    if T::MAY_BE_INVALID {
        for band in bands() {
            valid.iter_mut().zip(band).for_each(|(valid, v)| *valid &= v.narrow().is_finite());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds<T: Sample>(sample: SampleType, nodata: f64, values: &[T]) -> Vec<bool> {
        let mut valid = vec![true; values.len()];
        invalidate(&mut valid, values, &[Nodata::of(sample, nodata)]);
        valid.iter().map(|v| !v).collect()
    }

    #[test]
    fn integers_are_equal_or_not() {
        use SampleType::{Int8, Int16, Int32, Uint8, Uint16, Uint32};
        assert_eq!(holds(Uint8, 255.0, &[255u8, 254, 0]), [true, false, false]);
        for none in
            [0.5, -9999.0, 255.000_01, 256.0, f64::INFINITY, f64::NEG_INFINITY, -1.797_693_134_862_31e308]
        {
            assert_eq!(holds(Uint8, none, &[0u8, 1, 255]), [false; 3], "{none}");
            assert_eq!(holds(Uint16, none, &[0u16, 1, 255]), [false; 3], "{none}");
            assert_eq!(holds(Int16, none, &[0f32, 1.0, 255.0]), [false; 3], "{none}");
            assert_eq!(holds(Int32, none, &[0f64, 1.0, 255.0]), [false; 3], "{none}");
        }
        assert_eq!(holds(Uint8, f64::NAN, &[0u8, 255]), [false; 2]);
        assert_eq!(holds(Int8, -128.0, &[-128f32, 127.0]), [true, false]);
        assert_eq!(holds(Int16, -9999.0, &[-9999f32, -9998.0]), [true, false]);
        assert_eq!(
            holds(Uint32, 4_294_967_295.0, &[4_294_967_295f64, 4_294_967_294.0]),
            [true, false],
            "one bit beside the value"
        );
    }

    #[test]
    fn floats_forgive_the_last_bits_of_finite_numbers() {
        let (single, double) = (SampleType::Float32, SampleType::Float64);
        let values = [f32::MIN, -1.0, 0.0, 1e38];
        assert_eq!(holds(single, -3.402_823_466_385_29e38, &values), [true, false, false, false]);
        assert_eq!(holds(single, f64::MIN, &values), [true, false, false, false]);
        assert_eq!(holds(single, f64::INFINITY, &values), [false; 4]);
        assert_eq!(holds(single, -32_767.1, &[-32_767.1f32, -32_767.0]), [true, false]);
        assert_eq!(holds(single, 0.0, &[0f32, -0.0, f32::MIN_POSITIVE]), [true, true, false]);
        // The same of single precision that is read as double, beside a band that needs it.
        assert_eq!(holds(single, -32_767.1, &[f64::from(-32_767.1f32), -32_767.0]), [true, false]);
        let values = [f64::MIN, -1.0, 0.0, 1e38];
        for nodata in ["-1.79769313486232e+308", "-1.7976931348623157e+308", "-inf"] {
            let nodata: f64 = nodata.parse().unwrap();
            assert_eq!(holds(double, nodata, &values)[1..], [false, false, false], "{nodata}");
        }
        let mut valid = vec![true; 4];
        let nodata = Nodata::of(double, f64::NEG_INFINITY);
        invalidate(&mut valid, &[f64::NEG_INFINITY, f64::NAN, f64::MIN, 7.0], &[nodata]);
        assert_eq!(valid, [false, false, false, true]);
    }

    #[test]
    fn all_bands_that_declare_must_hold_it() {
        let values = [0u8, 0, 1, 5, 0, 0, 9, 9, 9];
        let mut valid = vec![true; 3];
        invalidate(
            &mut valid,
            &values,
            &[Nodata::of(SampleType::Uint8, 0.0), Nodata::of(SampleType::Uint8, 0.0), None],
        );
        assert_eq!(valid, [true, false, true]);
    }
}
