//! Exit codes, and which one an error gets.

use arpent_base::Failure;

/// Some scenes failed, an output is damaged, or what had begun could not be ended.
pub const PARTIAL: u8 = 1;

/// It could not start, or never will succeed.
pub const NOT_STARTED: u8 = 2;

/// It may succeed another time: the network, a full disk, an interrupt, work that others have not done yet (EX_TEMPFAIL of sysexits.h).
pub const TRY_AGAIN: u8 = 75;

/// An interrupt that did not wait (128 and the number of SIGINT, as shells do).
pub const INTERRUPTED: i32 = 130;

/// The exit code of an error: 75 when the same command may succeed another time, else the one that it asks for, else 2.
/// `elsewhere` says that another machine may do the work.
pub fn code(error: &Failure, elsewhere: bool) -> u8 {
    let asked = error.exit_code();
    // Who may not write here will not later, on this machine.
    let lasts = !elsewhere && asked.is_none() && is_denied(error);
    if error.is_transient() && !lasts { TRY_AGAIN } else { asked.unwrap_or(NOT_STARTED) }
}

/// Whether the system does not let this user do it.
fn is_denied(error: &Failure) -> bool {
    use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    error.io().is_some_and(|e| matches!(e.kind(), PermissionDenied | ReadOnlyFilesystem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_not_write_here_may_elsewhere() {
        let denied = || Failure::from(std::io::Error::from(std::io::ErrorKind::PermissionDenied));
        assert_eq!(code(&denied(), false), NOT_STARTED);
        assert_eq!(code(&denied(), true), TRY_AGAIN);
        assert_eq!(code(&std::io::Error::from(std::io::ErrorKind::StorageFull).into(), false), TRY_AGAIN);
        assert_eq!(code(&Failure::text("no"), true), NOT_STARTED);
    }
}
