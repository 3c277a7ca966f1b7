//! Which values are nodata.
//!
//! Equality comes first. Only floats forgive the last bits, and only between finite numbers: nodata values are often written
//! with too few digits. Integers are compared as they are, so 0.5 or -9999 is no byte.

use arpent_raster::SampleType;
use gdal::raster::GdalType;

/// A nodata value of a band, as the band's values are compared with it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Nodata {
    /// Of integers.
    Exact(f64),
    /// Of single precision.
    Single(f32),
    /// Of double precision.
    Double(f64),
}

impl Nodata {
    /// The nodata value of a band of a type; `None` where no value but NaN equals it, which is invalid anyhow.
    pub(crate) fn of(sample: SampleType, value: f64) -> Option<Self> {
        if value.is_nan() {
            return None;
        }
        Some(match sample {
            SampleType::Float32 => Self::Single(single(value)),
            // A text with too few digits of the least number, such as -1.79769313486232e+308, is read as infinite.
            SampleType::Float64 => Self::Double(value.clamp(f64::MIN, f64::MAX)),
            _ => Self::Exact(value),
        })
    }

    /// Clears `held` where a band of values does not hold it.
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

/// The value in single precision, values beyond it as the largest ones (as GDAL does,
/// `GDALAdjustNoDataCloseToFloatMax`).
#[allow(clippy::cast_possible_truncation, reason = "clamped to what single precision holds")]
fn single(value: f64) -> f32 {
    value.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32
}

/// Twice the rounding error of one number: GDAL's `ARE_REAL_EQUAL` with its default of two units.
#[allow(clippy::float_cmp, reason = "equality first")]
fn near_f32(a: f32, b: f32) -> bool {
    a == b || (a.is_finite() && (a - b).abs() <= 2.0 * f32::EPSILON * b.abs())
}

/// The same in double precision.
#[allow(clippy::float_cmp, reason = "equality first")]
fn near_f64(a: f64, b: f64) -> bool {
    a == b || (a.is_finite() && (a - b).abs() <= 2.0 * f64::EPSILON * b.abs())
}

/// What values are read and compared with nodata in.
pub(crate) trait Sample: GdalType + Copy + Default + PartialEq {
    /// Whether a value may be no number, or none that single precision holds.
    const MAY_BE_INVALID: bool;

    /// The whole number of an integer band; `None` where no value of the type equals it.
    fn exactly(value: f64) -> Option<Self>;
    fn narrow(self) -> f32;
    fn wide(self) -> f64;

    /// The value of a signed byte that was read as an unsigned one.
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

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be a whole u8")]
    fn exactly(value: f64) -> Option<Self> {
        (value.fract() == 0.0 && (0.0..=255.0).contains(&value)).then_some(value as Self)
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

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be a whole u16")]
    fn exactly(value: f64) -> Option<Self> {
        (value.fract() == 0.0 && (0.0..=65_535.0).contains(&value)).then_some(value as Self)
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
        clippy::cast_possible_truncation,
        clippy::float_cmp,
        reason = "a number that single precision does not hold equals no integer of 16 bits"
    )]
    fn exactly(value: f64) -> Option<Self> {
        let narrow = value as Self;
        (f64::from(narrow) == value && narrow.is_finite()).then_some(narrow)
    }

    fn narrow(self) -> f32 {
        self
    }

    #[allow(clippy::cast_possible_truncation, reason = "networks compute in f32")]
    fn scaled(self, scale: f64, offset: f64) -> Self {
        f64::from(self).mul_add(scale, offset) as Self
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

    #[allow(clippy::cast_possible_truncation, reason = "networks compute in f32")]
    fn narrow(self) -> f32 {
        self as f32
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

/// Makes pixels invalid that hold nodata in all bands that declare a value (and at least one does), or of which any band is
/// not finite. `values` are band by band.
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
