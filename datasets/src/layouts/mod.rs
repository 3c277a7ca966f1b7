//! One file per layout: where pictures and truth lie, and how they are written.

mod boxes;
mod boxes_csv;
mod boxes_to_labels;
mod change_pairs;
mod class_folders;
mod coco;
mod dota;
mod flair;
mod image_mask;
mod layout;
mod marks;
mod names;
mod pascal_voc;
mod raster_polygons;
mod rdd2022;
mod yolo;

use std::path::Path;

use arpent_raster::ReadAs;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Card, DatasetError};

pub use boxes_csv::BoxesCsv;
pub use boxes_to_labels::BoxesToLabels;
pub use change_pairs::ChangePairs;
pub use class_folders::ClassFolders;
pub use coco::{AerialWaste, Coco, WasteTarget};
pub use dota::Dota;
pub use flair::{Flair, FlairEdition, FlairGroup, FlairLists};
pub use image_mask::ImageMask;
pub(crate) use layout::{Layout, Listed};
pub use pascal_voc::PascalVoc;
pub use raster_polygons::{RasterPolygons, SceneReader};
pub(crate) use raster_polygons::{polygon_item, scene_in};
pub use rdd2022::Rdd2022;
pub use yolo::Yolo;

/// How a data set is laid out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "layout", rename_all = "kebab-case")]
pub enum LayoutConfig {
    /// Pictures and label rasters in folders.
    ImageMask(ImageMask),
    /// IGN's FLAIR-1 and FLAIR-HUB.
    Flair(Flair),
    /// Boxes in COCO's JSON.
    Coco(Coco),
    /// AerialWaste's JSON: classes of whole pictures.
    Aerialwaste(AerialWaste),
    /// Boxes in YOLO's text files.
    Yolo(Yolo),
    /// Boxes with a direction in DOTA's text files.
    Dota(Dota),
    /// Boxes in Pascal VOC's XML files.
    PascalVoc(PascalVoc),
    /// Boxes in CSV tables, as DeepForest writes them.
    BoxesCsv(BoxesCsv),
    /// RDD2022: Pascal VOC in one folder per country.
    Rdd2022(Rdd2022),
    /// Two dates and a label raster in folders.
    ChangePairs(ChangePairs),
    /// A scene and polygons with a class.
    RasterPolygons(RasterPolygons),
    /// One folder per class.
    ClassFolders(ClassFolders),
    /// A picture with boxes and marks, made into labels.
    BoxesToLabels(BoxesToLabels),
}

impl LayoutConfig {
    /// Looks for the items.
    pub(crate) fn find(
        &self,
        root: &Path,
        card: &Card,
        values: ReadAs,
    ) -> Result<Box<dyn Layout>, DatasetError> {
        Ok(match self {
            Self::ImageMask(options) => Box::new(image_mask::find(options, root, card)?),
            Self::Flair(options) => Box::new(flair::find(options, root, card)?),
            Self::Coco(options) => Box::new(coco::find(options, root, card)?),
            Self::Aerialwaste(options) => Box::new(coco::find_waste(options, root, card)?),
            Self::Yolo(options) => Box::new(yolo::find(options, root, card)?),
            Self::Dota(options) => Box::new(dota::find(options, root, card)?),
            Self::PascalVoc(options) => Box::new(pascal_voc::find(options, root, card)?),
            Self::BoxesCsv(options) => Box::new(boxes_csv::find(options, root, card)?),
            Self::Rdd2022(options) => Box::new(rdd2022::find(options, root, card)?),
            Self::ChangePairs(options) => Box::new(change_pairs::find(options, root, card)?),
            Self::RasterPolygons(options) => Box::new(raster_polygons::find(options, root, card, values)?),
            Self::ClassFolders(options) => Box::new(class_folders::find(options, root, card)?),
            Self::BoxesToLabels(options) => Box::new(boxes_to_labels::find(options, root, card)?),
        })
    }
}
