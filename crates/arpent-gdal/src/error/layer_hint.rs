//! Hints for layers that cannot be read.

use super::GdalError as E;
use crate::uri::quoted;

/// The hint: usually the exact command, or the option to append to the file name.
pub(super) fn layer(error: &E) -> Option<String> {
    Some(match error {
            E::NotAVector { .. } => {
                "give a GeoPackage, GeoJSON, FlatGeobuf, Shapefile, File Geodatabase, SpatiaLite, GeoParquet, KML, GML, MapInfo or CSV (WKT) file; `ogrinfo -so -al FILE` shows what GDAL recognizes".into()
            }
            E::AoiNoPolygon { .. } => "use polygons for the area of interest".into(),
            E::FeatureInvalid { path, .. } => {
                let path = quoted(path);
                format!("repair it: `Fix geometries` in QGIS, `ST_MakeValid` in PostGIS, or ogr2ogr -makevalid valid.gpkg {path}")
            }
            E::LayerNoCrs { path, .. } => {
                let csv = crate::uri::extension(path) == "csv";
                let columns = if csv { " -oo GEOM_POSSIBLE_NAMES=WKT,geom,geometry -oo KEEP_GEOM_COLUMNS=NO" } else { "" };
                let (shown, path) = (crate::uri::gdal_path(path), quoted(path));
                let with_crs = format!("append the CRS to the file name: '{shown}|crs=EPSG:xxxx'");
                // GDAL packages of Linux distributions do not read Parquet.
                if shown.ends_with("parquet") {
                    return Some(with_crs);
                }
                format!("{with_crs}; or store it in the file: ogr2ogr -a_srs EPSG:xxxx{columns} layer.gpkg {path}")
            }
            E::FeaturePlace { path, expected, .. } if expected.contains("longitude") => format!(
                "GeoJSON without a CRS is in longitude and latitude (RFC 7946); if the coordinates are in another CRS, append it \
                 to the file name: '{}|crs=EPSG:xxxx'; or store it in the file: ogr2ogr -a_srs EPSG:xxxx layer.gpkg {}",
                crate::uri::gdal_path(path),
                quoted(path)
            ),
            E::FeaturePlace { .. } => "check that the declared CRS of the layer is the CRS of its coordinates".into(),
            E::SeveralLayers { path, layers } => format!(
                "append one to the file name: {}; the layers are {}",
                layers.iter().take(2).map(|layer| format!("'{path}|layername={layer}'")).collect::<Vec<_>>().join(" or "),
                layers.join(", ")
            ),
            E::NoGeometry { .. } => {
                "CSV needs well-known text in a column named WKT, geom or geometry; `ogrinfo -so -al FILE` shows what \
                 GDAL recognizes"
                    .into()
            }
            E::GeometryText { .. } => {
                "correct it, for example POLYGON ((0 0, 1 0, 1 1, 0 0)), or leave it empty for no geometry".into()
            }
            E::LayerOption { .. } => {
                "after a file name, |layername=NAME, |option:ENCODING=NAME and |crs=EPSG:CODE are allowed; filters of QGIS are not \
                 applied: save the selected features as a separate layer"
                    .into()
            }
            E::LayerEncoding { .. } => "use a name that iconv accepts: CP1252, ISO-8859-15, CP850, UTF-8".into(),
            E::FieldText { path, .. } | E::FieldName { path, .. } => format!(
                "set its encoding: encoding = \"CP1252\" in the table of the layer, or append it to the file name: \
                 '{path}|option:ENCODING=CP1252' (Windows files: CP1252, DOS files: CP850)"
            ),
            E::FeatureWidth { .. } => "set width_m, the width of lines whose field is empty".into(),
            E::FeatureKind { found, expected, .. } if found == "line" && expected.contains("width") => {
                "set width_m or width_field if the lines represent areas".into()
            }
            E::FeatureKind { path, expected: "lines", .. } => {
                let path = quoted(path);
                format!("name a layer of lines; to convert the borders of polygons to lines: ogr2ogr -nlt MULTILINESTRING lines.gpkg {path}")
            }
            E::FeatureKind { path, layer, .. } => format!(
                "remove points and lines: ogr2ogr -nlt PROMOTE_TO_MULTI -dialect OGRSQL -sql \"SELECT * FROM \\\"{layer}\\\" WHERE \
                 OGR_GEOMETRY LIKE '%POLYGON%'\" polygons.gpkg {}",
                quoted(path)
            ),
            E::FeatureTransform { .. } => {
                "check that the declared CRS of the layer is the CRS of its coordinates: `ogrinfo -so -al FILE` prints both".into()
            }
            E::NoSuchLayer { layers, .. } if !layers.is_empty() => {
                format!("it has the layers {}", layers.join(", "))
            }
            E::NoSuchField { fields, .. } if fields.is_empty() => "the layer has no fields".into(),
            E::NoSuchField { fields, .. } => format!("it has the fields {}", fields.join(", ")),
            _ => return None,
    })
}
