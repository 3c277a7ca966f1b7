//! Opens a store from an address and the environment.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use arpent_base::redacted;
use object_store::http::HttpBuilder;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, Result as StoreResult};
use url::Url;

use crate::credentials::{Azure, ClientSettings, Google, Lookup, S3};
use crate::error::{PublishError, Result};
use crate::failure::StoreFailure;
use crate::secrets::Secrets;

/// The target of an address.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// A local folder, absolute; it may not exist yet.
    Folder(PathBuf),
    /// A prefix of a store.
    Objects { store: Connection, prefix: ObjectPath },
}

/// Access to a store.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(crate) store: Arc<dyn ObjectStore>,
    /// The same, for requests whose bodies may take long to send.
    pub(crate) uploads: Arc<dyn ObjectStore>,
    pub(crate) read_only: bool,
    pub(crate) secrets: Arc<Secrets>,
}

impl fmt::Debug for Connection {
    /// Without the stores: some would print their keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("read_only", &self.read_only).finish_non_exhaustive()
    }
}

impl Connection {
    /// A writable store without secrets.
    pub(crate) fn open(store: Arc<dyn ObjectStore>) -> Self {
        Self { uploads: store.clone(), store, read_only: false, secrets: Arc::default() }
    }

    /// Opens a store for requests in general and one for uploads.
    fn twice<S: ObjectStore>(
        url: &str,
        secrets: Secrets,
        build: impl Fn(bool) -> StoreResult<S>,
    ) -> Result<Self> {
        let failed = |source| PublishError::Connect {
            url: redacted(url),
            source: Box::new(StoreFailure::new(&source, &secrets)),
        };
        // The cryptography of every TLS connection of the process; an error says that there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let store = Arc::new(build(false).map_err(failed)?);
        let uploads = Arc::new(build(true).map_err(failed)?);
        Ok(Self { store, uploads, read_only: false, secrets: Arc::new(secrets) })
    }
}

/// Parses an address with a scheme.
pub(crate) fn place_of_url(text: &str, variable: &Lookup<'_>) -> Result<Place> {
    let bad = |reason: &str| PublishError::BadTarget { url: redacted(text), reason: reason.to_owned() };
    let url = Url::parse(text).map_err(|e| bad(&e.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(PublishError::BadTarget {
            url: format!("{}://...", url.scheme()),
            reason: "credentials are taken from the environment, not from the address".into(),
        });
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad("the address of an output must not contain `?` or `#`"));
    }
    let prefix = ObjectPath::from_url_path(url.path()).map_err(|e| bad(&redacted(&e.to_string())))?;
    let bucket = || url.host_str().filter(|b| !b.is_empty()).ok_or_else(|| bad("the bucket is missing"));
    let store = match url.scheme() {
        "file" => {
            let path = url.to_file_path().map_err(|()| bad("not the path of a local folder"))?;
            return Ok(Place::Folder(path));
        }
        "memory" => Connection::open(Arc::new(InMemory::new())),
        "s3" => s3(bucket()?, text, variable)?,
        "gs" => google(bucket()?, text, variable)?,
        "az" => azure(bucket()?, text, variable)?,
        "http" | "https" => http(&url, text, variable)?,
        other => return Err(bad(&format!("unknown scheme `{other}`"))),
    };
    Ok(Place::Objects { store, prefix })
}

fn s3(bucket: &str, url: &str, variable: &Lookup<'_>) -> Result<Connection> {
    let (access, client) = (S3::read(variable)?, ClientSettings::read(variable, "AWS_")?);
    let builder = access.builder(bucket, url)?.with_retry(client.retry());
    let options = |uploads| client.options_for(access.clear(), uploads);
    Connection::twice(url, access.secrets(), |up| builder.clone().with_client_options(options(up)).build())
}

fn azure(container: &str, url: &str, variable: &Lookup<'_>) -> Result<Connection> {
    let (access, client) = (Azure::read(variable)?, ClientSettings::read(variable, "AZURE_")?);
    let builder = access.builder(container, url)?.with_retry(client.retry());
    let options = |uploads| client.options_for(access.clear(), uploads);
    Connection::twice(url, access.secrets(), |up| builder.clone().with_client_options(options(up)).build())
}

fn google(bucket: &str, url: &str, variable: &Lookup<'_>) -> Result<Connection> {
    let (access, client) = (Google::read(variable)?, ClientSettings::read(variable, "GOOGLE_")?);
    let builder = access.builder(bucket, url)?.with_retry(client.retry());
    let options = |uploads| client.options_for(access.clear(), uploads);
    Connection::twice(url, access.secrets(), |up| builder.clone().with_client_options(options(up)).build())
}

/// A web server: read-only.
fn http(url: &Url, text: &str, variable: &Lookup<'_>) -> Result<Connection> {
    let client = ClientSettings::read(variable, "HTTP_")?;
    let clear = url.scheme() == "http";
    let build = |uploads| {
        HttpBuilder::new()
            .with_url(&url[..url::Position::BeforePath])
            .with_retry(client.retry())
            .with_client_options(client.options_for(clear, uploads))
            .build()
    };
    Ok(Connection { read_only: true, ..Connection::twice(text, Secrets::default(), build)? })
}
