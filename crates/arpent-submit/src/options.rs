//! Options of a submission.

use std::num::NonZeroU32;
use std::path::PathBuf;

use crate::words::{Line, Mebibytes, SbatchOption, VariableNames, Word};

/// How a plan is submitted.
#[derive(Debug, Clone)]
pub struct SubmitOptions {
    /// What runs the workers.
    pub executor: Executor,
    /// Submit nothing, and return what would be submitted.
    pub dry_run: bool,
    /// Shards that run at the same time; by default 1 with [`Executor::Local`], else as many as the cluster starts.
    pub parallel: Option<NonZeroU32>,
    /// Retries of a shard after an exit code that is not permanent.
    pub retries: u32,
    /// Threads of each worker; by default one for each of its cores.
    pub threads: Option<NonZeroU32>,
    /// Device to predict on, as `arpent worker --device` takes it.
    pub device: Option<String>,
    /// Path of arpent on the machines of the workers; by default this program, in pods that of the image.
    pub program: Option<Line>,
}

impl SubmitOptions {
    /// The defaults for an executor: five retries, and all else as the executor decides.
    pub fn new(executor: Executor) -> Self {
        Self {
            executor,
            dry_run: false,
            parallel: None,
            retries: Self::RETRIES,
            threads: None,
            device: None,
            program: None,
        }
    }

    /// Retries by default.
    pub const RETRIES: u32 = 5;
}

/// What runs the workers.
#[derive(Debug, Clone)]
pub enum Executor {
    /// Processes of this machine.
    Local,
    /// A job array, and a merge that depends on it.
    Slurm(SlurmOptions),
    /// An Indexed Job, and a Job for the merge.
    Kubernetes(KubernetesOptions),
}

/// Resources of each worker on a cluster.
#[derive(Debug, Clone, Default)]
pub struct Resources {
    /// Cores of each worker.
    pub cpu: Option<NonZeroU32>,
    /// Memory of each worker, and of the merge.
    pub memory: Option<Mebibytes>,
    /// GPUs of each worker; the merge gets none.
    pub gpu: Option<NonZeroU32>,
}

/// Options for Slurm.
#[derive(Debug, Clone, Default)]
pub struct SlurmOptions {
    /// Resources of each worker; by default those of the cluster.
    pub resources: Resources,
    /// Time limit of each worker and of the merge, as Slurm writes it.
    pub time: Option<Word>,
    /// Partition.
    pub partition: Option<Word>,
    /// Account to charge.
    pub account: Option<Word>,
    /// Folder of the logs, which must exist on the nodes; by default the current one.
    pub logs: Option<PathBuf>,
    /// Environment variables to export to the jobs; by default all of them.
    pub export: Option<VariableNames>,
    /// A file on the nodes with NAME=VALUE lines that the jobs read, and never execute.
    pub env_file: Option<PathBuf>,
    /// Further options for sbatch.
    pub sbatch: Vec<SbatchOption>,
    /// Further options for sbatch for the merge only, added after the others.
    pub merge_sbatch: Vec<SbatchOption>,
}

/// Options for Kubernetes.
#[derive(Debug, Clone, Default)]
pub struct KubernetesOptions {
    /// Resources of each worker; by default 2 cores and 4 GiB.
    pub resources: Resources,
    /// Image of the containers; required.
    pub image: Option<Word>,
    /// Namespace; by default that of kubectl's context.
    pub namespace: Option<Word>,
    /// A Secret whose entries become environment variables.
    pub secret: Option<Word>,
    /// Service account of the pods.
    pub service_account: Option<Word>,
    /// Scratch space of each pod; 10 GiB by default.
    pub scratch: Option<Mebibytes>,
    /// Shards that may fail permanently before the others are stopped; 0 by default.
    pub max_failed: Option<u32>,
    /// Time that the merge waits for the shards before it fails, hours; 168 by default.
    pub merge_wait_hours: Option<NonZeroU32>,
}
