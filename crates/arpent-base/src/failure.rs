//! What went wrong, whichever crate says so: each error tells beside its message what to do about it and whether trying again may help.

use std::error::Error;
use std::fmt;
use std::ops::Deref;

/// What an error tells beside its message. Each crate implements it where it defines its errors; what handles errors asks the trait
/// and needs to know no type.
pub trait Diagnostic: Error + Send + Sync + 'static {
    /// What to do about it, in one sentence.
    fn hint(&self) -> Option<String> {
        None
    }

    /// Whether the same command may succeed another time; `None` where the error below it decides.
    fn is_transient(&self) -> Option<bool> {
        None
    }

    /// The key of the configuration that it is about, named from the top: `features.min_area_m2`.
    fn key(&self) -> Option<String> {
        None
    }

    /// The exit code that it asks for; `None` for the program's rule.
    fn exit_code(&self) -> Option<u8> {
        None
    }

    /// The error below it, where that one tells more than a message.
    fn below(&self) -> Option<&dyn Diagnostic> {
        None
    }
}

/// An error of any crate, and the result type of what may end with several kinds of them.
pub struct Failure(Box<dyn Diagnostic>);

/// A result whose error may be of any crate.
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

/// The error alone; with `{:#}` its causes, too ([`Failure::message`]).
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() { f.write_str(&self.message()) } else { fmt::Display::fmt(&self.0, f) }
    }
}

impl Failure {
    /// An error of a crate that knows nothing of hints. That of the system below it, if there is one, tells whether to try again.
    pub fn foreign(error: impl Error + Send + Sync + 'static) -> Self {
        Foreign(Box::new(error)).into()
    }

    /// An error that is a message alone.
    pub fn text(message: impl Into<String>) -> Self {
        Text(message.into()).into()
    }

    /// The error with what was being done before it.
    #[must_use]
    pub fn context(self, text: impl fmt::Display) -> Self {
        Context { text: text.to_string(), below: self }.into()
    }

    /// The error itself as what answers questions.
    pub fn diagnostic(&self) -> &dyn Diagnostic {
        &*self.0
    }

    /// The error, and those below it.
    pub fn chain(&self) -> impl Iterator<Item = &(dyn Error + 'static)> {
        let top: &(dyn Error + 'static) = &*self.0;
        std::iter::successors(Some(top), |&error| error.source())
    }

    fn diagnostics(&self) -> impl Iterator<Item = &dyn Diagnostic> {
        std::iter::successors(Some(&*self.0), |&error| error.below())
    }

    /// The error as one of a type, below what was being done.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        let mut all = self.diagnostics();
        all.find(|error| !(*error as &dyn Error).is::<Context>())
            .and_then(|e| (e as &dyn Error).downcast_ref())
    }

    /// What is wrong, with its causes; a cause that the text before it already tells is not told again.
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

    /// What to do about it: the hint of the first error that has one.
    pub fn hint(&self) -> Option<String> {
        self.diagnostics().find_map(Diagnostic::hint)
    }

    /// The key of the configuration that it is about.
    pub fn key(&self) -> Option<String> {
        self.diagnostics().find_map(Diagnostic::key)
    }

    /// The exit code that it asks for.
    pub fn exit_code(&self) -> Option<u8> {
        self.diagnostics().find_map(Diagnostic::exit_code)
    }

    /// Whether the same command may succeed another time. The first error that knows decides: what is below it is what it judged by.
    pub fn is_transient(&self) -> bool {
        let known = self.diagnostics().find_map(Diagnostic::is_transient);
        known.or_else(|| self.io().map(is_transient_io)).unwrap_or(false)
    }

    /// The system's error below it, if there is one.
    pub fn io(&self) -> Option<&std::io::Error> {
        self.chain().find_map(|cause| cause.downcast_ref())
    }
}

/// What was being done when an error came, or when something was missing.
pub trait DoingWhat<T> {
    /// The same with a text before the error's.
    ///
    /// # Errors
    /// Where it is one.
    fn context(self, text: impl fmt::Display) -> Result<T>;

    /// The same with a text that is made only then.
    ///
    /// # Errors
    /// Where it is one.
    fn with_context<D: fmt::Display>(self, text: impl FnOnce() -> D) -> Result<T>;
}

/// Ends a function with a message as its error.
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

/// Whether it is the machine's own trouble: another machine, or this one later, may not have it.
fn is_transient_io(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{
        Interrupted, OutOfMemory, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull, TimedOut,
        WouldBlock,
    };
    /// Linux's numbers of "too many open files", of this process and of the system, and of an input/output error (errno(3)).
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

/// An error of a crate that knows nothing of hints.
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

/// A message alone.
#[derive(Debug)]
struct Text(String);

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Text {}

impl Diagnostic for Text {}

/// What was being done.
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

        fn key(&self) -> Option<String> {
            Some("scenes.0".to_owned())
        }
    }

    #[test]
    fn questions_reach_the_error_below_what_was_being_done() {
        let error = Failure::from(Wrong(None)).context("cannot read").context("cannot start");
        assert_eq!(error.message(), "cannot start: cannot read: a.tif is wrong");
        assert_eq!(error.hint().as_deref(), Some("mend it"));
        assert_eq!(error.key().as_deref(), Some("scenes.0"));
        assert!(error.downcast_ref::<Wrong>().is_some() && error.downcast_ref::<Text>().is_none());
        assert!(!error.is_transient() && error.io().is_none());
        assert_eq!(error.exit_code(), None);
    }

    #[test]
    fn the_systems_error_below_tells_whether_to_try_again() {
        let full = || std::io::Error::from(std::io::ErrorKind::StorageFull);
        assert!(Failure::from(full()).is_transient());
        assert!(Failure::from(Wrong(Some(full()))).context("x").is_transient());
        assert!(Failure::foreign(Wrong(Some(full()))).is_transient(), "below an error that knows nothing");
        assert!(Failure::from(std::io::Error::from_raw_os_error(24)).is_transient(), "too many open files");
        assert!(!Failure::from(std::io::Error::from(std::io::ErrorKind::NotFound)).is_transient());
        assert!(!Failure::text("no").is_transient());
    }

    #[test]
    fn a_cause_that_was_told_is_not_told_again() {
        let error = Failure::foreign(Wrong(None));
        assert_eq!(error.message(), "a.tif is wrong");
        let result: Result<()> = Err(Wrong(None)).context("at the end");
        let error = result.unwrap_err();
        assert_eq!(format!("{error}; {error:#}"), "at the end; at the end: a.tif is wrong");
    }
}
