//! Made-up chips: parcels, and predictions that are wrong at their borders, and now and then altogether.

use arpent_base::number::{exact, fitted, narrow, truncate};

use crate::data::Rng;
use crate::evaluate::figures::*;

/// Side of a chip, pixels.
const SIDE: usize = 96;

/// A chip with its truth and prediction.
pub(super) struct Scene {
    pub(super) site: usize,
    item: usize,
    rgb: Vec<u8>,
    pub(super) truth: Vec<u8>,
    pub(super) prediction: Vec<u8>,
}

impl Scene {
    /// Parcels of `classes` classes; the first sites are the hardest.
    pub(super) fn draw(site: usize, item: usize, classes: usize) -> Self {
        let mut rng = Rng::new(&[11, site as u64, item as u64]);
        let hard = 0.34 / (1.0 + exact(site));
        let parcels: Vec<[f64; 3]> =
            (0..14).map(|_| [rng.unit() * 96.0, rng.unit() * 96.0, class(&mut rng, classes)]).collect();
        let seen: Vec<[f64; 3]> = parcels
            .iter()
            .map(|[x, y, c]| {
                let class = if rng.chance(0.05 + hard) { class(&mut rng, classes) } else { *c };
                [x + 2.0 * rng.normal(), y + 2.0 * rng.normal(), class]
            })
            .collect();
        let nearest = |parcels: &[[f64; 3]], i: usize| {
            let (x, y) = (exact(i % SIDE), exact(i / SIDE));
            let distance = |p: &&[f64; 3]| (p[0] - x).powi(2) + (p[1] - y).powi(2);
            truncate::<u8>(parcels.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap()[2])
        };
        let truth: Vec<u8> = (0..SIDE * SIDE)
            .map(|i| if i / SIDE < 6 && item == 0 { 255 } else { nearest(&parcels, i) })
            .collect();
        let prediction = (0..SIDE * SIDE).map(|i| nearest(&seen, i)).collect();
        let shade = |c: u8, noise: f64| {
            [90, 110, 70].map(|v| {
                truncate::<u8>((f64::from(v) + 25.0 * f64::from(c % 5) - 40.0 + noise).clamp(0.0, 255.0))
            })
        };
        let rgb = (0..SIDE * SIDE).flat_map(|i| shade(nearest(&parcels, i), 9.0 * rng.normal())).collect();
        Self { site, item, rgb, truth, prediction }
    }

    /// Share of right pixels among those that are labeled.
    pub(super) fn accuracy(&self) -> f64 {
        let labeled = self.truth.iter().zip(&self.prediction).filter(|(t, _)| **t != 255);
        let (right, all) =
            labeled.fold((0.0, 0.0), |(right, all), (t, p)| (right + f64::from(u8::from(t == p)), all + 1.0));
        right / all
    }

    /// The site's name.
    pub(super) fn group(&self) -> String {
        format!("D{:03}", 6 + 7 * self.site)
    }

    fn view(&self) -> ChipView {
        ChipView {
            item: format!("{}_2021_Z{}_{:04}", self.group(), self.item, 17 * self.item + self.site),
            group: self.group(),
            score: Some(self.accuracy()),
            width: fitted(SIDE),
            height: fitted(SIDE),
            pictures: vec![ChipPicture { caption: "image".into(), rgb: self.rgb.clone() }],
            answer: ChipAnswer::Labels { truth: self.truth.clone(), prediction: self.prediction.clone() },
        }
    }
}

/// A class; the first ones are the most frequent.
fn class(rng: &mut Rng, classes: usize) -> f64 {
    (rng.unit().powf(1.5) * exact(classes)).floor()
}

/// The chips with the fewest and the most right pixels.
pub(super) fn gallery(scenes: &[Scene]) -> Gallery {
    let mut order: Vec<&Scene> = scenes.iter().collect();
    order.sort_by(|a, b| a.accuracy().total_cmp(&b.accuracy()));
    let worst = order.iter().take(6).map(|s| s.view()).collect();
    Gallery {
        score_name: "accuracy".into(),
        worst,
        best: order.iter().rev().take(4).map(|s| s.view()).collect(),
    }
}

/// Chips with boxes.
pub(super) fn boxes() -> Gallery {
    let mut rng = Rng::new(&[5]);
    let mut view = |item: usize| {
        let scene = Scene::draw(item, 0, 7);
        let truth: Vec<ChipBox> = (0..9u8)
            .map(|i| {
                let [x, y] = [rng.unit() * 80.0, rng.unit() * 80.0];
                ChipBox { class: 5 + i % 2, sides: [x, y, x + 14.0, y + 14.0].map(narrow), corners: None }
            })
            .collect();
        let shifted = |b: &ChipBox| ChipBox { sides: b.sides.map(|side| side + 2.0), ..*b };
        let prediction = truth.iter().skip(2).map(shifted).collect();
        ChipView { answer: ChipAnswer::Boxes { truth, prediction }, ..scene.view() }
    };
    Gallery { score_name: "F1".into(), worst: vec![view(0), view(1)], best: vec![view(2)] }
}

/// Chips with two pictures and one class.
pub(super) fn pairs() -> Gallery {
    let view = |item: usize, prediction: u8| {
        let [before, after] = [0, 1].map(|year| Scene::draw(item, year, 3).rgb);
        let picture = |caption: &str, rgb| ChipPicture { caption: caption.into(), rgb };
        ChipView {
            pictures: vec![picture("2018", before), picture("2021", after)],
            answer: ChipAnswer::Item { truth: 1, prediction, confidence: Some(0.81) },
            ..Scene::draw(item, 0, 3).view()
        }
    };
    Gallery { score_name: "probability of the truth".into(), worst: vec![view(0, 2)], best: vec![view(1, 1)] }
}
