//! Scenes: resolving, opening, describing, mosaicking, reading.
//!
//! In the order of processing: inputs of the user become sources (`resolve`, `stac`, `source`); each is opened (`open`,
//! `side_files`) and described (`describe`, with `bands`, `scaling`, `placement`, `item`, `decoders`); scenes of one
//! grid form a mosaic (`mosaic`), which is read in windows (`reader`, `dates`). `raster` decides which pixels are
//! valid, with `mask`, `coverage` and `nodata`, and `collar` if enabled.

mod band_names;
mod bands;
mod block;
mod collar;
mod coverage;
mod dates;
mod decoders;
mod describe;
mod item;
mod jpeg2000;
mod layers;
mod look;
mod mask;
mod memory;
mod mosaic;
mod nodata;
mod open;
mod picture;
mod placement;
mod published;
mod published_values;
mod raster;
mod reader;
mod resample;
mod resolve;
mod sample;
mod scaling;
mod shared_blocks;
mod side_files;
mod source;
mod stac;
mod vrt_layout;
mod warped;

pub use band_names::common_name;
pub use dates::DatesReader;
pub use describe::open_scene;
pub use look::{CollarColor, CollarFound, Look, look};
pub use mosaic::{Mosaic, group_scenes, mosaic_in_order, unite_grids};
pub(crate) use open::{check_complete, open_raster, open_with_side_files};
pub use picture::{LabelFacts, Misplaced, count_bands, label_facts, misplaced, read_labels, read_picture};
pub use published::PublishedRaster;
pub use published_values::{PublishedValues, ValueOverview};
pub use reader::MosaicReader;
pub use resample::resampled;
pub use resolve::resolve_scenes;
pub use sample::{BandSample, Convert, Sample, sample};
pub use shared_blocks::SharedBlocks;
pub(crate) use side_files::sibling;
pub use source::{ItemScaling, SceneProjection, SceneSource};
pub use stac::parse as parse_stac;
