//! Signatures of decisions: Ed25519 (RFC 8032), checked without a service.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use crate::canonical::ObjectId;
use crate::error::ReviewError;

/// What is signed before the hash, so that no signature of another kind of text is one of a decision.
const DOMAIN: &[u8] = b"arpent-decision/1 ";

fn bytes<const N: usize>(field: &'static str, text: &str) -> Result<[u8; N], ReviewError> {
    let bytes = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    // The text itself may be a secret.
    bytes.ok_or_else(|| {
        ReviewError::field(field, format!("{} characters", text.len()), format!("{N} bytes in base64"))
    })
}

/// A public key in base64.
pub(crate) fn public_key(text: &str) -> Result<VerifyingKey, ReviewError> {
    let bad = |_| ReviewError::field("people.key", "not a point of the curve", "a public Ed25519 key");
    VerifyingKey::from_bytes(&bytes("people.key", text)?).map_err(bad)
}

fn message(id: &ObjectId) -> Vec<u8> {
    [DOMAIN, id.bytes()].concat()
}

/// A private key.
#[derive(Clone)]
pub struct Key(SigningKey);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({})", self.public())
    }
}

impl Key {
    /// From the 32 bytes of its seed, in base64.
    ///
    /// # Errors
    /// [`ReviewError::Field`], without the text.
    pub fn of_seed(text: &str) -> Result<Self, ReviewError> {
        Ok(Self(SigningKey::from_bytes(&bytes("key", text.trim())?)))
    }

    /// From a PEM file as `openssl genpkey -algorithm ed25519` writes it (PKCS #8, RFC 8410).
    ///
    /// # Errors
    /// [`ReviewError::Field`], without the text.
    pub fn of_pem(text: &str) -> Result<Self, ReviewError> {
        /// What precedes the seed: a sequence of version, algorithm 1.3.101.112 and octet string.
        const HEAD: [u8; 16] = [48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32];
        let body = text.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect::<String>();
        let der: [u8; 48] = bytes("key", &body)?;
        let (head, seed) = der.split_at(HEAD.len());
        if head != HEAD {
            let expected = "a private Ed25519 key (`openssl genpkey -algorithm ed25519`)";
            return Err(ReviewError::field("key", "another kind of key", expected));
        }
        let mut key = [0; 32];
        key.copy_from_slice(seed);
        Ok(Self(SigningKey::from_bytes(&key)))
    }

    /// The public key in base64, as `review.json` lists it.
    pub fn public(&self) -> String {
        STANDARD.encode(self.0.verifying_key().as_bytes())
    }

    /// Signs the hash of a decision without its signature.
    pub(crate) fn sign(&self, id: &ObjectId) -> String {
        STANDARD.encode(self.0.sign(&message(id)).to_bytes())
    }
}

/// Whether a signature (base64) of a hash is that of a public key.
pub(crate) fn fits(key: &str, id: &ObjectId, signature: &str) -> bool {
    let signature = bytes("signature", signature).map(|bytes| Signature::from_bytes(&bytes));
    let key = public_key(key);
    // Strict: one signature has one encoding.
    key.ok().zip(signature.ok()).is_some_and(|(key, sign)| key.verify_strict(&message(id), &sign).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Key and public key of RFC 8032, section 7.1, test 1; the PEM file is what `openssl pkey` writes of it.
    #[test]
    fn keys_are_read_and_signatures_checked() {
        let seed = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
        let key = Key::of_seed(seed).unwrap();
        assert_eq!(key.public(), "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
        let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
                   -----END PRIVATE KEY-----\n";
        assert_eq!(Key::of_pem(pem).unwrap().public(), key.public());
        let (id, other) = (ObjectId::of(b"a"), ObjectId::of(b"b"));
        let signature = key.sign(&id);
        assert!(fits(&key.public(), &id, &signature) && !fits(&key.public(), &other, &signature));
        let another = Key::of_seed(&STANDARD.encode([7; 32])).unwrap();
        assert!(!fits(&another.public(), &id, &signature) && !fits(&key.public(), &id, "AAAA"));
        let error = Key::of_seed("c2VjcmV0").unwrap_err().to_string();
        assert!(error.contains("32 bytes") && !error.contains("c2VjcmV0"), "{error}");
        assert!(Key::of_pem(&pem.replace("MC4", "MC5")).is_err());
        assert!(format!("{key:?}").contains("11qYAY"));
    }
}
