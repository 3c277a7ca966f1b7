//! Scenes: named, opened and described, laid into mosaics, read.
//!
//! In the order of the work: what the user names becomes sources (`resolve`, `stac`, `source`); each is opened (`open`, `side_files`)
//! and described (`describe`, with `bands`, `scaling`, `placement`, `item`, `jpeg2000`); scenes of one grid make a mosaic (`mosaic`), of
//! which windows are read (`reader`, `dates`). What a pixel is, is decided in `raster`, by `mask`, `coverage` and `nodata`, and by
//! `collar` where that is asked for.

mod band_names;
mod bands;
mod block;
mod collar;
mod coverage;
mod dates;
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

pub use band_names::common_name;
pub use dates::DatesReader;
pub use describe::open_scene;
pub use look::{CollarColor, CollarFound, Look, look};
pub use mosaic::{Mosaic, group_scenes, mosaic_in_order, unite_grids};
pub(crate) use open::{check_complete, open_raster, open_with_side_files};
pub use picture::{LabelFacts, Misplaced, count_bands, label_facts, misplaced, read_labels, read_picture};
pub use published::PublishedRaster;
pub use reader::MosaicReader;
pub use resample::resampled;
pub use resolve::resolve_scenes;
pub use sample::{BandSample, Sample, sample};
pub use shared_blocks::SharedBlocks;
pub(crate) use side_files::sibling;
pub use source::{ItemScaling, SceneProjection, SceneSource};
pub use stac::parse as parse_stac;
