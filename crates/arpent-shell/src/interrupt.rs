//! SIGTERM and SIGINT: the first ends a command without loss of results, a second SIGINT ends it at once.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arpent_base::{DoingWhat as _, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::exit::INTERRUPTED;

/// A flag that the first SIGTERM or SIGINT sets; a further SIGINT ends the process.
///
/// # Errors
/// When the handlers cannot be registered.
pub fn flag() -> Result<Arc<AtomicBool>> {
    let set = Arc::new(AtomicBool::new(false));
    // Handlers run in the order in which they were registered: the one that ends comes before the one that sets.
    flag::register_conditional_shutdown(SIGINT, INTERRUPTED, set.clone()).context("cannot watch SIGINT")?;
    flag::register(SIGINT, set.clone()).context("cannot watch SIGINT")?;
    flag::register(SIGTERM, set.clone()).context("cannot watch SIGTERM")?;
    Ok(set)
}
