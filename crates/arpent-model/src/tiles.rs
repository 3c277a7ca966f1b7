//! Chip sizes on which the engine's convolution is exact.
//!
//! Burn's CPU engine (burn-flex 0.22) computes a convolution as matrix products over tiles of 512 output
//! pixels. How a product adds its terms up depends on its inner dimension only, with three exceptions that
//! all concern a last tile of few pixels: the matrix-vector path (one column), the "horizontal" kernels (at
//! most 256 results) and the small-matrix blocking (at most 64 rows and columns). A pixel of such a tile would
//! get other bits than the same pixel of a full tile, so chips are padded until no level of the network has one.

/// Output pixels per tile of the engine.
const TILE: usize = 512;

/// Fewest pixels of a last tile that is computed like a full one: beyond 64 columns the small-matrix blocking is
/// not used, and with at least [`crate::MIN_WIDTH`] rows there are more than 256 results.
const SMALLEST: usize = 65;

/// The smallest (width, height), both multiples of `step` (at least `2^depth`), at least as large as the given ones and
/// free of small last tiles at every level down to `depth`, the coarsest with a convolution.
pub(crate) fn exact_size(width: usize, height: usize, step: usize, depth: usize) -> (usize, usize) {
    let (width, height) = (width.next_multiple_of(step), height.next_multiple_of(step));
    let grown = (0..=SMALLEST).flat_map(|a| (0..=SMALLEST).map(move |b| (a, b)));
    grown
        .map(|(a, b)| (width + a * step, height + b * step))
        .filter(|(w, h)| is_exact(*w, *h, depth))
        .min_by_key(|(w, h)| (w * h, *w))
        // Never needed: 32 steps by 16 steps fill whole tiles at every level, and are within the search.
        .unwrap_or((width.next_multiple_of(32 * step), height.next_multiple_of(16 * step)))
}

fn is_exact(width: usize, height: usize, depth: usize) -> bool {
    (0..=depth).all(|level| {
        let rest = ((width >> level) * (height >> level)) % TILE;
        rest == 0 || rest >= SMALLEST
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sizes_grow_little_and_have_no_small_tile(w in 1usize..1300, h in 1usize..1300, depth in 0usize..5) {
            let (a, b) = exact_size(w, h, 1 << depth, depth);
            prop_assert!(a >= w && b >= h && a % (1 << depth) == 0 && b % (1 << depth) == 0);
            prop_assert!(is_exact(a, b, depth));
            if w >= 256 && h >= 256 && depth < 4 {
                prop_assert!(a * b * 100 <= w.next_multiple_of(1 << depth) * h.next_multiple_of(1 << depth) * 110);
            }
        }
    }
}
