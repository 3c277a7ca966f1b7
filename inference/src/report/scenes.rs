//! Text reports of warnings and of many scenes.

use std::fmt::Write as _;

use arpent_base::number::exact;
use arpent_publish::Warning;
use arpent_shell::lines::{Lines, count};

/// Adds a line for each warning, and one for its hint.
pub(crate) fn add_warnings(lines: &mut Lines, warnings: &[Warning]) {
    for warning in warnings {
        lines.add("warning", format!("{}: {}", warning.subject, warning.message));
        if let Some(hint) = &warning.hint {
            lines.more(format!("hint: {hint}"));
        }
    }
}

/// Scenes are listed one by one up to this number, and summarized above.
pub(crate) const SCENES_IN_FULL: usize = 20;

/// Many scenes in one line: number, pixels, GSDs and dates; values that differ are printed as a range.
pub(crate) fn scenes_together<'a>(
    scenes: impl Iterator<Item = (u64, Option<f64>, Option<&'a str>)>,
) -> String {
    let (mut number, mut pixels, mut unknown) = (0u64, 0u64, 0u64);
    let (mut gsd, mut dates) = (None::<(f64, f64)>, None::<(&str, &str)>);
    for (px, gsd_m, acquired) in scenes {
        (number, pixels) = (number + 1, pixels + px);
        if let Some(m) = gsd_m {
            gsd = Some(gsd.map_or((m, m), |(low, high)| (low.min(m), high.max(m))));
        }
        match acquired {
            Some(date) => dates = Some(dates.map_or((date, date), |(a, b)| (a.min(date), b.max(date)))),
            None => unknown += 1,
        }
    }
    let mut text = format!("{}, {:.1} Mpx in total", count(number), exact(pixels) / 1e6);
    if let Some((low, high)) = gsd {
        let range = if high - low < 5e-4 { format!("{low:.3}") } else { format!("{low:.3} to {high:.3}") };
        let _ = write!(text, ", GSD {range} m");
    }
    if let Some((first, last)) = dates {
        let _ = write!(text, ", taken {first}");
        if first != last {
            let _ = write!(text, " to {last}");
        }
    }
    if unknown > 0 {
        let _ = write!(text, ", {} of unknown date", count(unknown));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_scenes_are_one_line() {
        let scene = |day: Option<&'static str>| (25_000_000, Some(0.2), day);
        let same = std::iter::repeat_n(scene(Some("2021-07-01")), 374);
        assert_eq!(scenes_together(same), "374, 9350.0 Mpx in total, GSD 0.200 m, taken 2021-07-01");
        let mixed = [scene(Some("2021-07-02")), scene(None), (5, Some(0.5), Some("2019-01-01"))];
        let expected =
            "3, 50.0 Mpx in total, GSD 0.200 to 0.500 m, taken 2019-01-01 to 2021-07-02, 1 of unknown date";
        assert_eq!(scenes_together(mixed.into_iter()), expected);
    }
}
