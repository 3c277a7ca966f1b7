//! Columns of zonal statistics.

use std::borrow::Cow;
use std::collections::BTreeSet;

use arpent_base::number::{fitted, rounded, significant};
use arpent_base::{Cell, Column, ColumnKind};
use arpent_publish::{MeasuredCounts, RunInfo};
use arpent_vector::ZoneResult;

use super::spool::Record;
use crate::config::{RoadOptions, ValueStatistic};

/// Column of the share of damage of a road.
pub(crate) const DAMAGED_SHARE: &str = "damaged_share";

/// Inputs of the columns.
pub(crate) struct Columns {
    fields: Vec<Column>,
    classes: Vec<u8>,
    objects: Option<Vec<u8>>,
    scores: bool,
    ranked: bool,
    ratios: Vec<[Vec<u8>; 2]>,
    roads: Option<(RoadOptions, Vec<u8>)>,
    /// Measured values of the map, and the statistics of each.
    values: usize,
    statistics: Vec<ValueStatistic>,
    run: RunInfo,
    map_run_id: String,
    /// Column of the first statistic of the first value.
    first_value: Option<String>,
    /// Column of the first ratio, and of the share of each class.
    ratio: Option<String>,
    shares: Vec<String>,
}

/// Settings of these results.
pub(crate) struct Spec<'a> {
    /// Id field, then the fields that are kept, with their types.
    pub(crate) kept: &'a [Column],
    /// Ids and names of the classes.
    pub(crate) classes: Vec<(u8, &'a str)>,
    /// Ids of the classes that the map has features of, if features are counted.
    pub(crate) objects: Option<Vec<u8>>,
    /// Ratios: name of the column, ids of the classes of numerator and denominator.
    pub(crate) ratios: Vec<(&'a str, [Vec<u8>; 2])>,
    /// Whether the map has confidences.
    pub(crate) scores: bool,
    /// Whether zones have a rank.
    pub(crate) ranked: bool,
    /// Sections of road, with the ids of the classes of damage.
    pub(crate) roads: Option<(RoadOptions, Vec<u8>)>,
    /// Measured values of the map, and the statistics of each.
    pub(crate) values: &'a [MeasuredCounts],
    pub(crate) statistics: &'a [ValueStatistic],
    pub(crate) run: RunInfo,
    /// Id of the run that made the map.
    pub(crate) map_run_id: String,
}

impl Columns {
    pub(crate) fn new(spec: Spec<'_>) -> Self {
        use ColumnKind::{Integer, Text};
        let mut names = Names::default();
        let id_type = spec.kept.first().map_or(Integer, |f| f.kind);
        let id = Column::new("id", id_type).titled("Identifier", "Identifiant");
        let mut fields = vec![names.take(id.described("Id of the zone."))];
        let of_zone = [
            real("area_m2", "Area (m²)", "Surface (m²)")
                .in_unit("m2")
                .described("Area of the zone on the ground.")
                .required(),
            real("valid_area_m2", "Area with data (m²)", "Surface renseignée (m²)")
                .in_unit("m2")
                .described("Area of the zone for which the map has an answer.")
                .required(),
        ];
        let mut results: Vec<Column> = of_zone.map(|column| names.take(column)).into();
        if spec.roads.is_some() {
            let of_roads = [
                real("width_m", "Width (m)", "Largeur (m)").in_unit("m").described("Width of the road."),
                real("damaged_area_m2", "Damaged area (m²)", "Surface dégradée (m²)")
                    .in_unit("m2")
                    .described("Area of the classes that are damage."),
                real(DAMAGED_SHARE, "Damaged share", "Part dégradée")
                    .described("Damaged area as a part of the area with data, 0 to 1."),
                Column::new("condition", Text)
                    .titled("Condition", "État")
                    .described("Grade of the section by its damaged share: A (best) to E."),
            ];
            results.extend(of_roads.map(|column| names.take(column)));
        }
        if spec.ranked {
            let rank = Column::new("rank", Integer).titled("Rank", "Rang");
            results.push(names.take(rank.described("1 is the zone with the largest share.")));
        }
        let first_ratio = results.len();
        results.extend(spec.ratios.iter().map(|(name, _)| {
            let ratio = real(&plain(name), (*name).to_owned(), (*name).to_owned());
            names.take(ratio.described("Ratio of two areas; empty where the second is 0."))
        }));
        let ratio = results.get(first_ratio).map(|column| column.name.clone());
        let mut shares = Vec::with_capacity(spec.classes.len());
        let provenance = provenance().map(|column| names.take(column));
        for (_, name) in &spec.classes {
            let columns = of_class(name, spec.objects.is_some(), spec.scores);
            let wanted = columns.into_iter().filter(|(wanted, _)| *wanted);
            let first = results.len();
            results.extend(wanted.map(|(_, column)| names.take(column)));
            // After the area.
            shares.push(results[first + 1].name.clone());
        }
        let first_value = results.len();
        for value in spec.values {
            results.extend(of_value(value, spec.statistics).map(|column| names.take(column)));
        }
        let first_value = results.get(first_value + 1).map(|column| column.name.clone());
        // Names of copied fields are assigned last, so that those of results do not depend on them.
        fields.extend(
            spec.kept
                .iter()
                .skip(1)
                .map(|f| names.take(f.clone().described("Field of the zones, unchanged."))),
        );
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
            values: spec.values.len(),
            statistics: spec.statistics.to_vec(),
            first_value,
            run: spec.run,
            map_run_id: spec.map_run_id,
            ratio,
            shares,
        }
    }

    /// The run that measured the zones.
    pub(crate) fn run(&self) -> &RunInfo {
        &self.run
    }

    /// The column of the first ratio.
    pub(crate) fn first_ratio(&self) -> Option<String> {
        self.ratio.clone()
    }

    /// The column of the first statistic of the first measured value.
    pub(crate) fn first_value(&self) -> Option<String> {
        self.first_value.clone()
    }

    /// The column of the share of a class.
    pub(crate) fn share_of(&self, class: u8) -> Option<String> {
        let at = self.classes.iter().position(|known| *known == class)?;
        self.shares.get(at).cloned()
    }

    /// The columns, in order.
    pub(crate) fn fields(&self) -> &[Column] {
        &self.fields
    }

    /// A zone's values, in the order of the columns.
    pub(crate) fn values<'a>(&'a self, record: &'a Record, rank: Option<u64>) -> Vec<Cell<'a>> {
        use Cell::{Integer, Null, Text};
        let real = |value: Option<f64>, digits: i32| Cell::from(value.map(|v| rounded(v, digits)));
        let result: &ZoneResult = &record.result;
        let mut values: Vec<Cell<'a>> = record.values.iter().map(|v| Cell::from(v.as_ref())).collect();
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
                let found = fitted(found);
                values.push(if counted.contains(id) { Integer(found) } else { Null });
            }
            if self.scores {
                values.push(real(class.and_then(|c| c.score), AREA));
            }
        }
        for value in 0..self.values {
            let value = result.values.get(value).copied().flatten();
            values.push(real(Some(value.map_or(0.0, |v| v.area_m2)), AREA));
            let of =
                |statistic: &ValueStatistic| Cell::from(value.map(|v| significant(statistic.of(&v), DIGITS)));
            values.extend(self.statistics.iter().map(of));
        }
        let run = &self.run;
        values.extend(
            [&run.run_id, &self.map_run_id, &run.model_id, &run.model_sha256, &run.state].map(|t| Text(t)),
        );
        values
    }
}

/// Ratio of the areas of classes; `None` if the denominator is 0.
fn ratio(result: &ZoneResult, above: &[u8], below: &[u8]) -> Option<f64> {
    let below = result.area_of(below);
    (below > 0.0).then(|| result.area_of(above) / below)
}

/// Decimals of areas, counts and scores: a square millimeter is the pixel of the finest imagery.
const AREA: i32 = 6;
/// Decimals of shares.
const SHARE: i32 = 9;

/// Digits of statistics of measured values, which may be in any unit: as many as a 32 bit number has.
const DIGITS: usize = 9;

/// The share for ranks: rounded as published.
pub(crate) fn ranked_share(result: &ZoneResult, classes: &[u8]) -> Option<f64> {
    result.share_of(classes).map(|share| rounded(share, SHARE))
}

/// Names in use. Names in a GeoPackage are not case-sensitive.
struct Names(BTreeSet<String>);

impl Default for Names {
    /// The names that a GeoPackage reserves.
    fn default() -> Self {
        Self(["fid", "geom"].map(str::to_owned).into())
    }
}

impl Names {
    /// A column of this name, with a number appended if the name is in use.
    fn take(&mut self, wanted: Column) -> Column {
        let numbered = (2u32..).map(|n| format!("{}_{n}", wanted.name));
        let mut names = std::iter::once(wanted.name.clone()).chain(numbered);
        let name =
            names.find(|n| self.0.insert(n.to_lowercase())).expect("there are more numbers than columns");
        Column { name, ..wanted }
    }
}

/// Columns of the run, the map and the model.
fn provenance() -> [Column; 5] {
    let columns = [
        ("run_id", "Run", "Traitement", "Identifier of the run that measured the zones."),
        (
            "map_run_id",
            "Run of the map",
            "Traitement de la carte",
            "Identifier of the run that made the map.",
        ),
        ("model_id", "Model", "Modèle", "Identifier of the model package."),
        (
            "model_sha256",
            "Model's SHA-256",
            "SHA-256 du modèle",
            "SHA-256 of the model package, hexadecimal.",
        ),
        (
            "state",
            "State of review",
            "État de validation",
            "`not_verified` until a named person has decided.",
        ),
    ];
    columns.map(|(name, en, fr, description)| {
        Column::new(name, ColumnKind::Text).titled(en, fr).described(description).required()
    })
}

/// Columns of a class, and whether they are wanted.
fn of_class(name: &str, objects: bool, scores: bool) -> [(bool, Column); 5] {
    let stem = plain(name);
    let of = |what: &str, en: &str, fr: &str| {
        real(&format!("{stem}_{what}"), format!("{name}: {en}"), format!("{name} : {fr}"))
    };
    [
        (true, of("area_m2", "area (m²)", "surface (m²)").in_unit("m2").described("Area of the class.")),
        (
            true,
            of("share", "share", "part")
                .described("Area of the class as a part of the area with data, 0 to 1."),
        ),
        (
            true,
            of("pixels", "pixels", "pixels")
                .described("Pixels of the class, those on the zone's border by the part inside."),
        ),
        (
            objects,
            Column { kind: ColumnKind::Integer, ..of("objects", "objects", "objets") }
                .described("Features of the class whose representative point lies in the zone."),
        ),
        (scores, of("score", "score", "score").described("Mean confidence of its pixels, 0 to 1.")),
    ]
}

/// Columns of a measured value.
fn of_value(value: &MeasuredCounts, statistics: &[ValueStatistic]) -> impl Iterator<Item = Column> {
    let (en, stem) = (value.name.clone(), plain(&value.name));
    let fr = value.name_fr.clone().unwrap_or_else(|| en.clone());
    let unit = value.unit.clone();
    let area = real(
        &format!("{stem}_area_m2"),
        format!("{en}: area with a value (m²)"),
        format!("{fr} : surface renseignée (m²)"),
    )
    .in_unit("m2")
    .described("Area with a value.");
    let of = move |statistic: ValueStatistic| {
        let [name, english, french, described] = statistic.words();
        let bracket = unit.as_ref().map(|unit| format!(" ({unit})")).unwrap_or_default();
        let titles = [format!("{en}: {english}{bracket}"), format!("{fr} : {french}{bracket}")];
        let [english, french] = titles;
        let column = real(&format!("{stem}_{name}"), english, french).described(described);
        match &unit {
            Some(unit) => column.in_unit(unit.clone()),
            None => column,
        }
    };
    std::iter::once(area).chain(statistics.iter().copied().map(of))
}

/// A column of numbers with its titles in English and French.
fn real(name: &str, en: impl Into<Cow<'static, str>>, fr: impl Into<Cow<'static, str>>) -> Column {
    Column::new(name, ColumnKind::Real).titled(en, fr)
}

/// A class name as the prefix of a column: lower case, `_` for characters other than letters and digits.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arpent_base::{Share, Value, Width};
    use arpent_vector::{ClassResult, ValueResult};

    fn kept(names: &[&str]) -> Vec<Column> {
        names.iter().map(|n| Column::new(*n, ColumnKind::Text)).collect()
    }

    fn spec<'a>(kept: &'a [Column], classes: Vec<(u8, &'a str)>) -> Spec<'a> {
        let run = RunInfo::new("zonal-1", "m", "abc");
        let (objects, ratios, map_run_id) = (None, Vec::new(), "run-1".into());
        Spec {
            kept,
            classes,
            objects,
            ratios,
            scores: true,
            ranked: true,
            roads: None,
            values: &[],
            statistics: &[],
            run,
            map_run_id,
        }
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
        let thresholds = [0.1, 0.2, 0.3, 0.4].map(|share| Share::new(share).unwrap());
        let options = RoadOptions {
            width_m: Width::new(6.0).ok(),
            width_field: None,
            damaged: vec!["crack".into()],
            thresholds,
        };
        spec.roads = Some((options, vec![7]));
        spec.objects = Some(vec![7]);
        spec.ratios = vec![("Crack / all", [vec![7], vec![0, 7]]), ("rank", [vec![7], vec![0]])];
        let columns = Columns::new(spec);
        let class = ClassResult { class_id: 7, area_m2: 1.0, pixels: 4.0, score: Some(0.5) };
        let result = ZoneResult {
            area_m2: 9.0,
            inside_m2: 9.0,
            valid_area_m2: 4.0,
            classes: vec![class],
            values: vec![],
        };
        let values = vec![Some(Value::Text("a".into()))];
        let record = Record { values, wkb: vec![], width_m: Some(6.0), result, objects: vec![(7, 3)] };
        let row = columns.values(&record, Some(3));
        assert_eq!(row.len(), columns.fields().len());
        let get = |name: &str| row[columns.fields().iter().position(|f| f.name == name).unwrap()];
        assert_eq!((get("damaged_share"), get("condition")), (Cell::Real(0.25), Cell::Text("C")));
        assert_eq!((get("rank"), get("crack_pixels")), (Cell::Integer(3), Cell::Real(4.0)));
        assert_eq!((get("crack_objects"), get("ground_objects")), (Cell::Integer(3), Cell::Null));
        assert_eq!((get("crack___all"), get("rank_2")), (Cell::Real(1.0), Cell::Null));
        assert_eq!((get("ground_share"), get("ground_score")), (Cell::Real(0.0), Cell::Null));
        assert_eq!(get("state"), Cell::Text("not_verified"));
    }

    #[test]
    fn measured_values_have_a_column_for_each_statistic() {
        let kept = kept(&["parcel"]);
        let values = [
            MeasuredCounts {
                name: "canopy height".into(),
                name_fr: Some("hauteur de la canopée".into()),
                unit: Some("m".into()),
                ..MeasuredCounts::default()
            },
            MeasuredCounts { name: "cover".into(), ..MeasuredCounts::default() },
        ];
        let statistics = [ValueStatistic::Mean, ValueStatistic::Max];
        let columns = Columns::new(Spec {
            values: &values,
            statistics: &statistics,
            ranked: false,
            ..spec(&kept, vec![])
        });
        let names: Vec<&str> = columns.fields().iter().map(|column| column.name.as_str()).collect();
        let of_values = &names[3..9];
        assert_eq!(
            of_values,
            [
                "canopy_height_area_m2",
                "canopy_height_mean",
                "canopy_height_max",
                "cover_area_m2",
                "cover_mean",
                "cover_max"
            ]
        );
        let column = &columns.fields()[4];
        assert_eq!((&*column.unit, &*column.title.fr), ("m", "hauteur de la canopée : moyenne (m)"));
        assert_eq!(columns.first_value().as_deref(), Some("canopy_height_mean"));
        let found = ValueResult { area_m2: 2.0, mean: 0.5, std: 0.25, min: 0.0, max: 1.0 };
        let values = vec![Some(found), None];
        let result = ZoneResult { area_m2: 9.0, inside_m2: 9.0, valid_area_m2: 2.0, classes: vec![], values };
        let record = Record { values: vec![None], wkb: vec![], width_m: None, result, objects: vec![] };
        let row = columns.values(&record, None);
        assert_eq!(row.len(), names.len());
        let expected =
            [Cell::Real(2.0), Cell::Real(0.5), Cell::Real(1.0), Cell::Real(0.0), Cell::Null, Cell::Null];
        assert_eq!(row[3..9], expected);
    }

    #[test]
    fn small_values_keep_their_digits() {
        let values = [MeasuredCounts { name: "deposit".into(), ..MeasuredCounts::default() }];
        let statistics =
            [ValueStatistic::Mean, ValueStatistic::Std, ValueStatistic::Min, ValueStatistic::Max];
        let kept = kept(&["parcel"]);
        let spec = Spec { values: &values, statistics: &statistics, ranked: false, ..spec(&kept, vec![]) };
        let columns = Columns::new(spec);
        let (min, max) = (-(2f64.powi(-40)), f64::from(f32::MAX));
        let found = ValueResult { area_m2: 2.000_000_4, mean: 2.0e-7 / 3.0, std: 98_765.432_198_7, min, max };
        let result = ZoneResult {
            area_m2: 9.0,
            inside_m2: 9.0,
            valid_area_m2: 2.0,
            classes: vec![],
            values: vec![Some(found)],
        };
        let record = Record { values: vec![None], wkb: vec![], width_m: None, result, objects: vec![] };
        let row = columns.values(&record, None);
        let expected =
            [2.0, 6.666_666_67e-8, 98_765.432_2, -9.094_947_02e-13, 3.402_823_47e38].map(Cell::Real);
        assert_eq!(row[3..8], expected);
        assert_eq!(significant(-0.0, DIGITS).to_bits(), 0.0f64.to_bits());
    }
}
