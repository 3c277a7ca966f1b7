//! Two dates from pictures of one date.
//!
//! Of labeled pictures, change is known by construction: objects of one picture put into another are new (or, the other
//! way round, gone); a picture and itself are unchanged; of two different pictures the change is where one of them shows the
//! class and the other does not (Zheng et al.: *Change is everywhere: single-temporal supervised object change detection*,
//! 2021).

use arpent_base::number::{offset, round, signed};
use arpent_datasets::IGNORE;

use super::square::{SimulatedPicture, Square};
use crate::data::Rng;

/// Pairs in which objects are put in.
const PUT_IN: f64 = 0.5;

/// Pairs of two different pictures; the rest is unchanged.
const DIFFERENT: f64 = 0.2;

/// Most pixels by which the dates are displaced, along either axis.
const DISPLACED: f64 = 1.0;

/// A pair made of two squares of one size.
pub(super) fn pair(first: &Square, second: &Square, rng: &mut Rng) -> SimulatedPicture {
    let draw = rng.unit();
    let (later, labels) = if draw < PUT_IN {
        put_in(first, second)
    } else if draw < PUT_IN + DIFFERENT {
        (second.data.clone(), differences(&first.is_class, &second.is_class))
    } else {
        let unchanged = first.is_class.iter().map(|known| if *known == IGNORE { IGNORE } else { 0 });
        (first.data.clone(), unchanged.collect())
    };
    let later =
        displaced(&later, first.side, rng.range(-DISPLACED, DISPLACED), rng.range(-DISPLACED, DISPLACED));
    let mut dates = vec![first.data.clone(), later];
    if rng.chance(0.5) {
        dates.reverse();
    }
    SimulatedPicture { dates, labels }
}

/// The first square with the objects of the second in it, and what is new of them.
fn put_in(first: &Square, second: &Square) -> (Vec<f32>, Vec<u8>) {
    let area = first.side * first.side;
    let put = |i: usize| second.is_class[i % area] == 1;
    let data = (0..first.data.len()).map(|i| if put(i) { second.data[i] } else { first.data[i] }).collect();
    let label = |i: usize| match first.is_class[i] {
        IGNORE => IGNORE,
        was => u8::from(put(i) && was == 0),
    };
    (data, (0..area).map(label).collect())
}

fn differences(first: &[u8], second: &[u8]) -> Vec<u8> {
    let one = |(a, b): (&u8, &u8)| if *a == IGNORE || *b == IGNORE { IGNORE } else { u8::from(a != b) };
    first.iter().zip(second).map(one).collect()
}

/// Bands, moved by whole pixels; at the border the last pixel is repeated.
fn displaced(data: &[f32], side: usize, east: f64, south: f64) -> Vec<f32> {
    let moved = |at: usize, by: f64| offset((signed(at) - round::<i64>(by)).clamp(0, signed(side) - 1));
    let source: Vec<usize> =
        (0..side * side).map(|i| moved(i / side, south) * side + moved(i % side, east)).collect();
    data.chunks_exact(side * side).flat_map(|band| source.iter().map(|i| band[*i])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(value: f32, is_class: [u8; 4]) -> Square {
        Square { side: 2, data: vec![value; 4], is_class: is_class.to_vec() }
    }

    #[test]
    fn objects_that_are_put_in_are_new_where_there_was_none() {
        let (first, second) = (square(1.0, [0, 1, IGNORE, 0]), square(9.0, [1, 1, 1, 0]));
        let (data, labels) = put_in(&first, &second);
        assert_eq!(labels, [1, 0, IGNORE, 0]);
        assert!(data.iter().zip([9.0, 9.0, 9.0, 1.0]).all(|(a, b)| (a - b).abs() < 1e-6), "{data:?}");
        assert_eq!(differences(&first.is_class, &second.is_class), [1, 0, IGNORE, 0]);
    }

    #[test]
    fn pictures_move_and_repeat_their_border() {
        let moved = displaced(&[1.0, 2.0, 3.0, 4.0], 2, 1.0, 0.0);
        assert!(moved.iter().zip([1.0, 1.0, 3.0, 3.0]).all(|(a, b)| (a - b).abs() < 1e-6), "{moved:?}");
    }

    #[test]
    fn all_kinds_of_pairs_are_drawn() {
        let (first, second) = (square(1.0, [0; 4]), square(9.0, [1, 0, 0, 0]));
        let mut counts = [0; 3];
        for i in 0..1000 {
            let made = pair(&first, &second, &mut Rng::new(&[i]));
            let changed = made.labels.contains(&1);
            let later = if made.dates[0].iter().all(|v| *v < 2.0) { &made.dates[1] } else { &made.dates[0] };
            let whole = later.iter().all(|v| *v > 2.0);
            counts[if !changed {
                0
            } else if whole {
                1
            } else {
                2
            }] += 1;
        }
        // Displacement may move the one pixel that was put in out of the picture, or over half of it.
        assert!((250..350).contains(&counts[0]) && counts[1] > 150 && counts[2] > 300, "{counts:?}");
    }
}
