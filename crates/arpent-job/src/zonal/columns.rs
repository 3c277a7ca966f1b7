//! Columns of the results.

use std::collections::BTreeSet;

use arpent_gdal::{FieldDef, FieldType, FieldValue, Value};
use arpent_publish::RunInfo;
use arpent_vector::ZoneResult;

use super::spool::Record;
use crate::config::RoadOptions;

/// What the columns are of.
pub(crate) struct Columns {
    fields: Vec<FieldDef>,
    classes: Vec<u8>,
    objects: Option<Vec<u8>>,
    scores: bool,
    ranked: bool,
    ratios: Vec<[Vec<u8>; 2]>,
    roads: Option<(RoadOptions, Vec<u8>)>,
    run: RunInfo,
    map_run_id: String,
}

/// What is special to these results.
pub(crate) struct Spec<'a> {
    /// Id field, then the fields that are kept, with their types.
    pub(crate) kept: &'a [FieldDef],
    /// Ids and names of the classes.
    pub(crate) classes: Vec<(u8, &'a str)>,
    /// Ids of the classes that the map has features of, where these are counted.
    pub(crate) objects: Option<Vec<u8>>,
    /// Ratios: name of the column, ids of the classes above and below the line.
    pub(crate) ratios: Vec<(&'a str, [Vec<u8>; 2])>,
    /// Whether the map has confidences.
    pub(crate) scores: bool,
    /// Whether zones have a rank.
    pub(crate) ranked: bool,
    /// Sections of road, with the ids of the classes that are damage.
    pub(crate) roads: Option<(RoadOptions, Vec<u8>)>,
    pub(crate) run: RunInfo,
    /// Id of the run that made the map.
    pub(crate) map_run_id: String,
}

impl Columns {
    pub(crate) fn new(spec: Spec<'_>) -> Self {
        use FieldType::{Integer, Real, Text};
        let mut names = Names::default();
        let id_type = spec.kept.first().map_or(Integer, |f| f.field_type);
        let mut fields = vec![names.take("id", id_type)];
        let mut results = vec![names.take("area_m2", Real), names.take("valid_area_m2", Real)];
        if spec.roads.is_some() {
            let of_roads =
                [("width_m", Real), ("damaged_area_m2", Real), ("damaged_share", Real), ("condition", Text)];
            results.extend(of_roads.map(|(name, of)| names.take(name, of)));
        }
        if spec.ranked {
            results.push(names.take("rank", Integer));
        }
        results.extend(spec.ratios.iter().map(|(name, _)| names.take(&plain(name), Real)));
        let provenance = ["run_id", "map_run_id", "model_id", "model_sha256", "state"];
        let provenance = provenance.map(|name| names.take(name, Text));
        for (_, name) in &spec.classes {
            let stem = plain(name);
            let of_class = [
                ("area_m2", Real, true),
                ("share", Real, true),
                ("pixels", Real, true),
                ("objects", Integer, spec.objects.is_some()),
                ("score", Real, spec.scores),
            ];
            let wanted = of_class.into_iter().filter(|(_, _, is_there)| *is_there);
            results.extend(wanted.map(|(what, of, _)| names.take(&format!("{stem}_{what}"), of)));
        }
        // Fields of others come last to the names: results have the same ones whatever is kept.
        fields.extend(spec.kept.iter().skip(1).map(|f| names.take(&f.name, f.field_type)));
        fields.extend(results);
        fields.extend(provenance);
        Self {
            fields,
            classes: spec.classes.iter().map(|(id, _)| *id).collect(),
            objects: spec.objects,
            ratios: spec.ratios.into_iter().map(|(_, classes)| classes).collect(),
            scores: spec.scores,
            ranked: spec.ranked,
            roads: spec.roads,
            run: spec.run,
            map_run_id: spec.map_run_id,
        }
    }

    /// The columns, in order.
    pub(crate) fn fields(&self) -> &[FieldDef] {
        &self.fields
    }

    /// A zone's values, in the order of the columns.
    pub(crate) fn values<'a>(&'a self, record: &'a Record, rank: Option<u64>) -> Vec<FieldValue<'a>> {
        use FieldValue::{Integer, Null, Real, Text};
        let real = |value: Option<f64>, digits: i32| value.map_or(Null, |v| Real(rounded(v, digits)));
        let result: &ZoneResult = &record.result;
        let mut values: Vec<FieldValue<'a>> =
            record.values.iter().map(|v| v.as_ref().map_or(Null, Value::as_field)).collect();
        values.push(real(Some(result.area_m2), AREA));
        values.push(real(Some(result.valid_area_m2), AREA));
        if let Some((options, damaged)) = &self.roads {
            let share = result.share_of(damaged);
            values.push(real(record.width_m, AREA));
            values.push(real(Some(result.area_of(damaged)), AREA));
            values.push(real(share, SHARE));
            values.push(share.map_or(Null, |share| Text(options.condition(rounded(share, SHARE)))));
        }
        if self.ranked {
            values.push(rank.and_then(|r| i64::try_from(r).ok()).map_or(Null, Integer));
        }
        values.extend(self.ratios.iter().map(|[above, below]| real(ratio(result, above, below), SHARE)));
        for id in &self.classes {
            let class = result.class(*id);
            values.push(real(Some(class.map_or(0.0, |c| c.area_m2)), AREA));
            values.push(real(result.share(*id), SHARE));
            values.push(real(Some(class.map_or(0.0, |c| c.pixels)), AREA));
            if let Some(counted) = &self.objects {
                let found =
                    record.objects.iter().find(|(class, _)| class == id).map_or(0, |(_, count)| *count);
                let found = i64::try_from(found).unwrap_or(i64::MAX);
                values.push(if counted.contains(id) { Integer(found) } else { Null });
            }
            if self.scores {
                values.push(real(class.and_then(|c| c.score), AREA));
            }
        }
        let run = &self.run;
        values.extend(
            [&run.run_id, &self.map_run_id, &run.model_id, &run.model_sha256, &run.state].map(|t| Text(t)),
        );
        values
    }
}

/// The area of some classes as a part of that of others; none where the others have none.
fn ratio(result: &ZoneResult, above: &[u8], below: &[u8]) -> Option<f64> {
    let below = result.area_of(below);
    (below > 0.0).then(|| result.area_of(above) / below)
}

/// Decimals of areas, counts and scores: a square millimeter is the pixel of the finest imagery.
const AREA: i32 = 6;
/// Decimals of shares.
const SHARE: i32 = 9;

/// Rounded to decimals, so that the last bits of sums, which processors may differ in, are not published.
pub(crate) fn rounded(value: f64, decimals: i32) -> f64 {
    let scale = 10f64.powi(decimals);
    let scaled = (value * scale).round();
    if scaled.is_finite() { scaled / scale } else { value }
}

/// The share that ranks are made of: as it is published.
pub(crate) fn ranked_share(result: &ZoneResult, classes: &[u8]) -> Option<f64> {
    result.share_of(classes).map(|share| rounded(share, SHARE))
}

/// Names that are taken. A GeoPackage does not tell upper from lower case.
struct Names(BTreeSet<String>);

impl Default for Names {
    /// With those that a GeoPackage has of its own.
    fn default() -> Self {
        Self(["fid", "geom"].map(str::to_owned).into())
    }
}

impl Names {
    /// A column of this name, with a number behind it when there is one already.
    fn take(&mut self, wanted: &str, field_type: FieldType) -> FieldDef {
        let numbered = (2u32..).map(|n| format!("{wanted}_{n}"));
        let mut names = std::iter::once(wanted.to_owned()).chain(numbered);
        let name = names.find(|n| self.0.insert(n.to_lowercase())).unwrap_or_default();
        FieldDef { name, field_type }
    }
}

/// A class name as the beginning of a column's: lower case, `_` for what is neither letter nor digit.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arpent_vector::ClassResult;

    fn kept(names: &[&str]) -> Vec<FieldDef> {
        names.iter().map(|n| FieldDef { name: (*n).into(), field_type: FieldType::Text }).collect()
    }

    fn spec<'a>(kept: &'a [FieldDef], classes: Vec<(u8, &'a str)>) -> Spec<'a> {
        let run = RunInfo::new("zonal-1", "m", "abc");
        let (objects, ratios, map_run_id) = (None, Vec::new(), "run-1".into());
        Spec { kept, classes, objects, ratios, scores: true, ranked: true, roads: None, run, map_run_id }
    }

    #[test]
    fn names_are_plain_and_different() {
        let kept = kept(&["parcel", "name", "Rank", "fid", "name"]);
        let columns = Columns::new(spec(&kept, vec![(0, "live tree"), (1, "Live/Tree"), (2, "valid")]));
        let names: Vec<&str> = columns.fields().iter().map(|f| f.name.as_str()).collect();
        assert_eq!(
            names[..8],
            ["id", "name", "Rank_2", "fid_2", "name_2", "area_m2", "valid_area_m2", "rank"]
        );
        assert!(names.contains(&"live_tree_score") && names.contains(&"live_tree_score_2"));
        assert!(names.contains(&"valid_area_m2_2") && names.contains(&"valid_share"));
        let different: BTreeSet<String> = names.iter().map(|n| n.to_lowercase()).collect();
        assert_eq!(different.len(), names.len());
    }

    #[test]
    fn a_value_for_each_column() {
        let kept = kept(&["parcel"]);
        let mut spec = spec(&kept, vec![(0, "ground"), (7, "crack")]);
        let thresholds = [0.1, 0.2, 0.3, 0.4];
        let options =
            RoadOptions { width_m: Some(6.0), width_field: None, damaged: vec!["crack".into()], thresholds };
        spec.roads = Some((options, vec![7]));
        spec.objects = Some(vec![7]);
        spec.ratios = vec![("Crack / all", [vec![7], vec![0, 7]]), ("rank", [vec![7], vec![0]])];
        let columns = Columns::new(spec);
        let class = ClassResult { class_id: 7, area_m2: 1.0, pixels: 4.0, score: Some(0.5) };
        let result = ZoneResult { area_m2: 9.0, inside_m2: 9.0, valid_area_m2: 4.0, classes: vec![class] };
        let values = vec![Some(Value::Text("a".into()))];
        let record = Record { values, wkb: vec![], width_m: Some(6.0), result, objects: vec![(7, 3)] };
        let row = columns.values(&record, Some(3));
        assert_eq!(row.len(), columns.fields().len());
        let get = |name: &str| row[columns.fields().iter().position(|f| f.name == name).unwrap()];
        assert_eq!((get("damaged_share"), get("condition")), (FieldValue::Real(0.25), FieldValue::Text("C")));
        assert_eq!((get("rank"), get("crack_pixels")), (FieldValue::Integer(3), FieldValue::Real(4.0)));
        assert_eq!((get("crack_objects"), get("ground_objects")), (FieldValue::Integer(3), FieldValue::Null));
        assert_eq!((get("crack___all"), get("rank_2")), (FieldValue::Real(1.0), FieldValue::Null));
        assert_eq!((get("ground_share"), get("ground_score")), (FieldValue::Real(0.0), FieldValue::Null));
        assert_eq!(get("state"), FieldValue::Text("not_verified"));
    }
}
