//! Submits the shards of a plan to Slurm, to Kubernetes, or to processes of this machine.
//!
//! All executors rely on the same contract with the workers, which keep all state in the output: the meaning of a
//! worker's exit code is defined by `PERMANENT` only. A second submission is harmless: a worker skips pieces that are
//! done.

mod common;
mod env_file;
mod error;
mod kubernetes;
mod local;
mod slurm;

pub(crate) use common::Submission;
pub(crate) use error::SubmitError;
pub(crate) use {kubernetes::submit as kubernetes, local::submit as local, slurm::submit as slurm};
