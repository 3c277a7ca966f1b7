//! The map of one date: the output of a run, a label raster, or a vector layer that was burnt.

use arpent_base::{Result, redacted};
use arpent_gdal::{Fingerprint, PublishedRaster, SceneSource};
use arpent_publish::{Acquired, Input};
use arpent_raster::{CONFIDENCE_NODATA, CONFIDENCE_SCALE, Grid, LABEL_NODATA, Nomenclature, Raster, Window};

use super::burnt::BurntLayer;
use super::classes::Values;
use super::error::ChangeJobError;
use super::images::identity;
use crate::address::is_raster_name;
use crate::config::Measure;
use crate::zonal::SourceMap;

/// The map of one date.
pub(crate) enum DatedMap {
    /// Of a run.
    Published(Box<SourceMap>),
    /// A raster.
    Raster {
        /// Its address.
        uri: String,
        raster: Box<PublishedRaster>,
        fingerprint: Fingerprint,
        /// Its confidences, if they are named.
        confidence: Option<Box<Confidence>>,
    },
    /// A vector layer.
    Layer(Box<BurntLayer>),
}

/// Confidence 1 in steps of `CONFIDENCE_SCALE`.
const MOST: u8 = 250;

/// The confidences of a label raster.
pub(crate) struct Confidence {
    uri: String,
    raster: PublishedRaster,
    fingerprint: Fingerprint,
}

impl Confidence {
    /// Opens the raster of a map.
    fn open(uri: &str, map: &PublishedRaster, map_uri: &str) -> Result<Self> {
        let raster = PublishedRaster::open(uri)?;
        let (confidence, map_name) = (redacted(uri), redacted(map_uri));
        if raster.grid().key() != map.grid().key() || raster.window() != map.window() {
            return Err(ChangeJobError::ConfidenceElsewhere { confidence, map: map_name }.into());
        }
        // The scale is stored in double precision, as text in some formats.
        let is_ours = raster.scale().is_some_and(|scale| (scale - CONFIDENCE_SCALE).abs() < 1e-9);
        if !is_ours || raster.nodata() != Some(CONFIDENCE_NODATA) {
            return Err(ChangeJobError::NotConfidences { confidence }.into());
        }
        let fingerprint = arpent_gdal::fingerprint(&SceneSource::new(uri))?;
        Ok(Self { uri: uri.to_owned(), raster, fingerprint })
    }

    fn read(&self, window: Window) -> Result<Raster<u8>> {
        let values = self.raster.read(window)?;
        let is_none = |value: u8| value == CONFIDENCE_NODATA;
        match values.data().iter().find(|value| **value > MOST && !is_none(**value)) {
            Some(value) => {
                let confidence = redacted(&self.uri);
                Err(ChangeJobError::ConfidenceValue { confidence, value: *value }.into())
            }
            None => Ok(values),
        }
    }
}

impl DatedMap {
    /// Opens a map: a file is a raster, anything else the output of a run. `confidence` is that of a raster.
    pub(crate) fn open(uri: &str, confidence: Option<&str>) -> Result<Self> {
        if std::path::Path::new(uri).is_file() || is_raster_name(uri) {
            let raster = Box::new(PublishedRaster::open(uri)?);
            let fingerprint = arpent_gdal::fingerprint(&SceneSource::new(uri))?;
            let confidence = confidence.map(|of| Confidence::open(of, &raster, uri)).transpose()?;
            let confidence = confidence.map(Box::new);
            return Ok(Self::Raster { uri: uri.to_owned(), raster, fingerprint, confidence });
        }
        Ok(Self::Published(Box::new(SourceMap::open(uri, Measure::Map)?)))
    }

    /// Whether the map has confidences.
    pub(crate) fn has_confidence(&self) -> bool {
        match self {
            Self::Published(map) => map.has_confidence(),
            Self::Raster { confidence, .. } => confidence.is_some(),
            Self::Layer(_) => false,
        }
    }

    /// The confidences of a window of the comparison, if the map has any: none outside of the map, and where its class is
    /// not the predicted one.
    pub(crate) fn read_confidence(&self, window: Window) -> Result<Option<Raster<u8>>> {
        if !self.has_confidence() {
            return Ok(None);
        }
        let mut all = Raster::filled(window, CONFIDENCE_NODATA);
        let Some(common) = window.intersect(&self.window()) else { return Ok(Some(all)) };
        let read = match self {
            Self::Published(map) => map.confidence_in(common)?,
            Self::Raster { confidence, .. } => confidence.as_ref().map(|of| of.read(common)).transpose()?,
            Self::Layer(_) => None,
        };
        if let Some(read) = read {
            all.paste(&read);
        }
        Ok(Some(all))
    }

    /// What identifies its confidences, if it has any.
    pub(crate) fn confidence_content(&self) -> Option<serde_json::Value> {
        match self {
            Self::Published(map) if map.has_confidence() => {
                map.confidence_artifact().map(|artifact| artifact.sha256.clone().into())
            }
            Self::Raster { confidence, .. } => confidence.as_ref().map(|of| identity(&of.fingerprint)),
            _ => None,
        }
    }

    pub(crate) fn uri(&self) -> &str {
        match self {
            Self::Published(map) => &map.url,
            Self::Raster { uri, .. } => uri,
            Self::Layer(layer) => &layer.uri,
        }
    }

    /// The layer, if it is one.
    pub(crate) fn layer(&self) -> Option<&BurntLayer> {
        if let Self::Layer(layer) = self { Some(layer) } else { None }
    }

    /// The land use of its pixels, if it has one.
    pub(crate) fn uses(&self) -> Option<&PublishedRaster> {
        self.layer()?.uses.as_ref()
    }

    pub(crate) fn raster(&self) -> &PublishedRaster {
        match self {
            Self::Published(map) => map.raster(),
            Self::Raster { raster, .. } => raster,
            Self::Layer(layer) => &layer.raster,
        }
    }

    pub(crate) fn grid(&self) -> &Grid {
        self.raster().grid()
    }

    pub(crate) fn window(&self) -> Window {
        self.raster().window()
    }

    /// Names of the classes that the map has features of; `None` for a raster.
    pub(crate) fn featured(&self) -> Option<Vec<String>> {
        match self {
            Self::Published(map) if map.manifest.counts.change.is_none() => {
                Some(map.manifest.counts.features_per_class.keys().cloned().collect())
            }
            _ => None,
        }
    }

    /// Value of answers that the map leaves undecided, with their number; `None` of maps without any.
    pub(crate) fn undecided(&self) -> Option<(u8, u64)> {
        let Self::Published(map) = self else { return None };
        map.manifest.counts.undecided.as_ref().map(|of| (of.value, of.pixels_published))
    }

    /// The classes of the comparison that it is the later map of.
    pub(crate) fn compared_classes(&self) -> Option<Nomenclature> {
        let Self::Published(map) = self else { return None };
        serde_json::from_value(map.manifest.counts.change.as_ref()?["classes"].clone()).ok()
    }

    /// Its date, RFC 3339, if it is known.
    pub(crate) fn acquired(&self) -> Option<String> {
        let map = match self {
            Self::Published(map) => map,
            Self::Layer(layer) => return layer.acquired(),
            Self::Raster { .. } => return None,
        };
        let is_later = |input: &&Input| input.date.as_deref() != Some("before");
        let dates = map.manifest.inputs.iter().filter(is_later).filter_map(|input| input.acquired.as_deref());
        Acquired::of(dates).text()
    }

    /// The classes of a window of the comparison; pixels outside of the map were not observed.
    pub(crate) fn read(&self, window: Window, values: &Values) -> Result<Raster<u8>> {
        let mut classes = Raster::filled(window, LABEL_NODATA);
        let Some(common) = window.intersect(&self.window()) else { return Ok(classes) };
        let read = self.raster().read(common)?;
        let mut named = Raster::filled(common, LABEL_NODATA);
        for (at, (class, value)) in named.data_mut().iter_mut().zip(read.data()).enumerate() {
            *class = values[usize::from(*value)].ok_or_else(|| {
                let (row, col) = (at / common.width, at % common.width);
                let place = |first: i64, of: i64, at: usize| first - of + arpent_base::number::signed(at);
                ChangeJobError::ValueWithoutClass {
                    map: self.uri().to_owned(),
                    value: *value,
                    col: place(common.col, self.window().col, col),
                    row: place(common.row, self.window().row, row),
                }
            })?;
        }
        classes.paste(&named);
        Ok(classes)
    }

    /// What identifies its content: the run and the raster's hash.
    pub(crate) fn content(&self) -> serde_json::Value {
        match self {
            Self::Published(map) => {
                let sha256 = map.measured_artifact().map(|artifact| artifact.sha256.clone());
                serde_json::json!({ "run": map.manifest.run_id, "sha256": sha256 })
            }
            Self::Raster { fingerprint, .. } => identity(fingerprint),
            Self::Layer(layer) => {
                let f = &layer.fingerprint;
                serde_json::json!([f.size, f.content(), f.etag, f.modified, layer.read])
            }
        }
    }

    /// The record of a raster of confidences in the manifest.
    pub(crate) fn confidence_input(&self, date: &str) -> Option<Input> {
        let Self::Raster { confidence: Some(of), .. } = self else { return None };
        Some(Input {
            id: arpent_gdal::file_name(&of.uri).to_owned(),
            uri: redacted(&of.uri),
            size: of.fingerprint.size,
            sha256: of.fingerprint.content(),
            etag: of.fingerprint.etag.clone(),
            date: Some(date.to_owned()),
            ..Input::default()
        })
    }

    /// Its record in the manifest.
    pub(crate) fn input(&self, date: &str, acquired: Option<&str>) -> Input {
        let (id, size, sha256, etag) = match self {
            Self::Published(map) => {
                let measured = map.measured_artifact();
                let (size, sha256) = (measured.map(|a| a.size), measured.map(|a| a.sha256.clone()));
                (map.manifest.run_id.clone(), size, sha256, None)
            }
            Self::Raster { uri, fingerprint, .. } => {
                let id = arpent_gdal::file_name(uri).to_owned();
                (id, fingerprint.size, fingerprint.content(), fingerprint.etag.clone())
            }
            Self::Layer(layer) => {
                let (id, print) =
                    (arpent_gdal::file_name(arpent_gdal::layer_file(&layer.uri)), &layer.fingerprint);
                (id.to_owned(), print.size, print.content(), print.etag.clone())
            }
        };
        Input {
            id,
            uri: redacted(self.uri()),
            size,
            sha256,
            etag,
            acquired: acquired.map(str::to_owned),
            date: Some(date.to_owned()),
            ..Input::default()
        }
    }
}
