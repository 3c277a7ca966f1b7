//! Results on standard output: plain words or one JSON document.

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::Context;
use arpent_model::ModelPackage;
use arpent_publish::{Warning, redacted_text};
use serde::Serialize;

use crate::Ended;
use crate::cli::{Format, SchemaOf};
use crate::config::Config;
use crate::zonal::ZonalConfig;

/// Prints a result in the form that was asked for.
///
/// # Errors
/// When standard output is closed.
pub fn print<T: Serialize>(value: &T, human: &str, format: Format) -> anyhow::Result<()> {
    let text = match format {
        Format::Human => shown(human),
        Format::Json => redacted_text(&serde_json::to_string_pretty(value)?) + "\n",
    };
    std::io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")
}

/// A text as a terminal and a log may get it: without credentials in its URLs, and with control characters, which would
/// move the cursor or recolor what was said, written out (`\u{1b}`); lines and tabs stay.
pub(crate) fn shown(text: &str) -> String {
    written_out(&redacted_text(text), |c| matches!(c, '\n' | '\t'))
}

/// The text with its control characters written out, but for those to keep.
fn written_out(text: &str, keeps: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && !keeps(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// Prints a JSON schema.
///
/// # Errors
/// When standard output is closed.
pub fn schema(of: SchemaOf) -> Ended {
    let schema = match of {
        SchemaOf::Run => schemars::schema_for!(Config),
        SchemaOf::Model => schemars::schema_for!(ModelPackage),
        SchemaOf::Zonal => schemars::schema_for!(ZonalConfig),
    };
    let schema = serde_json::to_string_pretty(&schema)? + "\n";
    std::io::stdout().write_all(schema.as_bytes()).context("cannot write to standard output")?;
    Ok(0)
}

/// Adds a line for each thing that is doubtful, and one for what to do about it.
pub(crate) fn add_warnings(lines: &mut Lines, warnings: &[Warning]) {
    for warning in warnings {
        lines.add("warning", format!("{}: {}", warning.subject, warning.message));
        if let Some(hint) = &warning.hint {
            lines.more(format!("hint: {hint}"));
        }
    }
}

/// Scenes are told one by one up to this number, and together above.
pub(crate) const SCENES_IN_FULL: usize = 20;

/// Many scenes in one line: how many, their pixels, GSDs and dates; what differs among them is told as a range.
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
    #[allow(clippy::cast_precision_loss, reason = "a figure to show")]
    let mut text = format!("{} of {:.1} Mpx together", count(number), pixels as f64 / 1e6);
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

/// Lines of `name  value`, aligned.
#[derive(Debug, Default)]
pub struct Lines(String);

impl Lines {
    /// Adds a line. What stands in a manifest or a file cannot add another.
    pub fn add(&mut self, name: &str, value: impl AsRef<str>) -> &mut Self {
        let (name, value) = (written_out(name, |_| false), written_out(value.as_ref(), |_| false));
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{name:<16} {value}");
        self
    }

    /// Adds a line without a name, indented.
    pub fn more(&mut self, value: impl AsRef<str>) -> &mut Self {
        self.add("", value)
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// Groups the digits of a count: `62500000` as `62,500,000`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Seconds in the largest fitting units: `1 h 02 min`, `3 min 05 s`, `4.2 s`.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "seconds are small and not negative"
)]
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_scenes_are_one_line() {
        let scene = |day: Option<&'static str>| (25_000_000, Some(0.2), day);
        let same = std::iter::repeat_n(scene(Some("2021-07-01")), 374);
        assert_eq!(scenes_together(same), "374 of 9350.0 Mpx together, GSD 0.200 m, taken 2021-07-01");
        let mixed = [scene(Some("2021-07-02")), scene(None), (5, Some(0.5), Some("2019-01-01"))];
        let expected =
            "3 of 50.0 Mpx together, GSD 0.200 to 0.500 m, taken 2019-01-01 to 2021-07-02, 1 of unknown date";
        assert_eq!(scenes_together(mixed.into_iter()), expected);
    }

    #[test]
    fn control_characters_are_written_out() {
        let mut lines = Lines::default();
        lines.add("model", "a\u{1b}]0;b\u{7}\nstate verified");
        assert_eq!(lines.text(), "model            a\\u{1b}]0;b\\u{7}\\nstate verified\n");
        assert_eq!(shown("a\u{9b}31m\tprè\nb"), "a\\u{9b}31m\tprè\nb");
    }

    #[test]
    fn counts_and_durations_read_well() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(62_500_000), "62,500,000");
        assert_eq!(duration(4.23), "4.2 s");
        assert_eq!(duration(185.0), "3 min 05 s");
        assert_eq!(duration(3725.0), "1 h 02 min");
    }
}
