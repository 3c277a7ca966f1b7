//! Benchmark of the networks on a GPU and on the CPU; see README.md.

mod cpu;
mod gauge;
mod gpu;
mod lead;
mod lines;
mod nets;
mod plan;
mod report;
mod timing;
mod worker;

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write, stdin, stdout};
use std::path::PathBuf;
use std::process;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};

use crate::gauge::Gauge;
use crate::lead::Lead;
use crate::lines::{Line, Machine};
use crate::plan::Group;

/// Measures Arpent's networks on a GPU and on the CPU.
///
/// Each result is a JSON line on standard output and in OUT/gpu.jsonl as soon as it is there; a table follows at the end.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// What the whole run may take, seconds; it is shared out over the cases.
    #[arg(long, default_value_t = 300.0)]
    seconds: f64,
    /// Folder of the results.
    #[arg(long, default_value = "gpu-bench")]
    out: PathBuf,
    /// Devices: vulkan, cuda, cpu (the CPU engine), burn-cpu (Burn on the CPU).
    #[arg(long, value_delimiter = ',', default_values_t = ["vulkan", "cuda", "cpu"].map(String::from))]
    device: Vec<String>,
    /// Networks; without it all, and single operations (`bare`).
    #[arg(long, value_delimiter = ',')]
    network: Vec<String>,
    /// Prints the networks as JSON, for twin.py, and ends.
    #[arg(long)]
    describe: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prints the run file of results (JSON lines of this program and of twin.py).
    Report {
        /// Its heading: date and machine.
        #[arg(long)]
        title: String,
        /// Results.
        files: Vec<PathBuf>,
    },
    /// Answers questions on standard input (used by the program itself).
    #[command(hide = true)]
    Worker {
        /// The device.
        device: String,
        /// The network.
        network: String,
    },
}

fn main() -> Result<()> {
    let began = Instant::now();
    let cli = Cli::parse();
    match &cli.command {
        Some(Command::Worker { device, network }) => {
            worker::serve(device, network, stdin().lock(), stdout().lock())
        }
        Some(Command::Report { title, files }) => {
            let mut lines = Vec::new();
            for path in files {
                let text =
                    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
                lines.extend(report::parse(&text).with_context(|| path.display().to_string())?);
            }
            Ok(stdout().write_all(report::run_file(title, &lines).as_bytes())?)
        }
        None if cli.describe => {
            let text = serde_json::to_string(&nets::describe()?)?;
            Ok(writeln!(stdout(), "{text}")?)
        }
        None => run(&cli, began),
    }
}

fn run(cli: &Cli, began: Instant) -> Result<()> {
    ensure!(
        cli.seconds.is_finite() && cli.seconds > 0.0,
        "--seconds is {}, expected a number above 0\nhint: 60 for a short look, 300 for all networks",
        cli.seconds
    );
    let mut networks = cli.network.clone();
    if networks.is_empty() {
        networks = [nets::BARE].into_iter().chain(nets::names()).map(str::to_owned).collect();
    }
    for name in networks.iter().filter(|name| *name != nets::BARE) {
        nets::load(name)?;
    }
    fs::create_dir_all(&cli.out).with_context(|| format!("cannot make {}", cli.out.display()))?;
    let create = |name: &str| {
        let path = cli.out.join(name);
        File::create(&path).with_context(|| format!("cannot write {}", path.display()))
    };
    let mut results = create("gpu.jsonl")?;
    create("workers.log")?;
    // Each worker goes on behind what the others have written.
    let log = OpenOptions::new().append(true).open(cli.out.join("workers.log"))?;
    let mut all = Vec::new();
    let mut write = |line: &Line| {
        let text = serde_json::to_string(line)?;
        writeln!(results, "{text}").context("cannot write the results")?;
        results.flush()?;
        writeln!(stdout(), "{text}")?;
        all.push(line.clone());
        Ok(())
    };
    let machine = machine(cli.seconds);
    let threads = machine.threads;
    write(&Line::Machine(machine))?;
    let groups = plan::groups(&cli.device, &networks, threads);
    let program = std::env::current_exe().context("this program's own path")?;
    let command = |group: &Group| {
        let mut command = process::Command::new(&program);
        command.args(["worker", &group.device, &group.network]);
        command
    };
    Lead::new((began, cli.seconds), &command, log, &mut write).run(&groups)?;
    let table = report::tables(&all);
    create("table.md")?.write_all(table.as_bytes())?;
    Ok(stdout().write_all(table.as_bytes())?)
}

/// Description of the machine.
fn machine(seconds: f64) -> Machine {
    let read = |path: &str| {
        let mut text = String::new();
        File::open(path).and_then(|mut file| file.read_to_string(&mut text)).unwrap_or_default();
        text
    };
    let value = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key));
        line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
    };
    let memory = value(&read("/proc/meminfo"), "MemTotal").unwrap_or_default();
    let kilobytes: f64 = memory.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0.0);
    let (gpus, driver) = match Gauge::open() {
        Ok(gauge) => gauge.gpus(),
        Err(reason) => (vec![format!("none: {reason}")], None),
    };
    let features = [("wgpu", cfg!(feature = "wgpu")), ("vulkan", cfg!(feature = "vulkan"))]
        .into_iter()
        .chain([("cuda", cfg!(feature = "cuda")), ("tuned", cfg!(feature = "tuned"))]);
    let features: Vec<&str> = features.filter(|(_, on)| *on).map(|(name, _)| name).collect();
    Machine {
        cpu: value(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| std::env::consts::ARCH.into()),
        threads: rayon::current_num_threads(),
        instructions: arpent_engine::Options::default().isa.name().to_owned(),
        memory_gb: (kilobytes / 1e4).round() / 100.0,
        gpus,
        driver,
        build: format!(
            "arpent {} (commit {}), Burn {}, features {}",
            env!("CARGO_PKG_VERSION"),
            option_env!("ARPENT_COMMIT").unwrap_or("unknown"),
            arpent_model::BURN_VERSION,
            features.join(" ")
        ),
        seconds,
    }
}
