//! The features or events of a published map, as candidates of a review.

use arpent_base::{Result, Value};
use arpent_gdal::{
    LayerFacts, LayerFeature, LayerGeometry, LayerSource, describe_crs, layer_facts, read_features,
};
use arpent_publish::{Artifact, Manifest, ROLE_EVENTS, ROLE_FEATURES, Target};
use arpent_raster::Crs;
use arpent_review::{Geometry, MOST_POSITIONS};

use super::error::ReviewJobError;
use crate::address::checked_address;

/// Formats to read, the fastest first, with the name of the layer of features in formats with several layers.
const READ: [(&str, Option<&str>); 4] =
    [(".gpkg", Some("features")), (".fgb", None), (".geojson", None), (".parquet", None)];

/// A feature of a map.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MapFeature {
    pub(super) id: String,
    /// Its class, or the kind of an event.
    pub(super) class: String,
    pub(super) score: Option<f64>,
    /// Its value in the column of zones; empty without one.
    pub(super) zone: String,
    /// The middle of its box, CRS of the map; none without a geometry.
    pub(super) at: Option<[f64; 2]>,
}

/// The outline of polygons in longitude and latitude, to a tenth of a millimeter.
pub(super) fn outline_of(parts: &[Vec<Vec<[f64; 2]>>]) -> Geometry {
    /// Steps of a tenth of a millimeter in a degree.
    const STEPS: f64 = 1e9;
    let round = |[x, y]: &[f64; 2]| [x, y].map(|value| (value * STEPS).round() / STEPS);
    let ring = |ring: &Vec<[f64; 2]>| ring.iter().map(round).collect::<Vec<_>>();
    let mut polygons: Vec<Vec<Vec<[f64; 2]>>> =
        parts.iter().map(|rings| rings.iter().map(ring).collect()).collect();
    match polygons.len() {
        1 => Geometry::Polygon(polygons.remove(0)),
        _ => Geometry::MultiPolygon(polygons),
    }
}

/// The file of features of a map.
#[derive(Debug)]
pub(super) struct MapFeatures {
    address: String,
    layer: Option<&'static str>,
    class: &'static str,
}

impl MapFeatures {
    /// Finds the file, after a check of its hash.
    pub(super) fn open(target: &Target, manifest: &Manifest) -> Result<Self> {
        let of_role = |role: &str| -> Option<(&Artifact, Option<&'static str>)> {
            let mut of_role = manifest.artifacts.iter().filter(|artifact| artifact.role == role);
            let all: Vec<&Artifact> = of_role.by_ref().collect();
            READ.iter().find_map(|(ending, layer)| {
                all.iter()
                    .find(|artifact| artifact.href.ends_with(ending))
                    .map(|artifact| (*artifact, *layer))
            })
        };
        let events = of_role(ROLE_EVENTS).map(|(artifact, _)| (artifact, None, "kind"));
        let features = of_role(ROLE_FEATURES).map(|(artifact, layer)| (artifact, layer, "class_name"));
        let missing = || ReviewJobError::NoFeatures { output: target.url().to_owned() };
        let (artifact, layer, class) = events.or(features).ok_or_else(missing)?;
        Ok(Self { address: checked_address(target, artifact)?, layer, class })
    }

    /// Its address, and its layer in formats with several.
    pub(super) fn source(&self) -> (&str, Option<&'static str>) {
        (&self.address, self.layer)
    }

    /// Columns and CRS of the file.
    pub(super) fn facts(&self) -> Result<LayerFacts> {
        let named = match self.layer {
            Some(layer) => format!("{}|layername={layer}", self.address),
            None => self.address.clone(),
        };
        Ok(layer_facts(&named)?)
    }

    /// Name of the column of the class, or of the kind of an event.
    pub(super) const fn class_column(&self) -> &'static str {
        self.class
    }

    /// Passes every feature with these columns and its geometry, in a CRS, in the order of the file.
    pub(super) fn read(
        &self,
        fields: &[&str],
        crs: &Crs,
        each: &mut dyn FnMut(LayerFeature) -> Result<()>,
    ) -> Result<()> {
        let source = LayerSource { layer: self.layer, fields, ..LayerSource::new(&self.address, crs) };
        read_features(&source, each)?;
        Ok(())
    }

    /// The outline of a feature in longitude and latitude, to a tenth of a millimeter; none if it is not there or has more
    /// positions than a decision may have.
    pub(super) fn outline(&self, id: &str) -> Result<Option<Geometry>> {
        let crs = describe_crs("EPSG:4326")?;
        let source = LayerSource {
            layer: self.layer,
            only: Some(("id", id)),
            ..LayerSource::new(&self.address, &crs)
        };
        let mut found = None;
        read_features(&source, &mut |feature| -> Result<()> {
            if let LayerGeometry::Polygons(parts) = &feature.geometry {
                found = Some(outline_of(parts));
            }
            Ok(())
        })?;
        Ok(found.filter(|outline| outline.positions().len() <= MOST_POSITIONS))
    }

    /// Passes every feature, in the order of the file.
    pub(super) fn each(
        &self,
        zones: Option<&str>,
        each: &mut dyn FnMut(MapFeature) -> Result<()>,
    ) -> Result<()> {
        let crs = self.facts()?.crs;
        let fields: Vec<&str> = ["id", self.class, "score"].into_iter().chain(zones).collect();
        self.read(&fields, &crs, &mut |feature| {
            let value = |at: usize| feature.values.get(at).and_then(Option::as_ref);
            let text = |at: usize| value(at).map(Value::to_string).unwrap_or_default();
            each(MapFeature {
                id: text(0),
                class: text(1),
                score: value(2).and_then(Value::as_number),
                zone: text(3),
                at: feature
                    .geometry
                    .bbox()
                    .map(|[west, south, east, north]| [west.midpoint(east), south.midpoint(north)]),
            })
        })
    }
}
