//! Digests and names in STAC.

/// SHA-256 as a multihash: code 0x12, length 0x20, digest.
pub(super) fn multihash(sha256: &str) -> String {
    format!("1220{sha256}")
}

/// A name of letters, digits, `-` and `_`, as the classification extension requires.
pub(super) fn slug(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let slug: String = name.chars().map(plain).collect();
    if slug.is_empty() { "_".into() } else { slug }
}
