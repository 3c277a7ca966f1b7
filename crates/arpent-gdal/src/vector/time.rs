//! Dates and times of layers as text: ISO 8601 and RFC 3339, the same for every format.
//!
//! Nothing is added: a time without an offset stays without one.

use gdal::vector::OGRFieldType;

use crate::ffi::Moment;

/// Kind of a date or time field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Time {
    /// `2021-03-04`
    Date,
    /// `05:06:07`
    Clock,
    /// `2021-03-04T05:06:07`
    Both,
}

impl Time {
    /// From a field type; `None` if it is not a date or time.
    pub(crate) fn of(field_type: OGRFieldType::Type) -> Option<Self> {
        match field_type {
            OGRFieldType::OFTDate => Some(Self::Date),
            OGRFieldType::OFTTime => Some(Self::Clock),
            OGRFieldType::OFTDateTime => Some(Self::Both),
            _ => None,
        }
    }

    /// The text of a value.
    pub(crate) fn text(self, at: &Moment) -> String {
        let date = format!("{:04}-{:02}-{:02}", at.year, at.month, at.day);
        // GDAL's seconds have millisecond precision, so rounding never carries to the next minute.
        let seconds = (f64::from(at.second) * 1000.0).round().min(60_999.0) / 1000.0;
        let seconds = if at.second < 60.0 { seconds.min(59.999) } else { seconds };
        let seconds = if seconds.fract() == 0.0 { format!("{seconds:02.0}") } else { trimmed(seconds) };
        let clock = format!("{:02}:{:02}:{seconds}{}", at.hour, at.minute, offset(at.zone));
        match self {
            Self::Date => date,
            Self::Clock => clock,
            Self::Both => format!("{date}T{clock}"),
        }
    }
}

/// `07.12`
fn trimmed(seconds: f64) -> String {
    format!("{seconds:06.3}").trim_end_matches('0').to_owned()
}

/// The offset from UTC in RFC 3339 notation; empty if unknown.
fn offset(zone: i32) -> String {
    match zone {
        100 => "Z".to_owned(),
        ..=1 => String::new(),
        _ => offset_of(60 * 15 * i64::from(zone - 100)),
    }
}

/// An offset from UTC in seconds, in hours and minutes: `+01:00`.
pub(super) fn offset_of(seconds: i64) -> String {
    let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_rfc_3339() {
        let at = |second, zone| Moment { year: 2021, month: 3, day: 4, hour: 5, minute: 6, second, zone };
        assert_eq!(Time::Date.text(&at(0.0, 0)), "2021-03-04");
        for (second, zone, text) in [
            (7.123, 104, "2021-03-04T05:06:07.123+01:00"),
            (7.0, 100, "2021-03-04T05:06:07Z"),
            (7.5, 0, "2021-03-04T05:06:07.5"),
            (0.0, 1, "2021-03-04T05:06:00"),
            (59.9999, 86, "2021-03-04T05:06:59.999-03:30"),
            (60.0, 122, "2021-03-04T05:06:60+05:30"),
        ] {
            assert_eq!(Time::Both.text(&at(second, zone)), text);
        }
        assert_eq!(Time::Clock.text(&at(7.0, 0)), "05:06:07");
    }
}
