//! Arguments of `arpent submit`.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::device::Device;

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
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub retries: u32,
    /// Threads of each worker; by default one for each of its cores.
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroU32>,
    /// Device to predict on.
    #[arg(long, value_enum)]
    pub device: Option<Device>,
    /// Path of arpent on the machines of the workers; by default that of this program, in pods that of the image.
    #[arg(long, value_name = "PATH", value_parser = line)]
    pub program: Option<String>,
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
    #[arg(long, value_name = "TIME", value_parser = word)]
    pub time: Option<String>,
    /// Partition.
    #[arg(long, value_name = "NAME", value_parser = word)]
    pub partition: Option<String>,
    /// Account to charge.
    #[arg(long, value_name = "NAME", value_parser = word)]
    pub account: Option<String>,
    /// Folder of the logs, which must exist on the nodes; by default the current one.
    #[arg(long, value_name = "DIR")]
    pub logs: Option<PathBuf>,
    /// Names of the environment variables to export to the jobs, separated by commas; by default all of them.
    #[arg(long, value_name = "NAMES", value_parser = names)]
    pub export: Option<String>,
    /// A file on the nodes with NAME=VALUE lines that the jobs read: the place for secrets. It is read as text and
    /// never executed: a value is all that follows the =, without a pair of quotes around it; # begins a comment line.
    #[arg(long, value_name = "PATH")]
    pub env_file: Option<PathBuf>,
    /// Further option for sbatch, such as --sbatch=--qos=low. May be repeated.
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true, value_parser = option)]
    pub sbatch: Vec<String>,
    /// Further option for sbatch for the merge only, added after the others: --merge-sbatch=--mem=64G. May be repeated.
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true, value_parser = option)]
    pub merge_sbatch: Vec<String>,
}

/// Options for Kubernetes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Kubernetes")]
pub struct KubernetesArgs {
    /// Image of the containers.
    #[arg(long, value_name = "IMAGE", value_parser = word)]
    pub image: Option<String>,
    /// Namespace; by default that of kubectl's context.
    #[arg(long, value_name = "NAME", value_parser = word)]
    pub namespace: Option<String>,
    /// A Secret whose entries become environment variables.
    #[arg(long, value_name = "NAME", value_parser = word)]
    pub secret: Option<String>,
    /// Service account of the pods.
    #[arg(long, value_name = "NAME", value_parser = word)]
    pub service_account: Option<String>,
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

/// A size, in mebibytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mebibytes(pub u64);

impl FromStr for Mebibytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("`{text}` is not a size; write 8G or 800M");
        let text = text.strip_suffix('i').unwrap_or(text);
        let (number, factor) = match (text.strip_suffix('M'), text.strip_suffix('G')) {
            (Some(number), _) => (number, 1),
            (_, Some(number)) => (number, 1024),
            _ => return Err(expected()),
        };
        let size = number.parse::<u64>().ok().and_then(|n| n.checked_mul(factor)).filter(|n| *n > 0);
        size.map(Self).ok_or_else(expected)
    }
}

/// A name that needs no quoting in a shell, in YAML or in JSON.
fn word(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/@,+".contains(c);
    let fine = !text.is_empty() && !text.starts_with('-') && text.chars().all(plain);
    fine.then(|| text.to_owned()).ok_or_else(|| "letters, digits and -_.:/@,+ are expected".to_owned())
}

/// A text of one line.
fn line(text: &str) -> Result<String, String> {
    let fine = !text.is_empty() && !text.contains(char::is_control);
    fine.then(|| text.to_owned()).ok_or_else(|| "one line of text is expected".to_owned())
}

/// An option for sbatch: a second line would be a line of the script.
fn option(text: &str) -> Result<String, String> {
    let text = line(text)?;
    let fine = text.starts_with('-');
    fine.then_some(text).ok_or_else(|| "an option of sbatch is expected, such as --qos=low".to_owned())
}

/// Names of variables. Values are refused: the script would contain them.
fn names(text: &str) -> Result<String, String> {
    let is_name =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let fine = text.split(',').all(is_name);
    let expected = "names of variables are expected, without values; those come from the environment";
    fine.then(|| text.to_owned()).ok_or_else(|| expected.to_owned())
}

impl Executor {
    /// Name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Slurm => "slurm",
            Self::Kubernetes => "kubernetes",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_binary() {
        assert_eq!("8G".parse(), Ok(Mebibytes(8192)));
        assert_eq!("8Gi".parse(), Ok(Mebibytes(8192)));
        assert_eq!("800M".parse(), Ok(Mebibytes(800)));
        for bad in
            ["8", "0G", "G", "-1G", "8T", "1.5G", "99999999999999999999G", "18446744073709551615G", "i", ""]
        {
            assert!(bad.parse::<Mebibytes>().is_err(), "{bad}");
        }
    }

    #[test]
    fn nothing_gets_into_a_script_that_is_not_an_option() {
        assert!(option("--qos=low").is_ok());
        for bad in ["qos=low", "--qos=low\nrm -rf x", "", "--a\r--b"] {
            assert!(option(bad).is_err(), "{bad:?}");
        }
        for bad in ["a b", "a\nb", "", "--x", "a'b", "$(x)"] {
            assert!(word(bad).is_err(), "{bad:?}");
        }
        assert!(word("registry.example/arpent:0.1@sha256:00").is_ok());
        assert!(names("PATH,AWS_REGION").is_ok() && names("ALL").is_ok());
        for bad in ["AWS_SECRET_ACCESS_KEY=abc", "A,", "", "A B"] {
            assert!(names(bad).is_err(), "{bad:?}");
        }
    }
}
