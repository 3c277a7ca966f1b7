//! A Slurm cluster of several nodes on this machine, for the life of a test.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, getuid, kill_process};
use tempfile::TempDir;

/// Required programs.
const DAEMONS: [&str; 3] = ["munged", "slurmctld", "slurmd"];

/// Time limit for daemons to start, jobs to end and waits without progress, on an idle machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A cluster, with nodes `n1`, `n2`, ... of two cores each. It is stopped when this is dropped, with all its jobs.
///
/// Its daemons are children of the thread that started it, end with that thread, and listen on 127.0.0.1 only.
#[derive(Debug)]
pub struct Slurm {
    dir: TempDir,
    daemons: BTreeMap<String, Child>,
    nodes: usize,
    slowness: u32,
}

impl Slurm {
    /// Starts a cluster; `None` if Slurm is not installed (Debian: slurmctld, slurmd, slurm-client, munge).
    /// `settings` are additional lines of slurm.conf, such as `RequeueExit=75`.
    ///
    /// # Errors
    /// If a daemon cannot be started, or the nodes are not ready in time; the logs are in the message.
    pub fn start(nodes: usize, settings: &str) -> io::Result<Option<Self>> {
        let programs: Option<Vec<PathBuf>> = DAEMONS.iter().map(|name| installed(name)).collect();
        let (Some(programs), Some(_)) = (programs, installed("sbatch")) else { return Ok(None) };
        let mut cluster =
            Self { dir: TempDir::new()?, daemons: BTreeMap::new(), nodes, slowness: slowness() };
        cluster.configure(settings)?;
        cluster.spawn("munged", &programs[0], &cluster.munge_words())?;
        cluster.wait_for("munged", |cluster| Ok(cluster.file("run/munge.sock").exists()))?;
        cluster.spawn("slurmctld", &programs[1], &["-D".into(), "-c".into()])?;
        for node in 1..=nodes {
            cluster.start_node(node)?;
        }
        cluster.wait_for("all nodes to be idle", |cluster| {
            Ok(cluster.ask("sinfo", &["--noheader", "--format=%D", "--states=idle"])? == nodes.to_string())
        })?;
        Ok(Some(cluster))
    }

    /// A command that connects to this cluster.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("SLURM_CONF", self.file("slurm.conf")).current_dir(self.folder());
        command
    }

    /// The output of one of Slurm's commands, trimmed.
    ///
    /// # Errors
    /// If it cannot be started; a failure exit status is not an error (a controller that is not ready yet causes
    /// one).
    pub fn ask(&self, program: &str, words: &[&str]) -> io::Result<String> {
        let output = self.command(program).args(words).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// A directory that all nodes share, for scripts and logs of jobs.
    pub fn folder(&self) -> PathBuf {
        self.file("shared")
    }

    /// State of a job or of one of its tasks, in capital letters: `RUNNING`, `COMPLETED`, ...; empty for an unknown
    /// job.
    ///
    /// # Errors
    /// As [`Slurm::ask`].
    pub fn state(&self, job: &str) -> io::Result<String> {
        let printed = self.ask("scontrol", &["show", "job", "--oneliner", job])?;
        Ok(field(&printed, "JobState").unwrap_or_default())
    }

    /// Name of the node that a job or one of its tasks runs on.
    ///
    /// # Errors
    /// As [`Slurm::ask`].
    pub fn node_of(&self, job: &str) -> io::Result<String> {
        let printed = self.ask("scontrol", &["show", "job", "--oneliner", job])?;
        Ok(field(&printed, "BatchHost").unwrap_or_default())
    }

    /// Waits until a condition holds.
    ///
    /// # Errors
    /// If it does not within a minute and a half (more on a machine that was busy when the cluster started); the last
    /// lines of the controller's log are in the message.
    pub fn wait_for(&self, what: &str, mut holds: impl FnMut(&Self) -> io::Result<bool>) -> io::Result<()> {
        self.wait_while_it_changes(what, |cluster| Ok((!holds(cluster)?).then(String::new)))
    }

    /// Waits until a condition holds, as long as there is progress: `look` returns `None` if it holds, else a measure
    /// of progress.
    ///
    /// # Errors
    /// If there is no progress for as long as [`Slurm::wait_for`] waits in all.
    pub fn wait_while_it_changes(
        &self,
        what: &str,
        mut look: impl FnMut(&Self) -> io::Result<Option<String>>,
    ) -> io::Result<()> {
        let (mut last, mut since) = (String::new(), Instant::now());
        while let Some(seen) = look(self)? {
            if seen != last {
                (last, since) = (seen, Instant::now());
            }
            if since.elapsed() > self.patience() {
                let queue = self.ask("squeue", &["--states=all"])?;
                let log = fs::read_to_string(self.file("log/slurmctld")).unwrap_or_default();
                let tail: Vec<&str> = log.lines().rev().take(30).collect();
                let message = format!("waited for {what} {last}\n{queue}\n{}", tail.join("\n"));
                return Err(io::Error::new(io::ErrorKind::TimedOut, message));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    fn patience(&self) -> Duration {
        PATIENCE * self.slowness
    }

    /// Stops the jobs of a node, or continues them: their state does not change in between.
    pub fn hold_node(&self, node: &str, is_held: bool) {
        signal_all(&self.processes(Some(node)), if is_held { Signal::STOP } else { Signal::CONT });
    }

    /// Kills a node and all processes on it, as a power failure does.
    ///
    /// # Errors
    /// If the node is not one of the cluster, or cannot be killed.
    pub fn kill_node(&mut self, node: &str) -> io::Result<()> {
        let mut daemon =
            self.daemons.remove(node).ok_or_else(|| io::Error::other(format!("no node {node}")))?;
        daemon.kill()?;
        daemon.wait()?;
        // All are stopped first, so that none reports the end of the others: a running step would report its script's
        // end.
        let processes = self.processes(Some(node));
        signal_all(&processes, Signal::STOP);
        signal_all(&processes, Signal::KILL);
        Ok(())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn configure(&self, settings: &str) -> io::Result<()> {
        for folder in ["state", "log", "run", "shared"] {
            fs::create_dir(self.file(folder))?;
        }
        for node in 1..=self.nodes {
            fs::create_dir_all(self.file(&format!("spool/n{node}")))?;
        }
        self.write_key()?;
        let host = fs::read_to_string("/proc/sys/kernel/hostname")?;
        let host = host.trim().split('.').next().unwrap_or_default().to_owned();
        let ports = free_ports(self.nodes + 1)?;
        fs::write(self.file("slurm.conf"), self.conf(&host, &ports, settings))
    }

    /// Writes the secret of the daemons, readable by this user only.
    fn write_key(&self) -> io::Result<()> {
        let mut key = [0; 1024];
        fs::File::open("/dev/urandom")?.read_exact(&mut key)?;
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o400).open(self.file("munge.key"))?;
        file.write_all(&key)
    }

    fn conf(&self, host: &str, ports: &[u16], settings: &str) -> String {
        let dir = self.dir.path().display();
        let user = getuid().as_raw();
        // If daemons get a small share of the processor, they need longer to respond and to start jobs: a late one is
        // considered dead, and a node that cannot start a job in time accepts no more of them.
        let [expire, silence, answer] = [5, 5, 2].map(|seconds| seconds * self.slowness);
        let mut text = format!(
            "ClusterName=test\nSlurmctldHost={host}(127.0.0.1)\nSlurmctldPort={}\n\
             SlurmUser={user}\nSlurmdUser={user}\n\
             CommunicationParameters=NoCtldInAddrAny,NoInAddrAny\n\
             AuthType=auth/munge\nCryptoType=crypto/munge\n\
             AuthInfo=socket={dir}/run/munge.sock,cred_expire={expire}\n\
             StateSaveLocation={dir}/state\nSlurmdSpoolDir={dir}/spool/%n\n\
             SlurmctldPidFile={dir}/run/slurmctld.pid\nSlurmdPidFile={dir}/run/%n.pid\n\
             SlurmctldLogFile={dir}/log/slurmctld\nSlurmdLogFile={dir}/log/%n\n\
             ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nMpiDefault=none\nSwitchType=switch/none\n\
             SchedulerType=sched/backfill\nSelectType=select/cons_tres\nSelectTypeParameters=CR_CPU\n\
             SchedulerParameters=sched_min_interval=50000,sched_interval=1,bf_interval=1\n\
             ReturnToService=1\nSlurmdTimeout={silence}\nMessageTimeout={answer}\nSlurmctldTimeout=30\nKillWait=2\nMinJobAge=3600\n\
             JobAcctGatherType=jobacct_gather/none\nAccountingStorageType=accounting_storage/none\n\
             LaunchParameters=disable_send_gids\nMaxArraySize=1001\n{settings}\n",
            ports[0]
        );
        for (node, port) in ports.iter().enumerate().skip(1) {
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "NodeName=n{node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=2 RealMemory=2000 State=UNKNOWN"
            );
        }
        let _ = writeln!(
            text,
            "PartitionName=batch Nodes=n[1-{}] Default=YES MaxTime=INFINITE State=UP",
            self.nodes
        );
        text
    }

    fn munge_words(&self) -> Vec<String> {
        let option = |name: &str, file: &str| format!("--{name}={}", self.file(file).display());
        vec![
            "--foreground".to_owned(),
            // Its checks require the system's own directories; this one is private to the user anyway.
            "--force".to_owned(),
            "--num-threads=2".to_owned(),
            option("key-file", "munge.key"),
            option("socket", "run/munge.sock"),
            option("pid-file", "run/munged.pid"),
            option("log-file", "log/munged"),
            option("seed-file", "munge.seed"),
        ]
    }

    /// Starts the daemon of a node.
    fn start_node(&mut self, node: usize) -> io::Result<()> {
        let program = installed("slurmd").ok_or_else(|| io::Error::other("slurmd is not installed"))?;
        let name = format!("n{node}");
        self.spawn(&name, &program, &["-D".into(), "-N".into(), name.clone()])
    }

    /// Starts a daemon that ends with the thread that starts it, however that one ends.
    fn spawn(&mut self, name: &str, program: &Path, words: &[String]) -> io::Result<()> {
        let mut command = self.command("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program).args(words);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.daemons.insert(name.to_owned(), command.spawn()?);
        Ok(())
    }

    /// Processes of the cluster's jobs, or of those on one node, and the daemons that supervise them.
    fn processes(&self, node: Option<&str>) -> Vec<i32> {
        let conf = format!("SLURM_CONF={}", self.file("slurm.conf").display());
        let on_node = node.map(|name| format!("SLURMD_NODENAME={name}"));
        let wanted = |pid: &i32| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let entries: Vec<&[u8]> = environment.split(|byte| *byte == 0).collect();
            let has = |entry: &str| entries.contains(&entry.as_bytes());
            let of_job = entries.iter().any(|entry| entry.starts_with(b"SLURM_JOB_ID="));
            of_job && has(&conf) && on_node.as_deref().is_none_or(has)
        };
        let mut found: Vec<i32> = pids().into_iter().filter(wanted).collect();
        let steps: Vec<i32> =
            found.iter().filter_map(|pid| parent(*pid)).filter(|pid| is_step(*pid)).collect();
        found.extend(steps);
        found
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        for (_, mut daemon) in std::mem::take(&mut self.daemons) {
            // It may already have ended.
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        let deadline = Instant::now() + self.patience();
        loop {
            let left = self.processes(None);
            if left.is_empty() || Instant::now() > deadline {
                break;
            }
            signal_all(&left, Signal::KILL);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Number of processes that compete for each core now, at least 1: the factor by which the machine is slower than an
/// idle one.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a number from 1 to 8"
)]
fn slowness() -> u32 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: f64 = text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0.0);
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
    (load / cores).ceil().clamp(1.0, 8.0) as u32
}

/// Path of a program, in PATH or in the directories of daemons.
fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Free ports of 127.0.0.1.
fn free_ports(number: usize) -> io::Result<Vec<u16>> {
    let listeners: Vec<TcpListener> =
        (0..number).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<io::Result<_>>()?;
    listeners.iter().map(|listener| listener.local_addr().map(|address| address.port())).collect()
}

/// The value of `name=value` in a line that scontrol prints.
fn field(printed: &str, name: &str) -> Option<String> {
    let found = printed.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    found.map(str::to_owned)
}

fn pids() -> Vec<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn parent(pid: i32) -> Option<i32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}

fn is_step(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.starts_with("slurmstepd"))
}

fn signal_all(pids: &[i32], signal: Signal) {
    for pid in pids.iter().filter_map(|pid| Pid::from_raw(*pid)) {
        // It may already have ended.
        let _ = kill_process(pid, signal);
    }
}
