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
    /// How whole numbers of the scene were quantized, as in power=2,scale=1/127.5: the network learns sign(x) |x|^power with x =
    /// stored * scale + offset, also when the package runs. power is 0.5, 1, 2 or 3.
    #[arg(long, value_name = "KEY=NUMBER,...", value_parser = quantized, requires = "labels", conflicts_with = "unit")]
    pub(super) dequantize: Option<Quantized>,
    /// The network: a small U-Net, or one that looks at single pixels, a weighted sum of the bands for each class. The latter is enough for
    /// embeddings, needs few labels, and trains in seconds.
    #[arg(long, value_name = "NAME", value_enum, default_value_t, requires = "labels")]
    pub(super) network: NetworkKind,
    /// What to do with polygons that are not valid: repair and count them, or refuse the layer.
    #[arg(long, value_name = "WHAT", value_parser = ["repair", "refuse"], default_value = "repair", requires = "labels")]
    pub(super) invalid: String,
    /// License (SPDX) under which imagery, polygons and weights may be redistributed; without it the weights are not exported.
    #[arg(long, alias = "licence", value_name = "SPDX", requires = "labels")]
    pub(super) license: Option<String>,
}

/// Networks of a training on polygons.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum NetworkKind {
    /// A U-Net of a size that fits the polygons.
    #[default]
    Unet,
    /// A weighted sum of the bands of a pixel for each class.
    Linear,
}

/// The numbers of `model.dequantize`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Quantized {
    pub(super) scale: f64,
    pub(super) offset: f64,
    pub(super) power: f64,
}

/// Parses `power=2,scale=1/127.5`; a number may be a quotient of two.
fn quantized(text: &str) -> Result<Quantized, String> {
    let mut all = Quantized { scale: 1.0, offset: 0.0, power: 1.0 };
    for part in text.split(',') {
        let (key, value) = part.split_once('=').ok_or_else(|| format!("`{part}` is not KEY=NUMBER"))?;
        let number = number(value.trim()).ok_or_else(|| format!("`{value}` is not a number"))?;
        match key.trim() {
            "scale" => all.scale = number,
            "offset" => all.offset = number,
            "power" => all.power = number,
            other => return Err(format!("`{other}` is not scale, offset or power")),
        }
    }
    Ok(all)
}

fn number(text: &str) -> Option<f64> {
    let (above, below) = text.split_once('/').unwrap_or((text, "1"));
    let number = above.trim().parse::<f64>().ok()? / below.trim().parse::<f64>().ok()?;
    number.is_finite().then_some(number)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_quantization_are_parsed() {
        let found = quantized("power=2, scale = 1/127.5").unwrap();
        assert_eq!(found, Quantized { scale: 1.0 / 127.5, offset: 0.0, power: 2.0 });
        assert_eq!(quantized("offset=-1e-1").unwrap(), Quantized { scale: 1.0, offset: -0.1, power: 1.0 });
        for (text, told) in [
            ("2", "`2` is not KEY=NUMBER"),
            ("power=two", "`two` is not a number"),
            ("scale=1/0", "`1/0` is not a number"),
            ("gamma=2", "`gamma` is not scale, offset or power"),
        ] {
            assert_eq!(quantized(text), Err(told.to_owned()));
        }
    }
}
