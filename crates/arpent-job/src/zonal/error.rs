//! What can be wrong with a map and its zones, and what to do about it.

use std::path::PathBuf;

use arpent_base::Diagnostic;
use thiserror::Error;

/// Zonal results that cannot be begun, or cannot be finished.
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
    /// The results would replace the map that they are of.
    #[error("{output} is the map itself")]
    OutputIsMap {
        /// The output.
        output: String,
    },
    /// A map without label raster.
    #[error("the map {map} has no label raster")]
    NoLabels {
        /// The map.
        map: String,
    },
    /// A file where the output of a run is wanted.
    #[error("{map} is a file, and --map wants the output of a run")]
    MapIsFile {
        /// What was named.
        map: String,
        /// The output that it is of, where that is known.
        output: Option<String>,
    },
    /// A map whose own raster was not written.
    #[error(
        "the features of the map {map} are not made of its label raster alone, and it has no raster of what they are made of"
    )]
    NoMapRaster {
        /// The map.
        map: String,
        /// Whether what the network said was published.
        has_labels: bool,
    },
    /// Zonal results where a map is wanted.
    #[error("{map} holds zonal results, and --map wants a map")]
    MapIsZonal {
        /// What was named.
        map: String,
        /// The map that they are of, where that is known.
        of: Option<String>,
    },
    /// Two rasters of one map that do not fit.
    #[error("the rasters of the map {map} do not lie on the same pixels")]
    RastersDiffer {
        /// The map.
        map: String,
    },
    /// A class that the map does not know.
    #[error("{key}: the map has no class `{class}`; it has {available}")]
    UnknownClass {
        /// Where in the configuration it is named.
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
    /// Zones that all lie elsewhere.
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
    /// A feature of the other kind than is needed.
    #[error("{zones}: feature {feature} is made of {found}, expected {expected}")]
    WrongShape {
        /// The file.
        zones: String,
        /// Number of the feature, from 1.
        feature: u64,
        /// `lines` or `polygons`.
        found: &'static str,
        /// The other one.
        expected: &'static str,
    },
    /// A width that is none.
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
        /// What it holds.
        found: String,
    },
    /// Widths in a CRS whose units are not the same everywhere.
    #[error("[roads]: widths are not the same everywhere in the map's CRS, {crs}")]
    RoadsCrs {
        /// CRS of the map.
        crs: String,
    },
    /// The scratch file cannot be written or read.
    #[error("cannot {doing} the scratch file {}: {source}", path.display())]
    Scratch {
        /// What was being done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file of results cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: csv::Error,
    },
}

impl Diagnostic for ZonalError {
    fn key(&self) -> Option<String> {
        match self {
            Self::UnknownClass { key, class, .. } => Some(format!("{key}.{class}")),
            Self::RoadsCrs { .. } => Some("roads".to_owned()),
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
                "run again with `labels = true` under [rasters]; a model that finds boxes makes no labels"
            }
            Self::MapIsFile { output: Some(output), .. } => {
                return Some(format!("name the folder that its run was published to: --map {output}"));
            }
            Self::MapIsFile { .. } => "name the folder or URL that holds manifest.json: --map OUTPUT",
            Self::MapIsZonal { of: Some(of), .. } => {
                return Some(format!("name the map that they are of: --map {of}"));
            }
            Self::MapIsZonal { .. } => "name the output of a run: --map OUTPUT",
            Self::NoMapRaster { has_labels: false, .. } => {
                "run it again with `map = true` under [rasters], as is the default"
            }
            Self::NoMapRaster { .. } => {
                "run it again with `map = true` under [rasters], as is the default; or set `measure = \"prediction\"`, which adds up what the network said, and not what was published"
            }
            Self::RastersDiffer { map } => {
                return Some(format!("check the map with `arpent verify {map}`, or run it again"));
            }
            Self::UnknownClass { .. } => "use one of these names",
            Self::NoFeatures { .. } => {
                "check the file and `layer`: `ogrinfo -so -al FILE` lists layers and counts features"
            }
            Self::NoneInside { .. } => {
                "check the CRS of the layer (`ogrinfo -so -al FILE`), and that it is of the place that was mapped"
            }
            Self::WrongShape { expected: "lines", .. } => "name lines as `zones`, or leave [roads] out",
            Self::WrongShape { .. } => {
                "name polygons as `zones`, or add a table [roads], which gives lines a width"
            }
            Self::Width { .. } => {
                "fill the field, or set `width_m` under [roads] for features without a width"
            }
            Self::RoadsCrs { .. } => "map scenes in a projected CRS other than Mercator (UTM, Lambert-93)",
            Self::Scratch { .. } | Self::Write { .. } => {
                "set `scratch` in the configuration or TMPDIR to a folder with room"
            }
        };
        Some(text.to_owned())
    }
}
