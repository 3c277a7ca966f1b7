//! 8-bit sums in plain loops.

use super::int8_strip::Dot;

/// Works on any machine.
pub(super) struct Portable;

impl Dot for Portable {
    type Ints = [i32; 8];
    type Floats = [f32; 8];
    type Mask = usize;
    const LANES: usize = 8;
    const PIXELS: [usize; 2] = [4, 2];

    #[inline(always)]
    unsafe fn zero() -> [i32; 8] {
        [0; 8]
    }

    #[inline(always)]
    unsafe fn load(from: *const i8) -> [i32; 8] {
        // SAFETY: the contract of `Dot`.
        unsafe { from.cast::<[i32; 8]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn four(from: *const i32) -> [i32; 8] {
        // SAFETY: the contract of `Dot`.
        unsafe { [from.read_unaligned(); 8] }
    }

    #[inline(always)]
    unsafe fn dot(sum: [i32; 8], values: [i32; 8], kernel: [i32; 8]) -> [i32; 8] {
        let values = values[0].to_ne_bytes().map(i32::from);
        std::array::from_fn(|lane| {
            let [a, b, c, d] = kernel[lane].to_ne_bytes().map(|w| i32::from(w.cast_signed()));
            sum[lane] + (values[0] * a + values[1] * b + values[2] * c + values[3] * d)
        })
    }

    #[inline(always)]
    unsafe fn floats(sums: [i32; 8]) -> [f32; 8] {
        sums.map(|sum| sum as f32)
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> [f32; 8] {
        [value; 8]
    }

    #[inline(always)]
    unsafe fn add(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|i| a[i] + b[i])
    }

    #[inline(always)]
    unsafe fn mul(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|i| a[i] * b[i])
    }

    #[inline(always)]
    unsafe fn max(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    unsafe fn min(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|i| if a[i] < b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    unsafe fn mask(valid: usize) -> usize {
        valid.min(8)
    }

    #[inline(always)]
    unsafe fn load_f32(from: *const f32) -> [f32; 8] {
        // SAFETY: the contract of `Dot`.
        unsafe { from.cast::<[f32; 8]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn load_u8(from: *const u8) -> [f32; 8] {
        // SAFETY: the contract of `Dot`.
        unsafe { from.cast::<[u8; 8]>().read().map(f32::from) }
    }

    #[inline(always)]
    unsafe fn store_f32(to: *mut f32, values: [f32; 8]) {
        // SAFETY: the contract of `Dot`.
        unsafe { to.cast::<[f32; 8]>().write_unaligned(values) }
    }

    #[inline(always)]
    unsafe fn store_u8(to: *mut u8, values: [f32; 8]) {
        // SAFETY: the contract of `Dot`.
        unsafe { to.cast::<[u8; 8]>().write(values.map(|v| v.to_bits().to_le_bytes()[0])) }
    }

    #[inline(always)]
    unsafe fn load_f32_part(from: *const f32, mask: usize) -> [f32; 8] {
        // SAFETY: the contract of `Dot`.
        std::array::from_fn(|i| if i < mask { unsafe { *from.add(i) } } else { 0.0 })
    }

    #[inline(always)]
    unsafe fn load_u8_part(from: *const u8, mask: usize) -> [f32; 8] {
        // SAFETY: the contract of `Dot`.
        std::array::from_fn(|i| if i < mask { f32::from(unsafe { *from.add(i) }) } else { 0.0 })
    }

    #[inline(always)]
    unsafe fn store_f32_part(to: *mut f32, mask: usize, values: [f32; 8]) {
        // SAFETY: the contract of `Dot`.
        values.iter().take(mask).enumerate().for_each(|(i, v)| unsafe { *to.add(i) = *v });
    }

    #[inline(always)]
    unsafe fn store_u8_part(to: *mut u8, mask: usize, values: [f32; 8]) {
        let bytes = values.iter().map(|v| v.to_bits().to_le_bytes()[0]);
        // SAFETY: the contract of `Dot`.
        bytes.take(mask).enumerate().for_each(|(i, v)| unsafe { *to.add(i) = v });
    }
}
