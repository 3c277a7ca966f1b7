//! Submits the shards of a plan to Slurm, to Kubernetes, or to processes of this machine.
//!
//! All executors rely on the same contract with the workers, which keep all state in the output: the meaning of a
//! worker's exit code is defined by `PERMANENT` only. A second submission is harmless: a worker skips pieces that are
//! done.
//!
//! ```
//! use arpent_submit::{Executor, SlurmOptions, SubmitOptions, Submission, submit};
//!
//! let plan = Submission {
//!     url: "s3://maps/town/jobs/5e9f0a3c7b21d486/plan.json".to_owned(),
//!     id: "5e9f0a3c7b21d486".to_owned(),
//!     shards: 64,
//! };
//! let slurm = SlurmOptions { partition: Some("batch".parse()?), ..SlurmOptions::default() };
//! let program = Some("/opt/arpent".parse()?);
//! let dry = SubmitOptions { dry_run: true, program, ..SubmitOptions::new(Executor::Slurm(slurm)) };
//! let scripts = submit(&plan, &dry).expect("nothing is submitted").text;
//! assert!(scripts.contains("#SBATCH --array=0-63\n"));
//! assert!(scripts.contains("#SBATCH --partition=batch\n"));
//!
//! // What would change a script is refused.
//! assert!("batch\nrm".parse::<arpent_submit::Word>().is_err());
//! # Ok::<(), String>(())
//! ```

mod common;
mod env_file;
mod error;
mod kubernetes;
mod local;
mod options;
mod slurm;
mod words;

pub use common::{Outcome, Submission};
pub use error::SubmitError;
pub use options::{Executor, KubernetesOptions, Resources, SlurmOptions, SubmitOptions};
pub use words::{Line, Mebibytes, SbatchOption, VariableNames, Word};

/// Submits a plan; with `dry_run`, returns what would be submitted. With [`Executor::Local`] it returns when the map is
/// merged, or cannot be.
///
/// # Errors
/// [`SubmitError`].
pub fn submit(submission: &Submission, options: &SubmitOptions) -> Result<Outcome, SubmitError> {
    match &options.executor {
        Executor::Local => local::submit(options, submission),
        Executor::Slurm(slurm) => slurm::submit(options, slurm, submission),
        Executor::Kubernetes(kubernetes) => kubernetes::submit(options, kubernetes, submission),
    }
}
