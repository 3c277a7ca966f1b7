//! Azure Blob Storage.

use arpent_base::redacted;
use object_store::azure::{AzureConfigKey as Key, MicrosoftAzureBuilder};

use super::environment::{self, Endpoint, Lookup, agreed, flag, one};
use crate::error::{PublishError, Result};
use crate::secrets::Secrets;

const CONNECTION: &str = "AZURE_STORAGE_CONNECTION_STRING";
const ENDPOINTS: [&str; 2] = ["AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"];

/// Access to Azure Blob Storage, from the environment.
#[derive(Default)]
pub(crate) struct Azure {
    account: Option<String>,
    key: Option<String>,
    sas: Option<String>,
    token: Option<String>,
    client: Option<String>,
    client_secret: Option<String>,
    tenant: Option<String>,
    token_file: Option<String>,
    authority: Option<String>,
    endpoint: Option<Endpoint>,
    unsigned: bool,
}

impl Azure {
    pub(crate) fn read(variable: &Lookup<'_>) -> Result<Self> {
        let connection = one(variable, &[CONNECTION])?.unwrap_or_default();
        let connection = Connection::parse(&connection);
        let get = |names: &[&'static str]| one(variable, names);
        // A connection string contains several settings, each of which may also have its own variable.
        let or_connection = |names: &[&'static str], part: &str| {
            let own = environment::named(variable, names).map(|(name, value)| (name, tidy(&value)));
            let own: Vec<_> =
                own.chain(connection.get(part).map(|value| (CONNECTION, tidy(value)))).collect();
            agreed(own)
        };
        let unsigned = flag(variable, &["AZURE_SKIP_SIGNATURE", "AZURE_NO_SIGN_REQUEST"], &[])?;
        let mut azure = Self {
            account: or_connection(&["AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT"], "AccountName")?,
            key: or_connection(
                &["AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY", "AZURE_STORAGE_MASTER_KEY"],
                "AccountKey",
            )?,
            sas: or_connection(
                &["AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_SAS_KEY"],
                "SharedAccessSignature",
            )?,
            token: get(&["AZURE_STORAGE_TOKEN", "AZURE_STORAGE_ACCESS_TOKEN"])?,
            client: get(&["AZURE_CLIENT_ID", "AZURE_STORAGE_CLIENT_ID"])?,
            client_secret: get(&["AZURE_CLIENT_SECRET", "AZURE_STORAGE_CLIENT_SECRET"])?,
            tenant: get(&["AZURE_TENANT_ID", "AZURE_STORAGE_TENANT_ID", "AZURE_AUTHORITY_ID"])?,
            token_file: get(&["AZURE_FEDERATED_TOKEN_FILE"])?,
            authority: get(&["AZURE_AUTHORITY_HOST", "AZURE_STORAGE_AUTHORITY_HOST"])?,
            unsigned: unsigned.is_some_and(|(_, yes)| yes),
            endpoint: None,
        };
        azure.endpoint = azure.read_endpoint(variable, &connection)?;
        Ok(azure)
    }

    fn read_endpoint(&self, variable: &Lookup<'_>, connection: &Connection<'_>) -> Result<Option<Endpoint>> {
        let mut named: Vec<(&'static str, Endpoint)> = Vec::new();
        for (name, value) in environment::named(variable, &ENDPOINTS) {
            named.push((name, Endpoint::parse(name, &value, true)?));
        }
        let allowed = flag(variable, &["AZURE_ALLOW_HTTP"], &[])?.is_some_and(|(_, yes)| yes);
        for (name, endpoint) in &named {
            endpoint.check_clear(name, "AZURE_ALLOW_HTTP", allowed)?;
        }
        // The protocol `http` of a connection string is explicit permission.
        if let Some(endpoint) = connection.endpoint(self.account.as_deref()) {
            named.push((CONNECTION, Endpoint::parse(CONNECTION, &endpoint, true)?));
        }
        agreed(named)
    }

    /// The secret values.
    pub(crate) fn secrets(&self) -> Secrets {
        let signature = self.sas.iter().flat_map(|sas| sas.split('&')).find_map(|p| p.strip_prefix("sig="));
        let decoded = signature.and_then(|sig| {
            url::form_urlencoded::parse(format!("{sig}=").as_bytes())
                .next()
                .map(|(text, _)| text.into_owned())
        });
        let values = [&self.key, &self.sas, &self.token, &self.client_secret].map(Clone::clone);
        Secrets::new(values.into_iter().chain([signature.map(ToOwned::to_owned), decoded]))
    }

    /// Whether requests over http are allowed.
    pub(crate) fn clear(&self) -> bool {
        self.endpoint.as_ref().is_some_and(|endpoint| !endpoint.https)
    }

    /// Access to a container. The source of the credentials is always set, since `object_store` would otherwise request
    /// some from the machine's metadata service.
    pub(crate) fn builder(&self, container: &str, url: &str) -> Result<MicrosoftAzureBuilder> {
        let missing = || PublishError::NoCredentials { url: redacted(url), variables: VARIABLES };
        let way = self.way().ok_or_else(missing)?;
        let account = self.account.clone().ok_or_else(missing)?;
        let settings = [
            (Key::AccountName, Some(account)),
            (Key::AccessKey, self.key.clone()),
            (Key::SasKey, self.sas.clone()),
            (Key::Token, self.token.clone()),
            (Key::ClientId, self.client.clone()),
            (Key::ClientSecret, self.client_secret.clone()),
            (Key::AuthorityId, self.tenant.clone()),
            (Key::FederatedTokenFile, self.token_file.clone()),
            (Key::AuthorityHost, self.authority.clone()),
            (Key::Endpoint, self.endpoint.as_ref().map(Endpoint::url)),
        ];
        let builder = MicrosoftAzureBuilder::new()
            .with_container_name(container)
            .with_credential_type(way)
            .with_skip_signature(self.unsigned);
        let builder = if self.unsigned { builder.with_bearer_token_authorization("") } else { builder };
        let settings = settings.into_iter().filter_map(|(key, value)| Some((key, value?)));
        Ok(settings.fold(builder, |builder, (key, value)| builder.with_config(key, value)))
    }

    /// How requests are signed, as settings of `object_store`.
    fn way(&self) -> Option<&'static str> {
        let application = self.client.is_some() && self.tenant.is_some();
        let ways = [
            (self.unsigned, "bearer_token"),
            (self.token.is_some(), "bearer_token"),
            (self.key.is_some(), "access_key"),
            (self.sas.is_some(), "sas_token"),
            (application && self.client_secret.is_some(), "client_secret"),
            (application && self.token_file.is_some(), "workload_identity"),
        ];
        ways.into_iter().find_map(|(there, way)| there.then_some(way))
    }

    pub(crate) fn gdal(&self) -> Vec<(&'static str, String)> {
        // GDAL signs with any credentials it has, and checks `AZURE_NO_SIGN_REQUEST` last.
        let signing = |value: &Option<String>| value.clone().filter(|_| !self.unsigned);
        let connection = self.connection();
        // A custom endpoint without key and SAS cannot be written as a connection string.
        let endpoint = self.endpoint.as_ref().filter(|_| connection.is_none());
        let options = [
            ("CPL_AZURE_ENDPOINT", endpoint.map(Endpoint::url)),
            (CONNECTION, connection),
            ("AZURE_STORAGE_ACCOUNT", self.account.clone()),
            ("AZURE_STORAGE_ACCESS_KEY", signing(&self.key)),
            ("AZURE_STORAGE_SAS_TOKEN", signing(&self.sas)),
            ("AZURE_STORAGE_ACCESS_TOKEN", signing(&self.token)),
            ("AZURE_NO_SIGN_REQUEST", self.unsigned.then(|| "YES".to_owned())),
            ("AZURE_CLIENT_ID", self.client.clone()),
            ("AZURE_TENANT_ID", self.tenant.clone()),
            ("AZURE_FEDERATED_TOKEN_FILE", self.token_file.clone()),
            ("AZURE_AUTHORITY_HOST", self.authority.clone()),
        ];
        options.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// A connection string with a custom endpoint and its key or SAS.
    fn connection(&self) -> Option<String> {
        let endpoint = self.endpoint.as_ref()?;
        let protocol = if endpoint.https { "https" } else { "http" };
        let signed = match (&self.account, &self.key, &self.sas) {
            _ if self.unsigned => return None,
            (Some(account), Some(key), _) => format!("AccountName={account};AccountKey={key}"),
            (_, None, Some(sas)) => format!("SharedAccessSignature={sas}"),
            _ => return None,
        };
        Some(format!("DefaultEndpointsProtocol={protocol};{signed};BlobEndpoint={}", endpoint.url()))
    }
}

/// Without the optional `?` at the beginning, as in a SAS that was copied from a URL.
fn tidy(value: &str) -> String {
    value.trim_start_matches('?').to_owned()
}

/// The parts of a connection string: `Name=value;Name=value`.
struct Connection<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Connection<'a> {
    fn parse(text: &'a str) -> Self {
        Self(text.split(';').filter_map(|part| part.trim().split_once('=')).collect())
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.0
            .iter()
            .find(|(key, value)| key.eq_ignore_ascii_case(name) && !value.is_empty())
            .map(|(_, v)| *v)
    }

    /// The endpoint of blobs, unless it is the default.
    fn endpoint(&self, account: Option<&str>) -> Option<String> {
        let named = self.get("BlobEndpoint").map(ToOwned::to_owned);
        named.or_else(|| {
            let protocol = self.get("DefaultEndpointsProtocol").unwrap_or("https");
            Some(format!("{protocol}://{}.blob.{}", account?, self.get("EndpointSuffix")?))
        })
    }
}

/// The variables that a message about missing credentials names.
const VARIABLES: &str = "AZURE_STORAGE_ACCOUNT_NAME and one of AZURE_STORAGE_ACCOUNT_KEY, AZURE_STORAGE_SAS_TOKEN, \
                         AZURE_STORAGE_TOKEN, or AZURE_STORAGE_CONNECTION_STRING";
