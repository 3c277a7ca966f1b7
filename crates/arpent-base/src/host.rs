//! The host.

/// The name of the host, for finding a faulty one.
pub fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    std::env::var("SLURMD_NODENAME").unwrap_or_else(|_| name.trim().to_owned())
}
