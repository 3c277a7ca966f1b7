//! Timeouts and retries of requests, the same for every store.

use std::time::Duration;

use object_store::{BackoffConfig, ClientConfigKey, ClientOptions, RetryConfig};

use super::environment::{Lookup, one};
use crate::error::{PublishError, Result};

/// Retries of a request at most.
const RETRIES: usize = 10;
/// No retry starts later than this after the first try: 3 minutes, below the 5 that `object_store` allows because
/// signatures expire.
const RETRY_FOR: Duration = Duration::from_mins(3);
/// The first pause before a retry, and the longest; pauses grow at random in between.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// Timeout of connecting.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// A request is retried after this time without a byte of an answer. It includes the time to send the
/// request; parts of files, which may take longer, are sent without this limit.
const SILENT_FOR: Duration = Duration::from_secs(25);
/// Timeout of a request with its answer: a part of 8 MiB at 80 kB/s.
const REQUEST_WITHIN: Duration = Duration::from_secs(105);
/// The total time of a request, as a multiple of the read timeout.
const REQUEST_PER_SILENCE: f64 = 4.2;
/// The time within which a request may be retried, as a multiple of the read timeout.
const RETRY_PER_SILENCE: f64 = 7.2;

/// Variables of `object_store` that are passed on, after `AWS_`, `AZURE_` or `GOOGLE_`.
const PASSED_ON: [(&str, ClientConfigKey); 3] = [
    ("PROXY_URL", ClientConfigKey::ProxyUrl),
    ("PROXY_CA_CERTIFICATE", ClientConfigKey::ProxyCaCertificate),
    ("PROXY_EXCLUDES", ClientConfigKey::ProxyExcludes),
];
const SILENCE: &str = "ARPENT_STORE_TIMEOUT_S";
const AGAIN: &str = "ARPENT_STORE_RETRIES";

/// Timeouts and retries; `ARPENT_STORE_TIMEOUT_S` and `ARPENT_STORE_RETRIES` shorten them.
#[derive(Debug, Clone)]
pub(crate) struct ClientSettings {
    silent_for: Duration,
    request_within: Duration,
    retry_for: Duration,
    retries: usize,
    passed_on: Vec<(ClientConfigKey, String)>,
}

impl ClientSettings {
    /// Reads the settings of the provider whose variables begin with `prefix`.
    pub(crate) fn read(variable: &Lookup<'_>, prefix: &str) -> Result<Self> {
        let retries = match one(variable, &[AGAIN])? {
            None => RETRIES,
            Some(text) => {
                let number = text.parse().ok().filter(|n| *n <= RETRIES);
                number.ok_or(PublishError::BadVariable {
                    name: AGAIN,
                    reason: "it is not a number from 0 to 10",
                })?
            }
        };
        let (silent_for, request_within, retry_for) = match one(variable, &[SILENCE])? {
            None => (SILENT_FOR, REQUEST_WITHIN, RETRY_FOR),
            Some(text) => {
                let seconds = text.parse::<f64>().ok().filter(|s| (0.01..=60.0).contains(s));
                let reason = "it is not a number of seconds from 0.01 to 60";
                let seconds = seconds.ok_or(PublishError::BadVariable { name: SILENCE, reason })?;
                let silent_for = Duration::from_secs_f64(seconds);
                let times = |factor: f64| silent_for.mul_f64(factor);
                (silent_for, times(REQUEST_PER_SILENCE), times(RETRY_PER_SILENCE).min(RETRY_FOR))
            }
        };
        let value = |(name, key): (&str, ClientConfigKey)| Some((key, variable(&format!("{prefix}{name}"))?));
        let passed_on = PASSED_ON.into_iter().filter_map(value).collect();
        Ok(Self { silent_for, request_within, retry_for, retries, passed_on })
    }

    /// Retry settings for `object_store`.
    pub(crate) fn retry(&self) -> RetryConfig {
        let pause = |longest: Duration| longest.min(self.silent_for);
        RetryConfig {
            backoff: BackoffConfig {
                init_backoff: pause(FIRST_PAUSE),
                max_backoff: pause(LONGEST_PAUSE),
                base: 2.0,
            },
            max_retries: self.retries,
            retry_timeout: self.retry_for,
        }
    }

    /// Client settings for `object_store`. `clear`: whether http is allowed; `uploads`: whether sending a body may take
    /// long.
    pub(crate) fn options_for(&self, clear: bool, uploads: bool) -> ClientOptions {
        let options = ClientOptions::new()
            .with_allow_http(clear)
            .with_connect_timeout(CONNECT_WITHIN.min(self.silent_for))
            .with_timeout(self.request_within);
        let options = if uploads { options } else { options.with_read_timeout(self.silent_for) };
        let passed_on = self.passed_on.iter();
        passed_on.fold(options, |options, (key, value)| options.with_config(*key, value.as_str()))
    }
}
