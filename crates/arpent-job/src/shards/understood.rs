//! Documents of a store, read again where they arrive damaged.

use arpent_base::Result;

use super::error::ShardError;

/// What something in the store means. What cannot be understood is read again: it is damaged there only if it comes alike twice;
/// else it was damaged on its way.
pub(super) fn understood<T>(
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
