//! A scene before it is opened: its file or URL, and metadata from elsewhere.

use serde::{Deserialize, Serialize};

use super::side_files;
use crate::uri::{gdal_path, stem};

/// A scene that is not yet opened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SceneSource {
    /// The STAC item's id or the file's name without extension; unique in a list made by
    /// [`resolve_scenes`](crate::resolve_scenes).
    pub id: String,
    /// File or URL of the raster.
    pub uri: String,
    /// Its GDAL path (`/vsicurl/...`, `/vsis3/...`).
    pub gdal_path: String,
    /// Acquisition date or date and time of the STAC item, RFC 3339; two with a slash between
    /// for an interval.
    pub acquired: Option<String>,
    /// Band names of the STAC asset, in band order; empty for a band without a name.
    pub band_names: Option<Vec<String>>,
    /// Scale and offset of the STAC item.
    #[serde(default)]
    pub scaling: ItemScaling,
    /// Nodata values of the STAC asset, in band order; used if the file declares none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodata: Option<Vec<Option<f64>>>,
    /// Position from the STAC item; used if the file is not georeferenced.
    #[serde(default, skip_serializing_if = "SceneProjection::is_empty")]
    pub projection: SceneProjection,
    /// Differing metadata of other STAC items of the same raster: each item's id and the differences, in words. Not
    /// used for reading.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contradicted: Vec<String>,
    /// Its position in the order given, from 0; scenes of one folder or glob by name.
    #[serde(default)]
    pub position: usize,
}

/// The `proj:*` fields of a STAC item or asset.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SceneProjection {
    /// CRS: `EPSG:2154`, WKT or PROJJSON.
    pub crs: Option<String>,
    /// GDAL geotransform.
    pub geotransform: Option<[f64; 6]>,
    /// Rows and columns.
    pub shape: Option<[usize; 2]>,
    /// West, south, east, north in the CRS.
    pub bbox: Option<[f64; 4]>,
}

impl SceneProjection {
    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl SceneSource {
    /// A scene with only a file or URL.
    pub fn new(uri: &str) -> Self {
        Self {
            id: stem(uri).to_owned(),
            uri: uri.to_owned(),
            gdal_path: gdal_path(uri),
            acquired: None,
            band_names: None,
            scaling: ItemScaling::default(),
            nodata: None,
            projection: SceneProjection::default(),
            contradicted: Vec::new(),
            position: 0,
        }
    }

    /// The metadata in which another source of the same raster differs, in words.
    pub(super) fn differences(&self, other: &Self) -> Option<String> {
        let mut all = Vec::new();
        if let Some(date) = other.acquired.as_ref().filter(|_| other.acquired != self.acquired) {
            let own = self.acquired.as_deref().map_or("not known".to_owned(), |own| format!("`{own}`"));
            all.push(format!("date `{date}`, here {own}"));
        }
        // As text, since NaN does not equal NaN.
        let nodata = |s: &Self| format!("{:?}", s.nodata);
        let differ = [
            ("band names", other.band_names.is_some() && other.band_names != self.band_names),
            ("scale or offset", other.scaling != ItemScaling::default() && other.scaling != self.scaling),
            ("nodata", other.nodata.is_some() && nodata(other) != nodata(self)),
            ("place", !other.projection.is_empty() && other.projection != self.projection),
        ];
        all.extend(differ.into_iter().filter(|(_, differs)| *differs).map(|(what, _)| what.to_owned()));
        (!all.is_empty()).then(|| format!("`{}` ({})", other.id, all.join("; ")))
    }

    /// Whether side files are not requested, because its URL has a query.
    pub fn is_alone(&self) -> bool {
        side_files::is_unasked(&self.uri, &self.gdal_path)
    }
}

/// Scale and offset from a STAC item.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ItemScaling {
    /// Scale and offset of each band (`raster:bands`, or `raster:scale` and `raster:offset` of STAC 1.1).
    pub bands: Vec<Option<[f64; 2]>>,
    /// Processing baseline of Sentinel-2 (`s2:processing_baseline`).
    pub baseline: Option<String>,
    /// Whether the offset has already been applied to the stored values (`earthsearch:boa_offset_applied`).
    pub offset_applied: bool,
}
