//! A server process that ends with the test, and the minimal HTTP to check that it is ready.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::needs::skip;

/// Ports are free when they are chosen; another process may take one before the server does.
const TRIES: usize = 3;
/// Time limit from the start of the process to its first response, on a busy machine.
const UP_WITHIN: Duration = Duration::from_secs(40);
const POLL: Duration = Duration::from_millis(50);
/// Time limit of one response of a server that is ready.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// Runs the server (`"$@"`) until standard input ends, that is, until the parent process ends, even if it is killed.
/// `$LEFT` lists files that the server leaves outside of its directory.
const SUPERVISOR: &str = r#""$@" >"$DIR/log" 2>&1 </dev/null &
server=$!
cat >/dev/null
kill -9 $server 2>/dev/null
wait $server 2>/dev/null
rm -rf $LEFT "$DIR""#;

/// A server process; it ends when dropped, or when this process ends in any way.
#[derive(Debug)]
pub(super) struct Supervised {
    shell: Child,
    /// Deleted by the shell if this process is killed, else on drop.
    folder: TempDir,
}

/// The arguments of a server.
pub(super) struct Start {
    pub(super) program: PathBuf,
    pub(super) args: Vec<OsString>,
    /// Files that the server leaves outside of its directory.
    pub(super) left: Vec<String>,
}

impl Supervised {
    /// Starts a server on `ports` free ports, and waits until `up` returns true.
    ///
    /// `start` gets the server's directory and ports; `up` is called repeatedly.
    pub(super) fn start(
        name: &str,
        ports: usize,
        start: impl Fn(&Path, &[u16]) -> Start,
        up: impl Fn(&[u16]) -> bool,
    ) -> (Self, Vec<u16>) {
        let mut log = String::new();
        for _ in 0..TRIES {
            let ports = free_ports(ports);
            let server = Self::spawn(name, &ports, &start);
            let deadline = Instant::now() + UP_WITHIN;
            while Instant::now() < deadline {
                if up(&ports) {
                    return (server, ports);
                }
                std::thread::sleep(POLL);
            }
            log = std::fs::read_to_string(server.folder.path().join("log")).unwrap_or_default();
        }
        panic!("{name} did not start; its last output:\n{}", last_lines(&log));
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn spawn(name: &str, ports: &[u16], start: &impl Fn(&Path, &[u16]) -> Start) -> Self {
        let folder = tempfile::Builder::new().prefix(&format!("arpent-{name}-")).tempdir();
        let folder = folder.expect("a scratch folder");
        let start = start(folder.path(), ports);
        let shell = Command::new("sh")
            .args(["-c", SUPERVISOR, "sh"])
            .arg(&start.program)
            .args(&start.args)
            .current_dir(folder.path())
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", folder.path())
            .env("TMPDIR", folder.path())
            .env("DIR", folder.path())
            .env("LEFT", start.left.join(" "))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // An interrupt from the keyboard is for the tests; the shell ends after them.
            .process_group(0)
            .spawn();
        Self { shell: shell.expect("a shell"), folder }
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // The shell ends once the server has.
        let _ = self.shell.wait();
    }
}

fn last_lines(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

/// Different free ports.
fn free_ports(count: usize) -> Vec<u16> {
    let bind = || TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let taken: Vec<TcpListener> = (0..count).map(|_| bind()).collect();
    taken.iter().map(|listener| listener.local_addr().expect("its address").port()).collect()
}

/// A program in the checkout's `.venv`, else in `PATH`; `None`, with a message, if it is in neither.
pub(super) fn program(inside_venv: &str, name: &str) -> Option<PathBuf> {
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv");
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let places = std::iter::once(venv.join(inside_venv)).chain(std::env::split_paths(&paths));
    let found = places.map(|place| place.join(name)).find(|path| path.is_file());
    if found.is_none() {
        let what = if name == "weed" { "seaweedfs" } else { "azurite" };
        skip(what, &format!("`{name}` is not installed; scripts/setup.sh --test installs it"));
    }
    found.map(|path| path.canonicalize().unwrap_or(path))
}

/// The loopback address with a port.
pub(super) fn loopback(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// The status of the response to a request without credentials; `None` without a response.
pub(super) fn status(port: u16, method: &str, path: &str, body: &[u8]) -> Option<u16> {
    answer(port, method, path, body)?.split(' ').nth(1)?.parse().ok()
}

/// The response to a request without credentials; `None` if there is none.
pub(super) fn answer(port: u16, method: &str, path: &str, body: &[u8]) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&loopback(port), ANSWER_WITHIN).ok()?;
    stream.set_read_timeout(Some(ANSWER_WITHIN)).ok()?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).ok()?;
    let mut answer = Vec::new();
    // Data received before a reset are kept.
    let _ = stream.read_to_end(&mut answer);
    (!answer.is_empty()).then(|| String::from_utf8_lossy(&answer).into_owned())
}
