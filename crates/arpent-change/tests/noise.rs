//! Events of 500 made-up pairs of images that are classified, with noise and half a pixel of shift: what is not there
//! is not told, what is there is found.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

use arpent_base::SplitMix64;
use arpent_change::events::{
    Event, EventError, Evidence, ImageVote, Objects, Outcome, Rules, Sieve, SievedRow,
};
use arpent_change::evidence::{ChangeVectors, Histogram, PairRow, RobustScales, ScaleStep, confidence};
use arpent_raster::{CONFIDENCE_NODATA, Window};
use ndarray::{Array1, Array2, Array3, Axis};

const SIDE: usize = 96;
/// Colors of six classes.
const COLORS: [[f32; 3]; 6] = [
    [60.0, 90.0, 50.0],
    [150.0, 70.0, 60.0],
    [40.0, 50.0, 110.0],
    [170.0, 170.0, 160.0],
    [190.0, 150.0, 70.0],
    [90.0, 150.0, 140.0],
];
/// Deviation of the noise of a band.
const NOISE: f32 = 23.0;
/// Smallest side of a true event, pixels: the minimum size that is stated is its area.
const SMALLEST: usize = 7;
const MIN_AREA_M2: f64 = 12.0;

struct Random(SplitMix64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0.below(n)
    }

    /// About normal: the sum of twelve uniform numbers, less six.
    fn normal(&mut self) -> f32 {
        let sum: f64 = (0..12).map(|_| self.0.unit()).sum();
        arpent_base::number::narrow(sum - 6.0)
    }
}

/// A cover of fields, each a few hundred square pixels.
fn cover(random: &mut Random) -> Array2<u8> {
    let centers: Vec<(usize, usize, u8)> = (0..34)
        .map(|_| (random.below(SIDE), random.below(SIDE), u8::try_from(random.below(COLORS.len())).unwrap()))
        .collect();
    Array2::from_shape_fn((SIDE, SIDE), |(row, col)| {
        let distance = |(r, c, _): &&(usize, usize, u8)| r.abs_diff(row).pow(2) + c.abs_diff(col).pow(2);
        centers.iter().min_by_key(distance).unwrap().2
    })
}

/// The image of a cover, moved by a part of a pixel to the east: bands x rows x columns.
fn image(cover: &Array2<u8>, shift: f32, gain: f32, random: &mut Random) -> Array3<f32> {
    Array3::from_shape_fn((3, SIDE, SIDE), |(band, row, col)| {
        let of = |col: usize| COLORS[usize::from(cover[[row, col]])][band];
        let mixed = of(col) * (1.0 - shift) + of(col.saturating_sub(1)) * shift;
        gain * (mixed + NOISE * random.normal())
    })
}

/// The nearest color of every pixel.
fn classified(image: &Array3<f32>, gain: f32) -> Array2<u8> {
    Array2::from_shape_fn((SIDE, SIDE), |(row, col)| {
        let distance = |class: &u8| -> f32 {
            let color = COLORS[usize::from(*class)];
            (0..3).map(|band| (image[[band, row, col]] / gain - color[band]).powi(2)).sum()
        };
        (0..6u8).min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap()
    })
}

/// Change vectors with the threshold of Otsu, as confidences.
fn scores(before: &Array3<f32>, after: &Array3<f32>) -> Vec<Vec<u8>> {
    let valid = Array1::from_elem(SIDE, true);
    let rows: Vec<PairRow<'_>> = (0..SIDE)
        .map(|row| PairRow {
            before: before.index_axis(Axis(1), row),
            after: after.index_axis(Axis(1), row),
            valid: valid.view(),
        })
        .collect();
    let mut scales = RobustScales::new(3).unwrap();
    let scales = loop {
        scales.add(&rows).unwrap();
        if let ScaleStep::Done(scales) = scales.advance().unwrap() {
            break scales;
        }
    };
    let vectors = ChangeVectors::standardized(&scales).unwrap();
    let lengths: Vec<Vec<Option<f64>>> = rows.iter().map(|row| vectors.lengths(*row).unwrap()).collect();
    let mut histogram = Histogram::default();
    lengths.iter().flatten().flatten().for_each(|length| histogram.add(*length));
    let threshold = histogram.otsu().unwrap();
    let score =
        |length: &Option<f64>| length.map_or(CONFIDENCE_NODATA, |length| confidence(length, threshold));
    lengths.iter().map(|row| row.iter().map(score).collect()).collect()
}

fn events(before: &Array2<u8>, after: &Array2<u8>, scores: &[Vec<u8>]) -> Vec<Event> {
    let window = Window::new(300, 700, SIDE, SIDE);
    let rules = Rules {
        groups: std::array::from_fn(|id| u8::try_from(id).ok()),
        // Twice the shift.
        width_px: 1.0,
        min_area_m2: MIN_AREA_M2,
        image: Some(ImageVote { score: 126, share: 0.5 }),
        min_confidence: None,
        min_overlap: Rules::MIN_OVERLAP,
    };
    let mut sieve = Sieve::new(window, rules.clone()).unwrap();
    let mut objects = Objects::new(window, rules).unwrap();
    let mut found = Vec::new();
    let mut keep = |outcome| {
        if let Outcome::Event(event) = outcome {
            found.push(event);
        }
    };
    let mut push = |row: SievedRow<'_>| -> Result<(), EventError> {
        objects.push_row(row.before, row.after, row.evidence, row.pixel_area_m2, &mut keep)
    };
    for (row, scores) in scores.iter().enumerate() {
        let (b, a) = (before.row(row).to_vec(), after.row(row).to_vec());
        let evidence = Evidence { image: Some(scores), ..Evidence::default() };
        sieve.push_row(&b, &a, evidence, 1.0, &mut push).unwrap();
    }
    sieve.finish(&mut push).unwrap();
    objects.finish(&mut keep);
    found
}

#[test]
fn noise_and_half_a_pixel_of_shift_make_few_events_and_hide_few() {
    let (mut raw, mut wrong, mut all) = (0usize, 0usize, 0usize);
    let (mut there, mut seen) = (0usize, 0usize);
    for seed in 0..500 {
        let mut random = Random(SplitMix64::new(seed));
        let before = cover(&mut random);
        let mut after = before.clone();
        // One to three patches of another class.
        let mut truth: Vec<(usize, usize, usize, u8)> = Vec::new();
        for part in 0..=random.below(3) {
            let side = SMALLEST + random.below(10);
            let (row, col) = (random.below(SIDE - side), part * 32 + random.below(32 - side));
            let class = u8::try_from(random.below(6)).unwrap();
            let is_other = |r: usize, c: usize| before[[row + r, col + c]] != class;
            let other = (0..side).map(|r| (0..side).filter(|c| is_other(r, *c)).count()).sum::<usize>();
            if 2 * other > side * side {
                after.slice_mut(ndarray::s![row..row + side, col..col + side]).fill(class);
                truth.push((row, col, side, class));
            }
        }
        let (image_before, image_after) =
            (image(&before, 0.0, 1.0, &mut random), image(&after, 0.5, 0.85, &mut random));
        let labels = [classified(&image_before, 1.0), classified(&image_after, 0.85)];
        let is_true = |row: usize, col: usize| before[[row, col]] != after[[row, col]];
        let differs = |row: usize, col: usize| labels[0][[row, col]] != labels[1][[row, col]];
        let pixels = || (0..SIDE).flat_map(|row| (0..SIDE).map(move |col| (row, col)));
        raw += pixels().filter(|(row, col)| differs(*row, *col) && !is_true(*row, *col)).count();
        all += SIDE * SIDE;
        let found = events(&labels[0], &labels[1], &scores(&image_before, &image_after));
        let mut told = Array2::from_elem((SIDE, SIDE), 255u8);
        for event in found.iter().filter(|event| !event.flows.is_empty()) {
            let mut inside = 0;
            for run in &event.runs {
                let row = usize::try_from(run.row - 700).unwrap();
                for col in run.start..run.end {
                    let col = usize::try_from(col - 300).unwrap();
                    // A pixel beside a true change is one that the shift moved.
                    inside += usize::from(is_true(row, col) || col > 0 && is_true(row, col - 1));
                    told[[row, col]] = labels[1][[row, col]];
                }
            }
            let size = usize::try_from(event.pixels()).unwrap();
            wrong += if 2 * inside < size { size } else { 0 };
        }
        for (row, col, side, class) in truth {
            let patch = || (row..row + side).flat_map(move |r| (col..col + side).map(move |c| (r, c)));
            let changed = patch().filter(|(r, c)| is_true(*r, *c) && after[[*r, *c]] == class).count();
            let hit = patch().filter(|(r, c)| is_true(*r, *c) && told[[*r, *c]] == class).count();
            there += 1;
            seen += usize::from(2 * hit > changed);
        }
    }
    let share = |n: usize| arpent_base::number::exact(n) / arpent_base::number::exact(all);
    let recall = arpent_base::number::exact(seen) / arpent_base::number::exact(there);
    println!(
        "pixels that differ: {:.2} %; events that are not there: {:.3} %; found: {seen} of {there}",
        100.0 * share(raw),
        100.0 * share(wrong)
    );
    assert!(share(raw) > 0.1, "the pairs are no harder than {:.4}", share(raw));
    assert!(share(wrong) <= 0.005, "{:.5} of the area is told and not there", share(wrong));
    assert!(there > 700 && recall >= 0.95, "{seen} of {there} found");
}
