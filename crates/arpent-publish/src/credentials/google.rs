//! Google Cloud Storage.

use std::sync::Arc;

use arpent_base::redacted;
use object_store::StaticCredentialProvider;
use object_store::gcp::{GcpCredential, GoogleCloudStorageBuilder};
use serde::Deserialize;

use super::environment::{Endpoint, Lookup, agreed, flag, named, one};
use crate::error::{PublishError, Result};
use crate::secrets::Secrets;

const KEY: &str = "GOOGLE_SERVICE_ACCOUNT_KEY";

/// Access to Google Cloud Storage, from the environment.
#[derive(Default)]
pub(crate) struct Google {
    /// A file with the key of a service account or a user.
    file: Option<String>,
    /// The text of such a file.
    key: Option<String>,
    bearer: Option<String>,
    endpoint: Option<Endpoint>,
    unsigned: bool,
}

/// The part of a service account's key that GDAL uses.
#[derive(Deserialize)]
struct ServiceAccount {
    private_key: String,
    client_email: String,
}

impl Google {
    pub(crate) fn read(variable: &Lookup<'_>) -> Result<Self> {
        const FILES: [&str; 3] =
            ["GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_SERVICE_ACCOUNT", "GOOGLE_SERVICE_ACCOUNT_PATH"];
        let allowed = flag(variable, &["GOOGLE_ALLOW_HTTP"], &[])?.is_some_and(|(_, yes)| yes);
        let mut endpoints = Vec::new();
        for (name, value) in named(variable, &["GOOGLE_BASE_URL", "CPL_GS_ENDPOINT"]) {
            let endpoint = Endpoint::parse(name, &value, true)?;
            endpoint.check_clear(name, "GOOGLE_ALLOW_HTTP", allowed)?;
            endpoints.push((name, endpoint));
        }
        let unsigned = flag(variable, &["GOOGLE_SKIP_SIGNATURE", "GS_NO_SIGN_REQUEST"], &[])?;
        let google = Self {
            file: one(variable, &FILES)?,
            key: one(variable, &[KEY])?,
            bearer: one(variable, &["GOOGLE_BEARER_TOKEN"])?,
            endpoint: agreed(endpoints)?,
            unsigned: unsigned.is_some_and(|(_, yes)| yes),
        };
        match named(variable, &FILES).next() {
            Some((first, _)) if google.key.is_some() => {
                Err(PublishError::Contradiction { first, second: KEY })
            }
            _ => Ok(google),
        }
    }

    /// The secret values.
    pub(crate) fn secrets(&self) -> Secrets {
        let private = self.account().ok().flatten().map(|account| account.private_key);
        Secrets::new([self.key.clone(), private, self.bearer.clone()])
    }

    /// Whether requests over http are allowed.
    pub(crate) fn clear(&self) -> bool {
        self.endpoint.as_ref().is_some_and(|endpoint| !endpoint.https)
    }

    /// Access to a bucket. Without credentials, `object_store` would request some from the machine's metadata service;
    /// here they come only from the environment.
    pub(crate) fn builder(&self, bucket: &str, url: &str) -> Result<GoogleCloudStorageBuilder> {
        self.account()?;
        let builder =
            GoogleCloudStorageBuilder::new().with_bucket_name(bucket).with_skip_signature(self.unsigned);
        let builder = match &self.endpoint {
            Some(endpoint) => builder.with_base_url(&endpoint.url()),
            None => builder,
        };
        Ok(match (&self.bearer, &self.key, &self.file) {
            _ if self.unsigned => {
                let nobody = GcpCredential { bearer: String::new() };
                builder.with_credentials(Arc::new(StaticCredentialProvider::new(nobody)))
            }
            (Some(bearer), ..) => builder.with_bearer_token(bearer),
            (None, Some(key), _) => builder.with_service_account_key(key),
            (None, None, Some(file)) => builder.with_application_credentials(file),
            (None, None, None) => {
                return Err(PublishError::NoCredentials { url: redacted(url), variables: VARIABLES });
            }
        })
    }

    fn account(&self) -> Result<Option<ServiceAccount>> {
        let reason = "it is not the JSON text of a service account's key";
        let parse = |key: &String| {
            // The parser's message would repeat parts of the key.
            serde_json::from_str(key).map_err(|_| PublishError::BadVariable { name: KEY, reason })
        };
        self.key.as_ref().map(parse).transpose()
    }

    pub(crate) fn gdal(&self) -> Result<Vec<(&'static str, String)>> {
        let account = self.account()?;
        let (private, email) = account.map(|a| (a.private_key, a.client_email)).unzip();
        let options = [
            ("GOOGLE_APPLICATION_CREDENTIALS", self.file.clone()),
            ("GS_OAUTH2_PRIVATE_KEY", private),
            ("GS_OAUTH2_CLIENT_EMAIL", email),
            ("GS_NO_SIGN_REQUEST", self.unsigned.then(|| "YES".to_owned())),
            ("CPL_GS_ENDPOINT", self.endpoint.as_ref().map(|e| format!("{}/", e.url()))),
        ];
        Ok(options.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
    }
}

/// The variables that a message about missing credentials names.
const VARIABLES: &str = "GOOGLE_APPLICATION_CREDENTIALS (the path of a key file), GOOGLE_SERVICE_ACCOUNT_KEY or GOOGLE_BEARER_TOKEN";
