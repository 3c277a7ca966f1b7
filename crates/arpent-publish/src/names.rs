//! Names of files and folders in an output.

use std::hash::{BuildHasher, Hasher, RandomState};

use chrono::Utc;

/// Name of the manifest, directly under the output's address.
pub const MANIFEST_NAME: &str = "manifest.json";

/// Format of the manifests that this version writes and reads. The number changes when readers of the former version
/// would fail; new fields do not change it.
pub const MANIFEST_FORMAT: &str = "arpent-run/1";

/// Folder of an output that holds the states of jobs, one folder each.
pub const JOBS: &str = "jobs";

/// Folder of an output that holds the reviews of its map, one folder each.
pub const REVIEWS: &str = "reviews";

/// Hexadecimal digits of a job's id.
const JOB_DIGITS: usize = 16;

/// Whether a name has the form of a job's id: 16 hexadecimal digits in lower case.
pub fn is_job_id(name: &str) -> bool {
    name.len() == JOB_DIGITS && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a text can be a part of a path in every store, and not `..`: letters, digits, `.`, `_` and `-`, not starting
/// with a dot.
pub fn is_plain(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    !name.is_empty() && name.bytes().all(plain) && !name.starts_with('.')
}

/// A unique key, for an attempt or another process: time, then random digits (the standard library seeds every `RandomState` anew).
pub fn unique_key() -> String {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    format!("{}-{:016x}", Utc::now().format("%Y%m%dT%H%M%SZ"), hasher.finish())
}

/// Whether a name has the form of [`unique_key`]: `20260102T030405Z-0123456789abcdef`.
pub(crate) fn is_attempt(name: &str) -> bool {
    let fits = |(b, form): (u8, u8)| match form {
        b'0' => b.is_ascii_digit(),
        b'x' => matches!(b, b'0'..=b'9' | b'a'..=b'f'),
        other => b == other,
    };
    let form = b"00000000T000000Z-xxxxxxxxxxxxxxxx";
    name.len() == form.len() && name.bytes().zip(form.iter().copied()).all(fits)
}
