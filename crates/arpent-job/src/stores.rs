//! Configuration of GDAL for all stores: the same credentials as for outputs, from the environment only.

use arpent_base::Result;
use arpent_gdal::InitOptions;

/// Configures GDAL with the credentials of the environment.
///
/// # Errors
/// Variables that contradict each other; options that GDAL refuses.
pub fn set_up_gdal(cache_mb: Option<u32>) -> Result<()> {
    let defaults = InitOptions { options: arpent_publish::gdal_options()?, ..InitOptions::default() };
    let cache_mb = cache_mb.unwrap_or(defaults.cache_mb);
    Ok(arpent_gdal::init(InitOptions { cache_mb, ..defaults })?)
}
