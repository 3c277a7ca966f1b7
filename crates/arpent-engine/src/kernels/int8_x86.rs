//! 8-bit sums with the vectors of x86-64.

#![allow(clippy::wildcard_imports, reason = "intrinsics")]

use std::arch::x86_64::*;

use super::int8_strip::{Dot, Line, Terms, strip};

/// AVX-512 with VNNI: four products and their sum in one instruction.
#[derive(Clone, Copy)]
pub(super) struct Vnni;

impl Vnni {
    pub(super) fn is_available() -> bool {
        std::is_x86_feature_detected!("avx512f")
            && std::is_x86_feature_detected!("avx512bw")
            && std::is_x86_feature_detected!("avx512vl")
            && std::is_x86_feature_detected!("avx512vnni")
    }

    /// [`strip`], compiled for it.
    ///
    /// # Safety
    /// The machine has the instruction set; otherwise as [`strip`].
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    pub(super) unsafe fn strip(terms: &Terms, line: &Line) {
        // SAFETY: guaranteed by the caller.
        unsafe { strip::<Self>(terms, line) }
    }
}

// Every function below is called within `Vnni::strip`, on a machine that has the instructions, with pointers to as
// many values as it reads or writes.
impl Dot for Vnni {
    type Ints = __m512i;
    type Floats = __m512;
    type Mask = __mmask16;
    const LANES: usize = 16;
    const PIXELS: [usize; 2] = [14, 12];

    #[inline(always)]
    unsafe fn zero() -> __m512i {
        // SAFETY: see above.
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    unsafe fn load(from: *const i8) -> __m512i {
        // SAFETY: see above.
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn four(from: *const i32) -> __m512i {
        // SAFETY: see above.
        unsafe { _mm512_set1_epi32(from.read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn dot(sum: __m512i, values: __m512i, kernel: __m512i) -> __m512i {
        // SAFETY: see above.
        unsafe { _mm512_dpbusd_epi32(sum, values, kernel) }
    }

    #[inline(always)]
    unsafe fn floats(sums: __m512i) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_cvtepi32_ps(sums) }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn max(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_max_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn min(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_min_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mask(valid: usize) -> __mmask16 {
        if valid >= 16 { u16::MAX } else { (1 << valid) - 1 }
    }

    #[inline(always)]
    unsafe fn load_f32(from: *const f32) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn load_u8(from: *const u8) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(from.cast()))) }
    }

    #[inline(always)]
    unsafe fn store_f32(to: *mut f32, values: __m512) {
        // SAFETY: see above.
        unsafe { _mm512_storeu_ps(to, values) }
    }

    #[inline(always)]
    unsafe fn store_u8(to: *mut u8, values: __m512) {
        // SAFETY: see above.
        unsafe { _mm_storeu_si128(to.cast(), _mm512_cvtepi32_epi8(_mm512_castps_si512(values))) }
    }

    #[inline(always)]
    unsafe fn load_f32_part(from: *const f32, mask: __mmask16) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_maskz_loadu_ps(mask, from) }
    }

    #[inline(always)]
    unsafe fn load_u8_part(from: *const u8, mask: __mmask16) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(mask, from.cast()))) }
    }

    #[inline(always)]
    unsafe fn store_f32_part(to: *mut f32, mask: __mmask16, values: __m512) {
        // SAFETY: see above.
        unsafe { _mm512_mask_storeu_ps(to, mask, values) }
    }

    #[inline(always)]
    unsafe fn store_u8_part(to: *mut u8, mask: __mmask16, values: __m512) {
        // SAFETY: see above.
        unsafe { _mm_mask_storeu_epi8(to.cast(), mask, _mm512_cvtepi32_epi8(_mm512_castps_si512(values))) }
    }
}

/// AVX2: products are added in pairs of 16 bits, which 7 bits x 8 bits never exceed, then in fours; or, with the same
/// vectors, the instructions of [`Vnni`].
#[derive(Clone, Copy)]
pub(super) struct Short<const VNNI: bool>;

impl Short<false> {
    pub(super) fn is_available() -> bool {
        std::is_x86_feature_detected!("avx2")
    }

    /// [`strip`], compiled for it.
    ///
    /// # Safety
    /// The machine has the instruction set; otherwise as [`strip`].
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn strip(terms: &Terms, line: &Line) {
        // SAFETY: guaranteed by the caller.
        unsafe { strip::<Self>(terms, line) }
    }
}

impl Short<true> {
    /// [`strip`], compiled for it.
    ///
    /// # Safety
    /// The machine has [`Vnni`]; otherwise as [`strip`].
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    pub(super) unsafe fn strip(terms: &Terms, line: &Line) {
        // SAFETY: guaranteed by the caller.
        unsafe { strip::<Self>(terms, line) }
    }
}

// Every function below is called within `strip`, on a machine that has the instructions, with pointers to as many values
// as it reads or writes.
impl<const VNNI: bool> Dot for Short<VNNI> {
    type Ints = __m256i;
    type Floats = __m256;
    /// All ones for valid values, and their number.
    type Mask = (__m256i, usize);
    const LANES: usize = 8;
    const PIXELS: [usize; 2] = if VNNI { [14, 12] } else { [10, 4] };

    #[inline(always)]
    unsafe fn zero() -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    unsafe fn load(from: *const i8) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_loadu_si256(from.cast()) }
    }

    #[inline(always)]
    unsafe fn four(from: *const i32) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_set1_epi32(from.read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn dot(sum: __m256i, values: __m256i, kernel: __m256i) -> __m256i {
        // SAFETY: see above.
        unsafe {
            if VNNI {
                return _mm256_dpbusd_epi32(sum, values, kernel);
            }
            let pairs = _mm256_maddubs_epi16(values, kernel);
            _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
        }
    }

    #[inline(always)]
    unsafe fn floats(sums: __m256i) -> __m256 {
        // SAFETY: see above.
        unsafe { _mm256_cvtepi32_ps(sums) }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> __m256 {
        // SAFETY: see above.
        unsafe { _mm256_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn add(a: __m256, b: __m256) -> __m256 {
        // SAFETY: see above.
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: __m256, b: __m256) -> __m256 {
        // SAFETY: see above.
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn max(a: __m256, b: __m256) -> __m256 {
        // SAFETY: see above.
        unsafe { _mm256_max_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn min(a: __m256, b: __m256) -> __m256 {
        // SAFETY: see above.
        unsafe { _mm256_min_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mask(valid: usize) -> Self::Mask {
        let lane = |i: usize| if i < valid { -1 } else { 0 };
        let lanes: [i32; 8] = std::array::from_fn(lane);
        // SAFETY: eight lanes are read.
        (unsafe { _mm256_loadu_si256(lanes.as_ptr().cast()) }, valid)
    }

    #[inline(always)]
    unsafe fn load_f32(from: *const f32) -> __m256 {
        // SAFETY: see above.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn load_u8(from: *const u8) -> __m256 {
        // SAFETY: see above.
        unsafe { _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(from.cast()))) }
    }

    #[inline(always)]
    unsafe fn store_f32(to: *mut f32, values: __m256) {
        // SAFETY: see above.
        unsafe { _mm256_storeu_ps(to, values) }
    }

    #[inline(always)]
    unsafe fn store_u8(to: *mut u8, values: __m256) {
        // SAFETY: see above.
        unsafe { _mm_storel_epi64(to.cast(), low_bytes(values)) }
    }

    #[inline(always)]
    unsafe fn load_f32_part(from: *const f32, (mask, _): Self::Mask) -> __m256 {
        // SAFETY: see above.
        unsafe { _mm256_maskload_ps(from, mask) }
    }

    #[inline(always)]
    unsafe fn load_u8_part(from: *const u8, (_, valid): Self::Mask) -> __m256 {
        let mut all = [0; 8];
        // SAFETY: see above; bytes come in fours, so there are 4 or 8 of them, or none.
        unsafe {
            if valid > 4 {
                return Self::load_u8(from);
            }
            if valid > 0 {
                from.copy_to_nonoverlapping(all.as_mut_ptr(), 4);
            }
            Self::load_u8(all.as_ptr())
        }
    }

    #[inline(always)]
    unsafe fn store_f32_part(to: *mut f32, (mask, _): Self::Mask, values: __m256) {
        // SAFETY: see above.
        unsafe { _mm256_maskstore_ps(to, mask, values) }
    }

    #[inline(always)]
    unsafe fn store_u8_part(to: *mut u8, (_, valid): Self::Mask, values: __m256) {
        // SAFETY: see above; bytes come in fours, so there are 4 or 8 of them, or none.
        unsafe {
            match valid {
                0 => {}
                1..=4 => to.cast::<i32>().write_unaligned(_mm_cvtsi128_si32(low_bytes(values))),
                _ => Self::store_u8(to, values),
            }
        }
    }
}

/// The lowest byte of each value.
#[inline(always)]
unsafe fn low_bytes(values: __m256) -> __m128i {
    // SAFETY: see `Short`.
    unsafe {
        let bits = _mm256_and_si256(_mm256_castps_si256(values), _mm256_set1_epi32(0xff));
        let words = _mm_packus_epi32(_mm256_castsi256_si128(bits), _mm256_extracti128_si256(bits, 1));
        _mm_packus_epi16(words, words)
    }
}
