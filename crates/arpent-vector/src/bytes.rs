//! Numbers as bytes, and bytes that show whether they are damaged.
//!
//! A whole number is written seven bits a byte, from the lowest on, the high bit set in all but the last.

use arpent_raster::Window;
use sha2::{Digest as _, Sha256};

use crate::VectorError;

/// What bytes begin with: a name, what they are, and the version of their form.
const NAME: &[u8; 4] = b"ARPb";
const VERSION: u8 = 1;
const HEAD: usize = NAME.len() + 2;
const CHECKSUM: usize = 32;

/// What bytes are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Borders = b'b' as isize,
    Settled = b's' as isize,
    Fragments = b'f' as isize,
}

/// Completes bytes: what they are is written before them, their SHA-256 behind them.
pub(crate) fn seal(kind: Kind, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD + body.len() + CHECKSUM);
    bytes.extend_from_slice(NAME);
    bytes.extend([kind as u8, VERSION]);
    bytes.extend_from_slice(body);
    let checksum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&checksum);
    bytes
}

/// The bytes that were given to [`seal`].
///
/// # Errors
/// [`VectorError::DamagedBlock`].
pub(crate) fn unseal(kind: Kind, bytes: &[u8]) -> Result<Numbers<'_>, VectorError> {
    let damaged = |what| VectorError::DamagedBlock { what };
    let end =
        bytes.len().checked_sub(CHECKSUM).filter(|end| *end >= HEAD).ok_or(damaged("it is too short"))?;
    let (sealed, checksum) = bytes.split_at(end);
    if Sha256::digest(sealed).as_slice() != checksum {
        return Err(damaged("its checksum does not match"));
    }
    let (head, body) = sealed.split_at(HEAD);
    if head[..NAME.len()] != *NAME || head[NAME.len()] != kind as u8 {
        return Err(damaged("it is something else than was expected"));
    }
    if head[NAME.len() + 1] != VERSION {
        return Err(damaged("it was written by another version"));
    }
    Ok(Numbers::new(body))
}

/// The error for what has a right checksum, but no meaning.
pub(crate) const MALFORMED: VectorError =
    VectorError::DamagedBlock { what: "its contents do not fit together" };

/// Appends a window.
pub(crate) fn put_window(bytes: &mut Vec<u8>, window: &Window) {
    put(bytes, zigzag(window.col));
    put(bytes, zigzag(window.row));
    put(bytes, window.width as u64);
    put(bytes, window.height as u64);
}

/// Appends a float.
pub(crate) fn put_float(bytes: &mut Vec<u8>, number: f64) {
    bytes.extend(number.to_le_bytes());
}

/// Appends a number.
pub(crate) fn put(bytes: &mut Vec<u8>, number: impl Into<u128>) {
    let mut rest = number.into();
    while rest >= 0x80 {
        bytes.push((rest & 0x7F) as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push((rest & 0x7F) as u8);
}

/// A signed number as one that is small if it is near 0.
pub(crate) fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63).cast_unsigned()
}

/// The number of such a one.
pub(crate) fn from_zigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// Numbers that are read one after another; `None` where there is none, or one of another range.
#[derive(Debug, Clone)]
pub(crate) struct Numbers<'a> {
    rest: &'a [u8],
}

impl<'a> Numbers<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether all bytes were read.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// How many bytes were not read.
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    /// The next number, as yes or no.
    pub(crate) fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// The next number.
    pub(crate) fn next<T: TryFrom<u128>>(&mut self) -> Option<T> {
        let mut number = 0u128;
        for shift in (0..u128::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u128::from(byte & 0x7F);
            // The last byte of the longest numbers has two bits.
            if bits << shift >> shift != bits {
                return None;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return T::try_from(number).ok();
            }
        }
        None
    }

    /// The next number, a signed one.
    pub(crate) fn next_signed(&mut self) -> Option<i64> {
        self.next().map(from_zigzag)
    }

    /// The next byte.
    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    /// The next number, which says how many items follow: each takes a byte or more.
    pub(crate) fn count(&mut self) -> Option<usize> {
        self.next().filter(|count| *count <= self.rest.len())
    }

    /// The next window.
    pub(crate) fn window(&mut self) -> Option<Window> {
        let (col, row) = (self.next_signed()?, self.next_signed()?);
        Some(Window::new(col, row, self.next()?, self.next()?))
    }

    /// The next float, a finite one.
    pub(crate) fn float(&mut self) -> Option<f64> {
        let bytes = self.take(8)?.first_chunk()?;
        Some(f64::from_le_bytes(*bytes)).filter(|number| number.is_finite())
    }

    /// The next bytes.
    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }
}

/// Bytes like others, but with some changed and the checksum made anew.
#[cfg(test)]
pub(crate) fn forged(bytes: &[u8], changes: &[(proptest::sample::Index, u8)]) -> Vec<u8> {
    let mut body = bytes[HEAD..bytes.len() - CHECKSUM].to_vec();
    for (at, value) in changes.iter().filter(|_| !body.is_empty()).copied().collect::<Vec<_>>() {
        let at = at.index(body.len());
        body[at] = value;
    }
    let kinds = [Kind::Borders, Kind::Settled, Kind::Fragments];
    let kind = kinds.into_iter().find(|kind| *kind as u8 == bytes[NAME.len()]).unwrap();
    seal(kind, &body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_are_read_as_written(numbers in prop::collection::vec((any::<u128>(), 0u32..128), 0..20), signed in any::<i64>()) {
            let numbers: Vec<u128> = numbers.into_iter().map(|(number, shift)| number >> shift).collect();
            let mut bytes = Vec::new();
            for number in &numbers {
                put(&mut bytes, *number);
            }
            put(&mut bytes, zigzag(signed));
            let mut read = Numbers::new(&bytes);
            for number in &numbers {
                prop_assert_eq!(read.next::<u128>(), Some(*number));
            }
            prop_assert_eq!((read.next_signed(), read.is_empty()), (Some(signed), true));
            prop_assert_eq!(read.next::<u128>(), None);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut read = Numbers::new(&bytes);
            while read.next::<u64>().is_some() {}
            prop_assert!(Numbers::new(&bytes).count().is_none_or(|count| count < bytes.len()));
        }
    }

    #[test]
    fn bytes_that_were_changed_are_refused() {
        let sealed = seal(Kind::Borders, &[1, 2, 3]);
        let mut read = unseal(Kind::Borders, &sealed).unwrap();
        assert_eq!((read.next::<u8>(), read.take(2)), (Some(1), Some(&[2, 3][..])));
        assert!(unseal(Kind::Settled, &sealed).is_err());
        for end in 0..sealed.len() {
            assert!(unseal(Kind::Borders, &sealed[..end]).is_err(), "{end}");
            let mut changed = sealed.clone();
            changed[end] ^= 0x10;
            assert!(unseal(Kind::Borders, &changed).is_err(), "{end}");
        }
    }

    #[test]
    fn windows_and_floats_are_read_as_written() {
        let (window, mut bytes) = (Window::new(-5, 1 << 40, 7, 0), Vec::new());
        put_window(&mut bytes, &window);
        put_float(&mut bytes, -0.1);
        put_float(&mut bytes, f64::NAN);
        let mut read = Numbers::new(&bytes);
        assert_eq!((read.window(), read.float(), read.float()), (Some(window), Some(-0.1), None));
    }

    #[test]
    fn numbers_that_are_too_large_are_none() {
        let mut bytes = Vec::new();
        put(&mut bytes, 256u64);
        assert_eq!(Numbers::new(&bytes).next::<u8>(), None);
        assert_eq!(Numbers::new(&[0xFF; 18]).next::<u128>(), None);
        assert_eq!(Numbers::new(&[0x80; 40]).next::<u128>(), None);
    }
}
