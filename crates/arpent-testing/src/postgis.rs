//! PostgreSQL with PostGIS, for the life of a test.

use std::fs;
use std::io;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, getuid, kill_process};
use tempfile::TempDir;

use crate::needs::skip;

/// Time limit for the server to answer.
const PATIENCE: Duration = Duration::from_mins(1);
/// The user and group that a server is run as by root, which PostgreSQL refuses: `nobody` and `nogroup` of Debian.
const NOBODY: (u32, u32) = (65_534, 65_534);

/// A server with one database that has PostGIS. It listens on a socket in a temporary folder only, and ends with the thread that
/// started it.
#[derive(Debug)]
pub struct Postgis {
    dir: TempDir,
    server: Child,
}

/// The folder of the newest PostgreSQL of Debian that has PostGIS.
fn installed() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let has_postgis = |version: &PathBuf| {
        let name = version.file_name().unwrap_or_default();
        let extensions = Path::new("/usr/share/postgresql").join(name).join("extension");
        extensions.join("postgis.control").exists() && version.join("bin/postgres").exists()
    };
    versions.flatten().map(|entry| entry.path()).filter(has_postgis).max().map(|path| path.join("bin"))
}

impl Postgis {
    /// Starts a server; skips the test where PostGIS is not installed.
    ///
    /// # Panics
    /// When it is installed and cannot be started.
    pub fn start() -> Option<Self> {
        let Some(programs) = installed() else {
            skip("postgis", "PostgreSQL with PostGIS is not installed (apt-get install postgresql postgis)");
            return None;
        };
        Some(Self::with(&programs).unwrap_or_else(|error| panic!("PostgreSQL: {error}")))
    }

    fn with(programs: &Path) -> io::Result<Self> {
        let dir = TempDir::new()?;
        if getuid().is_root() {
            chown(dir.path(), Some(NOBODY.0), Some(NOBODY.1))?;
        }
        let data = dir.path().join("data");
        let words = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync"];
        let made = unprivileged(&programs.join("initdb"))
            .args(words)
            .arg("--pgdata")
            .arg(&data)
            .current_dir(dir.path())
            .output()?;
        if !made.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&made.stderr).into_owned()));
        }
        let server = unprivileged(&programs.join("postgres"))
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(dir.path())
            .args(["-c", "listen_addresses=", "-c", "fsync=off"])
            .current_dir(dir.path())
            .stdout(Stdio::null())
            .stderr(fs::File::create(dir.path().join("log"))?)
            .spawn()?;
        let started = Self { dir, server };
        let begun = Instant::now();
        while !started.psql("SELECT 1").status.success() {
            if begun.elapsed() > PATIENCE {
                let log = fs::read_to_string(started.dir.path().join("log")).unwrap_or_default();
                return Err(io::Error::other(log));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let made = started.psql("CREATE EXTENSION postgis");
        if made.status.success() {
            Ok(started)
        } else {
            Err(io::Error::other(String::from_utf8_lossy(&made.stderr).into_owned()))
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new("psql");
        command
            .args([
                "--no-psqlrc",
                "--quiet",
                "--set",
                "ON_ERROR_STOP=1",
                "--username",
                "postgres",
                "--dbname",
                "postgres",
            ])
            .arg("--host")
            .arg(self.dir.path())
            .env("PGTZ", "UTC");
        command
    }

    fn psql(&self, sql: &str) -> std::process::Output {
        self.command().args(["--tuples-only", "--no-align", "--command", sql]).output().expect("psql starts")
    }

    /// The result of a statement: rows as lines, cells separated by `|`.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn ask(&self, sql: &str) -> String {
        let done = self.psql(sql);
        assert!(done.status.success(), "{sql}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    /// Runs a file; the error of one that fails.
    ///
    /// # Errors
    /// What `psql` prints.
    ///
    /// # Panics
    /// When `psql` cannot be started.
    pub fn run(&self, file: &Path) -> Result<(), String> {
        let done = self.command().arg("--file").arg(file).output().expect("psql starts");
        let error = String::from_utf8_lossy(&done.stderr).into_owned();
        if done.status.success() { Ok(()) } else { Err(error) }
    }
}

impl Drop for Postgis {
    fn drop(&mut self) {
        // An interrupt is a fast shutdown: connections are closed.
        if let Some(pid) = i32::try_from(self.server.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::INT);
        }
        let _ = self.server.wait();
    }
}

/// A program that is not run as root, and that ends with this thread.
fn unprivileged(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if getuid().is_root() {
        let (user, group) = NOBODY;
        command.args([format!("--reuid={user}"), format!("--regid={group}"), "--clear-groups".to_owned()]);
    }
    command.args(["--pdeathsig", "KILL"]).arg(program);
    command
}
