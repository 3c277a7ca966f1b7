//! Dates as users write them: a year, a month, a day, a time, an interval, or a pattern of file names.

use arpent_publish::Acquired;

/// Year of the first aerial photographs (Nadar, 1858).
const YEARS: std::ops::RangeInclusive<u32> = 1858..=2199;

/// A date in RFC 3339: `2021-07-14`, a date and time, or an interval of two with a slash between; a year or a month
/// becomes its interval. `None` if it is not a date.
pub fn normalized(text: &str) -> Option<String> {
    // From the first day of the first date to the last day of the second.
    if let Some((from, to)) = text.split_once('/').filter(|(_, to)| !text.contains('T') && !to.contains('/'))
    {
        let (from, to) = (normalized(from)?, normalized(to)?);
        let (first, last) = (from.split('/').next()?, to.rsplit('/').next()?);
        return (first <= last).then(|| format!("{first}/{last}"));
    }
    let numbers: Option<Vec<u32>> = text.split('-').map(|part| part.parse().ok()).collect();
    match numbers.as_deref() {
        Some([year]) => date(*year, None, None),
        Some([year, month]) => date(*year, Some(*month), None),
        Some([year, month, day]) => date(*year, Some(*month), Some(*day)),
        _ => (Acquired::of([text]) != Acquired::Unknown).then(|| text.to_owned()),
    }
}

fn date(year: u32, month: Option<u32>, day: Option<u32>) -> Option<String> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let last = |month: u32| match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !YEARS.contains(&year) || month.is_some_and(|m| !(1..=12).contains(&m)) {
        return None;
    }
    match (month, day) {
        (Some(m), Some(d)) => (1..=last(m)).contains(&d).then(|| format!("{year}-{m:02}-{d:02}")),
        (Some(m), None) => Some(format!("{year}-{m:02}-01/{year}-{m:02}-{}", last(m))),
        (None, _) => Some(format!("{year}-01-01/{year}-12-31")),
    }
}

/// A date in file names: `*_{yyyy}{mm}{dd}_*`. `*` stands for any text, `?` for one character, `{yyyy}`, `{mm}` and
/// `{dd}` for the digits of year, month and day; other characters match themselves.
#[derive(Debug)]
pub(crate) struct Pattern(Vec<Token>);

#[derive(Debug)]
enum Token {
    Any,
    One,
    Text(char),
    Year,
    Month,
    Day,
}

/// Numbers of a date that were found.
#[derive(Clone, Copy, Default)]
struct Found {
    year: Option<u32>,
    month: Option<u32>,
    day: Option<u32>,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// The problem, as a text that follows the name of the key.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (mut tokens, mut rest) = (Vec::new(), text);
        let mut seen = [0; 3];
        while let Some(c) = rest.chars().next() {
            let token = if c == '{' {
                let (name, after) = rest[1..].split_once('}').ok_or("has a `{` without a `}`")?;
                rest = after;
                let (place, token) = match name {
                    "yyyy" => (0, Token::Year),
                    "mm" => (1, Token::Month),
                    "dd" => (2, Token::Day),
                    _ => {
                        return Err(format!(
                            "has `{{{name}}}`; only {{yyyy}}, {{mm}} and {{dd}} are supported"
                        ));
                    }
                };
                seen[place] += 1;
                token
            } else {
                rest = &rest[c.len_utf8()..];
                match c {
                    '*' => Token::Any,
                    '?' => Token::One,
                    _ => Token::Text(c),
                }
            };
            tokens.push(token);
        }
        match seen {
            [1, 0 | 1, 0] | [1, 1, 1] => Ok(Self(tokens)),
            [0, ..] => Err("must contain {yyyy}, such as `*_{yyyy}{mm}{dd}_*`".into()),
            [_, 0, _] => Err("has {dd} without {mm}".into()),
            _ => Err("contains a part of the date twice".into()),
        }
    }

    /// The date in a file's name, with its extension or without: of several matches, the first from the left.
    pub(crate) fn date(&self, name: &str) -> Option<String> {
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        [name, stem].into_iter().find_map(|name| matched(&self.0, name, Found::default()))
    }
}

fn matched(tokens: &[Token], name: &str, found: Found) -> Option<String> {
    let Some((token, tokens)) = tokens.split_first() else {
        return if name.is_empty() { date(found.year?, found.month, found.day) } else { None };
    };
    let digits = |count: usize| -> Option<(u32, &str)> {
        let (number, rest) = name.split_at_checked(count)?;
        let all = number.bytes().all(|b| b.is_ascii_digit());
        Some((number.parse().ok().filter(|_| all)?, rest))
    };
    match token {
        Token::Any => {
            let ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
            // Another star matches the rest: the cost of the pattern stays small.
            ends.into_iter().find_map(|at| matched(tokens, &name[at..], found))
        }
        Token::One => matched(tokens, name.strip_prefix(|_| true)?, found),
        Token::Text(c) => matched(tokens, name.strip_prefix(*c)?, found),
        Token::Year => {
            let (year, rest) = digits(4)?;
            matched(tokens, rest, Found { year: Some(year).filter(|y| YEARS.contains(y)), ..found })
        }
        Token::Month => {
            let (month, rest) = digits(2)?;
            matched(tokens, rest, Found { month: Some(month), ..found })
        }
        Token::Day => {
            let (day, rest) = digits(2)?;
            matched(tokens, rest, Found { day: Some(day), ..found })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_stand_in_file_names() {
        for (pattern, name, expected) in [
            ("*_{yyyy}{mm}{dd}_*", "S2A_MSIL2A_20230614_T31.tif", Some("2023-06-14")),
            ("*-{yyyy}-*", "33-2021-0650-6860-LA93-0M20-E080.jp2", Some("2021-01-01/2021-12-31")),
            // What looks like a year and is none is passed over.
            ("*-{yyyy}-*", "33-0650-2021-LA93.jp2", Some("2021-01-01/2021-12-31")),
            ("ortho {dd}.{mm}.{yyyy}", "ortho 01.07.2019.tif", Some("2019-07-01")),
            ("?_{yyyy}-{mm}", "é_2020-02.tif", Some("2020-02-01/2020-02-29")),
            ("*_{yyyy}{mm}{dd}_*", "a_20230231_20230301_b.tif", Some("2023-03-01")),
            ("*_{yyyy}{mm}{dd}_*", "a_20231301_b.tif", None),
            ("*_{yyyy}{mm}{dd}_*", "a_2023é601_b.tif", None),
            ("{yyyy}", "2023-06.tif", None),
        ] {
            assert_eq!(Pattern::parse(pattern).unwrap().date(name).as_deref(), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn patterns_without_sense_are_refused() {
        for pattern in ["*", "{yyyy", "{year}", "{yyyy}{dd}", "{yyyy}{yyyy}", "{yyyy}{mm}{mm}"] {
            assert!(Pattern::parse(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn dates_are_normalized() {
        for (text, expected) in [
            ("2022-13-01T00:00:00Z", None),
            ("2022-05-01T10:00:00", None),
            ("2021-02-30T10:00:00Z", None),
            ("2020-12-01T00:00:00Z/2020-01-31T23:59:59Z", None),
            ("2021-05-31T23:00:00-05:00", Some("2021-05-31T23:00:00-05:00")),
            ("2021", Some("2021-01-01/2021-12-31")),
            ("2021-2", Some("2021-02-01/2021-02-28")),
            ("2021-07-14", Some("2021-07-14")),
            ("2021-07-14T10:00:00Z", Some("2021-07-14T10:00:00Z")),
            ("2021-07-14/2021-08-01", Some("2021-07-14/2021-08-01")),
            ("2021/2022", Some("2021-01-01/2022-12-31")),
            ("2021-07/2021-08-03", Some("2021-07-01/2021-08-03")),
            ("2022/2021", None),
            ("2021/2022/2023", None),
            ("2021-02-30", None),
            ("0001-01-01", None),
            ("summer", None),
            ("14/07/2021", None),
        ] {
            assert_eq!(normalized(text).as_deref(), expected, "{text}");
        }
    }
}
