//! Results as text: aligned lines, counts and durations.

use std::fmt::Write as _;

use arpent_base::number::round;

use crate::message::written_out;

/// Lines of `name  value`, aligned.
#[derive(Debug, Default)]
pub struct Lines(String);

impl Lines {
    /// Adds a line. Control characters are escaped, so that values of files cannot add another.
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
pub fn duration(seconds: f64) -> String {
    let whole = round::<u64>(seconds);
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
    fn what_stands_in_a_file_cannot_add_a_line() {
        let mut lines = Lines::default();
        lines.add("model", "a\u{1b}]0;b\u{7}\nstate verified");
        assert_eq!(lines.text(), "model            a\\u{1b}]0;b\\u{7}\\nstate verified\n");
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
