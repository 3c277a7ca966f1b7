//! Errors of all crates: each has a message, a hint, and whether it is temporary.

use std::error::Error;
use std::fmt;
use std::ops::Deref;

use crate::config::Key;

/// Properties of an error in addition to its message. Each crate implements it where it defines its errors; error
/// handling uses the trait and does not depend on the types.
///
/// ```
/// use arpent_base::{Diagnostic, DoingWhat as _, Result};
///
/// #[derive(Debug)]
/// struct NoNodata(String);
///
/// impl std::fmt::Display for NoNodata {
///     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
///         write!(f, "{}: no nodata value", self.0)
///     }
/// }
///
/// impl std::error::Error for NoNodata {}
///
/// impl Diagnostic for NoNodata {
///     fn hint(&self) -> Option<String> {
///         Some(format!("gdal_edit.py -a_nodata 0 {}", self.0))
///     }
/// }
///
/// fn open(path: &str) -> Result<()> {
///     Err(NoNodata(path.to_owned())).context("cannot open the scene")
/// }
///
/// let error = open("town.tif").unwrap_err();
/// assert_eq!(error.message(), "cannot open the scene: town.tif: no nodata value");
/// assert_eq!(error.hint().as_deref(), Some("gdal_edit.py -a_nodata 0 town.tif"));
/// assert!(!error.is_transient());
/// ```
pub trait Diagnostic: Error + Send + Sync + 'static {
    /// The hint: what to do, in one sentence.
    fn hint(&self) -> Option<String> {
        None
    }

    /// Whether the same command may succeed later; `None` if the error below it decides.
    fn is_transient(&self) -> Option<bool> {
        None
    }

    /// The configuration key that it concerns, from the top: `features.min_area_m2`.
    fn key(&self) -> Option<Key> {
        None
    }

    /// Its exit code; `None` for the default of the program.
    fn exit_code(&self) -> Option<u8> {
        None
    }

    /// The error below it, if that one implements this trait.
    fn below(&self) -> Option<&dyn Diagnostic> {
        None
    }
}

/// An error of any crate, for functions that may fail with errors of several types.
pub struct Failure(Box<dyn Diagnostic>);

/// A result with an error of any crate.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

impl<E: Diagnostic> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

impl Deref for Failure {
    type Target = dyn Error + Send + Sync + 'static;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ({})", self.0, self.message())
    }
}

/// The error only; with `{:#}` also its causes ([`Failure::message`]).
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() { f.write_str(&self.message()) } else { fmt::Display::fmt(&self.0, f) }
    }
}

impl Failure {
    /// Wraps an error without [`Diagnostic`]. An [`std::io::Error`] among its sources decides whether it is temporary.
    pub fn foreign(error: impl Error + Send + Sync + 'static) -> Self {
        Foreign(Box::new(error)).into()
    }

    /// An error with only a message.
    pub fn text(message: impl Into<String>) -> Self {
        Text(message.into()).into()
    }

    /// The error, preceded by a description of the operation.
    #[must_use]
    pub fn context(self, text: impl fmt::Display) -> Self {
        Context { text: text.to_string(), below: self }.into()
    }

    /// The error as a [`Diagnostic`].
    pub fn diagnostic(&self) -> &dyn Diagnostic {
        &*self.0
    }

    /// The error and its sources.
    pub fn chain(&self) -> impl Iterator<Item = &(dyn Error + 'static)> {
        let top: &(dyn Error + 'static) = &*self.0;
        std::iter::successors(Some(top), |&error| error.source())
    }

    fn diagnostics(&self) -> impl Iterator<Item = &dyn Diagnostic> {
        std::iter::successors(Some(&*self.0), |&error| error.below())
    }

    /// The error as a concrete type, without the descriptions added by [`Failure::context`].
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        let mut all = self.diagnostics();
        all.find(|error| !(*error as &dyn Error).is::<Context>())
            .and_then(|e| (e as &dyn Error).downcast_ref())
    }

    /// The message with its causes; a cause that the text already contains is not repeated.
    pub fn message(&self) -> String {
        let mut text = String::new();
        for cause in self.chain().map(ToString::to_string).filter(|c| !c.is_empty()) {
            if text.is_empty() {
                text = cause;
            } else if !text.contains(&cause) {
                text = format!("{text}: {cause}");
            }
        }
        text
    }

    /// The hint of the first error that has one.
    pub fn hint(&self) -> Option<String> {
        self.diagnostics().find_map(Diagnostic::hint)
    }

    /// The configuration key that it concerns.
    pub fn key(&self) -> Option<Key> {
        self.diagnostics().find_map(Diagnostic::key)
    }

    /// Its exit code.
    pub fn exit_code(&self) -> Option<u8> {
        self.diagnostics().find_map(Diagnostic::exit_code)
    }

    /// Whether the same command may succeed later. The first error with an answer decides: it has already considered
    /// those below.
    pub fn is_transient(&self) -> bool {
        let known = self.diagnostics().find_map(Diagnostic::is_transient);
        known.or_else(|| self.io().map(is_transient_io)).unwrap_or(false)
    }

    /// The operating system's error among its sources, if any.
    pub fn io(&self) -> Option<&std::io::Error> {
        self.chain().find_map(|cause| cause.downcast_ref())
    }
}

/// Adds a description of the operation to an error, or to a missing value.
pub trait DoingWhat<T> {
    /// Puts a text before the error message.
    ///
    /// # Errors
    /// Where it is one.
    fn context(self, text: impl fmt::Display) -> Result<T>;

    /// The same, with a text that is built only on error.
    ///
    /// # Errors
    /// Where it is one.
    fn with_context<D: fmt::Display>(self, text: impl FnOnce() -> D) -> Result<T>;
}

/// Returns from a function with a message as its error.
#[macro_export]
macro_rules! bail {
    ($($text:tt)*) => {
        return Err($crate::Failure::text(format!($($text)*)))
    };
}

impl<T, E: Into<Failure>> DoingWhat<T> for std::result::Result<T, E> {
    fn context(self, text: impl fmt::Display) -> Result<T> {
        self.map_err(|error| error.into().context(text))
    }

    fn with_context<D: fmt::Display>(self, text: impl FnOnce() -> D) -> Result<T> {
        self.map_err(|error| error.into().context(text()))
    }
}

impl<T> DoingWhat<T> for Option<T> {
    fn context(self, text: impl fmt::Display) -> Result<T> {
        self.ok_or_else(|| Failure::text(text.to_string()))
    }

    fn with_context<D: fmt::Display>(self, text: impl FnOnce() -> D) -> Result<T> {
        self.ok_or_else(|| Failure::text(text().to_string()))
    }
}

/// Whether an error is due to the state of the machine, so that the command may succeed later or on another machine.
fn is_transient_io(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{
        Interrupted, OutOfMemory, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull, TimedOut,
        WouldBlock,
    };
    /// Linux error numbers of "too many open files", in this process and in the system, and of an input/output error
    /// (errno(3)).
    const OF_THE_MACHINE: [i32; 3] = [24, 23, 5];
    let kinds = [
        StorageFull,
        QuotaExceeded,
        ReadOnlyFilesystem,
        OutOfMemory,
        TimedOut,
        Interrupted,
        PermissionDenied,
        WouldBlock,
    ];
    kinds.contains(&error.kind()) || error.raw_os_error().is_some_and(|code| OF_THE_MACHINE.contains(&code))
}

impl Diagnostic for std::io::Error {
    fn is_transient(&self) -> Option<bool> {
        Some(is_transient_io(self))
    }
}

impl Diagnostic for serde_json::Error {}

impl Diagnostic for std::num::TryFromIntError {}

/// An error without [`Diagnostic`].
#[derive(Debug)]
struct Foreign(Box<dyn Error + Send + Sync>);

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Foreign {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

impl Diagnostic for Foreign {}

/// Only a message.
#[derive(Debug)]
struct Text(String);

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Text {}

impl Diagnostic for Text {}

/// A description of the operation, and the error.
#[derive(Debug)]
struct Context {
    text: String,
    below: Failure,
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Context {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.below.0)
    }
}

impl Diagnostic for Context {
    fn below(&self) -> Option<&dyn Diagnostic> {
        Some(self.below.diagnostic())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Wrong(Option<std::io::Error>);

    impl fmt::Display for Wrong {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a.tif is wrong")
        }
    }

    impl Error for Wrong {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.0.as_ref().map(|e| e as &(dyn Error + 'static))
        }
    }

    impl Diagnostic for Wrong {
        fn hint(&self) -> Option<String> {
            Some("mend it".to_owned())
        }

        fn key(&self) -> Option<Key> {
            Some("scenes.0".into())
        }
    }

    #[test]
    fn questions_reach_the_error_below_what_was_being_done() {
        let error = Failure::from(Wrong(None)).context("cannot read").context("cannot start");
        assert_eq!(error.message(), "cannot start: cannot read: a.tif is wrong");
        assert_eq!(error.hint().as_deref(), Some("mend it"));
        assert_eq!(error.key(), Some("scenes.0".into()));
        assert!(error.downcast_ref::<Wrong>().is_some() && error.downcast_ref::<Text>().is_none());
        assert!(!error.is_transient() && error.io().is_none());
        assert_eq!(error.exit_code(), None);
    }

    #[test]
    fn the_system_error_below_decides_whether_to_try_again() {
        let full = || std::io::Error::from(std::io::ErrorKind::StorageFull);
        assert!(Failure::from(full()).is_transient());
        assert!(Failure::from(Wrong(Some(full()))).context("x").is_transient());
        assert!(Failure::foreign(Wrong(Some(full()))).is_transient(), "below an error that knows nothing");
        assert!(Failure::from(std::io::Error::from_raw_os_error(24)).is_transient(), "too many open files");
        assert!(!Failure::from(std::io::Error::from(std::io::ErrorKind::NotFound)).is_transient());
        assert!(!Failure::text("no").is_transient());
    }

    #[test]
    fn a_printed_cause_is_not_printed_again() {
        let error = Failure::foreign(Wrong(None));
        assert_eq!(error.message(), "a.tif is wrong");
        let result: Result<()> = Err(Wrong(None)).context("at the end");
        let error = result.unwrap_err();
        assert_eq!(format!("{error}; {error:#}"), "at the end; at the end: a.tif is wrong");
    }
}
