//! Errors of masks, with hints.

use arpent_base::Diagnostic;
use arpent_base::config::Key;
use thiserror::Error;

/// A mask that cannot be used. Addresses are shown without secrets.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MaskError {
    /// Neither a layer, nor a raster, nor a map, nor a model.
    #[error("{mask} is no mask: it is a folder without manifest.json and model.json")]
    NoMask {
        /// The folder.
        mask: String,
    },
    /// Options of a mask of another kind.
    #[error("{mask} is {kind}, and has no {option}")]
    WrongOption {
        /// The mask.
        mask: String,
        /// What it is: `a vector layer`, `a raster`, ...
        kind: &'static str,
        /// The option: `classes`, ...
        option: &'static str,
    },
    /// Classes that no mask of the job can have.
    #[error("`classes` have no effect: every mask of the job is a vector layer")]
    NoClasses,
    /// A class that a mask does not have.
    #[error("{mask} has no class `{class}`; it has {available}")]
    UnknownClass {
        /// The mask.
        mask: String,
        /// The class.
        class: String,
        /// Its classes, with their values.
        available: String,
    },
    /// A name of a class of a raster without names.
    #[error("{mask} does not name its classes, and `{class}` is no value from 0 to 255")]
    UnnamedClasses {
        /// The mask.
        mask: String,
        /// The class.
        class: String,
    },
    /// A mask of which no class is one of clouds or shadows by its name.
    #[error("no class of {mask} is one of clouds or shadows by its name; it has {available}")]
    NoCloudClass {
        /// The mask.
        mask: String,
        /// Its classes, with their values.
        available: String,
    },
    /// A raster of which neither classes nor nodata are known.
    #[error("{mask} declares no nodata value and names no classes: which of its values mask is not known")]
    NoNodata {
        /// The mask.
        mask: String,
    },
    /// A raster of several bands, or not of bytes.
    #[error("{mask}: expected a raster of one band of bytes, found {found}")]
    NotClasses {
        /// The mask.
        mask: String,
        /// What was found.
        found: String,
        /// Whether another type of samples is the only difference.
        is_type: bool,
    },
    /// A raster in another CRS than the scenes.
    #[error("{mask} is in {crs}, and the scenes are in {scenes}")]
    OtherCrs {
        /// The mask.
        mask: String,
        /// Its CRS.
        crs: String,
        /// The CRS of the scenes.
        scenes: String,
    },
    /// A raster beside the scenes.
    #[error("{mask} does not touch the map: in {crs}, it lies within {found}, the map within {extent}")]
    Apart {
        /// The mask.
        mask: String,
        /// The CRS.
        crs: String,
        /// Box of the mask, printed.
        found: String,
        /// Box of the map, printed.
        extent: String,
    },
    /// A map without a raster of its classes.
    #[error("the map {mask} has no raster of its classes")]
    NoRaster {
        /// The map.
        mask: String,
    },
    /// A vector layer without polygons.
    #[error("{mask} has no feature with a polygon")]
    NoPolygons {
        /// The layer.
        mask: String,
    },
    /// More reasons than a raster has values.
    #[error("the masks have {found} reasons, and at most {most} are possible")]
    TooManyReasons {
        /// Their number.
        found: usize,
        /// The largest number.
        most: usize,
    },
    /// The output would replace the mask, or contains it.
    #[error("the mask {mask} is a part of the output {output}, which would replace it")]
    IsOutput {
        /// The mask.
        mask: String,
        /// The output.
        output: String,
    },
    /// The map of a model was not made.
    #[error("the map of the mask {mask} is not made yet")]
    NotMade {
        /// The model, or the configuration of its run.
        mask: String,
    },
    /// A model as the mask of a plan for several processes.
    #[error("the mask {mask} is a model: a plan needs its map")]
    ModelInShards {
        /// The model, or the configuration of its run.
        mask: String,
    },
    /// A model as the mask of several maps.
    #[error("the mask {mask} is a model, and the scenes lie on {grids} grids")]
    SeveralGrids {
        /// The model, or the configuration of its run.
        mask: String,
        /// Number of grids.
        grids: usize,
    },
    /// A model that finds boxes.
    #[error("the mask {mask} is a model that finds boxes, and a mask needs a class of every pixel")]
    FindsBoxes {
        /// The model.
        mask: String,
    },
    /// A model of measured values.
    #[error("the model {mask} gives measured values, and a mask is made of classes")]
    GivesValues {
        /// The model.
        mask: String,
    },
    /// The configuration of a mask has masks itself.
    #[error("the configuration {mask} of a mask has masks of its own")]
    MaskOfMask {
        /// The configuration.
        mask: String,
    },
}

impl Diagnostic for MaskError {
    fn key(&self) -> Option<Key> {
        Some(match self {
            Self::UnknownClass { .. }
            | Self::UnnamedClasses { .. }
            | Self::NoCloudClass { .. }
            | Self::NoClasses => "mask.classes".into(),
            Self::IsOutput { .. } => "output".into(),
            _ => "mask.layers".into(),
        })
    }

    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NoMask { .. } => {
                "name a file with polygons, a raster of classes, the output of a run, or the folder of a model package"
            }
            Self::WrongOption { option: "classes", .. } => {
                "remove `classes`, or name the features that mask by `field` and `values`"
            }
            Self::WrongOption { .. } => "remove it, and name what masks by `classes`",
            Self::NoClasses => {
                "remove `classes` under [mask], or name the features that mask by `field` and `values`"
            }
            Self::UnknownClass { .. } | Self::NoCloudClass { .. } => {
                "name the classes that mask with --mask-classes, or as `classes` under [mask], by name or value"
            }
            Self::UnnamedClasses { .. } => "name the values that mask, such as --mask-classes 1,2",
            Self::NoNodata { .. } => {
                "name the values that mask with --mask-classes, or as `classes` under [mask], for example classes = [1]; or declare the value of pixels without data"
            }
            Self::NotClasses { is_type: true, .. } => {
                "if its values are whole numbers from 0 to 255: gdal_translate -ot Byte IN.tif OUT.tif"
            }
            Self::NotClasses { .. } => {
                "take the band with the classes out: gdal_translate -b BAND IN.tif OUT.tif"
            }
            Self::OtherCrs { scenes, .. } if scenes.starts_with("EPSG:") => {
                return Some(format!(
                    "warp it without mixing values: gdalwarp -r near -t_srs {scenes} IN.tif OUT.tif"
                ));
            }
            Self::OtherCrs { .. } => "warp it to the CRS of the scenes, by the nearest pixel",
            Self::Apart { .. } => {
                "check that it is the mask of these scenes, and its CRS: `gdalinfo FILE` prints both"
            }
            Self::NoRaster { .. } => {
                "make the map with a model that labels every pixel, and with its rasters (`labels` and `map` under [rasters], as by default)"
            }
            Self::NoPolygons { .. } => {
                "remove the mask if nothing is to be masked, or check the file: ogrinfo -so -al FILE"
            }
            Self::TooManyReasons { .. } => "set one `reason` for each mask",
            Self::IsOutput { .. } => "choose another --output, or copy the mask to another folder",
            Self::NotMade { .. } | Self::ModelInShards { .. } => {
                "make its map first, a job of its own that may have shards too, and name the output of that job as the mask"
            }
            Self::SeveralGrids { .. } => {
                "make one map for each grid in runs of their own, each with the mask; or mask with vector layers, which fit every grid"
            }
            Self::FindsBoxes { .. } | Self::GivesValues { .. } => "choose a model that labels every pixel",
            Self::MaskOfMask { .. } => "remove [mask] from that configuration",
        };
        Some(text.to_owned())
    }
}
