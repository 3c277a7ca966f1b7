//! Which shifts are measured, how well, and what is not mistaken for one.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::unwrap_used,
    clippy::cast_possible_wrap,
    reason = "tests: numbers are small, errors are failures"
)]

mod texture;

use arpent_change::register::{
    Cell, CellState, DateWindow, RegisterError, RegisterOptions, Registrar, ShiftField,
};
use ndarray::{Array2, s};
use texture::{Kernel, Noise, Texture, resampled};

const SIDE: usize = 256;

fn measure(before: &Array2<f32>, after: &Array2<f32>) -> Cell {
    let all = Array2::from_elem(before.dim(), true);
    measure_valid(before, &all, after, &all)
}

fn measure_valid(
    before: &Array2<f32>,
    valid: &Array2<bool>,
    after: &Array2<f32>,
    valid_after: &Array2<bool>,
) -> Cell {
    let registrar =
        Registrar::new(RegisterOptions { cell: before.nrows(), ..RegisterOptions::default() }).unwrap();
    let first = DateWindow { values: before.view(), valid: valid.view() };
    let second = DateWindow { values: after.view(), valid: valid_after.view() };
    registrar.cell([3, -7], first, second, &mut registrar.scratch()).unwrap()
}

fn error(cell: &Cell, [dx, dy]: [f64; 2]) -> f64 {
    let [x, y] = cell.shift.expect("a shift");
    (x - dx).hypot(y - dy)
}

/// Gain, offset, a slope of light, and noise of the given deviation.
fn as_of_another_day(image: &Array2<f32>, deviation: f32, seed: u64) -> Array2<f32> {
    let mut noise = Noise::new(seed);
    let side = image.ncols() as f32;
    Array2::from_shape_fn(image.dim(), |(row, col)| {
        let light = 1.0 + 0.3 * col as f32 / side - 0.2 * row as f32 / side;
        (0.8 * image[[row, col]] + 17.0) * light + deviation * noise.normal()
    })
}

fn shifts() -> Vec<[f64; 2]> {
    let sizes = [0.1, 0.2, 0.35, 0.5, 0.77, 1.0, 1.5, 2.3, 3.1, 4.25, 5.0];
    let mut shifts = Vec::new();
    for (i, size) in sizes.iter().enumerate() {
        shifts.extend([[*size, 0.0], [0.0, -size], [-size, sizes[(i + 4) % sizes.len()]]]);
    }
    shifts
}

#[test]
fn shifts_of_a_tenth_to_five_pixels_are_measured_to_a_few_hundredths() {
    let texture = Texture::new(5, SIDE);
    let before = texture.draw(SIDE, [0.0, 0.0]);
    let mut errors = Vec::new();
    for (i, shift) in shifts().into_iter().enumerate() {
        let after = as_of_another_day(&texture.draw(SIDE, shift), 0.5, 100 + i as u64);
        let cell = measure(&as_of_another_day(&before, 0.5, 900 + i as u64), &after);
        assert_eq!(cell.state, CellState::Good, "{shift:?}: {cell:?}");
        errors.push(error(&cell, shift));
    }
    errors.sort_by(f64::total_cmp);
    let (median, worst) = (errors[errors.len() / 2], errors[errors.len() - 1]);
    assert!(median < 0.01 && worst < 0.03, "median {median}, worst {worst}");
}

#[test]
fn shifts_of_resampled_images_are_measured_to_a_few_hundredths() {
    let texture = Texture::new(6, SIDE + 32);
    let image = texture.draw(SIDE + 32, [0.0, 0.0]);
    let middle = s![16..16 + SIDE, 16..16 + SIDE];
    let before = as_of_another_day(&image.slice(middle).to_owned(), 0.5, 1);
    for kernel in [Kernel::Bilinear, Kernel::Cubic, Kernel::Lanczos3] {
        let mut errors = Vec::new();
        for (i, shift) in shifts().into_iter().enumerate() {
            let moved = resampled(&image, shift, kernel);
            let after = as_of_another_day(&moved.slice(middle).to_owned(), 0.5, 50 + i as u64);
            let cell = measure(&before, &after);
            assert_eq!(cell.state, CellState::Good, "{kernel:?} {shift:?}: {cell:?}");
            errors.push(error(&cell, shift));
        }
        errors.sort_by(f64::total_cmp);
        let (median, worst) = (errors[errors.len() / 2], errors[errors.len() - 1]);
        assert!(median < 0.02 && worst < 0.05, "{kernel:?}: median {median}, worst {worst}");
    }
}

#[test]
fn the_standard_error_is_that_of_the_errors() {
    let texture = Texture::new(15, SIDE);
    for deviation in [0.5, 2.0] {
        let (mut squares, mut expected) = (0.0, 0.0);
        for seed in 0..24 {
            let shift = [0.3 + 0.05 * seed as f64, -0.2];
            let before = as_of_another_day(&texture.draw(SIDE, [0.0, 0.0]), deviation, seed);
            let cell = measure(&before, &as_of_another_day(&texture.draw(SIDE, shift), deviation, seed + 99));
            squares += error(&cell, shift).powi(2);
            expected += cell.error.unwrap().powi(2);
        }
        let ratio = (squares / expected).sqrt();
        assert!((0.6..1.6).contains(&ratio), "noise {deviation}: {ratio}");
    }
}

#[test]
fn exchanged_dates_give_the_negative_shift() {
    let texture = Texture::new(7, SIDE);
    for (i, shift) in shifts().into_iter().enumerate() {
        let before = as_of_another_day(&texture.draw(SIDE, [0.0, 0.0]), 3.0, i as u64);
        let after = as_of_another_day(&texture.draw(SIDE, shift), 3.0, 77 + i as u64);
        let (there, back) = (measure(&before, &after), measure(&after, &before));
        let ([x, y], [u, v]) = (there.shift.unwrap(), back.shift.unwrap());
        assert!((x + u).abs() < 1e-6 && (y + v).abs() < 1e-6, "{there:?} {back:?}");
        assert_eq!(there.state, back.state);
    }
}

#[test]
fn an_image_has_no_shift_to_itself() {
    let image = Texture::new(8, SIDE).draw(SIDE, [0.0, 0.0]);
    let cell = measure(&image, &image);
    assert_eq!((cell.state, cell.shift), (CellState::Good, Some([0.0, 0.0])));
    assert!((cell.coherence - 1.0).abs() < 1e-5 && cell.reliability > 0.7, "{cell:?}");
}

#[test]
fn without_texture_nothing_is_reliable() {
    let flat = Array2::from_elem((SIDE, SIDE), 93.0);
    let cell = measure(&flat, &flat);
    assert_eq!((cell.state, cell.shift), (CellState::Unreliable, None));
    let textured = Texture::new(9, SIDE).draw(SIDE, [0.0, 0.0]);
    assert_eq!(measure(&flat, &textured).state, CellState::Unreliable);
    let slope = Array2::from_shape_fn((SIDE, SIDE), |(row, col)| 0.1 * row as f32 + 0.3 * col as f32);
    for seed in 0..20 {
        let noise = |image: &Array2<f32>, seed| as_of_another_day(image, 1.0, seed);
        assert_eq!(measure(&noise(&flat, seed), &noise(&flat, seed + 50)).state, CellState::Unreliable);
        assert_eq!(measure(&noise(&slope, seed), &noise(&slope, seed + 50)).state, CellState::Unreliable);
        let other = Texture::new(200 + seed, SIDE).draw(SIDE, [0.0, 0.0]);
        let unlike = measure(&textured, &other);
        assert_eq!(unlike.state, CellState::Unreliable, "{unlike:?}");
    }
}

#[test]
fn rows_of_crops_are_right_or_unreliable() {
    let mut good = 0;
    for (i, period) in [3.0_f64, 4.5, 7.0, 9.3, 16.0, 31.0].into_iter().enumerate() {
        for (j, [dx, dy]) in [[0.4, 0.2], [1.6, -0.7], [3.9, 4.4]].into_iter().enumerate() {
            for (k, soil) in [0.0_f32, 0.1, 0.5].into_iter().enumerate() {
                for [nx, ny] in [[1.0, 0.0], [0.6, 0.8]] {
                    let ground = Texture::new(300 + i as u64, SIDE);
                    let rows = |[dx, dy]: [f64; 2], seed| {
                        let ground = ground.draw(SIDE, [dx, dy]);
                        let image = Array2::from_shape_fn((SIDE, SIDE), |(row, col)| {
                            let along = nx * (col as f64 - dx) + ny * (row as f64 - dy);
                            let wave = (std::f64::consts::TAU * along / period).sin() as f32;
                            100.0 + 30.0 * wave.max(-0.3) + soil * (ground[[row, col]] - 100.0)
                        });
                        as_of_another_day(&image, 1.0, seed)
                    };
                    let seed = (i * 100 + j * 10 + k) as u64;
                    let cell = measure(&rows([0.0, 0.0], seed), &rows([dx, dy], seed + 5000));
                    if cell.state == CellState::Good {
                        let tolerance = 3.0 * cell.error.unwrap() + 0.02;
                        assert!(
                            error(&cell, [dx, dy]) < tolerance,
                            "period {period} soil {soil} {dx} {dy}: {cell:?}"
                        );
                        good += 1;
                    }
                }
            }
        }
    }
    assert!(good > 20, "{good}");
}

#[test]
fn holes_do_not_pull_the_shift_to_zero() {
    let texture = Texture::new(10, SIDE);
    let shift = [2.3, -1.4];
    let (mut before, mut after) = (texture.draw(SIDE, [0.0, 0.0]), texture.draw(SIDE, shift));
    let mut valid = Array2::from_elem((SIDE, SIDE), true);
    for part in [s![40..120, 60..150], s![180..200, 0..256], s![0..256, 246..256]] {
        valid.slice_mut(part).fill(false);
        before.slice_mut(part).fill(0.0);
        after.slice_mut(part).fill(f32::NAN);
    }
    let cell = measure_valid(&before, &valid, &after, &valid);
    let share = valid.iter().filter(|v| **v).count() as f64 / (SIDE * SIDE) as f64;
    assert!((cell.valid - share).abs() < 1e-12 && share > 0.75);
    assert_eq!(cell.state, CellState::Good, "{cell:?}");
    assert!(error(&cell, shift) < 0.03, "{cell:?}");
    let unmarked = measure(&before, &after);
    assert_eq!(unmarked.valid.to_bits(), cell.valid.to_bits(), "what is not a number is not valid");
    valid.slice_mut(s![100..200, ..]).fill(false);
    let few = measure_valid(&before, &valid, &after, &valid);
    assert_eq!((few.state, few.shift), (CellState::TooFewValid, None));
}

#[test]
fn a_shift_beyond_the_limit_is_not_taken_for_a_short_one() {
    let texture = Texture::new(11, SIDE);
    let cell = measure(&texture.draw(SIDE, [0.0, 0.0]), &texture.draw(SIDE, [14.2, -3.0]));
    assert_eq!(cell.state, CellState::BeyondMax, "{cell:?}");
    assert!(error(&cell, [14.2, -3.0]) < 0.1, "{cell:?}");
}

#[test]
fn cells_do_not_depend_on_the_cut_of_strips() {
    let texture = Texture::new(12, 400);
    let (before, after) = (texture.draw(400, [0.0, 0.0]), texture.draw(400, [1.3, 0.6]));
    let valid = Array2::from_elem((400, 400), true);
    let registrar = Registrar::new(RegisterOptions { cell: 64, ..RegisterOptions::default() }).unwrap();
    // The first pixel is at column -70, row 30 of the lattice: the first whole cells are -1 and 1.
    let window = |from: usize, to: usize| {
        let part = s![from..to, ..];
        let date = |values: &'_ Array2<f32>| values.slice(part).to_owned();
        let (a, b, v) = (date(&before), date(&after), valid.slice(part).to_owned());
        let first = DateWindow { values: a.view(), valid: v.view() };
        let second = DateWindow { values: b.view(), valid: v.view() };
        registrar.cells([-70, 30 + from as i64], first, second).unwrap()
    };
    let whole = window(0, 400);
    assert_eq!(whole.len(), 6 * 5);
    assert_eq!((whole[0].col, whole[0].row), (-1, 1));
    let strips = [window(0, 98), window(98, 162), window(162, 354), window(354, 400)].concat();
    assert_eq!(whole, strips);
    let summary = ShiftField::new(whole).unwrap().summary().unwrap();
    assert!((summary.median_dx - 1.3).abs() < 0.02 && (summary.median_dy - 0.6).abs() < 0.02, "{summary:?}");
}

#[test]
fn windows_of_another_shape_and_bad_options_are_refused() {
    let registrar = Registrar::new(RegisterOptions { cell: 64, ..RegisterOptions::default() }).unwrap();
    let (values, valid) = (Array2::zeros((64, 64)), Array2::from_elem((64, 63), true));
    let right = Array2::from_elem((64, 64), true);
    let [good, bad] = [&right, &valid].map(|valid| DateWindow { values: values.view(), valid: valid.view() });
    let refused = registrar.cell([0, 0], good, bad, &mut registrar.scratch()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "registration, the second date: 64 x 63 px, expected 64 x 64 px (rows x columns)"
    );
    let default = RegisterOptions::default();
    for (options, name) in [
        (RegisterOptions { cell: 255, ..default }, "cell"),
        (RegisterOptions { min_valid: 0.0, ..default }, "min_valid"),
        (RegisterOptions { min_reliability: f64::NAN, ..default }, "min_reliability"),
        (RegisterOptions { max_error: 0.0, ..default }, "max_error"),
        (RegisterOptions { max_shift: 64.5, ..default }, "max_shift"),
    ] {
        let refused = Registrar::new(options).map(|_| ()).unwrap_err();
        assert!(matches!(refused, RegisterError::BadOption { option, .. } if option == name), "{refused}");
    }
}
