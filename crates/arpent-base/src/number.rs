//! Number conversions that `From` lacks, each with its contract. Kernels (`arpent-engine`) cast directly.

/// Integers that these functions accept.
pub trait Integer: Copy {
    /// The nearest double.
    fn to_f64(self) -> f64;

    /// Whether a float with so many bits of precision represents it exactly.
    fn fits(self, bits: u32) -> bool;
}

/// Integers that floats are rounded to.
pub trait FromFloat: Copy {
    /// The integer part; saturates at the bounds of the type, 0 for NaN.
    fn from_float(value: f64) -> Self;
}

macro_rules! integers {
    ($($type:ty)*) => {$(
        impl Integer for $type {
            #[inline]
            #[allow(clippy::cast_precision_loss, reason = "the contract")]
            fn to_f64(self) -> f64 {
                self as f64
            }

            #[inline]
            #[allow(unused_comparisons, reason = "also compiled for unsigned types")]
            fn fits(self, bits: u32) -> bool {
                let limit: $type = 1 << bits;
                self <= limit && (self >= 0 || self >= (0 as $type).wrapping_sub(limit))
            }
        }
    )*};
}

macro_rules! from_floats {
    ($($type:ty)*) => {$(
        impl FromFloat for $type {
            #[inline]
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the contract")]
            fn from_float(value: f64) -> Self {
                value as Self
            }
        }
    )*};
}

integers!(i64 u64 usize i128 u128);
from_floats!(u8 u16 u32 u64 u128 usize i64 i128);

/// An integer as a double, without rounding: counts of pixels, columns, rows, bytes. Its magnitude is at most 2^53,
/// which debug builds check; release builds give the nearest double.
#[inline]
pub fn exact(n: impl Integer) -> f64 {
    debug_assert!(n.fits(53), "{} is beyond 2^53", n.to_f64());
    n.to_f64()
}

/// An integer as a float of single precision, without rounding. Its magnitude is at most 2^24, which debug builds
/// check.
#[inline]
pub fn exact_f32(n: impl Integer) -> f32 {
    debug_assert!(n.fits(24), "{} is beyond 2^24", n.to_f64());
    narrow(n.to_f64())
}

/// The double nearest to an integer of any size: for sums that may exceed 2^53, and for the bounds of a type.
#[inline]
pub fn approximate(n: impl Integer) -> f64 {
    n.to_f64()
}

/// The nearest number of single precision; infinite beyond its range.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "the contract")]
pub const fn narrow(value: f64) -> f32 {
    value as f32
}

/// The integer part, towards 0. Saturates at the bounds of the type; NaN becomes 0.
#[inline]
pub fn truncate<T: FromFloat>(value: f64) -> T {
    T::from_float(value)
}

/// The integer at or below a number. Saturates at the bounds of the type; NaN becomes 0.
#[inline]
pub fn floor<T: FromFloat>(value: f64) -> T {
    T::from_float(value.floor())
}

/// The integer at or above a number. Saturates at the bounds of the type; NaN becomes 0.
#[inline]
pub fn ceil<T: FromFloat>(value: f64) -> T {
    T::from_float(value.ceil())
}

/// The nearest integer, a half away from 0. Saturates at the bounds of the type; NaN becomes 0.
#[inline]
pub fn round<T: FromFloat>(value: f64) -> T {
    T::from_float(value.round())
}

/// A number to so many decimals, a half away from 0: published figures, of which the last bits of sums may differ between
/// processors. One that is too large to be scaled stays.
#[inline]
pub fn rounded(value: f64, decimals: i32) -> f64 {
    let scale = 10f64.powi(decimals);
    let scaled = (value * scale).round();
    if scaled.is_finite() { scaled / scale } else { value }
}

/// A number to so many decimal digits, at least 1, wherever the point is; never -0.
pub fn significant(value: f64, digits: usize) -> f64 {
    // Decimal digits are exact in text only. Adding 0 leaves no -0 behind.
    format!("{value:.*e}", digits - 1).parse().unwrap_or(value) + 0.0
}

/// Converts a number whose range fits the target type: a column of a limited row, a class.
///
/// # Panics
/// If it does not fit.
#[inline]
#[track_caller]
pub fn fitted<T>(n: impl TryInto<T>) -> T {
    n.try_into().unwrap_or_else(|_| panic!("a number does not fit {}", std::any::type_name::<T>()))
}

const _: () = assert!(usize::BITS == 64, "sizes of rasters are kept in 64 bits");

/// A length or an index in 64 bits.
#[inline]
pub const fn wide(n: usize) -> u64 {
    n as u64
}

/// A 64-bit number as a length or an index.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "`usize` has 64 bits")]
pub const fn index(n: u64) -> usize {
    n as usize
}

/// A length or an index as a signed number.
///
/// # Panics
/// From 2^63 on; no slice is that long.
#[inline]
pub const fn signed(n: usize) -> i64 {
    let signed = n.cast_signed();
    assert!(signed >= 0, "lengths are below 2^63");
    signed as i64
}

/// A signed number that is at least 0, such as the difference of a row and the first row, as an index.
///
/// # Panics
/// When it is negative: index 0 instead would be another pixel.
#[inline]
#[track_caller]
pub fn offset(n: i64) -> usize {
    usize::try_from(n).expect("an offset is at least 0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_exact_up_to_their_bits() {
        assert_eq!(exact(1u64 << 53).to_bits(), 9_007_199_254_740_992f64.to_bits());
        assert_eq!(exact(-(1i64 << 53)).to_bits(), (-9_007_199_254_740_992f64).to_bits());
        assert!(!((1u64 << 53) + 1).fits(53) && !(-(1i64 << 53) - 1).fits(53) && !i64::MIN.fits(53));
        assert!(!usize::MAX.fits(53) && 0i128.fits(53) && !i128::MAX.fits(53));
        assert_eq!(exact_f32(1usize << 24).to_bits(), 16_777_216f32.to_bits());
        assert_eq!(approximate(u64::MAX).to_bits(), 2f64.powi(64).to_bits());
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "beyond 2^53")]
    fn what_would_be_rounded_is_found_in_debug_builds() {
        exact(u64::MAX);
    }

    #[test]
    fn floats_are_rounded_as_named_and_saturate() {
        for (value, parts) in [(2.5, [2, 2, 3, 3]), (-2.5, [-2, -3, -2, -3]), (-0.5, [0, -1, 0, -1])] {
            let all: [i64; 4] = [truncate(value), floor(value), ceil(value), round(value)];
            assert_eq!(all, parts, "{value}");
        }
        assert_eq!((round::<u8>(255.5), round::<u8>(-3.0), round::<u8>(f64::NAN)), (255, 0, 0));
        assert_eq!((floor::<i64>(f64::INFINITY), ceil::<i64>(f64::NEG_INFINITY)), (i64::MAX, i64::MIN));
        assert_eq!(narrow(1e300).to_bits(), f32::INFINITY.to_bits());
    }

    #[test]
    fn figures_have_so_many_decimals_or_digits() {
        let bits = |numbers: [f64; 4]| numbers.map(f64::to_bits);
        assert_eq!(
            bits([rounded(2.345_678_49, 6), rounded(-2.5, 0), rounded(1e308, 9), rounded(0.125, 2)]),
            bits([2.345_678, -3.0, 1e308, 0.13])
        );
        assert_eq!(
            bits([
                significant(123_456_789.0, 6),
                significant(-4e-12 / 3.0, 3),
                significant(-0.0, 6),
                significant(1.26e300, 2)
            ]),
            bits([123_457_000.0, -1.33e-12, 0.0, 1.3e300])
        );
    }

    #[test]
    fn sizes_are_kept() {
        assert_eq!((wide(usize::MAX), index(u64::MAX)), (u64::MAX, usize::MAX));
        assert_eq!((signed(7), offset(7)), (7, 7));
    }

    #[test]
    #[should_panic(expected = "at least 0")]
    fn a_negative_offset_is_no_index() {
        offset(-1);
    }
}
