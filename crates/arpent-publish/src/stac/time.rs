//! Acquisition time of a run's scenes.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

/// Acquisition time of a run's scenes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acquired {
    /// Unknown. STAC requires a time: the item then has the interval from the first aerial photograph (Nadar, 1858)
    /// without an end, and `arpent:acquired` is `unknown`. (The time of the run would be wrong, and make equal runs
    /// differ.)
    Unknown,
    /// One time, UTC, RFC 3339.
    At(String),
    /// An interval of two times, UTC, RFC 3339.
    Between {
        /// The earliest.
        start: String,
        /// The latest.
        end: String,
    },
}

impl Acquired {
    /// The span of RFC 3339 dates (each a whole day, UTC), times, and intervals of two of these with a slash between;
    /// other texts are ignored.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let spans: Vec<_> = texts.into_iter().filter_map(span).collect();
        let text = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        let start = spans.iter().map(|s| s.0).min().map(text);
        let end = spans.iter().map(|s| s.1).max().map(text);
        match (start, end) {
            (Some(start), Some(end)) if start == end => Self::At(start),
            (Some(start), Some(end)) => Self::Between { start, end },
            _ => Self::Unknown,
        }
    }

    /// The first and the last second, UTC, RFC 3339; `None` if unknown.
    pub fn span(self) -> Option<[String; 2]> {
        match self {
            Self::Unknown => None,
            Self::At(time) => Some([time.clone(), time]),
            Self::Between { start, end } => Some([start, end]),
        }
    }

    /// The time, or both with a slash between; `None` if unknown.
    pub fn text(self) -> Option<String> {
        match self {
            Self::Unknown => None,
            Self::At(time) => Some(time),
            Self::Between { start, end } => Some(format!("{start}/{end}")),
        }
    }

    /// The item's properties.
    pub(super) fn properties(&self) -> Map<String, Value> {
        let fields = match self {
            Self::Unknown => {
                let mut fields = interval("1858-01-01T00:00:00Z", "9999-12-31T23:59:59Z");
                fields.push(("arpent:acquired", json!("unknown")));
                fields
            }
            Self::At(time) => vec![("datetime", json!(time))],
            Self::Between { start, end } => interval(start, end),
        };
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

fn interval(start: &str, end: &str) -> Vec<(&'static str, Value)> {
    vec![("datetime", Value::Null), ("start_datetime", json!(start)), ("end_datetime", json!(end))]
}

/// First and last second of a date, time or interval.
fn span(text: &str) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    if let Some((start, end)) = text.split_once('/') {
        let (start, end) = (span(start)?.0, span(end)?.1);
        return (start <= end).then_some((start, end));
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some((time.to_utc(), time.to_utc()));
    }
    let day: NaiveDate = text.parse().ok()?;
    Some((day.and_hms_opt(0, 0, 0)?.and_utc(), day.and_hms_opt(23, 59, 59)?.and_utc()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_taken_over_days_times_and_zones() {
        assert_eq!(Acquired::of([]), Acquired::Unknown);
        assert_eq!(Acquired::of(["last summer"]), Acquired::Unknown);
        assert_eq!(Acquired::of(["2021-07-01/2021-06-01"]), Acquired::Unknown);
        assert_eq!(
            Acquired::of(["2021-07-01/2021-07-02"]),
            Acquired::Between { start: "2021-07-01T00:00:00Z".into(), end: "2021-07-02T23:59:59Z".into() }
        );
        assert_eq!(Acquired::of(["2021-07-03T12:00:00+02:00"]), Acquired::At("2021-07-03T10:00:00Z".into()));
        assert_eq!(
            Acquired::of(["2021-07-03", "2021-07-01T23:30:00-02:00"]),
            Acquired::Between { start: "2021-07-02T01:30:00Z".into(), end: "2021-07-03T23:59:59Z".into() }
        );
    }
}
