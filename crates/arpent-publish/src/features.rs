//! The columns of the features of every map, and their values. Every format, the manifest and the documentation are
//! generated from this definition.

use arpent_base::{Cell, Column, ColumnKind};
use arpent_vector::Feature;

use crate::run::RunInfo;

/// Names of additional columns of GeoParquet; no other column may have them.
pub const GEOMETRY_COLUMNS: [&str; 2] = ["geometry", "bbox"];

/// Column of the share of a feature that is unlike the training, of models with samples of that.
pub const OUTSIDE_TRAINING: &str = "outside_training";
/// Column of features outside of the territories of a model, of models with polygons of these.
pub const OUTSIDE_TERRITORY: &str = "outside_territory";

/// A column of every map.
struct FeatureColumn {
    name: &'static str,
    kind: ColumnKind,
    required: bool,
    /// Whether nearly all values are distinct, so that dictionary encoding is useless.
    distinct: bool,
    /// English and French.
    title: [&'static str; 2],
    unit: &'static str,
    description: &'static str,
    value: for<'a> fn(&'a FeatureRow<'_>) -> Cell<'a>,
}

/// In the order of the files. To add a column, add it here.
const COLUMNS: [FeatureColumn; 12] = [
    FeatureColumn {
        name: "id",
        kind: ColumnKind::Text,
        required: true,
        distinct: true,
        title: ["Identifier", "Identifiant"],
        unit: "",
        description: "32 hexadecimal digits made from class and outline: the same feature has the same id in every run.",
        value: |row| Cell::Text(&row.feature.id),
    },
    FeatureColumn {
        name: "class_id",
        kind: ColumnKind::Byte,
        required: true,
        distinct: false,
        title: ["Class number", "Numéro de classe"],
        unit: "",
        description: "Number of the class in the label raster.",
        value: |row| Cell::Integer(i64::from(row.feature.class_id)),
    },
    FeatureColumn {
        name: "class_name",
        kind: ColumnKind::Text,
        required: true,
        distinct: false,
        title: ["Class", "Classe"],
        unit: "",
        description: "Name of the class in the model's nomenclature.",
        value: |row| Cell::Text(&row.feature.class_name),
    },
    FeatureColumn {
        name: "score",
        kind: ColumnKind::Real,
        required: false,
        distinct: false,
        title: ["Score", "Score"],
        unit: "",
        description: "0 to 1: mean confidence of those pixels of a region whose class the model gave, or highest score of an object's \
                      detections. Empty where a reference layer gave all of them.",
        value: |row| row.feature.score.into(),
    },
    FeatureColumn {
        name: "area_m2",
        kind: ColumnKind::Real,
        required: true,
        distinct: true,
        title: ["Area (m²)", "Surface (m²)"],
        unit: "m2",
        description: "Area of the delivered geometry on the ground.",
        value: |row| Cell::Real(row.feature.area_m2),
    },
    FeatureColumn {
        name: "pixels_area_m2",
        kind: ColumnKind::Real,
        required: false,
        distinct: true,
        title: ["Area of the pixels (m²)", "Surface des pixels (m²)"],
        unit: "m2",
        description: "Area on the ground of the pixels that a region is made of; minimum areas are measured by it. Empty for features made \
                      of boxes.",
        value: |row| row.feature.pixels_area_m2.into(),
    },
    FeatureColumn {
        name: "run_id",
        kind: ColumnKind::Text,
        required: true,
        distinct: false,
        title: ["Run", "Traitement"],
        unit: "",
        description: "Identifier of the run that made the feature; the manifest has the same.",
        value: |row| Cell::Text(&row.run.run_id),
    },
    FeatureColumn {
        name: "model_id",
        kind: ColumnKind::Text,
        required: true,
        distinct: false,
        title: ["Model", "Modèle"],
        unit: "",
        description: "Identifier of the model package.",
        value: |row| Cell::Text(&row.run.model_id),
    },
    FeatureColumn {
        name: "model_sha256",
        kind: ColumnKind::Text,
        required: true,
        distinct: false,
        title: ["Model's SHA-256", "SHA-256 du modèle"],
        unit: "",
        description: "SHA-256 of the model package, hexadecimal.",
        value: |row| Cell::Text(&row.run.model_sha256),
    },
    FeatureColumn {
        name: "scene_ids",
        kind: ColumnKind::Text,
        required: true,
        distinct: false,
        title: ["Scenes", "Images sources"],
        unit: "",
        description: "Identifiers of the scenes that gave the feature's pixels, separated by commas; of more than 8, their positions in \
                      `inputs` of the manifest, such as `#0-12,15`.",
        value: |row| Cell::Text(&row.scene_ids),
    },
    FeatureColumn {
        name: "acquired",
        kind: ColumnKind::Text,
        required: false,
        distinct: false,
        title: ["Acquired", "Date de prise de vue"],
        unit: "",
        description: "Earliest acquisition date of those scenes, RFC 3339: a date, a time or `start/end`; of the later date in a map of \
                      changes. Empty where it is unknown.",
        value: |row| row.feature.acquired.as_deref().into(),
    },
    FeatureColumn {
        name: "state",
        kind: ColumnKind::Text,
        required: true,
        distinct: false,
        title: ["State of review", "État de validation"],
        unit: "",
        description: "`not_verified` until a named person has decided; in a decided map the verdict (`suspect`, `illegal`, `legitimate`, \
                      `confirmed`, `invalidated`), or `disputed` or `contested`.",
        value: |row| row.state(),
    },
];

impl FeatureColumn {
    fn column(&self) -> Column {
        let [en, fr] = self.title;
        let column = Column::new(self.name, self.kind).titled(en, fr).in_unit(self.unit);
        let column = column.described(self.description);
        if self.required { column.required() } else { column }
    }
}

/// The columns of a map's features, in the order of the files: those of every map, then those of the run.
pub fn feature_columns(own: &[Column]) -> Vec<Column> {
    COLUMNS.iter().map(FeatureColumn::column).chain(own.iter().cloned()).collect()
}

/// Names of columns with nearly distinct values.
pub(crate) fn distinct_columns() -> impl Iterator<Item = &'static str> {
    COLUMNS.iter().filter(|column| column.distinct).map(|column| column.name)
}

/// A feature as a row of [`feature_columns`].
#[derive(Debug)]
pub struct FeatureRow<'f> {
    feature: &'f Feature,
    run: &'f RunInfo,
    scene_ids: String,
}

impl<'f> FeatureRow<'f> {
    /// The row of a feature of a run.
    pub fn new(feature: &'f Feature, run: &'f RunInfo) -> Self {
        Self { feature, run, scene_ids: feature.scene_ids.join(",") }
    }

    /// The state of its review: its own in a decided map, else that of the run.
    fn state(&self) -> Cell<'_> {
        let own = self.run.own_states.then(|| self.feature.attributes.get(self.run.columns.len())).flatten();
        own.and_then(Option::as_ref).map_or(Cell::Text(&self.run.state), arpent_base::Value::as_cell)
    }

    /// A cell for each of the [`feature_columns`] of the run, in their order; a missing value is null.
    pub fn cells(&self) -> impl Iterator<Item = Cell<'_>> {
        let own = (0..self.run.columns.len())
            .map(|i| Cell::from(self.feature.attributes.get(i).and_then(Option::as_ref)));
        COLUMNS.iter().map(|column| (column.value)(self)).chain(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{feature, run};
    use arpent_base::Value;

    #[test]
    fn a_row_has_a_cell_for_each_column() {
        let own = [Column::new("fragments", ColumnKind::Integer), Column::new("road", ColumnKind::Text)];
        let run = RunInfo { columns: own.to_vec(), ..run() };
        let feature = Feature { attributes: vec![Some(Value::Integer(3))], ..feature(2, 7, 0.0, 0.0, 1.0) };
        let columns = feature_columns(&run.columns);
        let row = FeatureRow::new(&feature, &run);
        let cells: Vec<_> = row.cells().collect();
        assert_eq!(cells.len(), columns.len());
        let get = |name: &str| cells[columns.iter().position(|column| column.name == name).unwrap()];
        assert_eq!((get("class_id"), get("area_m2")), (Cell::Integer(7), Cell::Real(1.0)));
        assert_eq!((get("scene_ids"), get("acquired")), (Cell::Text("a,b"), Cell::Text("2021-07-01")));
        assert_eq!((get("fragments"), get("road")), (Cell::Integer(3), Cell::Null));
        for (column, cell) in columns.iter().zip(&cells) {
            assert!(!column.required || *cell != Cell::Null, "{}", column.name);
            let says = [&column.title.en, &column.title.fr];
            assert!(says.iter().all(|title| !title.is_empty()), "{}", column.name);
        }
        assert!(COLUMNS.iter().all(|column| column.description.ends_with('.')));
        // A decided map has the state of each feature after its other values.
        let decided = RunInfo { own_states: true, ..run.clone() };
        let state = |attributes: Vec<Option<Value>>| {
            let feature = Feature { attributes, ..feature.clone() };
            let row = FeatureRow::new(&feature, &decided);
            let cells: Vec<_> = row.cells().collect();
            assert_eq!(cells.len(), columns.len());
            format!("{:?}", cells[COLUMNS.len() - 1])
        };
        assert_eq!(state(vec![None, None, Some(Value::Text("illegal".into()))]), r#"Text("illegal")"#);
        assert_eq!(state(vec![None]), r#"Text("not_verified")"#);
    }
}
