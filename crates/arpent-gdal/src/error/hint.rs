//! Hints for errors.

use arpent_base::Diagnostic;

use super::gdal_error::{LOCAL_CRS, LOST_SIGN};
use super::opening::is_without_ranges;
use super::transient::is_transient;
use super::{GdalError, file_hint, layer_hint};
use crate::uri::{access_hint, derived_name, noun, quoted};

impl Diagnostic for GdalError {
    fn is_transient(&self) -> Option<bool> {
        Some(is_transient(self))
    }

    /// Usually the exact command to run.
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Missing { path, .. } if noun(path) == "object" => {
                "check bucket and key (they are case sensitive) and the endpoint; end a folder of a bucket with `/`".into()
            }
            Self::BlankInUrl { path } => {
                // The query may contain a secret.
                let plain = path.split('?').next().unwrap_or(path);
                format!("write the space as %20: {}", plain.replace(char::is_whitespace, "%20"))
            }
            Self::StacHref { .. } => "an href is a path as seen from the item, file:///PATH, or an address that begins with http://, https://, \
                                      s3://, gs:// or az://; download files from other places first"
                .into(),
            Self::Missing { .. } => "check the path; quote globs so that the shell does not expand them".into(),
            Self::Unreachable { path, .. } => access_hint(path).into(),
            Self::NoRanges(_) => NO_RANGES.into(),
            Self::ReadWindow { message, .. } if is_without_ranges(message) => NO_RANGES.into(),
            Self::NotARaster { .. } => "`gdalinfo FILE` shows what GDAL recognizes".into(),
            Self::Corrupt { .. } | Self::Truncated { .. } | Self::EmptyFile { .. } => {
                "the file was probably not copied to the end: fetch it again and compare sizes".into()
            }
            Self::NoBands { subdatasets, .. } if !subdatasets.is_empty() => {
                format!("give one of its subdatasets: {}", subdatasets.join(", "))
            }
            Self::NoProjDatabase(_) => {
                "install PROJ's data (proj-data), or set PROJ_DATA to the folder of the proj.db that belongs to this PROJ".into()
            }
            Self::NoCrs { path } => georeference_hint("assign it:", path, "-a_srs EPSG:xxxx"),
            // No transformation leads from a local CRS to a CRS on Earth.
            Self::UnusableCrs { path, reason, .. } if reason == LOCAL_CRS => {
                georeference_hint("if its coordinates are those of a known CRS, assign that:", path, "-a_srs EPSG:xxxx")
            }
            Self::UnusableCrs { path, .. } => {
                let out = derived_name(path, "warped");
                format!("gdalwarp -t_srs EPSG:xxxx -dstalpha {} {}", quoted(path), quoted(&out))
            }
            Self::Rotated { path, .. } | Self::NoGeotransform { path, has_gcps: true } => {
                // With alpha, pixels outside of the rotated image stay invalid.
                let out = derived_name(path, "north_up");
                format!("gdalwarp -r bilinear -dstalpha {} {}", quoted(path), quoted(&out))
            }
            Self::NoGeotransform { path, has_gcps: false } => georeference_hint(
                "assign one if the position is known:",
                path,
                "-a_srs EPSG:xxxx -a_ullr <min x> <max y> <max x> <min y>",
            ),
            Self::DegenerateGeotransform { path, .. } => georeference_hint(
                "check its CRS and its corner coordinates; assign the correct ones:",
                path,
                "-a_ullr <min x> <max y> <max x> <min y>",
            ),
            Self::Palette { path, .. } | Self::OneBit { path, has_colors: true, .. } => {
                // With alpha, an index that is nodata stays invalid.
                format!("gdal_translate -expand rgba {} {}", quoted(path), quoted(&derived_name(path, "rgb")))
            }
            Self::OneBit { path, .. } => {
                let out = derived_name(path, "8bit");
                format!(
                    "gdal_translate -ot Byte -co NBITS=8 -scale 0 1 0 255 {} {}",
                    quoted(path),
                    quoted(&out)
                )
            }
            Self::UnsupportedType { type_name, .. } if type_name == LOST_SIGN => {
                "name the files that it was made of, or make it again with GDAL 3.7 or newer, which has signed bytes".into()
            }
            Self::UnsupportedType { path, .. } => {
                format!("gdal_translate -ot Float32 {} {}", quoted(path), quoted(&derived_name(path, "float32")))
            }
            Self::NoMatch { .. } => {
                "a folder is searched for .tif, .tiff, .vrt, .jp2, .png, .jpg and .img files, not its subfolders"
                    .into()
            }
            Self::StacAssets { assets, .. } if assets.len() > 1 => {
                "give the asset's own URL as the scene, or first stack single-band assets: \
                 gdalbuildvrt -separate scene.vrt <band files in order>"
                    .into()
            }
            Self::StacAssets { .. } => {
                "an asset is used if its media type is GeoTIFF or JPEG 2000 and its role is `data`".into()
            }
            Self::ItemDiffers { .. } => {
                "correct the item or the file; to use the file without the item, give its own path or URL as the scene".into()
            }
            Self::ItemNodata { .. } => {
                "set nodata = VALUE, or \"none\", under [input]; or correct the item or the file; to use the file without the item, \
                 give its own path or URL as the scene"
                    .into()
            }
            Self::NotALabel { .. } => "label rasters contain class ids: convert scores or colors first".into(),
            Self::Write { .. } | Self::Create { .. } => {
                "check the free disk space and the write permission of the folder".into()
            }
            Self::UnusableMask { .. } => return file_hint::mask(self),
            _ => return layer_hint::layer(self).or_else(|| file_hint::refused(self)),
        })
    }
}

const NO_RANGES: &str = "download the file and give the path of the copy, or put it on a web server or an object store that sends \
                         parts of files (docs/guides/object-storage.md)";

fn georeference_hint(what: &str, path: &str, options: &str) -> String {
    let (from, to) = (quoted(path), quoted(&derived_name(path, "georeferenced")));
    format!("{what} gdal_translate {options} {from} {to} (or gdal_edit.py {options} {from} in place)")
}
