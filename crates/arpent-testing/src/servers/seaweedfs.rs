//! SeaweedFS, a server with S3's interface.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;

use super::supervised::{Start, Supervised, answer, loopback, program, status};

const ACCESS_KEY: &str = "AKTEST";
const SECRET_KEY: &str = "SKTESTSECRET";
/// The use of each port, in the order of [`flags`]; weed also opens a socket file named after some of them.
const PORTS: [&str; 8] = [
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port",
    "s3.port.grpc",
];
const FILER: usize = 4;
const S3: usize = 6;

/// A server with S3's interface and one bucket; it ends when this value is dropped.
///
/// It requires signed requests, and supports conditional writes.
#[derive(Debug)]
pub struct SeaweedFs {
    port: u16,
    filer: u16,
    server: Supervised,
}

impl SeaweedFs {
    /// Name of the bucket.
    pub const BUCKET: &'static str = "arpent-test";

    /// Starts a server, creates its bucket, and waits until it accepts objects (about 3 s). `None`, with a message,
    /// if the program `weed` is neither in the checkout's `.venv/bin` nor in `PATH`.
    ///
    /// # Panics
    /// If the program exists but does not get ready.
    pub fn start() -> Option<Self> {
        let weed = program("bin", "weed")?;
        let start = |folder: &Path, ports: &[u16]| {
            write_identity(folder);
            Start { program: weed.clone(), args: flags(folder, ports), left: sockets(ports) }
        };
        let (server, ports) = Supervised::start("seaweedfs", PORTS.len(), start, is_up);
        Some(Self { port: ports[S3], filer: ports[FILER], server })
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        loopback(self.port)
    }

    /// Address of a prefix in its bucket: `s3://bucket/prefix`.
    pub fn url(&self, prefix: &str) -> String {
        format!("s3://{}/{prefix}", Self::BUCKET)
    }

    /// Address of a prefix in its bucket without credentials: `http://...`.
    pub fn web_url(&self, prefix: &str) -> String {
        format!("http://{}/buckets/{}/{prefix}", loopback(self.filer), Self::BUCKET)
    }

    /// Its scratch directory, which is deleted with it.
    pub fn folder(&self) -> &Path {
        self.server.folder()
    }

    /// The head of the response to a request for an object of the bucket, whose name needs no escapes: its content
    /// type and so on.
    pub fn head(&self, key: &str) -> String {
        answer(self.filer, "HEAD", &format!("/buckets/{}/{key}", Self::BUCKET), b"").unwrap_or_default()
    }

    /// Environment variables for child processes that connect to it.
    pub fn env(&self) -> Vec<(String, String)> {
        self.env_by_way_of(self.address())
    }

    /// [`SeaweedFs::env`] for a proxy in front of it.
    pub fn env_by_way_of(&self, proxy: SocketAddr) -> Vec<(String, String)> {
        let pairs = [
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ENDPOINT", format!("http://{proxy}")),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value)).into()
    }
}

fn write_identity(folder: &Path) {
    let identity = format!(
        r#"{{"identities":[{{"name":"test","credentials":[{{"accessKey":"{ACCESS_KEY}","secretKey":"{SECRET_KEY}"}}],
"actions":["Admin","Read","Write","List","Tagging"]}}]}}"#
    );
    std::fs::write(folder.join("s3.json"), identity).expect("the scratch folder takes a file");
    std::fs::create_dir(folder.join("data")).expect("the scratch folder takes a folder");
}

fn flags(folder: &Path, ports: &[u16]) -> Vec<OsString> {
    let mut flags: Vec<OsString> = vec!["server".into()];
    flags.extend(PORTS.iter().zip(ports).map(|(name, port)| format!("-{name}={port}").into()));
    let fixed = [
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-master.telemetry=false",
        "-master.volumeSizeLimitMB=256",
        "-volume.max=20",
        "-filer",
        "-s3",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
    ];
    flags.extend(fixed.map(OsString::from));
    for (flag, name) in [("-dir=", "data"), ("-s3.config=", "s3.json")] {
        let mut flag = OsString::from(flag);
        flag.push(folder.join(name));
        flags.push(flag);
    }
    flags
}

/// Names of the socket files that weed makes for its ports, in a fixed directory.
fn sockets(ports: &[u16]) -> Vec<String> {
    let names = PORTS.iter().zip(ports).map(|(name, port)| {
        let name = name.replace(".port", "").replace('.', "-");
        format!("/tmp/seaweedfs-{name}-{port}.sock")
    });
    names.collect()
}

/// Whether the S3 side responds, and the bucket exists and has space for an object: the first one takes longest.
fn is_up(ports: &[u16]) -> bool {
    let bucket = format!("/buckets/{}/", SeaweedFs::BUCKET);
    let first = format!("{bucket}first");
    let s3_answers = || status(ports[S3], "GET", "/", b"").is_some();
    let done = |method, path: &str, body: &[u8]| {
        status(ports[FILER], method, path, body).is_some_and(|status| status < 300)
    };
    s3_answers() && done("POST", &bucket, b"") && done("PUT", &first, b"1") && done("DELETE", &first, b"")
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read};
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use super::*;

    /// Set for the process that is to be killed.
    const TO_BE_KILLED: &str = "ARPENT_TEST_TO_BE_KILLED";
    const GONE_WITHIN: Duration = Duration::from_secs(30);

    /// The process that is killed by the test: keeps a server until the end of its input.
    fn hold() {
        let Some(server) = SeaweedFs::start() else { return };
        println!("\nserver at {} {}", server.address().port(), server.folder().display());
        let _ = std::io::stdin().read(&mut [0]);
    }

    #[test]
    fn a_server_does_not_outlive_a_test_that_is_killed() {
        if std::env::var_os(TO_BE_KILLED).is_some() {
            return hold();
        }
        let name = "servers::seaweedfs::tests::a_server_does_not_outlive_a_test_that_is_killed";
        let mut test = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(TO_BE_KILLED, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(test.stdout.take().unwrap()).lines().map_while(Result::ok);
        let server = said.find_map(|line| Some(line.strip_prefix("server at ")?.to_owned()));
        test.kill().unwrap();
        test.wait().unwrap();
        let Some(server) = server else { return };
        let (port, folder) = server.split_once(' ').unwrap();
        let deadline = Instant::now() + GONE_WITHIN;
        while status(port.parse().unwrap(), "GET", "/", b"").is_some() || Path::new(folder).exists() {
            assert!(Instant::now() < deadline, "{server}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn a_server_comes_up_wants_signatures_and_goes() {
        let Some(server) = SeaweedFs::start() else { return };
        let port = server.address().port();
        assert_eq!(status(port, "GET", "/arpent-test", b""), Some(403));
        let before = std::fs::read_dir("/tmp").unwrap().flatten();
        let mine = |name: &str| name.ends_with(&format!("-{port}.sock"));
        assert!(before.into_iter().any(|e| mine(&e.file_name().to_string_lossy())));
        drop(server);
        assert_eq!(status(port, "GET", "/", b""), None);
        let mut after = std::fs::read_dir("/tmp").unwrap().flatten();
        assert!(!after.any(|e| mine(&e.file_name().to_string_lossy())));
    }
}
