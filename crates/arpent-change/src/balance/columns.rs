//! Tables of a balance: zones, flows and stocks. Writers go through columns and cells and hold no list of their own.
//! Values are not rounded.

use arpent_base::{Cell, Column, ColumnKind};
use arpent_raster::{Class, Nomenclature};

use super::amount::Amount;
use super::flows::{Flow, FlowMatrix, Stock};
use super::zone::{Zone, ZoneBalance};

struct Entry<R> {
    name: &'static str,
    kind: ColumnKind,
    required: bool,
    /// English and French.
    title: [&'static str; 2],
    unit: &'static str,
    description: &'static str,
    value: for<'a> fn(&'a R) -> Cell<'a>,
}

type OfZone = Entry<ZoneBalance>;

impl<R> Entry<R> {
    const fn text(
        name: &'static str,
        title: [&'static str; 2],
        description: &'static str,
        value: for<'a> fn(&'a R) -> Cell<'a>,
    ) -> Self {
        Self { name, kind: ColumnKind::Text, required: true, title, unit: "", description, value }
    }

    /// An area that may be missing.
    const fn area(
        name: &'static str,
        title: [&'static str; 2],
        description: &'static str,
        value: for<'a> fn(&'a R) -> Cell<'a>,
    ) -> Self {
        Self { name, kind: ColumnKind::Real, required: false, title, unit: "m2", description, value }
    }

    const fn of(self, kind: ColumnKind) -> Self {
        Self { kind, unit: "", ..self }
    }

    const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    const fn optional(self) -> Self {
        Self { required: false, ..self }
    }

    fn column(&self) -> Column {
        let [en, fr] = self.title;
        let column = Column::new(self.name, self.kind).titled(en, fr).in_unit(self.unit);
        let column = column.described(self.description);
        if self.required { column.required() } else { column }
    }
}

fn year(year: Option<i32>) -> Cell<'static> {
    Cell::from(year.map(i64::from))
}

/// Number of the first columns, which all tables share.
const ZONE: usize = 5;
/// Number of the first columns, up to what was observed.
const COVERAGE: usize = ZONE + 7;

/// In the order of the files. To add a column, add it here.
const BALANCE: [OfZone; 27] = [
    OfZone::text("zone_id", ["Zone", "Zone"], "Identifier of the zone.", |b| Cell::Text(&b.zone.id)),
    OfZone::text("zone_type", ["Type of zone", "Type de zone"], "Type of the zone, such as commune.", |b| {
        Cell::Text(&b.zone.kind)
    }),
    OfZone::text(
        "year_old",
        ["First year", "Année initiale"],
        "Year of the first vintage; empty if the zone has none.",
        |b| year(b.zone.year_old),
    )
    .of(ColumnKind::Integer)
    .optional(),
    OfZone::text(
        "year_new",
        ["Second year", "Année finale"],
        "Year of the second vintage; empty if the zone has none.",
        |b| year(b.zone.year_new),
    )
    .of(ColumnKind::Integer)
    .optional(),
    OfZone::text(
        "years",
        ["Years", "Millésimes"],
        "Years of the vintages of all parts of the zone, such as `2018-2021`; of parts with others, all of them: `2018-2021, 2019-2022`. \
         The first and the second year are those of the largest part.",
        |b| Cell::Text(&b.zone.years),
    ),
    OfZone::text(
        "coverage",
        ["Coverage", "Couverture"],
        "`complete`: observed at both dates; `partial`: in part; `before_only`, `after_only`: the other vintage is missing; \
         `disjoint`: at both dates, but nowhere at both; `not_observed`.",
        |b| Cell::Text(b.state.word()),
    ),
    OfZone::area("area_m2", ["Area (m²)", "Surface (m²)"], "Area of the zone on the ground.", |b| {
        Cell::Real(b.area_m2)
    })
    .required(),
    OfZone::area(
        "observed_m2",
        ["Area observed at both dates (m²)", "Surface observée aux deux dates (m²)"],
        "Area that all figures of the zone are of.",
        |b| Cell::Real(b.observed_m2),
    )
    .required(),
    share(
        "share_both",
        ["Share observed at both dates", "Part observée aux deux dates"],
        "Part of the zone observed at both dates, 0 to 1.",
        |b| b.shares.map(|s| s[0]).into(),
    ),
    share(
        "share_before_only",
        ["Share observed at the first date only", "Part observée à la première date seulement"],
        "Part of the zone observed at the first date only, 0 to 1: in no figure.",
        |b| b.shares.map(|s| s[1]).into(),
    ),
    share(
        "share_after_only",
        ["Share observed at the second date only", "Part observée à la seconde date seulement"],
        "Part of the zone observed at the second date only, 0 to 1: in no figure.",
        |b| b.shares.map(|s| s[2]).into(),
    ),
    share(
        "share_neither",
        ["Share not observed", "Part non observée"],
        "Part of the zone observed at no date, 0 to 1: in no figure.",
        |b| b.shares.map(|s| s[3]).into(),
    ),
    OfZone::area(
        "artif_old_m2",
        ["Artificial, first year (m²)", "Surface artificialisée, année initiale (m²)"],
        "Artificial soils at the first date; empty where no pixel was observed at both dates.",
        |b| b.artificial.map(|a| a.before_m2).into(),
    ),
    OfZone::area(
        "artif_new_m2",
        ["Artificial, second year (m²)", "Surface artificialisée, année finale (m²)"],
        "Artificial soils at the second date; empty where no pixel was observed at both dates.",
        |b| b.artificial.map(|a| a.after_m2).into(),
    ),
    OfZone::area(
        "flux_artif",
        ["Became artificial (m²)", "Flux d'artificialisation (m²)"],
        "Soils that became artificial.",
        |b| b.artificial.map(|a| a.flux_artif_m2).into(),
    ),
    OfZone::area(
        "flux_desartif",
        ["Became non-artificial (m²)", "Flux de désartificialisation (m²)"],
        "Soils that became non-artificial.",
        |b| b.artificial.map(|a| a.flux_desartif_m2).into(),
    ),
    OfZone::area(
        "flux_artif_net",
        ["Net (m²)", "Artificialisation nette (m²)"],
        "Became artificial less became non-artificial: artificial soils at the second date less those at the first.",
        |b| b.artificial.map(|a| a.flux_artif_net_m2).into(),
    ),
    OfZone::area(
        "sealed_old_m2",
        ["Sealed, first year (m²)", "Surface imperméable, année initiale (m²)"],
        "Sealed soils at the first date: buildings and other sealed covers, whatever the use, without thresholds.",
        |b| b.sealed.map(|s| s.before_m2).into(),
    ),
    OfZone::area(
        "sealed_new_m2",
        ["Sealed, second year (m²)", "Surface imperméable, année finale (m²)"],
        "Sealed soils at the second date.",
        |b| b.sealed.map(|s| s.after_m2).into(),
    ),
    OfZone::area(
        "sealed_gained_m2",
        ["Became sealed (m²)", "Surface imperméabilisée (m²)"],
        "Soils that became sealed.",
        |b| b.sealed.map(|s| s.gained_m2).into(),
    ),
    OfZone::area(
        "sealed_net_m2",
        ["Sealed, net (m²)", "Imperméabilisation nette (m²)"],
        "Sealed soils at the second date less those at the first.",
        |b| b.sealed.map(|s| s.net_m2).into(),
    ),
    OfZone::area(
        "exempt_old_m2",
        ["Exempt, first year (m²)", "Surface exemptée, année initiale (m²)"],
        "Soils that are artificial but for the exemptions, at the first date; empty if the thresholds were not applied.",
        |b| b.criteria.map(|c| c.exempt_before_m2).into(),
    ),
    OfZone::area(
        "exempt_new_m2",
        ["Exempt, second year (m²)", "Surface exemptée, année finale (m²)"],
        "Soils that are artificial but for the exemptions, at the second date; empty if the thresholds were not applied.",
        |b| b.criteria.map(|c| c.exempt_after_m2).into(),
    ),
    OfZone::area(
        "undecided_old_m2",
        ["Undecided, first year (m²)", "Surface indécise, année initiale (m²)"],
        "Soils below the threshold that are not known to be enclosed, at the first date: they count as without thresholds.",
        |b| b.criteria.map(|c| c.undecided_before_m2).into(),
    ),
    OfZone::area(
        "undecided_new_m2",
        ["Undecided, second year (m²)", "Surface indécise, année finale (m²)"],
        "Soils below the threshold that are not known to be enclosed, at the second date: they count as without thresholds.",
        |b| b.criteria.map(|c| c.undecided_after_m2).into(),
    ),
    OfZone::text(
        "layers",
        ["Layers", "Couches"],
        "`cover_and_use`, or `cover_only`: the part of the rule that needs no land use.",
        |b| Cell::Text(b.layers.word()),
    ),
    OfZone::text(
        "rule",
        ["Rule", "Règle"],
        "The rule that decides what is artificial, with its version.",
        |b| Cell::Text(&b.rule),
    ),
];

/// A share that may be missing.
const fn share(
    name: &'static str,
    title: [&'static str; 2],
    description: &'static str,
    value: for<'a> fn(&'a ZoneBalance) -> Cell<'a>,
) -> Entry<ZoneBalance> {
    Entry::area(name, title, description, value).of(ColumnKind::Real)
}

/// The columns of a table with a row for each zone.
pub fn balance_columns() -> Vec<Column> {
    BALANCE.iter().map(Entry::column).collect()
}

/// A cell for each of the [`balance_columns`].
pub fn balance_cells(balance: &ZoneBalance) -> impl Iterator<Item = Cell<'_>> {
    BALANCE.iter().map(|column| (column.value)(balance))
}

/// The columns of a zone and of what was observed of it: the first of the [`balance_columns`].
pub fn coverage_columns() -> Vec<Column> {
    BALANCE[..COVERAGE].iter().map(Entry::column).collect()
}

/// A cell for each of the [`coverage_columns`].
pub fn coverage_cells(balance: &ZoneBalance) -> impl Iterator<Item = Cell<'_>> {
    BALANCE[..COVERAGE].iter().map(|column| (column.value)(balance))
}

/// Columns with the stocks of each class in one row for each zone: `class_ID_old_m2`, `class_ID_new_m2` and
/// `class_ID_net_m2`.
pub fn class_columns_of_zone(classes: &Nomenclature) -> Vec<Column> {
    let of_class = |class: &Class| {
        let (en, fr) = (class.name.clone(), class.name_fr.as_ref().unwrap_or(&class.name).clone());
        let area = |what: &str, title: [&str; 2], description: &'static str| {
            Column::new(format!("class_{}_{what}_m2", class.id), ColumnKind::Real)
                .titled(format!("{en}, {} (m²)", title[0]), format!("{fr}, {} (m²)", title[1]))
                .in_unit("m2")
                .described(description)
        };
        [
            area(
                "old",
                ["first year", "année initiale"],
                "Area of the class at the first date, where both dates were observed.",
            ),
            area(
                "new",
                ["second year", "année finale"],
                "Area of the class at the second date, where both dates were observed.",
            ),
            area("net", ["net", "solde"], "Gained less lost: second date less first date."),
        ]
    };
    classes.classes().iter().flat_map(of_class).collect()
}

/// A cell for each of the [`class_columns_of_zone`], from the flows of the zone.
pub fn class_cells_of_zone(classes: &Nomenclature, flows: &FlowMatrix) -> Vec<Cell<'static>> {
    let cells = |class: &Class| {
        let stock = flows.stock_of(class.id);
        [
            stock.map(|stock| stock.before.area_m2()),
            stock.map(|stock| stock.after.area_m2()),
            stock.map(|stock| stock.net_m2()),
        ]
    };
    classes.classes().iter().flat_map(cells).map(Cell::from).collect()
}

/// Columns of the tables of flows and stocks that they share.
fn zone_columns() -> Vec<Column> {
    BALANCE[..ZONE].iter().map(Entry::column).collect()
}

fn zone_cells(zone: &Zone) -> [Cell<'_>; ZONE] {
    [
        Cell::Text(&zone.id),
        Cell::Text(&zone.kind),
        year(zone.year_old),
        year(zone.year_new),
        Cell::Text(&zone.years),
    ]
}

fn class_columns(which: &str, en: &'static str, fr: &'static str) -> [Column; 3] {
    let name = |what: &str| if which.is_empty() { what.to_owned() } else { format!("{what}_{which}") };
    [
        Column::new(name("class_id"), ColumnKind::Byte)
            .titled(format!("Class number{en}"), format!("Numéro de classe{fr}"))
            .described("Number of the class in the label raster.")
            .required(),
        Column::new(name("class_name"), ColumnKind::Text)
            .titled(format!("Class{en}"), format!("Classe{fr}"))
            .described("Name of the class; empty if the nomenclature does not have it."),
        Column::new(name("class_code"), ColumnKind::Text)
            .titled(format!("Code{en}"), format!("Code{fr}"))
            .described("Code of the class in the nomenclature of its producer; empty if it has none."),
    ]
}

/// Number, name and code of a class.
fn class_cells(classes: &Nomenclature, id: u8) -> [Cell<'_>; 3] {
    let class: Option<&Class> = classes.by_id(id);
    let name = class.map(|class| class.name.as_str());
    [Cell::Integer(i64::from(id)), name.into(), class.and_then(|class| class.code.as_deref()).into()]
}

fn real(name: &str, unit: &'static str, title: [&'static str; 2], description: &'static str) -> Column {
    let [en, fr] = title;
    Column::new(name, ColumnKind::Real).titled(en, fr).in_unit(unit).described(description).required()
}

/// The columns of a table with a row for each zone and pair of classes; what stays in its class has a row, too.
pub fn flow_columns() -> Vec<Column> {
    let mut columns = zone_columns();
    columns.extend(class_columns("old", ", first year", ", année initiale"));
    columns.extend(class_columns("new", ", second year", ", année finale"));
    columns.push(real("area_m2", "m2", ["Area (m²)", "Surface (m²)"], "Area of the flow on the ground."));
    columns.push(real(
        "pixels",
        "",
        ["Pixels", "Pixels"],
        "Pixels of the flow, those on the border of the zone by the part inside.",
    ));
    columns
}

/// A cell for each of the [`flow_columns`].
pub fn flow_cells<'a>(zone: &'a Zone, classes: &'a Nomenclature, flow: &Flow) -> Vec<Cell<'a>> {
    let mut cells = Vec::from(zone_cells(zone));
    cells.extend(class_cells(classes, flow.before));
    cells.extend(class_cells(classes, flow.after));
    cells.extend([flow.amount.area_m2(), flow.amount.pixels()].map(Cell::Real));
    cells
}

/// The columns of a table with a row for each zone and class.
pub fn stock_columns() -> Vec<Column> {
    let mut columns = zone_columns();
    columns.extend(class_columns("", "", ""));
    columns.extend([
        real(
            "old_m2",
            "m2",
            ["First year (m²)", "Année initiale (m²)"],
            "Area of the class at the first date.",
        ),
        real(
            "new_m2",
            "m2",
            ["Second year (m²)", "Année finale (m²)"],
            "Area of the class at the second date.",
        ),
        real("gained_m2", "m2", ["Gained (m²)", "Gagnée (m²)"], "Area that came from other classes."),
        real("lost_m2", "m2", ["Lost (m²)", "Perdue (m²)"], "Area that became other classes."),
        real("net_m2", "m2", ["Net (m²)", "Solde (m²)"], "Gained less lost: second date less first date."),
    ]);
    columns
}

/// A cell for each of the [`stock_columns`].
pub fn stock_cells<'a>(zone: &'a Zone, classes: &'a Nomenclature, stock: &Stock) -> Vec<Cell<'a>> {
    let mut cells = Vec::from(zone_cells(zone));
    cells.extend(class_cells(classes, stock.class_id));
    let areas = [&stock.before, &stock.after, &stock.gained, &stock.lost].map(Amount::area_m2);
    cells.extend(areas.into_iter().chain([stock.net_m2()]).map(Cell::Real));
    cells
}
