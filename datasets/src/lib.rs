//! Data sets: one adapter per layout, one card per set (`cards/<name>.toml`: license, source, bands, GSD, classes,
//! splits).
//!
//! A set is named in a configuration ([`SetConfig`]: folder, card, layout, splits) and opened as a [`Dataset`]: items
//! in splits and groups that are read one by one. [`audit`] looks through one for what is suspicious.
//!
//! ```toml
//! [[sets]]
//! layout = "image-mask"
//! path = "data/cracks"
//! card = "cards/cracks.toml"
//! split = { validation = 0.2, seed = 1, by = { pattern = "^flight[0-9]+" } }
//! masks = [{ folder = "masks", threshold = 128 }]
//! ```
//!
//! Adapters read files where their owners laid them out. They neither draw samples nor augment: that is training.

mod annotated;
mod audit;
mod card;
mod config;
mod dataset;
mod ellipse;
mod error;
mod files;
mod fingerprint;
mod folders;
mod labels;
mod layouts;
mod open;
mod orientation;
mod pixels;
mod remarks;
mod set;
mod splits;

pub use annotated::{AnnotatedScene, AnnotationPolygon, Drawn, look_at_scene};
pub use arpent_gdal::{InvalidGeometries, same_text};
pub use audit::{AuditReport, ClassAudit, Duplicate, Fault, Finding, FindingKind, LabelShift, audit};
pub use card::{Card, CardClass};
pub use config::SetConfig;
pub use dataset::{AnnotatedBox, Dataset, Example, Truth};
pub use ellipse::{ellipse_pixels, in_ellipse};
pub use error::DatasetError;
pub use fingerprint::fingerprint;
pub use folders::{ImageFolder, MaskFolder, ValueMap};
pub use labels::IGNORE;
pub use layouts::{
    AerialWaste, BoxesCsv, BoxesToLabels, ChangePairs, ClassFolders, Coco, Dota, Flair, FlairEdition,
    FlairGroup, FlairLists, ImageMask, LayoutConfig, PascalVoc, RasterPolygons, Rdd2022, SceneReader,
    WasteTarget, Yolo,
};
pub use remarks::{Asked, Declared, Remark, RemarkKind};
pub use splits::{Group, Split, SplitItem, SplitRule, read_table, read_unlabelled};
