//! Versions of what an output is made with.

use arpent_publish::Software;

/// Versions of what made an output; Burn's only where it computed, which it does on GPUs.
pub(crate) fn software(on_gpu: bool) -> Software {
    let mut versions = versions();
    if !on_gpu {
        versions.remove("burn");
    }
    versions
}

/// Versions of all that the answers of a job may depend on, wherever it is computed.
pub(crate) fn versions() -> Software {
    let of = |name: &str, version: &str| (name.to_owned(), version.to_owned());
    [
        of("arpent", env!("CARGO_PKG_VERSION")),
        of("burn", arpent_model::BURN_VERSION),
        of("gdal", &arpent_gdal::version()),
    ]
    .into()
}
