//! Colors of numbers.

use arpent_base::number::{exact, round, truncate};

use crate::Color;

/// Colors from low to high that can be distinguished without color vision: viridis at its quarters (van der Walt and Smith, CC0).
pub const VIRIDIS: [Color; 5] = [
    Color([0x44, 0x01, 0x54]),
    Color([0x3b, 0x52, 0x8b]),
    Color([0x21, 0x91, 0x8c]),
    Color([0x5e, 0xc9, 0x62]),
    Color([0xfd, 0xe7, 0x25]),
];

/// The color of a share, 0 to 1, between those of [`VIRIDIS`]; the lowest for one that is no number.
pub fn viridis(share: f64) -> Color {
    let last = VIRIDIS.len() - 1;
    let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
    let place = share * exact(last);
    let from = truncate::<usize>(place).min(last - 1);
    let part = place - exact(from);
    let [Color(low), Color(high)] = [VIRIDIS[from], VIRIDIS[from + 1]];
    let between = |channel: usize| {
        let [low, high] = [low, high].map(|color| f64::from(color[channel]));
        round::<u8>(low + part * (high - low))
    };
    Color([0, 1, 2].map(between))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarters_have_their_colors_and_others_lie_between() {
        for (index, color) in VIRIDIS.into_iter().enumerate() {
            assert_eq!(viridis(exact(index) / 4.0), color);
        }
        assert_eq!(viridis(0.125), Color([0x40, 0x2a, 0x70]));
        assert_eq!((viridis(-1.0), viridis(f64::NAN), viridis(9.0)), (VIRIDIS[0], VIRIDIS[0], VIRIDIS[4]));
    }
}
