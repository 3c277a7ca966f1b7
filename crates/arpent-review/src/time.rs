//! Times of decisions.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::ReviewError;

/// A time in UTC to the millisecond, written as RFC 3339: `2026-11-29T18:09:18.250Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(i64);

impl Time {
    /// Milliseconds since 1970; `None` where the year would not have four digits.
    pub fn of_millis(millis: i64) -> Option<Self> {
        /// The last millisecond of the year 9999.
        const LAST: i64 = 253_402_300_799_999;
        (0..=LAST).contains(&millis).then_some(Self(millis))
    }

    /// Milliseconds since 1970.
    pub const fn millis(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = DateTime::<Utc>::from_timestamp_millis(self.0).unwrap_or_default();
        f.write_str(&time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl FromStr for Time {
    type Err = ReviewError;

    fn from_str(text: &str) -> Result<Self, ReviewError> {
        let time = DateTime::parse_from_rfc3339(text).ok();
        time.and_then(|time| Self::of_millis(time.timestamp_millis()))
            .ok_or_else(|| ReviewError::field("time", text, "a time as `2026-11-29T18:09:18Z` (RFC 3339)"))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_to_the_millisecond() {
        let time: Time = "2026-11-29T19:09:18.2504+01:00".parse().unwrap();
        assert_eq!(time.to_string(), "2026-11-29T18:09:18.250Z");
        assert_eq!("2026-11-29T18:09:18Z".parse::<Time>().unwrap().to_string(), "2026-11-29T18:09:18Z");
        for bad in ["", "2026-11-29", "2026-11-29T18:09:18", "1969-12-31T23:59:59Z", "2026-13-01T00:00:00Z"] {
            assert!(bad.parse::<Time>().is_err(), "{bad}");
        }
    }
}
