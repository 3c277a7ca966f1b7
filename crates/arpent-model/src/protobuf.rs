//! The wire format of Protocol Buffers, read field by field and without copies (<https://protobuf.dev/programming-guides/encoding/>).
//!
//! A decoder that is generated from a schema builds the whole message before a limit can be checked, and an empty
//! submessage of two bytes takes a hundred times as much memory. This reader returns one field at a time: callers count
//! them, and skip what they do not use. It does not recurse.

use arpent_base::number::{index, wide};

/// A message: its fields, and where it begins in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    pub(crate) bytes: &'a [u8],
    offset: usize,
}

/// The value of a field, by its wire type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire<'a> {
    /// int32, int64, bool, enum.
    Varint(u64),
    /// double.
    Eight([u8; 8]),
    /// string, bytes, messages, packed numbers.
    Bytes(Message<'a>),
    /// float.
    Four([u8; 4]),
}

/// Longest encoding of a 64-bit number.
const LONGEST_VARINT: usize = 10;

impl<'a> Message<'a> {
    /// The message that a whole file holds.
    pub(crate) const fn of_file(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// Takes the next field: its number and its value; `None` at the end.
    ///
    /// # Errors
    /// The byte of the file and what is wrong there.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Wire<'a>)>, String> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let at = self.offset;
        let key = self.varint()?;
        let number = key >> 3;
        if number == 0 || number >= 1 << 29 {
            return Err(format!("byte {at}: {number} is no number of a field"));
        }
        let wire = match key & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Eight(self.array()?),
            2 => Wire::Bytes(self.prefixed()?),
            5 => Wire::Four(self.array()?),
            other => return Err(format!("byte {at}: a field of wire type {other}")),
        };
        Ok(Some((number, wire)))
    }

    /// Takes the next of packed numbers.
    ///
    /// # Errors
    /// As [`Message::next`].
    pub(crate) fn varint(&mut self) -> Result<u64, String> {
        let mut value = 0;
        for (place, byte) in self.bytes.iter().take(LONGEST_VARINT).enumerate() {
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has one bit to give.
            if place == LONGEST_VARINT - 1 && bits > 1 {
                break;
            }
            value |= bits << (7 * place);
            if byte & 0x80 == 0 {
                self.advance(place + 1);
                return Ok(value);
            }
        }
        Err(format!("byte {}: a number without an end", self.offset))
    }

    /// A text.
    ///
    /// # Errors
    /// What is not UTF-8.
    pub(crate) fn text(self) -> Result<&'a str, String> {
        std::str::from_utf8(self.bytes).map_err(|_| format!("byte {}: a text that is not UTF-8", self.offset))
    }

    fn prefixed(&mut self) -> Result<Self, String> {
        let at = self.offset;
        let length = index(self.varint()?);
        let rest = self.bytes.len();
        if length > rest {
            return Err(format!("byte {at}: a field of {length} bytes where {rest} are left"));
        }
        let inside = Self { bytes: &self.bytes[..length], offset: self.offset };
        self.advance(length);
        Ok(inside)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let Some(bytes) = self.bytes.first_chunk::<N>().copied() else {
            let rest = self.bytes.len();
            return Err(format!("byte {}: a number of {N} bytes where {rest} are left", self.offset));
        };
        self.advance(N);
        Ok(bytes)
    }

    fn advance(&mut self, by: usize) {
        self.bytes = &self.bytes[by..];
        self.offset += by;
    }
}

/// Appends a field with a whole number.
pub(crate) fn put_number(to: &mut Vec<u8>, number: u64, value: u64) {
    put_varint(to, number << 3);
    put_varint(to, value);
}

/// Appends a field with a text or a message.
pub(crate) fn put_bytes(to: &mut Vec<u8>, number: u64, inside: &[u8]) {
    put_varint(to, number << 3 | 2);
    put_varint(to, wide(inside.len()));
    to.extend_from_slice(inside);
}

/// Appends a field as it was read.
pub(crate) fn put(to: &mut Vec<u8>, number: u64, wire: &Wire<'_>) {
    match wire {
        Wire::Varint(value) => put_number(to, number, *value),
        Wire::Eight(bytes) => {
            put_varint(to, number << 3 | 1);
            to.extend_from_slice(bytes);
        }
        Wire::Bytes(message) => put_bytes(to, number, message.bytes),
        Wire::Four(bytes) => {
            put_varint(to, number << 3 | 5);
            to.extend_from_slice(bytes);
        }
    }
}

fn put_varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push((value & 0x7f | 0x80).to_le_bytes()[0]);
        value >>= 7;
    }
    to.push(value.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<(u64, Wire<'_>)>, String> {
        let mut message = Message::of_file(bytes);
        let mut fields = Vec::new();
        while let Some(field) = message.next()? {
            fields.push(field);
        }
        Ok(fields)
    }

    #[test]
    fn the_examples_of_the_specification_are_read() {
        // 150 in field 1, "testing" in field 2, and a submessage in field 3.
        assert_eq!(all(&[0x08, 0x96, 0x01]).unwrap(), [(1, Wire::Varint(150))]);
        let text = all(&[0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]).unwrap();
        let [(2, Wire::Bytes(inside))] = text[..] else { panic!("{text:?}") };
        assert_eq!((inside.text().unwrap(), inside.offset), ("testing", 2));
        let nested = all(&[0x1a, 0x03, 0x08, 0x96, 0x01]).unwrap();
        let [(3, Wire::Bytes(mut inside))] = nested[..] else { panic!("{nested:?}") };
        assert_eq!(inside.next().unwrap(), Some((1, Wire::Varint(150))));
        assert_eq!(inside.next().unwrap(), None);
        let packed = all(&[0x32, 0x06, 0x03, 0x8e, 0x02, 0x9e, 0xa7, 0x05]).unwrap();
        let [(6, Wire::Bytes(mut inside))] = packed[..] else { panic!("{packed:?}") };
        assert_eq!([(); 3].map(|()| inside.varint().unwrap()), [3, 270, 86_942]);
        assert_eq!(all(&[0x0d, 0, 0, 0x80, 0x3f]).unwrap(), [(1, Wire::Four(1.0f32.to_le_bytes()))]);
        let eight: Vec<u8> = [0x09].into_iter().chain(1.0f64.to_le_bytes()).collect();
        assert_eq!(all(&eight).unwrap(), [(1, Wire::Eight(1.0f64.to_le_bytes()))]);
        // -1 takes all ten bytes.
        let minus = [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(all(&minus).unwrap(), [(1, Wire::Varint(u64::MAX))]);
    }

    #[test]
    fn what_is_damaged_names_its_byte() {
        for (bytes, expected) in [
            (&[0x08][..], "byte 1: a number without an end"),
            (&[0x08, 0x80, 0x80], "byte 1: a number without an end"),
            (
                &[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
                "byte 1: a number without an end",
            ),
            (&[0x12, 0x05, 0x61], "byte 1: a field of 5 bytes where 1 are left"),
            (
                &[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x61],
                "byte 1: a field of 18446744073709551615 bytes where 1 are left",
            ),
            (&[0x0d, 0, 0], "byte 1: a number of 4 bytes where 2 are left"),
            (&[0x09, 0], "byte 1: a number of 8 bytes where 1 are left"),
            (&[0x08, 0x01, 0x0b], "byte 2: a field of wire type 3"),
            (&[0x00, 0x01], "byte 0: 0 is no number of a field"),
        ] {
            assert_eq!(all(bytes).unwrap_err(), expected);
        }
        let mut inside = Message::of_file(&[0x0a, 0x02, 0x0a, 0x09]);
        let Some((1, Wire::Bytes(mut inside))) = inside.next().unwrap() else { panic!() };
        assert_eq!(inside.next().unwrap_err(), "byte 3: a field of 9 bytes where 0 are left");
        assert!(Message::of_file(&[0xff]).text().is_err());
    }
}
