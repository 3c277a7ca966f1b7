//! Versions of the software that makes an output.

use arpent_publish::Software;

/// Versions of the software that made an output; that of Burn only if it predicted, on a GPU.
pub(crate) fn software(on_gpu: bool) -> Software {
    let mut versions = versions();
    if !on_gpu {
        versions.remove("burn");
    }
    versions
}

/// Versions of all software that predictions of a job may depend on, on any device.
pub(crate) fn versions() -> Software {
    let of = |name: &str, version: &str| (name.to_owned(), version.to_owned());
    [
        of("arpent", env!("CARGO_PKG_VERSION")),
        of("burn", arpent_model::BURN_VERSION),
        of("gdal", &arpent_gdal::version()),
    ]
    .into()
}
