//! Azurite, Microsoft's emulator of Azure's blob storage.

use std::net::SocketAddr;
use std::path::Path;

use super::supervised::{Start, Supervised, loopback, program, status};

/// Azurite's published default account and key (see its manual).
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
/// A precomputed signature with that key, for creating containers only.
const MAY_CREATE: &str =
    "sv=2018-11-09&ss=b&srt=c&sp=c&se=2099-01-01&sig=yMkpXC%2BHGFaPR%2BvhMoBrGotz%2FtXUda5Qn05h3jOd%2BVc%3D";
const CREATED: u16 = 201;
const THERE_ALREADY: u16 = 409;

/// A server with the interface of Azure's blob storage and one container; it ends when this value is dropped.
#[derive(Debug)]
pub struct Azurite {
    port: u16,
    _server: Supervised,
}

impl Azurite {
    /// Name of the container.
    pub const CONTAINER: &'static str = "arpent-test";

    /// Starts a server, creates its container, and waits until it is ready (about 2 s). `None`, with a message, if
    /// `node` is not in `PATH`, or `azurite-blob` neither in the checkout's `.venv/npm` nor in `PATH`.
    ///
    /// # Panics
    /// If the program exists but does not get ready.
    pub fn start() -> Option<Self> {
        let _runs_it = program("bin", "node")?;
        let azurite = program("npm/node_modules/.bin", "azurite-blob")?;
        let start = |folder: &Path, ports: &[u16]| {
            let port = ports[0].to_string();
            let switches =
                ["--silent", "--disableTelemetry", "--skipApiVersionCheck", "--blobHost", "127.0.0.1"];
            let mut args: Vec<_> = switches.map(Into::into).into();
            args.extend(["--blobPort".into(), port.into(), "--location".into(), folder.into()]);
            Start { program: azurite.clone(), args, left: Vec::new() }
        };
        let (server, ports) = Supervised::start("azurite", 1, start, |ports| is_up(ports[0]));
        Some(Self { port: ports[0], _server: server })
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        loopback(self.port)
    }

    /// Address of a prefix in its container: `az://container/prefix`.
    pub fn url(&self, prefix: &str) -> String {
        format!("az://{}/{prefix}", Self::CONTAINER)
    }

    /// Environment variables for child processes that connect to it.
    pub fn env(&self) -> Vec<(String, String)> {
        self.env_by_way_of(self.address())
    }

    /// [`Azurite::env`] for a proxy in front of it.
    pub fn env_by_way_of(&self, proxy: SocketAddr) -> Vec<(String, String)> {
        let pairs = [
            ("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT.to_owned()),
            ("AZURE_STORAGE_ACCOUNT_KEY", KEY.to_owned()),
            ("AZURE_STORAGE_ENDPOINT", format!("http://{proxy}/{ACCOUNT}")),
            ("AZURE_ALLOW_HTTP", "true".to_owned()),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value)).into()
    }
}

/// Whether the server responds and the container exists.
fn is_up(port: u16) -> bool {
    let container = format!("/{ACCOUNT}/{}?restype=container&{MAY_CREATE}", Azurite::CONTAINER);
    matches!(status(port, "PUT", &container, b""), Some(CREATED | THERE_ALREADY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_comes_up_wants_signatures_and_goes() {
        let Some(server) = Azurite::start() else { return };
        let port = server.address().port();
        let list = format!("/{ACCOUNT}/{}?restype=container&comp=list", Azurite::CONTAINER);
        assert_eq!(status(port, "GET", &list, b""), Some(403));
        drop(server);
        assert_eq!(status(port, "GET", "/", b""), None);
    }
}
