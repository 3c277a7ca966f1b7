//! S3 and compatible stores.

use arpent_base::redacted;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key, Checksum};

use super::environment::{Endpoint, Lookup, flag, one};
use crate::error::{PublishError, Result};
use crate::secrets::Secrets;

/// Variables of `object_store` only, passed on unchanged.
const PASSED_ON: [(&str, &str); 9] = [
    ("AWS_ENDPOINT_URL_STS", "aws_endpoint_url_sts"),
    ("AWS_SERVER_SIDE_ENCRYPTION", "aws_server_side_encryption"),
    ("AWS_SSE_KMS_KEY_ID", "aws_sse_kms_key_id"),
    ("AWS_SSE_BUCKET_KEY_ENABLED", "aws_sse_bucket_key_enabled"),
    ("AWS_SSE_CUSTOMER_KEY_BASE64", "aws_sse_customer_key_base64"),
    ("AWS_CONDITIONAL_PUT", "aws_conditional_put"),
    ("AWS_DISABLE_TAGGING", "aws_disable_tagging"),
    ("AWS_S3_EXPRESS", "aws_s3_express"),
    ("AWS_UNSIGNED_PAYLOAD", "aws_unsigned_payload"),
];

/// Access to S3, from the environment.
#[derive(Default)]
pub(crate) struct S3 {
    key_id: Option<String>,
    secret: Option<String>,
    token: Option<String>,
    region: Option<String>,
    endpoint: Option<Endpoint>,
    virtual_hosts: Option<bool>,
    unsigned: bool,
    requester_pays: bool,
    token_file: Option<String>,
    role: Option<String>,
    role_session: Option<String>,
    passed_on: Vec<(&'static str, String)>,
}

impl S3 {
    pub(crate) fn read(variable: &Lookup<'_>) -> Result<Self> {
        let get = |name| one(variable, &[name]);
        let passed_on = PASSED_ON.iter().filter_map(|(name, key)| Some((*key, variable(name)?)));
        let virtual_hosts =
            flag(variable, &["AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "AWS_VIRTUAL_HOSTING"], &[])?;
        let is_set = |set: Option<(&str, bool)>| set.is_some_and(|(_, yes)| yes);
        Ok(Self {
            key_id: get("AWS_ACCESS_KEY_ID")?,
            secret: get("AWS_SECRET_ACCESS_KEY")?,
            token: one(variable, &["AWS_SESSION_TOKEN", "AWS_TOKEN"])?,
            // `AWS_DEFAULT_REGION` is a fallback, so another value is not a contradiction.
            region: get("AWS_REGION")?.or(get("AWS_DEFAULT_REGION")?),
            endpoint: endpoint(variable)?,
            virtual_hosts: virtual_hosts.map(|(_, yes)| yes),
            unsigned: is_set(flag(variable, &["AWS_SKIP_SIGNATURE", "AWS_NO_SIGN_REQUEST"], &[])?),
            requester_pays: is_set(flag(variable, &["AWS_REQUEST_PAYER"], &[])?),
            token_file: get("AWS_WEB_IDENTITY_TOKEN_FILE")?,
            role: get("AWS_ROLE_ARN")?,
            role_session: get("AWS_ROLE_SESSION_NAME")?,
            passed_on: passed_on.collect(),
        })
    }

    /// The secret values.
    pub(crate) fn secrets(&self) -> Secrets {
        let encryption = self.passed_on.iter().filter(|(key, _)| key.contains("customer_key"));
        let encryption = encryption.map(|(_, value)| Some(value.clone()));
        Secrets::new([self.secret.clone(), self.token.clone()].into_iter().chain(encryption))
    }

    /// Whether requests over http are allowed.
    pub(crate) fn clear(&self) -> bool {
        self.endpoint.as_ref().is_some_and(|endpoint| !endpoint.https)
    }

    /// Access to a bucket. Without credentials, `object_store` would request some from the machine's metadata service;
    /// here they come only from the environment.
    pub(crate) fn builder(&self, bucket: &str, url: &str) -> Result<AmazonS3Builder> {
        let keys = self.key_id.is_some() || self.secret.is_some();
        if !(keys || self.unsigned || self.token_file.is_some() && self.role.is_some()) {
            return Err(PublishError::NoCredentials { url: redacted(url), variables: VARIABLES });
        }
        let virtual_hosts = self.virtual_hosts.unwrap_or(false);
        let endpoint = self.endpoint.as_ref().map(|endpoint| {
            // `object_store` needs the bucket in the endpoint if it is part of the host name.
            let host =
                if virtual_hosts { format!("{bucket}.{}", endpoint.host) } else { endpoint.host.clone() };
            Endpoint { host, ..endpoint.clone() }.url()
        });
        let settings = [
            (Key::AccessKeyId, self.key_id.clone()),
            (Key::SecretAccessKey, self.secret.clone()),
            (Key::Token, self.token.clone()),
            (Key::Region, self.region.clone()),
            (Key::Endpoint, endpoint),
            (Key::WebIdentityTokenFile, self.token_file.clone()),
            (Key::RoleArn, self.role.clone()),
            (Key::RoleSessionName, self.role_session.clone()),
        ];
        let builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_virtual_hosted_style_request(virtual_hosts)
            .with_skip_signature(self.unsigned)
            .with_request_payer(self.requester_pays)
            // Objects are deleted one by one: not every store supports bulk deletion, whose requests also have bodies.
            .with_disable_bulk_delete(true)
            .with_checksum_algorithm(Checksum::SHA256);
        let passed_on =
            self.passed_on.iter().filter_map(|(key, value)| Some((key.parse().ok()?, value.clone())));
        let settings = settings.into_iter().filter_map(|(key, value)| Some((key, value?))).chain(passed_on);
        Ok(settings.fold(builder, |builder, (key, value)| builder.with_config(key, value)))
    }

    pub(crate) fn gdal(&self) -> Vec<(&'static str, String)> {
        let yes = |yes: bool| yes.then(|| "YES".to_owned());
        let endpoint = self.endpoint.as_ref();
        let https = endpoint.map(|e| if e.https { "YES" } else { "NO" }.to_owned());
        // By default GDAL puts the bucket into the host name, `object_store` does not.
        let virtual_hosts = self.virtual_hosts.or(endpoint.map(|_| false));
        let virtual_hosts = virtual_hosts.map(|yes| if yes { "TRUE" } else { "FALSE" }.to_owned());
        let options = [
            ("AWS_ACCESS_KEY_ID", self.key_id.clone()),
            ("AWS_SECRET_ACCESS_KEY", self.secret.clone()),
            ("AWS_SESSION_TOKEN", self.token.clone()),
            ("AWS_REGION", self.region.clone()),
            ("AWS_S3_ENDPOINT", endpoint.map(|e| e.host.clone())),
            ("AWS_HTTPS", https),
            ("AWS_VIRTUAL_HOSTING", virtual_hosts),
            ("AWS_NO_SIGN_REQUEST", yes(self.unsigned)),
            ("AWS_REQUEST_PAYER", self.requester_pays.then(|| "requester".to_owned())),
        ];
        options.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// The variables that a message about missing credentials names.
const VARIABLES: &str = "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and, for a store that is not Amazon's, \
                         AWS_ENDPOINT (with AWS_ALLOW_HTTP=true for http)";

/// The endpoint from the variables of both libraries, which must agree.
fn endpoint(variable: &Lookup<'_>) -> Result<Option<Endpoint>> {
    let clear = flag(variable, &["AWS_ALLOW_HTTP"], &[])?;
    let secure = flag(variable, &["AWS_HTTPS"], &[])?;
    let allowed = match (clear, secure) {
        (Some((first, false)), Some((second, false))) => {
            return Err(PublishError::Contradiction { first, second });
        }
        (clear, secure) => clear.is_some_and(|(_, yes)| yes) || secure.is_some_and(|(_, yes)| !yes),
    };
    let https_by_default = secure.map_or(!clear.is_some_and(|(_, yes)| yes), |(_, yes)| yes);
    let parse = |name, value: Option<String>| {
        value.map(|value| Ok((name, Endpoint::parse(name, &value, https_by_default)?))).transpose()
    };
    // The endpoint of S3 takes precedence over that of all Amazon services.
    let s3 = parse("AWS_ENDPOINT_URL_S3", one(variable, &["AWS_ENDPOINT_URL_S3"])?)?;
    let general = parse("AWS_ENDPOINT", one(variable, &["AWS_ENDPOINT", "AWS_ENDPOINT_URL"])?)?;
    let gdal = parse("AWS_S3_ENDPOINT", one(variable, &["AWS_S3_ENDPOINT"])?)?;
    let ours = s3.or(general);
    let (name, endpoint) = match (ours, gdal) {
        (Some((first, ours)), Some((second, gdal))) => {
            // GDAL's variable has no scheme.
            let named_both = variable(second).is_some_and(|value| value.contains("://"));
            if ours.host != gdal.host || named_both && ours.https != gdal.https {
                return Err(PublishError::Contradiction { first, second });
            }
            (first, ours)
        }
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => return Ok(None),
    };
    if let Some((second, https)) = secure.filter(|(_, https)| *https != endpoint.https) {
        debug_assert_ne!(https, endpoint.https);
        return Err(PublishError::Contradiction { first: name, second });
    }
    endpoint.check_clear(name, "AWS_ALLOW_HTTP", allowed)?;
    Ok(Some(endpoint))
}
