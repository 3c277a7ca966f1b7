//! Arguments of the commands on the results of `arpent change`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::examples;

/// The commands of `arpent change`.
#[derive(Debug, Clone, Subcommand)]
pub enum ChangeCommand {
    /// Draw a sample of events and of the ground outside of them, for persons to check.
    ///
    /// The strata are the classes of the events by the score (below 0.6, 0.6 to 0.8, above 0.8, none), the ground beside
    /// events and the stable ground. The draw depends on the seed and the ids alone; a larger sample of the same seed contains
    /// the smaller one.
    #[command(after_help = examples::CHANGE_SAMPLE)]
    Sample(SampleArgs),
    /// Estimate areas and accuracies with their 95 % intervals from samples that persons have checked.
    #[command(after_help = examples::CHANGE_ESTIMATE)]
    Estimate(EstimateArgs),
}

/// A comparison, and the sample to draw.
#[derive(Debug, Clone, Args)]
pub struct SampleArgs {
    /// The comparison: the output of `arpent change`.
    #[arg(value_name = "CHANGE")]
    pub change: String,
    /// Folder of the sample.
    #[arg(long, value_name = "FOLDER")]
    pub output: PathBuf,
    /// Units to draw; 500 by default, or more where the minima of the strata need it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub size: Option<u64>,
    /// Smallest number of units of a stratum, or all it has.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(2..=1_000_000))]
    pub minimum: u64,
    /// Seed of the draw.
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub seed: u64,
    /// Side of the cells of ground, meters.
    #[arg(long, value_name = "METERS", default_value_t = 50.0)]
    pub cell_m: f64,
    /// Layer with polygons: zones with 30 units or more get estimates of their own.
    #[arg(long, value_name = "LAYER")]
    pub zones: Option<String>,
    /// Field of the layer with the ids of the zones; by default their number in the layer.
    #[arg(long, value_name = "FIELD", requires = "zones")]
    pub zone_id: Option<String>,
    /// Write into a folder that is not empty; a sample with verdicts is never replaced.
    #[arg(long)]
    pub overwrite: bool,
}

/// Samples that persons have checked.
#[derive(Debug, Clone, Args)]
pub struct EstimateArgs {
    /// Folders of a sample, or its filled tables (CSV, GeoPackage), of one person or several.
    #[arg(value_name = "SAMPLE", required = true)]
    pub samples: Vec<PathBuf>,
    /// The comparison; checks that the sample is of it.
    #[arg(long, value_name = "CHANGE")]
    pub change: Option<String>,
    /// Folder for estimate.csv and estimate.json.
    #[arg(long, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
    /// Write into a folder that is not empty.
    #[arg(long)]
    pub overwrite: bool,
}
