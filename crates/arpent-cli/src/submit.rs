//! Arguments of `arpent submit`.

use std::error::Error;
use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;

use arpent_base::Diagnostic;
use arpent_submit::{
    KubernetesOptions, Line, Mebibytes, Resources, SbatchOption, SlurmOptions, SubmitOptions, VariableNames,
    Word,
};
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::device::Device;

/// A plan and the executor that runs it.
#[derive(Debug, Clone, Args)]
pub struct SubmitArgs {
    /// The plan: OUTPUT/jobs/ID/plan.json, as `arpent plan --shards` prints it.
    #[arg(long, value_name = "URL")]
    pub plan: String,
    /// Executor that runs the workers.
    #[arg(long, alias = "engine", value_enum)]
    pub executor: Executor,
    /// Print what would be submitted, and submit nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Shards that run at the same time; by default 1 with `local`, else as many as the cluster starts.
    #[arg(long, value_name = "N")]
    pub parallel: Option<NonZeroU32>,
    /// Retries of a shard whose worker ends with 75, is killed, or loses its machine.
    #[arg(long, value_name = "N", default_value_t = SubmitOptions::RETRIES)]
    pub retries: u32,
    /// Threads of each worker; by default one for each of its cores.
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroU32>,
    /// Device to predict on.
    #[arg(long, value_enum)]
    pub device: Option<Device>,
    /// Path of arpent on the machines of the workers; by default that of this program, in pods that of the image.
    #[arg(long, value_name = "PATH")]
    pub program: Option<Line>,
    /// Resources of each worker.
    #[command(flatten)]
    pub resources: ResourceArgs,
    /// Options for Slurm.
    #[command(flatten)]
    pub slurm: SlurmArgs,
    /// Options for Kubernetes.
    #[command(flatten)]
    pub kubernetes: KubernetesArgs,
}

/// Executors that run workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Executor {
    /// Processes of this machine, started at once.
    Local,
    /// A job array, and a merge that depends on it.
    Slurm,
    /// An Indexed Job, and a Job for the merge.
    Kubernetes,
}

/// Resources of each worker on a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Slurm and Kubernetes")]
pub struct ResourceArgs {
    /// Cores of each worker.
    #[arg(long, value_name = "N")]
    pub cpu: Option<NonZeroU32>,
    /// Memory of each worker, and of the merge: 8G, 800M (binary units).
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<Mebibytes>,
    /// GPUs of each worker; the merge gets none.
    #[arg(long, value_name = "N")]
    pub gpu: Option<NonZeroU32>,
}

/// Options for Slurm.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Slurm")]
pub struct SlurmArgs {
    /// Time limit of each worker and of the merge, as Slurm writes it: 4:00:00. A worker gets SIGTERM 60 s before.
    #[arg(long, value_name = "TIME")]
    pub time: Option<Word>,
    /// Partition.
    #[arg(long, value_name = "NAME")]
    pub partition: Option<Word>,
    /// Account to charge.
    #[arg(long, value_name = "NAME")]
    pub account: Option<Word>,
    /// Folder of the logs, which must exist on the nodes; by default the current one.
    #[arg(long, value_name = "DIR")]
    pub logs: Option<PathBuf>,
    /// Names of the environment variables to export to the jobs, separated by commas; by default all of them.
    #[arg(long, value_name = "NAMES")]
    pub export: Option<VariableNames>,
    /// A file on the nodes with NAME=VALUE lines that the jobs read: the place for secrets. It is read as text and
    /// never executed: a value is all that follows the =, without a pair of quotes around it; # begins a comment line.
    #[arg(long, value_name = "PATH")]
    pub env_file: Option<PathBuf>,
    /// Further option for sbatch, such as --sbatch=--qos=low. May be repeated.
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    pub sbatch: Vec<SbatchOption>,
    /// Further option for sbatch for the merge only, added after the others: --merge-sbatch=--mem=64G. May be repeated.
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    pub merge_sbatch: Vec<SbatchOption>,
}

/// Options for Kubernetes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Kubernetes")]
pub struct KubernetesArgs {
    /// Image of the containers.
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<Word>,
    /// Namespace; by default that of kubectl's context.
    #[arg(long, value_name = "NAME")]
    pub namespace: Option<Word>,
    /// A Secret whose entries become environment variables.
    #[arg(long, value_name = "NAME")]
    pub secret: Option<Word>,
    /// Service account of the pods.
    #[arg(long, value_name = "NAME")]
    pub service_account: Option<Word>,
    /// Scratch space of each pod; 10G by default.
    #[arg(long, value_name = "SIZE")]
    pub scratch: Option<Mebibytes>,
    /// Shards that may fail permanently before the others are stopped; 0 by default.
    #[arg(long, value_name = "N")]
    pub max_failed: Option<u32>,
    /// Time that the merge waits for the shards before it fails, hours; 168 by default.
    #[arg(long, value_name = "N")]
    pub merge_wait_hours: Option<NonZeroU32>,
}

impl SubmitArgs {
    /// The options of the executor that is asked for.
    ///
    /// # Errors
    /// [`OtherExecutor`] for options that would have no effect.
    pub fn options(&self) -> Result<SubmitOptions, OtherExecutor> {
        self.check_executor()?;
        let executor = match self.executor {
            Executor::Local => arpent_submit::Executor::Local,
            Executor::Slurm => arpent_submit::Executor::Slurm(self.slurm_options()),
            Executor::Kubernetes => arpent_submit::Executor::Kubernetes(self.kubernetes_options()),
        };
        let device = self.device.and_then(|device| device.to_possible_value());
        Ok(SubmitOptions {
            executor,
            dry_run: self.dry_run,
            parallel: self.parallel,
            retries: self.retries,
            threads: self.threads,
            device: device.map(|device| device.get_name().to_owned()),
            program: self.program.clone(),
        })
    }

    fn check_executor(&self) -> Result<(), OtherExecutor> {
        let executor = self.executor;
        let is_cluster = executor != Executor::Local;
        let given = [
            (self.slurm != SlurmArgs::default(), executor == Executor::Slurm, "Slurm"),
            (self.kubernetes != KubernetesArgs::default(), executor == Executor::Kubernetes, "Kubernetes"),
            (self.resources != ResourceArgs::default(), is_cluster, "Slurm and Kubernetes"),
        ];
        let other = given.into_iter().find(|(given, fits, _)| *given && !fits);
        other.map_or(Ok(()), |(_, _, others)| Err(OtherExecutor { executor, others }))
    }

    fn resources(&self) -> Resources {
        let ResourceArgs { cpu, memory, gpu } = self.resources;
        Resources { cpu, memory, gpu }
    }

    fn slurm_options(&self) -> SlurmOptions {
        let SlurmArgs { time, partition, account, logs, export, env_file, sbatch, merge_sbatch } =
            self.slurm.clone();
        let resources = self.resources();
        SlurmOptions { resources, time, partition, account, logs, export, env_file, sbatch, merge_sbatch }
    }

    fn kubernetes_options(&self) -> KubernetesOptions {
        let KubernetesArgs {
            image,
            namespace,
            secret,
            service_account,
            scratch,
            max_failed,
            merge_wait_hours,
        } = self.kubernetes.clone();
        let resources = self.resources();
        KubernetesOptions {
            resources,
            image,
            namespace,
            secret,
            service_account,
            scratch,
            max_failed,
            merge_wait_hours,
        }
    }
}

/// Options of an executor that is not the one asked for.
#[derive(Debug)]
pub struct OtherExecutor {
    executor: Executor,
    others: &'static str,
}

impl fmt::Display for OtherExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let executor = match self.executor {
            Executor::Local => "local",
            Executor::Slurm => "slurm",
            Executor::Kubernetes => "kubernetes",
        };
        write!(f, "--executor {executor} does not take the options for {}", self.others)
    }
}

impl Error for OtherExecutor {}

impl Diagnostic for OtherExecutor {
    fn hint(&self) -> Option<String> {
        Some("leave them out, or choose another --executor; see `arpent submit --help`".to_owned())
    }
}
