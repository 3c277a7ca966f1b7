//! Access to object stores, configured from the environment, for two libraries with different variable names:
//! `object_store`, which publishes, and GDAL's `/vsis3/`, `/vsigs/` and `/vsiaz/`, which read.
//!
//! The names of both libraries are accepted. Contradictory values are refused, with the names of the
//! variables and never their values. The metadata service of a cloud machine is never used.
//!
//! Sources of the names: the configuration keys of `object_store` 0.14 (`AmazonS3ConfigKey`, `AzureConfigKey`,
//! `GoogleConfigKey`) and "GDAL Virtual File Systems", section "Network based file systems", of GDAL's manual.

mod azure;
mod client;
mod environment;
mod google;
mod s3;

pub(crate) use azure::Azure;
pub(crate) use client::ClientSettings;
pub(crate) use environment::{Lookup, from_environment};
pub(crate) use google::Google;
pub(crate) use s3::S3;

use crate::error::Result;

/// The configuration options with which GDAL reaches the same stores as a [`Target`](crate::Target), from the process's
/// environment. Variables that GDAL itself reads under the same name are left out.
///
/// The values may be secrets: pass them only to GDAL.
///
/// # Errors
/// [`crate::PublishError::Contradiction`] and [`crate::PublishError::BadVariable`], which name variables, not values.
pub fn gdal_options() -> Result<Vec<(String, String)>> {
    gdal_options_of(&from_environment)
}

/// [`gdal_options`] with a look-up function instead of the process's environment.
///
/// # Errors
/// As [`gdal_options`].
pub fn gdal_options_of(variable: &dyn Fn(&str) -> Option<String>) -> Result<Vec<(String, String)>> {
    let mut options = S3::read(variable)?.gdal();
    options.extend(Azure::read(variable)?.gdal());
    options.extend(Google::read(variable)?.gdal()?);
    options.extend(NO_METADATA.map(|(name, value)| (name, value.to_owned())));
    options.retain(|(name, value)| variable(name).as_ref() != Some(value));
    Ok(options.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// Disables GDAL's use of a cloud machine's metadata service: an unreachable address (nothing can listen on port 0), a
/// keyword of GDAL, and a switch.
const NO_METADATA: [(&str, &str); 3] = [
    ("CPL_AWS_EC2_API_ROOT_URL", "http://127.0.0.1:0"),
    ("CPL_AZURE_VM_API_ROOT_URL", "disabled"),
    ("CPL_GCE_SKIP", "YES"),
];

#[cfg(test)]
mod tests;
