//! Layer sources: a file or URL, and suffixes as in QGIS.

use crate::GdalError;

/// A file or URL, with the layer name, the encoding of its text and its CRS, if given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// File or URL without suffixes.
    pub(crate) uri: String,
    pub(crate) layer: Option<String>,
    pub(crate) encoding: Option<String>,
    /// CRS of the coordinates, overriding that of the file.
    pub(crate) crs: Option<String>,
}

/// Supported suffixes of a file name, each after a `|`.
const LAYER: &str = "layername=";
const ENCODING: &str = "option:ENCODING=";
const CRS: &str = "crs=";
/// Other suffixes of QGIS, which would change the features read.
const UNKNOWN: [&str; 5] = ["layerid=", "subset=", "geometrytype=", "option:", "uniqueGeometryType="];

/// The file or URL of a source without its suffixes: `|layername=NAME`, `|option:ENCODING=NAME` (as written by QGIS)
/// and `|crs=EPSG:CODE`.
pub fn layer_file(source: &str) -> &str {
    starts(source).map_or(source, |at| &source[..at])
}

/// Start of the suffixes.
fn starts(source: &str) -> Option<usize> {
    let is_option = |rest: &str| [LAYER, ENCODING, CRS].iter().chain(&UNKNOWN).any(|o| rest.starts_with(o));
    source.match_indices('|').map(|(at, _)| at).find(|at| is_option(&source[at + 1..]))
}

impl Place {
    /// Parses a source.
    ///
    /// # Errors
    /// [`GdalError::LayerOption`] for an unknown option.
    pub(crate) fn parse(source: &str) -> Result<Self, GdalError> {
        let Some(at) = starts(source) else { return Ok(Self { uri: source.to_owned(), ..Self::default() }) };
        let mut place = Self { uri: source[..at].to_owned(), ..Self::default() };
        for option in source[at + 1..].split('|') {
            let known = [(LAYER, &mut place.layer), (ENCODING, &mut place.encoding), (CRS, &mut place.crs)];
            let found = known.into_iter().find_map(|(name, to)| Some((option.strip_prefix(name)?, to)));
            let Some((value, to)) = found.filter(|(value, _)| !value.is_empty()) else {
                let path = source.to_owned();
                return Err(GdalError::LayerOption { path, option: option.to_owned() });
            };
            *to = Some(value.to_owned());
        }
        Ok(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_taken_apart() {
        let whole = Place::parse("a b|c.gpkg|layername=zones|option:ENCODING=CP1252|crs=EPSG:2154").unwrap();
        assert_eq!(whole.uri, "a b|c.gpkg");
        assert_eq!(
            (whole.layer.as_deref(), whole.encoding.as_deref(), whole.crs.as_deref()),
            (Some("zones"), Some("CP1252"), Some("EPSG:2154"))
        );
        assert_eq!(Place::parse("a|b.gpkg").unwrap().uri, "a|b.gpkg");
        assert_eq!(layer_file("s3://b/a.gpkg|layername=x"), "s3://b/a.gpkg");
        for source in ["a.gpkg|layername=", "a.gpkg|subset=a > 1", "a.gpkg|layername=x|layerid=1"] {
            assert!(matches!(Place::parse(source), Err(GdalError::LayerOption { .. })), "{source}");
        }
    }
}
