//! Numbers of configurations that are checked during deserialization, so that an error has the line of the value.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A number outside of its range. The message follows the name of the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutOfRange {
    value: String,
    expected: &'static str,
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "is {}, expected {}", self.value, self.expected)
    }
}

impl std::error::Error for OutOfRange {}

macro_rules! checked {
    ($(#[$doc:meta])* $name:ident, $lowest:tt $low:literal $(, maximum $high:literal)?, $expected:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(try_from = "f64", into = "f64")]
        pub struct $name(f64);

        impl $name {
            /// The number, if it is in range.
            ///
            /// # Errors
            /// [`OutOfRange`].
            pub fn new(value: f64) -> Result<Self, OutOfRange> {
                let is_fine = value.is_finite() && checked!(@above $lowest value, $low) $(&& value <= $high)?;
                if is_fine { Ok(Self(value)) } else { Err(OutOfRange { value: value.to_string(), expected: $expected }) }
            }

            /// The number.
            pub const fn get(self) -> f64 {
                self.0
            }
        }

        impl TryFrom<f64> for $name {
            type Error = OutOfRange;

            fn try_from(value: f64) -> Result<Self, OutOfRange> {
                Self::new(value)
            }
        }

        impl From<$name> for f64 {
            fn from(number: $name) -> Self {
                number.0
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "number",
                    "format": "double",
                    (checked!(@key $lowest)): $low,
                    $("maximum": $high,)?
                })
            }
        }
    };
    (@above minimum $value:ident, $low:literal) => { $value >= $low };
    (@above exclusive $value:ident, $low:literal) => { $value > $low };
    (@key minimum) => { "minimum" };
    (@key exclusive) => { "exclusiveMinimum" };
}

checked!(
    /// A length on the ground, meters.
    Meters, minimum 0.0, "0 or more meters"
);
checked!(
    /// A width, meters.
    Width, exclusive 0.0, "a width above 0 meters"
);
checked!(
    /// An area on the ground, square meters.
    SquareMeters, minimum 0.0, "0 or more square meters"
);
checked!(
    /// A length in pixels, with fractions.
    Pixels, minimum 0.0, "0 or more pixels"
);
checked!(
    /// A part of a whole, 0 to 1.
    Share, minimum 0.0, maximum 1.0, "a share from 0 to 1"
);
checked!(
    /// A part of a whole, above 0.
    PositiveShare, exclusive 0.0, maximum 1.0, "a share above 0, up to 1"
);
checked!(
    /// The largest factor of a change in size, up or down.
    Factor, minimum 1.0, maximum 100.0, "a factor from 1 to 100"
);

/// Whole numbers, which command lines have, too.
macro_rules! whole {
    (
        $(#[$doc:meta])* $name:ident($number:ty), $(or $special:literal,)?
        $low:literal $(to $high:literal)?, $expected:literal
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "i64", into = "i64")]
        pub struct $name($number);

        impl $name {
            const EXPECTED: &str = $expected;

            /// The number, if it is in range.
            ///
            /// # Errors
            /// [`OutOfRange`].
            pub fn new(value: $number) -> Result<Self, OutOfRange> {
                let lowest: $number = $low;
                let is_fine = (value >= lowest $(&& value <= $high)?) $(|| value == $special)?;
                is_fine.then_some(Self(value)).ok_or_else(|| Self::refused(value.to_string()))
            }

            /// The number.
            pub const fn get(self) -> $number {
                self.0
            }

            fn refused(value: String) -> OutOfRange {
                OutOfRange { value, expected: Self::EXPECTED }
            }
        }

        impl TryFrom<i64> for $name {
            type Error = OutOfRange;

            fn try_from(value: i64) -> Result<Self, OutOfRange> {
                let number = <$number>::try_from(value).map_err(|_| Self::refused(value.to_string()))?;
                Self::new(number)
            }
        }

        impl From<$name> for i64 {
            fn from(number: $name) -> Self {
                Self::try_from(number.0).unwrap_or(Self::MAX)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let number = text.parse().ok().and_then(|number| Self::new(number).ok());
                number.ok_or_else(|| format!("expected {}", Self::EXPECTED))
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "integer",
                    "format": "uint",
                    "minimum": whole!(@lowest $low $(, $special)?),
                    $("maximum": $high,)?
                })
            }
        }
    };
    (@lowest $low:literal) => { $low };
    (@lowest $low:literal, $special:literal) => { $special };
}

whole!(
    /// How many, at least one.
    Count(usize), 1, "1 or more"
);
whole!(
    /// Threads of a computation; 0 for one per core. 1024 are more than any machine has, and few enough that a typing
    /// error does not overload it.
    Threads(usize), 0 to 1024, "1 to 1024 threads, or 0 for one per core"
);
whole!(
    /// Threads that read; 0 for the default.
    Readers(usize), 0 to 64, "1 to 64 threads, or 0 for the default"
);
whole!(
    /// The size of a cache, MB; 0 for the default.
    CacheMb(u32), 0 to 65536, "0 to 65536 MB"
);
whole!(
    /// The side of a window's core, pixels; 0 for the default of the network.
    WindowSide(usize), or 0, 32 to 16384, "32 to 16384 pixels, or 0 for the default of the network"
);
whole!(
    /// The number of a band.
    BandNumber(usize), 1, "the number of a band, from 1"
);
whole!(
    /// How many events have pictures.
    Pictured(usize), 0 to 200, "0 to 200 events"
);
whole!(
    /// The side of the cells in which a shift is measured, pixels.
    CellSide(usize), 64 to 4096, "64 to 4096 pixels"
);
whole!(
    /// The side of the chips of a training, pixels.
    ChipSide(usize), 16, "16 or more pixels"
);

impl Count {
    /// One.
    pub const ONE: Self = Self(1);
}

impl Threads {
    /// One per core.
    pub const ALL: Self = Self(0);
    /// The most.
    pub const MOST: Self = Self(1024);
}

impl Readers {
    /// The default.
    pub const AUTO: Self = Self(0);
}

impl CacheMb {
    /// The default.
    pub const AUTO: Self = Self(0);
}

impl WindowSide {
    /// The default of the network.
    pub const AUTO: Self = Self(0);
}

impl Pictured {
    /// The default.
    pub const DEFAULT: Self = Self(24);
}

impl CellSide {
    /// The default.
    pub const DEFAULT: Self = Self(256);
}

impl Meters {
    /// No length.
    pub const ZERO: Self = Self(0.0);
}

impl PositiveShare {
    /// Half of it.
    pub const HALF: Self = Self(0.5);
}

impl Factor {
    /// Twice as large or small.
    pub const TWO: Self = Self(2.0);
}

impl SquareMeters {
    /// No area.
    pub const ZERO: Self = Self(0.0);
}

impl Pixels {
    /// No length.
    pub const ZERO: Self = Self(0.0);
}

impl Default for Pixels {
    fn default() -> Self {
        Self::ZERO
    }
}

impl Share {
    /// Nothing.
    pub const ZERO: Self = Self(0.0);

    /// Half of it.
    pub const HALF: Self = Self(0.5);
}

impl Default for Share {
    fn default() -> Self {
        Self::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Written {
        share: Share,
        least: PositiveShare,
        length: Meters,
    }

    #[test]
    fn what_is_not_allowed_is_refused_where_it_stands() {
        let read = |text: &str| toml::from_str::<Written>(text);
        let read_all = read("share = 1\nleast = 0.5\nlength = 3\n").unwrap();
        assert_eq!((read_all.share.get(), read_all.least.get(), read_all.length.get()), (1.0, 0.5, 3.0));
        for (text, message, at) in [
            ("share = 1.5\nleast = 0.5\nlength = 3\n", "is 1.5, expected a share from 0 to 1", 8..11),
            ("share = 0\nleast = 0\nlength = 3\n", "is 0, expected a share above 0, up to 1", 18..19),
            ("share = 0\nleast = 1\nlength = inf\n", "is inf, expected 0 or more meters", 29..32),
            ("share = nan\nleast = 1\nlength = 1\n", "is NaN, expected a share from 0 to 1", 8..11),
        ] {
            let error = read(text).unwrap_err();
            assert_eq!((error.message(), error.span()), (message, Some(at)), "{text}");
        }
    }

    #[derive(Debug, Deserialize)]
    struct Whole {
        threads: Threads,
        side: WindowSide,
        count: Count,
    }

    #[test]
    fn whole_numbers_are_refused_where_they_stand() {
        let read = |text: &str| toml::from_str::<Whole>(text);
        let all = read("threads = 0\nside = 0\ncount = 9000000000\n").unwrap();
        assert_eq!((all.threads, all.side.get(), all.count.get()), (Threads::ALL, 0, 9_000_000_000));
        for (text, message, at) in [
            (
                "threads = 1025\nside = 32\ncount = 1\n",
                "is 1025, expected 1 to 1024 threads, or 0 for one per core",
                10..14,
            ),
            (
                "threads = 1\nside = 31\ncount = 1\n",
                "is 31, expected 32 to 16384 pixels, or 0 for the default of the network",
                19..21,
            ),
            ("threads = 1\nside = 32\ncount = -1\n", "is -1, expected 1 or more", 30..32),
        ] {
            let error = read(text).unwrap_err();
            assert_eq!((error.message(), error.span()), (message, Some(at)), "{text}");
        }
        assert!(read("threads = 1.5\nside = 32\ncount = 1\n").is_err());
        assert_eq!("64".parse(), Ok(Readers::new(64).unwrap()));
        for bad in ["65", "-1", "1.0", "", "x"] {
            let expected = "expected 1 to 64 threads, or 0 for the default".to_owned();
            assert_eq!(bad.parse::<Readers>(), Err(expected), "{bad}");
        }
        assert_eq!(serde_json::to_string(&CellSide::DEFAULT).unwrap(), "256");
        let mut generator = SchemaGenerator::default();
        let schema = serde_json::to_value(WindowSide::json_schema(&mut generator)).unwrap();
        assert_eq!((&schema["minimum"], &schema["maximum"]), (&0.into(), &16384.into()));
    }

    #[test]
    fn the_schema_has_the_bounds_and_numbers_are_written_as_numbers() {
        let schema = |schema: Schema| serde_json::to_value(schema).unwrap();
        let mut generator = SchemaGenerator::default();
        let share = schema(PositiveShare::json_schema(&mut generator));
        assert_eq!((&share["exclusiveMinimum"], &share["maximum"]), (&0.0.into(), &1.0.into()));
        assert_eq!(schema(Meters::json_schema(&mut generator))["minimum"], 0.0);
        assert_eq!(serde_json::to_string(&Factor::new(2.5).unwrap()).unwrap(), "2.5");
        assert!(Factor::new(0.99).is_err() && Width::new(0.0).is_err() && Pixels::new(-0.1).is_err());
        assert!(SquareMeters::new(f64::NAN).is_err() && Share::new(1.0).is_ok());
    }
}
