//! What to do about layers that cannot be read.

use super::GdalError as E;
use crate::uri::quoted;

/// What the user can do about it: usually the exact command to run, or what to write after the name of the file.
pub(super) fn layer(error: &E) -> Option<String> {
    Some(match error {
            E::NotAVector { .. } => {
                "give a GeoPackage, GeoJSON, FlatGeobuf, Shapefile, File Geodatabase, SpatiaLite, GeoParquet, KML, GML, MapInfo or CSV (WKT) file; `ogrinfo -so -al FILE` shows what GDAL makes of it".into()
            }
            E::AoiNoPolygon { .. } => "draw the area of interest as polygons".into(),
            E::FeatureInvalid { path, .. } => {
                let path = quoted(path);
                format!("repair it: `Fix geometries` in QGIS, `ST_MakeValid` in PostGIS, or ogr2ogr -makevalid valid.gpkg {path}")
            }
            E::LayerNoCrs { path, .. } => {
                let csv = crate::uri::extension(path) == "csv";
                let columns = if csv { " -oo GEOM_POSSIBLE_NAMES=WKT,geom,geometry -oo KEEP_GEOM_COLUMNS=NO" } else { "" };
                let (shown, path) = (crate::uri::gdal_path(path), quoted(path));
                let said = format!("say it after the name of the file: '{shown}|crs=EPSG:xxxx'");
                // GDAL as distributions build it does not read Parquet.
                if shown.ends_with("parquet") {
                    return Some(said);
                }
                format!("{said}; or put it into the file: ogr2ogr -a_srs EPSG:xxxx{columns} layer.gpkg {path}")
            }
            E::FeaturePlace { path, expected, .. } if expected.contains("longitude") => format!(
                "GeoJSON that names no CRS is in longitude and latitude (RFC 7946); if the coordinates are in another CRS, say it \
                 after the name of the file: '{}|crs=EPSG:xxxx'; or put it into the file: ogr2ogr -a_srs EPSG:xxxx layer.gpkg {}",
                crate::uri::gdal_path(path),
                quoted(path)
            ),
            E::FeaturePlace { .. } => "check that the layer's CRS is the one its coordinates are in".into(),
            E::SeveralLayers { path, layers } => format!(
                "name one after the file: {}; it has the layers {}",
                layers.iter().take(2).map(|layer| format!("'{path}|layername={layer}'")).collect::<Vec<_>>().join(" or "),
                layers.join(", ")
            ),
            E::NoGeometry { .. } => {
                "geometries of CSV are well-known text in a column called WKT, geom or geometry; `ogrinfo -so -al FILE` shows what \
                 GDAL makes of a file"
                    .into()
            }
            E::GeometryText { .. } => {
                "correct it, for example POLYGON ((0 0, 1 0, 1 1, 0 0)), or leave it empty where there is no geometry".into()
            }
            E::LayerOption { .. } => {
                "a file may be followed by |layername=NAME, |option:ENCODING=NAME and |crs=EPSG:CODE; filters of QGIS are not \
                 applied: save the selected features as a layer of their own"
                    .into()
            }
            E::LayerEncoding { .. } => "encodings are named as iconv does: CP1252, ISO-8859-15, CP850, UTF-8".into(),
            E::FieldText { path, .. } | E::FieldName { path, .. } => format!(
                "say in which encoding it is: encoding = \"CP1252\" beside the layer, or after the name of the file, as in \
                 '{path}|option:ENCODING=CP1252' (files of Windows: CP1252, of DOS: CP850)"
            ),
            E::FeatureWidth { .. } => "set width_m, which is for lines whose field is empty".into(),
            E::FeatureKind { found, expected, .. } if found == "line" && expected.contains("width") => {
                "set width_m, or width_field, where lines stand for areas".into()
            }
            E::FeatureKind { path, expected: "lines", .. } => {
                let path = quoted(path);
                format!("name a layer of lines; borders of polygons are lines after: ogr2ogr -nlt MULTILINESTRING lines.gpkg {path}")
            }
            E::FeatureKind { path, layer, .. } => format!(
                "leave points and lines out: ogr2ogr -nlt PROMOTE_TO_MULTI -dialect OGRSQL -sql \"SELECT * FROM \\\"{layer}\\\" WHERE \
                 OGR_GEOMETRY LIKE '%POLYGON%'\" polygons.gpkg {}",
                quoted(path)
            ),
            E::FeatureTransform { .. } => {
                "check that the layer's CRS is the one its coordinates are in: `ogrinfo -so -al FILE` prints both".into()
            }
            E::NoSuchLayer { layers, .. } if !layers.is_empty() => {
                format!("it has the layers {}", layers.join(", "))
            }
            E::NoSuchField { fields, .. } if fields.is_empty() => "the layer has no fields at all".into(),
            E::NoSuchField { fields, .. } => format!("it has the fields {}", fields.join(", ")),
            _ => return None,
    })
}
