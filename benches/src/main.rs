//! Runs a benchmark and prints its table.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use arpent_benches::blocks;
use arpent_benches::network::Network;
use arpent_benches::published::Published;
use arpent_benches::step::Steps;
use arpent_benches::suites::Bench;
use arpent_benches::vectors::{self, VectorCase};
use arpent_vector::{CoverageRules, MappingUnits};
use clap::{Parser, Subcommand};

/// Benchmarks of Arpent: whole processes, medians.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    suite: Suite,
    /// The binary to measure.
    #[arg(long, global = true, default_value = "target/release/arpent")]
    arpent: String,
    /// A real scene of three 8-bit bands (scripts/fetch_demo.sh downloads one).
    #[arg(long, global = true, default_value = ".demo/yellowstone.tif")]
    scene: PathBuf,
    /// Measured runs of each case.
    #[arg(long, global = true, default_value_t = 5)]
    runs: usize,
}

#[derive(Debug, Subcommand)]
enum Suite {
    /// Time of each stage and of the whole job.
    Stages {
        /// Configuration of the job.
        #[arg(default_value = "configs/tree-health/run.toml")]
        config: PathBuf,
    },
    /// Peak memory by scene height and number of classes.
    Memory {
        /// Configuration of the job whose scene is enlarged.
        #[arg(default_value = "configs/tree-health/run.toml")]
        config: PathBuf,
    },
    /// Peak memory of a 25,000 x 25,000 px job with 19 classes.
    Large,
    /// A network alone: reads the commands `run`, `save PATH` and `quit` (from `benches/peers/speed.py`).
    Network {
        /// Model package.
        model: PathBuf,
        /// Side of the picture, pixels.
        #[arg(long, default_value_t = 512)]
        size: usize,
        /// Number of threads.
        #[arg(long, default_value_t = 2)]
        threads: usize,
        /// A picture, .npy of 1 x bands x size x size.
        #[arg(long)]
        input: Option<PathBuf>,
    },
    /// Regions of a file of labels (from `benches/peers/speed_vectors.py`), as JSON.
    Vectors {
        /// Labels, one byte each, row by row.
        labels: PathBuf,
        /// Number of columns.
        #[arg(long)]
        width: usize,
        /// Makes a coverage with this minimum mapping unit, pixels.
        #[arg(long)]
        mmu_px: Option<f64>,
        /// Tolerance of its borders, pixels.
        #[arg(long, default_value_t = 1.0)]
        tolerance_px: f64,
        /// Works in blocks of this side, pixels, a multiple of 512.
        #[arg(long)]
        block: Option<usize>,
    },
    /// Speed of the presets' networks and of shipped packages, a line of JSON each.
    Models {
        /// Folder with the shipped packages.
        #[arg(long, default_value = "models")]
        packages: PathBuf,
        /// Only models whose name contains this.
        #[arg(long)]
        only: Option<String>,
        /// Number of threads.
        #[arg(long, default_value_t = 2)]
        threads: usize,
    },
    /// Training steps: reads the commands `run` and `quit` (from `benches/peers/speed_step.py`).
    Step {
        /// Encoder of the trained U-Net.
        encoder: String,
        /// Chips in a step.
        #[arg(long, default_value_t = 4)]
        batch: usize,
        /// Side of a chip, pixels.
        #[arg(long, default_value_t = 256)]
        size: usize,
        /// Number of classes.
        #[arg(long, default_value_t = 19)]
        classes: usize,
        /// Number of threads.
        #[arg(long, default_value_t = 2)]
        threads: usize,
    },
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let scratch = tempfile::tempdir().context("no temporary folder")?;
    let bench =
        Bench { arpent: cli.arpent, scene: cli.scene, runs: cli.runs, scratch: scratch.path().to_owned() };
    let table = match cli.suite {
        Suite::Stages { config } => bench.stages(&config)?,
        Suite::Memory { config } => bench.memory(&config)?,
        Suite::Large => bench.large()?,
        Suite::Network { model, size, threads, input } => {
            let network = Network { model, size, threads, input };
            return network.serve(std::io::stdin().lock(), std::io::stdout().lock());
        }
        Suite::Vectors { labels, width, mmu_px, tolerance_px, block: Some(side) } => {
            let rules = |mmu_px| CoverageRules::new(MappingUnits::new(mmu_px)?, None, tolerance_px);
            let found = blocks::run(&labels, width, side, mmu_px.map(rules).transpose()?.as_ref())?;
            format!("{found}\n")
        }
        Suite::Vectors { labels, width, mmu_px, tolerance_px, block: None } => {
            let coverage = |mmu_px| VectorCase::Coverage { mmu_px, tolerance_px };
            let found = vectors::run(&labels, width, mmu_px.map_or(VectorCase::Regions, coverage))?;
            format!("{found}\n")
        }
        Suite::Models { packages, only, threads } => {
            let published = Published { packages, only, threads, runs: bench.runs };
            return published.measure(|speed| {
                writeln!(std::io::stdout(), "{}", serde_json::to_string(speed)?).context("cannot write")
            });
        }
        Suite::Step { encoder, batch, size, classes, threads } => {
            let steps = Steps { encoder, batch, size, classes, threads };
            return steps.serve(std::io::stdin().lock(), std::io::stdout().lock());
        }
    };
    std::io::stdout().write_all(table.as_bytes())?;
    Ok(())
}
