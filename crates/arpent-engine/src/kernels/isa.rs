//! Instruction sets, chosen at run time.

use pulp::{Scalar256b, Simd, WithSimd};

/// An instruction set that kernels can run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isa {
    /// x86-64 with AVX-512 F, BW, CD, DQ and VL.
    Avx512,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// aarch64.
    Neon,
    /// Any other machine.
    Portable,
    /// Any machine, with products and sums that are rounded once, as all but [`Isa::Portable`] do: the same bits, but
    /// slow if the machine has no such instruction. Never chosen as the best; 8-bit networks use it instead of
    /// [`Isa::Portable`].
    Fused,
}

/// Vector operations of an instruction set.
pub(crate) trait Set: Copy {
    /// Its vector types.
    type S: Simd;
    /// Whether a product and a sum are rounded once.
    const FUSED: bool;
    /// Largest numbers of pixels that are computed together, with one vector of channels and with two.
    const PIXELS: [usize; 2];
    fn simd(self) -> Self::S;
}

/// Generic work for any instruction set.
pub(crate) trait Work {
    fn on<I: Set>(self, isa: I);
}

/// Plain loops.
#[derive(Clone, Copy)]
struct Scalar<const FUSED: bool>;

impl<const FUSED: bool> Set for Scalar<FUSED> {
    type S = Scalar256b;
    const FUSED: bool = FUSED;
    // A vector is a loop here: large groups are large code, which is compiled for every kernel.
    const PIXELS: [usize; 2] = [2, 2];
    fn simd(self) -> Scalar256b {
        Scalar256b
    }
}

#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
struct Avx512(pulp::x86::V4);

#[cfg(target_arch = "x86_64")]
impl Set for Avx512 {
    type S = pulp::x86::V4;
    const FUSED: bool = true;
    const PIXELS: [usize; 2] = [14, 12];
    #[inline(always)]
    fn simd(self) -> Self::S {
        self.0
    }
}

#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
struct Avx2(pulp::x86::V3);

#[cfg(target_arch = "x86_64")]
impl Set for Avx2 {
    type S = pulp::x86::V3;
    const FUSED: bool = true;
    const PIXELS: [usize; 2] = [12, 6];
    #[inline(always)]
    fn simd(self) -> Self::S {
        self.0
    }
}

#[cfg(target_arch = "aarch64")]
#[derive(Clone, Copy)]
struct Neon(pulp::aarch64::Neon);

#[cfg(target_arch = "aarch64")]
impl Set for Neon {
    type S = pulp::aarch64::Neon;
    const FUSED: bool = true;
    const PIXELS: [usize; 2] = [14, 12];
    #[inline(always)]
    fn simd(self) -> Self::S {
        self.0
    }
}

impl Isa {
    /// All sets that are chosen automatically, best first.
    pub const ALL: [Self; 4] = [Self::Avx512, Self::Avx2, Self::Neon, Self::Portable];

    /// The best of this machine.
    pub fn best() -> Self {
        Self::ALL.into_iter().find(|isa| isa.is_available()).unwrap_or(Self::Portable)
    }

    /// Whether this machine supports it.
    pub fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => pulp::x86::V4::is_available(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => pulp::x86::V3::is_available(),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => pulp::aarch64::Neon::is_available(),
            Self::Portable | Self::Fused => true,
            _ => false,
        }
    }

    /// Display name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "AVX-512",
            Self::Avx2 => "AVX2",
            Self::Neon => "NEON",
            Self::Portable => "portable",
            Self::Fused => "portable, fused",
        }
    }

    /// Number of values in a vector.
    pub(crate) const fn lanes(self) -> usize {
        match self {
            Self::Avx512 => 16,
            Self::Avx2 | Self::Portable | Self::Fused => 8,
            Self::Neon => 4,
        }
    }

    /// The set with vectors of half the size, or itself.
    pub(crate) const fn half(self) -> Self {
        match self {
            Self::Avx512 => Self::Avx2,
            other => other,
        }
    }

    /// Runs the work with this set. A set that the machine does not support is replaced by the portable one, which
    /// gives other bits: plans are made for available sets only.
    pub(crate) fn run<W: Work>(self, work: W) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                if let Some(simd) = pulp::x86::V4::try_new() {
                    return vectorized(Avx512(simd), work);
                }
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                if let Some(simd) = pulp::x86::V3::try_new() {
                    return vectorized(Avx2(simd), work);
                }
            }
            #[cfg(target_arch = "aarch64")]
            Self::Neon => {
                if let Some(simd) = pulp::aarch64::Neon::try_new() {
                    return vectorized(Neon(simd), work);
                }
            }
            Self::Fused => return vectorized(Scalar::<true>, work),
            _ => {}
        }
        vectorized(Scalar::<false>, work);
    }
}

/// Runs the work in a function of its own that is compiled for the set: work that several callers run is compiled once.
#[inline(always)]
pub(super) fn vectorized<I: Set, W: Work>(isa: I, work: W) {
    struct Inner<I, W>(I, W);
    impl<I: Set, W: Work> WithSimd for Inner<I, W> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) {
            self.1.on(self.0);
        }
    }
    isa.simd().vectorize(Inner(isa, work));
}

/// A vector of values of a set.
pub(super) type Vector<I> = <<I as Set>::S as Simd>::f32s;

/// `a * b + c`, rounded once if the set supports that.
#[inline(always)]
pub(crate) fn mul_add<I: Set>(
    isa: I,
    a: <I::S as Simd>::f32s,
    b: <I::S as Simd>::f32s,
    c: <I::S as Simd>::f32s,
) -> <I::S as Simd>::f32s {
    let simd = isa.simd();
    if I::FUSED { simd.mul_add_f32s(a, b, c) } else { simd.add_f32s(simd.mul_f32s(a, b), c) }
}
