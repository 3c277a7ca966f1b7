//! Arguments of the commands.

use std::path::PathBuf;
use std::time::Duration;

use arpent_base::{Readers, Share, Threads, WindowSide};
use arpent_job::{Budget, Machine, MaskClass};
use arpent_model::MeasuredValue;
use arpent_shell::install::InstallCommand;
use arpent_shell::log::LogArgs;
use arpent_shell::print::Format;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::change::ChangeCommand;
use crate::device::Device;
use crate::examples;
use crate::review::ReviewArgs;
use crate::submit::SubmitArgs;

/// Turns aerial and satellite imagery into vector maps that a named person can check and contest.
///
/// Exit codes: 0 all done, 1 some scenes failed or an output is damaged, 2 could not start or failed permanently, 3 stopped
/// at its budget, 75 try again.
#[derive(Debug, Parser)]
#[command(name = "arpent", version, propagate_version = true, max_term_width = 110)]
pub struct Cli {
    /// Command to run.
    #[command(subcommand)]
    pub command: Command,
    /// Format of the result on standard output.
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// Messages on standard error.
    #[command(flatten)]
    pub log: LogArgs,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Report what a run would do, from headers and a small sample of pixels; with --shards, write a plan for many
    /// workers.
    #[command(after_help = examples::PLAN)]
    Plan(PlanArgs),
    /// Read, predict, stitch, vectorize and publish.
    #[command(after_help = examples::RUN)]
    Run(RunArgs),
    /// Compute one shard of a plan.
    #[command(after_help = examples::WORKER)]
    Worker(WorkerArgs),
    /// Merge the shards of a plan and publish the result.
    #[command(after_help = examples::MERGE)]
    Merge(MergeArgs),
    /// Report the progress of a plan: shards done, running and failed; rate, time left, cost so far.
    #[command(after_help = examples::STATUS)]
    Status {
        /// A plan (OUTPUT/jobs/ID/plan.json), or an output for all its plans.
        url: String,
    },
    /// Submit the shards of a plan to Slurm, to Kubernetes, or to processes of this machine.
    ///
    /// Exit codes: 0 submitted (`local`: merged), 2 refused or failed permanently, 75 (`local`) unfinished: submit
    /// again.
    #[command(after_help = examples::SUBMIT)]
    Submit(Box<SubmitArgs>),
    /// Delete leftovers of interrupted publications and jobs below an output.
    #[command(after_help = examples::GC)]
    Gc(GcArgs),
    /// Area, share and mean score of each class of a published map per zone: parcels, communes, sections of road.
    #[command(after_help = examples::ZONAL)]
    Zonal(ZonalArgs),
    /// What became what between two dates: events with objects that keep their ids, flows, and a balance per zone.
    ///
    /// Two maps, or images of both dates without any model. `sample` and `estimate` give areas of change with an interval,
    /// from a sample that persons have checked.
    #[command(after_help = examples::CHANGE)]
    Change(ChangeArgs),
    /// Decisions of named persons about the features of a published map, which cannot be lost or altered unseen.
    #[command(after_help = examples::REVIEW)]
    Review(ReviewArgs),
    /// Describe a scene, a model package, the output of a run or a file of its features.
    #[command(after_help = examples::INSPECT)]
    Inspect {
        /// A scene, a model package's folder, the output of a run, or a file of features or zones that a run published.
        target: String,
    },
    /// Write the report of a published output again, with time and energy of its computation: one HTML file in English and
    /// French.
    ///
    /// `arpent run`, `arpent merge` and `arpent change` write one, too, as report.html, without time and energy: equal maps have
    /// equal reports.
    #[command(after_help = examples::REPORT)]
    Report {
        /// The output of a run or a comparison, in a folder or an object store.
        url: String,
        /// The file to write; by default the report goes to standard output.
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Write the energy of the computation instead, as a BoAmps record (Boavizta), JSON.
        #[arg(long)]
        boamps: bool,
        /// Country of the machine, for the record.
        #[arg(long, value_name = "NAME", requires = "boamps")]
        country: Option<String>,
    },
    /// Explain one feature or event to a person: which algorithm proposed it, of which data, by which rules and values, and how to
    /// contest it.
    ///
    /// The topics are those of the French code of relations between the public and the administration (articles R. 311-3-1-1 and
    /// R. 311-3-1-2). `--format html` is the default: one page in English and French; `--format json` has the same as data.
    #[command(after_help = examples::EXPLAIN)]
    Explain {
        /// The output of a run or a comparison, in a folder or an object store.
        url: String,
        /// The id of a feature or an event.
        feature: String,
        /// The file to write; by default the sheet goes to standard output.
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Hash every artifact of a run again and compare it with the manifest.
    #[command(alias = "verify", after_help = examples::CHECK)]
    Check {
        /// The output of a run.
        url: String,
    },
    /// Write a static STAC catalog of the outputs below an address, or bring it up to date.
    ///
    /// `catalog.json` and a collection for each task, with links to the items of the outputs. Run it again after outputs were
    /// published or replaced; the same outputs give the same bytes.
    #[command(after_help = examples::CATALOG)]
    Catalog(CatalogArgs),
    /// Report what of this machine and its environment a job would use, and what is missing: GDAL, PROJ, devices, the scratch
    /// folder, credentials.
    ///
    /// Exit codes: 0 ready, 1 something is missing that every job or one of the given outputs needs.
    #[command(after_help = examples::DOCTOR)]
    Doctor(DoctorArgs),
    /// Serve an output on the loopback address of this machine, to look at its page in a browser; until it is interrupted.
    #[command(after_help = examples::VIEW)]
    View {
        /// The output of a run or a comparison, in a folder or an object store.
        url: String,
        /// Port; any free one by default.
        #[arg(long, default_value_t = 0, hide_default_value = true)]
        port: u16,
    },
    /// Print the JSON schema of the configuration of a run, of zonal statistics or of a comparison of two dates, or of a model
    /// package's model.json.
    #[command(after_help = examples::SCHEMA)]
    Schema {
        /// Document that the schema describes.
        #[arg(value_enum, default_value_t = SchemaOf::Run)]
        of: SchemaOf,
    },
    /// Make model packages of networks trained elsewhere.
    #[command(after_help = examples::MODEL)]
    Model {
        /// Command to run.
        #[command(subcommand)]
        command: ModelCommand,
    },
    /// Train a network: runs `arpent-train` with the same arguments.
    #[command(disable_help_flag = true, after_help = examples::TRAIN)]
    Train {
        /// Arguments for `arpent-train`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// For those who build packages.
    #[command(flatten)]
    Install(InstallCommand),
}

/// What `arpent doctor` looks at beside the machine.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// Outputs that jobs would write to: each must answer with the credentials of the environment, and a folder must be
    /// writable. Nothing is written to object stores.
    #[arg(value_name = "URL")]
    pub urls: Vec<String>,
    /// Folder of temporary files, as `compute.scratch`; by default that of the system.
    #[arg(long, value_name = "DIR")]
    pub scratch: Option<PathBuf>,
}

/// Documents with a JSON schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// The configuration of a run.
    Run,
    /// The `model.json` of a model package.
    Model,
    /// The configuration of zonal statistics.
    Zonal,
    /// The configuration of a comparison of two dates.
    Change,
}

/// Inputs and settings of a job.
#[derive(Debug, Clone, Args)]
pub struct JobArgs {
    /// Configuration of the run (TOML); not needed with --model and defaults.
    pub config: Option<PathBuf>,
    /// Scenes: files, globs, folders, VRTs, http(s), s3, gs or az URLs, folders (with a slash at the end) and globs of
    /// buckets, STAC items or item collections; `@list.txt` names a list of them, one per line. May be repeated.
    #[arg(long, value_name = "URI", num_args = 1..)]
    pub scene: Vec<String>,
    /// A scene of the earlier date, in the same forms, for a model that compares two dates; `--scene` is then of the
    /// later date. May be repeated.
    #[arg(long, value_name = "URI", num_args = 1..)]
    pub before: Vec<String>,
    /// Date of acquisition: 2021, 2021-07, 2021-07-14 or 2021-07-14T10:30:00Z. With two dates, the later one.
    #[arg(long, value_name = "DATE", value_parser = acquired)]
    pub acquired: Option<String>,
    /// Folder of the model package.
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// Area of interest: a file with polygons, in any CRS; `FILE|layername=NAME` names a layer of several.
    #[arg(long, value_name = "FILE")]
    pub aoi: Option<String>,
    /// What was not observed, such as clouds and their shadows: a file with polygons, a raster of classes, the output of a run,
    /// or a model package (or the configuration of a run, TOML) that makes such a map of the scenes first. May be repeated.
    #[arg(long, value_name = "LAYER|MODEL")]
    pub mask: Vec<String>,
    /// Classes of the masks that are masked, by name or value, separated by commas; by default those of clouds and shadows by
    /// their name, or of values without names all but 0 and nodata.
    #[arg(long, value_name = "CLASSES", value_delimiter = ',')]
    pub mask_classes: Vec<MaskClass>,
    /// Where to publish: a folder or an s3 URL.
    #[arg(long, value_name = "URL")]
    pub output: Option<String>,
    /// Make one map per grid, each in its own folder, when the scenes differ in CRS or GSD.
    #[arg(long)]
    pub group_by_crs: bool,
    /// Side of a window's core, pixels. Affects memory and speed, never the result.
    #[arg(long, value_name = "PIXELS")]
    pub window: Option<WindowSide>,
    /// Threads of the network; all cores by default. Never affects the result.
    #[arg(long, value_name = "N")]
    pub threads: Option<Threads>,
    /// Device to predict on.
    #[arg(long, value_enum)]
    pub device: Option<Device>,
}

/// A job and its division into shards.
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// The job.
    #[command(flatten)]
    pub job: JobArgs,
    /// Write a plan with N shards below the output; `auto` chooses the number by the area.
    #[arg(long, value_name = "N|auto")]
    pub shards: Option<Shards>,
    /// Let the merge replace the output of an earlier run, once the new one is complete.
    #[arg(long, requires = "shards")]
    pub overwrite: bool,
    /// Run the whole job in a few places of its area for about this time (20s by default), and predict hours, energy and bytes
    /// from that. Nothing is published.
    #[arg(
        long,
        value_name = "TIME",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "20s",
        value_parser = humantime::parse_duration,
        conflicts_with = "rates"
    )]
    pub probe: Option<Duration>,
    /// Predict from what earlier jobs took: a file of rates, or the output of a job. By default the jobs of this kind in
    /// arpent/rates.jsonl of the user's cache folder (ARPENT_RATES names another file, or `off`).
    #[arg(long, value_name = "FILE|OUTPUT")]
    pub rates: Option<String>,
    /// Prices, carbon intensity and further numbers of the place where the job runs (TOML), each with its source and year.
    #[arg(long, value_name = "FILE")]
    pub cost: Option<PathBuf>,
}

/// What a command may take.
#[derive(Debug, Clone, Args)]
pub struct LimitArgs {
    /// Stop at a piece before the command has taken this: a time (30min, 2h), an energy (500Wh) or money (10EUR, with --cost).
    /// May be repeated. Computed pieces are kept: the same command goes on where it stopped. Exit code 3.
    #[arg(long, value_name = "LIMIT")]
    pub budget: Vec<Budget>,
    /// Prices, carbon intensity and further numbers of the place where the job runs (TOML), each with its source and year.
    #[arg(long, value_name = "FILE")]
    pub cost: Option<PathBuf>,
}

/// A number of shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shards {
    /// A number that suits the area.
    Auto,
    /// This number.
    Number(usize),
}

impl Shards {
    /// The number; `None` for one that suits the area.
    pub fn number(self) -> Option<usize> {
        match self {
            Self::Auto => None,
            Self::Number(shards) => Some(shards),
        }
    }
}

impl std::str::FromStr for Shards {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            number => number.parse().map(Self::Number).map_err(|_| "expected a number or `auto`".to_owned()),
        }
    }
}

/// A shard to compute.
#[derive(Debug, Clone, Args)]
pub struct WorkerArgs {
    /// The plan: OUTPUT/jobs/ID/plan.json, as `arpent plan --shards` or `arpent change --shards` prints it.
    #[arg(long, value_name = "URL")]
    pub plan: String,
    /// Number of the shard, from 0.
    #[arg(long, value_name = "I")]
    pub index: usize,
    /// What it may take.
    #[command(flatten)]
    pub limits: LimitArgs,
    /// The machine.
    #[command(flatten)]
    pub machine: MachineArgs,
}

/// A plan to merge.
#[derive(Debug, Clone, Args)]
pub struct MergeArgs {
    /// The plan: OUTPUT/jobs/ID/plan.json, as `arpent plan --shards` or `arpent change --shards` prints it.
    #[arg(long, value_name = "URL")]
    pub plan: String,
    /// Prices, carbon intensity and further numbers of the place where the job runs (TOML), for the ledger in the manifest.
    #[arg(long, value_name = "FILE")]
    pub cost: Option<PathBuf>,
    /// The machine.
    #[command(flatten)]
    pub machine: MachineArgs,
}

/// Leftovers to delete.
#[derive(Debug, Clone, Args)]
pub struct GcArgs {
    /// The output.
    pub url: String,
    /// Delete only what has not been written to for this long: 7d, 12h, 30min. A running job writes more often.
    #[arg(long, value_name = "AGE", value_parser = humantime::parse_duration)]
    pub older_than: Duration,
    /// Only list what would be deleted.
    #[arg(long)]
    pub dry_run: bool,
}

/// Outputs to list in a catalog.
#[derive(Debug, Clone, Args)]
pub struct CatalogArgs {
    /// The folder or prefix that holds the outputs, at any depth.
    pub url: String,
    /// Title of the catalog; by default that it has, or `Maps`.
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
}

/// Resources of a machine. None of them affects the result.
#[derive(Debug, Clone, Args)]
pub struct MachineArgs {
    /// Threads of the network; all cores by default.
    #[arg(long, value_name = "N")]
    pub threads: Option<Threads>,
    /// Threads that read windows ahead of the network.
    #[arg(long, value_name = "N")]
    pub readers: Option<Readers>,
    /// Memory limit, MB.
    #[arg(long, value_name = "MB")]
    pub memory_limit_mb: Option<usize>,
    /// Device to predict on; that of the plan by default.
    #[arg(long, value_enum)]
    pub device: Option<Device>,
}

/// A job and how to run it.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// The job.
    #[command(flatten)]
    pub job: JobArgs,
    /// Replace the output of an earlier run, once the new one is complete.
    #[arg(long)]
    pub overwrite: bool,
    /// What it may take.
    #[command(flatten)]
    pub limits: LimitArgs,
}

/// A map, zones and the output.
#[derive(Debug, Clone, Args)]
pub struct ZonalArgs {
    /// Configuration of the zonal statistics (TOML).
    pub config: PathBuf,
    /// The map: the output of a run, a folder or an s3 URL.
    #[arg(long, value_name = "URL")]
    pub map: Option<String>,
    /// The zones: a file with polygons, or with lines for roads, in any CRS.
    #[arg(long, value_name = "FILE")]
    pub zones: Option<String>,
    /// Where to publish: a folder or an s3 URL.
    #[arg(long, value_name = "URL")]
    pub output: Option<String>,
    /// Replace earlier results, once the new ones are complete.
    #[arg(long)]
    pub overwrite: bool,
}

/// Two dates and the output.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct ChangeArgs {
    /// Command on the results of a comparison.
    #[command(subcommand)]
    pub command: Option<ChangeCommand>,
    /// Configuration of the comparison (TOML); a file named `sample` or `estimate` is written `./sample`.
    #[arg(required = true)]
    pub config: Option<PathBuf>,
    /// The earlier date: a map (the output of a run, or a label raster), or images.
    #[arg(long, value_name = "MAP|SCENE", num_args = 1..)]
    pub before: Vec<String>,
    /// The later date, in the same forms.
    #[arg(long, value_name = "MAP|SCENE", num_args = 1..)]
    pub after: Vec<String>,
    /// What was not observed at the earlier date, such as clouds: polygons, a raster of classes, or a map.
    #[arg(long, value_name = "LAYER")]
    pub mask_before: Option<String>,
    /// What was not observed at the later date.
    #[arg(long, value_name = "LAYER")]
    pub mask_after: Option<String>,
    /// Classes of these masks that are masked, by name or value, separated by commas; by default those of clouds and shadows by their name.
    #[arg(long, value_name = "CLASSES", value_delimiter = ',')]
    pub mask_classes: Vec<MaskClass>,
    /// The comparison whose later map is the earlier one of this: objects keep their ids.
    #[arg(long, value_name = "URL")]
    pub previous: Option<String>,
    /// Where to publish: a folder or an s3 URL.
    #[arg(long, value_name = "URL")]
    pub output: Option<String>,
    /// Write a plan with N shards below the output instead, for `arpent worker`, `arpent merge` and `arpent submit`; `auto`
    /// chooses the number by the area.
    #[arg(long, value_name = "N|auto")]
    pub shards: Option<Shards>,
    /// Replace earlier results, once the new ones are complete.
    #[arg(long)]
    pub overwrite: bool,
}

/// The commands of `arpent model`.
#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// Make a package of a checkpoint (safetensors, an ONNX file, or a PyTorch file, which is parsed and never executed), or of the
    /// graph of an ONNX file.
    Import(Box<ImportArgs>),
    /// List the published networks that can be imported by name, with what they need and where their files are found.
    List(ListArgs),
    /// Measure on a scene how many labels change with the margin around a core, and keep the smallest that is enough.
    ///
    /// A network with a bounded receptive field is compared with itself at its full overlap. Where the window is part of
    /// the model, its labels are compared with those of the lattice moved by half a core.
    #[command(after_help = examples::MODEL_PROBE)]
    Probe(ProbeArgs),
    /// Write a package as a STAC item with the Machine Learning Model extension, to stdout.
    ///
    /// Paths in it are relative to the folder of the package. `--like` of `arpent model import` reads such items.
    Item(ItemArgs),
}

/// Which presets to list.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Presets; all by default.
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
}

/// The package that becomes an item.
#[derive(Debug, Clone, Args)]
pub struct ItemArgs {
    /// Folder of the package.
    #[arg(value_name = "PACKAGE")]
    pub package: PathBuf,
}

/// A package, and scenes to measure on.
#[derive(Debug, Clone, Args)]
pub struct ProbeArgs {
    /// Folder of the package, or the configuration of a run with it (.toml), whose bands and scenes are taken.
    #[arg(value_name = "PACKAGE|CONFIG")]
    pub package: PathBuf,
    /// Scenes: files, folders, patterns, URLs; those of the configuration by default.
    #[arg(long, value_name = "SCENE", num_args = 1..)]
    pub scene: Vec<String>,
    /// Pixels of cores to predict for each margin, about.
    #[arg(long, value_name = "N", default_value_t = 4_000_000)]
    pub pixels: u64,
    /// Accepted share of labels that differ, 0 to 1.
    #[arg(long, value_name = "SHARE", default_value = "0.001", value_parser = share)]
    pub disagreement: Share,
    /// Write the smallest margin that is enough, with its disagreement, into the package and its card.
    #[arg(long)]
    pub write: bool,
}

/// A checkpoint, and properties that it does not contain.
#[derive(Debug, Clone, Args)]
pub struct ImportArgs {
    /// The checkpoint (.safetensors, .onnx, .pt2, .pt, .pth, .ckpt, .bin).
    pub checkpoint: PathBuf,
    /// unet-resnet18, -resnet34, -resnet50, -mobilenet-v2, -efficientnet-lite0, -efficientnet-b0 to -b7 or -mit-b0 to -b5,
    /// with the decoder of segmentation_models_pytorch; fpn- with the same encoders; deeplabv3plus- with the ResNets;
    /// upernet- (version 0.4) or upernet5- (0.5 and later) with -convnextv2-tiny, -convnextv2-base or -swin-tiny to
    /// -swin-large; segformer-b0 to -b5; retinanet-resnet50 (boxes). That of --like by default. Without both, the graph of an
    /// ONNX file is taken as it stands, and run by another engine.
    #[arg(long, value_name = "NAME")]
    pub architecture: Option<String>,
    /// Number of classes; as many as the checkpoint has by default.
    #[arg(long, value_name = "N")]
    pub classes: Option<usize>,
    /// Names of the bands in the order of the network, separated by commas: red,green,blue,nir,elevation.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub bands: Option<Vec<String>>,
    /// Published weights, a name of `arpent model list`, or a STAC item of the model (.json): defines architecture, bands,
    /// scaling, GSD, classes, license and window, as far as it states them.
    #[arg(long, value_name = "NAME|ITEM")]
    pub like: Option<String>,
    /// For a network that gives measured values and no classes: the value of each output, in order, with its unit after a
    /// colon: height:m,biomass:t/ha.
    #[arg(long, value_name = "NAME:UNIT", value_delimiter = ',', conflicts_with = "classes")]
    pub values: Option<Vec<MeasuredValue>>,
    /// Id of the package; the name of its folder by default.
    #[arg(long)]
    pub id: Option<String>,
    /// License of the weights (SPDX).
    #[arg(long, alias = "licence")]
    pub license: Option<String>,
    /// Overlap to read around a window's core, if less than the receptive field is enough.
    #[arg(long, value_name = "PIXELS", requires = "overlap_because")]
    pub overlap: Option<usize>,
    /// Why that is enough: the measured change of the predictions.
    #[arg(long, value_name = "TEXT")]
    pub overlap_because: Option<String>,
    /// Side of the window of a network that looks at the whole window; that of --like by default.
    #[arg(long, value_name = "PIXELS", requires = "margin")]
    pub window: Option<usize>,
    /// Pixels of that window on each side that are not kept.
    #[arg(long, value_name = "PIXELS", requires = "window")]
    pub margin: Option<usize>,
    /// For scenes that do not declare their scale: what their stored values are multiplied by to give those of --like
    /// (0.0001 where 10000 is a reflectance of 1). The package then takes stored values.
    #[arg(long, value_name = "FACTOR", requires = "like")]
    pub stored_scale: Option<f32>,
    /// Folder of the package.
    #[arg(long, value_name = "DIR")]
    pub output: PathBuf,
}

/// A share from 0 to 1.
fn share(text: &str) -> Result<Share, String> {
    let value: f64 = text.parse().map_err(|_| "expected a number from 0 to 1".to_owned())?;
    Share::new(value).map_err(|error| error.to_string())
}

/// A date of acquisition.
fn acquired(text: &str) -> Result<String, String> {
    let expected = "expected a date: 2021, 2021-07, 2021-07-14 or 2021-07-14T10:30:00Z";
    arpent_job::normalized_date(text).ok_or_else(|| expected.to_owned())
}

impl From<&MachineArgs> for Machine {
    fn from(args: &MachineArgs) -> Self {
        Self {
            threads: args.threads,
            readers: args.readers,
            memory_limit_mb: args.memory_limit_mb,
            device: args.device.map(Into::into),
        }
    }
}
