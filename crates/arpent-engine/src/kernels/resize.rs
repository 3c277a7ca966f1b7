//! Bilinear interpolation.

use super::direct::Patch;
use super::isa::Isa;
use super::pool::each_row;
use super::rows::Rows;
use crate::extent::Resampling;
use crate::numbers::size;

/// Interpolates pixels, and adds those of another layer; `down` and `across` are the positions of rows and columns.
pub(crate) fn bilinear(
    isa: Isa,
    [down, across]: [Resampling; 2],
    [input, output]: [Rows; 2],
    residual: Option<Rows>,
    patch: &Patch,
) {
    let channels = output.channels();
    let (start, end) = across.reads((patch.cols.start, patch.cols.end));
    let at = |x: i64| {
        let (west, east, share) = across.at(x);
        ([west, east].map(|x| size(x - start) * channels), share)
    };
    let places: Vec<([usize; 2], f32)> = patch.cols.clone().map(at).collect();
    each_row(
        isa,
        output,
        patch,
        #[inline(always)]
        |y, out| {
            let (north, south, share) = down.at(y);
            // SAFETY: the input's rows are complete before a layer that reads them begins.
            let [north, south] = [north, south].map(|y| unsafe { input.slice(y, start, size(end - start)) });
            for (([west, east], east_share), out) in
                places.iter().copied().zip(out.chunks_exact_mut(channels))
            {
                let pixels = [&north[west..], &north[east..], &south[west..], &south[east..]];
                blend(pixels, [share, east_share], out);
            }
            if let Some(residual) = residual {
                // SAFETY: as above.
                let residual = unsafe { residual.slice(y, patch.cols.start, patch.width()) };
                out.iter_mut().zip(residual).for_each(|(out, v)| *out += v);
            }
        },
    );
}

/// The weighted sum of four pixels: plain products and sums, the same on every instruction set.
#[inline(always)]
fn blend([a, b, c, d]: [&[f32]; 4], [south, east]: [f32; 2], out: &mut [f32]) {
    let count = out.len();
    let [a, b, c, d] = [&a[..count], &b[..count], &c[..count], &d[..count]];
    let (north, west) = (1.0 - south, 1.0 - east);
    for i in 0..count {
        out[i] = north * (west * a[i] + east * b[i]) + south * (west * c[i] + east * d[i]);
    }
}
