//! Documents of a store, read again if they arrive damaged.

use arpent_base::Result;

use super::error::ShardError;

/// Parses a document of the store. If that fails, it is read again: it is damaged in the store only if it is the same
/// twice; else it was damaged in transfer.
pub(crate) fn understood<T>(
    read: &dyn Fn() -> Result<Vec<u8>>,
    parse: &dyn Fn(&[u8]) -> Result<T, ShardError>,
) -> Result<T> {
    const TIMES: usize = 5;
    let mut bytes = read()?;
    let mut outcome = parse(&bytes);
    for _ in 1..TIMES {
        if outcome.is_ok() {
            break;
        }
        let again = read()?;
        if again == bytes {
            break;
        }
        outcome = parse(&again);
        bytes = again;
    }
    Ok(outcome?)
}
