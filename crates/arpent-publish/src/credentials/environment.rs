//! Environment variables.

use crate::error::{PublishError, Result};

/// Looks up the value of an environment variable.
pub(crate) type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// The value of a variable of the process's environment.
pub(crate) fn from_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The value of several variables with the same meaning; empty ones count as not set.
pub(super) fn one(variable: &Lookup<'_>, names: &[&'static str]) -> Result<Option<String>> {
    agreed(named(variable, names).collect())
}

/// The variables that are set.
pub(super) fn named<'a>(
    variable: &'a Lookup<'_>,
    names: &'a [&'static str],
) -> impl Iterator<Item = (&'static str, String)> + 'a {
    let value = |name: &&'static str| Some((*name, variable(name)?.trim().to_owned()));
    names.iter().filter_map(value).filter(|(_, value)| !value.is_empty())
}

/// The one value of several variables.
pub(super) fn agreed<T: PartialEq>(values: Vec<(&'static str, T)>) -> Result<Option<T>> {
    let mut values = values.into_iter();
    let Some((first, value)) = values.next() else { return Ok(None) };
    match values.find(|(_, other)| *other != value) {
        Some((second, _)) => Err(PublishError::Contradiction { first, second }),
        None => Ok(Some(value)),
    }
}

/// A boolean. `negated` names variables with the opposite meaning.
pub(super) fn flag(
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
        _ => Err(PublishError::BadVariable { name, reason: "expected yes or no" }),
    }
}

/// The endpoint of a store, if it is not the provider's default.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) https: bool,
    /// Host, port and path, without a slash at the end.
    pub(super) host: String,
}

impl Endpoint {
    pub(super) fn url(&self) -> String {
        format!("{}://{}", if self.https { "https" } else { "http" }, self.host)
    }

    /// Reads `http(s)://host[:port][/path]`; the host alone takes `https` as given.
    pub(super) fn parse(name: &'static str, value: &str, https: bool) -> Result<Self> {
        let bad = |reason| PublishError::BadVariable { name, reason };
        let (https, host) = match value.split_once("://") {
            None => (https, value),
            Some((scheme, host)) if scheme.eq_ignore_ascii_case("https") => (true, host),
            Some((scheme, host)) if scheme.eq_ignore_ascii_case("http") => (false, host),
            Some(_) => return Err(bad("it is neither an http nor an https address")),
        };
        if host.contains(['@', '?', '#']) {
            return Err(bad("it contains credentials or parameters: set their own variables instead"));
        }
        let host = host.trim_end_matches('/').to_owned();
        if host.is_empty() {
            return Err(bad("the host is missing"));
        }
        Ok(Self { https, host })
    }

    /// Refuses unencrypted requests unless they are allowed explicitly, by the variable `allow`.
    pub(super) fn check_clear(&self, name: &'static str, allow: &'static str, allowed: bool) -> Result<()> {
        if self.https || allowed { Ok(()) } else { Err(PublishError::ClearEndpoint { name, allow }) }
    }
}
