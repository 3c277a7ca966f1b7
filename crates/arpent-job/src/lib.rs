//! From a configuration to a published map.
//!
//! A configuration ([`Config`]) is resolved into a [`Job`]: everything that can be refused has been, then. [`run`] computes its
//! windows, keeps their answers by pieces, stitches and vectorises them into temporary files, and publishes what came out with
//! its manifest last. With [`write_plan`], [`work`] and [`merge`] the same is many processes' work. [`zonal`] measures a published
//! map inside zones of others.

mod config;
mod error;
mod execute;
mod hint;
mod job;
mod map;
mod pipeline;
mod reference;
mod scratch;
mod shards;
mod stores;
mod wanted;
mod warnings;
mod zonal;

pub use config::*;
pub use error::JobError;
pub use execute::*;
pub use job::{
    BEFORE, FailedScene, Job, MapJob, Overlap, UsableScene, check_date, describe_bands, describe_validity,
    mpx_per_s,
};
pub use map::{PublishedFile, PublishedMap, may_be_a_layer, mlm, published_file};
pub use scratch::Scratch;
pub use shards::*;
pub use stores::set_up_gdal;
pub use warnings::warn;
pub use zonal::{ZonalError, ZonalReport, zonal};
