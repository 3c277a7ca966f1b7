//! Network requests of GDAL, which counts them for the whole process.

use serde_json::Value;

use crate::ffi;

/// Requests and bytes since the start of the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NetworkUse {
    /// Requests of all methods.
    pub requests: u64,
    /// Bytes that were received.
    pub received: u64,
}

/// The requests for scenes and layers so far. They are counted from the first [`init`](crate::init) on.
pub fn network_use() -> NetworkUse {
    parsed(&ffi::network_stats())
}

/// Reads GDAL's statistics: the methods with a count each, and the bytes that they received. What they do not say is 0.
fn parsed(stats: &str) -> NetworkUse {
    let stats: Value = serde_json::from_str(stats).unwrap_or_default();
    let methods = stats["methods"].as_object();
    let sum =
        |key: &str| methods.into_iter().flat_map(|all| all.values()).filter_map(|m| m[key].as_u64()).sum();
    NetworkUse { requests: sum("count"), received: sum("downloaded_bytes") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_added() {
        let stats = r#"{"methods": {"GET": {"count": 6, "downloaded_bytes": 800}, "HEAD": {"count": 2}}, "handlers": {}}"#;
        assert_eq!(parsed(stats), NetworkUse { requests: 8, received: 800 });
        assert_eq!(parsed(""), NetworkUse::default());
        assert_eq!(parsed("{}"), NetworkUse::default());
    }
}
