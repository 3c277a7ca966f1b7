//! Hands the shards of a plan to whoever runs them: Slurm, Kubernetes, or processes of this machine.
//!
//! All engines keep one contract with the workers, who keep all state in the output: what a worker's exit code means is
//! said in `PERMANENT` and nowhere else. Nothing is submitted twice to any harm: a worker leaves what is done alone.

mod common;
mod env_file;
mod error;
mod kubernetes;
mod local;
mod slurm;

pub(crate) use common::Plan;
pub(crate) use error::SubmitError;
pub(crate) use {kubernetes::submit as kubernetes, local::submit as local, slurm::submit as slurm};
