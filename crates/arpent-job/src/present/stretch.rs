//! Colors of pictures of scenes.

use arpent_base::number::{exact, round};

/// Shares of the values that become black and white.
const STRETCH: [f64; 2] = [0.02, 0.98];

/// Numbers of the bands of a picture: red, green and blue, else the first three, else the first.
pub(crate) fn colors(names: &[String]) -> Vec<usize> {
    let named = |name: &str| names.iter().position(|band| band.eq_ignore_ascii_case(name));
    let rgb: Option<Vec<usize>> = ["red", "green", "blue"].into_iter().map(named).collect();
    rgb.unwrap_or_else(|| if names.len() < 3 { vec![0] } else { vec![0, 1, 2] })
}

/// The values of a band that become black and white: the percentiles 2 and 98; `None` without values.
pub(crate) fn limits_of(mut values: Vec<f32>) -> Option<[f32; 2]> {
    let last = values.len().checked_sub(1)?;
    values.sort_by(f32::total_cmp);
    Some(STRETCH.map(|share| values[round::<usize>(share * exact(last))]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_of_pictures_are_found_by_name() {
        let of = |names: &[&str]| colors(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&["nir", "Blue", "green", "red"]), [3, 2, 1]);
        assert_eq!((of(&["b1", "b2", "b3", "b4"]), of(&["vv", "vh"])), (vec![0, 1, 2], vec![0]));
    }

    #[test]
    fn limits_leave_out_the_darkest_and_the_brightest() {
        let values: Vec<f32> = (0..=100u8).rev().map(f32::from).collect();
        assert_eq!(
            limits_of(values).map(|limits| limits.map(f32::to_bits)),
            Some([2.0, 98.0].map(f32::to_bits))
        );
        assert_eq!(limits_of(Vec::new()), None);
    }
}
