//! SHA-256 in hexadecimal.

use std::io::{Read, Result};

use sha2::{Digest, Sha256};

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect()
}

/// SHA-256 of bytes, 64 lower-case hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The first 16 digits of [`sha256_hex`]: a short name for the content.
pub fn short_hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes)[..8])
}

/// [`short_hash`] of a JSON value, its keys in alphabetical order: whether `serde_json` keeps the order of keys depends on the
/// features that any crate of a build asks for, and ids must not.
pub fn hash_of_json(mut value: serde_json::Value) -> String {
    value.sort_all_objects();
    short_hash(value.to_string().as_bytes())
}

/// Size in bytes and SHA-256 of the rest of a reader, in bounded memory.
///
/// # Errors
/// The reader's.
pub fn sha256_of(mut read: impl Read) -> Result<(u64, String)> {
    const BUFFER: usize = 1 << 20;
    let (mut hasher, mut size, mut buffer) = (Sha256::new(), 0u64, vec![0u8; BUFFER]);
    loop {
        let read = read.read(&mut buffer)?;
        if read == 0 {
            return Ok((size, hex(&hasher.finalize())));
        }
        hasher.update(&buffer[..read]);
        size += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_keys_is_no_part_of_a_json_hash() {
        let one: serde_json::Value = serde_json::from_str(r#"{"b": [{"d": 1, "c": 2}], "a": 3}"#).unwrap();
        let other: serde_json::Value = serde_json::from_str(r#"{"a": 3, "b": [{"c": 2, "d": 1}]}"#).unwrap();
        assert_eq!(hash_of_json(one.clone()), hash_of_json(other));
        assert_eq!(hash_of_json(one), short_hash(br#"{"a":3,"b":[{"c":2,"d":1}]}"#));
    }

    /// FIPS 180-2, appendix B.1.
    #[test]
    fn the_published_digest_is_written() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_hex(b"abc"), abc);
        assert_eq!(sha256_of(&b"abc"[..]).unwrap(), (3, abc.to_owned()));
        assert_eq!(short_hash(b"abc"), abc[..16]);
        assert_eq!(hex(&[0, 0x0f, 0xf0]), "000ff0");
    }
}
