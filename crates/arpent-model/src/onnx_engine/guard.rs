//! What the runtime refuses, and where it fails.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::device::panic_message;
use crate::error::OnnxError;

pub(super) fn unrunnable(reason: impl Into<String>) -> OnnxError {
    OnnxError::Unrunnable { reason: reason.into() }
}

/// What a hostile file makes of the runtime is an error.
pub(super) fn guarded<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(panic_message(panic.as_ref())))
}
