//! Styles of what Arpent writes.

use arpent_base::{Column, Language};
use arpent_change::events::EventKind;
use arpent_publish::{MeasuredCounts, STATE_NOT_VERIFIED};
use arpent_qgis::{Category, Drawn, Entry, Key, LayerStyle, Meanings, Stop, classes_qml, ramp_qml};
use arpent_raster::{Class, Color, Nomenclature, VIRIDIS};

use crate::report::{Words, state_color, state_title, states as report_states};

/// Columns of a feature's map tip.
const FEATURE_TIP: [&str; 8] =
    ["class_name", "state", "score", "area_m2", "acquired", "scene_ids", "model_id", "run_id"];
/// Columns of the map tip of a feature of a decided map.
const DECIDED_TIP: [&str; 10] = [
    "class_name",
    "state",
    "verdicts",
    "decided_by",
    "decided_at",
    "proposed_class",
    "outline",
    "score",
    "area_m2",
    "run_id",
];
/// Columns of an event's map tip.
const EVENT_TIP: [&str; 9] =
    ["kind", "state", "from_class", "to_class", "changed_m2", "score", "date_before", "date_after", "run_id"];

/// English or French.
pub(super) const fn say<'a>(language: Language, en: &'a str, fr: &'a str) -> &'a str {
    match language {
        Language::En => en,
        Language::Fr => fr,
    }
}

/// What the states of review mean.
pub(super) fn states(language: Language) -> Meanings {
    let label = say(language, "proposal, not verified", "proposition, non vérifiée");
    Meanings { column: "state".to_owned(), labels: vec![(STATE_NOT_VERIFIED.into(), label.to_owned())] }
}

/// What the values of columns that name classes mean: the classes in the language.
fn classes_meant(classes: &Nomenclature, language: Language) -> impl Iterator<Item = Meanings> {
    let labels = |key: &dyn Fn(&Class) -> Key| {
        let label = |class: &Class| (key(class), class.name_in(language).to_owned());
        classes.classes().iter().map(label).collect::<Vec<_>>()
    };
    let ids = labels(&|class| i64::from(class.id).into());
    let names = labels(&|class| class.name.as_str().into());
    let by_name = ["class_name", "from_class", "to_class"].map(|column| (column, names.clone()));
    let all = std::iter::once(("class_id", ids)).chain(by_name);
    all.map(|(column, labels)| Meanings { column: column.to_owned(), labels })
}

/// Features by their classes: those that `is_kept` lets pass.
pub(crate) fn features_style(
    classes: &Nomenclature,
    is_kept: &dyn Fn(&Class) -> bool,
    columns: &[Column],
    language: Language,
) -> String {
    let category = |class: &Class| Category {
        key: i64::from(class.id).into(),
        label: class.name_in(language).to_owned(),
        color: class.color,
    };
    let categories: Vec<_> = classes.classes().iter().filter(|class| is_kept(class)).map(category).collect();
    let meanings: Vec<_> =
        std::iter::once(states(language)).chain(classes_meant(classes, language)).collect();
    let drawn =
        Drawn::Categories { column: "class_id", categories: &categories, others: None, outline_mm: 0.3 };
    LayerStyle { columns, language, drawn, meanings: &meanings, tip: &FEATURE_TIP }.to_qml()
}

/// Features of a decided map by their states, so that what persons decided stands apart from what is proposed.
pub(crate) fn decided_style(classes: &Nomenclature, columns: &[Column], language: Language) -> String {
    let category = |state: &'static str| Category {
        key: state.into(),
        label: state_title(state, language).to_owned(),
        color: state_color(state),
    };
    let categories: Vec<_> = report_states().map(category).collect();
    let labels = categories.iter().map(|category| (category.key.clone(), category.label.clone())).collect();
    let outlines = vec![
        ("proposed".into(), say(language, "proposed", "proposé").to_owned()),
        ("decided".into(), say(language, "decided", "décidé").to_owned()),
    ];
    let own = [("state", labels), ("outline", outlines)];
    let own = own.map(|(column, labels)| Meanings { column: column.to_owned(), labels });
    let meanings: Vec<_> = own
        .into_iter()
        .chain(classes_meant(classes, language))
        .chain(events_meant(columns, language))
        .collect();
    let drawn = Drawn::Categories { column: "state", categories: &categories, others: None, outline_mm: 0.5 };
    LayerStyle { columns, language, drawn, meanings: &meanings, tip: &DECIDED_TIP }.to_qml()
}

/// Events by their kinds.
pub(crate) fn events_style(classes: &Nomenclature, columns: &[Column], language: Language) -> String {
    let kinds = EventKind::ALL.map(|kind| Category {
        key: kind.name().into(),
        label: kind.title().of(language).to_owned(),
        color: kind_color(kind),
    });
    let mut meanings = vec![states(language)];
    meanings.extend(classes_meant(classes, language));
    meanings.extend(events_meant(columns, language));
    let drawn = Drawn::Categories { column: "kind", categories: &kinds, others: None, outline_mm: 0.7 };
    LayerStyle { columns, language, drawn, meanings: &meanings, tip: &EVENT_TIP }.to_qml()
}

/// What the values of columns of events mean; nothing for other columns.
fn events_meant(columns: &[Column], language: Language) -> Vec<Meanings> {
    let kinds = || EventKind::ALL.map(|kind| (kind.name().into(), kind.title().of(language).to_owned()));
    let meant = |column: &Column| {
        let labels = match &*column.name {
            "kind" => kinds().to_vec(),
            name if name.starts_with("vote_") || name == "flicker" => vec![
                (1.into(), say(language, "yes", "oui").to_owned()),
                (0.into(), say(language, "no", "non").to_owned()),
            ],
            _ => return None,
        };
        Some(Meanings { column: column.name.clone(), labels })
    };
    columns.iter().filter_map(meant).collect()
}

/// Colors that can be distinguished without color vision: those of Okabe and Ito (2008), a purple and a gray.
const fn kind_color(kind: EventKind) -> Color {
    Color(match kind {
        EventKind::Appeared => [0, 158, 115],
        EventKind::Disappeared => [213, 94, 0],
        EventKind::Grown => [86, 180, 233],
        EventKind::Shrunk => [230, 159, 0],
        EventKind::Moved => [0, 114, 178],
        EventKind::Split => [204, 121, 167],
        EventKind::Merged => [123, 50, 148],
        EventKind::Reorganized => [140, 140, 140],
        EventKind::Reclassified => [240, 228, 66],
    })
}

/// Zones: outlines with the text of the first column. The map tip shows every column.
pub(crate) fn zones_style(columns: &[Column], language: Language) -> String {
    let names: Vec<&str> = columns.iter().map(|column| &*column.name).collect();
    zones(columns, language, &names, false, &[states(language)]).to_qml()
}

/// Zones that are roads: lines with the text of the first column.
pub(crate) fn roads_style(columns: &[Column], language: Language) -> String {
    let names: Vec<&str> = columns.iter().map(|column| &*column.name).collect();
    zones(columns, language, &names, true, &[states(language)]).to_qml()
}

/// The style beside the files of zones, of which one is a table.
pub(super) fn style_beside_zones(columns: &[Column], language: Language, are_roads: bool) -> String {
    let names: Vec<&str> = columns.iter().map(|column| &*column.name).collect();
    zones(columns, language, &names, are_roads, &[states(language)]).to_qml_of_any_geometry()
}

fn zones<'a>(
    columns: &'a [Column],
    language: Language,
    names: &'a [&'a str],
    are_roads: bool,
    meanings: &'a [Meanings],
) -> LayerStyle<'a> {
    let label = names.first().copied().unwrap_or_default();
    let drawn = if are_roads { Drawn::Lines { label } } else { Drawn::Outlines { label } };
    LayerStyle { columns, language, drawn, meanings, tip: names }
}

/// A table: titles of its columns.
pub(crate) fn table_style(columns: &[Column], language: Language) -> String {
    let meanings = [states(language)];
    LayerStyle { columns, language, drawn: Drawn::Table, meanings: &meanings, tip: &[] }.to_qml()
}

/// Areas by the values of one column, gray where it has none of them. The map tip shows every column.
pub(crate) fn areas_style(
    columns: &[Column],
    language: Language,
    (column, categories): (&str, &[Category]),
    others: &str,
    meanings: &[Meanings],
) -> String {
    let labels = categories.iter().map(|category| (category.key.clone(), category.label.clone())).collect();
    let mut meant = vec![states(language), Meanings { column: column.to_owned(), labels }];
    meant.extend(meanings.iter().cloned());
    let mut names: Vec<&str> = columns.iter().map(|column| &*column.name).filter(|n| *n != column).collect();
    names.insert(0, column);
    let drawn = Drawn::Categories { column, categories, others: Some(others), outline_mm: 0.3 };
    LayerStyle { columns, language, drawn, meanings: &meant, tip: &names }.to_qml()
}

/// A raster of classes.
pub(super) fn class_raster(classes: &Nomenclature, language: Language) -> String {
    let entry = |class: &Class| Entry {
        value: class.id,
        label: class.name_in(language).to_owned(),
        color: class.color,
    };
    classes_qml(&classes.classes().iter().map(entry).collect::<Vec<_>>())
}

/// A raster of shares, 0 to 1 after the band's scale.
pub(super) fn share_raster() -> String {
    let stop = |(value, color): (f64, Color)| Stop { value, label: format!("{:.0} %", 100.0 * value), color };
    let values = [0.0, 0.25, 0.5, 0.75, 1.0];
    ramp_qml(&values.into_iter().zip(VIRIDIS).map(stop).collect::<Vec<_>>())
}

/// A raster of measured values, by its first band: from the lowest value of its ramp to the greatest.
pub(super) fn values_raster(values: &[MeasuredCounts], language: Language) -> String {
    let first = values.first();
    let [low, high] = first.and_then(|value| value.shown).unwrap_or([0.0, 1.0]);
    let unit = first.and_then(|value| value.unit.as_deref()).filter(|unit| *unit != "1");
    let unit = unit.map_or_else(String::new, |unit| format!(" {unit}"));
    let stop = |(quarter, color): (u8, Color)| {
        let value = low + (high - low) * f64::from(quarter) / 4.0;
        Stop { value, label: format!("{}{unit}", Words(language).significant(value)), color }
    };
    ramp_qml(&(0..).zip(VIRIDIS).map(stop).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_a_ramp_are_the_numbers_of_the_report_with_the_unit() {
        let texts =
            [0.0, 12.345, -0.012_345, 12_345.0, 0.5].map(|value| Words(Language::En).significant(value));
        assert_eq!(texts, ["0", "12.35", "−0.01235", "12\u{202f}345", "0.5000"]);
        let height =
            MeasuredCounts { unit: Some("m".into()), shown: Some([0.0, 30.0]), ..MeasuredCounts::default() };
        let qml = values_raster(&[height], Language::Fr);
        assert!(qml.contains("7,500 m") && qml.contains("30,00 m"), "{qml}");
    }
}
