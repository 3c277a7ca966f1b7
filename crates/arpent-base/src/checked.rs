//! Numbers of configurations that are checked during deserialization, so that an error has the line of the value.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A number outside of its range. The message follows the name of the key.
#[derive(Debug, Clone, PartialEq)]
pub struct OutOfRange {
    value: f64,
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
                if is_fine { Ok(Self(value)) } else { Err(OutOfRange { value, expected: $expected }) }
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
