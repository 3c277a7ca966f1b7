//! Errors of zonal statistics, with hints.

use arpent_base::Diagnostic;
use arpent_base::config::Key;
use thiserror::Error;

/// Zonal statistics that cannot be started, or cannot be finished.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ZonalError {
    /// No map was named.
    #[error("no map was named")]
    NoMap,
    /// No zones were named.
    #[error("no zones were named")]
    NoZones,
    /// No output was named.
    #[error("no output was named")]
    NoOutput,
    /// The results would replace their own map.
    #[error("{output} is the map itself")]
    OutputIsMap {
        /// The output.
        output: String,
    },
    /// Classes of a map of measured values.
    #[error("`{key}` names classes, and the map {map} has measured values and no classes")]
    NoClasses {
        /// The key of the configuration.
        key: &'static str,
        /// The map.
        map: String,
    },
    /// A map without label raster.
    #[error("the map {map} has no label raster")]
    NoLabels {
        /// The map.
        map: String,
    },
    /// A file instead of the output of a run.
    #[error("{map} is a file; --map takes the output of a run")]
    MapIsFile {
        /// The file.
        map: String,
        /// The output that contains it, if known.
        output: Option<String>,
    },
    /// A map without the raster of its features.
    #[error(
        "the features of the map {map} differ from its label raster, and the map has no raster of the published classes"
    )]
    NoMapRaster {
        /// The map.
        map: String,
        /// Whether the label raster (the prediction) was published.
        has_labels: bool,
    },
    /// Zonal statistics instead of a map.
    #[error("{map} contains zonal statistics; --map takes a map")]
    MapIsZonal {
        /// The output.
        map: String,
        /// Their map, if known.
        of: Option<String>,
    },
    /// Two rasters of one map on different pixels.
    #[error("the rasters of the map {map} do not lie on the same pixels")]
    RastersDiffer {
        /// The map.
        map: String,
    },
    /// A class that the map does not have.
    #[error("{key}: the map has no class `{class}`; it has {available}")]
    UnknownClass {
        /// Key of the configuration that names it.
        key: &'static str,
        /// The class.
        class: String,
        /// The map's classes.
        available: String,
    },
    /// A layer without features.
    #[error("{zones}: the layer has no features")]
    NoFeatures {
        /// The file.
        zones: String,
    },
    /// Zones that all lie outside of the map.
    #[error(
        "no zone of {zones} touches the map {map}: in {crs}, the zones lie within {found}, the map within {extent}"
    )]
    NoneInside {
        /// The file.
        zones: String,
        /// The map.
        map: String,
        /// CRS of the map.
        crs: String,
        /// Box of the zones, printed.
        found: String,
        /// Box of the map, printed.
        extent: String,
    },
    /// A feature with the wrong kind of geometry.
    #[error("{zones}: feature {feature} consists of {found}, expected {expected}")]
    WrongShape {
        /// The file.
        zones: String,
        /// Number of the feature, from 1.
        feature: u64,
        /// `lines` or `polygons`.
        found: &'static str,
        /// The other kind.
        expected: &'static str,
    },
    /// A width that is missing or not valid.
    #[error(
        "{zones}: feature {feature} has {found} in the field `{field}`, expected a width in meters, more than 0"
    )]
    Width {
        /// The file.
        zones: String,
        /// Number of the feature, from 1.
        feature: u64,
        /// The field.
        field: String,
        /// Its value.
        found: String,
    },
    /// Widths in a CRS whose scale varies.
    #[error("[roads]: the scale of the map's CRS, {crs}, varies, and widths in it are not valid")]
    RoadsCrs {
        /// CRS of the map.
        crs: String,
    },
}

impl Diagnostic for ZonalError {
    fn key(&self) -> Option<Key> {
        match self {
            Self::NoClasses { key, .. } => Some(Key::from(*key)),
            Self::UnknownClass { key, class, .. } => Some(Key::from(*key).then(class)),
            Self::RoadsCrs { .. } => Some("roads".into()),
            _ => None,
        }
    }

    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NoMap => "name the output of a run with --map, or under `map` in the configuration",
            Self::NoZones => {
                "name a file with polygons or lines with --zones, or under `zones` in the configuration"
            }
            Self::NoOutput => {
                "name a folder or an s3 URL with --output, or under `output` in the configuration"
            }
            Self::OutputIsMap { .. } => "choose another --output: --overwrite would delete the map",
            Self::NoLabels { .. } => {
                "run again with `labels = true` under [rasters]; of measured values ask for statistics with `values`, or run again with `breaks` under [values]; \
                 a model that finds boxes has no labels"
            }
            Self::MapIsFile { output: Some(output), .. } => {
                return Some(format!("name the folder of its run: --map {output}"));
            }
            Self::MapIsFile { .. } => "name the folder or URL that holds manifest.json: --map OUTPUT",
            Self::MapIsZonal { of: Some(of), .. } => {
                return Some(format!("name their map: --map {of}"));
            }
            Self::MapIsZonal { .. } => "name the output of a run: --map OUTPUT",
            Self::NoMapRaster { has_labels: false, .. } => {
                "run it again with `map = true` under [rasters], the default"
            }
            Self::NoMapRaster { .. } => {
                "run it again with `map = true` under [rasters], the default; or set `measure = \"prediction\"`, which measures the prediction of the network instead of the published map"
            }
            Self::RastersDiffer { map } => {
                return Some(format!("check the map with `arpent check {map}`, or run it again"));
            }
            Self::NoClasses { .. } => {
                "remove the key, or make the map again with `breaks` under [values], which make classes of a value"
            }
            Self::UnknownClass { .. } => "use one of these names",
            Self::NoFeatures { .. } => {
                "check the file and `layer`: `ogrinfo -so -al FILE` lists layers and counts features"
            }
            Self::NoneInside { .. } => {
                "check the CRS of the layer (`ogrinfo -so -al FILE`), and that it covers the mapped area"
            }
            Self::WrongShape { expected: "lines", .. } => "name lines as `zones`, or remove [roads]",
            Self::WrongShape { .. } => {
                "name polygons as `zones`, or add a table [roads], which gives lines a width"
            }
            Self::Width { .. } => {
                "fill the field, or set `width_m` under [roads] for features without a width"
            }
            Self::RoadsCrs { .. } => "map scenes in a projected CRS other than Mercator (UTM, Lambert-93)",
        };
        Some(text.to_owned())
    }
}
