//! Error messages of stores, without secrets.

use std::error::Error;
use std::fmt;
use std::io;

use object_store::Error as StoreError;
use object_store::client::{HttpError, HttpErrorKind};

use crate::secrets::Secrets;

/// Longer error messages are cut, characters.
const LONGEST: usize = 600;
/// Texts of temporary errors: throttling, a clock or credentials out of date, corruption in transit.
const TRY_LATER: [&str; 15] = [
    "SlowDown",
    "InternalError",
    "RequestTimeTooSkewed",
    "ExpiredToken",
    "TokenRefreshRequired",
    "RequestExpired",
    "RequestTimeout",
    "has expired",
    "is expired",
    "token expired",
    "not valid in the specified time frame",
    "IncompleteBody",
    "BadDigest",
    "ContentSHA256Mismatch",
    "NoSuchUpload",
];
/// Text of `object_store` for an answer that it cannot parse: the page of a proxy, or a truncated answer.
const NO_ANSWER: &str = "response";

/// Why a store failed: its message without secrets, and the kind of failure.
///
/// It has no source, since that would contain the secrets.
#[derive(Debug, Clone)]
pub struct StoreFailure {
    text: String,
    pub(crate) transient: bool,
    pub(crate) cause: Option<Cause>,
    pub(crate) io: Option<io::ErrorKind>,
}

/// Why a store failed, where there is something to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// It refuses the credentials, or wants some.
    Refused,
    /// No connection was made.
    Unreachable,
    /// The web server sends whole files only.
    WithoutRanges,
}

/// What is said of a server that sends whole files only.
const NO_RANGES: &str = "the web server does not support range requests";

impl StoreFailure {
    pub(crate) fn new(error: &StoreError, secrets: &Secrets) -> Self {
        let words = words(error);
        let io = io_error(error);
        let refused =
            matches!(error, StoreError::Unauthenticated { .. } | StoreError::PermissionDenied { .. })
                || matches!(status(&words), Some(401 | 403));
        let transient = match io {
            Some(io) => is_transient(io),
            None => {
                http(error).is_some()
                    || status(&words).map_or_else(|| words.contains(NO_ANSWER), later)
                    || late(&words)
            }
        };
        let is_unreachable = http(error).is_some_and(|e| e.kind() == HttpErrorKind::Connect);
        let without_ranges =
            matches!(error, StoreError::NotSupported { .. }) && words.contains("Range request not supported");
        let cause = match (refused, is_unreachable, without_ranges) {
            (true, ..) => Some(Cause::Refused),
            (_, true, _) => Some(Cause::Unreachable),
            (.., true) => Some(Cause::WithoutRanges),
            _ => None,
        };
        let text = if without_ranges { NO_RANGES.to_owned() } else { shortened(&secrets.scrub(&words)) };
        Self { text, transient, cause, io: io.map(io::Error::kind) }
    }
}

impl fmt::Display for StoreFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for StoreFailure {}

/// The messages of an error and its sources, each once, in one line.
fn words(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(e) = next {
        let more = e.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        next = e.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}

/// The HTTP status, which `object_store` gives only in its message.
fn status(words: &str) -> Option<u16> {
    words.split_once("status code: ")?.1.get(..3)?.parse().ok()
}

fn later(status: u16) -> bool {
    status >= 500 || matches!(status, 408 | 429)
}

/// Whether the message names a temporary reason, whatever the status.
fn late(words: &str) -> bool {
    TRY_LATER.iter().any(|word| words.contains(word))
}

/// The error of a request without a complete answer.
fn http(error: &StoreError) -> Option<&HttpError> {
    below(error, |e| e.downcast_ref())
}

/// The input/output error among the sources of an error, except those of connections.
fn io_error(error: &StoreError) -> Option<&io::Error> {
    if http(error).is_some() { None } else { find_io(error) }
}

/// The input/output error in an error's chain of sources.
pub(crate) fn find_io<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    below(error, |e| e.downcast_ref())
}

/// The first result of `find` for an error and its sources.
fn below<'a, T>(
    error: &'a (dyn Error + 'static),
    find: impl Fn(&'a (dyn Error + 'static)) -> Option<T>,
) -> Option<T> {
    let mut next = Some(error);
    while let Some(e) = next {
        if let Some(found) = find(e) {
            return Some(found);
        }
        next = e.source();
    }
    None
}

/// Whether an input/output error is temporary: a full disk, no file handles, an unavailable network.
pub(crate) fn is_transient(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    // ENFILE and EMFILE (too many open files) have the same numbers on every Unix and no `ErrorKind`.
    const TOO_MANY_FILES: [Option<i32>; 2] = [Some(23), Some(24)];
    let kinds = [
        Kind::StorageFull,
        Kind::QuotaExceeded,
        Kind::OutOfMemory,
        Kind::ResourceBusy,
        Kind::StaleNetworkFileHandle,
        Kind::Interrupted,
        Kind::TimedOut,
        Kind::WouldBlock,
        Kind::ConnectionRefused,
        Kind::ConnectionReset,
        Kind::ConnectionAborted,
        Kind::NotConnected,
        Kind::BrokenPipe,
        Kind::HostUnreachable,
        Kind::NetworkUnreachable,
        Kind::NetworkDown,
        Kind::UnexpectedEof,
    ];
    kinds.contains(&error.kind()) || TOO_MANY_FILES.contains(&error.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(text: &str) -> StoreFailure {
        let error = StoreError::Generic { store: "S3", source: text.to_owned().into() };
        StoreFailure::new(&error, &Secrets::new([Some("hunter2-hunter2".to_owned())]))
    }

    #[test]
    fn temporary_reasons_are_distinguished_from_permanent_ones() {
        for passing in [
            "Server returned non-2xx status code: 503 Service Unavailable: <Code>SlowDown</Code>",
            "Server returned non-2xx status code: 500 Internal Server Error: ",
            "Server returned non-2xx status code: 429 Too Many Requests: ",
            "Server returned non-2xx status code: 403 Forbidden: <Code>ExpiredToken</Code>",
            "Server returned non-2xx status code: 403 Forbidden: <Code>RequestTimeTooSkewed</Code>",
            "Server returned non-2xx status code: 400 Bad Request: <Code>BadDigest</Code>",
            "Got invalid list response: unexpected end",
        ] {
            assert!(failure(passing).transient, "{passing}");
        }
        for lasting in [
            "Server returned non-2xx status code: 403 Forbidden: <Code>AccessDenied</Code>",
            "Server returned non-2xx status code: 404 Not Found: <Code>NoSuchBucket</Code>",
            "Server returned non-2xx status code: 400 Bad Request: <Code>InvalidRequest</Code>",
            "missing bucket name",
        ] {
            assert!(!failure(lasting).transient, "{lasting}");
        }
    }

    #[test]
    fn words_are_scrubbed_and_cut() {
        let said = failure("PUT http://u:p@host/b?sig=abcdefgh&x=1 with hunter2-hunter2").to_string();
        assert!(!said.contains("hunter2") && !said.contains("abcdefgh") && !said.contains("u:p"), "{said}");
        assert!(said.contains("host/b") && said.contains("x=1"), "{said}");
        assert!(failure(&"é".repeat(5000)).to_string().chars().count() < LONGEST + 10);
    }

    #[test]
    fn input_and_output_errors_are_judged_by_kind() {
        let of = |error: io::Error| {
            let error = StoreError::Generic { store: "x", source: Box::new(error) };
            StoreFailure::new(&error, &Secrets::default())
        };
        assert!(of(io::Error::from(io::ErrorKind::StorageFull)).transient);
        assert!(of(io::Error::from_raw_os_error(24)).transient);
        assert!(!of(io::Error::from(io::ErrorKind::PermissionDenied)).transient);
    }
}
