//! Spots of stressed plants on healthy fields.
//!
//! What stress does to reflectance: more in the visible, most in the red, first of all; less in the near infrared where the
//! leaf's structure suffers (Carter: *Responses of leaf spectral reflectance to plant stress*, American Journal of Botany
//! 80, 1993). How strong a spot is, is drawn; it fades to its border, which is not a circle.

use std::f64::consts::TAU;

use arpent_base::number::{exact, narrow};
use arpent_datasets::IGNORE;

use super::square::{SimulatedPicture, Square};
use crate::data::Rng;

/// Share of full stress from which on a pixel is labeled.
const SEEN: f64 = 0.15;

/// Share below which it counts as healthy; between the two the label is unknown.
const HEALTHY: f64 = 0.05;

/// Of a band, the change at full stress, as a share of its value.
fn change(band: &str) -> f64 {
    match band {
        "nir" | "nir08" | "nir09" => -0.5,
        "rededge" | "rededge071" | "rededge075" | "rededge078" => -0.25,
        "red" => 0.7,
        "blue" => 0.2,
        "green" => 0.25,
        // Water stress shows there first.
        "swir16" | "swir22" => 0.3,
        _ => 0.0,
    }
}

/// Lays one to three spots on the pixels of the class. What is not of the class is not known.
pub(super) fn spots(square: Square, bands: &[String], rng: &mut Rng) -> SimulatedPicture {
    let Square { side, mut data, is_class } = square;
    let area = side * side;
    let fields: Vec<usize> = (0..area).filter(|i| is_class[*i] == 1).collect();
    let mut stress = vec![0.0f64; area];
    // One picture in four is healthy.
    let count = if fields.is_empty() || rng.chance(0.25) { 0 } else { 1 + rng.below(3) };
    for _ in 0..count {
        let spot = Spot::draw(fields[rng.below(fields.len())], side, rng);
        for i in &fields {
            stress[*i] = stress[*i].max(spot.at(i % side, i / side));
        }
    }
    for (band, plane) in bands.iter().zip(data.chunks_exact_mut(area.max(1))) {
        let share = change(band);
        for (value, stress) in plane.iter_mut().zip(&stress) {
            let changed = narrow((f64::from(*value) * (1.0 + share * stress)).round());
            *value = if *stress > 0.0 { changed } else { *value };
        }
    }
    let label = |i: usize| match stress[i] {
        _ if is_class[i] != 1 => IGNORE,
        s if s >= SEEN => 1,
        s if s < HEALTHY => 0,
        _ => IGNORE,
    };
    SimulatedPicture { dates: vec![data], labels: (0..area).map(label).collect() }
}

/// A spot: full in its middle, 0 at its border.
struct Spot {
    x: f64,
    y: f64,
    radius: f64,
    peak: f64,
    /// Phases of the waves of its border.
    waves: [f64; 3],
}

impl Spot {
    fn draw(center: usize, side: usize, rng: &mut Rng) -> Self {
        Self {
            x: number(center % side),
            y: number(center / side),
            radius: rng.range(3.0, (number(side) / 6.0).max(4.0)),
            peak: rng.range(0.3, 1.0),
            waves: [0, 1, 2].map(|_| TAU * rng.unit()),
        }
    }

    fn at(&self, x: usize, y: usize) -> f64 {
        let (dx, dy) = (number(x) - self.x, number(y) - self.y);
        let angle = dy.atan2(dx);
        let wave = |(k, phase): (f64, &f64)| (k * angle + phase).sin() / k;
        let wavy = 1.0 + 0.3 * [1.0, 2.0, 3.0].into_iter().zip(&self.waves).map(wave).sum::<f64>();
        let inside = (1.0 - dx.hypot(dy) / (self.radius * wavy.max(0.3))).clamp(0.0, 1.0);
        self.peak * inside * inside * (3.0 - 2.0 * inside)
    }
}

fn number(count: usize) -> f64 {
    exact(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stress_takes_infrared_and_adds_red_on_fields_only() {
        let side = 32;
        let area = side * side;
        // The west is a field.
        let is_class: Vec<u8> = (0..area).map(|i| u8::from(i % side < 16)).collect();
        let bands = ["nir", "red"].map(String::from);
        let (mut stressed, mut healthy) = (0, 0);
        for seed in 0..20 {
            let data = [vec![1000.0; area], vec![100.0; area]].concat();
            let square = Square { side, data, is_class: is_class.clone() };
            let made = spots(square, &bands, &mut Rng::new(&[seed]));
            let (nir, red) = made.dates[0].split_at(area);
            for i in 0..area {
                match made.labels[i] {
                    1 => assert!(i % side < 16 && nir[i] < 930.0 && red[i] > 109.0),
                    0 => assert!(i % side < 16 && nir[i] > 974.0 && red[i] < 105.0),
                    _ => {}
                }
                if i % side >= 16 {
                    assert!(made.labels[i] == IGNORE && (nir[i] - 1000.0).abs() < 1e-6);
                }
            }
            if made.labels.contains(&1) { stressed += 1 } else { healthy += 1 }
        }
        assert!(stressed > 8 && healthy > 1, "{stressed} {healthy}");
    }
}
