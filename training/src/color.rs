//! Changes of light, color and sharpness.

use crate::rng::Rng;

/// Changes brightness, contrast, gamma, saturation and the balance of the colors, each by a factor of up to
/// `e^amount` (the balance by less); pixels below 0 stay as they are.
#[allow(clippy::cast_possible_truncation, reason = "factors near 1")]
pub(crate) fn jitter(pixels: &mut [[f32; 3]], amount: f64, rng: &mut Rng) {
    let factor = |rng: &mut Rng, amount: f64| rng.range(-amount, amount).exp() as f32;
    let (gain, contrast, gamma) = (factor(rng, amount), factor(rng, amount), factor(rng, amount));
    let saturation = factor(rng, 2.0 * amount);
    let balance = [0; 3].map(|_| factor(rng, amount / 3.0));
    let curve = |v: f32| gain * ((255.0 * (v / 255.0).powf(gamma) - 110.0) * contrast + 110.0);
    let table: Vec<f32> = (0..=255u8).map(|v| curve(f32::from(v))).collect();
    for pixel in pixels.iter_mut().filter(|p| p[0] >= 0.0) {
        #[allow(clippy::cast_sign_loss, reason = "clamped to 0..=255")]
        let toned = pixel.map(|v| table[v.clamp(0.0, 255.0).round() as usize]);
        let grey = (toned[0] + toned[1] + toned[2]) / 3.0;
        *pixel = [0, 1, 2].map(|c| (balance[c] * (grey + saturation * (toned[c] - grey))).clamp(0.0, 255.0));
    }
}

/// Blurs (`amount` below 0) or sharpens (above 0) with a binomial 3 x 3 mask.
#[allow(clippy::cast_possible_truncation, reason = "an amount near 1")]
pub(crate) fn sharpen(pixels: &mut [[f32; 3]], side: usize, amount: f64) {
    let amount = amount as f32;
    let soft = blurred(pixels, side);
    for (pixel, soft) in pixels.iter_mut().zip(soft) {
        *pixel = [0, 1, 2].map(|c| (pixel[c] + amount * (pixel[c] - soft[c])).clamp(0.0, 255.0));
    }
}

/// The binomial 3 x 3 mask; the border repeats itself.
fn blurred(pixels: &[[f32; 3]], side: usize) -> Vec<[f32; 3]> {
    let mix = |a: [f32; 3], b: [f32; 3], c: [f32; 3]| [0, 1, 2].map(|i| 0.25 * (a[i] + 2.0 * b[i] + c[i]));
    let next = |v: usize| (v + 1).min(side - 1);
    let along = |i: usize| {
        let (x, row) = (i % side, i / side * side);
        mix(pixels[row + x.saturating_sub(1)], pixels[i], pixels[row + next(x)])
    };
    let rows: Vec<[f32; 3]> = (0..pixels.len()).map(along).collect();
    let down = |i: usize| {
        let (x, y) = (i % side, i / side);
        mix(rows[y.saturating_sub(1) * side + x], rows[i], rows[next(y) * side + x])
    };
    (0..pixels.len()).map(down).collect()
}

/// Mean color.
#[allow(clippy::cast_precision_loss, reason = "pixel counts are small")]
pub(crate) fn mean(pixels: &[[f32; 3]]) -> [f32; 3] {
    [0, 1, 2].map(|c| pixels.iter().map(|p| p[c]).sum::<f32>() / pixels.len().max(1) as f32)
}

/// Gives pixels another mean color; light and shade scale with it.
pub(crate) fn shift(pixels: &mut [[f32; 3]], to: [f32; 3]) {
    let from = mean(pixels);
    let scale = [0, 1, 2].map(|c| to[c] / from[c].max(1.0));
    for pixel in pixels {
        *pixel = [0, 1, 2].map(|c| (pixel[c] * scale[c]).clamp(0.0, 255.0));
    }
}

/// Mean difference between each pixel's brightness and those to its right and below, over 9 x 9 pixels.
#[allow(clippy::cast_precision_loss, reason = "pixel counts are small")]
pub(crate) fn roughness(pixels: &[[f32; 3]], side: usize) -> Vec<f32> {
    let grey: Vec<f32> = pixels.iter().map(|p| p.iter().sum::<f32>() / 3.0).collect();
    let step = |i: usize| {
        let right = if i % side + 1 < side { grey[i + 1] } else { grey[i] };
        let below = if i + side < grey.len() { grey[i + side] } else { grey[i] };
        (right - grey[i]).abs() + (below - grey[i]).abs()
    };
    let steps: Vec<f32> = (0..grey.len()).map(step).collect();
    let around = |v: usize| v.saturating_sub(4)..(v + 5).min(side);
    let local = |i: usize| {
        let (columns, rows) = (around(i % side), around(i / side));
        let count = columns.len() * rows.len();
        rows.map(|y| steps[y * side..][columns.clone()].iter().sum::<f32>()).sum::<f32>() / count as f32
    };
    (0..grey.len()).map(local).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Vec<[f32; 3]> {
        let mut rng = Rng::new(&[1]);
        #[allow(clippy::cast_possible_truncation)]
        let pixels = (0..256).map(|_| [0; 3].map(|_| rng.range(50.0, 200.0) as f32)).collect();
        pixels
    }

    #[test]
    fn blurring_smooths_and_sharpening_roughens() {
        let sum = |p: &[[f32; 3]]| roughness(p, 16).iter().sum::<f32>();
        let (mut soft, mut hard) = (picture(), picture());
        sharpen(&mut soft, 16, -1.0);
        sharpen(&mut hard, 16, 1.0);
        assert!(sum(&soft) < 0.7 * sum(&picture()) && sum(&hard) > 1.1 * sum(&picture()));
    }

    #[test]
    fn colors_are_moved_to_where_they_should() {
        let mut pixels = picture();
        shift(&mut pixels, [60.0, 80.0, 40.0]);
        let mean = mean(&pixels);
        assert!(mean.iter().zip([60.0, 80.0, 40.0]).all(|(a, b)| (a - b).abs() < 0.5), "{mean:?}");
    }

    #[test]
    fn no_jitter_changes_nothing_but_rounding() {
        let mut pixels = picture();
        jitter(&mut pixels, 0.0, &mut Rng::new(&[2]));
        assert!(pixels.iter().flatten().zip(picture().iter().flatten()).all(|(a, b)| (a - b).abs() <= 0.51));
    }
}
