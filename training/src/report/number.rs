//! Numbers as text: few digits, grouped thousands, units.

use arpent_base::number::{exact, fitted, round};

/// Stands for a value that does not exist.
pub(super) const NONE: &str = "–";

/// Thousands are set apart with a narrow no-break space, which is a decimal mark in no country.
const APART: char = '\u{202f}';

/// `12 345 678`.
pub(super) fn integer(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(APART);
        }
        text.push(digit);
    }
    text
}

/// `12.3 M`: for cells that are too narrow for [`integer`].
pub(super) fn compact(value: u64) -> String {
    const UNITS: [(f64, &str); 4] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    let number = float(value);
    match UNITS.into_iter().find(|(unit, _)| number >= 0.9995 * unit) {
        Some((unit, letter)) => format!("{}{letter}", significant(number / unit, 3)),
        None => value.to_string(),
    }
}

/// A count as a number to calculate with.
pub(super) fn float(value: u64) -> f64 {
    exact(value)
}

/// `part` of `whole`; `None` if `whole` is 0.
pub(super) fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| float(part) / float(whole))
}

/// A score between 0 and 1, three digits.
pub(super) fn score(value: Option<f64>) -> String {
    finite(value).map_or_else(|| NONE.into(), |v| minus(format!("{v:.3}")))
}

/// A share as percent: `12.3 %`, and `< 0.1 %` rather than a rounded zero.
pub(super) fn percent(share: Option<f64>) -> String {
    match finite(share) {
        None => NONE.into(),
        Some(v) if v > 0.0 && v < 0.0005 => format!("<{APART}0.1{APART}%"),
        Some(v) => format!("{:.1}{APART}%", 100.0 * v),
    }
}

/// A number with this many significant digits: `1 234`, `12.3`, `0.00123`, `1.23 × 10⁻⁵`.
pub(super) fn significant(value: f64, digits: i32) -> String {
    if !value.is_finite() {
        return NONE.into();
    }
    let magnitude = magnitude(value, digits);
    if value != 0.0 && !(-4..7).contains(&magnitude) {
        return scientific(value, magnitude, digits);
    }
    // None where the number has more digits before the point.
    let decimals = usize::try_from(digits - 1 - magnitude).unwrap_or(0);
    let text = format!("{value:.decimals$}");
    let (whole, rest) = text.split_once('.').map_or((text.as_str(), None), |(w, r)| (w, Some(r)));
    let sign = if whole.starts_with('-') { "−" } else { "" };
    let whole = whole.trim_start_matches('-').parse().map_or_else(|_| whole.to_owned(), integer);
    rest.map_or_else(|| format!("{sign}{whole}"), |rest| format!("{sign}{whole}.{rest}"))
}

/// Power of ten of the first digit, after rounding to `digits`.
fn magnitude(value: f64, digits: i32) -> i32 {
    let digits = fitted::<usize>(digits - 1);
    let text = format!("{value:.digits$e}");
    text.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0)
}

fn scientific(value: f64, magnitude: i32, digits: i32) -> String {
    let decimals = fitted::<usize>(digits - 1);
    let mantissa = format!("{:.decimals$}", value / 10f64.powi(magnitude));
    let mantissa =
        if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { &mantissa };
    let raised = magnitude.to_string().chars().map(superscript).collect::<String>();
    minus(format!("{mantissa}{APART}×{APART}10{raised}"))
}

fn superscript(c: char) -> char {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    c.to_digit(10).and_then(|d| DIGITS.get(d as usize).copied()).unwrap_or('⁻')
}

/// A typographic minus, as wide as a digit.
fn minus(text: String) -> String {
    if text.starts_with('-') { text.replacen('-', "−", 1) } else { text }
}

fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|v| v.is_finite())
}

/// `42 s`, `12 min 5 s`, `3 h 12 min`.
pub(super) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return NONE.into();
    }
    let whole = round::<u64>(seconds);
    match (whole / 3600, whole % 3600 / 60, whole % 60) {
        (0, 0, _) if whole < 10 => format!("{seconds:.1} s"),
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, m, _) => format!("{} h {m} min", integer(h)),
    }
}

/// Watt-hours: `38.2 Wh`, `1.24 kWh`.
pub(super) fn energy(watt_hours: f64) -> String {
    if watt_hours >= 1000.0 {
        format!("{} kWh", significant(watt_hours / 1000.0, 3))
    } else {
        format!("{} Wh", significant(watt_hours, 3))
    }
}

/// `1 site`, `12 345 sites`.
pub(super) fn counted(count: u64, noun: &str) -> String {
    format!("{} {}", integer(count), if count == 1 { noun.to_owned() } else { plural(noun) })
}

/// English plural of a noun, as far as words of the field need it.
pub(super) fn plural(noun: &str) -> String {
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ if noun.ends_with('s') => noun.to_owned(),
        _ => format!("{noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With ordinary blanks.
    fn plain(text: impl AsRef<str>) -> String {
        text.as_ref().replace(APART, " ")
    }

    #[test]
    fn thousands_stand_apart() {
        let told = [0, 999, 1000, 12_345_678].map(|v| plain(integer(v)));
        assert_eq!(told, ["0", "999", "1 000", "12 345 678"]);
        let told = [0, 999, 1234, 999_999, 12_345_678, 3_000_000_000].map(compact);
        assert_eq!(told, ["0", "999", "1.23k", "1.00M", "12.3M", "3.00G"]);
    }

    #[test]
    fn digits_are_few() {
        let told = [0.0, 1234.4, 12.34, -0.001_234, 0.000_012, 1e9, 9.999, f64::NAN];
        let told = told.map(|v| plain(significant(v, 3)));
        assert_eq!(told, ["0.00", "1 234", "12.3", "−0.00123", "1.2 × 10⁻⁵", "1 × 10⁹", "10.0", NONE]);
    }

    #[test]
    fn shares_that_do_not_exist_are_no_zeros() {
        let told = [None, Some(f64::NAN), Some(0.0), Some(0.0004), Some(0.1234), Some(1.0)];
        assert_eq!(told.map(|v| plain(percent(v))), [NONE, NONE, "0.0 %", "< 0.1 %", "12.3 %", "100.0 %"]);
        assert_eq!([None, Some(0.5), Some(-0.1)].map(score), [NONE, "0.500", "−0.100"]);
        assert_eq!(ratio(1, 0), None);
    }

    #[test]
    fn times_and_energies_have_units() {
        assert_eq!(
            [4.21, 59.6, 125.0, 11_541.0].map(duration),
            ["4.2 s", "1 min 0 s", "2 min 5 s", "3 h 12 min"]
        );
        assert_eq!([3.8, 1240.0].map(energy), ["3.80 Wh", "1.24 kWh"]);
        assert_eq!(
            [counted(1, "county"), counted(2, "county"), counted(0, "site")],
            ["1 county", "2 counties", "0 sites"]
        );
    }
}
