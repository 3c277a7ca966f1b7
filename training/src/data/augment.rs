//! Chips, varied in turn and light.

use super::{Rng, Sample};
use crate::config::Augment;

/// Varies a chip; `dates` pictures one after the other are varied in light each on its own.
pub(crate) fn vary(
    sample: Sample,
    augment: &Augment,
    range: [f32; 2],
    dates: usize,
    rng: &mut Rng,
) -> Sample {
    let mut sample = if augment.d4 { sample.turned(rng.below(8)) } else { sample };
    if augment.brightness > 0.0 || augment.contrast > 0.0 || augment.gamma > 0.0 || augment.noise > 0.0 {
        let pixels = sample.side * sample.side;
        let bands = sample.data.len() / pixels / dates.max(1);
        for date in sample.data.chunks_exact_mut((bands * pixels).max(1)) {
            let light = Light::draw(augment, range, rng);
            date.chunks_exact_mut(pixels).for_each(|plane| light.shine(plane, &sample.valid, rng));
        }
    }
    sample
}

/// One change of light.
struct Light {
    gain: f32,
    contrast: f32,
    gamma: f32,
    noise: f64,
    low: f32,
    span: f32,
}

impl Light {
    #[allow(clippy::cast_possible_truncation, reason = "factors near 1")]
    fn draw(augment: &Augment, [low, high]: [f32; 2], rng: &mut Rng) -> Self {
        let mut factor = |most: f64| rng.range(-most, most).exp() as f32;
        let (gain, contrast, gamma) =
            (factor(augment.brightness), factor(augment.contrast), factor(augment.gamma));
        Self { gain, contrast, gamma, noise: augment.noise, low, span: high - low }
    }

    /// Changes the valid values of a band, and keeps them in the range.
    fn shine(&self, plane: &mut [f32], valid: &[bool], rng: &mut Rng) {
        let (mut sum, mut count) = (0.0f64, 0u32);
        for (value, _) in plane.iter_mut().zip(valid).filter(|(_, valid)| **valid) {
            let share = ((*value - self.low) / self.span).clamp(0.0, 1.0);
            *value = if (self.gamma - 1.0).abs() > 0.0 { share.powf(self.gamma) } else { share };
            sum += f64::from(*value);
            count += 1;
        }
        #[allow(clippy::cast_possible_truncation, reason = "a share")]
        let mean = (sum / f64::from(count.max(1))) as f32;
        for (value, _) in plane.iter_mut().zip(valid).filter(|(_, valid)| **valid) {
            #[allow(clippy::cast_possible_truncation, reason = "a share")]
            let grain = if self.noise > 0.0 { (self.noise * rng.normal()) as f32 } else { 0.0 };
            let share = ((*value - mean) * self.contrast + mean) * self.gain + grain;
            *value = self.low + self.span * share.clamp(0.0, 1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Target;

    fn sample() -> Sample {
        let data = (0..32u8).map(|v| f32::from(v) * 8.0).collect();
        let mut valid = vec![true; 16];
        valid[3] = false;
        Sample { side: 4, data, valid, target: Target::Labels(vec![0; 16]) }
    }

    #[test]
    fn nothing_asked_nothing_changed() {
        let augment = Augment { d4: false, ..Augment::default() };
        assert_eq!(vary(sample(), &augment, [0.0, 255.0], 1, &mut Rng::new(&[1])), sample());
    }

    #[test]
    fn light_changes_valid_values_within_the_range() {
        let augment =
            Augment { d4: false, brightness: 0.5, contrast: 0.5, gamma: 0.5, noise: 0.2, scale: 0.0 };
        let varied = vary(sample(), &augment, [0.0, 255.0], 1, &mut Rng::new(&[1]));
        assert!(varied.data.iter().all(|v| (0.0..=255.0).contains(v)));
        let changed =
            varied.data.iter().zip(&sample().data).filter(|(a, b)| (**a - **b).abs() > 1e-3).count();
        assert!(changed > 20, "{changed}");
        assert!(
            (varied.data[3] - 24.0).abs() < 1e-6 && (varied.data[19] - 152.0).abs() < 1e-6,
            "invalid pixels stay"
        );
    }
}
