//! Command-line options for polygons.

use arpent_base::{Count, Threads};
use std::path::PathBuf;

use arpent_datasets::InvalidGeometries;

/// Options of a training on polygons.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Instead of CONFIG: polygons over a scene")]
pub(crate) struct DrawnArgs {
    /// Polygons with a class each, drawn over --scene (GeoPackage, GeoJSON, shapefile, ...; any CRS). Pixels outside of
    /// them are unknown. The file may be followed by |option:ENCODING=NAME and |crs=EPSG:CODE. A configuration is written into the output's `run` folder.
    #[arg(long, value_name = "FILE", requires_all = ["scene", "class_field", "output"])]
    #[arg(conflicts_with_all = ["config", "data"])]
    pub(crate) labels: Option<PathBuf>,
    /// The scene under the polygons; repeated for several of the same bands. A polygon belongs to every scene that it
    /// lies on.
    #[arg(long, value_name = "FILE", requires = "labels")]
    pub(super) scene: Vec<PathBuf>,
    /// Field with the class.
    #[arg(long, value_name = "NAME", requires = "labels")]
    pub(super) class_field: Option<String>,
    /// Layer of the polygons; the only one with polygons without it.
    #[arg(long, value_name = "NAME", requires = "labels")]
    pub(super) layer: Option<String>,
    /// Values of the field to learn, in this order; all without it.
    #[arg(long, value_name = "A,B", value_delimiter = ',', requires = "labels")]
    pub(super) classes: Vec<String>,
    /// Names of the scene's bands, in its order, where the file does not contain them. A band flagged as alpha is data
    /// if it is named, too.
    #[arg(long, value_name = "A,B", value_delimiter = ',', requires = "labels")]
    pub(super) bands: Vec<String>,
    /// Class of pixels outside of the polygons; unknown by default.
    #[arg(long, value_name = "NAME", requires = "labels")]
    pub(super) background: Option<String>,
    /// Field with the color of the class: #rrggbb, or red,green,blue.
    #[arg(long, value_name = "NAME", requires = "labels")]
    pub(super) color_field: Option<String>,
    /// Colors of classes, as in water=#0072b2,forest=#009e73.
    #[arg(long, value_name = "CLASS=#RRGGBB", value_delimiter = ',', requires = "labels")]
    pub(super) colors: Vec<String>,
    /// Unit of the values that are learned, as reflectance or kelvin, where the scenes declare a scale and an offset: they are
    /// applied, also when the package runs. Without it, values are learned as they are stored.
    #[arg(long, value_name = "UNIT", requires = "labels")]
    pub(super) unit: Option<String>,
    /// What to do with polygons that are not valid: repair and count them, or refuse the layer.
    #[arg(long, value_name = "WHAT", value_parser = ["repair", "refuse"], default_value = "repair", requires = "labels")]
    pub(super) invalid: String,
    /// License (SPDX) under which imagery, polygons and weights may be redistributed; without it the weights are not exported.
    #[arg(long, alias = "licence", value_name = "SPDX", requires = "labels")]
    pub(super) license: Option<String>,
}

impl DrawnArgs {
    pub(super) fn invalid(&self) -> InvalidGeometries {
        if self.invalid == "refuse" { InvalidGeometries::Refuse } else { InvalidGeometries::Repair }
    }
}

/// Command-line options of the optimization.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Budget {
    pub(crate) seed: Option<u64>,
    pub(crate) epochs: Option<Count>,
    pub(crate) threads: Option<Threads>,
}
