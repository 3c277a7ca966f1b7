//! The checked configuration, and the results of all zones.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use arpent_base::{Column, ColumnKind, Result, Value, Width, hash_of_json, redacted};
use arpent_gdal::{
    LayerFeature, LayerGeometry, LayerShape, LayerShapes, LayerSource, Rings, buffer_lines,
    fingerprint_layer, layer_fields, layer_file, read_features, value_key,
};
use arpent_publish::{Input, RunInfo, StagedArtifact, ZoneCounts};
use arpent_raster::{Crs, CrsKind};
use arpent_viewer::ZoneMap;
use serde_json::json;

use super::columns::{Columns, DAMAGED_SHARE, Spec, ranked_share};
use super::counts::note;
use super::error::ZonalError;
use super::objects::{Objects, features_of};
use super::ranks::{Ranks, bits};
use super::source::SourceMap;
use super::spool::{Record, Spool, Spooled};
use super::write::Output;
use crate::config::{RoadOptions, ZonalConfig};
use crate::present::{ZoneSpec, ZoneTiles};
use crate::sorted::Sorter;

/// The configuration, checked against the map and the layer.
pub(crate) struct ZonalJob<'a> {
    pub(super) config: &'a ZonalConfig,
    pub(super) zones: &'a str,
    /// Id, then the fields that are kept; without an id, the first is the feature's number.
    kept: Vec<Column>,
    /// Classes by whose share zones are ranked.
    rank_by: Option<Vec<u8>>,
    roads: Option<Roads<'a>>,
    /// Classes of numerator and denominator of each ratio.
    ratios: Vec<[Vec<u8>; 2]>,
    fingerprint: Option<arpent_gdal::Fingerprint>,
    /// Bbox of the map, CRS units.
    within: [f64; 4],
}

struct Roads<'a> {
    options: &'a RoadOptions,
    damaged: Vec<u8>,
    meters_per_unit: f64,
}

/// The files that were written.
pub(crate) struct Written {
    pub(crate) staged: Vec<StagedArtifact>,
    pub(crate) columns: Vec<Column>,
    /// The zones on the map of the page.
    pub(crate) zone_map: Option<ZoneMap>,
}

/// Results of all zones.
pub(crate) struct Measured {
    zones: Spooled,
    pub(crate) counts: ZoneCounts,
    ranks: Option<Ranks>,
    /// Whether features of the map were counted.
    counts_objects: bool,
}

impl<'a> ZonalJob<'a> {
    pub(crate) fn new(config: &'a ZonalConfig, zones: &'a str, map: &SourceMap) -> Result<Self> {
        let roads = config.roads.as_ref().map(|options| Roads::new(options, map)).transpose()?;
        let rank_by = match (&config.rank_by, &roads) {
            (Some(names), _) => Some(map.class_ids("rank_by", names.all())?),
            (None, Some(roads)) => Some(roads.damaged.clone()),
            (None, None) => None,
        };
        let ids = |names: &[String]| map.class_ids("ratios", names);
        let ratios = config.ratios.iter().map(|r| Ok([ids(&r.numerator)?, ids(&r.denominator)?]));
        let ratios = ratios.collect::<Result<_, ZonalError>>()?;
        let (kept, within) = (Vec::new(), map.grid().bbox(&map.window()));
        let mut job = Self { config, zones, kept, rank_by, roads, ratios, fingerprint: None, within };
        job.kept = layer_fields(&job.source(&job.fields(), &map.grid().crs))?;
        if config.id.is_none() {
            job.kept.insert(0, Column::new("id", ColumnKind::Integer));
        }
        if job.has_width_field() {
            job.kept.pop();
        }
        job.fingerprint = Some(fingerprint_layer(zones)?);
        Ok(job)
    }

    fn has_width_field(&self) -> bool {
        self.roads.as_ref().is_some_and(|roads| roads.options.width_field.is_some())
    }

    /// Fields to read: the id, those to keep, the width.
    fn fields(&self) -> Vec<&'a str> {
        let width = self.roads.as_ref().and_then(|roads| roads.options.width_field.as_deref());
        let kept = self.config.keep.iter().map(String::as_str);
        self.config.id.as_deref().into_iter().chain(kept).chain(width).collect()
    }

    fn source<'b>(&'b self, fields: &'b [&'b str], crs: &'b Crs) -> LayerSource<'b> {
        LayerSource {
            uri: self.zones,
            layer: self.config.layer.as_deref(),
            encoding: self.config.encoding.as_deref(),
            shapes: if self.roads.is_some() { LayerShapes::Lines } else { LayerShapes::Areas },
            fields,
            crs,
            within: Some(self.within),
            invalid: self.config.invalid,
            only: None,
        }
    }

    /// Results of all zones, one after the other.
    pub(crate) fn measure(
        &self,
        map: &mut SourceMap,
        objects: Option<&Objects>,
        scratch: &Path,
    ) -> Result<Measured> {
        let mut spool = Spool::create(scratch)?;
        let mut counts = ZoneCounts::default();
        let (mut shares, mut ids) = (Sorter::new(scratch, "shares"), Sorter::new(scratch, "ids"));
        let mut bbox = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
        let (fields, crs) = (self.fields(), map.grid().crs.clone());
        let source = self.source(&fields, &crs);
        let read = read_features(&source, &mut |feature| -> Result<()> {
            grow(&mut bbox, &feature.geometry);
            let record = self.record(feature, map, objects)?;
            note(&mut counts, &record.result);
            match (&self.config.id, record.values.first()) {
                (Some(_), Some(Some(id))) if !value_key(id).is_empty() => ids.push(hash(id).to_be_bytes())?,
                (Some(_), _) => counts.without_id += 1,
                (None, _) => {}
            }
            if let Some(classes) = &self.rank_by {
                ranked_share(&record.result, classes).map_or(Ok(()), |share| shares.push(bits(share)))?;
            }
            Ok(spool.push(&record)?)
        })?;
        let repeated_ids = ids.finish()?.repeats()?;
        let (zones, repaired, empty) = (read.read, read.repaired, read.empty);
        let parts_left_out = read.parts_left_out;
        counts = ZoneCounts { zones, repaired, empty, parts_left_out, repeated_ids, ..counts };
        if counts.zones == 0 {
            return Err(ZonalError::NoFeatures { zones: self.zones.to_owned() }.into());
        }
        if counts.outside + counts.empty == counts.zones {
            return Err(self.none_inside(map, bbox).into());
        }
        let shares = shares.finish()?;
        let ranks = self.rank_by.clone().map(|classes| Ranks { classes, shares });
        Ok(Measured { zones: spool.finish()?, counts, ranks, counts_objects: objects.is_some() })
    }

    fn record(
        &self,
        feature: LayerFeature,
        map: &mut SourceMap,
        objects: Option<&Objects>,
    ) -> Result<Record> {
        let LayerFeature { number, geometry, mut values } = feature;
        let width = if self.has_width_field() { values.pop().flatten() } else { None };
        if self.config.id.is_none() {
            values.insert(0, Some(Value::Integer(i64::try_from(number)?)));
        }
        let wrong = |found, expected| ZonalError::WrongShape {
            zones: self.zones.to_owned(),
            feature: number,
            found,
            expected,
        };
        let wkb = geometry.to_wkb();
        let (area, width_m): (Vec<Rings>, _) = match (geometry, &self.roads) {
            (LayerGeometry::Polygons(polygons), None) => (polygons, None),
            (LayerGeometry::Lines(lines), Some(roads)) => {
                let width_m = self.width_m(roads, number, width.as_ref())?;
                (buffer_lines(&lines, 0.5 * width_m / roads.meters_per_unit)?, Some(width_m))
            }
            (LayerGeometry::Empty, _) => (Vec::new(), None),
            (LayerGeometry::Polygons(_), Some(_)) => return Err(wrong("polygons", "lines").into()),
            (LayerGeometry::Lines(_), None) => return Err(wrong("lines", "polygons").into()),
        };
        let objects = objects.map_or(Ok(Vec::new()), |objects| objects.count(&area))?;
        // No bytes stand for no geometry.
        let wkb = wkb.unwrap_or_default();
        Ok(Record { values, wkb, width_m, result: map.measure(&area)?, objects })
    }

    fn width_m(&self, roads: &Roads<'_>, feature: u64, value: Option<&Value>) -> Result<f64, ZonalError> {
        let Some(field) = &roads.options.width_field else {
            return Ok(roads.options.width_m.expect("a configuration without a field has a width").get());
        };
        let width = match value {
            Some(value) => value.as_number(),
            None => roads.options.width_m.map(Width::get),
        };
        width.filter(|w| w.is_finite() && *w > 0.0).ok_or_else(|| ZonalError::Width {
            zones: self.zones.to_owned(),
            feature,
            field: field.clone(),
            found: value.map_or_else(|| "nothing".to_owned(), |v| format!("`{v}`")),
        })
    }

    fn none_inside(&self, map: &SourceMap, bbox: [f64; 4]) -> ZonalError {
        let printed = |b: [f64; 4]| format!("[{:.1}, {:.1}, {:.1}, {:.1}]", b[0], b[1], b[2], b[3]);
        let nothing = bbox.iter().any(|v| !v.is_finite());
        ZonalError::NoneInside {
            zones: self.zones.to_owned(),
            map: map.url.clone(),
            crs: map.grid().crs.name.clone(),
            found: if nothing { "nothing, without geometries".to_owned() } else { printed(bbox) },
            extent: printed(map.grid().bbox(&map.window())),
        }
    }

    /// Writes the files.
    pub(crate) fn write(
        &self,
        map: &SourceMap,
        measured: &Measured,
        run: &RunInfo,
        scratch: &Path,
    ) -> Result<Written> {
        let columns = Columns::new(Spec {
            kept: &self.kept,
            classes: map.classes().collect(),
            objects: measured.counts_objects.then(|| map.classes_of_features()),
            ratios: self.config.ratios.iter().map(|r| r.name.as_str()).zip(self.ratios.clone()).collect(),
            scores: map.has_confidence(),
            ranked: measured.ranks.is_some(),
            roads: self.roads.as_ref().map(|r| (r.options.clone(), r.damaged.clone())),
            values: map.measured_values(),
            statistics: &self.config.values,
            run: run.clone(),
            map_run_id: map.manifest.run_id.clone(),
        });
        let output = Output {
            columns: &columns,
            zones: &measured.zones,
            ranks: measured.ranks.as_ref(),
            shape: if self.roads.is_some() { LayerShape::MultiLine } else { LayerShape::MultiPolygon },
            crs: &map.grid().crs,
            titles: self.config.titles,
            road_unit_m: self.roads.as_ref().map(|roads| roads.meters_per_unit),
        };
        let mut staged = output.write(&self.config.formats, scratch)?;
        let fields = columns.fields();
        let mut zone_map = None;
        if self.config.publish.viewer {
            let spec = ZoneSpec {
                run_id: &output.columns.run().run_id,
                columns: fields,
                id: fields.first().map_or("id", |id| &id.name),
                level: None,
                levels: Vec::new(),
                color: self.color(&columns, map),
            };
            let tiles = ZoneTiles::create(spec, (map.grid(), map.window()), scratch)?;
            let (file, drawn) = output.write_tiles(tiles, scratch)?;
            staged.push(file);
            zone_map = Some(drawn);
        }
        Ok(Written { staged, columns: fields.to_vec(), zone_map })
    }

    /// The column that zones are colored by at first: the damage of roads, the first ratio, the share of the class that they
    /// are ranked by, or of the first class; without classes the first statistic asked for of the first measured value.
    fn color(&self, columns: &Columns, map: &SourceMap) -> Option<String> {
        if self.roads.is_some() {
            return Some(DAMAGED_SHARE.to_owned());
        }
        let ratio = self.config.ratios.first().and_then(|_| columns.first_ratio());
        let ranked = self.rank_by.iter().flatten().next().copied();
        let share = || columns.share_of(ranked.or_else(|| Some(map.classes().next()?.0))?);
        ratio.or_else(share).or_else(|| columns.first_value())
    }

    /// `zonal-` and 16 hex digits: a hash of all inputs that can change the result.
    pub(crate) fn run_id(&self, map: &SourceMap) -> String {
        let described = json!({
            "arpent": env!("CARGO_PKG_VERSION"),
            "map": map.manifest.run_id,
            "measured": map.measured_artifact().map(|a| &a.sha256),
            "labels": map.labels_artifact().map(|a| &a.sha256),
            "features": features_of(map).map(|(a, _)| &a.sha256),
            "confidence": map.confidence_artifact().map(|a| &a.sha256),
            "zones": self.fingerprint.as_ref().map(|f| json!([f.size, f.content(), f.etag, f.modified])),
            "options": json!({
                "layer": self.config.layer,
                "source": &self.zones[layer_file(self.zones).len()..],
                "encoding": self.config.encoding,
                "id": self.config.id,
                "keep": self.config.keep,
                "invalid": self.config.invalid,
                "rank_by": self.config.rank_by,
                "ratios": self.config.ratios,
                "roads": self.config.roads,
                "titles": self.config.titles,
            }),
        });
        // Maps without measured values keep the ids that they had before there were any.
        let mut described = described;
        if let Some(values) = map.values_artifact() {
            described["values"] = json!([values.sha256, self.config.values]);
        }
        format!("zonal-{}", hash_of_json(described))
    }

    /// The map, by its run and the measured raster, and the zones.
    pub(crate) fn inputs(&self, map: &SourceMap) -> Vec<Input> {
        let measured = map.measured_artifact();
        let print = self.fingerprint.as_ref();
        vec![
            Input {
                id: map.manifest.run_id.clone(),
                uri: redacted(&map.url),
                size: measured.map(|a| a.size),
                sha256: measured.map(|a| a.sha256.clone()),
                ..Input::default()
            },
            Input {
                id: "zones".to_owned(),
                uri: redacted(self.zones),
                size: print.and_then(|f| f.size),
                sha256: print.and_then(arpent_gdal::Fingerprint::content),
                etag: print.and_then(|f| f.etag.clone()),
                ..Input::default()
            },
        ]
    }
}

impl<'a> Roads<'a> {
    fn new(options: &'a RoadOptions, map: &SourceMap) -> Result<Self, ZonalError> {
        let crs = &map.grid().crs;
        let CrsKind::Projected { meters_per_unit } = crs.kind else {
            return Err(ZonalError::RoadsCrs { crs: crs.name.clone() });
        };
        let damaged = map.class_ids("roads.damaged", &options.damaged)?;
        Ok(Self { options, damaged, meters_per_unit })
    }
}

/// 64 bits of an id: of a million, two different ones have the same with a probability of one in forty million.
fn hash(id: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    value_key(id).hash(&mut hasher);
    hasher.finish()
}

fn grow(bbox: &mut [f64; 4], geometry: &LayerGeometry) {
    let mut take = |point: &[f64; 2]| {
        *bbox = [bbox[0].min(point[0]), bbox[1].min(point[1]), bbox[2].max(point[0]), bbox[3].max(point[1])];
    };
    match geometry {
        LayerGeometry::Empty => {}
        LayerGeometry::Polygons(polygons) => polygons.iter().flatten().flatten().for_each(&mut take),
        LayerGeometry::Lines(lines) => lines.iter().flatten().for_each(&mut take),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arpent_vector::ClassResult;
    use arpent_vector::ZoneResult;

    fn zone(share: f64, valid_area_m2: f64) -> ZoneResult {
        let class = ClassResult { class_id: 1, area_m2: share * valid_area_m2, pixels: 1.0, score: None };
        ZoneResult { area_m2: 10.0, inside_m2: 10.0, valid_area_m2, classes: vec![class], values: vec![] }
    }

    #[test]
    fn equal_shares_have_one_rank() {
        let folder = tempfile::tempdir().unwrap();
        let mut shares = Sorter::new(folder.path(), "shares");
        for share in [0.25, 0.5, 0.0, 0.25] {
            shares.push(bits(share)).unwrap();
        }
        let ranks = Ranks { classes: vec![1], shares: shares.finish().unwrap() };
        let of = [0.5, 0.25, 0.0].map(|share| ranks.of(&zone(share, 8.0)).unwrap());
        assert_eq!(of, [Some(1), Some(2), Some(4)]);
        assert_eq!(ranks.of(&zone(0.0, 0.0)).unwrap(), None);
    }
}
