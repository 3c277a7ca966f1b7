//! Read, predict, stitch, vectorize: each stage owns its threads, with bounded queues between.
//!
//! Readers (`compute.readers` threads, each with its own GDAL handles) take the windows in plan order and send
//! chips; predictors, one for each of `compute.threads` as far as memory allows, predict them on a pool of as many threads:
//! a window uses one thread, unless others are idle. Only the number of the next window and two flags are shared.
//! The [`MapAssembler`] takes the predictions: it stitches strips and traces polygons, while threads of each strip's own write its rows.

mod assemble;
mod dissimilarity;
mod features;
mod hidden;
mod origin;
mod stages;
mod timing;

pub(crate) use assemble::{AssembledMap, MapAssembler};
pub(crate) use stages::{PipelineError, PipelineResources, run};
pub(crate) use timing::{Clock, seconds};
