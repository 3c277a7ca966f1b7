//! Whole numbers as bytes: seven bits a byte, from the lowest on, the high bit set in all but the last.

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

    /// The next bytes.
    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }
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
            numbers.iter().for_each(|number| put(&mut bytes, *number));
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
    fn numbers_that_are_too_large_are_none() {
        let mut bytes = Vec::new();
        put(&mut bytes, 256u64);
        assert_eq!(Numbers::new(&bytes).next::<u8>(), None);
        assert_eq!(Numbers::new(&[0xFF; 18]).next::<u128>(), None);
        assert_eq!(Numbers::new(&[0x80; 40]).next::<u128>(), None);
    }
}
