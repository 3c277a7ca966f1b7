//! Canonical bytes of objects and the hashes that name them.

use std::fmt;
use std::str::FromStr;

use arpent_base::hex;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::error::ReviewError;

/// Largest object that is written or read, bytes: a decision with a corrected geometry of several thousand vertices.
pub const OBJECT_BYTES: usize = 256 << 10;

/// SHA-256 of an object's bytes; as text, 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(pub(crate) [u8; 32]);

impl ObjectId {
    /// Of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Its bytes.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ObjectId {
    type Err = ReviewError;

    fn from_str(text: &str) -> Result<Self, ReviewError> {
        let bad = || ReviewError::field("id", text, "64 lower-case hexadecimal digits");
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(bad());
        }
        let mut id = [0; 32];
        for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0]).zip(digit(pair[1])).map(|(high, low)| high << 4 | low).ok_or_else(bad)?;
        }
        Ok(Self(id))
    }
}

impl Serialize for ObjectId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ObjectId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// The canonical bytes of a value: JSON with sorted keys, without spaces (RFC 8785, JSON Canonicalization Scheme).
///
/// # Errors
/// [`ReviewError::Unwritable`] for numbers that are not finite.
pub fn canonical(value: &impl Serialize, what: &'static str) -> Result<Vec<u8>, ReviewError> {
    serde_json_canonicalizer::to_vec(value)
        .map_err(|error| ReviewError::Unwritable { what, reason: error.to_string() })
}

/// Reads an object, which must be in canonical form: so one content has one hash.
///
/// # Errors
/// [`ReviewError::TooLarge`], [`ReviewError::NotUtf8`], [`ReviewError::Unreadable`] (also of unknown or repeated fields,
/// and of JSON that is nested too deeply), [`ReviewError::NotCanonical`].
pub fn read_canonical<T: DeserializeOwned + Serialize>(
    bytes: &[u8],
    what: &'static str,
) -> Result<T, ReviewError> {
    if bytes.len() > OBJECT_BYTES {
        return Err(ReviewError::TooLarge { what, bytes: bytes.len(), limit: OBJECT_BYTES });
    }
    let text = std::str::from_utf8(bytes).map_err(|_| ReviewError::NotUtf8 { what })?;
    let value: T = serde_json::from_str(text)
        .map_err(|error| ReviewError::Unreadable { what, reason: error.to_string() })?;
    if canonical(&value, what)? == bytes { Ok(value) } else { Err(ReviewError::NotCanonical { what }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 8785, section 3.2.2, in part: sorted keys, numbers as ECMAScript writes them.
    #[test]
    fn the_example_of_the_standard() {
        let value: serde_json::Value = serde_json::from_str(
            r#"{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
                "literals": [null, true, false], "a": "\u20ac\r\n"}"#,
        )
        .unwrap();
        let expected = "{\"a\":\"\u{20ac}\\r\\n\",\"literals\":[null,true,false],\
                        \"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27]}";
        assert_eq!(canonical(&value, "x").unwrap(), expected.as_bytes());
    }

    #[test]
    fn ids_are_read_as_they_are_written() {
        let id = ObjectId::of(b"abc");
        assert!(id.to_string().starts_with("ba7816bf") && id.to_string().parse() == Ok(id));
        for bad in ["", "ba", &"g".repeat(64), &"BA".repeat(32), &"é".repeat(32)] {
            assert!(bad.parse::<ObjectId>().is_err(), "{bad}");
        }
    }
}
