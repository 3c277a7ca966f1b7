//! One configuration of access to object stores, from the environment, for two libraries that read it under other
//! names: `object_store`, which publishes, and GDAL's `/vsis3/`, `/vsigs/` and `/vsiaz/`, which read.
//!
//! Either library's spelling is accepted. Values that contradict each other are refused, with the names of the
//! variables and never their values. A cloud machine's metadata service is never asked.
//!
//! Names after: the configuration keys of `object_store` 0.14 (`AmazonS3ConfigKey`, `AzureConfigKey`,
//! `GoogleConfigKey`) and "GDAL Virtual File Systems", section "Network based file systems", of GDAL's manual.

mod azure;
mod client;
mod google;
mod s3;

use std::fmt;

pub(crate) use azure::Azure;
pub(crate) use client::ClientSettings;
pub(crate) use google::Google;
pub(crate) use s3::S3;

use arpent_base::redact::REDACTED;
pub use arpent_base::redact::{redacted, redacted_text};

use crate::error::{PublishError, Result};

/// Gives the value of an environment variable.
pub(crate) type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// A secret is at least this long; shorter values would blot out ordinary words.
const SHORTEST_SECRET: usize = 6;

/// The configuration options that GDAL must be given so that it reaches the same stores as a
/// [`Target`](crate::Target), from the process's environment. What GDAL reads from the environment under the very
/// same name is left out.
///
/// The values may be secrets: give them to GDAL, and to nobody else.
///
/// # Errors
/// [`PublishError::Contradiction`] and [`PublishError::BadVariable`], which name variables, not values.
pub fn gdal_options() -> Result<Vec<(String, String)>> {
    gdal_options_of(&from_environment)
}

/// [`gdal_options`] of a given look-up instead of the process's environment.
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

/// Keeps GDAL from a cloud machine's metadata service: no address to ask (nothing can listen on port 0), a word that
/// it knows, and a switch.
const NO_METADATA: [(&str, &str); 3] = [
    ("CPL_AWS_EC2_API_ROOT_URL", "http://127.0.0.1:0"),
    ("CPL_AZURE_VM_API_ROOT_URL", "disabled"),
    ("CPL_GCE_SKIP", "YES"),
];

/// A variable of the process's environment.
pub(crate) fn from_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The value of variables that mean the same thing; empty ones count as not set.
fn one(variable: &Lookup<'_>, names: &[&'static str]) -> Result<Option<String>> {
    agreed(named(variable, names).collect())
}

/// Those of the variables that are set.
fn named<'a>(
    variable: &'a Lookup<'_>,
    names: &'a [&'static str],
) -> impl Iterator<Item = (&'static str, String)> + 'a {
    let value = |name: &&'static str| Some((*name, variable(name)?.trim().to_owned()));
    names.iter().filter_map(value).filter(|(_, value)| !value.is_empty())
}

/// The one value of several variables.
fn agreed<T: PartialEq>(values: Vec<(&'static str, T)>) -> Result<Option<T>> {
    let mut values = values.into_iter();
    let Some((first, value)) = values.next() else { return Ok(None) };
    match values.find(|(_, other)| *other != value) {
        Some((second, _)) => Err(PublishError::Contradiction { first, second }),
        None => Ok(Some(value)),
    }
}

/// A yes or no. `negated` names variables that mean the opposite.
fn flag(
    variable: &Lookup<'_>,
    names: &[&'static str],
    negated: &[&'static str],
) -> Result<Option<(&'static str, bool)>> {
    let mut values = Vec::new();
    for (name, value) in named(variable, names) {
        values.push((name, yes_or_no(name, &value)?));
    }
    for (name, value) in named(variable, negated) {
        values.push((name, !yes_or_no(name, &value)?));
    }
    let first = values.first().map(|(name, _)| *name);
    Ok(first.zip(agreed(values)?))
}

fn yes_or_no(name: &'static str, value: &str) -> Result<bool> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" | "y" | "requester" => Ok(true),
        "0" | "false" | "no" | "off" | "n" => Ok(false),
        _ => Err(PublishError::BadVariable { name, reason: "it is neither yes nor no" }),
    }
}

/// Where a store is, apart from its usual place.
#[derive(Clone, PartialEq, Eq)]
struct Endpoint {
    https: bool,
    /// Host, port and path, without a slash at the end.
    host: String,
}

impl Endpoint {
    fn url(&self) -> String {
        format!("{}://{}", if self.https { "https" } else { "http" }, self.host)
    }

    /// Reads `http(s)://host[:port][/path]`; the host alone takes `https` as given.
    fn parse(name: &'static str, value: &str, https: bool) -> Result<Self> {
        let bad = |reason| PublishError::BadVariable { name, reason };
        let (https, host) = match value.split_once("://") {
            None => (https, value),
            Some((scheme, host)) if scheme.eq_ignore_ascii_case("https") => (true, host),
            Some((scheme, host)) if scheme.eq_ignore_ascii_case("http") => (false, host),
            Some(_) => return Err(bad("it is neither an http nor an https address")),
        };
        if host.contains(['@', '?', '#']) {
            return Err(bad("it has credentials or parameters in it, which have variables of their own"));
        }
        let host = host.trim_end_matches('/').to_owned();
        if host.is_empty() {
            return Err(bad("it names no host"));
        }
        Ok(Self { https, host })
    }

    /// Refuses requests in the clear that nobody has asked for.
    fn check_clear(&self, name: &'static str, allowed: bool) -> Result<()> {
        let reason = "it is an http address, and requests in the clear are not allowed (AWS_ALLOW_HTTP, \
                      AZURE_ALLOW_HTTP or GOOGLE_ALLOW_HTTP =true allows them)";
        if self.https || allowed { Ok(()) } else { Err(PublishError::BadVariable { name, reason }) }
    }
}

/// The secrets of a connection, which are taken out of whatever is said about it.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    pub(crate) fn new(values: impl IntoIterator<Item = Option<String>>) -> Self {
        let long = values.into_iter().flatten().filter(|value| value.len() >= SHORTEST_SECRET);
        let mut all: Vec<String> = long.collect();
        // Servers and URLs repeat them percent-encoded.
        let encoded = all.iter().map(|s| url::form_urlencoded::byte_serialize(s.as_bytes()).collect());
        let encoded: Vec<String> = encoded.collect();
        all.extend(encoded);
        all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        all.dedup();
        Self(all)
    }

    /// The text without the secrets, and without credentials in the URLs in it.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let scrubbed = self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, REDACTED));
        redacted_text(&scrubbed)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

/// A JSON document as it is stored for others to read: indented, with a line's end, its URLs fit to be shown ([`redacted_text`]).
///
/// # Errors
/// When the value holds what JSON cannot say.
pub fn json_document(value: &impl serde::Serialize) -> serde_json::Result<Vec<u8>> {
    Ok((redacted_text(&serde_json::to_string_pretty(value)?) + "\n").into_bytes())
}

#[cfg(test)]
mod tests;
