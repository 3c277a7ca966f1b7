//! Chips, varied in turn and light.

use arpent_base::Share;
use arpent_base::number::narrow;

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
    light(&mut sample, augment, range, dates, rng);
    sample
}

/// Varies the light of a chip, or of a piece that is pasted into one.
pub(crate) fn light(sample: &mut Sample, augment: &Augment, range: [f32; 2], dates: usize, rng: &mut Rng) {
    let varied = [augment.brightness, augment.contrast, augment.gamma, augment.noise];
    if varied.iter().any(|share| *share > Share::ZERO) {
        let pixels = sample.side * sample.side;
        let bands = sample.data.len() / pixels / dates.max(1);
        for date in sample.data.chunks_exact_mut((bands * pixels).max(1)) {
            let light = Light::draw(augment, range, rng);
            date.chunks_exact_mut(pixels).for_each(|plane| light.shine(plane, &sample.valid, rng));
        }
    }
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
    fn draw(augment: &Augment, [low, high]: [f32; 2], rng: &mut Rng) -> Self {
        let mut factor = |most: f64| narrow(rng.range(-most, most).exp());
        let (gain, contrast, gamma) =
            (factor(augment.brightness.get()), factor(augment.contrast.get()), factor(augment.gamma.get()));
        Self { gain, contrast, gamma, noise: augment.noise.get(), low, span: high - low }
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
        let mean = narrow(sum / f64::from(count.max(1)));
        for (value, _) in plane.iter_mut().zip(valid).filter(|(_, valid)| **valid) {
            let grain = if self.noise > 0.0 { narrow(self.noise * rng.normal()) } else { 0.0 };
            let share = ((*value - mean) * self.contrast + mean) * self.gain + grain;
            *value = self.low + self.span * share.clamp(0.0, 1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Rng, Target};
    use arpent_base::Share;
    use proptest::prelude::*;

    proptest! {
        /// Light changes no label, no validity and no invalid value, and never leaves the range; turns without light are one of the eight.
        #[test]
        fn chips_vary_within_the_configured_ranges(
            seed in any::<u64>(), d4: bool, amounts in prop::array::uniform4(prop_oneof![Just(0.0), 0.0f64..1.0]), dates in 1usize..3,
        ) {
            let mut sample = sample();
            let marks = (0..16u8).map(|i| if i == 3 { arpent_datasets::IGNORE } else { i % 4 }).collect();
            sample.target = Target::Labels(marks);
            let [brightness, contrast, gamma, noise] = amounts.map(|v| Share::new(v).unwrap());
            let augment = Augment { d4, brightness, contrast, gamma, noise, scale: Share::ZERO };
            let varied = vary(sample.clone(), &augment, [0.0, 255.0], dates, &mut Rng::new(&[seed]));
            // The turn is drawn first: the same stream gives it again.
            let turned = if d4 { sample.turned(Rng::new(&[seed]).below(8)) } else { sample };
            prop_assert_eq!((&varied.target, &varied.valid), (&turned.target, &turned.valid));
            let is_dark = amounts.iter().all(|v| *v <= 0.0);
            for (i, (now, before)) in varied.data.iter().zip(&turned.data).enumerate() {
                prop_assert!((0.0..=255.0).contains(now), "{now}");
                prop_assert!(varied.valid[i % 16] || (now - before).abs() < 1e-6, "an invalid pixel changed");
                prop_assert!(!is_dark || (now - before).abs() < 1e-6);
            }
        }
    }

    fn sample() -> Sample {
        let data = (0..32u8).map(|v| f32::from(v) * 8.0).collect();
        let mut valid = vec![true; 16];
        valid[3] = false;
        Sample { side: 4, data, valid, target: Target::Labels(vec![0; 16]) }
    }

    #[test]
    fn a_chip_stays_the_same_without_augmentation() {
        let augment = Augment { d4: false, ..Augment::default() };
        assert_eq!(vary(sample(), &augment, [0.0, 255.0], 1, &mut Rng::new(&[1])), sample());
    }

    #[test]
    fn light_changes_valid_values_within_the_range() {
        let augment = Augment {
            d4: false,
            brightness: Share::HALF,
            contrast: Share::HALF,
            gamma: Share::HALF,
            noise: Share::new(0.2).unwrap(),
            scale: Share::ZERO,
        };
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
