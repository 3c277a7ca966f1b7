//! Exit codes of errors, and of command lines that are refused.

use std::process::ExitCode;

use arpent_base::Failure;
use clap::Parser;

use crate::message;
use crate::usage::{of_usage, wants_json};

/// Some scenes failed, an output is damaged, or a command could not be completed.
pub const PARTIAL: u8 = 1;

/// The command could not start, or failed permanently.
pub const NOT_STARTED: u8 = 2;

/// It may succeed later: the network, a full disk, an interrupt, unfinished shards (EX_TEMPFAIL of sysexits.h).
pub const TRY_AGAIN: u8 = 75;

/// Ended at once by a second interrupt (128 plus the number of SIGINT, as in shells).
pub const INTERRUPTED: i32 = 130;

/// The exit code of an error: 75 if the same command may succeed later, else the code that the error sets, else 2.
/// `elsewhere`: whether another machine may do the work.
pub fn code(error: &Failure, elsewhere: bool) -> u8 {
    let own = error.exit_code();
    // A missing write permission is permanent on this machine.
    let lasts = !elsewhere && own.is_none() && is_denied(error);
    if error.is_transient() && !lasts { TRY_AGAIN } else { own.unwrap_or(NOT_STARTED) }
}

/// Whether the system denies permission.
fn is_denied(error: &Failure) -> bool {
    use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    error.io().is_some_and(|e| matches!(e.kind(), PermissionDenied | ReadOnlyFilesystem))
}

/// Parses the command line of this process. Help and version go to stdout and end the process; a refused command line is
/// reported on stderr.
///
/// # Errors
/// The exit code of a refused command line.
pub fn parse<C: Parser>() -> Result<C, ExitCode> {
    match C::try_parse() {
        Err(error) if error.use_stderr() => {
            let typed = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
            message::write(&of_usage(&error.render().to_string(), wants_json(typed), NOT_STARTED));
            Err(ExitCode::from(NOT_STARTED))
        }
        parsed => Ok(parsed.unwrap_or_else(|error| error.exit())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_permission_is_permanent_on_this_machine_only() {
        let denied = || Failure::from(std::io::Error::from(std::io::ErrorKind::PermissionDenied));
        assert_eq!(code(&denied(), false), NOT_STARTED);
        assert_eq!(code(&denied(), true), TRY_AGAIN);
        assert_eq!(code(&std::io::Error::from(std::io::ErrorKind::StorageFull).into(), false), TRY_AGAIN);
        assert_eq!(code(&Failure::text("no"), true), NOT_STARTED);
    }
}
