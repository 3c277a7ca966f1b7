use super::super::*;
use arpent_base::{Cell, Column};
use arpent_raster::{Class, Color, Nomenclature};

fn zone(year_old: Option<i32>, year_new: Option<i32>) -> Zone {
    Zone { id: "32013".into(), kind: "commune".into(), year_old, year_new, years: "2018-2021".into() }
}

fn flows(before: &[u8], after: &[u8]) -> FlowMatrix {
    let mut flows = FlowMatrix::default();
    flows.add_row(0, before, after, 0.25).unwrap();
    flows
}

fn get<'a>(columns: &[Column], cells: &[Cell<'a>], name: &str) -> Cell<'a> {
    assert_eq!(columns.len(), cells.len());
    cells[columns.iter().position(|column| column.name == name).unwrap()]
}

/// 8 pixels of 0.25 m2: two become artificial, one becomes non-artificial, one stays, and two were observed once.
#[test]
fn a_zone_has_a_row_of_figures() {
    let artificial = flows(&[0, 0, 1, 1, 0, 0, 1, 255], &[1, 1, 0, 1, 0, 0, 255, 1]);
    let sealed = flows(&[0, 0, 1, 1, 0, 0, 1, 255], &[0, 1, 0, 0, 0, 0, 255, 1]);
    let criteria = flows(&[0, 0, 0, 5, 4, 4, 0, 255], &[0, 3, 4, 5, 4, 5, 255, 0]);
    let flows = ZoneFlows { artificial: &artificial, sealed: &sealed, criteria: Some(&criteria) };
    let balance = ZoneBalance::new(zone(Some(2019), Some(2022)), flows, Layers::CoverAndUse);
    let (columns, cells) = (balance_columns(), balance_cells(&balance).collect::<Vec<_>>());
    let get = |name: &str| get(&columns, &cells, name);
    assert_eq!((get("zone_id"), get("zone_type")), (Cell::Text("32013"), Cell::Text("commune")));
    assert_eq!((get("year_old"), get("year_new")), (Cell::Integer(2019), Cell::Integer(2022)));
    assert_eq!((get("coverage"), get("layers")), (Cell::Text("partial"), Cell::Text("cover_and_use")));
    for (name, value) in [
        ("area_m2", 2.0),
        ("observed_m2", 1.5),
        ("share_both", 0.75),
        ("share_before_only", 0.125),
        ("share_after_only", 0.125),
        ("share_neither", 0.0),
        ("artif_old_m2", 0.5),
        ("artif_new_m2", 0.75),
        ("flux_artif", 0.5),
        ("flux_desartif", 0.25),
        ("flux_artif_net", 0.25),
        ("sealed_old_m2", 0.5),
        ("sealed_new_m2", 0.25),
        ("sealed_gained_m2", 0.25),
        ("sealed_net_m2", -0.25),
        ("exempt_old_m2", 0.5),
        ("exempt_new_m2", 0.5),
        ("undecided_old_m2", 0.25),
        ("undecided_new_m2", 0.5),
    ] {
        assert_eq!(get(name), Cell::Real(value), "{name}");
    }
    assert_eq!(get("rule"), Cell::Text(RULE));
}

/// No artificial pixel is a stock of 0; no vintage, or no pixel at both dates, is no figure.
#[test]
fn a_missing_vintage_gives_no_figure_and_says_so() {
    let observed = flows(&[0, 0], &[0, 0]);
    let once = flows(&[0, 1], &[255, 255]);
    let both = (Some(2019), Some(2022));
    for (years, matrix, state, figure) in [
        (both, &observed, "complete", Cell::Real(0.0)),
        (both, &once, "before_only", Cell::Null),
        ((Some(2019), None), &once, "before_only", Cell::Null),
        ((None, Some(2022)), &observed, "after_only", Cell::Null),
        ((None, None), &flows(&[], &[]), "not_observed", Cell::Null),
    ] {
        let flows = ZoneFlows { artificial: matrix, sealed: matrix, criteria: None };
        let balance = ZoneBalance::new(zone(years.0, years.1), flows, Layers::CoverOnly);
        let (columns, cells) = (balance_columns(), balance_cells(&balance).collect::<Vec<_>>());
        assert_eq!(get(&columns, &cells, "coverage"), Cell::Text(state));
        for name in ["artif_old_m2", "artif_new_m2", "flux_artif", "flux_artif_net", "sealed_new_m2"] {
            assert_eq!(get(&columns, &cells, name), figure, "{state}, {name}");
        }
        assert_eq!(get(&columns, &cells, "exempt_new_m2"), Cell::Null);
        for (column, cell) in columns.iter().zip(&cells) {
            assert!(!column.required || *cell != Cell::Null, "{}", column.name);
        }
    }
}

#[test]
fn flows_and_stocks_have_rows_with_the_names_of_classes() {
    let class = Class {
        id: 1,
        name: "building".into(),
        name_fr: None,
        code: Some("CS1.1.1.1".into()),
        color: Color([0, 0, 0]),
        features: true,
    };
    let classes = Nomenclature::new(vec![class]).unwrap();
    let (zone, matrix) = (zone(Some(2019), None), flows(&[0, 0, 0], &[1, 1, 0]));
    let columns = flow_columns();
    let rows: Vec<_> = matrix.flows().map(|flow| flow_cells(&zone, &classes, &flow)).collect();
    assert_eq!(rows.len(), 2);
    let of = |name: &str| get(&columns, &rows[1], name);
    assert_eq!((of("class_id_old"), of("class_name_old")), (Cell::Integer(0), Cell::Null));
    assert_eq!(
        (of("class_name_new"), of("class_code_new")),
        (Cell::Text("building"), Cell::Text("CS1.1.1.1"))
    );
    assert_eq!((of("area_m2"), of("pixels"), of("year_new")), (Cell::Real(0.5), Cell::Real(2.0), Cell::Null));
    let columns = stock_columns();
    let stocks = matrix.stocks().unwrap();
    let rows: Vec<_> = stocks.iter().map(|stock| stock_cells(&zone, &classes, stock)).collect();
    let of = |row: usize, name: &str| get(&columns, &rows[row], name);
    assert_eq!(
        (of(0, "old_m2"), of(0, "new_m2"), of(0, "net_m2")),
        (Cell::Real(0.75), Cell::Real(0.25), Cell::Real(-0.5))
    );
    assert_eq!((of(1, "gained_m2"), of(1, "lost_m2")), (Cell::Real(0.5), Cell::Real(0.0)));
}

/// The figures are not the consumption of natural, agricultural and forest land, and no title calls them so.
#[test]
fn columns_are_titled_in_both_languages_and_never_called_enaf() {
    for columns in [balance_columns(), flow_columns(), stock_columns()] {
        let mut names: Vec<_> = columns.iter().map(|column| column.name.to_lowercase()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), columns.len());
        for Column { name, title, description, unit, .. } in &columns {
            assert!(!title.en.is_empty() && !title.fr.is_empty() && description.ends_with('.'), "{name}");
            assert_eq!(title.en.contains("m²"), unit == "m2", "{name}");
            for text in [name.as_str(), &title.en, &title.fr, description] {
                assert!(!text.to_lowercase().contains("enaf"), "{name}");
                assert!(!text.to_lowercase().contains("consommation"), "{name}");
            }
        }
    }
}
